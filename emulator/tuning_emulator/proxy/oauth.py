"""The OAuth token endpoint, ``oauth2.googleapis.com``: what service account keys and refresh tokens are exchanged at.

Sources: developers.google.com/identity/protocols/oauth2/service-account; google-auth ``oauth2/_client.py``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from tuning_emulator.proxy.gateway import Receive, Scope, Send, find_header, read_body, send_json
from tuning_emulator.proxy.metadata_server import SCOPES, TOKEN_S, Identity

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
        if scope["path"] == "/token" and scope["method"] == "POST":
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
