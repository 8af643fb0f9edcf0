"""A file of keys, tokens, projects and denials, for those who test how their client takes errors.

JSON, or YAML::

    {"keys": [{"key": "AIza-good", "project": "demo"}, {"key": "AIza-old", "state": "expired"}],
     "tokens": [{"token": "ya29-alice", "principal": "alice@example.com", "projects": ["demo"],
                 "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}],
     "projects": [{"id": "demo", "number": "1234567890", "disabled": ["aiplatform.googleapis.com"]}],
     "denials": [{"principal": "alice@example.com", "permission": "aiplatform.tuningJobs.create"}]}

What is not listed is refused; without ``projects`` any project will do. Each refusal has the service's own words.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tuning_emulator.api.auth import OWNER, Authenticator, Guard
from tuning_emulator.core.as_of import Calendar


class CredentialsFileError(ValueError):
    """The file cannot be read or says something unknown; the text names the file and the entry."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Key(_Entry):
    """An API key.

    Attributes:
        state: Why the service would refuse it, if not ``valid``.
        services: The only services that it may call. referrers, addresses, packages: the only ones that may use it.
            Empty means any.
        located: False refuses calls as from a country that is not served.
    """

    key: str
    principal: str = OWNER
    project: str = ""
    state: Literal["valid", "expired", "leaked", "not_found"] = "valid"
    services: tuple[str, ...] = ()
    referrers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    located: bool = True


class Token(_Entry):
    """An access token.

    Attributes:
        scopes: What it was made for; empty means everything.
        projects: Those that it may bill in ``x-goog-user-project``; empty means any.
        needs_quota_project: It is of local Application Default Credentials and bills no project by itself.
    """

    token: str
    principal: str = OWNER
    project: str = ""
    scopes: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    needs_quota_project: bool = False
    located: bool = True


class Project(_Entry):
    """A project, and the services that are not enabled in it."""

    id: str
    number: str = ""
    disabled: tuple[str, ...] = ()


class Denial(_Entry):
    """A permission that a principal has not, on one resource and all below it (empty: on all)."""

    principal: str
    permission: str
    resource: str = ""


class Credentials(_Entry):
    """Everything in the file."""

    keys: tuple[Key, ...] = ()
    tokens: tuple[Token, ...] = ()
    projects: tuple[Project, ...] = ()
    denials: tuple[Denial, ...] = ()


def read_credentials(file: Path, calendar: Calendar | None = None) -> Authenticator:
    """The authenticator that the file describes. ``calendar``: see ``create_authenticator``.

    Raises:
        CredentialsFileError: see there.
    """
    return Guard(parse_credentials(file), calendar or Calendar())


def parse_credentials(file: Path) -> Credentials:
    """What the file says.

    Raises:
        CredentialsFileError: see there.
    """
    try:
        text = file.read_bytes()
        yaml = file.suffix in (".yaml", ".yml")
        return Credentials.model_validate(_load_yaml(file, text)) if yaml else Credentials.model_validate_json(text)
    except OSError as error:
        raise CredentialsFileError(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CredentialsFileError(f"{file}: {place}: {first['msg']}, not {first['input']!r}") from error


def _load_yaml(file: Path, text: bytes) -> object:
    import yaml  # loaded only where it is wanted

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CredentialsFileError(f"{file}: is not YAML: {error}") from error
