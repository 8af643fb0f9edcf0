"""What Google has around the two APIs: TLS, the metadata server, tokens, projects, and all of it under its own names.

Made when a client first needs any of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tuning_emulator.api.call import Api, Call
from tuning_emulator.api.exchange import AsgiApp, Receive, Scope, Send
from tuning_emulator.core.ids import find_project_id, project_number
from tuning_emulator.facts import google_errors
from tuning_emulator.proxy.gateway import Gateway, find_header, read_body, send_json
from tuning_emulator.proxy.hosts import PassHosts, Service
from tuning_emulator.proxy.metadata_server import SCOPES, TOKEN_PATH, TOKEN_S, Identity, MetadataServer
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.schema.schema import Value

if TYPE_CHECKING:
    from tuning_emulator.proxy.certificates import Authority


@dataclass
class GoogleServices:
    """All of it for one emulator.

    Attributes:
        identity: Who clients without credentials of their own are.
        directory: Where the certificate authority is kept.
        host: The address that the emulator listens on.
        apis: Answers for the Gemini API and Vertex AI. own: Answers everything on the emulator's own address.
        serve: Makes an application of one API. storage: Answers for Cloud Storage.
        passes: Hosts that are let through. now_ns: The emulator's clock.
    """

    identity: Identity
    directory: Path
    host: str
    apis: AsgiApp
    own: AsgiApp
    serve: Callable[[Api], AsgiApp]
    storage: AsgiApp
    passes: PassHosts
    now_ns: Callable[[], int]

    @cached_property
    def authority(self) -> Authority:
        """The certificate authority.

        Raises:
            AuthorityError: its files cannot be used.
        """
        from tuning_emulator.proxy.certificates import Authority  # 10 MiB that plain HTTP and gRPC do without

        return Authority(self.directory, [self.host])

    @cached_property
    def metadata(self) -> MetadataServer:
        """The metadata server, also at the emulator's own address."""
        return MetadataServer(self.identity, self.now_ns)

    @cached_property
    def tokens(self) -> TokenServer:
        """What gives tokens, also at the emulator's own address: files of service accounts can name it."""
        return TokenServer(self.identity, self.now_ns)

    @cached_property
    def projects(self) -> Api:
        """Resource Manager."""
        return create_projects_api(self.identity)

    @cached_property
    def gateway(self) -> Gateway:
        """Every service under its own host names."""
        services: dict[Service, AsgiApp] = {
            Service.APIS: self.apis,
            Service.STORAGE: self.storage,
            Service.TOKENS: self.tokens,
            Service.PROJECTS: self.serve(self.projects),
            Service.METADATA: self.metadata,
        }
        return Gateway(services, self.own, self.passes)


# --- Resource Manager: the one method of it that clients of Vertex AI call, GetProject; any project exists


SERVICE = "cloudresourcemanager.googleapis.com"
_CREATED_NS = 1_704_067_200_000_000_000  # a day before all jobs: 2024-01-01

_GET = "Projects.GetProject"
_SCHEMAS = {**load_schemas("google.cloud.resourcemanager"), **load_schemas("google.cloudresourcemanager")}


class Projects:
    """Answers GetProject. A number that is the metadata server's project, or was given to one, gets that id."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def get_project(self, call: Call) -> Value:
        """Resource Manager's ``GetProject``, in v1 and v3."""
        request = call.request
        name = str(request.get("project_id") or request.get("name", "")).removeprefix("projects/")
        if not name:
            raise google_errors.PROJECT_NAME_MISSING()
        identity = self._identity
        project, number = find_project_id(name) or name, project_number(name)
        if name in (identity.project, identity.project_number):
            project, number = identity.project, identity.project_number
        if call.version == "v1":
            return {
                "project_number": int(number),
                "project_id": project,
                "lifecycle_state": "ACTIVE",
                "name": project,
                "create_time": _CREATED_NS,
            }
        return {
            "name": f"projects/{number}",
            "project_id": project,
            "state": "ACTIVE",
            "display_name": project,
            "create_time": _CREATED_NS,
            "update_time": _CREATED_NS,
        }


