"""``tuning-emulator convert``: examples in whatever form people keep them, as a dataset of either service."""

from __future__ import annotations

import argparse
import io
import json
import lzma
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, cast
from zipfile import BadZipFile

from tuning_emulator.cli.values import describe_error
from tuning_emulator.datasets.conversion import Conversion, ConvertError, convert_rows, plan_conversion
from tuning_emulator.datasets.packing import HEAD_BYTES, UnpackError
from tuning_emulator.storage.objects import FILE_BUFFER_BYTES

_SERVICES = {"gemini": "Gemini API", "vertex": "Vertex AI"}
_REASONS = 10
"""Reasons for skipping that are listed; all rows are counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where, to where, for whom."""
    parser.description = (
        "Writes examples as JSON lines that a service takes. Read are JSON lines, arrays and objects, CSV and TSV, "
        "also packed (gzip, bzip2, xz, zip) and in other encodings; OpenAI chat with tools, alpaca, ShareGPT, pairs of "
        "question and answer, batch requests, preference pairs, and the services' own forms."
    )
    parser.add_argument("source", metavar="IN", help="a file, or - for standard input")
    parser.add_argument("target", metavar="OUT", help="JSON lines to write, or - for standard output")
    parser.add_argument("--to", choices=["vertex", "gemini"], required=True, help="the service that will read it")
    parser.add_argument("--prompt", metavar="COLUMN", help="field that is the question, where its name does not tell")
    parser.add_argument("--answer", metavar="COLUMN", help="field that is the answer, where its name does not tell")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    parser.add_argument(
        "--json", action="store_true", help="the report as one JSON object, on standard output if OUT is a file"
    )


def run(parsed: argparse.Namespace) -> int:
    """Converts and reports. 0: examples were written, 1: not one, 2: it could not be tried."""
    try:
        if bool(parsed.prompt) != bool(parsed.answer):
            raise ConvertError("--prompt and --answer go together: the question's column and the answer's")
        if parsed.target != "-" and not parsed.force and Path(parsed.target).exists():
            raise ConvertError(f"{parsed.target} exists; --force replaces it")
        if parsed.target != "-" and not Path(parsed.target).parent.is_dir():
            raise ConvertError(f"{parsed.target}: its folder is not there")
        with _open_source(parsed.source) as (head, stream):
            report = convert(parsed, head, stream)
    except BrokenPipeError:
        raise
    except (ConvertError, UnpackError, BadZipFile, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        print(f"tuning-emulator: {describe_error(error)}", file=sys.stderr)
        return 2
    if parsed.json:
        out = sys.stderr if parsed.target == "-" else sys.stdout
        print(json.dumps(describe_report(report, parsed.target), ensure_ascii=False), file=out)
    else:
        print("\n".join(format_report(report, parsed.target)), file=sys.stderr)
    return 0 if report.written else 1


def describe_report(report: Conversion, target: str) -> dict[str, Any]:
    """What came of it, for programs."""
    return {
        "form": report.what,
        "read": report.read,
        "written": report.written,
        "target": target if report.written else None,
        "api": report.api,
        "preferences": report.preferences,
        "joined": report.joined,
        "skipped": [
            {"reason": reason, "rows": count, "first_line": report.first[reason]}
            for reason, count in report.skipped.most_common()
        ],
        "broken": report.broken or None,
    }


def format_report(report: Conversion, target: str) -> list[str]:
    """The same for people."""
    lines = [f"read     {report.read:,} row{'' if report.read == 1 else 's'}: {report.what}"]
    name = {"-": "standard output"}.get(target, target) if report.written else "nowhere"
    lines.append(f"written  {report.written:,} to {name}, for {_SERVICES[report.api]}")
    if report.preferences:
        lines.append(f"         {report.preferences:,} of them with two answers: tune with --method preference")
    if report.joined:
        lines.append(f"         {report.joined:,} of them with turns of one speaker in a row, which are one turn now")
    lines.append(f"skipped  {report.skipped.total():,}")
    lines += [
        f"         line {report.first[reason]}{f' and {count - 1:,} more' if count > 1 else ''}: {reason}"
        for reason, count in report.skipped.most_common(_REASONS)
    ]
    if len(report.skipped) > _REASONS:
        lines.append(f"         and {len(report.skipped) - _REASONS} more reasons")
    return [*lines, f"stopped  {report.broken}"] if report.broken else lines


def convert(parsed: argparse.Namespace, head: bytes, stream: BinaryIO) -> Conversion:
    """Reads, writes, counts; the target is there once it is whole, and only if it has examples.

    Raises:
        ConvertError, UnpackError: nothing in the file can be converted. OSError: it cannot be read or written.
    """
    columns = {"prompt": parsed.prompt, "answer": parsed.answer} if parsed.prompt else None
    plan = plan_conversion(head, parsed.source, columns, "--prompt COLUMN --answer COLUMN")
    report = Conversion(plan.what, parsed.to)
    with _open_target(parsed.target, report) as out:
        convert_rows(plan, stream, out, report)
    return report


# --- files


@contextmanager
def _open_source(name: str) -> Iterator[tuple[bytes, BinaryIO]]:
    """The beginning of a file, and the file from there again."""
    if name != "-":
        with open(name, "rb", FILE_BUFFER_BYTES) as file:
            head = file.read(HEAD_BYTES)
            file.seek(0)
            yield head, file
        return
    with open(sys.stdin.fileno(), "rb", FILE_BUFFER_BYTES, closefd=False) as pipe:
        head = pipe.read(HEAD_BYTES)
        yield head, cast("BinaryIO", io.BufferedReader(_Resumed(head, pipe), FILE_BUFFER_BYTES))


class _Resumed(io.RawIOBase):
    """A pipe whose beginning was read already."""

    def __init__(self, head: bytes, pipe: BinaryIO) -> None:
        self._head = head
        self._pipe = pipe

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer
        data = self._head[: len(buffer)] if self._head else self._pipe.read(len(buffer))
        self._head = self._head[len(data) :] if self._head else b""
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _open_target(name: str, report: Conversion) -> Iterator[BinaryIO]:
    """Where examples are written; a file takes its name when it is whole, and not at all when it has none."""
    if name == "-":
        with open(sys.stdout.fileno(), "wb", closefd=False) as out:
            yield out
        return
    path = Path(name)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as out:
        try:
            yield cast("BinaryIO", out)
            out.flush()
            if report.written:
                os.fsync(out.fileno())
                umask = os.umask(0)
                os.umask(umask)
                os.chmod(out.name, 0o666 & ~umask)
                os.replace(out.name, path)
        finally:
            Path(out.name).unlink(missing_ok=True)
