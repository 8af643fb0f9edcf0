"""The loss curve as a TensorBoard event file, written without TensorBoard.

A file is a row of records: length (uint64), masked CRC-32C of the length, the record, masked CRC-32C of the record, all
little-endian. A record is a protocol buffer ``tensorflow.Event``: wall_time (1, double), step (2, int64),
file_version (3, string) in the first one, summary (5) in the others; a summary holds values (1), each with
tag (1, string) and simple_value (2, float).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SERIES = {
    ("step", "supervised"): (
        "/train_total_loss",
        "/train_fraction_of_correct_next_step_preds",
        "/train_num_predictions",
    ),
    ("evaluation", "supervised"): (
        "/eval_total_loss",
        "/eval_fraction_of_correct_next_step_preds",
        "/eval_num_predictions",
    ),
    ("step", "preference"): ("/preference_optimization_train_loss",),
    ("evaluation", "preference"): ("/eval_total_loss",),
}
"""Vertex AI's names of loss, share of right predictions and number of predictions, by event and method.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-use-supervised-tuning (documented).
"""


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # noqa: PLW2901  (the polynomial, bit by bit)
        table.append(value)
    return tuple(table)


_TABLE = _crc_table()


def masked_crc(data: bytes) -> int:
    """CRC-32C, turned by 15 bits and moved by a constant, as record files want it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def format_record(data: bytes) -> bytes:
    """One record with its lengths and checksums."""
    size = struct.pack("<Q", len(data))
    return size + struct.pack("<I", masked_crc(size)) + data + struct.pack("<I", masked_crc(data))


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def format_scalars(time_s: float, step: int, scalars: dict[str, float]) -> bytes:
    """The event of one step."""
    values = [_field(1, _field(1, tag.encode()) + b"\x15" + struct.pack("<f", value)) for tag, value in scalars.items()]
    return b"\x09" + struct.pack("<d", time_s) + b"\x10" + _varint(step) + _field(5, b"".join(values))


def name_scalars(event: dict[str, Any], method: str) -> dict[str, float]:
    """The series that a line of ``events.jsonl`` belongs to; none for most kinds of event."""
    kind = "preference" if method == "preference" else "supervised"
    names = SERIES.get((event["event"], kind), ())
    if not names:
        return {}
    figures = (event["loss"], event["correct"] / event["predictions"], event["predictions"])
    return dict(zip(names, figures, strict=False))


def write_event_file(events: Iterable[dict[str, Any]], method: str, directory: Path) -> Path:
    """Writes the lines of ``events.jsonl`` to the one event file of a directory, and returns it."""
    lines = [(event, scalars) for event in events if (scalars := name_scalars(event, method))]
    begin_s = lines[0][0]["time_ns"] / 1e9 if lines else 0.0
    first = b"\x09" + struct.pack("<d", begin_s) + _field(3, b"brain.Event:2")
    records = [first]
    records += [format_scalars(event["time_ns"] / 1e9, event["step"], scalars) for event, scalars in lines]
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"events.out.tfevents.{int(begin_s)}.tuning"
    path.write_bytes(b"".join(format_record(record) for record in records))
    return path


def write_job_metrics(directory: Path, method: str) -> Path:
    """Turns ``events.jsonl`` of a job's directory into ``tensorboard/events.out.tfevents.…`` beside it."""
    lines = (directory / "events.jsonl").read_text("utf-8").splitlines()
    return write_event_file((json.loads(line) for line in lines), method, directory / "tensorboard")
