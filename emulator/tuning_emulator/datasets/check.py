"""Checks a whole dataset: the rules of every line and of the file, its statistics, and the trainer's copy of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import chain
from operator import add
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from msgspec import Struct

from tuning_emulator.core.records import DatasetStatistics
from tuning_emulator.datasets.columns import (
    CHUNK_BYTES,
    Batch,
    count_systems,
    format_batch,
    read_batch,
    sum_chunks,
    sum_turns,
)
from tuning_emulator.datasets.contents import sample_content
from tuning_emulator.datasets.limits import DEFAULT_LIMITS, DatasetLimits, is_cut
from tuning_emulator.datasets.lines import (
    FUNCTION_KINDS,
    DatasetError,
    DatasetForm,
    Line,
    decode_line,
    parse_line,
    read_words,
)
from tuning_emulator.datasets.statistics import Tally, count_json_tokens
from tuning_emulator.facts import dataset_errors, emulator_errors
from tuning_emulator.facts.limits import VERTEX_DATASET_SAMPLES
from tuning_emulator.facts.media import MAX_LONG_VIDEOS_SHARE, TUNING_MEDIA

_SAMPLES = VERTEX_DATASET_SAMPLES.value
_ECHO_CODE_POINTS = 1000
_BATCH_BYTES = 1 << 16


class ReadExample(Struct, frozen=True):
    """A line whose files were read.

    Attributes:
        values: The line with words in their place. tokens: What they are counted as.
        reduced: What of them is not read, each a reason.
        dropped: Why the example is left out; "" where it is not. long_video: Whether for the length of a video.
        images: For a trainer that sees: in Base64, each in the place of an ``IMAGE_MARK``.
    """

    values: dict[str, Any]
    tokens: int = 0
    reduced: tuple[str, ...] = ()
    dropped: str = ""
    long_video: bool = False
    images: tuple[str, ...] = ()


MediaReading: TypeAlias = Callable[[dict[str, Any]], ReadExample]


def check_first_line(lines: Iterable[bytes], form: DatasetForm) -> None:
    """What ``create`` refuses at once: a dataset that is empty, or whose first line breaks a rule.

    Raises:
        DatasetError
    """
    for row, data in enumerate(lines):
        if data.strip():
            parse_line(data, row, form)
            return
    raise DatasetError(dataset_errors.EMPTY_DATASET)


def check_dataset(
    lines: Iterable[bytes],
    form: DatasetForm = "contents",
    limits: DatasetLimits = DEFAULT_LIMITS,
    destination: Path | None = None,
    report: Callable[[DatasetError], None] | None = None,
    processes: int = 1,
    read_media: MediaReading | None = None,
) -> DatasetStatistics:
    """Reads a training or validation set once, in constant memory.

    Args:
        lines: As ``ObjectStore.lines`` gives them. Blank lines count as rows, not as examples.
        destination: Where the examples are written for the trainer; only complete when this returns.
        report: Takes each broken rule of a line or the file, and checking goes on with the next line; without it the
            first one is raised.
        processes: How many count; more than one wants ``report`` and no ``destination``.
        read_media: Reads the files that lines name; without it they are neither read nor counted, which is told.

    Raises:
        DatasetError: a rule is broken, or no example is left to train on (that one is always raised).
    """
    with destination.open("wb") if destination else nullcontext() as sink:
        check = _Check(form, limits, sink, report, read_media)
        if processes > 1 and form != "preference" and report is not None and sink is None:
            check.read_with(processes, iter(lines))
        else:
            check.read(iter(lines))
    check.finish()
    return check.tally.summarise()


class _Check:
    """The state of one reading. ``_batch`` holds lines that are read but neither counted nor written yet."""

    def __init__(
        self,
        form: DatasetForm,
        limits: DatasetLimits,
        sink: BinaryIO | None,
        report: Callable[[DatasetError], None] | None,
        read_media: MediaReading | None = None,
    ) -> None:
        self._read_media = read_media
        self._long_videos = 0
        self.form: DatasetForm = form
        self.limits = limits
        self.tally = Tally()
        self._sink = sink
        self._report = report
        self._batch = Batch([], [], [], [])
        self._size_bytes = 0
        self._shown = 0
        self._media_examples = 0
        self._refused: dict[str, tuple[int, int, bytes]] = {}
        self._refused_count = 0

    def read(self, lines: Iterator[bytes]) -> None:
        """Takes lines together; what counts them runs in C."""
        row = 0
        for taken, size in _gather(lines, _BATCH_BYTES):
            self._take(taken, row, lines)
            self._flush(size)
            row += len(taken)

    def read_with(self, processes: int, lines: Iterator[bytes]) -> None:
        """The same with the counting done in other processes; what they cannot make sense of is read here."""
        row = 0
        for (taken, size), sums in sum_chunks(_gather(lines, CHUNK_BYTES), processes):
            if sums is None or self._shown < _SAMPLES:
                self._take(taken, row, iter(()))
            else:
                self._add(*sums)
            self._flush(size)
            row += len(taken)

    def _take(self, lines: list[bytes], row: int, rest: Iterator[bytes]) -> None:
        """Reads lines at once if all are usual, else half by half; rule by rule what remains unusual alone."""
        batch = read_batch(lines) if self.form != "preference" and self._shown == _SAMPLES else None
        if batch is not None:
            self._batch.extend(batch)
        elif len(lines) > 1:
            middle = len(lines) // 2
            self._take(lines[:middle], row, chain(lines[middle:], rest))
            self._take(lines[middle:], row + middle, rest)
        elif lines:
            self._read_closely(lines[0], row, rest)

    def _read_closely(self, data: bytes, row: int, rest: Iterator[bytes]) -> None:
        try:
            line = parse_line(data, row, self.form)
        except DatasetError as error:
            if data.strip():
                self._refuse(error)
            return
        if self._shown < _SAMPLES:
            self._show(data, line)
        if not line.kinds or (self._takes(line, data, row, rest) and (not line.media or self._reads(line, data))):
            self._batch.append(line)

    def _flush(self, size_bytes: int) -> None:
        """Counts the waiting lines, writes them for the trainer, and holds the file to its limits."""
        batch = self._batch
        dropped = self._count_preferences(batch) if self.form == "preference" else self._count(batch)
        if self._sink is not None:
            self._sink.write(format_batch(batch, dropped))
        self._size_bytes += size_bytes
        batch.clear()
        if self._size_bytes - 1 > self.limits.max_bytes:
            raise DatasetError(dataset_errors.TOO_LARGE, limit=self.limits.max_bytes)
        if self.tally.examples > self.limits.max_examples:
            raise DatasetError(dataset_errors.TOO_MANY_EXAMPLES, limit=self.limits.max_examples)

    def _count(self, batch: Batch) -> frozenset[int]:
        """Adds lines of supervised tuning to the statistics; returns which of them are too long."""
        return self._add(*sum_turns(batch), batch.turns)

    def _add(self, inputs: list[int], outputs: list[int], turns: list[int]) -> frozenset[int]:
        """Adds lines by their tokens and turns; returns which of them are too long."""
        totals = [*map(add, inputs, outputs)]
        longest = max(totals, default=0)
        if self.limits.readable_tokens and is_cut(longest, self.limits.readable_tokens):
            self._note_long(totals)
        if longest <= self.limits.max_tokens_per_example:
            self.tally.add_all(inputs, outputs, turns)
            return frozenset()
        kept: list[int] = []
        for number, total in enumerate(totals):
            if total > self.limits.max_tokens_per_example:
                self._drop_long(total, len(kept))
            else:
                kept.append(number)
        self.tally.add_all(*([column[number] for number in kept] for column in (inputs, outputs, turns)))
        return frozenset(range(len(turns))).difference(kept)

    def _count_preferences(self, batch: Batch) -> frozenset[int]:
        tokens, systems = count_json_tokens(batch.texts), count_systems(batch)
        dropped = []
        end = 0
        for number, (count, rejected) in enumerate(zip(batch.turns, count_json_tokens(batch.rejected), strict=True)):
            *history, chosen = tokens[end : end + count]
            end += count
            inputs = sum(history) + systems[number] + batch.media.get(number, 0)
            longest = inputs + max(chosen, rejected)
            if self.limits.readable_tokens:
                self._note_long([longest])
            if longest > self.limits.max_tokens_per_example:
                self._drop_long(longest, 0)
                dropped.append(number)
            else:
                self.tally.add_preference(inputs, (chosen, rejected), count)
        return frozenset(dropped)

    def finish(self) -> None:
        """The rules of the file as a whole."""
        tally = self.tally
        if self._long_videos > tally.examples * MAX_LONG_VIDEOS_SHARE.value:
            raise DatasetError(dataset_errors.LONG_VIDEOS, limit=TUNING_MEDIA.value.video_s)
        for kind, (row, example, data) in self._refused.items():
            examples = tally.examples + self._refused_count
            self._refuse(_unsupported(row, example, examples, kind, self.limits, data))
        if not tally.examples:
            raise DatasetError(dataset_errors.EMPTY_DATASET)
        if tally.examples and not tally.kept:
            example, reason = tally.dropped[0]
            raise DatasetError(emulator_errors.ALL_DROPPED, examples=tally.examples, example=example, reason=reason)
        if tally.examples < self.limits.min_examples:
            self._refuse(DatasetError(dataset_errors.TOO_FEW_EXAMPLES, minimum=self.limits.min_examples))

    def _refuse(self, error: DatasetError) -> None:
        if self._report is None:
            raise error
        self._report(error)

    def _takes(self, line: Line, data: bytes, row: int, rest: Iterator[bytes]) -> bool:
        """Whether the model takes an example with parts that are not text.

        The service's refusal tells how many examples there are, so that it waits for the end where others are
        reported too, and then comes once for each kind of part.
        """
        number = self.tally.examples + len(self._batch) + self._refused_count + 1
        known = {*self.limits.modalities, *(FUNCTION_KINDS if self.limits.function_calls else ())}
        if "PDF document" in known:
            known.add("text document")
        refused = next((kind for kind in line.kinds if kind not in known), None)
        if refused is not None and self._report is None:
            examples = number + sum(1 for one in rest if one.strip())
            raise _unsupported(row, number, examples, refused, self.limits, data)
        if refused is not None:
            self._refused.setdefault(refused, (row, number, data))
            self._refused_count += 1
            return False
        if line.media:
            self._media_examples += 1
            if self._media_examples > self.limits.max_media_examples:
                raise DatasetError(dataset_errors.TOO_MANY_MEDIA_EXAMPLES, limit=self.limits.max_media_examples)
        return True

    def _reads(self, line: Line, data: bytes) -> bool:
        """Puts words in the place of an example's files; whether it is not left out for one of them."""
        if self._read_media is None:
            number = self.tally.examples + len(self._batch) + 1
            for kind in line.media:
                self.tally.reduce(emulator_errors.MEDIUM_NOT_LOOKED_AT.format(modality=kind), number)
            return True
        found = self._read_media(decode_line(data))
        if found.dropped:
            self._flush(0)  # so that those before it are counted before it
            self._long_videos += found.long_video
            self.tally.drop(found.dropped)
            return False
        for reason in found.reduced:
            self.tally.reduce(reason, self.tally.examples + len(self._batch) + 1)
        read_words(line, found.values, self.form, found.tokens, found.images)
        return True

    def _note_long(self, totals: list[int]) -> None:
        """Counts the examples that the trainer will cut, as far as tokens can be guessed here."""
        readable, allowed = self.limits.readable_tokens, self.limits.max_tokens_per_example
        long = [number for number, total in enumerate(totals) if total <= allowed and is_cut(total, readable)]
        if long:
            reason = emulator_errors.CUT.format(limit=f"about {readable:,}")
            self.tally.reduce(reason, self.tally.examples + long[0] + 1, len(long))

    def _drop_long(self, tokens: int, waiting: int) -> None:
        """``waiting``: examples before this one that are not in the tally yet."""
        reason = dataset_errors.TOO_MANY_TOKENS.format(tokens=tokens, limit=self.limits.max_tokens_per_example)
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


def _gather(lines: Iterator[bytes], enough: int) -> Iterator[tuple[list[bytes], int]]:
    """Lines together, so many bytes or a little more; the loop is short because it runs ten million times."""
    taken: list[bytes] = []
    size = 0
    for data in lines:
        taken.append(data)
        size += len(data) + 1
        if size > enough:
            yield taken, size
            taken, size = [], 0
    yield taken, size


def _unsupported(row: int, example: int, examples: int, kind: str, limits: DatasetLimits, data: bytes) -> DatasetError:
    text = data.decode("utf-8", "replace")
    return DatasetError(
        dataset_errors.UNSUPPORTED_MODALITY,
        row + 1,
        example=example,
        examples=examples,
        modality=kind,
        supported=", ".join(limits.modalities),
        json=text if len(text) <= _ECHO_CODE_POINTS else f"{text[:_ECHO_CODE_POINTS]}...",
    )


def _as_contents(line: Line) -> list[dict[str, Any]]:
    return [{"role": ("user", "model")[n & 1], "parts": [{"text": text}]} for n, text in enumerate(line.texts)]
