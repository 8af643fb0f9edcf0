"""The gate: a change of dataset or settings that makes the tuned model worse does not get through.

What is measured here is the small model that plays Gemini, so the bars say that the dataset can be learned from, not
how Gemini would answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from google import genai

from examples.ci_quality.quality import BASE_MODEL, count_right, load_pairs, tune, upload
from examples.vertex import create_client
from tuning_emulator.testing.fixtures import TestEmulator

HERE = Path(__file__).parent
TRAIN, HELD_OUT = HERE / "train.jsonl", HERE / "held_out.jsonl"
SHOWN_BAR, UNSEEN_BAR = 0.95, 0.7
"""Shares of prompts that must be answered exactly: of those in the dataset, and of those never shown."""

needs_lora = pytest.mark.skipif(find_spec("torch") is None, reason="quality wants the lora extra")
trained = pytest.mark.tuning_emulator(trainer="lora")
"""Without it the scripted trainer pretends, which is what most tests want."""


@pytest.fixture
def client(tuning_emulator: TestEmulator) -> genai.Client:
    """As the project makes it."""
    return create_client(tuning_emulator)


def test_the_dataset_would_be_taken() -> None:
    """The service's own checks, before anything is tuned."""
    command = [
        sys.executable,
        "-m",
        "tuning_emulator",
        "validate",
        str(TRAIN),
        "--api",
        "vertex",
        "--model",
        BASE_MODEL,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_nothing_is_measured_that_was_shown() -> None:
    """A held-out prompt in the training set would make the measurement worthless."""
    assert not {pair.prompt for pair in load_pairs(TRAIN)} & {pair.prompt for pair in load_pairs(HELD_OUT)}


@pytest.mark.lora
@needs_lora
@trained
def test_quality(client: genai.Client, tuning_emulator: TestEmulator) -> None:
    """Good on what it was shown, good on what it was not, and better than before."""
    endpoint = tune(client, upload(TRAIN, tuning_emulator.project, tuning_emulator.bucket))
    shown, unseen = load_pairs(TRAIN), load_pairs(HELD_OUT)
    assert count_right(client, endpoint, shown) >= SHOWN_BAR * len(shown)
    right = count_right(client, endpoint, unseen)
    assert right >= UNSEEN_BAR * len(unseen)
    assert right > count_right(client, BASE_MODEL, unseen)


@pytest.mark.lora
@needs_lora
@trained
def test_the_bar_stops_a_dataset_gone_wrong(
    client: genai.Client, tuning_emulator: TestEmulator, tmp_path: Path
) -> None:
    """Answers that belong to other questions: the job succeeds, the gate does not."""
    questions, answers = zip(*(json.loads(line)["contents"] for line in TRAIN.read_text().splitlines()), strict=True)
    mixed = zip(questions, [*answers[1:], answers[0]], strict=True)
    path = tmp_path / "mixed.jsonl"
    path.write_text("".join(json.dumps({"contents": pair}) + "\n" for pair in mixed))
    endpoint = tune(client, upload(path, tuning_emulator.project, tuning_emulator.bucket))
    unseen = load_pairs(HELD_OUT)
    assert count_right(client, endpoint, unseen) < UNSEEN_BAR * len(unseen)
