"""What ``tuning-emulator tune`` shows, as lines for logs and pipes; ``terminal`` draws the same for people."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from tuning_emulator.cli.curves import Curves, name_curves

_LINES = 20
"""About so many lines of progress."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A prompt, and what was said to it.

    Attributes:
        expected: "" where nobody knows. rejected: Of preference tuning, what should no longer be said.
        before: By the base model; None where it does not answer. after: By the tuned model.
    """

    prompt: str
    expected: str
    before: str | None
    after: str
    rejected: str = ""

    @property
    def right(self) -> bool:
        """Whether the tuned model said what was expected."""
        return is_same(self.after, self.expected)

    @property
    def texts(self) -> list[tuple[str, str]]:
        """What was said, by whom, in the order in which it is read."""
        known = [("expected", self.expected or None), ("rejected", self.rejected or None), ("before", self.before)]
        return [*((name, text) for name, text in known if text is not None), ("after", self.after)]


def is_same(said: str, expected: str) -> bool:
    """Whether two answers are one; of JSON only the values count."""
    if not expected:
        return False
    return said.strip() == expected.strip() or _read_json(said) == _read_json(expected) is not None


def _read_json(text: str) -> Any:
    """An object or an array; None for anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict | list) else None


class Screen(Protocol):
    """Where progress goes."""

    def say(self, what: str, about: str = "") -> None:
        """One line."""
        ...

    def report(self, state: str, done: int, total: int, curves: Curves) -> None:
        """How far the job is."""
        ...

    def finish(self, curves: Curves) -> None:
        """The job has ended."""
        ...

    def show_answers(self, answers: Sequence[Answer]) -> None:
        """A sample of what the model says."""
        ...


class PlainScreen:
    """Lines for logs and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._state = ""
        self._told = 0
        self._measured = 0
        self._first: tuple[int, float] | None = None

    def say(self, what: str, about: str = "") -> None:
        """See ``Screen``."""
        print(f"{what}  {about}".rstrip(), file=self._out, flush=True)

    def report(self, state: str, done: int, total: int, curves: Curves) -> None:
        """See ``Screen``."""
        if state != self._state:
            self._state = state
            self.say("state", state)
        if curves.train and done - self._told >= max(1, total // _LINES):
            self._told = done
            self.say("step", f"{done}/{total}  loss {curves.train[-1]:.4f}{self._estimate(done, total)}")
        if len(curves.validation) - self._measured >= max(1, len(curves.validation) // _LINES):
            self._measured = len(curves.validation)
            step, loss = curves.validation[-1]
            self.say("validation", f"step {step}  loss {loss:.4f}")

    def _estimate(self, done: int, total: int) -> str:
        """How long the rest will take at the mean pace since the first step that was seen; "" before there is one."""
        now = time.monotonic()
        if self._first is None:
            self._first = done, now
        began, began_s = self._first
        if done == began or done >= total:
            return ""
        return f"  {(now - began_s) / (done - began) * (total - done):.0f} s to go"

    def finish(self, curves: Curves) -> None:
        """See ``Screen``."""
        for name, words in zip(("loss", "validation"), name_curves(curves), strict=False):
            self.say(name, words)

    def show_answers(self, answers: Sequence[Answer]) -> None:
        """See ``Screen``."""
        for one in answers:
            self.say("prompt", repr(one.prompt))
            for name, text in one.texts:
                self.say(f"  {name:<9}", repr(text))


def open_screen(out: TextIO, plain: bool) -> Screen:
    """The best that this output and this installation can do."""
    if plain or not out.isatty():
        return PlainScreen(out)
    try:
        from tuning_emulator.cli.terminal import RichScreen
    except ImportError:  # rich comes with the extra `lora`
        return PlainScreen(out)
    return RichScreen()
