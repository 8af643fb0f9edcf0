"""Printed answers to GETs, remembered while nothing has changed: clients poll, and printing costs most of an answer."""

from __future__ import annotations

from typing import TypeAlias

from emulator.protocol.call import Caller
from emulator.protocol.parameters import Parameters

Printed: TypeAlias = tuple[str, bytes]
"""Content type and body."""

Key: TypeAlias = tuple[str, str, Parameters, Caller]
"""Host and method, path with its version, all of query and headers that shapes the answer, and who asks."""

CAPACITY = 512
LARGEST_BYTES = 64 * 1024
"""Longer answers are lists, which are seldom asked for twice alike."""


class Memory:
    """At most ``CAPACITY`` answers; a new revision makes the old ones useless, a full memory is emptied."""

    def __init__(self) -> None:
        self._answers: dict[Key, tuple[int, Printed]] = {}

    def find(self, key: Key, revision: int) -> Printed | None:
        """The answer given before, if nothing has changed since."""
        known = self._answers.get(key)
        return known[1] if known is not None and known[0] == revision else None

    def keep(self, key: Key, revision: int, printed: Printed) -> None:
        """Remembers an answer that was made while ``revision`` held."""
        if len(printed[1]) > LARGEST_BYTES:
            return
        if len(self._answers) >= CAPACITY:
            self._answers.clear()
        self._answers[key] = (revision, printed)
