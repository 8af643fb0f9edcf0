"""The JSON API: every method that is served, by verb and path.

Source: the discovery document of storage v1; cloud.google.com/storage/docs/json_api/v1.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from tuning_emulator.core.ids import project_number
from tuning_emulator.facts import emulator_errors, storage_errors
from tuning_emulator.storage.access import AccessLists, Policies, expand_predefined
from tuning_emulator.storage.composing import compose
from tuning_emulator.storage.downloads import download
from tuning_emulator.storage.listing import PAGE_SIZE, Page, Wanted, format_token, list_page, parse_token
from tuning_emulator.storage.objects import DEFAULT_TYPE
from tuning_emulator.storage.records import Bucket, Conditions, Fields, State, StoredObject, apply_patch
from tuning_emulator.storage.request import Answer, Reply, StorageRequest, json_reply
from tuning_emulator.storage.resources import (
    BUCKET_FIELDS,
    OBJECT_FIELDS,
    clean,
    format_time,
    present_bucket,
    present_object,
    read_fields,
    select_fields,
)
from tuning_emulator.storage.sessions import Sessions
from tuning_emulator.storage.store import Source, Storage
from tuning_emulator.storage.uploads import (
    continue_session,
    insert_media,
    insert_multipart,
    read_resource,
    start_session,
)

Handler: TypeAlias = Callable[..., Awaitable[Answer]]

COMPONENTS = 32
"""Most that one compose takes. Source: cloud.google.com/storage/docs/composite-objects."""

REWRITE_LEAST_BYTES = 1 << 20
_HELD = ("temporaryHold", "eventBasedHold")


@dataclass(frozen=True, slots=True)
class JsonRoute:
    """One method.

    Attributes:
        name: As the discovery document has it, without ``storage.``. path: Segments; ``*`` stands for a name.
    """

    verb: str
    path: tuple[str, ...]
    name: str
    handler: Handler


class JsonApi:
    """The methods over one storage."""

    def __init__(self, storage: Storage, sessions: Sessions) -> None:
        self.storage = storage
        self.sessions = sessions
        self.policies = Policies(storage)
        self._routes: dict[int, list[JsonRoute]] = {}
        for verb, path, name, handler in self._list_routes():
            segments = tuple(path.split("/"))
            self._routes.setdefault(len(segments), []).append(JsonRoute(verb, segments, name, handler))

    def find(self, verb: str, segments: Sequence[str]) -> tuple[JsonRoute, list[str]] | None:
        """The route of a path behind ``/storage/v1/``, and the segments that stand for names.

        Raises:
            ApiError: 405, the path is one of other verbs.
        """
        fitting = [one for one in self._routes.get(len(segments), ()) if _fits(one.path, segments)]
        route = next((one for one in fitting if one.verb == verb), None)
        if route is None and fitting:
            raise storage_errors.METHOD_NOT_ALLOWED()
        if route is None:
            return None
        return route, [given for given, wanted in zip(segments, route.path, strict=True) if wanted == "*"]

    async def answer(self, request: StorageRequest, route: JsonRoute, names: Sequence[str]) -> Reply:
        """Runs a method and prints what it comes to."""
        request.method, request.resource = route.name, "/".join(names)
        answer = await route.handler(request, *names)
        if isinstance(answer, Bucket):
            answer = present_bucket(answer, request.base_url, full=request.full)
        elif isinstance(answer, StoredObject):
            bucket = self.storage.find_bucket(answer.bucket)
            answer = present_object(answer, request.base_url, full=request.full, bucket=bucket)
        if answer is None:
            return Reply(204)
        if isinstance(answer, Reply):
            return answer
        mask = request.query.get("fields", "")
        pretty = request.query.get("prettyPrint", "").lower() != "false"
        return json_reply(select_fields(answer, mask) if mask else answer, pretty=pretty)

    def _list_routes(self) -> list[tuple[str, str, str, Handler]]:
        bucket, item = "b/*", "b/*/o/*"
        routes: list[tuple[str, str, str, Handler]] = [
            ("GET", "b", "buckets.list", self.list_buckets),
            ("POST", "b", "buckets.insert", self.insert_bucket),
            ("GET", bucket, "buckets.get", self.get_bucket),
            ("PATCH", bucket, "buckets.patch", self.patch_bucket),
            ("PUT", bucket, "buckets.update", self.update_bucket),
            ("DELETE", bucket, "buckets.delete", self.delete_bucket),
            ("GET", f"{bucket}/storageLayout", "buckets.getStorageLayout", self.get_layout),
            ("POST", f"{bucket}/lockRetentionPolicy", "buckets.lockRetentionPolicy", self.lock_retention),
            ("GET", "projects/*/serviceAccount", "projects.serviceAccount.get", self.get_service_account),
            ("GET", f"{bucket}/o", "objects.list", self.list_objects),
            ("POST", f"{bucket}/o", "objects.insert", self.insert_object),
            ("PUT", f"{bucket}/o", "objects.insert", self.insert_object),
            ("DELETE", f"{bucket}/o", "objects.insert", self.cancel_upload),
            ("GET", item, "objects.get", self.get_object),
            ("PATCH", item, "objects.patch", self.patch_object),
            ("PUT", item, "objects.update", self.update_object),
            ("DELETE", item, "objects.delete", self.delete_object),
            ("POST", f"{item}/compose", "objects.compose", self.compose_object),
            ("POST", f"{item}/restore", "objects.restore", self.restore_object),
            ("POST", f"{item}/copyTo/b/*/o/*", "objects.copy", self.copy_object),
            ("POST", f"{item}/rewriteTo/b/*/o/*", "objects.rewrite", self.rewrite_object),
            ("POST", f"{item}/moveTo/o/*", "objects.move", self.move_object),
        ]
        policies = self.policies
        for owner, name in ((bucket, "buckets"), (item, "objects")):
            routes += [
                ("GET", f"{owner}/iam", f"{name}.getIamPolicy", policies.get_policy),
                ("PUT", f"{owner}/iam", f"{name}.setIamPolicy", policies.set_policy),
                ("GET", f"{owner}/iam/testPermissions", f"{name}.testIamPermissions", policies.test_permissions),
            ]
        for path, name, kind in (
            (f"{bucket}/acl", "bucketAccessControls", "acl"),
            (f"{bucket}/defaultObjectAcl", "defaultObjectAccessControls", "defaultObjectAcl"),
            (f"{item}/acl", "objectAccessControls", "acl"),
        ):
            lists = AccessLists(self.storage, kind)
            routes += [
                ("GET", path, f"{name}.list", lists.list_entries),
                ("POST", path, f"{name}.insert", lists.insert),
                ("GET", f"{path}/*", f"{name}.get", lists.get),
                ("PUT", f"{path}/*", f"{name}.update", lists.update),
                ("PATCH", f"{path}/*", f"{name}.patch", lists.update),
                ("DELETE", f"{path}/*", f"{name}.delete", lists.delete),
            ]
        return routes + [(verb, path, name, _refuse) for verb, path, name in UNSERVED]

    # --- buckets ------------------------------------------------------------------------------------

    async def list_buckets(self, request: StorageRequest) -> Answer:
        """Those of a project, by pages."""
        limit = _read_limit(request)
        after = parse_token(request.query.get("pageToken", ""))[0]
        if request.flag("softDeleted"):
            return {"kind": "storage#buckets"}  # deleted buckets are gone
        project, prefix = request.query.get("project", ""), request.query.get("prefix", "")
        found = self.storage.list_buckets(project, prefix, after, limit + 1)
        items = [present_bucket(one, request.base_url, full=request.full) for one in found[:limit]]
        token = {"nextPageToken": format_token((found[limit - 1].name, 0))} if len(found) > limit else {}
        return {"kind": "storage#buckets", "items": items, **token}

    async def insert_bucket(self, request: StorageRequest) -> Answer:
        """A new one, with all that its body sets."""
        body = await request.json()
        name = body.get("name")
        if not isinstance(name, str) or not name:
            raise storage_errors.REQUIRED(name="name")
        fields = self._read_bucket(request, body, {})
        if request.flag("enableObjectRetention"):
            fields["objectRetention"] = {"mode": "Enabled"}
        request.resource = name
        return self.storage.create_bucket(name, request.query.get("project", ""), fields)

    def _read_bucket(self, request: StorageRequest, body: Mapping[str, Any], known: Fields) -> dict[str, Any]:
        """The fields that a body makes of those that are there."""
        found = clean(apply_patch(known, read_fields(body, BUCKET_FIELDS, request.notes)))
        now = format_time(self.storage.now_ns())
        for name in ("softDeletePolicy", "retentionPolicy"):
            if found.get(name) and found[name] != known.get(name):
                found[name] = {**found[name], "effectiveTime": now}
        for parameter, name in (("predefinedAcl", "acl"), ("predefinedDefaultObjectAcl", "defaultObjectAcl")):
            if request.query.get(parameter):
                found[name] = expand_predefined(request.query[parameter], request.notes)
        return found

    async def get_bucket(self, request: StorageRequest, name: str) -> Answer:
        """One."""
        return self.storage.get_bucket(name, request.conditions())

    async def patch_bucket(self, request: StorageRequest, name: str) -> Answer:
        """Changes what the body has."""
        body = await request.json()
        return self.storage.update_bucket(
            name, lambda found: self._read_bucket(request, body, found.fields), request.conditions()
        )

    async def update_bucket(self, request: StorageRequest, name: str) -> Answer:
        """Sets all that can be set; what the body does not have is gone."""
        body = await request.json()

        def change(found: Bucket) -> Fields:
            kept = {key: value for key, value in found.fields.items() if key in ("location", "_iam")}
            return self._read_bucket(request, body, kept)

        return self.storage.update_bucket(name, change, request.conditions())

    async def delete_bucket(self, request: StorageRequest, name: str) -> Answer:
        """An empty one."""
        self.storage.delete_bucket(name, request.conditions())
        return None

    async def get_layout(self, request: StorageRequest, name: str) -> Answer:
        """Where it is."""
        resource = present_bucket(self.storage.get_bucket(name), request.base_url)
        return {
            "kind": "storage#storageLayout",
            "bucket": name,
            "location": resource["location"],
            "locationType": resource["locationType"],
            "hierarchicalNamespace": resource.get("hierarchicalNamespace") or {"enabled": False},
        }

    async def lock_retention(self, request: StorageRequest, name: str) -> Answer:
        """Makes its retention policy one that stays."""
        if request.integer("ifMetagenerationMatch") is None:
            raise storage_errors.REQUIRED(name="ifMetagenerationMatch")

        def change(found: Bucket) -> Fields:
            policy = {**(found.fields.get("retentionPolicy") or {}), "isLocked": True}
            return {**found.fields, "retentionPolicy": policy}

        return self.storage.update_bucket(name, change, request.conditions())

    async def get_service_account(self, request: StorageRequest, project: str) -> Answer:  # noqa: ARG002 as all
        """The account in whose name Cloud Storage acts for a project."""
        number = project_number(project)
        address = f"service-{number}@gs-project-accounts.iam.gserviceaccount.com"
        return {"kind": "storage#serviceAccount", "email_address": address}

    # --- objects ------------------------------------------------------------------------------------

    def read_page(self, request: StorageRequest, bucket: str) -> Page:
        """The objects of a bucket that a request asks for."""
        query = request.query
        versions, soft = request.flag("versions"), request.flag("softDeleted")
        wanted = Wanted(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            start=query.get("startOffset", ""),
            end=query.get("endOffset", ""),
            glob=query.get("matchGlob", ""),
            trailing=request.flag("includeTrailingDelimiter"),
            state=State.SOFT_DELETED if soft else State.NONCURRENT if versions else State.LIVE,
            limit=_read_limit(request),
            after=parse_token(query.get("pageToken", "")),
        )
        if query.get("filter"):
            request.notes.append("filter has no effect: lists cannot be filtered by contexts here")
        return list_page(self.storage, bucket, wanted)

    async def list_objects(self, request: StorageRequest, bucket: str) -> Answer:
        """Those of a bucket, by pages."""
        page = self.read_page(request, bucket)
        answer: dict[str, Any] = {"kind": "storage#objects"}
        if page.next is not None:
            answer["nextPageToken"] = format_token(page.next)
        if page.prefixes:
            answer["prefixes"] = page.prefixes
        if page.objects:
            answer["items"] = [present_object(one, request.base_url, full=request.full) for one in page.objects]
        return answer

    async def insert_object(self, request: StorageRequest, bucket: str) -> Answer:
        """An upload of any kind, or a step of one."""
        if request.query.get("upload_id"):
            return await continue_session(self.sessions, request)
        kind = request.query.get("uploadType", "")
        if kind == "resumable":
            return await start_session(self.sessions, request, bucket)
        if request.verb == "PUT":
            raise storage_errors.METHOD_NOT_ALLOWED()
        if kind == "media":
            return await insert_media(self.storage, request, bucket)
        if kind == "multipart":
            return await insert_multipart(self.storage, request, bucket)
        raise storage_errors.UPLOAD_TYPE_INVALID(value=kind)

    async def cancel_upload(self, request: StorageRequest, bucket: str) -> Answer:  # noqa: ARG002 as all
        """Ends a resumable upload without an object."""
        if not request.query.get("upload_id"):
            raise storage_errors.METHOD_NOT_ALLOWED()
        await asyncio.to_thread(self.sessions.cancel, request.query["upload_id"])
        return Reply(499, [("Content-Length", "0")])

    async def get_object(self, request: StorageRequest, bucket: str, name: str) -> Answer:
        """Its resource, or with ``alt=media`` its bytes."""
        if request.query.get("alt") == "media":
            found, stream = self.storage.open_object(bucket, name, request.generation, request.conditions())
            return download(request, found, stream, etag=found.etag)
        soft = request.flag("softDeleted")
        return self.storage.get_object(bucket, name, request.generation, request.conditions(), soft_deleted=soft)

    async def patch_object(self, request: StorageRequest, bucket: str, name: str) -> Answer:
        """Changes what the body has."""
        patch = read_fields(await request.json(), OBJECT_FIELDS, request.notes)
        return self._change(request, bucket, name, lambda found: clean(apply_patch(found.fields, patch)))

    async def update_object(self, request: StorageRequest, bucket: str, name: str) -> Answer:
        """Sets all that can be set; what the body does not have is gone."""
        fields = clean(read_fields(await request.json(), OBJECT_FIELDS, request.notes))
        return self._change(request, bucket, name, lambda found: {**_keep(found.fields, "acl", "_iam"), **fields})

    def _change(
        self, request: StorageRequest, bucket: str, name: str, change: Callable[[StoredObject], Fields]
    ) -> StoredObject:
        predefined = request.query.get("predefinedAcl")
        listed = {"acl": expand_predefined(predefined, request.notes)} if predefined else {}
        return self.storage.update_object(
            bucket, name, lambda found: {**change(found), **listed}, request.generation, request.conditions()
        )

    async def delete_object(self, request: StorageRequest, bucket: str, name: str) -> Answer:
        """The live generation, or the one that is named."""
        self.storage.delete_object(bucket, name, request.generation, request.conditions())
        return None

    async def compose_object(self, request: StorageRequest, bucket: str, name: str) -> Answer:
        """A new object of others, one after the other."""
        body = await request.json()
        sources = [_read_source(bucket, one) for one in _read_list(body, "sourceObjects")]
        if not 0 < len(sources) <= COMPONENTS:
            raise storage_errors.COMPOSE_SOURCES(count=len(sources))
        destination = body.get("destination") or {}
        if not isinstance(destination, dict):
            raise storage_errors.ARGUMENT_INVALID(name="destination", value=destination)
        fields, _ = read_resource(request, destination)
        if request.query.get("destinationPredefinedAcl"):
            fields["acl"] = expand_predefined(request.query["destinationPredefinedAcl"], request.notes)
        if "contentType" not in fields:
            first = self.storage.resolve(sources[0])
            fields["contentType"] = first.fields.get("contentType") or DEFAULT_TYPE
        taken = body.get("deleteSourceObjects") is True
        return await asyncio.to_thread(
            compose, self.storage, sources, bucket, name, fields, request.conditions(), delete_sources=taken
        )

    async def copy_object(self, request: StorageRequest, bucket: str, name: str, to: str, new_name: str) -> Answer:
        """A new object with another's bytes."""
        source, fields = await self._read_copy(request, bucket, name)
        return self.storage.copy(source, to, new_name, fields, request.conditions())

    async def rewrite_object(self, request: StorageRequest, bucket: str, name: str, to: str, new_name: str) -> Answer:
        """The same, in steps where the client asks for small ones."""
        source, fields = await self._read_copy(request, bucket, name)
        most = request.integer("maxBytesRewrittenPerCall")
        if most is not None and (most < REWRITE_LEAST_BYTES or most % REWRITE_LEAST_BYTES):
            raise storage_errors.ARGUMENT_INVALID(name="maxBytesRewrittenPerCall", value=most)
        found = self.storage.resolve(source)
        size, done = found.size_bytes, _read_rewrite_token(request.query.get("rewriteToken", ""), found, to, new_name)
        done = size if most is None else min(size, done + most)
        answer = {"kind": "storage#rewriteResponse", "totalBytesRewritten": str(done), "objectSize": str(size)}
        if done < size:
            request.conditions().check(self.storage.find_object(to, new_name))
            return {**answer, "done": False, "rewriteToken": _format_rewrite_token(done, found, to, new_name)}
        made = self.storage.copy(
            replace(source, generation=found.generation), to, new_name, fields, request.conditions()
        )
        return {**answer, "done": True, "resource": present_object(made, request.base_url, full=request.full)}

    async def _read_copy(self, request: StorageRequest, bucket: str, name: str) -> tuple[Source, dict[str, Any] | None]:
        """What is copied, and what the copy is given in place of the source's metadata."""
        fields, _ = read_resource(request, await request.json())
        predefined = request.query.get("destinationPredefinedAcl")
        if predefined:
            found = self.storage.get_object(bucket, name, request.integer("sourceGeneration") or 0)
            listed = expand_predefined(predefined, request.notes)
            fields = {**(fields or {key: one for key, one in found.fields.items() if key not in _HELD}), "acl": listed}
        source = Source(bucket, name, request.integer("sourceGeneration") or 0, request.conditions("ifSource"))
        return source, fields or None

    async def move_object(self, request: StorageRequest, bucket: str, name: str, new_name: str) -> Answer:
        """Another name in the same bucket."""
        source = Source(bucket, name, conditions=request.conditions("ifSource"))
        return self.storage.move(source, new_name, request.conditions())

    async def restore_object(self, request: StorageRequest, bucket: str, name: str) -> Answer:
        """What was deleted, as a new generation."""
        if not request.generation:
            raise storage_errors.REQUIRED(name="generation")
        return self.storage.restore(bucket, name, request.generation, request.conditions())


