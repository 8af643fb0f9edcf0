"""The seam: jobs, examples, events and prompts survive the way through JSON."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from tuning_trainer import spec
from tuning_trainer.spec import InvalidJobError, Job, parse_event, parse_example, parse_job, parse_prompt, parse_reply

JOB = Job("j", "/d", "/e", checkpoint_steps=(3, 5), adapter="/a", learning_rate=2e-3, seed=-1)


def test_job_is_read_back() -> None:
    assert parse_job(spec.format_job(JOB)) == JOB


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs: 0 is not at least 1"),
        ({"epochs": True}, "epochs: True is not an integer"),
        ({"batch_size": "4"}, "batch_size: '4' is not an integer"),
        ({"learning_rate": "fast"}, "learning_rate: 'fast' is not a number"),
        ({"learning_rate": 0}, "learning_rate: 0 is not above 0"),
        ({"checkpoint_steps": [1.5]}, "checkpoint_steps"),
        ({"base_model": None}, "base_model: None is not a string"),
        ({"method": "magic"}, "method: 'magic' is not one of supervised"),
        ({"colour": 1}, "colour: unknown field"),
    ],
)
def test_bad_field_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidJobError, match=message):
        parse_job(json.dumps(dataclasses.asdict(JOB) | change))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": "x", "directory": "d"}'])
def test_what_is_no_job_is_refused(text: str) -> None:
    with pytest.raises(InvalidJobError):
        parse_job(text)


def test_example_is_read_back() -> None:
    example = spec.Example((spec.Turn("user", "a\n"), spec.Turn("model", "ü")), "system", "worse")
    assert parse_example(spec.format_example(example)) == example


@pytest.mark.parametrize(
    "event",
    [
        spec.Started(3, 5, "cpu", "float32", 1, 2, (0, 4)),
        spec.Step(1, 0, 0.5, 4, 3, 0.1),
        spec.Evaluation(1, 0, 0.5, 4, 3),
        spec.Checkpoint(1, 0, "/c"),
        spec.Done("/a"),
        spec.Failed(3, "why"),
        spec.Cancelled(7),
    ],
)
def test_event_is_read_back_beside_other_fields(event: spec.Event) -> None:
    values = {"job": "j", "time_ns": 5, **json.loads(spec.format_event(event))}
    assert parse_event(values) == event


def test_prompt_and_reply_are_read_back() -> None:
    prompt = spec.Prompt((spec.Turn("user", "x"),), stop=("a", "b"), top_p=0.5)
    assert parse_prompt(json.loads(json.dumps(dataclasses.asdict(prompt)))) == prompt
    reply = spec.Reply(3, (spec.Answer("x", 1, "MAX_TOKENS", -0.5),))
    assert parse_reply(json.loads(json.dumps(dataclasses.asdict(reply)))) == reply


@pytest.mark.process
def test_seam_imports_the_standard_library_only() -> None:
    code = "import sys; before = set(sys.modules); import tuning_trainer.spec; print(*(set(sys.modules) - before))"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) == {"tuning_trainer"}


def test_total_steps_run_on_across_epochs() -> None:
    assert spec.total_steps(15, 5, 4) == 19
