"""The checks of a credentials file, in the service's order: credential, restrictions, scopes, project, permission."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.core.calendar import Calendar, Day
from emulator.core.errors import Detail
from emulator.facts import front_end
from emulator.protocol.call import Api, Caller
from emulator.protocol.credentials import (
    Presented,
    error_info,
    find_project,
    make_caller,
    refusal,
    refuse_unfit,
)
from emulator.schema.declare import Method

if TYPE_CHECKING:
    from emulator.protocol.credentials_file import Credentials, Key, Project, Token

_ADC_CONSUMER = "projects/764086051850"
_STATES = {"expired": front_end.KEY_EXPIRED, "not_found": front_end.KEY_NOT_FOUND}
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
            raise refusal(front_end.LOCATION_UNSUPPORTED)
        self._check_project(api, project, day)
        self._check_permission(api, method, path, entry.principal)
        return make_caller(api, entry.principal, project, presented, day)

    def _find_key(self, api: Api, method: Method, presented: Presented, day: Day) -> Key:
        entry = self._keys.get(presented.key)
        if entry is None or entry.state in _STATES:
            text = front_end.KEY_INVALID if entry is None else _STATES[entry.state]
            info = error_info("API_KEY_INVALID", {"service": api.service})
            raise refusal(text, info, *_localized(day, text.format()))
        if entry.state == "leaked":
            raise refusal(front_end.KEY_LEAKED)
        self._check_restrictions(api, method, entry, presented, day)
        return entry

    def _check_restrictions(self, api: Api, method: Method, entry: Key, presented: Presented, day: Day) -> None:
        consumer = f"projects/{entry.project}"
        if entry.services and api.service not in entry.services:
            names = {"consumer": consumer, "service": api.service}
            names |= {"apiName": api.service, "methodName": method.name}
            text = front_end.KEY_SERVICE_BLOCKED
            shown = text.format(service=api.service, method=method.name)
            info = error_info("API_KEY_SERVICE_BLOCKED", names)
            raise refusal(text, info, *_localized(day, shown), service=api.service, method=method.name)
        names = {"service": api.service, "consumer": consumer}
        referer = presented.referer or "<empty>"
        if entry.referrers and not any(referer.startswith(one) for one in entry.referrers):
            info = error_info("API_KEY_HTTP_REFERRER_BLOCKED", names)
            raise refusal(front_end.KEY_REFERRER_BLOCKED, info, referer=referer)
        if entry.addresses and presented.address not in entry.addresses:
            info = error_info("API_KEY_IP_ADDRESS_BLOCKED", names)
            raise refusal(front_end.KEY_ADDRESS_BLOCKED, info, address=presented.address)
        package = presented.package or "<empty>"
        if entry.packages and package not in entry.packages:
            info = error_info("API_KEY_ANDROID_APP_BLOCKED", names)
            raise refusal(front_end.KEY_ANDROID_BLOCKED, info, package=package)

    def _find_token(self, api: Api, method: Method, presented: Presented, day: Day) -> Token:
        entry = self._tokens.get(presented.token)
        names = {"method": method.name, "service": api.service}
        if entry is None:
            if api.keys:
                raise refusal(front_end.TOKEN_INVALID)
            raise refusal(front_end.TOKEN_INVALID, error_info("ACCESS_TOKEN_TYPE_UNSUPPORTED", names))
        if entry.scopes and not set(entry.scopes) & set(find_scopes(api.service, method.name)):
            info = error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", {"service": api.service, "method": method.name})
            raise refusal(front_end.SCOPE_INSUFFICIENT, info)
        if entry.needs_quota_project and not presented.user_project:
            info = error_info("SERVICE_DISABLED", {"service": api.service, "consumer": _ADC_CONSUMER})
            raise refusal(front_end.QUOTA_PROJECT_MISSING, info, service=api.service)
        if entry.projects and presented.user_project and presented.user_project not in entry.projects:
            raise _user_project_denied(api, presented.user_project, day)
        return entry

    def _check_project(self, api: Api, name: str, day: Day) -> None:
        if not self._projects or not name:
            return
        project = self._projects.get(name)
        if project is None:
            names = {"containerInfo": name, "service": api.service, "consumer": f"projects/{name}"}
            text = front_end.PROJECT_INVALID
            link = _help("Google developers console", "https://console.developers.google.com")
            info = error_info("CONSUMER_INVALID", names)
            raise refusal(text, info, *_localized(day, text.format(project=name)), link, project=name)
        if api.service in project.disabled:
            raise _service_disabled(api, project, day)

    def _check_permission(self, api: Api, method: Method, path: str, principal: str) -> None:
        if not self._denials or api.keys:
            return
        permission = find_permission(method.name)
        resource = path.partition("/")[2].partition("/")[2]
        resource = resource.rpartition(":")[0] or resource
        if method.name.rpartition(".")[2].startswith(("Create", "List")) and resource.count("/") % 2 == 0:
            resource = resource.rpartition("/")[0]
        for denial in self._denials:
            within = not denial.resource or f"{resource}/".startswith(f"{denial.resource}/")
            if denial.principal == principal and denial.permission == permission and within:
                names = {"permission": permission, "resource": resource}
                info = error_info("IAM_PERMISSION_DENIED", names, domain=api.service)
                raise refusal(front_end.IAM_DENIED, info, permission=permission, service=api.service, resource=resource)


def find_scopes(service: str, method: str) -> tuple[str, ...]:
    """The scopes of which a token needs one for a method, by full name."""
    name = method.rpartition(".")[2]
    for row, pattern, scopes in front_end.SCOPES:
        if row == service and re.fullmatch(pattern, name) and isinstance(scopes.value, tuple):
            return scopes.value
    return ()


def find_permission(method: str) -> str:
    """The IAM permission of a Vertex AI method: ``aiplatform.tuningJobs.create``."""
    name = method.rpartition(".")[2]
    match = _STANDARD.fullmatch(name)
    if match is None:
        return _PERMISSIONS.get(name, f"aiplatform.{name[:1].lower()}{name[1:]}")
    verb, kind = match.groups()
    plural = kind if verb == "List" else f"{kind}s"
    return f"aiplatform.{plural[:1].lower()}{plural[1:]}.{verb.lower()}"


def _service_disabled(api: Api, project: Project, day: Day) -> Exception:
    number = project.number or project.id
    url = str(front_end.ACTIVATION_URL.value).format(service=api.service, project=number)
    names = {"serviceTitle": api.title, "consumer": f"projects/{number}", "containerInfo": number}
    names |= {"service": api.service, "activationUrl": url}
    values = {"title": api.title, "project": number, "url": url}
    text = front_end.SERVICE_DISABLED
    link = _help("Google developers console API activation", url)
    if not day.holds(front_end.LOCALIZED):
        names = {"service": api.service, "consumer": f"projects/{number}"}
        return refusal(text, link, error_info("SERVICE_DISABLED", names), **values)
    info = error_info("SERVICE_DISABLED", names)
    return refusal(text, info, *_localized(day, text.format(**values)), link, **values)


def _user_project_denied(api: Api, project: str, day: Day) -> Exception:
    url = f"https://console.developers.google.com/iam-admin/iam?project={project}"
    names = {"containerInfo": project, "consumer": f"projects/{project}", "consoleUrl": url, "service": api.service}
    values = {"project": project, "url": url}
    text = front_end.USER_PROJECT_DENIED
    link = _help("Google developer console IAM admin", url)
    return refusal(
        text, error_info("USER_PROJECT_DENIED", names), *_localized(day, text.format(**values)), link, **values
    )


def _localized(day: Day, text: str) -> tuple[Detail, ...]:
    """The text once more, for people; nothing before services did so."""
    if not day.holds(front_end.LOCALIZED):
        return ()
    return ({"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": text},)


def _help(description: str, url: str) -> Detail:
    return {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": description, "url": url}]}
