"""Google discovery documents of the APIs, made from their schemas.

What ``GET /$discovery/rest?version=…`` and the older ``GET /discovery/v1/apis/{api}/{version}/rest`` answer;
google-api-python-client builds its whole client from it. Paths are those that the emulator serves, lenient ones too.

Sources: developers.google.com/discovery/v1/reference/apis; the published documents of Vertex AI (v1, v1beta1), with
which ``make parity`` compares methods, paths and parameters.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from tuning_emulator.api.call import Api, relative_name
from tuning_emulator.api.errors import to_envelope
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.printer import JSON_TYPE, format_json
from tuning_emulator.rest.responses import Accepts, Response, body_response
from tuning_emulator.schema.schema import OUTPUT_ONLY, REQUIRED, Field, HttpRule, Message, Method, Schema

Json: TypeAlias = dict[str, Any]

_BY_QUERY = "/$discovery/rest"
_BY_PATH = re.compile(r"/discovery/v1/apis/([^/]+)/([^/]+)/rest")
_VARIABLE = re.compile(r"\{([^=}]+)(?:=([^}]*))?\}")
_SHORT = "generativelanguage.googleapis.com"
"""The service whose documents call schemas by their last name; others spell the package out."""

_OPERATIONS = "google.longrunning.Operations."

_PLAIN: Json = {"type": "any"}
_TYPES: dict[str, Json] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "bytes": {"type": "string", "format": "byte"},
    "int32": {"type": "integer", "format": "int32"},
    "uint32": {"type": "integer", "format": "uint32"},
    "int64": {"type": "string", "format": "int64"},
    "uint64": {"type": "string", "format": "uint64"},
    "float": {"type": "number", "format": "float"},
    "double": {"type": "number", "format": "double"},
    "google.protobuf.Timestamp": {"type": "string", "format": "google-datetime"},
    "google.protobuf.Duration": {"type": "string", "format": "google-duration"},
    "google.protobuf.FieldMask": {"type": "string", "format": "google-fieldmask"},
    "google.protobuf.BoolValue": {"type": "boolean"},
    "google.protobuf.NullValue": {"type": "string", "enum": ["NULL_VALUE"]},
    "google.protobuf.Value": _PLAIN,
    "google.protobuf.ListValue": {"type": "array", "items": _PLAIN},
    "google.protobuf.Struct": {"type": "object", "additionalProperties": _PLAIN},
    "google.protobuf.Any": {"type": "object", "additionalProperties": _PLAIN},
}
_COMMON: dict[str, tuple[str, str]] = {
    "access_token": ("string", ""),
    "alt": ("string", "json"),
    "callback": ("string", ""),
    "fields": ("string", ""),
    "key": ("string", ""),
    "oauth_token": ("string", ""),
    "prettyPrint": ("boolean", "true"),
    "quotaUser": ("string", ""),
    "uploadType": ("string", ""),
    "upload_protocol": ("string", ""),
    "$.xgafv": ("string", ""),
}
"""Type and default of the parameters that every method takes."""


def answer_discovery(apis: Sequence[Api], url: str, path: str, query: str) -> Response | None:
    """The answer to a request for a discovery document, which needs no credentials; None when the path is another's."""
    if path != _BY_QUERY and not _BY_PATH.fullmatch(path):
        return None
    try:
        status, (api, document) = 200, find_document(apis, url, path, query)
    except ApiError as error:
        status, api, document = error.code.http_status, apis[0], to_envelope(error)
    return body_response(api, Accepts(False, "", time.monotonic()), status, JSON_TYPE, format_json(document))


