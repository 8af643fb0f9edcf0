"""Datasets before they are tuned on: checked, converted, read row by row; and the buckets that they are in."""

from __future__ import annotations

import asyncio
import io
import lzma
import re
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal
from zipfile import BadZipFile

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict

from tuning_emulator.control.dataset_report import DatasetCheck, describe_check, rename_place
from tuning_emulator.control.dry_run import BrokenRule, TuningRequest, dry_run
from tuning_emulator.control.jobs import find_job
from tuning_emulator.control.rehearsals import Rehearsals
from tuning_emulator.core.as_of import Calendar
from tuning_emulator.core.records import Api, Hyperparameters, TuningMethod
from tuning_emulator.datasets.conversion import Conversion, ConvertError, convert_rows, plan_conversion
from tuning_emulator.datasets.packing import HEAD_BYTES, UnpackError
from tuning_emulator.storage.objects import (
    ObjectForbiddenError,
    ObjectNotFoundError,
    ObjectStore,
    StorageError,
    StorageUnavailableError,
)
from tuning_emulator.store.store import Store

ROWS = 100
LONGEST_NAME = 100
LONGEST_ROW = 64 << 10
"""Characters of a row that are shown."""

_JSONL = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
_PLACES = "the body, or dataset=gs://bucket/object"


class DatasetRow(TypedDict):
    """``number``: from 1. ``text``: the line as it stands, cut where it is very long (``cut``)."""

    number: int
    text: str
    cut: bool


class DatasetRows(TypedDict):
    """Some rows of a dataset. ``next``: the offset of the following ones; None: there are no more."""

    rows: list[DatasetRow]
    next: int | None


class SkippedRows(TypedDict):
    """Rows that are not written. ``first``: line of the first of them."""

    reason: str
    rows: int
    first: int


class ConversionReport(TypedDict):
    """``lines``: the dataset, JSON lines. ``what``: what the file is. ``stopped``: why its rest could not be read."""

    lines: str
    what: str
    read: int
    written: int
    joined: int
    preferences: int
    skipped: list[SkippedRows]
    stopped: str


class CheckQuery(BaseModel):
    """What would be asked of the service beside the dataset."""

    model_config = ConfigDict(extra="forbid")
    model: str = Field(description="Base model: gemini-2.5-flash, gemini-1.5-flash-001-tuning …")
    api: Api
    dataset: str = Field(default="", description="gs://bucket/object, in place of a body.")
    validation: str = Field(default="", description="The validation set, gs://bucket/object (Vertex AI).")
    method: Literal["supervised", "full", "preference"] = "supervised"
    location: str = "us-central1"
    project: str = Field(default="", description="Whose day decides which rules hold.")
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    adapter_size: int | None = Field(default=None, description="1, 2, 4, 8, 16 or 32.")
    name: str = Field(default="dataset", description="What the body is called in the answer.")
    max_errors: int = Field(default=200, ge=0, le=10_000, description="Shown; all are counted.")

    @field_validator("adapter_size")
    @classmethod
    def check_size(cls, value: int | None) -> int | None:
        """Other sizes have no name in the API."""
        if value not in (None, 1, 2, 4, 8, 16, 32):
            raise ValueError("1, 2, 4, 8, 16 or 32 is wanted")
        return value


class DatasetDesk:
    """What the routes do, in worker threads but where it says so.

    Args:
        open_objects: Cloud Storage as jobs see it. calendar: On which day which project is played.
        rehearsals: Whose examples can be looked at.
    """

    def __init__(
        self, store: Store, open_objects: Callable[[], ObjectStore], calendar: Calendar, rehearsals: Rehearsals
    ) -> None:
        self._store, self._open_objects, self._calendar = store, open_objects, calendar
        self._rehearsals = rehearsals

    def check(self, request: TuningRequest, body: bytes, name: str, most_errors: int) -> DatasetCheck:
        """What the service would say, and what can be done here.

        Raises:
            HTTPException: the dataset cannot be read.
        """
        kept: list[BrokenRule] = []

        def keep(broken: BrokenRule) -> None:
            if len(kept) < most_errors:
                kept.append(broken)

        with tempfile.TemporaryDirectory(prefix="tuning-emulator-check-") as folder:
            place = Path(folder) / (re.sub(r"[^\w.-]", "_", name)[-LONGEST_NAME:].lstrip(".") or "dataset")
            if body:
                place.write_bytes(body)
                request = replace(request, dataset=str(place))
            try:
                found = dry_run(request, keep)
            except StorageError as error:
                raise _refuse(error) from error
            except (OSError, ValueError) as error:
                raise HTTPException(400, str(error).removeprefix("--").replace(str(place), name)) from error
            report = describe_check(request, found, kept)
        return rename_place(report, str(place), name) if body else report

    def find_rows(self, job: str) -> str | list[str]:
        """What a job was tuned on: a URI, or the lines that came with it. In the server's thread, as with all records.

        Raises:
            HTTPException: there is no such job.
        """
        found = find_job(self._store, job)
        if found is None:
            raise HTTPException(404, f"job: no tuning job {job!r}")
        inline = self._store.get_inline_dataset(found.uid)
        return inline.splitlines() if inline or not found.asked.training_uri else found.asked.training_uri

    def read_examples(self, rehearsal: str, offset: int, limit: int) -> DatasetRows:
        """Some examples of a rehearsal, numbered as its report does.

        Raises:
            HTTPException: there is no such rehearsal.
        """
        if self._rehearsals.get(rehearsal) is None:
            raise HTTPException(404, f"rehearsal: no rehearsal {rehearsal!r}")
        return _page(self._rehearsals.read_examples(rehearsal, offset, limit + 1), offset, limit)

    def read_rows(self, dataset: str | list[str], offset: int, limit: int) -> DatasetRows:
        """Some rows of an object, or of lines at hand.

        Raises:
            HTTPException: there is no such object.
        """
        end = offset + limit + 1
        if isinstance(dataset, list):
            return _page([line.encode() for line in dataset[offset:end]], offset, limit)
        try:
            return _page(list(islice(self._open_objects().lines(dataset), offset, end)), offset, limit)
        except StorageError as error:
            raise _refuse(error) from error


