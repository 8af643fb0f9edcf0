"""What programs have to know to be led here: who they are, which hosts are served, which let through."""

from __future__ import annotations

from fastapi import APIRouter
from typing_extensions import TypedDict


class Interception(TypedDict):
    """Hosts are patterns: ``*-aiplatform.googleapis.com``."""

    hosts: list[str]
    pass_hosts: list[str]
    account: str
    project: str
    token: str


def create_router(interception: Interception) -> APIRouter:
    """The route of ``interception``."""
    router = APIRouter(tags=["tls"])

    @router.get("/emulator/v1/interception", summary="Which hosts the emulator stands in for, and for whom")
    async def get_interception() -> Interception:
        return interception

    return router
