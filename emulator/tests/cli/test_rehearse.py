"""``tuning-emulator rehearse`` as a user runs it, on the embedded model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.models import write_llama
from tuning_emulator.cli.rehearse import parse_share
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.models.added import AddedModels
from tuning_emulator.models.adding import add_model
from tuning_emulator.models.sources import describe_directory

lora = pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}")
NUMBERS = [37 * n % 900 + 11 for n in range(50)]
WRONG = {4: "9", 20: "777", 33: "12"}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuning_emulator", "rehearse", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def write_pairs(path: Path, numbers: list[int], wrong: dict[int, str] | None = None) -> Path:
    answers = [(wrong or {}).get(place, str(n + 1)) for place, n in enumerate(numbers)]
    lines = [json.dumps({"text_input": str(n), "output": a}) for n, a in zip(numbers, answers, strict=True)]
    path.write_text("\n".join(lines))
    return path


def write_contents(path: Path, rows: list[tuple[str, str]]) -> Path:
    """Vertex AI's form."""
    texts = [[{"role": r, "parts": [{"text": t}]} for r, t in zip(("user", "model"), row, strict=True)] for row in rows]
    path.write_text("\n".join(json.dumps({"contents": contents}) for contents in texts))
    return path


@lora
@pytest.mark.lora
def test_a_rehearsal_says_what_a_tuning_would_come_to(tmp_path: Path) -> None:
    """Scores, curve, the planted wrong answers among the first rows, two answers to one question, steps and price."""
    numbers = [*NUMBERS, NUMBERS[7]]
    data = write_pairs(tmp_path / "train.jsonl", numbers, {**WRONG, len(numbers) - 1: "1"})
    done = run(data, "--epochs", 2, "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["rows"] == {"learned": 41, "held_out": 10, "asked": 10}
    assert said["score"]["metric"] == "exact match"
    assert said["score"]["after"] > said["score"]["before"]
    assert [one["rows"] for one in said["curve"]] == [10, 20, 41]
    assert len(said["validation_loss"]) == 2
    ranked = [row["example"] for row in said["resisting"]]
    assert len(ranked) == 51
    assert {place + 1 for place in WRONG} <= set(ranked[:10])
    assert said["two_answers"] == [[8, 51]]
    assert (said["view"], said["base_model"]) == ("a small model's", "embedded")
    assert (said["steps"], said["usd"]) == (26, 0.0)


@lora
@pytest.mark.lora
def test_a_validation_dataset_takes_the_place_of_held_out_rows(tmp_path: Path) -> None:
    """On one screen, with the rows that are in both, and long answers by ROUGE-L."""
    long = "the number that comes after it, as everybody knows, is the number"
    rows = [(str(n), f"{long} {n + 1}") for n in NUMBERS[:20]]
    train = write_contents(tmp_path / "train.jsonl", rows)
    check = write_contents(tmp_path / "check.jsonl", [*rows[:1], ("901", f"{long} 902")])
    done = run(train, "--validation", check, "--epochs", 1)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) <= 24
    assert done.stdout.startswith("a small model's view: embedded")
    assert "20 learned from, 2 held out" in done.stdout
    assert "one alone does not say whether more would help" in done.stdout
    assert "ROUGE-L on 2 held-out rows" in done.stdout
    assert "examples 1 and 1 are of dataset and validation" in done.stdout
    assert "gemini-3.5-flash" in done.stdout
    assert "cost" in done.stdout


@lora
@pytest.mark.lora
def test_an_added_model_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found by its name, and the report says that name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    directory = write_llama(tmp_path / "model")
    add_model(AddedModels(), describe_directory(directory), str(directory), "one", lambda _: None)
    data = write_pairs(tmp_path / "train.jsonl", NUMBERS[:12])
    done = run(data, "--epochs", 1, "--base-model", "one", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["base_model"] == "one"


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing.jsonl"], 2, "missing.jsonl"),
        (["good.jsonl", "--holdout", "150%"], 2, "--holdout: '150%' is not a share like 20% or 0.2"),
        (["good.jsonl", "--method", "full"], 2, "--method: full cannot be rehearsed"),
        (["-"], 2, "dataset: a pipe can be read once"),
        (["bad.jsonl"], 1, "the dataset would be refused; nothing was rehearsed"),
        (["good.jsonl", "--base-model", "/nowhere"], 2, "--base-model: /nowhere: no such directory"),
    ],
)
def test_what_cannot_be_rehearsed_is_told(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    write_pairs(tmp_path / "good.jsonl", NUMBERS)
    (tmp_path / "bad.jsonl").write_text('{"text_input": "1"}\n')
    given = [str(tmp_path / one) if one.endswith(".jsonl") else one for one in arguments]
    done = run(*given)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_shares() -> None:
    assert (parse_share(None, False), parse_share("25%", False), parse_share("0.5", False)) == (0.2, 0.25, 0.5)
    with pytest.raises(ValueError, match="--holdout: with --validation"):
        parse_share("20%", True)