def find_document(apis: Sequence[Api], url: str, path: str, query: str) -> tuple[Api, Json]:
    """The document that a request asks for.

    Args:
        url: Where the client has reached the emulator: the document sends it there again. On a host of Google's that
            host's API is the only one.

    Raises:
        ApiError: NOT_FOUND, there is no such API or version.
    """
    named = _BY_PATH.fullmatch(path)
    version = named[2] if named else dict(parse_qsl(query)).get("version", "")
    host = url.partition("://")[2].partition(":")[0]
    own = [api for api in apis if host.endswith(api.host_suffix)]
    found = [api for api in own or apis if named is None or api.service.partition(".")[0] == named[1]]
    for api in found:
        if not version or version in api.schemas:
            return api, build_document(api, version or next(iter(api.schemas)), url)
    service = f"{named[1]}.googleapis.com" if named else (found[0].service if len(found) == 1 else host)
    raise google_errors.DISCOVERY_NOT_FOUND(service=service, version=version)


def build_document(api: Api, version: str, url: str) -> Json:
    """The whole document of one version of an API."""
    schema, name, root = api.schemas[version], api.service.partition(".")[0], f"{url.rstrip('/')}/"
    writer = _Writer(api, schema, name)
    resources = writer.write_resources()
    scopes = sorted({scope for row, _, listed in google_errors.SCOPES if row == api.service for scope in listed.value})
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": f"{name}:{version}",
        "name": name,
        "version": version,
        "title": api.title,
        "ownerDomain": "google.com",
        "ownerName": "Google",
        "protocol": "rest",
        "rootUrl": root,
        "servicePath": "",
        "baseUrl": root,
        "basePath": "",
        "batchPath": "batch",
        "fullyEncodeReservedExpansion": True,
        "version_module": True,
        "auth": {"oauth2": {"scopes": {scope: {"description": scope} for scope in scopes}}},
        "parameters": {one: _common_parameter(*said) for one, said in _COMMON.items()},
        "resources": resources,
        "schemas": dict(sorted(writer.schemas.items())),
    }


def _common_parameter(type_name: str, default: str) -> Json:
    said: Json = {"type": type_name, "location": "query"}
    return {**said, "default": default} if default else said