def convert(body: bytes, name: str, to: Api, prompt: str, answer: str) -> ConversionReport:
    """A file in any common form as a dataset of a service.

    Raises:
        HTTPException: nothing in it can be converted.
    """
    if bool(prompt) != bool(answer):
        raise HTTPException(400, "prompt and answer go together: the question's column and the answer's")
    columns = {"prompt": prompt, "answer": answer} if prompt else None
    out = io.BytesIO()
    try:
        plan = plan_conversion(body[:HEAD_BYTES], name, columns, "prompt=COLUMN and answer=COLUMN")
        report = Conversion(plan.what, to)
        convert_rows(plan, io.BytesIO(body), out, report)
    except (ConvertError, UnpackError, BadZipFile, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise HTTPException(400, f"body: {error}") from error
    return ConversionReport(
        lines=out.getvalue().decode(),
        what=report.what,
        read=report.read,
        written=report.written,
        joined=report.joined,
        preferences=report.preferences,
        skipped=[
            SkippedRows(reason=reason, rows=rows, first=report.first[reason])
            for reason, rows in report.skipped.most_common()
        ],
        stopped=report.broken,
    )


def _page(lines: list[bytes], offset: int, limit: int) -> DatasetRows:
    texts = [(at, line.decode("utf-8", "replace")) for at, line in enumerate(lines[:limit], offset + 1)]
    rows = [DatasetRow(number=at, text=text[:LONGEST_ROW], cut=len(text) > LONGEST_ROW) for at, text in texts]
    return DatasetRows(rows=rows, next=offset + limit if len(lines) > limit else None)


def _refuse(error: StorageError) -> HTTPException:
    if isinstance(error, ObjectNotFoundError):
        return HTTPException(404, str(error))
    if isinstance(error, ObjectForbiddenError):
        return HTTPException(403, str(error))
    return HTTPException(502 if isinstance(error, StorageUnavailableError) else 400, str(error))


def create_router(
    store: Store, open_objects: Callable[[], ObjectStore], calendar: Calendar, rehearsals: Rehearsals
) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/emulator/v1", tags=["datasets"])
    desk = DatasetDesk(store, open_objects, calendar, rehearsals)

    @router.post(
        "/datasets:check",
        summary="What the service would say of a dataset, and what can be done with it here",
        description="The dataset is " + _PLACES + ". `tuning-emulator validate --json` prints the same.",
        openapi_extra={"requestBody": _JSONL},
    )
    async def check_dataset(request: Request, asked: Annotated[CheckQuery, Query()]) -> DatasetCheck:
        body = await request.body()
        if bool(body) == bool(asked.dataset):
            raise HTTPException(400, f"dataset: give one, as {_PLACES}")
        for field in ("dataset", "validation"):
            uri = getattr(asked, field)
            if uri and not uri.startswith("gs://"):
                raise HTTPException(400, f"{field}: {uri!r} is not gs://bucket/object")
        wanted = TuningRequest(
            asked.dataset,
            asked.model,
            asked.api,
            TuningMethod(asked.method),
            asked.validation,
            asked.location,
            Hyperparameters(
                epochs=asked.epochs,
                batch_size=asked.batch_size,
                learning_rate_multiplier=asked.learning_rate_multiplier,
                adapter_size=asked.adapter_size,
            ),
            calendar.find_day(asked.project),
            open_objects(),
            processes=1,
        )
        return await asyncio.to_thread(desk.check, wanted, body, asked.name, asked.max_errors)

    @router.post(
        "/datasets:convert",
        summary="Examples in any common form, as a dataset of either service",
        description="The file is the body: what `tuning-emulator convert` reads.",
        openapi_extra={"requestBody": {**_JSONL, "required": True}},
    )
    async def convert_dataset(
        request: Request,
        to: Api,
        prompt: Annotated[str, Query(description="Field that is the question, where its name does not tell.")] = "",
        answer: Annotated[str, Query(description="Field that is the answer, where its name does not tell.")] = "",
        name: Annotated[str, Query(description="What the file is called in errors.")] = "the file",
    ) -> ConversionReport:
        body = await request.body()
        if not body:
            raise HTTPException(400, "body: it is empty; send the file itself: curl --data-binary @FILE")
        return await asyncio.to_thread(convert, body, name, to, prompt, answer)

    @router.get(
        "/datasets:rows", summary="Rows of a dataset in Cloud Storage, of what came with a job, or of a rehearsal"
    )
    async def list_rows(
        dataset: Annotated[str, Query(description="gs://bucket/object.")] = "",
        job: Annotated[str, Query(description="A tuning job, in place of it.")] = "",
        rehearsal: Annotated[str, Query(description="A rehearsal, in place of both.")] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = ROWS,
    ) -> DatasetRows:
        if sum(map(bool, (dataset, job, rehearsal))) != 1:
            raise HTTPException(400, "dataset: give either it, or job, or rehearsal")
        if rehearsal:
            return await asyncio.to_thread(desk.read_examples, rehearsal, offset, limit)
        return await asyncio.to_thread(desk.read_rows, desk.find_rows(job) if job else dataset, offset, limit)

    return router
