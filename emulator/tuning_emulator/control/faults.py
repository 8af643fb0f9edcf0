"""Faults: put in force, counted, taken away."""

from __future__ import annotations

from dataclasses import fields
from inspect import getdoc
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass
from typing_extensions import TypedDict

from tuning_emulator.core.errors import Code
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.job_control import (
    COUNTED,
    MAGIC_VALUES,
    OF_VERTEX,
    FaultKind,
    JobFault,
    JobFaultError,
    create_job_fault,
)
from tuning_emulator.middleware.faults import LONGEST_WAIT_S, PAGES, ArmedFault, Fault, FaultError, Faults, Quota
from tuning_emulator.middleware.named_faults import NAMED_FAULTS
from tuning_emulator.store.controls import Controls, WaitingFault


def _configure(kind: type) -> ConfigDict:
    """Unknown fields are refused; the API's description is the class's own."""
    return ConfigDict(extra="forbid", title=kind.__name__, json_schema_extra={"description": getdoc(kind)})


_NotNegative = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, config=_configure(Quota))
class QuotaBody(Quota):
    """A quota as requests have it."""


@dataclass(frozen=True, config=_configure(Fault))
class FaultBody(Fault):
    """A fault as requests, scenarios and state archives have it: with the limits of each field."""

    nth: Annotated[
        tuple[PositiveInt, ...], BeforeValidator(lambda given: (given,) if isinstance(given, int) else given)
    ] = ()
    after: NonNegativeInt = 0
    times: PositiveInt | None = None
    probability: Annotated[float, Field(gt=0, le=1)] | None = None
    wait_s: Annotated[float, Field(ge=0, le=LONGEST_WAIT_S)] = 0
    code: Annotated[str, BeforeValidator(lambda given: str(given) if isinstance(given, int) else given)] = ""
    quota: QuotaBody | None = None
    retry_delay_s: _NotNegative | None = None
    retry_after_s: _NotNegative | None = None
    after_bytes: NonNegativeInt | None = None
    cut_after: PositiveInt | None = None


class FaultReport(TypedDict):
    """A fault in force. ``fault``: as it was written down, without what was left to the defaults.

    ``matched``: calls that it is for, so far. ``fired``: those that it has disturbed. ``remaining``: how often it may
    still fire; null: without end.
    """

    id: str
    matched: int
    fired: int
    remaining: int | None
    fault: dict[str, Any]


class FaultList(TypedDict):
    """In the order in which they were added, which is that of their precedence."""

    faults: list[FaultReport]


class RemovedFaults(TypedDict):
    """How many are gone."""

    removed: int


def describe_fault(armed: ArmedFault) -> FaultReport:
    """A fault and its counters."""
    return FaultReport(
        id=armed.id,
        matched=armed.matched,
        fired=armed.fired,
        remaining=armed.remaining,
        fault=_list_given(armed.fault),
    )


def _list_given(value: Fault | Quota) -> dict[str, Any]:
    """The fields that are not as by default."""
    found = {one.name: getattr(value, one.name) for one in fields(value) if getattr(value, one.name) != one.default}
    return {name: _list_given(one) if isinstance(one, Quota) else one for name, one in found.items()}


def create_router(faults: Faults) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/emulator/v1", tags=["faults"])

    def require(found: ArmedFault | None, identifier: str) -> ArmedFault:
        if found is None:
            known = ", ".join(one.id for one in faults) or "none is in force"
            raise HTTPException(404, f"id: no fault {identifier!r}; there is: {known}")
        return found

    @router.get("/faults", summary="All faults in force, with their counters")
    async def list_faults() -> FaultList:
        return FaultList(faults=[describe_fault(one) for one in faults])

    @router.post("/faults", summary="Put one in force")
    async def add_fault(fault: FaultBody) -> FaultReport:
        try:
            return describe_fault(faults.add(fault))
        except FaultError as error:
            raise HTTPException(400, str(error)) from error

    @router.delete("/faults", summary="Take all away, or those for one project; calls that they hold go on")
    async def clear_faults(project: str = "") -> RemovedFaults:
        return RemovedFaults(removed=faults.clear(project))

    @router.get(
        "/faults:choices", summary="What can be made to go wrong: troubles by name, codes, methods, kinds of job faults"
    )
    async def get_choices() -> Troubles:
        return list_troubles(faults)

    @router.get("/faults/{identifier}", summary="One fault with its counters")
    async def get_fault(identifier: str) -> FaultReport:
        return describe_fault(require(faults.find(identifier), identifier))

    @router.delete("/faults/{identifier}", summary="Take one away; answers its last counters")
    async def remove_fault(identifier: str) -> FaultReport:
        return describe_fault(require(faults.remove(identifier), identifier))

    return router


