"""The control API as a FastAPI application, documented at /emulator/docs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi import APIRouter, FastAPI, HTTPException

from emulator import __version__
from emulator.control.health import Health
from emulator.control.jobs import JobReport, describe_job
from emulator.store.store import Store


def create_control(health: Callable[[], Health], store: Store, routers: Iterable[APIRouter] = ()) -> FastAPI:
    """The application behind /emulator. ``health`` is asked anew for every call; ``routers`` are its further parts."""
    app = FastAPI(
        title="tuning-emulator control",
        version=__version__,
        docs_url="/emulator/docs",
        redoc_url=None,
        openapi_url="/emulator/openapi.json",
    )

    @app.get("/emulator/v1/health", summary="Is it ready, and what runs here")
    def get_health() -> Health:
        return health()

    for router in routers:
        app.include_router(router)

    @app.get("/emulator/v1/jobs/{name:path}", summary="One tuning job of either API, with each step's loss")
    async def get_job(name: str) -> JobReport:
        job = describe_job(store, name)
        if job is None:
            wanted = "tunedModels/{id} or projects/{project}/locations/{location}/tuningJobs/{id}"
            raise HTTPException(404, f"no tuning job {name!r}; give its resource name: {wanted}")
        return job

    return app
