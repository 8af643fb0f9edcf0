"""The control API as a FastAPI application, described at /emulator/openapi.json and, for people, on the page."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from typing_extensions import TypedDict

from tuning_emulator import __version__
from tuning_emulator.api.exchange import AsgiApp, Receive, Scope, Send
from tuning_emulator.control.health import Health
from tuning_emulator.core.errors import is_space_wanting
from tuning_emulator.facts import emulator_errors


def create_control(health: Callable[[], Health], routers: Iterable[APIRouter] = ()) -> FastAPI:
    """The application behind /emulator. ``health`` is asked anew for every call; ``routers`` are its further parts."""
    app = FastAPI(
        title="tuning-emulator control",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/emulator/openapi.json",
    )

    @app.exception_handler(RequestValidationError)
    async def refuse(_request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": "; ".join(map(format_problem, error.errors()))}, 422)

    @app.exception_handler(sqlite3.Error)
    @app.exception_handler(OSError)
    async def explain(_request: Request, error: Exception) -> JSONResponse:
        if not is_space_wanting(error):
            raise error
        return JSONResponse({"detail": emulator_errors.NO_SPACE_FOR_CONTROL.text}, 503)

    @app.get("/emulator/docs", include_in_schema=False)
    def lead_to_reference() -> RedirectResponse:
        return RedirectResponse("/emulator#reference")

    @app.get("/emulator/v1/health", summary="Is it ready, and what runs here")
    def get_health() -> Health:
        return health()

    for router in routers:
        app.router.routes.extend(router.routes)  # include_router would build each of them again
    app.add_middleware(BodyGuard)
    return app


MOST_BYTES = 16 << 20
"""Of a request's body; archives have a limit of their own, and are never held in memory."""

_ARCHIVES = "/emulator/v1/snapshot"


class BodyGuard:
    """Refuses bodies that no route can take, before any has seen them: too large, or with half a character."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as an ASGI application."""
        if scope["type"] != "http" or scope["method"] == "GET" or scope["path"] == _ARCHIVES:
            await self._app(scope, receive, send)
            return
        received, more = bytearray(), True
        while more and len(received) <= MOST_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            received += message.get("body", b"")
            more = message.get("more_body", False)
        body = bytes(received)
        if len(body) > MOST_BYTES:
            await JSONResponse({"detail": f"the body has more than {MOST_BYTES} bytes"}, 413)(scope, receive, send)
        elif _has_half_character(body):
            detail = "the body holds half a character (a lone surrogate, \\ud800 to \\udfff); write whole ones"
            await JSONResponse({"detail": detail}, 422)(scope, receive, send)
        else:
            await self._app(scope, _replay(body, receive), send)


def _has_half_character(body: bytes) -> bool:
    """JSON can name it; no text that is stored or answered can hold it."""
    if b"\\ud" not in body.lower():
        return False
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False  # no JSON: the route says so
    return False


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, whole, then what else comes."""
    left: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> MutableMapping[str, Any]:
        return left.pop() if left else await receive()

    return replay


def format_problem(problem: Mapping[str, Any]) -> str:
    """What is wrong with a request: field, what would be right, and what was given."""
    text = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "unexpected_keyword_argument":  # of a dataclass, in the words for all other bodies
        text = "Extra inputs are not permitted"
    place = ".".join(str(part) for part in problem["loc"][1:])
    if not place:
        return text
    given = "" if problem["type"] == "missing" else f" (got {shorten(repr(problem['input']))})"
    return f"{place}: {text}{given}"


LONGEST_QUOTE = 200
"""Characters of what was sent that an error shows."""


def shorten(text: str) -> str:
    """A text that is quoted, cut where nobody reads on."""
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


# --- the certificate that clients have to trust for TLS

log = logging.getLogger(__name__)

PEM_TYPE = "application/x-pem-file"


def create_certificate_router(read_certificate: Callable[[], bytes]) -> APIRouter:
    """The route of ``ca.pem``.

    Args:
        read_certificate: The authority's certificate, PEM. Raises OSError when its files cannot be used.
    """
    router = APIRouter(tags=["tls"])

    @router.get("/emulator/v1/ca.pem", summary="The certificate authority's certificate", response_class=Response)
    async def get_certificate() -> Response:
        try:
            return Response(read_certificate(), media_type=PEM_TYPE)
        except OSError as error:
            log.error("no certificate authority: %s", error)  # noqa: TRY400 the text says it all
            detail = "ca.key or ca.pem, in tls/ of the data directory, cannot be used: the log says why; remove both"
            raise HTTPException(500, f"{detail} for new ones") from error

    return router


# --- what programs have to know to be led here


class Interception(TypedDict):
    """Hosts are patterns: ``*-aiplatform.googleapis.com``."""

    hosts: list[str]
    pass_hosts: list[str]
    account: str
    project: str
    token: str


def create_interception_router(interception: Interception) -> APIRouter:
    """The route of ``interception``."""
    router = APIRouter(tags=["tls"])

    @router.get("/emulator/v1/interception", summary="Which hosts the emulator stands in for, and for whom")
    async def get_interception() -> Interception:
        return interception

    return router
