"""How fast a job goes through what clients see of it, whatever really trains underneath."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

MAX_SECONDS = 10 * 365 * 86_400.0
MAX_POLLS = 1_000_000

_FORM = re.compile(r"(?P<mode>[a-z]+)(?:[:-](?P<amount>[0-9.]+))?")


class PaceError(ValueError):
    """No pace; the text names the value and what would be right."""


class PaceMode(StrEnum):
    """What makes a job go on from one state to the next."""

    TRAINING = "training"
    """The trainer alone."""
    TIME = "time"
    """So much time of the emulator's clock in each state."""
    POLLS = "polls"
    """So many reads in each state."""
    MANUAL = "manual"
    """Nothing but the control API's ``:advance``."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What a job waits for before it shows its next state; its work must be done as well.

    Attributes:
        seconds: Of the emulator's clock, for ``TIME``. polls: Reads, for ``POLLS``.
    """

    mode: PaceMode = PaceMode.TRAINING
    seconds: float = 0.0
    polls: int = 0

    def __post_init__(self) -> None:
        if self.mode is PaceMode.TIME and not (math.isfinite(self.seconds) and 0 <= self.seconds <= MAX_SECONDS):
            raise PaceError(f"seconds: {self.seconds!r} is not between 0 and {MAX_SECONDS:.0f}")
        if self.mode is PaceMode.POLLS and not 1 <= self.polls <= MAX_POLLS:
            raise PaceError(f"polls: {self.polls!r} is not between 1 and {MAX_POLLS}")


TRAINING = Pace()


def parse_pace(text: str) -> Pace:
    """Reads ``training``, ``time:60``, ``polls:2`` or ``manual``; a hyphen does for the colon, as labels need it.

    Raises:
        PaceError: it is something else.
    """
    wrong = PaceError(f"{text!r} is not a pace: training, time:SECONDS, polls:NUMBER or manual")
    match = _FORM.fullmatch(text.strip().lower())
    if match is None or match["mode"] not in tuple(PaceMode):
        raise wrong
    mode, amount = PaceMode(match["mode"]), match["amount"]
    if (amount is not None) != (mode in (PaceMode.TIME, PaceMode.POLLS)):
        raise wrong
    try:
        if mode is PaceMode.TIME:
            return Pace(mode, seconds=float(amount))
        return Pace(mode, polls=int(amount)) if mode is PaceMode.POLLS else Pace(mode)
    except PaceError:
        raise
    except ValueError:
        raise wrong from None


def format_pace(pace: Pace) -> str:
    """What ``parse_pace`` reads."""
    if pace.mode is PaceMode.TIME:
        return f"time:{pace.seconds:.9f}".rstrip("0").rstrip(".")
    return f"polls:{pace.polls}" if pace.mode is PaceMode.POLLS else pace.mode.value
