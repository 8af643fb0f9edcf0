"""``google.storage.v2``: every method but those that carry bytes. Most are the JSON API's under another name.

Source: google/storage/v2/storage.proto, google/storage/control/v2/storage_control.proto.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tuning_emulator.api.call import Api, Call, Handler
from tuning_emulator.core.errors import ApiError
from tuning_emulator.protojson.masks import apply_mask, project
from tuning_emulator.protojson.printer import format_camel
from tuning_emulator.schema.schema import Schema, Value
from tuning_emulator.storage.grpc_streams import Streams
from tuning_emulator.storage.json_api import JsonApi
from tuning_emulator.storage.listing import format_token
from tuning_emulator.storage.messages import (
    CONTROL_SCHEMAS,
    SCHEMAS,
    bucket_message,
    bucket_path,
    bucket_resource,
    name_field,
    object_message,
    object_resource,
    parse_bucket_path,
)
from tuning_emulator.storage.records import Bucket, Fields, StoredObject
from tuning_emulator.storage.request import Answer, Body, Reply, StorageRequest, note_missing_bucket
from tuning_emulator.storage.resources import BUCKET_FIELDS, OBJECT_FIELDS, clean, present_bucket, read_fields
from tuning_emulator.storage.sessions import Sessions
from tuning_emulator.storage.store import Storage

SERVICE = "storage.googleapis.com"

Unary: TypeAlias = Callable[[Call], Awaitable[Value]]

_PARAMETERS = {
    "delimiter": "delimiter",
    "destination_predefined_acl": "destinationPredefinedAcl",
    "enable_object_retention": "enableObjectRetention",
    "filter": "filter",
    "generation": "generation",
    "include_trailing_delimiter": "includeTrailingDelimiter",
    "lexicographic_end": "endOffset",
    "lexicographic_start": "startOffset",
    "match_glob": "matchGlob",
    "max_bytes_rewritten_per_call": "maxBytesRewrittenPerCall",
    "page_size": "maxResults",
    "page_token": "pageToken",
    "predefined_acl": "predefinedAcl",
    "predefined_default_object_acl": "predefinedDefaultObjectAcl",
    "prefix": "prefix",
    "rewrite_token": "rewriteToken",
    "soft_deleted": "softDeleted",
    "source_generation": "sourceGeneration",
    "versions": "versions",
}
"""Fields of requests, and the parameter of the JSON API that means the same; conditions besides."""


def read_parameters(message: Value) -> dict[str, str]:
    """What a request has in fields that are parameters of the JSON API."""
    names = {**_PARAMETERS, **{name: format_camel(name) for name in message if name.startswith("if_")}}
    found = {names[name]: value for name, value in message.items() if name in names}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in found.items()}


def make_request(call: Call, query: Mapping[str, str], body: object = None) -> StorageRequest:
    """A request to the JSON API that asks the same."""
    data = b"" if body is None else json.dumps(body).encode()
    events = iter([{"type": "http.request", "body": data, "more_body": False}])

    async def receive() -> dict[str, object]:
        return next(events)

    return StorageRequest("", "", query, {}, "", Body(receive, {}), notes=call.notes)


class GrpcApi:
    """The methods of ``Storage`` over one storage."""

    def __init__(self, storage: Storage, sessions: Sessions, json_api: JsonApi) -> None:
        self.storage = storage
        self.sessions = sessions
        self.json_api = json_api

    def list_handlers(self) -> dict[str, Handler]:
        """Every method by its relative name."""
        streams = Streams(self.storage, self.sessions)
        unary: dict[str, Unary] = {
            "CreateBucket": self.create_bucket,
            "GetBucket": self.get_bucket,
            "ListBuckets": self.list_buckets,
            "UpdateBucket": self.update_bucket,
            "DeleteBucket": self.delete_bucket,
            "LockBucketRetentionPolicy": self.lock_retention,
            "GetIamPolicy": self.get_policy,
            "SetIamPolicy": self.set_policy,
            "TestIamPermissions": self.test_permissions,
            "GetObject": self.get_object,
            "ListObjects": self.list_objects,
            "UpdateObject": self.update_object,
            "DeleteObject": self.delete_object,
            "ComposeObject": self.compose_object,
            "RewriteObject": self.rewrite_object,
            "MoveObject": self.move_object,
            "RestoreObject": self.restore_object,
            "WriteObject": streams.write_object,
            "StartResumableWrite": streams.start_session,
            "QueryWriteStatus": streams.query_session,
            "CancelResumableWrite": streams.cancel_session,
        }
        many: dict[str, Handler] = {
            "ReadObject": streams.read_object,
            "BidiReadObject": streams.read_ranges,
            "BidiWriteObject": streams.write_parts,
        }
        return {f"Storage.{name}": handler for name, handler in many.items()} | {
            f"Storage.{name}": _noted(handler) for name, handler in unary.items()
        }

    async def _ask(
        self, call: Call, method: str, names: Sequence[str], body: object = None, **parameters: str
    ) -> Answer:
        """What a method of the JSON API comes to."""
        handler = getattr(self.json_api, method)
        answer: Answer = await handler(
            make_request(call, {**read_parameters(call.request), **parameters}, body), *names
        )
        return answer

    def _print(self, call: Call, answer: Answer) -> Value:
        message = self._make_message(answer)
        mask = call.request.get("read_mask")
        return project(message, mask) if mask and mask != ["*"] else message

    def _make_message(self, answer: Answer) -> Value:
        if isinstance(answer, Bucket):
            return bucket_message(answer)
        if isinstance(answer, StoredObject):
            return object_message(answer, self.storage.find_bucket(answer.bucket))
        assert answer is None or isinstance(answer, Reply)  # nothing to say
        return {}

    # --- buckets ------------------------------------------------------------------------------------

    async def create_bucket(self, call: Call) -> Value:
        """A new one."""
        given = call.request.get("bucket", {})
        owner = str(given.get("project") or call.request.get("parent", "")).removeprefix("projects/")
        body = {**bucket_resource(given), "name": call.request.get("bucket_id", "")}
        answer = await self._ask(call, "insert_bucket", (), body, project="" if owner == "_" else owner)
        return self._print(call, answer)

    async def get_bucket(self, call: Call) -> Value:
        """One."""
        return self._print(call, await self._ask(call, "get_bucket", [parse_bucket_path(call.request.get("name"))]))

    async def list_buckets(self, call: Call) -> Value:
        """Those of a project, by pages."""
        owner = str(call.request.get("parent", "")).removeprefix("projects/")
        answer = await self._ask(call, "list_buckets", (), project="" if owner == "_" else owner)
        assert isinstance(answer, dict)
        found = [self.storage.find_bucket(one["name"]) for one in answer.get("items", [])]
        return {
            "buckets": [self._print(call, one) for one in found if one is not None],
            "next_page_token": answer.get("nextPageToken", ""),
        }

    async def update_bucket(self, call: Call) -> Value:
        """Sets what the mask names."""
        given, mask = call.request.get("bucket", {}), call.request.get("update_mask", [])
        query = make_request(call, read_parameters(call.request))

        def change(found: Bucket) -> Fields:
            resource = bucket_resource(apply_mask(bucket_message(found), given, mask))
            return _take(found.fields, read_fields(resource, BUCKET_FIELDS, call.notes), mask)

        name = parse_bucket_path(given.get("name"))
        return self._print(call, self.storage.update_bucket(name, change, query.conditions()))

    async def delete_bucket(self, call: Call) -> Value:
        """An empty one."""
        return self._print(call, await self._ask(call, "delete_bucket", [parse_bucket_path(call.request.get("name"))]))

    async def lock_retention(self, call: Call) -> Value:
        """Makes its retention policy one that stays."""
        name = parse_bucket_path(call.request.get("bucket"))
        return self._print(call, await self._ask(call, "lock_retention", [name]))

    async def get_layout(self, call: Call) -> Value:
        """``StorageControl``'s: where a bucket is."""
        name = str(call.request.get("name", "")).removesuffix("/storageLayout")
        resource = present_bucket(self.storage.get_bucket(parse_bucket_path(name)), "")
        return {
            "name": f"{name}/storageLayout",
            "location": resource["location"],
            "location_type": resource["locationType"],
            "hierarchical_namespace": resource.get("hierarchicalNamespace") or {"enabled": False},
        }

    # --- policies -----------------------------------------------------------------------------------

    async def get_policy(self, call: Call) -> Value:
        """That of a bucket."""
        return await self._ask_policy(call, "get_policy")

    async def set_policy(self, call: Call) -> Value:
        """Keeps it; it decides nothing."""
        policy = call.request.get("policy", {})
        body = {"bindings": policy.get("bindings", []), "version": policy.get("version", 1)}
        if policy.get("etag"):
            body["etag"] = base64.b64encode(policy["etag"]).decode()
        return await self._ask_policy(call, "set_policy", body)

    async def test_permissions(self, call: Call) -> Value:
        """All that is asked about."""
        self.storage.get_bucket(parse_bucket_path(call.request.get("resource")))
        return {"permissions": call.request.get("permissions", [])}

    async def _ask_policy(self, call: Call, method: str, body: object = None) -> Value:
        name = parse_bucket_path(call.request.get("resource"))
        answer = await getattr(self.json_api.policies, method)(make_request(call, {}, body), name)
        etag = base64.b64decode(answer["etag"])
        return {"version": answer["version"], "bindings": answer["bindings"], "etag": etag}

    # --- objects ------------------------------------------------------------------------------------

    async def get_object(self, call: Call) -> Value:
        """Its metadata."""
        return self._print(call, await self._ask(call, "get_object", _read_place(call.request)))

    async def list_objects(self, call: Call) -> Value:
        """Those of a bucket, by pages."""
        page = self.json_api.read_page(
            make_request(call, read_parameters(call.request)), parse_bucket_path(call.request.get("parent"))
        )
        return {
            "objects": [self._print(call, one) for one in page.objects],
            "prefixes": page.prefixes,
            "next_page_token": format_token(page.next) or "",
        }

    async def update_object(self, call: Call) -> Value:
        """Sets what the mask names."""
        given, mask = call.request.get("object", {}), call.request.get("update_mask", [])
        request = make_request(call, {**read_parameters(call.request), "generation": str(given.get("generation", 0))})

        def change(found: StoredObject) -> Fields:
            resource = object_resource(apply_mask(object_message(found), given, mask))
            return _take(found.fields, read_fields(resource, OBJECT_FIELDS, call.notes), mask)

        bucket, name = parse_bucket_path(given.get("bucket")), str(given.get("name", ""))
        changed = self.storage.update_object(bucket, name, change, request.generation, request.conditions())
        return self._print(call, changed)

    async def delete_object(self, call: Call) -> Value:
        """The live generation, or the one that is named."""
        return self._print(call, await self._ask(call, "delete_object", _read_place(call.request)))

    async def compose_object(self, call: Call) -> Value:
        """A new object of others, one after the other."""
        message, destination = call.request, call.request.get("destination", {})
        sources = [
            {
                "name": one.get("name", ""),
                "generation": one.get("generation", 0),
                "objectPreconditions": {
                    format_camel(name): value for name, value in one.get("object_preconditions", {}).items()
                },
            }
            for one in message.get("source_objects", [])
        ]
        body = {
            "sourceObjects": sources,
            "destination": object_resource(destination),
            "deleteSourceObjects": message.get("delete_source_objects", False),
        }
        place = _read_place({"bucket": destination.get("bucket"), "object": destination.get("name")})
        return self._print(call, await self._ask(call, "compose_object", place, body))

    async def rewrite_object(self, call: Call) -> Value:
        """A copy, in steps where the client asks for small ones."""
        message = call.request
        source = _read_place({"bucket": message.get("source_bucket"), "object": message.get("source_object")})
        target = _read_place({"bucket": message.get("destination_bucket"), "object": message.get("destination_name")})
        body = object_resource(message.get("destination", {}))
        answer = await self._ask(call, "rewrite_object", [*source, *target], body)
        assert isinstance(answer, dict)
        found: Value = {
            "total_bytes_rewritten": int(answer["totalBytesRewritten"]),
            "object_size": int(answer["objectSize"]),
            "done": answer["done"],
            "rewrite_token": answer.get("rewriteToken", ""),
        }
        if answer["done"]:
            generation = int(answer["resource"]["generation"])
            found["resource"] = self._make_message(self.storage.get_object(target[0], target[1], generation))
        return found

    async def move_object(self, call: Call) -> Value:
        """Another name in the same bucket."""
        message = call.request
        names = [message.get("source_object", ""), message.get("destination_object", "")]
        bucket = parse_bucket_path(message.get("bucket"))
        return self._print(call, await self._ask(call, "move_object", [bucket, *names]))

    async def restore_object(self, call: Call) -> Value:
        """What was deleted, as a new generation."""
        return self._print(call, await self._ask(call, "restore_object", _read_place(call.request)))


