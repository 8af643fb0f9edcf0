"""The metadata server of a virtual machine, for Application Default Credentials without any file.

Client libraries find it by ``GCE_METADATA_HOST``, and ask it for project, account and access token.
Sources: cloud.google.com/compute/docs/metadata; google-auth ``compute_engine/_metadata.py``; npm gcp-metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote

from msgspec import Struct, field

from tuning_emulator.api.exchange import Receive, Scope, Send
from tuning_emulator.proxy.gateway import find_header, send_answer

# --- who a program is that brings no credentials of its own

DEFAULT_TOKEN = "ya29.tuning-emulator"  # noqa: S105 good only here, where any token is
"""Access token where no credentials file names one."""

TOKEN_S = 3599
"""Seconds that an access token is said to last, as the real token endpoints say of a fresh one."""

SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
)


class Identity(Struct, frozen=True):
    """An account, its project, and the tokens that the emulator takes.

    Attributes:
        token: Access token of the account. tokens: Those of others, by e-mail address.
    """

    email: str
    project: str
    project_number: str
    token: str
    tokens: Mapping[str, str] = field(default_factory=dict)

    def find_token(self, email: str) -> str:
        """The access token of an account; unknown ones get this one's."""
        return self.tokens.get(email, self.token)


Tree: TypeAlias = "dict[str, Tree] | list[str] | str | int"

ROOT = "/computeMetadata"
FLAVOR = b"metadata-flavor"
_HEADERS = [
    (b"metadata-flavor", b"Google"),
    (b"server", b"Metadata Server for VM"),
    (b"x-frame-options", b"SAMEORIGIN"),
]
_TEXT, _JSON = "application/text", "application/json"


class MetadataServer:
    """Answers as the metadata server does, as an ASGI application."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """One request."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        status, kind, body = self._answer(scope, query)
        await send_answer(send, status, kind, body, _HEADERS)

    def _answer(self, scope: Scope, query: dict[str, list[str]]) -> tuple[int, str, str]:
        path = unquote(scope["path"])
        if path == "/":
            return 200, _TEXT, "computeMetadata/\n"
        if find_header(scope, FLAVOR) != "Google":
            return 403, "text/html; charset=UTF-8", "Missing Metadata-Flavor:Google header.\n"
        if path.strip("/") in ("computeMetadata", "computeMetadata/v1beta1"):
            return 200, _TEXT, "v1/\n"
        found = self._find(path)
        if found is None:
            return 404, "text/html; charset=UTF-8", f"The requested URL {path} was not found on this server.\n"
        return (200, *format_metadata(found, query))

    def _find(self, path: str) -> Tree | None:
        """The part of the tree that a path names."""
        names = [name for name in path.removeprefix(ROOT).split("/") if name]
        found: Tree = {"v1": self._list()}
        for name in names:
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found

    def _list(self) -> dict[str, Tree]:
        identity = self._identity
        account: dict[str, Tree] = {
            "aliases": ["default"],
            "email": identity.email,
            "scopes": list(SCOPES),
            "token": json.dumps({"access_token": identity.token, "expires_in": TOKEN_S, "token_type": "Bearer"}),
        }
        instance: dict[str, Tree] = {
            "id": identity.project_number,
            "name": "tuning-emulator",
            "service-accounts": {"default": account, identity.email: account},
            "zone": f"projects/{identity.project_number}/zones/us-central1-a",
        }
        project: dict[str, Tree] = {
            "numeric-project-id": identity.project_number,
            "project-id": identity.project,
        }
        return {"instance": instance, "project": project, "universe": {"universe-domain": "googleapis.com"}}


def format_metadata(found: Tree, query: dict[str, list[str]]) -> tuple[str, str]:
    """Content type and text of a value, a list of what is below, or, asked ``recursive``, all of it as JSON."""
    alt = query.get("alt", [""])[0]
    if isinstance(found, dict) and query.get("recursive", [""])[0].lower() == "true":
        return _JSON, json.dumps(_to_json(found))
    if isinstance(found, dict):
        return _TEXT, "".join(f"{name}/\n" if isinstance(below, dict) else f"{name}\n" for name, below in found.items())
    if alt == "json":
        return _JSON, found if isinstance(found, str) and found.startswith("{") else json.dumps(found)
    if isinstance(found, list):
        return _TEXT, "".join(f"{line}\n" for line in found)
    return _JSON if str(found).startswith("{") else _TEXT, str(found)


def _to_json(tree: Tree) -> Any:
    """Recursive answers have camelCase keys, and no tokens."""
    if not isinstance(tree, dict):
        return tree
    return {_camel(name): _to_json(below) for name, below in tree.items() if name != "token"}


def _camel(name: str) -> str:
    head, *rest = name.split("-") if "@" not in name else [name]
    return head + "".join(part.capitalize() for part in rest)