def create_projects_api(identity: Identity) -> Api:
    """Resource Manager behind the same front end as the other APIs."""
    return Api(
        name="resource_manager",
        service=SERVICE,
        title="Cloud Resource Manager API",
        host_suffix=SERVICE,
        schemas=_SCHEMAS,
        handlers={_GET: Projects(identity).get_project},
        keys=False,
        server="ESF",
    )


# --- oauth2.googleapis.com: what service account keys and refresh tokens are exchanged at
#
# Sources: developers.google.com/identity/protocols/oauth2/service-account; google-auth ``oauth2/_client.py``.


_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIMIT_BYTES = 1 << 20


class TokenServer:
    """Gives an access token to whoever asks; signatures and secrets are not checked.

    Args:
        now_ns: The emulator's clock.
    """

    def __init__(self, identity: Identity, now_ns: Callable[[], int]) -> None:
        self._identity = identity
        self._now_ns = now_ns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as an ASGI application."""
        body = await read_body(receive, _LIMIT_BYTES)
        if body is None:
            await send_json(send, 413, {"error": "invalid_request", "error_description": "The request is too large."})
            return
        form = _parse_form(scope, body)
        if scope["path"] == TOKEN_PATH and scope["method"] == "POST":
            await send_json(send, *self.grant(form))
        elif scope["path"] == "/revoke":
            await send_json(send, 200, {})
        elif scope["path"] == "/tokeninfo":
            await send_json(send, *self.describe(form))
        else:
            await send_json(send, 404, {"error": "not_found", "error_description": f"no {scope['path']} here"})

    def grant(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body for a request for a token."""
        kind = form.get("grant_type", "")
        token, scopes = self._identity.token, form.get("scope", " ".join(SCOPES))
        if kind == _JWT_BEARER:
            claims = parse_claims(form.get("assertion", ""))
            if claims is None:
                text = "Invalid JWT: the assertion is not three parts of base64url."
                return 400, {"error": "invalid_grant", "error_description": text}
            token = self._identity.find_token(str(claims.get("sub") or claims.get("iss") or ""))
            scopes = str(claims.get("scope") or scopes)
        elif kind == "refresh_token":
            if not form.get("refresh_token"):
                text = "Missing required parameter: refresh_token"
                return 400, {"error": "invalid_request", "error_description": text}
        else:
            text = f"Invalid grant_type: {kind}"
            return 400, {"error": "unsupported_grant_type", "error_description": text}
        return 200, {"access_token": token, "expires_in": TOKEN_S, "scope": scopes, "token_type": "Bearer"}

    def describe(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and body for a question about a token."""
        identity, token = self._identity, form.get("access_token", "")
        if not token:
            return 400, {"error": "invalid_request", "error_description": "Required parameter is missing"}
        email = next((email for email, known in identity.tokens.items() if known == token), identity.email)
        return 200, {
            "azp": identity.project_number,
            "aud": identity.project_number,
            "scope": " ".join(SCOPES),
            "exp": str(self._now_ns() // 1_000_000_000 + TOKEN_S),
            "expires_in": str(TOKEN_S),
            "email": email,
            "email_verified": "true",
            "access_type": "offline",
        }


def parse_claims(assertion: str) -> dict[str, Any] | None:
    """The claims of a JSON Web Token, unchecked; None when it is none."""
    parts = assertion.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "==")) if len(parts) == 3 else None
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def _parse_form(scope: Scope, body: bytes) -> dict[str, str]:
    """Parameters of the query and of the body, which is a form or JSON."""
    text = body.decode("utf-8", "replace")
    form = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    if "json" in find_header(scope, b"content-type"):
        try:
            given = json.loads(text)
        except ValueError:
            given = None
        return form | {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else form
    return form | {name: values[-1] for name, values in parse_qs(text).items()}
