"""What a test holds: one target, put into a situation, and asked what was recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from contract_tests.exchange import Recording, Sent
from contract_tests.targets import EmulatorTarget, LiveTarget, Name, RecordingTarget, Target, find_live
from contract_tests.transcript import Transcript

Situation = Callable[[EmulatorTarget], Awaitable[None]]
"""Puts an emulator into the state in which an answer was recorded."""

NEEDS_PREPARATION = "live: needs a situation that only a test can make"
NO_CREDENTIALS = "live: TUNING_CONTRACT_KEY, TUNING_CONTRACT_TOKEN and TUNING_CONTRACT_PROJECT are not all set"


class Contract:
    """One target and what was played on it."""

    def __init__(self, name: Name, recordings: Mapping[str, Recording], item: pytest.Item) -> None:
        self.name = name
        self.played: list[str] = []
        self._recordings = recordings
        self._item = item
        self._target: Target | None = None
        self._settings: dict[str, Any] = {}

    def settings(self, **settings: Any) -> None:
        """Settings of the emulator; before anything else."""
        assert self._target is None, "the emulator runs already"
        self._settings = settings

    async def given(self, situation: Situation) -> None:
        """The situation in which the answer was recorded. Recordings are in it already."""
        target = self._find_target()
        if isinstance(target, LiveTarget):
            pytest.skip(NEEDS_PREPARATION)
        if isinstance(target, EmulatorTarget):
            await target.start()
            await situation(target)

    async def play(self, name: str, *, instead: Mapping[str, str] | None = None, text: str | None = None) -> Transcript:
        """Sends the recorded request and sets the answer beside the recorded one.

        Args:
            instead: Names that are others here (a model that is not served), in request and recorded answer.
            text: The body, where the recorded one was not kept.
        """
        recording = self._recordings[name]
        self.played.append(name)
        target = self._find_target()
        names = dict(instead or {})
        request = recording.request
        if isinstance(target, RecordingTarget):
            return Transcript(recording, await target.ask(recording, request), {})
        if isinstance(target, LiveTarget) and not recording.live:
            pytest.skip(NEEDS_PREPARATION)
        if isinstance(target, EmulatorTarget) and recording.differs:
            self._item.add_marker(pytest.mark.xfail(reason=recording.differs, strict=True))
        if recording.version:
            names[recording.version] = "v1beta"
        if text is not None:
            request = replace(request, text=text)
        return Transcript(recording, await target.ask(recording, _rename(request, names)), names)

    async def close(self) -> None:
        """Ends the target."""
        if self._target is not None:
            await self._target.close()

    def _find_target(self) -> Target:
        if self._target is None:
            self._target = self._make_target()
        return self._target

    def _make_target(self) -> Target:
        if self.name == "recording":
            return RecordingTarget()
        if self.name == "emulator":
            return EmulatorTarget(**self._settings)
        live = find_live()
        if live is None:
            pytest.skip(NO_CREDENTIALS)
        return live


def _rename(request: Sent, names: Mapping[str, str]) -> Sent:
    def rename(text: str) -> str:
        for old, new in names.items():
            text = text.replace(old, new)
        return text

    text = request.content.decode()
    return replace(request, url=rename(request.url), text=rename(text) if text else None)