class _Writer:
    """Writes one version's methods, and on the way the schemas that they need."""

    def __init__(self, api: Api, schema: Schema, name: str) -> None:
        self.schemas: dict[str, Json] = {}
        self._api, self._schema, self._name = api, schema, name
        self._short = api.service == _SHORT
        self._embedded = {one.type for message in schema.messages.values() for one in message.fields}

    # ------------------------------------------------------------ methods

    def write_resources(self) -> Json:
        """Methods by resource: ``projects`` → ``locations`` → ``tuningJobs`` → ``create``."""
        top: Json = {"resources": {}}
        for method, rule in self._list_bindings():
            *collections, verb = name_method(relative_name(self._schema, method), rule)
            place = top
            for one in collections:
                place = place.setdefault("resources", {}).setdefault(one, {})
            identity = ".".join((self._name, *collections, verb))
            place.setdefault("methods", {}).setdefault(verb, self._write_method(identity, method, rule))
        resources: Json = top["resources"]
        return resources

    def _list_bindings(self) -> Iterator[tuple[Method, HttpRule]]:
        for method in self._schema.methods.values():
            if relative_name(self._schema, method) in self._api.handlers:
                yield from ((method, rule) for rule in method.http if not rule.unversioned)

    def _write_method(self, identity: str, method: Method, rule: HttpRule) -> Json:
        variables = _VARIABLE.findall(rule.template)
        request = self._schema.messages[method.request]
        body = rule.body if self._short or not method.name.startswith(_OPERATIONS) else ""  # taken, but not announced
        parameters = {_last(name): _path_parameter(pattern) for name, pattern in variables}
        order = list(parameters)
        if body != "*":
            taken = {name.partition(".")[0] for name, _ in variables} | {body}
            parameters |= self._write_query([one for one in request.fields if one.name not in taken])
        path = _VARIABLE.sub(lambda match: f"{{+{_last(match[1])}}}", rule.template)
        written: Json = {
            "id": identity,
            "path": f"{self._schema.version}{path}",
            "flatPath": f"{self._schema.version}{_flatten(rule.template)}",
            "httpMethod": rule.verb,
            "parameters": parameters,
            "parameterOrder": order,
            "response": {"$ref": self._refer(method.response)},
        }
        if body:
            written["request"] = {"$ref": self._refer_request(request, rule, [name for name, _ in variables])}
        return written

    def _write_query(self, fields: Sequence[Field], prefix: str = "") -> Json:
        """Query parameters: a message's fields one by one, as ``outer.inner``."""
        parameters: Json = {}
        for one in fields:
            name = prefix + one.json_name
            inner = self._schema.messages.get(one.type)
            if inner is not None:
                parameters |= {} if one.repeated or one.key else self._write_query(inner.fields, f"{name}.")
                continue
            said: Json = {**self._describe_type(one.type), "location": "query"}
            if one.repeated:
                said["repeated"] = True
            if one.behaviour & REQUIRED and not prefix and one.type == "string":
                said["description"] = "Required."
            parameters[name] = said
        return parameters

    # ------------------------------------------------------------ schemas

    def _refer_request(self, request: Message, rule: HttpRule, variables: Sequence[str]) -> str:
        if rule.body != "*":
            (field,) = (one for one in request.fields if one.name == rule.body)
            return self._refer(field.type)
        left_out = () if request.name in self._embedded else variables
        return self._refer(request.name, left_out)

    def _refer(self, name: str, left_out: Sequence[str] = ()) -> str:
        """The id of a message's schema, which is written at its first use."""
        identity = self._name_schema(name)
        if identity not in self.schemas:
            written: Json = {"id": identity, "type": "object", "properties": {}}
            self.schemas[identity] = written
            message = self._schema.messages.get(name)  # none: google.protobuf.Empty
            for one in message.fields if message else ():
                if one.name not in left_out:
                    written["properties"][one.json_name] = self._describe(one)
        return identity

    def _name_schema(self, name: str) -> str:
        own = f"{self._schema.package}.{self._schema.version}."
        if not self._short:
            return "".join(part[:1].upper() + part[1:] for part in name.split("."))
        tail = name.removeprefix(own) if name.startswith(own) else name.rpartition(".")[2]
        return tail.replace(".", "")

    def _describe(self, field: Field) -> Json:
        said = self._describe_type(field.type)
        if field.key:
            said = {"type": "object", "additionalProperties": said}
        elif field.repeated:
            said = {"type": "array", "items": said}
        return {**said, "readOnly": True} if field.behaviour & OUTPUT_ONLY else said

    def _describe_type(self, name: str) -> Json:
        enum = self._schema.enums.get(name)
        if enum is not None:
            return {"type": "string", "enum": list(enum.values)}
        return _TYPES.get(name) or {"$ref": self._refer(name)}


def name_method(method: str, rule: HttpRule) -> list[str]:
    """The resources that a method belongs to, and its name there: ``projects``, ``locations``, ``tuningJobs``, ``get``.

    Args:
        method: Relative name of the method: ``GenAiTuningService.GetTuningJob``.
    """
    pattern = _VARIABLE.sub(lambda match: match[2] or "*", rule.template)
    path, _, action = pattern.rpartition(":") if ":" in pattern else (pattern, "", "")
    collections = [part for part in path.split("/") if part and not part.startswith("*")]
    if action:
        return [*collections, action]
    verb = re.match("[A-Z][a-z]+", method.rpartition(".")[2])
    assert verb is not None
    return [*collections, "patch" if rule.verb == "PATCH" else verb[0].lower()]


def _flatten(template: str) -> str:
    """``/{name=tunedModels/*}`` → ``/tunedModels/{tunedModelsId}``."""
    path = _VARIABLE.sub(lambda match: match[2] or "*", template)
    return re.sub(r"([A-Za-z0-9]+)/\*+", r"\1/{\1Id}", path)


def _path_parameter(pattern: str) -> Json:
    expression = ".*".join(part.replace("*", "[^/]+") for part in pattern.split("**"))
    return {"type": "string", "location": "path", "required": True, "pattern": f"^{expression}$"}


def _last(name: str) -> str:
    """The parameter of a path variable, without what it is nested in: ``tuned_model.name`` → ``name``."""
    head, *rest = name.rpartition(".")[2].split("_")
    return head + "".join(part.title() for part in rest)
