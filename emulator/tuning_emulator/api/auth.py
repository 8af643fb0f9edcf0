"""Who calls: API keys and access tokens, and the service's own words for those it refuses.

By default any key or token is accepted and stands for one account; a missing one is refused as the service does. One
that reads ``projects/{project}`` stands for an account of that project's own, so that tests which share a server do not
see each other's tuned models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tuning_emulator.api.call import Api, Caller, Query
from tuning_emulator.core.as_of import Calendar, Day
from tuning_emulator.core.errors import LOCALIZED_MESSAGE, ApiError, error_info
from tuning_emulator.facts import google_errors
from tuning_emulator.schema.schema import Method

if TYPE_CHECKING:
    from tuning_emulator.api.credentials_file import Credentials, Key, Project, Token


OWNER = "owner@example.com"
"""The account of every accepted credential when no credentials file is given."""

_OF_PROJECT = "projects/"


@dataclass(frozen=True, slots=True)
class Presented:
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
        refuse_unfit(api, method, presented, day)
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


def takes_keys(api: Api, method: Method, day: Day) -> bool:
    """Whether a method could be called with an API key on that day."""
    if not api.keys or not has_keyless_tuning(api.name, day):
        return api.keys
    return re.search(rf"(^|\.)({google_errors.KEYLESS_TUNING.value})$", method.name) is None


def refuse_unfit(api: Api, method: Method, presented: Presented, day: Day) -> None:
    """Refuses a request without a credential of a kind that the API took on that day.

    Raises:
        ApiError: 403 where keys are taken and there is nothing; 401 where only tokens are.
    """
    keys = takes_keys(api, method, day)
    if presented.token or (presented.key and keys):
        return
    if keys:
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


# --- the checks of a credentials file

_STATES = {"expired": google_errors.KEY_EXPIRED, "not_found": google_errors.KEY_NOT_FOUND}
_STANDARD = re.compile(r"(Create|Get|List|Update|Delete|Cancel)([A-Z]\w*)")
_PERMISSIONS = {
    "GenerateContent": "aiplatform.endpoints.predict",
    "StreamGenerateContent": "aiplatform.endpoints.predict",
    "CountTokens": "aiplatform.endpoints.predict",
    "ComputeTokens": "aiplatform.endpoints.predict",
    "DeployModel": "aiplatform.endpoints.deploy",
    "UndeployModel": "aiplatform.endpoints.undeploy",
    "RebaseTunedModel": "aiplatform.tuningJobs.create",
}


class Guard:
    """The authenticator of a credentials file."""

    def __init__(self, credentials: Credentials, calendar: Calendar) -> None:
        self._calendar = calendar
        self._keys = {one.key: one for one in credentials.keys}
        self._tokens = {one.token: one for one in credentials.tokens}
        self._projects = {name: one for one in credentials.projects for name in (one.id, one.number) if name}
        self._denials = credentials.denials

    def identify(self, api: Api, method: Method, path: str, presented: Presented) -> Caller:
        """See ``Authenticator``."""
        known = self._tokens.get(presented.token) if presented.token else self._keys.get(presented.key)
        project = presented.user_project or find_project(path) or (known.project if known else "")
        day = self._calendar.find_day(project)
        refuse_unfit(api, method, presented, day)
        if presented.token:
            entry: Key | Token = self._find_token(api, method, presented, day)
        else:
            entry = self._find_key(api, method, presented, day)
        if not entry.located:
            raise google_errors.LOCATION_UNSUPPORTED()
        self._check_project(api, project, day)
        self._check_permission(api, method, path, entry.principal)
        return make_caller(api, entry.principal, project, presented, day)

    def _find_key(self, api: Api, method: Method, presented: Presented, day: Day) -> Key:
        entry = self._keys.get(presented.key)
        if entry is None or entry.state in _STATES:
            row = google_errors.KEY_INVALID if entry is None else _STATES[entry.state]
            raise _as_of(day, row(service=api.service))
        if entry.state == "leaked":
            raise google_errors.KEY_LEAKED()
        self._check_restrictions(api, method, entry, presented, day)
        return entry

    def _check_restrictions(self, api: Api, method: Method, entry: Key, presented: Presented, day: Day) -> None:
        names = {"service": api.service, "project": entry.project}
        if entry.services and api.service not in entry.services:
            raise _as_of(day, google_errors.KEY_SERVICE_BLOCKED(method=method.name, **names))
        referer = presented.referer or "<empty>"
        if entry.referrers and not any(referer.startswith(one) for one in entry.referrers):
            raise google_errors.KEY_REFERRER_BLOCKED(referer=referer, **names)
        if entry.addresses and presented.address not in entry.addresses:
            raise google_errors.KEY_ADDRESS_BLOCKED(address=presented.address, **names)
        package = presented.package or "<empty>"
        if entry.packages and package not in entry.packages:
            raise google_errors.KEY_ANDROID_BLOCKED(package=package, **names)

    def _find_token(self, api: Api, method: Method, presented: Presented, day: Day) -> Token:
        entry = self._tokens.get(presented.token)
        names = {"method": method.name, "service": api.service}
        if entry is None:
            info = () if api.keys else (error_info("ACCESS_TOKEN_TYPE_UNSUPPORTED", **names),)
            raise google_errors.TOKEN_INVALID(*info)
        if entry.scopes and not set(entry.scopes) & set(find_scopes(api.service, method.name)):
            raise google_errors.SCOPE_INSUFFICIENT(**names)
        if entry.needs_quota_project and not presented.user_project:
            raise google_errors.QUOTA_PROJECT_MISSING(service=api.service)
        if entry.projects and presented.user_project and presented.user_project not in entry.projects:
            project = presented.user_project
            url = f"https://console.developers.google.com/iam-admin/iam?project={project}"
            raise _as_of(day, google_errors.USER_PROJECT_DENIED(service=api.service, project=project, url=url))
        return entry

    def _check_project(self, api: Api, name: str, day: Day) -> None:
        if not self._projects or not name:
            return
        project = self._projects.get(name)
        if project is None:
            raise _as_of(day, google_errors.PROJECT_INVALID(service=api.service, project=name))
        if api.service in project.disabled:
            raise _service_disabled(api, project, day)

    def _check_permission(self, api: Api, method: Method, path: str, principal: str) -> None:
        if not self._denials or api.keys:
            return
        resource = path.partition("/")[2].partition("/")[2]
        resource = resource.rpartition(":")[0] or resource
        if method.name.rpartition(".")[2].startswith(("Create", "List")) and resource.count("/") % 2 == 0:
            resource = resource.rpartition("/")[0]
        permission = find_permission(method.name, resource)
        for denial in self._denials:
            within = not denial.resource or f"{resource}/".startswith(f"{denial.resource}/")
            if denial.principal == principal and denial.permission == permission and within:
                raise google_errors.IAM_DENIED(permission=permission, service=api.service, resource=resource)


def find_scopes(service: str, method: str) -> tuple[str, ...]:
    """The scopes of which a token needs one for a method, by full name."""
    name = method.rpartition(".")[2]
    for row, pattern, scopes in google_errors.SCOPES:
        if row == service and re.fullmatch(pattern, name):
            return scopes.value
    return ()


def find_permission(method: str, resource: str = "") -> str:
    """The IAM permission of a Vertex AI method: ``aiplatform.tuningJobs.create``; one of a policy is the resource's."""
    name = method.rpartition(".")[2]
    if name.endswith("IamPolicy"):
        return f"aiplatform.{resource.rpartition('/')[0].rpartition('/')[2]}.{name[:1].lower()}{name[1:]}"
    match = _STANDARD.fullmatch(name)
    if match is None:
        return _PERMISSIONS.get(name, f"aiplatform.{name[:1].lower()}{name[1:]}")
    verb, kind = match.groups()
    plural = kind if verb == "List" else f"{kind}s"
    return f"aiplatform.{plural[:1].lower()}{plural[1:]}.{verb.lower()}"


def _service_disabled(api: Api, project: Project, day: Day) -> ApiError:
    names = {"service": api.service, "project": project.number or project.id}
    url = google_errors.ACTIVATION_URL.value.format(**names)
    localized = day.holds(google_errors.LOCALIZED)
    row = google_errors.SERVICE_DISABLED if localized else google_errors.SERVICE_DISABLED_2024
    return row(title=api.title, url=url, **names)


def _as_of(day: Day, error: ApiError) -> ApiError:
    """The error as it was said on the day: nothing was said twice before services did so."""
    if not day.holds(google_errors.LOCALIZED):
        kind = LOCALIZED_MESSAGE["@type"]
        error.details = tuple(detail for detail in error.details if detail["@type"] != kind)
    return error
