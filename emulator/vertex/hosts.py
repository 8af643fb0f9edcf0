"""Vertex AI's hosts: one a region, each for its own region alone. Any other host, such as localhost, is for all."""

from __future__ import annotations

import re

from emulator.facts import vertex_errors as errors
from emulator.protocol.call import Call, Handler
from emulator.vertex.refusals import refuse

HOST = "aiplatform.googleapis.com"

_HOST = re.compile(
    r"(?:(?P<region>[a-z]+-[a-z]+\d+)-)?aiplatform\.googleapis\.com|aiplatform\.(?P<multi>us|eu)\.rep\.googleapis\.com"
)
_LOCATION = re.compile(r"projects/[^/]+/locations/([^/]+)")
_NAMED = ("parent", "name", "model", "endpoint", "context")
"""Request fields that hold the name that a call is about, or the resource that has it."""


def is_place(host: str, _path: str) -> bool:
    """Whether the service has such a host. Recorded: an unknown region's host answers the HTML page for 404."""
    return not host.endswith(".googleapis.com") or _HOST.fullmatch(host) is not None


def keep_to_region(handler: Handler) -> Handler:
    """The handler, refusing calls for another region than that of the host they came to."""

    def answer(call: Call) -> object:
        if call.host.endswith(".googleapis.com"):
            check_region(call)
        return handler(call)

    return answer  # type: ignore[return-value] # whatever the handler returns


def check_region(call: Call) -> None:
    """Raises ApiError, INVALID_ARGUMENT, when a regional host is asked for another location."""
    match = _HOST.fullmatch(call.host)
    served = (match["region"] or match["multi"]) if match else None
    asked = find_location(call)
    if served and asked and served != asked:
        raise refuse(errors.LOCATION_MISMATCH, location=served)


def find_location(call: Call) -> str:
    """The location that a call is about, or ""."""
    for field in _NAMED:
        value = call.request.get(field)
        name = value.get("name") if isinstance(value, dict) else value
        found = _LOCATION.match(name) if isinstance(name, str) else None
        if found:
            return found[1]
    return ""
