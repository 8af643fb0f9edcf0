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


def list_variables(url: str, storage_url: str, api_key: str = "emulator") -> dict[str, str]:
    """The variables that lead the SDKs to an emulator, each with its value.

    google-genai reads the two base URLs and the key, google-cloud-storage its emulator's host. No project is set:
    with GOOGLE_CLOUD_PROJECT in the environment the vertexai package asks a public host for the project's id.
    """
    variables = {"GOOGLE_GEMINI_BASE_URL": url, "GOOGLE_VERTEX_BASE_URL": url, "GEMINI_API_KEY": api_key}
    return variables | ({"STORAGE_EMULATOR_HOST": storage_url} if storage_url else {})
