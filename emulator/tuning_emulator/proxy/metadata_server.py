"""The metadata server of a virtual machine, for Application Default Credentials without any file.

Client libraries find it by ``GCE_METADATA_HOST``, and ask it for project, account, access and identity token, and some
for the machine besides: Go's ``compute/metadata`` and loggers of every language. What a plain virtual machine has not
either (``platform-security``, attributes of a cluster) is 404.
Sources: cloud.google.com/compute/docs/metadata; google-auth ``compute_engine/_metadata.py``; npm gcp-metadata;
cloud.google.com/go/compute/metadata; google-auth-library-java ``ComputeEngineCredentials``; google-cloud-rust src/auth.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote

from msgspec import Struct, field

from tuning_emulator.api.exchange import Receive, Scope, Send
from tuning_emulator.core.ids import project_number
from tuning_emulator.proxy.gateway import find_header, send_answer

# --- who a program is that brings no credentials of its own

DEFAULT_TOKEN = "ya29.tuning-emulator"  # noqa: S105 good only here, where any token is
"""Access token where no credentials file names one."""

TOKEN_PATH = "/token"  # noqa: S105 a path
"""Where keys and refresh tokens are exchanged for access tokens."""

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
    token: str
    tokens: Mapping[str, str] = field(default_factory=dict)

    @property
    def project_number(self) -> str:
        """Of its project, as it is at the moment."""
        return project_number(self.project)

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
_TEXT, _JSON, _HTML = "application/text", "application/json", "text/html; charset=UTF-8"

NAME, ZONE = "tuning-emulator", "us-central1-a"
"""Of the machine that programs seem to run on."""

NO_AUDIENCE = "non-empty audience parameter required\n"
_CREATED_S = 1_704_067_200
"""The machine is of 2024-01-01."""


class MetadataServer:
    """Answers as the metadata server does, as an ASGI application.

    Args:
        now_ns: The emulator's clock.
    """

    def __init__(self, identity: Identity, now_ns: Callable[[], int]) -> None:
        self._identity = identity
        self._now_ns = now_ns

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
            return 403, _HTML, "Missing Metadata-Flavor:Google header.\n"
        if path.strip("/") in ("computeMetadata", "computeMetadata/v1beta1"):
            return 200, _TEXT, "v1/\n"
        account, _, asked = path.rstrip("/").rpartition("/")
        if asked == "identity" and isinstance(self._find(account), dict) and "/service-accounts/" in account:
            return self._identify(query)
        found = self._find(path)
        if found is None:
            return 404, _HTML, f"The requested URL {path} was not found on this server.\n"
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
        within = f"projects/{identity.project_number}"
        interface: dict[str, Tree] = {
            "access-configs": {"0": {"external-ip": "", "type": "ONE_TO_ONE_NAT"}},
            "ip": "127.0.0.1",
            "network": f"{within}/networks/default",
        }
        instance: dict[str, Tree] = {
            "attributes": {},
            "description": "",
            "hostname": f"{NAME}.{ZONE}.c.{identity.project}.internal",
            "id": identity.project_number,
            "machine-type": f"{within}/machineTypes/e2-medium",
            "maintenance-event": "NONE",
            "name": NAME,
            "network-interfaces": {"0": interface},
            "preempted": "FALSE",
            "region": f"{within}/regions/{ZONE.rpartition('-')[0]}",
            "service-accounts": {"default": account, identity.email: account},
            "tags": "[]",
            "zone": f"{within}/zones/{ZONE}",
        }
        project: dict[str, Tree] = {
            "attributes": {},
            "numeric-project-id": identity.project_number,
            "project-id": identity.project,
        }
        return {"instance": instance, "project": project, "universe": {"universe-domain": "googleapis.com"}}

    def _identify(self, query: dict[str, list[str]]) -> tuple[int, str, str]:
        """An identity token of the account. Its signature is nobody's: whoever checks it sees that it is not Google's.

        Source: cloud.google.com/compute/docs/instances/verifying-instance-identity.
        """
        audience = query.get("audience", [""])[0]
        if not audience:
            return 400, _HTML, NO_AUDIENCE
        identity, now_s = self._identity, self._now_ns() // 1_000_000_000
        claims: dict[str, Any] = {
            "aud": audience,
            "azp": identity.project_number,
            "email": identity.email,
            "email_verified": True,
            "exp": now_s + TOKEN_S,
            "iat": now_s,
            "iss": "https://accounts.google.com",
            "sub": identity.project_number,
        }
        if query.get("format", [""])[0] == "full":
            machine = {
                "instance_creation_timestamp": _CREATED_S,
                "instance_id": identity.project_number,
                "instance_name": NAME,
                "project_id": identity.project,
                "project_number": int(identity.project_number),
                "zone": ZONE,
            }
            claims["google"] = {"compute_engine": machine}
        signed = ".".join(map(_encode_part, ({"alg": "RS256", "kid": NAME, "typ": "JWT"}, claims)))
        signature = base64.urlsafe_b64encode(hashlib.sha256(signed.encode()).digest())
        return 200, "text/html", f"{signed}.{signature.decode().rstrip('=')}"


def _encode_part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def format_metadata(found: Tree, query: dict[str, list[str]]) -> tuple[str, str]:
    """Content type and text of a value, a list of what is below, or, asked ``recursive``, all of it as JSON."""
    alt = query.get("alt", [""])[0]
    if isinstance(found, dict) and query.get("recursive", [""])[0].lower() == "true":
        return _JSON, json.dumps(_to_json(found))
    if isinstance(found, dict):
        return _TEXT, "".join(f"{name}/\n" if isinstance(below, dict) else f"{name}\n" for name, below in found.items())
    if alt == "json":
        return _JSON, found if isinstance(found, str) and found.startswith(_OBJECTS) else json.dumps(found)
    if isinstance(found, list):
        return _TEXT, "".join(f"{line}\n" for line in found)
    return _JSON if str(found).startswith(_OBJECTS) else _TEXT, str(found)


_OBJECTS = ("{", "[")
"""Values that are JSON themselves."""


def _to_json(tree: Tree) -> Any:
    """Recursive answers have camelCase keys, and no tokens."""
    if not isinstance(tree, dict):
        return json.loads(tree) if isinstance(tree, str) and tree.startswith(_OBJECTS) else tree
    if tree and all(name.isdigit() for name in tree):
        return [_to_json(below) for below in tree.values()]
    return {_camel(name): _to_json(below) for name, below in tree.items() if name != "token"}


def _camel(name: str) -> str:
    head, *rest = name.split("-") if "@" not in name else [name]
    return head + "".join(part.capitalize() for part in rest)
