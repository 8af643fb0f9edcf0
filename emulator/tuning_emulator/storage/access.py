"""Access lists and policies: kept, printed and changed as the service does, and asked by nobody here.

Source: cloud.google.com/storage/docs/access-control/lists; json_api/v1/objectAccessControls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from tuning_emulator.facts import storage_errors
from tuning_emulator.storage.records import Bucket, Fields, StoredObject
from tuning_emulator.storage.request import Answer, StorageRequest
from tuning_emulator.storage.store import Storage

Entry = dict[str, Any]

_PREDEFINED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "private": (),
    "projectPrivate": (),
    "bucketOwnerFullControl": (),
    "bucketOwnerRead": (),
    "authenticatedRead": (("allAuthenticatedUsers", "READER"),),
    "publicRead": (("allUsers", "READER"),),
    "publicReadWrite": (("allUsers", "WRITER"),),
}
_ROLES = ("OWNER", "READER", "WRITER")


def expand_predefined(name: str, notes: list[str]) -> list[Entry]:
    """The entries of a predefined list; owners are not among them.

    Raises:
        ApiError: there is no such list.
    """
    if name not in _PREDEFINED:
        raise storage_errors.ARGUMENT_INVALID(name="predefinedAcl", value=name)
    notes.append("predefined access lists are kept and have no effect: everybody may do everything here")
    return [{"entity": entity, "role": role} for entity, role in _PREDEFINED[name]]


def refuse_uniform(bucket: Bucket) -> None:
    """Refuses access lists where the bucket has none.

    Raises:
        ApiError: 400.
    """
    if bucket.uniform:
        raise storage_errors.ACL_WITH_UNIFORM_ACCESS()


def read_entry(body: Mapping[str, Any], entity: str = "") -> Entry:
    """An entry that a client sends.

    Raises:
        ApiError: it has no entity, or no role that there is.
    """
    named = body.get("entity") or entity
    if not isinstance(named, str) or not named:
        raise storage_errors.REQUIRED(name="entity")
    if body.get("role") not in _ROLES:
        raise storage_errors.ARGUMENT_INVALID(name="role", value=body.get("role"))
    return {"entity": named, "role": body["role"]}


def put_entry(entries: list[Entry], entry: Entry) -> list[Entry]:
    """The list with an entry in the place of the one for the same entity."""
    return [*(one for one in entries if one.get("entity") != entry["entity"]), entry]


def find_entry(entries: list[Entry], entity: str) -> Entry:
    """The entry of an entity.

    Raises:
        ApiError: there is none.
    """
    found = next((one for one in entries if one.get("entity") == entity), None)
    if found is None:
        raise storage_errors.ENTITY_NOT_FOUND()
    return found


def present_entry(entry: Entry, owner: Bucket | StoredObject, base_url: str, kind: str) -> Entry:
    """An entry as it is printed.

    Args:
        kind: ``acl`` or ``defaultObjectAcl``.
    """
    bucket = owner.name if isinstance(owner, Bucket) else owner.bucket
    entity = str(entry.get("entity", ""))
    of_bucket = isinstance(owner, Bucket) and kind == "acl"
    path = f"/b/{quote(bucket, safe='')}"
    named: Entry = {"bucket": bucket}
    if isinstance(owner, StoredObject):
        path += f"/o/{quote(owner.name, safe='')}"
        named |= {"object": owner.name, "generation": str(owner.generation)}
    prefix = "/".join(str(value) for value in named.values())
    return {
        "kind": "storage#bucketAccessControl" if of_bucket else "storage#objectAccessControl",
        "id": f"{prefix}/{entity}",
        "selfLink": f"{base_url}/storage/v1{path}/{kind}/{quote(entity, safe='')}",
        **named,
        **entry,
        "etag": owner.etag,
    }


class AccessLists:
    """The methods of one kind of access lists: ``acl`` of a bucket or an object, ``defaultObjectAcl`` of a bucket."""

    def __init__(self, storage: Storage, kind: str) -> None:
        self._storage = storage
        self._kind = kind

    async def list_entries(self, request: StorageRequest, *names: str) -> Answer:
        """All entries."""
        owner = self._find(request, *names)
        items = [self._present(request, owner, one) for one in owner.fields.get(self._kind, [])]
        of_bucket = isinstance(owner, Bucket) and self._kind == "acl"
        return {"kind": f"storage#{'bucket' if of_bucket else 'object'}AccessControls", "items": items}

    async def get(self, request: StorageRequest, *names: str) -> Answer:
        """One."""
        owner = self._find(request, *names[:-1])
        return self._present(request, owner, find_entry(owner.fields.get(self._kind, []), names[-1]))

    async def insert(self, request: StorageRequest, *names: str) -> Answer:
        """Adds one."""
        return self._put(request, read_entry(await request.json()), *names)

    async def update(self, request: StorageRequest, *names: str) -> Answer:
        """Changes one."""
        return self._put(request, read_entry(await request.json(), names[-1]), *names[:-1])

    async def delete(self, request: StorageRequest, *names: str) -> Answer:
        """Takes one away."""
        owner = self._find(request, *names[:-1])
        find_entry(owner.fields.get(self._kind, []), names[-1])
        self._change(request, lambda entries: [one for one in entries if one.get("entity") != names[-1]], *names[:-1])
        return None

    def _put(self, request: StorageRequest, entry: Entry, *names: str) -> Entry:
        request.notes.append("access lists are kept and have no effect: everybody may do everything here")
        owner = self._change(request, lambda entries: put_entry(entries, entry), *names)
        return self._present(request, owner, entry)

    def _find(self, request: StorageRequest, bucket: str, name: str = "") -> Bucket | StoredObject:
        owner = self._storage.get_bucket(bucket)
        refuse_uniform(owner)
        return self._storage.get_object(bucket, name, request.generation) if name else owner

    def _change(
        self,
        request: StorageRequest,
        change: Callable[[list[Entry]], list[Entry]],
        bucket: str,
        name: str = "",
    ) -> Bucket | StoredObject:
        self._find(request, bucket, name)

        def apply(found: Bucket | StoredObject) -> Fields:
            return {**found.fields, self._kind: change(found.fields.get(self._kind, []))}

        if name:
            return self._storage.update_object(bucket, name, apply, request.generation)
        return self._storage.update_bucket(bucket, apply)

    def _present(self, request: StorageRequest, owner: Bucket | StoredObject, entry: Entry) -> Entry:
        return present_entry(entry, owner, request.base_url, self._kind)


class Policies:
    """The methods of IAM policies of buckets and objects."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    async def get_policy(self, request: StorageRequest, bucket: str, name: str = "") -> Answer:
        """What was set, or the policy of nobody."""
        owner = self._find_owner(request, bucket, name)
        kept = owner.fields.get("_iam") or {"version": 1, "bindings": []}
        path = f"projects/_/buckets/{bucket}" + (f"/objects/{name}" if name else "")
        return {"kind": "storage#policy", "resourceId": path, **kept, "etag": owner.etag}

    async def set_policy(self, request: StorageRequest, bucket: str, name: str = "") -> Answer:
        """Keeps a policy, which decides nothing."""
        body = await request.json()
        if not isinstance(body.get("bindings", []), list):
            raise storage_errors.ARGUMENT_INVALID(name="bindings", value=body["bindings"])
        request.notes.append("the policy is kept and has no effect: everybody may do everything here")
        version = body.get("version") or 1
        if version not in (1, 3):
            raise storage_errors.ARGUMENT_INVALID(name="version", value=version)
        policy = {"version": version, "bindings": body.get("bindings", [])}
        owner = self._find_owner(request, bucket, name)
        if "etag" in body and body["etag"] != owner.etag:
            raise storage_errors.PRECONDITION_FAILED()
        if name:
            self.storage.update_object(bucket, name, lambda found: {**found.fields, "_iam": policy})
        else:
            self.storage.update_bucket(bucket, lambda found: {**found.fields, "_iam": policy})
        return await self.get_policy(request, bucket, name)

    async def test_permissions(self, request: StorageRequest, bucket: str, name: str = "") -> Answer:
        """All that is asked about."""
        self._find_owner(request, bucket, name)
        wanted = [value for key, value in request.pairs if key == "permissions"]
        return {"kind": "storage#testIamPermissionsResponse", "permissions": wanted}

    def _find_owner(self, request: StorageRequest, bucket: str, name: str) -> Bucket | StoredObject:
        if name:
            return self.storage.get_object(bucket, name, request.generation)
        return self.storage.get_bucket(bucket)
