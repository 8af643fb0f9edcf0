"""The embedded Cloud Storage's buckets and objects in brief, whosever they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from typing_extensions import TypedDict

from tuning_emulator.core.clock import format_ns
from tuning_emulator.core.errors import ApiError
from tuning_emulator.storage.embedded import EmbeddedStorage
from tuning_emulator.storage.listing import Wanted, list_page

PAGE = 200


class BucketReport(TypedDict):
    """A bucket. ``project``: number of its project, "" where it was made for nobody in particular."""

    name: str
    project: str
    create_time: str


class BucketList(TypedDict):
    """By name."""

    buckets: list[BucketReport]


class ObjectReport(TypedDict):
    """An object. ``uri``: ``gs://bucket/name``."""

    uri: str
    name: str
    size_bytes: int
    content_type: str
    update_time: str


class ObjectList(TypedDict):
    """By name. ``folders``: what else begins with the prefix, up to the next slash. ``next``: None: it is all."""

    objects: list[ObjectReport]
    folders: list[str]
    next: str | None


def create_router(storage: EmbeddedStorage | None, storage_url: Callable[[], str]) -> APIRouter:
    """The routes. ``storage_url``: where Cloud Storage is, where it is not embedded."""
    router = APIRouter(prefix="/emulator/v1/buckets", tags=["buckets"])

    def require() -> EmbeddedStorage:
        if storage is None:
            where = storage_url() or "Google's"
            raise HTTPException(409, f"this emulator uses another Cloud Storage ({where}); list its buckets there")
        return storage

    @router.get("", summary="Buckets of the embedded Cloud Storage")
    async def list_buckets(
        project: Annotated[str, Query(description="Those that a project sees, by id or number.")] = "",
    ) -> BucketList:
        found = require().store.list_buckets(project)
        return BucketList(
            buckets=[
                BucketReport(name=one.name, project=one.project, create_time=format_ns(one.created_ns)) for one in found
            ]
        )

    @router.get("/{bucket}/objects", summary="Objects of a bucket, a folder at a time")
    async def list_objects(
        bucket: str,
        prefix: Annotated[str, Query(description="Names that begin with it.")] = "",
        after: Annotated[str, Query(description="`next` of the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = PAGE,
    ) -> ObjectList:
        wanted = Wanted(prefix=prefix, delimiter="/", limit=limit, after=(after, 0))
        try:
            page = list_page(require().store, bucket, wanted)
        except ApiError as error:
            raise HTTPException(error.code.http_status, f"bucket {bucket!r}: {error.message}") from error
        objects = [
            ObjectReport(
                uri=f"gs://{bucket}/{one.name}",
                name=one.name,
                size_bytes=one.size_bytes,
                content_type=str(one.fields.get("contentType", "")),
                update_time=format_ns(one.updated_ns),
            )
            for one in page.objects
        ]
        return ObjectList(objects=objects, folders=page.prefixes, next=page.next[0] if page.next else None)

    return router
