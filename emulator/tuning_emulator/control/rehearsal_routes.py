"""The routes of rehearsals: what a small model on this machine makes of a dataset, before a tuning is paid for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict

from tuning_emulator.control.rehearsal import RehearsalReport
from tuning_emulator.control.rehearsals import MOST_KEPT, RehearsalRecord, Rehearsals, RehearsalStateError
from tuning_emulator.control.rehearsing import HELD_OUT, Asked, Chosen
from tuning_emulator.core.records import Api, Hyperparameters
from tuning_emulator.jobs.lora import explain_missing, missing_packages
from tuning_emulator.jobs.trainer import Answering, TrainerUnavailableError
from tuning_emulator.models.added import ModelError, name_weights
from tuning_emulator.storage.objects import (
    ObjectForbiddenError,
    ObjectNotFoundError,
    ObjectStore,
    StorageError,
    StorageUnavailableError,
)
from tuning_trainer.spec import Device

ROWS = 100
"""Of each list of a report that are shown, unless more are asked for."""

MOST_BYTES = 64 << 20
"""Of a dataset that is rehearsed: beyond it a small model learns nothing new in hours."""

LONGEST_NAME = 100
_LISTS = ("resisting", "two_answers", "near_duplicates", "in_both", "cut", "nothing_left")
_JSONL = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


class RehearsalSummary(TypedDict):
    """One rehearsal. ``state``: PENDING, RUNNING, SUCCEEDED, FAILED or CANCELLED.

    ``weights``: what is tuned: an added model, a directory, or ``embedded``. ``done``, ``total``: steps, 0 before they
    are known. ``error``: why there is no report, "" else. Times are RFC 3339 or "".
    """

    id: str
    state: str
    api: str
    model: str
    dataset: str
    validation: str
    weights: str
    done: int
    total: int
    error: str
    create_time: str
    start_time: str
    end_time: str


class RehearsalDetail(RehearsalSummary):
    """The same with what came of it, null before. ``counts``: how long its lists are; some of each are shown."""

    report: RehearsalReport | None
    counts: dict[str, int]


class RehearsalList(TypedDict):
    """The newest first."""

    rehearsals: list[RehearsalSummary]


class RehearsalQuery(BaseModel):
    """What would be asked of the service beside the dataset, and how it is tried here."""

    model_config = ConfigDict(extra="forbid")
    model: str = Field(min_length=1, description="The base model that would be tuned: for its rules, steps and price.")
    api: Api
    dataset: str = Field(default="", description="gs://bucket/object, in place of a body.")
    validation: str = Field(default="", description="The validation set, gs://bucket/object (Vertex AI).")
    holdout: float | None = Field(
        default=None, gt=0, lt=1, description=f"Share of the rows held out where there is no validation ({HELD_OUT})."
    )
    weights: str = Field(
        default="", description="What is tuned: an added model's name, a directory, `embedded`; what plays the model."
    )
    location: str = "us-central1"
    epochs: int | None = Field(default=None, ge=1, le=1000)
    batch_size: int | None = Field(default=None, ge=1, le=10_000)
    learning_rate_multiplier: float | None = Field(default=None, gt=0, le=1000)
    adapter_size: int | None = Field(default=None, description="1, 2, 4, 8, 16 or 32.")
    name: str = Field(default="dataset", description="What the body is called in the answer.")

    @field_validator("adapter_size")
    @classmethod
    def check_size(cls, value: int | None) -> int | None:
        """Other sizes have no name in the API."""
        if value not in (None, 1, 2, 4, 8, 16, 32):
            raise ValueError("1, 2, 4, 8, 16 or 32 is wanted")
        return value

    @field_validator("dataset", "validation")
    @classmethod
    def check_place(cls, value: str) -> str:
        """No file of this machine is ever read."""
        if value and not value.startswith("gs://"):
            raise ValueError("gs://bucket/object is wanted")
        return value

    @field_validator("weights")
    @classmethod
    def check_weights(cls, value: str) -> str:
        """They are here."""
        try:
            return name_weights(value) if value else ""
        except ModelError as error:
            raise ValueError(str(error)) from error


def summarise(record: RehearsalRecord) -> RehearsalSummary:
    """A record as JSON."""
    return cast("RehearsalSummary", msgspec.structs.asdict(record))


class RehearsalDesk:
    """What the routes do.

    Args:
        open_objects: Cloud Storage as jobs see it. answering: Says what plays a base model.
        device: Where it is tuned and asked.
    """

    def __init__(
        self,
        rehearsals: Rehearsals,
        open_objects: Callable[[], ObjectStore],
        answering: Answering,
        device: Device,
    ) -> None:
        self._rehearsals, self._open_objects, self._answering = rehearsals, open_objects, answering
        self._device = device

    async def start(self, query: RehearsalQuery, body: bytes) -> RehearsalRecord:
        """Takes the datasets over, and starts.

        Raises:
            HTTPException: something is wrong with what was asked; nothing has been started then.
        """
        if bool(body) == bool(query.dataset):
            raise HTTPException(400, "dataset: give one, as the body, or dataset=gs://bucket/object")
        if query.validation and query.api == "gemini":
            raise HTTPException(400, "validation: the Gemini API takes no validation dataset")
        if query.validation and query.holdout is not None:
            raise HTTPException(400, "holdout: with validation no rows of the dataset are held out; leave one out")
        if missing := missing_packages():
            raise HTTPException(409, f"a rehearsal {explain_missing(missing)}")
        weights = query.weights or self._answering.choose_weights(query.model)
        try:
            base_model = self._answering.find_weights(weights)
        except TrainerUnavailableError as error:
            raise HTTPException(409, f"weights: {error}") from error
        try:
            place = self._rehearsals.make_place()
        except RehearsalStateError as error:
            raise HTTPException(409, f"rehearsals: {error}") from error
        try:
            dataset, validation = await asyncio.to_thread(self._take_over, query, body, place)
            asked = Asked(
                query.api,
                query.model,
                str(dataset),
                query.dataset or query.name,
                str(validation) if validation else "",
                query.validation,
                query.location,
                Chosen(base_model, self._device),
                weights,
                Hyperparameters(
                    epochs=query.epochs,
                    batch_size=query.batch_size,
                    learning_rate_multiplier=query.learning_rate_multiplier,
                    adapter_size=query.adapter_size,
                ),
                HELD_OUT if query.holdout is None else query.holdout,
            )
            return self._rehearsals.start(place, asked)
        except BaseException:
            self._rehearsals.give_up(place)
            raise

    def _take_over(self, query: RehearsalQuery, body: bytes, place: Path) -> tuple[Path, Path | None]:
        """Both datasets as files: what is rehearsed does not change meanwhile."""
        dataset = _make_room(place / "dataset", query.dataset or query.name)
        if body:
            dataset.write_bytes(body)
        else:
            self._copy("dataset", query.dataset, dataset)
        if not query.validation:
            return dataset, None
        validation = _make_room(place / "validation", query.validation)
        self._copy("validation", query.validation, validation)
        return dataset, validation

    def _copy(self, field: str, uri: str, file: Path) -> None:
        try:
            if not _write(self._open_objects().blocks(uri), file):
                detail = f"{field}: {uri} has more than {MOST_BYTES:,} bytes; rehearse a part of its rows"
                raise HTTPException(413, detail)
        except StorageError as error:
            raise HTTPException(_find_status(error), f"{field}: {error}") from error

    async def describe(self, record: RehearsalRecord, rows: int) -> RehearsalDetail:
        """All of it, with the first rows of each list of the report."""
        summary = summarise(record)  # at one moment: it may end while the report is read
        report: Any = None
        if summary["state"] == "SUCCEEDED":
            report = await asyncio.to_thread(self._rehearsals.read_report, record.id)
        counts = {name: len(report[name] or ()) for name in _LISTS} if report else {}
        for name in counts:
            report[name] = report[name] and report[name][:rows]
        return RehearsalDetail(**summary, report=report, counts=counts)

    def require(self, identifier: str) -> RehearsalRecord:
        """A rehearsal.

        Raises:
            HTTPException: 404, there is none.
        """
        record = self._rehearsals.get(identifier)
        if record is None:
            raise HTTPException(404, f"no rehearsal {identifier!r}; GET /emulator/v1/rehearsals lists them")
        return record


def _write(blocks: Iterator[bytes], file: Path) -> bool:
    """Whether they were few enough."""
    left = MOST_BYTES
    with file.open("wb") as out:
        for block in blocks:
            left -= len(block)
            if left < 0:
                return False
            out.write(block)
    return True


def _make_room(folder: Path, name: str) -> Path:
    """A file in a new folder, named as far as may be like a dataset: the ending tells what it is."""
    folder.mkdir()
    return folder / (re.sub(r"[^\w.-]", "_", name.rpartition("/")[2])[-LONGEST_NAME:].lstrip(".") or "dataset")


def _find_status(error: StorageError) -> int:
    if isinstance(error, ObjectNotFoundError):
        return 404
    return (
        403 if isinstance(error, ObjectForbiddenError) else 502 if isinstance(error, StorageUnavailableError) else 400
    )


def create_router(
    rehearsals: Rehearsals, open_objects: Callable[[], ObjectStore], answering: Answering, device: Device
) -> APIRouter:
    """``/emulator/v1/rehearsals``."""
    router = APIRouter(prefix="/emulator/v1/rehearsals", tags=["rehearsals"])
    desk = RehearsalDesk(rehearsals, open_objects, answering, device)

    @router.post(
        "",
        summary="Rehearse: tune a small model on most rows of a dataset, ask it the others, look at its rows",
        description=(
            "The dataset is the body, or dataset=gs://bucket/object. One runs at a time, others wait. The last "
            f"{MOST_KEPT} are kept, in no state archive; a reset of everything forgets them. One that runs when the "
            "emulator ends has FAILED when it starts again. `tuning-emulator rehearse` does the same without a server."
        ),
        openapi_extra={"requestBody": _JSONL},
    )
    async def post_rehearsal(request: Request, asked: Annotated[RehearsalQuery, Query()]) -> RehearsalSummary:
        return summarise(await desk.start(asked, await request.body()))

    @router.get("", summary="All that are kept, the newest first")
    async def list_rehearsals() -> RehearsalList:
        return RehearsalList(rehearsals=[summarise(one) for one in rehearsals.list_all()])

    @router.get("/{identifier}", summary="How far one is, and what came of it")
    async def get_rehearsal(
        identifier: str,
        rows: Annotated[int, Query(ge=0, le=1_000_000, description="Of each list of the report at most.")] = ROWS,
    ) -> RehearsalDetail:
        return await desk.describe(desk.require(identifier), rows)

    @router.post("/{identifier}:cancel", summary="End one that waits or runs")
    async def cancel_rehearsal(identifier: str) -> RehearsalSummary:
        desk.require(identifier)
        try:
            return summarise(await rehearsals.cancel(identifier))
        except RehearsalStateError as error:
            raise HTTPException(409, str(error)) from error

    @router.delete("/{identifier}", summary="Forget one that has ended")
    async def delete_rehearsal(identifier: str) -> RehearsalSummary:
        record = desk.require(identifier)
        try:
            rehearsals.forget(identifier)
        except RehearsalStateError as error:
            raise HTTPException(409, str(error)) from error
        return summarise(record)

    return router
