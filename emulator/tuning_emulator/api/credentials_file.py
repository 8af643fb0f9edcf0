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

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tuning_emulator.api.auth import OWNER, Authenticator, Presented, find_project, make_caller, refuse_unfit
from tuning_emulator.api.call import Api, Caller
from tuning_emulator.core.as_of import Calendar, Day
from tuning_emulator.core.errors import LOCALIZED_MESSAGE, ApiError, error_info
from tuning_emulator.facts import google_errors
from tuning_emulator.schema.schema import Method


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


def list_credentials(file: Path) -> frozenset[str]:
    """Every token and every valid key of a file: what the control API and Cloud Storage take.

    Raises:
        CredentialsFileError: see ``create_authenticator``.
    """
    found = parse_credentials(file)
    return frozenset([*(one.token for one in found.tokens), *(one.key for one in found.keys if one.state == "valid")])


def _load_yaml(file: Path, text: bytes) -> object:
    import yaml  # loaded only where it is wanted

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CredentialsFileError(f"{file}: is not YAML: {error}") from error


# --- what a service has against a credential

_STATES = {"expired": google_errors.KEY_EXPIRED, "not_found": google_errors.KEY_NOT_FOUND}
_STANDARD = re.compile(r"(Create|Get|List|Update|Delete|Cancel)([A-Z]\w*)")
_PERMISSIONS = {
    "GenerateContent": "aiplatform.endpoints.predict",
    "StreamGenerateContent": "aiplatform.endpoints.predict",
    "ChatCompletions": "aiplatform.endpoints.predict",
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
        refuse_unfit(api, method, path, presented, day)
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
