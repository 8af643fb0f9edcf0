"""Faults: put in force, counted, taken away."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException
from typing_extensions import TypedDict

from emulator.protocol.faults import ArmedFault, Fault, FaultError, Faults


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
        fault=armed.fault.model_dump(mode="json", exclude_defaults=True),
    )


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
    async def add_fault(fault: Fault) -> FaultReport:
        try:
            return describe_fault(faults.add(fault))
        except FaultError as error:
            raise HTTPException(400, str(error)) from error

    @router.delete("/faults", summary="Take all away, or those for one project; calls that they hold go on")
    async def clear_faults(project: str = "") -> RemovedFaults:
        return RemovedFaults(removed=faults.clear(project))

    @router.get("/faults/{identifier}", summary="One fault with its counters")
    async def get_fault(identifier: str) -> FaultReport:
        return describe_fault(require(faults.find(identifier), identifier))

    @router.delete("/faults/{identifier}", summary="Take one away; answers its last counters")
    async def remove_fault(identifier: str) -> FaultReport:
        return describe_fault(require(faults.remove(identifier), identifier))

    return router