UNSERVED: tuple[tuple[str, str, str], ...] = (
    *((verb, "b/*/notificationConfigs", "notifications") for verb in ("GET", "POST")),
    *((verb, "b/*/notificationConfigs/*", "notifications") for verb in ("GET", "DELETE")),
    *((verb, "b/*/folders", "folders") for verb in ("GET", "POST")),
    *((verb, "b/*/folders/*", "folders") for verb in ("GET", "DELETE")),
    *((verb, "b/*/managedFolders", "managedFolders") for verb in ("GET", "POST")),
    *((verb, "b/*/managedFolders/*", "managedFolders") for verb in ("GET", "PATCH", "DELETE")),
    *((verb, "b/*/anywhereCaches", "anywhereCaches") for verb in ("GET", "POST")),
    *((verb, "projects/*/hmacKeys", "projects.hmacKeys") for verb in ("GET", "POST")),
    *((verb, "projects/*/hmacKeys/*", "projects.hmacKeys") for verb in ("GET", "PUT", "DELETE")),
    ("POST", "b/*/restore", "buckets.restore"),
    ("POST", "b/*/relocate", "buckets.relocate"),
    ("GET", "b/*/operations", "buckets.operations.list"),
    ("GET", "b/*/operations/*", "buckets.operations.get"),
    ("POST", "b/*/o/bulkRestore", "objects.bulkRestore"),
)
"""Methods that Cloud Storage has and this emulator has not: answered with 501."""


