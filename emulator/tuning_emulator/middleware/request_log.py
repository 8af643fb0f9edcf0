"""One line per request at most, for people and for machines."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from tuning_emulator.api.exchange import Exchange, find_project_of, find_resource, find_test, format_client
from tuning_emulator.middleware.journal import redact_query
from tuning_emulator.middleware.near_misses import NearMiss

log = logging.getLogger("tuning_emulator.requests")

Logged: TypeAlias = Literal["none", "errors", "all"]
"""Which requests get a line; ``errors``: those refused, broken or worth a hint."""


class RequestLog:
    """Writes the lines.

    Args:
        nearest: Finds the route that a request which matched none comes closest to.
    """

    def __init__(self, logged: Logged, nearest: Callable[[Exchange], NearMiss | None]) -> None:
        self._errors = logged != "none"
        self._all = logged == "all"
        self._nearest = nearest

    def write(self, exchange: Exchange) -> None:
        """The line of a finished request, if it gets one. Server errors, hints and misses are warnings."""
        wrong = exchange.code != "OK"
        if not (self._all or (self._errors and (wrong or exchange.notes))):
            return
        fields = self._describe(exchange)
        worth = logging.WARNING if exchange.status >= 500 or exchange.notes or "nearest" in fields else logging.INFO
        log.log(worth, "%s", format_line(fields), extra={"fields": fields})

    def _describe(self, exchange: Exchange) -> dict[str, Any]:
        query = redact_query(exchange.query)
        fields: dict[str, Any] = {
            "transport": exchange.transport,
            "verb": exchange.verb,
            "path": f"{exchange.path}?{query}" if query else exchange.path,
            "status": exchange.status,
            "code": exchange.code,
            "duration_ms": round(exchange.duration_ns / 1e6, 2),
            "api": exchange.api,
            "method": exchange.method,
            "resource": find_resource(exchange),
            "project": find_project_of(exchange),
            "client": format_client(exchange.headers),
            "test": find_test(exchange.headers),
            "rule": exchange.rule,
            "fault": exchange.fault,
            "broken": exchange.broken,
            "messages": exchange.messages,
            "notes": list(exchange.notes),
        }
        if (miss := self._nearest(exchange)) is not None:
            fields["nearest"] = f"{miss.route} ({'; '.join(miss.differences)})"
        return {name: value for name, value in fields.items() if value or name == "status"}


def format_line(fields: dict[str, Any]) -> str:
    """The line for people: ``GET /v1/tunedModels/x 404 NOT_FOUND rule=tuned_model_missing 0.4 ms curl/8.5``."""
    path = (
        fields["path"] if fields["transport"] == "rest" else f"{fields['path']} {fields.get('resource', '')}".rstrip()
    )
    outcome = f"connection broken ({fields['broken']})" if "broken" in fields else f"{fields['status'] or 'no answer'}"
    words = [fields["verb"] if fields["transport"] == "rest" else "gRPC", path, outcome]
    code = fields.get("code", "")
    words += [code] if code not in ("", "OK") else []
    words += [f"rule={fields['rule']}"] if "rule" in fields else []
    words += [f"fault={fields['fault']}"] if "fault" in fields else []
    words += [f"messages={fields['messages']}"] if "messages" in fields else []
    words += [f"{fields['duration_ms']:g} ms"]
    words += [str(fields[name]) for name in ("client",) if name in fields]
    line = " ".join(words)
    if "nearest" in fields:
        line += f"; nothing matches, nearest is {fields['nearest']}"
    return "; ".join([line, *fields.get("notes", [])])
