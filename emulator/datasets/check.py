"""Checks a whole dataset: the rules of every line and of the file, its statistics, and the trainer's copy of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from emulator.core.records import DatasetStatistics
from emulator.datasets.lines import DatasetError, DatasetForm, Line, decode_line, parse_line
from emulator.datasets.parts import sample_content
from emulator.datasets.statistics import Tally
from emulator.datasets.tokens import count_tokens
from emulator.facts import dataset_errors as rules

_SAMPLES = 3
_ECHO_CODE_POINTS = 1000
_BATCH_BYTES = 1 << 16

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class DatasetLimits:
    """What a base model allows.

    Attributes:
        max_tokens_per_example: Longer examples are dropped.
        modalities: Kinds of parts besides text, as the service lists them in its error: ``image``, ``PDF document``,
            ``audio``, ``video``, ``function call``.
        validation_max_examples: 0: no limit.
        validation_fraction: Largest share of the training examples; 0: no such rule.
        validation_fraction_above: The share only counts for more validation examples than this.
    """

    max_tokens_per_example: int = 131_072
    min_examples: int = 1
    max_examples: int = 10_000_000
    max_media_examples: int = 300_000
    max_bytes: int = 1 << 30
    modalities: tuple[str, ...] = ("image", "PDF document", "audio", "video")
    validation_max_examples: int = 5000
    validation_fraction: float = 0.3
    validation_fraction_above: int = 1000


DEFAULT_LIMITS = DatasetLimits()
"""The newest Gemini models'. Source: docs.cloud.google.com …/models/tuning/supervised-tuning (2026-09-25)."""


def check_first_line(lines: Iterable[bytes], form: DatasetForm) -> None:
    """What ``create`` refuses at once: a dataset that is empty, or whose first line breaks a rule.

    Raises:
        DatasetError
    """
    for row, data in enumerate(lines):
        if data.strip():
            parse_line(data, row, form)
            return
    raise DatasetError(rules.EMPTY_DATASET)


def check_dataset(
    lines: Iterable[bytes],
    form: DatasetForm = "contents",
    limits: DatasetLimits = DEFAULT_LIMITS,
    destination: Path | None = None,
    report: Callable[[DatasetError], None] | None = None,
) -> DatasetStatistics:
    """Reads a training or validation set once, in constant memory.

    Args:
        lines: As ``ObjectStore.lines`` gives them. Blank lines count as rows, not as examples.
        destination: Where the examples are written for the trainer; only complete when this returns.
        report: Takes each broken rule of a line or the file, and checking goes on with the next line; without it the
            first one is raised.

    Raises:
        DatasetError: a rule is broken, or no example is left to train on (that one is always raised).
    """
    with destination.open("wb") if destination else nullcontext() as sink:
        check = _Check(form, limits, sink, report)
        check.read(iter(lines))
    check.finish()
    return check.tally.summarise()


def check_validation_size(examples: int, training_examples: int, limits: DatasetLimits) -> None:
    """The rules that tie a validation set to its training set.

    Raises:
        DatasetError: too many validation examples.
    """
    allowed = [limits.validation_max_examples] if limits.validation_max_examples else []
    if limits.validation_fraction and examples > limits.validation_fraction_above:
        allowed.append(int(training_examples * limits.validation_fraction))
    if allowed and examples > min(allowed):
        raise DatasetError(rules.VALIDATION_TOO_LARGE, examples=examples, limit=min(allowed))


