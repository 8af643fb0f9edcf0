"""What a request says about itself, read only when somebody asks: resource, project, client, test."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tuning_emulator.api.auth import find_project
from tuning_emulator.api.exchange import Exchange
from tuning_emulator.core.ids import project_number

TEST_HEADER = "x-tuning-emulator-test"
"""Name of the test that makes a request, for those who can add headers."""

_LIBRARIES = ("google-genai-sdk", "genai-py", "model-builder", "gapic", "gccl")
"""Names in ``x-goog-api-client`` that are the library itself, the telling ones first.

Source: read off the requests of google-genai, google-generativeai, google-cloud-aiplatform and generated clients.
"""
_LANGUAGE = re.compile(r"gl-([a-z]+)/(\S+)")
_PRODUCT = re.compile(r"[^\s/]+(/\S+)?")


def find_resource(exchange: Exchange) -> str:
    """Name of the resource, or of the parent: ``tunedModels/momo``, ``projects/p/locations/l``; "" where none is named.

    Both transports name it alike: it is the first variable of the method's path.
    """
    if exchange.resource:
        return exchange.resource
    if exchange.target is not None and exchange.message and exchange.target.variables:
        return exchange.target.variables[0].read(exchange.message)
    return ""


def find_project_of(exchange: Exchange) -> str:
    """The caller's project; before the caller is known what header or path say; "" where nobody names one."""
    if exchange.project:
        return exchange.project
    named = exchange.headers.get("x-goog-user-project") or find_project(exchange.path)
    if not named and (resource := find_resource(exchange)).startswith("projects/"):
        named = resource.split("/")[1]
    return named


def same_project(one: str, other: str) -> bool:
    """Whether two ids or numbers are of one project."""
    return one == other or (bool(one) and bool(other) and project_number(one) == project_number(other))


def find_test(headers: Mapping[str, str]) -> str:
    """Name of the test that makes the request, "" where none is given."""
    return headers.get(TEST_HEADER, "")


def format_client(headers: Mapping[str, str]) -> str:
    """The library and its language, ``google-genai-sdk/3.4.0 python/3.11.7``; others as they call themselves."""
    text = headers.get("x-goog-api-client", "")
    named = dict(part.partition("/")[::2] for part in text.split())
    library = next((f"{name}/{named[name]}" for name in _LIBRARIES if named.get(name)), "")
    language = _LANGUAGE.search(text)
    if library:
        return f"{library.partition('+')[0]} {language[1]}/{language[2]}" if language else library
    product = _PRODUCT.match(headers.get("user-agent", ""))
    return product[0] if product else ""