async def _refuse(request: StorageRequest, *names: str) -> Answer:  # noqa: ARG001 as all
    raise emulator_errors.STORAGE_METHOD_MISSING(method=f"storage.{request.method}")


def _fits(wanted: Sequence[str], segments: Sequence[str]) -> bool:
    return all(one in ("*", given) and given != "" for one, given in zip(wanted, segments, strict=True))


def _read_limit(request: StorageRequest) -> int:
    limit = request.integer("maxResults")
    if limit is not None and limit < 0:
        raise storage_errors.ARGUMENT_INVALID(name="maxResults", value=limit)
    return min(limit or PAGE_SIZE, PAGE_SIZE)


def _keep(fields: Fields, *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


def _read_list(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise storage_errors.ARGUMENT_INVALID(name=name, value=found)
    return found


def _read_source(bucket: str, value: Mapping[str, Any]) -> Source:
    name = value.get("name")
    if not isinstance(name, str) or not name:
        raise storage_errors.REQUIRED(name="sourceObjects.name")
    wanted = value.get("objectPreconditions") or {}
    if not isinstance(wanted, dict):
        raise storage_errors.ARGUMENT_INVALID(name="objectPreconditions", value=wanted)
    conditions = Conditions(generation=_read_integer(wanted, "ifGenerationMatch"))
    return Source(bucket, name, _read_integer(value, "generation") or 0, conditions)


def _read_integer(value: Mapping[str, Any], name: str) -> int | None:
    found = value.get(name)
    if found is None:
        return None
    try:
        return int(found)
    except (TypeError, ValueError) as error:
        raise storage_errors.ARGUMENT_INVALID(name=name, value=found) from error


def _format_rewrite_token(done: int, found: StoredObject, to: str, new_name: str) -> str:
    text = f"{done}/{found.generation}/{len(found.bucket)}/{found.bucket}{found.name}/{to}/{new_name}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_rewrite_token(token: str, found: StoredObject, to: str, new_name: str) -> int:
    """How much an earlier call has done of the same rewrite."""
    if not token:
        return 0
    try:
        done = int(base64.b64decode(token, altchars=b"-_", validate=True).decode().partition("/")[0])
    except ValueError as error:
        raise storage_errors.REWRITE_TOKEN_INVALID() from error
    if done < 0 or token != _format_rewrite_token(done, found, to, new_name):
        raise storage_errors.REWRITE_TOKEN_INVALID()
    return done