class _Check:
    """The state of one reading. Lines wait in ``_pending`` so that many are counted and written at once."""

    def __init__(
        self,
        form: DatasetForm,
        limits: DatasetLimits,
        sink: BinaryIO | None,
        report: Callable[[DatasetError], None] | None,
    ) -> None:
        self.form: DatasetForm = form
        self.limits = limits
        self.tally = Tally()
        self._sink = sink
        self._report = report
        self._pending: list[Line] = []
        self._pending_bytes = 0
        self._size_bytes = 0
        self._shown = 0
        self._media_examples = 0
        self._faults = 0

    def read(self, lines: Iterator[bytes]) -> None:
        """Parses each line; the loop is short because it runs ten million times."""
        form, pending = self.form, self._pending
        for row, data in enumerate(lines):
            self._pending_bytes += len(data) + 1
            try:
                line = parse_line(data, row, form)
            except DatasetError as error:
                if data.strip():
                    self._refuse(error)
                continue
            if self._shown < _SAMPLES:
                self._show(data, line)
            if line.media:
                self._flush()
                self._leave_out(line, data, row, lines)
                continue
            pending.append(line)
            if self._pending_bytes > _BATCH_BYTES:
                self._flush()
        self._flush()

    def _flush(self) -> None:
        """Counts the pending lines, writes them for the trainer, and holds the file to its limits."""
        pending = self._pending
        kept = self._count_preferences(pending) if self.form == "preference" else self._count(pending)
        if self._sink is not None:
            self._sink.write(b"".join(map(_format, kept)))
        self._size_bytes += self._pending_bytes
        self._pending_bytes = 0
        pending.clear()
        if self._size_bytes - 1 > self.limits.max_bytes:
            raise DatasetError(rules.TOO_LARGE, limit=self.limits.max_bytes)
        if self.tally.examples > self.limits.max_examples:
            raise DatasetError(rules.TOO_MANY_EXAMPLES, limit=self.limits.max_examples)

    def _count(self, lines: list[Line]) -> list[Line]:
        """Adds lines of supervised tuning to the statistics; returns those that are short enough."""
        longest = self.limits.max_tokens_per_example
        tokens = [count_tokens(text) for line in lines for text in line.texts]
        inputs: list[int] = []
        outputs: list[int] = []
        kept: list[Line] = []
        at = 0
        for line in lines:
            count = len(line.texts)
            if count == 2:  # almost always
                read, written = tokens[at], tokens[at + 1]
            else:
                read, written = sum(tokens[at : at + count : 2]), sum(tokens[at + 1 : at + count : 2])
            at += count
            if line.system:
                read += count_tokens(line.system)
            if read + written > longest:
                self._drop_long(read + written, len(kept))
                continue
            inputs.append(read)
            outputs.append(written)
            kept.append(line)
        self.tally.add_all(inputs, outputs, [len(line.texts) for line in kept])
        return kept

    def _count_preferences(self, lines: list[Line]) -> list[Line]:
        kept = []
        for line in lines:
            tokens = [count_tokens(text) for text in line.texts]
            chosen, rejected = tokens[-1], count_tokens(line.rejected or "")
            inputs = sum(tokens) - chosen + count_tokens(line.system)
            longest = inputs + max(chosen, rejected)
            if longest > self.limits.max_tokens_per_example:
                self._drop_long(longest, 0)
            else:
                self.tally.add_preference(inputs, (chosen, rejected), len(tokens))
                kept.append(line)
        return kept

    def finish(self) -> None:
        """The rules of the file as a whole."""
        tally = self.tally
        if not tally.examples and not self._faults:
            raise DatasetError(rules.EMPTY_DATASET)
        if tally.examples and not tally.kept:
            example, reason = tally.dropped[0]
            raise DatasetError(rules.ALL_DROPPED, examples=tally.examples, example=example, reason=reason)
        if tally.examples < self.limits.min_examples:
            self._refuse(DatasetError(rules.TOO_FEW_EXAMPLES, minimum=self.limits.min_examples))

    def _refuse(self, error: DatasetError) -> None:
        self._faults += 1
        if self._report is None:
            raise error
        self._report(error)

    def _leave_out(self, line: Line, data: bytes, row: int, rest: Iterator[bytes]) -> None:
        """An example with parts that are not text: refused if the model does not take them, else dropped."""
        refused = [kind for kind in line.media if kind not in self.limits.modalities]
        if refused:
            # The service's text tells how many examples there are.
            examples = self.tally.examples + 1 + (0 if self._report else sum(1 for data in rest if data.strip()))
            self._refuse(_unsupported(row, self.tally.examples + 1, examples, refused[0], self.limits, data))
        self._media_examples += 1
        if self._media_examples > self.limits.max_media_examples:
            raise DatasetError(rules.TOO_MANY_MEDIA_EXAMPLES, limit=self.limits.max_media_examples)
        self.tally.drop(rules.NOT_TEXT.format(modality=", ".join(line.media)))

    def _drop_long(self, tokens: int, waiting: int) -> None:
        """``waiting``: examples before this one that are not in the tally yet."""
        reason = rules.TOO_MANY_TOKENS.format(tokens=tokens, limit=self.limits.max_tokens_per_example)
        self.tally.drop(reason, waiting)

    def _show(self, data: bytes, line: Line) -> None:
        self._shown += 1
        values = decode_line(data)
        contents = [sample_content(content) for content in values.get("contents") or _as_contents(line)]
        if self.form == "preference":
            completions = [
                {"completion": sample_content(item["completion"]), "score": float(item.get("score", 0))}
                for item in values["completions"]
            ]
            self.tally.samples.append({"contents": contents, "completions": completions})
        else:
            self.tally.samples.extend(contents)


def _unsupported(row: int, example: int, examples: int, kind: str, limits: DatasetLimits, data: bytes) -> DatasetError:
    text = data.decode("utf-8", "replace")
    return DatasetError(
        rules.UNSUPPORTED_MODALITY,
        row + 1,
        example=example,
        examples=examples,
        modality=kind,
        supported=", ".join(limits.modalities),
        json=text if len(text) <= _ECHO_CODE_POINTS else f"{text[:_ECHO_CODE_POINTS]}...",
    )


def _as_contents(line: Line) -> list[dict[str, Any]]:
    return [{"role": ("user", "model")[n & 1], "parts": [{"text": text}]} for n, text in enumerate(line.texts)]


def _format(line: Line) -> bytes:
    """As ``trainer.spec.format_example`` writes it, line end included."""
    turns = [{"role": ("user", "model")[index & 1], "text": text} for index, text in enumerate(line.texts)]
    values: dict[str, Any] = {"turns": turns}
    if line.system:
        values["system"] = line.system
    if line.rejected is not None:
        values["rejected"] = line.rejected
    return _encode(values) + b"\n"
