"""Hints about what no handler has seen: credentials of the wrong kind, clients that forgot project and location."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tuning_emulator.api.clients import GENAI, Client, read_client
from tuning_emulator.api.exchange import Exchange
from tuning_emulator.facts import google_errors

_PLACELESS = re.compile(r"/(?:v1(?:beta1/models|(?:beta1)?/(?:tuningJobs|endpoints|cachedContents))(?:[/:].*)?)?")
"""Paths of Vertex AI that lack ``projects/P/locations/L``: what is left when a client knows neither.

Source: recorded, google-genai of Python 1.75 to 3.4 (``POST /``) and of Go 1.77 (``POST /v1beta1/tuningJobs``).
"""

_TOKEN_WANTED = frozenset((google_errors.KEY_NOT_SUPPORTED.name, google_errors.NO_TOKEN.name))

_GIVE_TOKEN = {
    "python": 'credentials=google.oauth2.credentials.Credentials("any")',
    "node": "googleAuthOptions, or GCE_METADATA_HOST and METADATA_SERVER_DETECTION=assume-present",
    "go": "option.WithTokenSource, or GCE_METADATA_HOST",
    "java": "GoogleCredentials.create(new AccessToken(…)), or GCE_METADATA_HOST",
    "rust": "GCE_METADATA_HOST, or a service account's file",
    "curl": "-H 'Authorization: Bearer any'",
}
"""How a caller brings a token, by language."""

_GIVE_PLACE = {
    "python": 'Client(vertexai=True, project="…", location="…", …)',
    "node": "new GoogleGenAI({vertexai: true, project: '…', location: '…', …})",
    "go": 'genai.ClientConfig{Backend: genai.BackendVertexAI, Project: "…", Location: "…"}',
    "java": 'Client.builder().vertexAI(true).project("…").location("…")',
}
"""How google-genai is given project and location, by language."""


def has_no_place(exchange: Exchange) -> bool:
    """Whether nothing matched because a client of Vertex AI names neither project nor location."""
    if exchange.target is not None or exchange.api or exchange.transport != "rest":
        return False
    return exchange.verb != "GET" and _PLACELESS.fullmatch(exchange.path) is not None


def list_hints(exchange: Exchange) -> Iterator[str]:
    """What a developer should know of a request that is over."""
    headers = exchange.headers
    key, token = headers.get("x-goog-api-key", ""), headers.get("authorization", "")
    if token.startswith("Bearer AIza"):
        yield "an API key (AIza…) came as an access token; the services refuse that: send it as x-goog-api-key"
    if key.startswith("ya29."):
        yield "an access token (ya29.…) came as an API key; the services refuse that: send it as Authorization: Bearer"
    if exchange.code == "OK":
        return
    client = read_client(headers)
    if exchange.rule in _TOKEN_WANTED:
        sent = _describe_sent(exchange, key)
        yield f"Vertex AI takes access tokens, and this request has {sent}: {_give_token(client)}"
    elif exchange.rule == google_errors.NO_CALLER.name:
        yield "the Gemini API takes a key, any one: x-goog-api-key, GEMINI_API_KEY, or serve --anonymous"
    elif has_no_place(exchange):
        yield f"the path names no project and location: {_give_place(client)}"


def _describe_sent(exchange: Exchange, key: str) -> str:
    named = key or re.search(r"(?:^|&)(?:\$?key)=", exchange.query)
    return "an API key" if named else "neither"


def _give_token(client: Client) -> str:
    way = _GIVE_TOKEN.get(client.language, "Authorization: Bearer any, or the metadata server by GCE_METADATA_HOST")
    return f"{way}; `tuning-emulator exec` sets it all"


def _give_place(client: Client) -> str:
    way = _GIVE_PLACE.get(client.language) if client.library == GENAI else None
    if way is None:
        return "write projects/P/locations/L in front"
    version = f"google-genai {client.version} " if client.version else "google-genai "
    return (
        f"{version}forgets those of its environment (GOOGLE_CLOUD_PROJECT, GOOGLE_CLOUD_LOCATION) where a base URL is "
        f"set; give them in the program, {way}, or leave the base URL out under `tuning-emulator exec`"
    )
