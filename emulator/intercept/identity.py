"""Who a program is that brings no credentials of its own: the account and project of the metadata server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_TOKEN = "ya29.tuning-emulator"  # noqa: S105 good only here, where any token is
"""Access token where no credentials file names one."""

TOKEN_S = 3599
"""Seconds that an access token is said to last, as the real token endpoints say of a fresh one."""

SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/userinfo.email",
)


@dataclass(frozen=True, slots=True)
class Identity:
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
