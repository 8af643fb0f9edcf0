"""How this emulator is set up: what programs need to find it, what it runs on, and every setting as it stands."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fastapi import APIRouter
from typing_extensions import TypedDict

from tuning_emulator.control.health import Health
from tuning_emulator.proxy.variables import Places, Way, list_variables

PACKAGES = ("torch", "transformers", "peft", "tokenizers", "pillow", "pypdf", "soundfile", "av", "google-re2")
"""What the trainer, files in prompts and rewards want: the extras."""


class SettingReport(TypedDict):
    """A setting. ``value``: as it stands, "" for none; ``changed``: it is not the default; ``help``: what it does."""

    name: str
    variable: str
    option: str
    value: str
    changed: bool
    help: str


class SetupReport(TypedDict):
    """``variables``: what leads SDKs here. ``unset``: what would lead them elsewhere.

    ``packages``: their versions, null where not installed.
    ``directory``: where files are kept, for good if ``durable``; ``free_bytes``: of its disk.
    """

    health: Health
    variables: dict[str, str]
    unset: list[str]
    python: str
    system: str
    packages: dict[str, str | None]
    directory: str
    durable: bool
    free_bytes: int
    settings: list[SettingReport]


def find_version(package: str) -> str | None:
    """Of an installed package; None: it is not. Nothing is loaded for it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def create_router(
    health: Callable[[], Health], directory: Path, list_settings: Callable[[], list[SettingReport]]
) -> APIRouter:
    """The route. ``directory``: the data directory in use."""
    router = APIRouter(tags=["setup"])

    @router.get("/emulator/v1/setup", summary="What leads SDKs here, what this runs on, and every setting")
    def get_setup() -> SetupReport:
        found = health()
        leading = list_variables(Way.POINT, Places(found["url"], found["storage"]["url"]), {})
        return SetupReport(
            health=found,
            variables={name: value for name, value in leading.items() if value is not None},
            unset=[name for name, value in leading.items() if value is None],
            python=platform.python_version(),
            system=f"{platform.system()} {platform.machine()}",
            packages={package: find_version(package) for package in PACKAGES},
            directory=str(directory),
            durable=found["data_dir"] is not None,
            free_bytes=shutil.disk_usage(directory).free,
            settings=list_settings(),
        )

    return router
