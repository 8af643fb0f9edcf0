"""The command documents itself: every field of a job, every event, every exit code."""

from __future__ import annotations

import dataclasses

import pytest

from tuning_trainer.__main__ import main
from tuning_trainer.spec import Evaluation, Job, Started, Step


def test_help_names_every_field_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for field in dataclasses.fields(Job):
        assert f" {field.name} " in text
    for said in (
        "Passes over the data, at least 1. [int; 5]",
        "Longest example in tokens; longer ones are cut and counted. 0: the base model's limit. [int; 0]",
        "[supervised, full, preference, distillation; supervised]",
        "Exists and is writable. [str; required]",
        "auto takes CUDA where",
        "130 stopped with Ctrl-C",
        "mean nats per scored token",
    ):
        assert said in text
    for event in (Started, Step, Evaluation):
        assert event.__name__.lower() in text


@pytest.mark.parametrize(
    "arguments", [[], ["--nothing"], ["merge"], ["gguf", "a"], ["gguf", "a", "b", "--outtype", "q2"]]
)
def test_wrong_use_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: python -m tuning_trainer" in capsys.readouterr().err
