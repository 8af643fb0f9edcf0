"""Which form the lines of a dataset have: decided by how a job tunes what."""

from __future__ import annotations

from emulator.core.records import TuningMethod
from emulator.datasets.lines import DatasetForm


def dataset_form(method: TuningMethod, base_model: str) -> DatasetForm | None:
    """What the lines of a dataset look like; None for methods whose data nothing here reads.

    Open models are named ``publisher/model@version``.
    """
    if method is TuningMethod.PREFERENCE:
        return "preference"
    if method is TuningMethod.DISTILLATION:
        return "prompts"
    if method not in (TuningMethod.SUPERVISED, TuningMethod.FULL):
        return None
    if "@" in base_model:
        return "open"
    return "messages" if base_model.startswith("gemini-1.0-pro") else "contents"
