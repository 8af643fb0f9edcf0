"""The control API as a FastAPI application, documented at /emulator/docs."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from emulator import __version__
from emulator.control.health import Health


def create_control(health: Callable[[], Health]) -> FastAPI:
    """The application behind /emulator. ``health`` is asked anew for every call."""
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

    return app
