"""One answer beside its recording. How strictly they compare is the method's name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contract_tests.exchange import Recording
from contract_tests.normalise import (
    find_missing,
    normalise,
    normalise_headers,
    normalise_text,
    print_shape,
    print_value,
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a target answered."""

    status: int
    headers: Sequence[tuple[str, str]]
    content: bytes


class Transcript:
    """An answer and what was recorded, in which the names of `instead` are those of this play."""

    def __init__(self, recording: Recording, heard: Heard, instead: dict[str, str]) -> None:
        self.recording = recording
        self.heard = heard
        self._instead = instead

    @property
    def json(self) -> Any:
        """The body as a value."""
        return json.loads(self.heard.content)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.heard.content.decode()

    @property
    def headers(self) -> dict[str, list[str]]:
        """Headers by lower-case name."""
        return normalise_headers(self.heard.headers)

    # ------------------------------------------------------------ from the strictest to the freest

    def same_answer(self) -> Transcript:
        """Status, every recorded header, and the body."""
        return self.same_headers().same_body()

    def same_bytes(self) -> Transcript:
        """Status and body, byte for byte."""
        self._same_status()
        assert self.text == self._recorded(self.recording.answer.content.decode())
        return self

    def same_body(self) -> Transcript:
        """Status and body: every key in its order, every value but ids, times, numbers of projects and losses."""
        self._same_status()
        sort = self.recording.unordered
        assert print_value(normalise(self.json), sort=sort) == print_value(normalise(self._body()), sort=sort)
        return self

    def same_error(self) -> Transcript:
        """Status, code, message, status name and details; no more and no less."""
        return self.same_body()

    def same_parts(self) -> Transcript:
        """Status, and everything that was recorded of the body; there may be more."""
        self._same_status()
        missing = find_missing(self._body(), self.json, ordered=not self.recording.unordered)
        assert not missing, "\n".join(missing)
        return self

    def same_message(self) -> Transcript:
        """Status, code, status name and message of an error; whether it has details is not known."""
        self._same_status()
        recorded, found = self._body()["error"], self.json["error"]
        for name in ("code", "message", "status"):
            assert normalise(found[name]) == normalise(recorded[name]), name
        return self

    def same_beginning(self) -> Transcript:
        """Status and the first words of the message."""
        self._same_status()
        found, recorded = str(self.json["error"]["message"]), str(self._body()["error"]["message"])
        assert normalise_text(found).startswith(normalise_text(recorded)), found
        return self

    def same_shape(self) -> Transcript:
        """Status, and the body's keys in their order with the kinds of their values."""
        self._same_status()
        assert print_shape(self.json) == print_shape(self._body())
        return self

    def same_headers(self) -> Transcript:
        """Status, and every recorded header with its values in their order."""
        self._same_status()
        found = self.headers
        for name, values in normalise_headers(self.recording.answer.headers).items():
            assert found.get(name) == values, name
        return self

    # ------------------------------------------------------------ inside

    def _same_status(self) -> None:
        assert self.heard.status == self.recording.answer.status, self.text[:2000]

    def _body(self) -> Any:
        return json.loads(self._recorded(json.dumps(self.recording.answer.body)))

    def _recorded(self, text: str) -> str:
        for old, new in self._instead.items():
            text = text.replace(old, new)
        return text