# --- what there is to choose from


class NamedTrouble(TypedDict):
    """A trouble by its name, said by these APIs on these methods (globs) unless the fault names others."""

    name: str
    apis: list[str]
    methods: list[str]
    meaning: str


class MethodRow(TypedDict):
    """A method that faults can be for."""

    api: str
    method: str
    streaming: bool


class JobTrouble(TypedDict):
    """A kind of what can happen to a job. ``counted``: ``at`` a line or step; ``apis``: whose jobs can have it."""

    kind: str
    counted: bool
    apis: list[str]
    meaning: str


class Troubles(TypedDict):
    """Everything that can be made to go wrong. ``codes``: canonical ones; 502 is the front end's HTML page."""

    named: list[NamedTrouble]
    codes: list[str]
    methods: list[MethodRow]
    jobs: list[JobTrouble]


def list_troubles(faults: Faults) -> Troubles:
    """The choice."""
    kinds = (
        (kind, next(row for row in MAGIC_VALUES if f"[fault={kind.value}" in row.display_name)) for kind in FaultKind
    )
    return Troubles(
        named=[
            NamedTrouble(name=name, apis=list(row.rows), methods=list(row.methods), meaning=row.meaning)
            for name, row in NAMED_FAULTS.items()
        ],
        codes=[code.name for code in Code if code is not Code.OK] + list(PAGES),
        methods=[
            MethodRow(api=api, method=name.rpartition(".")[2], streaming=streaming)
            for api, name, streaming in sorted(faults.methods)
        ],
        jobs=[
            JobTrouble(
                kind=kind.value,
                counted=kind in COUNTED,
                apis=["vertex"] if kind in OF_VERTEX else ["gemini", "vertex"],
                meaning=row.meaning,
            )
            for kind, row in kinds
        ],
    )


# --- faults for jobs to come


class FaultSetting(BaseModel):
    """What is to happen to a job."""

    model_config = ConfigDict(extra="forbid")
    kind: FaultKind
    at: int | None = Field(default=None, description="Line of the dataset or training step, from 1 on (default 1).")


class WaitingSetting(FaultSetting):
    """What is to happen to the next jobs."""

    project: str = Field(default="", description="Id or number; empty: any project.")
    jobs: int = Field(default=1, ge=1, le=1_000_000, description="To how many.")


class WaitingReport(TypedDict):
    """``given``: how many jobs have got it. ``fired``: to how many of them it has happened. ``remaining``: to come."""

    id: int
    project: str
    kind: str
    at: int
    jobs: int
    given: int
    fired: int
    remaining: int


class WaitingReports(TypedDict):
    """In the order in which they are given out."""

    job_faults: list[WaitingReport]


def parse_fault(setting: FaultSetting) -> JobFault:
    """The fault that a body means.

    Raises:
        HTTPException: 400, its kind takes no number, or a number above 0.
    """
    try:
        return create_job_fault(setting.kind, setting.at)
    except JobFaultError as error:
        raise HTTPException(400, str(error)) from error


def describe_waiting(row: WaitingFault) -> WaitingReport:
    """A waiting fault as JSON."""
    return WaitingReport(
        id=row.id,
        project=row.project,
        kind=row.fault.kind.value,
        at=row.fault.at,
        jobs=row.jobs,
        given=row.given,
        fired=row.fired,
        remaining=row.jobs - row.given,
    )


def create_job_fault_router(controls: Controls) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/emulator/v1/job-faults", tags=["faults"])

    @router.get("", summary="Faults that wait for jobs, used up ones among them, with their counters")
    async def list_faults() -> WaitingReports:
        return WaitingReports(job_faults=[describe_waiting(row) for row in controls.job_faults])

    @router.post("", summary="Let something happen to the next jobs of a project")
    async def post_fault(setting: WaitingSetting) -> WaitingReport:
        project = project_number(setting.project) if setting.project else ""
        return describe_waiting(controls.insert_job_fault(project, parse_fault(setting), setting.jobs))

    @router.delete("", summary="Forget all; jobs that have got theirs keep them")
    async def delete_faults() -> WaitingReports:
        for row in controls.job_faults:
            controls.delete_job_fault(row.id)
        return WaitingReports(job_faults=[])

    @router.delete("/{identifier}", summary="Forget one")
    async def delete_fault(identifier: int) -> WaitingReports:
        if not controls.delete_job_fault(identifier):
            raise HTTPException(404, f"no job fault {identifier}; GET /emulator/v1/job-faults lists them")
        return await list_faults()

    return router
