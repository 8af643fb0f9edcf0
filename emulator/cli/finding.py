"""One thing that ``tuning-emulator doctor`` looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "warning", "broken"]
OK: Status = "ok"
WARNING: Status = "warning"
BROKEN: Status = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        area: ``installed``, ``reachable``, ``configured``.
        name: What was looked at: a package, an address, a variable.
        status: ``ok``; ``warning``: works, or will once it is wanted, but not as one might think; ``broken``.
        text: What it is.
        fix: What to do about it; "" where there is nothing to do.
    """

    area: Literal["installed", "reachable", "configured"]
    name: str
    status: Status
    text: str
    fix: str = ""
