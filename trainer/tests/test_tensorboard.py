"""The event file is what TensorBoard reads: checked with another CRC and another protocol buffer implementation."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tests.models import PAIRS, make_job, pair, write_examples
from tuning_trainer.learning.loop import run_job
from tuning_trainer.spec import Evaluation, Event, Step


def event_class() -> Any:
    """``tensorflow.Event`` as far as scalars go."""
    file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="t", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def add(message: str, *fields: tuple[str, int, int, str, bool]) -> None:
        made = file.message_type.add(name=message)
        for name, number, kind, of, many in fields:
            field = made.field.add(name=name, number=number, label=3 if many else 1)
            field.type = kind
            if of:
                field.type_name = of

    add("Value", ("tag", 1, kinds.TYPE_STRING, "", False), ("simple_value", 2, kinds.TYPE_FLOAT, "", False))
    add("Summary", ("value", 1, kinds.TYPE_MESSAGE, ".t.Value", True))
    add(
        "Event",
        ("wall_time", 1, kinds.TYPE_DOUBLE, "", False),
        ("step", 2, kinds.TYPE_INT64, "", False),
        ("file_version", 3, kinds.TYPE_STRING, "", False),
        ("summary", 5, kinds.TYPE_MESSAGE, ".t.Summary", False),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Event"))


def unmask(masked: int) -> int:
    turned = (masked - 0xA282EAD8) & 0xFFFFFFFF
    return (turned >> 17 | turned << 15) & 0xFFFFFFFF


def read_records(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    while data:
        size, head = struct.unpack_from("<QI", data)
        record, rest = data[12 : 12 + size], data[12 + size :]
        assert unmask(head) == google_crc32c.value(data[:8])
        assert unmask(struct.unpack_from("<I", rest)[0]) == google_crc32c.value(record)
        yield record
        data = rest[4:]


@pytest.mark.parametrize("method", ["supervised", "preference"])
def test_finished_job_leaves_its_curve(method: Any, tiny: Path, tmp_path: Path) -> None:
    examples = write_examples(tmp_path / "examples.jsonl", [pair(*each, rejected="no") for each in PAIRS])
    job = make_job(tmp_path, tiny, examples=str(examples), validation=str(examples), method=method)
    told: list[Event] = []
    run_job(job, told.append)
    (path,) = (Path(job.directory) / "tensorboard").iterdir()
    assert path.name.startswith("events.out.tfevents.")
    first, *events = [event_class().FromString(record) for record in read_records(path)]
    assert first.file_version == "brain.Event:2"
    points = {(value.tag, event.step): value.simple_value for event in events for value in event.summary.value}
    train = "/train_total_loss" if method == "supervised" else "/preference_optimization_train_loss"
    for event in told:
        if isinstance(event, Step):
            assert points[train, event.step] == pytest.approx(event.loss, rel=1e-6)
        if isinstance(event, Step) and method == "supervised":
            share = points["/train_fraction_of_correct_next_step_preds", event.step]
            assert share == pytest.approx(event.correct / event.predictions, rel=1e-6)
        if isinstance(event, Evaluation):
            assert points["/eval_total_loss", event.step] == pytest.approx(event.loss, rel=1e-6)
    times = [event.wall_time for event in events]
    assert times == sorted(times)
