"""The control API as a FastAPI application, documented at /emulator/docs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from emulator import __version__
from emulator.control.health import Health


def create_control(health: Callable[[], Health], routers: Iterable[APIRouter] = ()) -> FastAPI:
    """The application behind /emulator. ``health`` is asked anew for every call; ``routers`` are its further parts."""
    app = FastAPI(
        title="tuning-emulator control",
        version=__version__,
        docs_url="/emulator/docs",
        redoc_url=None,
        openapi_url="/emulator/openapi.json",
    )

    @app.exception_handler(RequestValidationError)
    async def refuse(_request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": "; ".join(map(format_problem, error.errors()))}, 422)

    @app.get("/emulator/v1/health", summary="Is it ready, and what runs here")
    def get_health() -> Health:
        return health()

    for router in routers:
        app.include_router(router)

    return app


def format_problem(problem: Mapping[str, Any]) -> str:
    """What is wrong with a request: field, what would be right, and what was given."""
    text = str(problem["msg"]).removeprefix("Value error, ")
    place = ".".join(str(part) for part in problem["loc"][1:])
    if not place:
        return text
    given = "" if problem["type"] == "missing" else f" (got {problem['input']!r})"
    return f"{place}: {text}{given}"