def _read_place(message: Value) -> list[str]:
    return [parse_bucket_path(message.get("bucket")), str(message.get("object") or "")]


def _take(fields: Fields, new: Mapping[str, Any], mask: Sequence[str]) -> dict[str, Any]:
    """The fields with those of a mask replaced; what no client sets stays."""
    masked = {name_field(path) for path in mask}
    if "*" in mask:
        masked = {*BUCKET_FIELDS, *OBJECT_FIELDS}
    kept = {name: value for name, value in fields.items() if name not in masked}
    return kept | clean({name: value for name, value in new.items() if name in masked})


def _find_bucket(message: Value) -> str:
    """The bucket that a request names, "" where it names none."""
    given = message.get("destination") or message.get("object") or message
    place = given if isinstance(given, dict) else message
    found = (place.get(name) for name in ("bucket", "destination_bucket", "parent", "name", "resource"))
    return next((str(one) for one in found if one and isinstance(one, str)), "").removeprefix(bucket_path(""))


def _noted(handler: Unary) -> Handler:
    async def answer(call: Call) -> Value:
        try:
            return await handler(call)
        except ApiError as error:
            note_missing_bucket(error, _find_bucket(call.request), call.notes)
            raise

    return answer


def create_storage_apis(storage: Storage, sessions: Sessions, json_api: JsonApi) -> list[Api]:
    """What gRPC serves of Cloud Storage."""
    api = GrpcApi(storage, sessions, json_api)
    served: list[tuple[str, Mapping[str, Schema], Mapping[str, Handler]]] = [
        ("storage", SCHEMAS, api.list_handlers()),
        ("storage control", CONTROL_SCHEMAS, {"StorageControl.GetStorageLayout": _noted(api.get_layout)}),
    ]
    return [
        Api(name, SERVICE, "Cloud Storage API", SERVICE, schemas, handlers, anonymous=True)
        for name, schemas, handlers in served
    ]
