"""What a job's request asks for beyond the columns of its record."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.core.records import TuningJob
from emulator.run.trainers import Target


@dataclass(frozen=True, slots=True)
class Orders:
    """Read from the request anew whenever they are needed.

    Attributes:
        teacher: Who answers the prompts of a distillation; None where the request's teacher is not there (any more).
        teacher_name: As the request names it.
        full: All weights are tuned, not an adapter.
        output_uri: Folder of Cloud Storage that gets the results, ``gs://bucket/folder``, or "".
    """

    teacher: Target | None = None
    teacher_name: str = ""
    full: bool = False
    output_uri: str = ""


def no_orders(_job: TuningJob) -> Orders:
    """Of APIs whose requests hold nothing of the kind."""
    return Orders()
