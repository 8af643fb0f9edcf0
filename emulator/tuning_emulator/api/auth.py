"""Who calls: API keys and access tokens, and the service's own words for those it refuses.

By default any key or token is accepted and stands for one account; a missing one is refused as the service does. One
that reads ``projects/{project}`` stands for an account of that project's own, so that tests which share a server do not
see each other's tuned models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from tuning_emulator.api.call import Api, Caller, Query
from tuning_emulator.core.as_of import Calendar, Day
from tuning_emulator.facts import google_errors
from tuning_emulator.schema.schema import Method

OWNER = "owner@example.com"
"""The account of every accepted credential when no credentials file is given."""

_OF_PROJECT = "projects/"


class Presented(Struct, frozen=True):
    """What one request presents; "" where absent.

    Attributes:
        user_project: The project to bill. address: The client's IP address.
        referer, package: The page or Android application that calls, which a key may be restricted to.
    """

    key: str = ""
    token: str = ""
    user_project: str = ""
    referer: str = ""
    package: str = ""
    address: str = ""


def read_presented(headers: Mapping[str, str], query: Query, address: str = "") -> Presented:
    """What the request presents, in headers or query."""
    system = dict(query) if query else {}
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = ""
    return Presented(
        key=headers.get("x-goog-api-key") or system.get("key") or system.get("$key") or "",
        token=token.strip() or system.get("access_token") or system.get("oauth_token") or "",
        user_project=headers.get("x-goog-user-project") or system.get("$userProject") or "",
        referer=headers.get("referer", ""),
        package=headers.get("x-android-package", ""),
        address=address,
    )


class Authenticator(Protocol):
    """Decides who calls."""

    def identify(self, api: Api, method: Method, path: str, presented: Presented) -> Caller:
        """The caller of a method.

        Args:
            path: The request's path, decoded; resources of a project begin ``/v1/projects/{project}``.

        Raises:
            ApiError: the service would refuse these credentials.
        """
        ...


class OpenAuthenticator:
    """Accepts any credential that the API takes, as one account or as that of the project that the credential names.

    Args:
        anonymous: Whether a request without any credential is taken too, as that one account.
    """

    def __init__(self, calendar: Calendar | None = None, *, anonymous: bool = False) -> None:
        self._calendar = calendar or Calendar()
        self._anonymous = anonymous

    def identify(self, api: Api, method: Method, path: str, presented: Presented) -> Caller:
        """See ``Authenticator``."""
        own = find_own_project(presented.token or presented.key)
        project = presented.user_project or find_project(path) or own
        if self._anonymous and not (presented.key or presented.token):
            return Caller(OWNER, project, "none")
        day = self._calendar.find_day(project)
        refuse_unfit(api, method, path, presented, day)
        return make_caller(api, format_owner(own), project, presented, day)


def find_own_project(credential: str) -> str:
    """The project of a key or token that reads ``projects/{project}``; "" of any other."""
    project = credential.removeprefix(_OF_PROJECT)
    return project if project != credential and "/" not in project else ""


def format_owner(project: str) -> str:
    """The account that the credentials of a project stand for; ``OWNER`` for "", no project in particular."""
    name, _, domain = OWNER.partition("@")
    return f"{name}@{project}.{domain}" if project else OWNER


def make_caller(api: Api, principal: str, project: str, presented: Presented, day: Day) -> Caller:
    """The caller of good credentials. While tuning took no keys, a key stood for nobody (see ``KEYLESS_TUNING``)."""
    if presented.token:
        return Caller(principal, project, "token")
    return Caller("" if has_keyless_tuning(api.name, day) else principal, project, "key")


@lru_cache(maxsize=1024)
def has_keyless_tuning(api: str, day: Day) -> bool:
    """Whether tuning in that API took no keys on that day."""
    return api == "gemini" and day.holds(google_errors.KEYLESS_TUNING)


def takes_keys(api: Api, method: Method, path: str, day: Day) -> bool:
    """Whether a method could be called with an API key on that day."""
    if api.express is not None and api.express.fullmatch(path):
        return True
    if not api.keys or not has_keyless_tuning(api.name, day):
        return api.keys
    return re.search(rf"(^|\.)({google_errors.KEYLESS_TUNING.value})$", method.name) is None


def refuse_unfit(api: Api, method: Method, path: str, presented: Presented, day: Day) -> None:
    """Refuses a request without a credential of a kind that the API took on that day.

    Raises:
        ApiError: 403 where keys are taken and there is nothing; 401 where only tokens are.
    """
    if presented.token or (presented.key and takes_keys(api, method, path, day)):
        return
    if api.keys and takes_keys(api, method, path, day):
        raise google_errors.NO_CALLER()
    row = google_errors.KEY_NOT_SUPPORTED if presented.key else google_errors.NO_TOKEN
    raise row(service=api.service, method=method.name)


def find_project(path: str) -> str:
    """``/v1/projects/P/locations/…`` → ``P``; "" for other paths."""
    parts = path.split("/", 4)
    return parts[3] if len(parts) > 3 and parts[2] == "projects" else ""


def create_authenticator(
    file: Path | None = None, calendar: Calendar | None = None, *, anonymous: bool = False
) -> Authenticator:
    """The authenticator of a credentials file, or the one that accepts everything.

    Args:
        calendar: As of which day each project is answered; None: leniently.
        anonymous: Whether requests without credentials are taken; not together with a file, which says who is known.

    Raises:
        CredentialsFileError: the file cannot be read or says something unknown.
        ValueError: ``anonymous`` together with a file.
    """
    if file is None:
        return OpenAuthenticator(calendar, anonymous=anonymous)
    if anonymous:
        raise ValueError(f"anonymous: not together with credentials ({file}), which says who is known; leave one out")
    from tuning_emulator.api.credentials_file import read_credentials  # rarely wanted

    return read_credentials(file, calendar)
