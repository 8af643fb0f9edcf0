"""Variables that send the official clients somewhere else than to the emulator, or stop them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emulator.cli.finding import BROKEN, OK, WARNING, Finding

_TRUE = ("1", "true", "yes")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PREFIX = "TUNING_EMULATOR_"
_EVAL = "eval $(tuning-emulator env)"

Variables = Mapping[str, str]


def check_variables(variables: Variables, url: str, health: dict[str, Any] | None) -> Iterator[Finding]:
    """Everything in the environment that clients or the server read.

    Args:
        health: Of the emulator that answers at the URL, or None.
    """
    yield from _check_settings(variables)
    yield from _check_addresses(variables, url, health)
    yield from _check_proxies(variables, url)
    yield from _check_vertex(variables)
    yield from _check_credentials(variables)


def _configured(name: str, status: str, text: str, fix: str = "") -> Finding:
    return Finding("configured", name, {"warning": WARNING, "broken": BROKEN}.get(status, OK), text, fix)


def _check_settings(variables: Variables) -> Iterator[Finding]:
    from pydantic import ValidationError

    from emulator.settings import Settings

    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(variables):
        if name.upper().startswith(_PREFIX) and name.upper() not in known:
            nearest = get_close_matches(name.upper(), known, 1)
            fix = f"unset {name}" + (f", or is {nearest[0]} meant?" if nearest else "")
            yield _configured(name, "warning", "no such setting; it has no effect", fix)
    try:
        Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = f"{_PREFIX}{str(problem['loc'][0]).upper()}" if problem["loc"] else "settings"
            yield _configured(name, "broken", f"{problem['msg']} (got {problem['input']!r})", "correct or unset it")


def _check_addresses(variables: Variables, url: str, health: dict[str, Any] | None) -> Iterator[Finding]:
    wanted = {"GOOGLE_GEMINI_BASE_URL": url, "GOOGLE_VERTEX_BASE_URL": url}
    if health is not None and health["storage"].get("url"):
        wanted["STORAGE_EMULATOR_HOST"] = str(health["storage"]["url"])
    for name, address in wanted.items():
        given = variables.get(name)
        if not given:
            if health is not None:
                fix = f"{_EVAL}, or give the client the URL"
                yield _configured(name, "warning", "not set: clients that read it go to Google", fix)
        elif not _same_address(given, address):
            text = f"{given} is not the emulator at {address}"
            yield _configured(name, "warning", text, f"export {name}={address}, or give doctor that --url")
        else:
            yield _configured(name, "ok", given)


def _same_address(given: str, wanted: str) -> bool:
    one, other = (urlsplit(text if "://" in text else f"http://{text}") for text in (given, wanted))
    try:
        same_host = one.hostname == other.hostname or {one.hostname, other.hostname} <= set(_LOOPBACK)
        same_port = one.port == other.port
    except ValueError:
        return False
    return one.scheme == other.scheme and same_host and same_port


def _check_proxies(variables: Variables, url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    spared = next((variables[name] for name in ("no_proxy", "NO_PROXY") if variables.get(name)), "")
    if _is_spared(host, spared):
        return
    for name in (f"{parts.scheme}_proxy", f"{parts.scheme.upper()}_PROXY", "ALL_PROXY", "all_proxy"):
        if variables.get(name):
            text = f"{variables[name]} stands between the clients and {host}"
            yield _configured(name, "warning", text, f"export NO_PROXY={','.join(filter(None, [spared, host]))}")
            return


def _is_spared(host: str, spared: str) -> bool:
    names = [name.strip().lstrip(".") for name in spared.split(",") if name.strip()]
    return any(name in ("*", host) or host.endswith(f".{name}") for name in names)


def _check_vertex(variables: Variables) -> Iterator[Finding]:
    name = "GOOGLE_GENAI_USE_VERTEXAI"
    if variables.get(name, "").lower() in _TRUE:
        text = "set alone, google-genai looks for GOOGLE_GEMINI_BASE_URL and sends Vertex AI requests to Google"
        yield _configured(name, "warning", text, f"unset {name} and say Client(vertexai=True, …) in the program")
    for name in ("GOOGLE_CLOUD_PROJECT", "CLOUD_ML_PROJECT_ID"):
        if variables.get(name):
            text = (
                "vertexai.init() without project= then asks a public host for the project's number, and google-genai "
                "3.4 with a base URL drops the project, so that its requests have no path"
            )
            fix = f"give project= and location= in the program, or unset {name}"
            yield _configured(name, "warning", text, fix)
    if variables.get("GOOGLE_API_KEY") and variables.get("GEMINI_API_KEY"):
        text = "set beside GEMINI_API_KEY; google-genai takes this one"
        yield _configured("GOOGLE_API_KEY", "warning", text, "unset one of the two, if they differ")


def _check_credentials(variables: Variables) -> Iterator[Finding]:
    name = "GOOGLE_APPLICATION_CREDENTIALS"
    path = variables.get(name)
    if not path:
        return
    try:
        kind = json.loads(Path(path).read_text("utf-8")).get("type")
    except OSError as error:
        reason = error.strerror or str(error)
        yield _configured(name, "broken", f"{path}: {reason}; google-auth refuses to go on", f"unset {name}")
        return
    except (ValueError, AttributeError):
        yield _configured(name, "broken", f"{path} is no JSON object", f"unset {name}, or name a credentials file")
        return
    text = f"{path} holds real credentials ({kind}): clients fetch tokens from Google with them"
    fix = f'unset {name} and give the client Credentials("anything")'
    yield _configured(name, "warning", text, fix)
