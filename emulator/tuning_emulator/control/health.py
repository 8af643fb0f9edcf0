"""What runs here: the answer of ``GET /emulator/v1/health``, which the app gives without loading the control API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typing_extensions import TypedDict

from tuning_emulator import __version__


class Health(TypedDict):
    """``status`` is ``ok`` once both APIs answer; the trainer may still be warming up."""

    status: str
    version: str
    url: str
    trainer: dict[str, Any]
    storage: dict[str, Any]
    data_dir: str | None
    base_models: dict[str, str]


def describe_health(
    url: str,
    trainer: Callable[[], dict[str, object]],
    storage: Callable[[], dict[str, Any]],
    data_dir: str | None,
    base_models: dict[str, str],
) -> Health:
    """Puts the answer together; ``base_models`` maps ids to directories, ``*`` to the embedded one."""
    return Health(
        status="ok",
        version=__version__,
        url=url,
        trainer=trainer(),
        storage=storage(),
        data_dir=data_dir,
        base_models=base_models,
    )
