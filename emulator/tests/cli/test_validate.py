"""`tuning-emulator validate` says what the services would say, before anybody pays."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tuning_emulator.cli import main
from tuning_emulator.facts.base_models import MODELS, find_price
from tuning_emulator.testing.storage_server import StorageServer

FLASH = ["--api", "vertex", "--model", "gemini-2.5-flash"]
GEMINI = ["--api", "gemini", "--model", "gemini-1.5-flash-001-tuning"]


def pair(user: str, model: str) -> str:
    turns = [{"role": role, "parts": [{"text": text}]} for role, text in (("user", user), ("model", model))]
    return json.dumps({"contents": turns})


def write(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.fixture
def good(tmp_path: Path) -> str:
    """Twenty numbers and the next ones."""
    return write(tmp_path / "good.jsonl", *(pair(str(n), str(n + 1)) for n in range(1, 21)))


def validate(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and what `--json` prints."""
    code = main(["validate", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_every_broken_line_is_reported_in_the_services_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All errors at once, each with its line; the good lines are counted."""
    lines = [pair("1", "2")] * 5
    lines[1], lines[3] = '{"x": 1}', "{"
    path = write(tmp_path / "bad.jsonl", *lines)
    code, told = validate(capsys, path, *FLASH)
    assert code == 1
    assert [(one["line"], one["rule"]) for one in told["errors"]] == [(2, "missing_contents"), (4, "malformed_json")]
    assert told["errors"][0]["message"] == "Row: 1. Missing required `contents` field."
    assert (told["valid"], told["error_count"], told["statistics"]["examples"]) == (False, 2, 3)


def test_what_a_good_dataset_would_become(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Statistics, the service's defaults, steps, tokens and their price."""
    code, told = validate(capsys, good, *FLASH, "--epochs", "3")
    assert code == 0
    assert told["valid"] is True
    # 1 to 9 have one digit and 10 to 20 two; so have 2 to 9, and 10 to 21
    assert told["statistics"]["input_tokens"]["sum"] == 9 + 22
    assert told["billable_tokens"] == 31 + 8 + 24
    assert told["training_tokens"] == 3 * 63
    assert told["steps"] == 20 * 3 / told["hyperparameters"]["batch_size"]
    assert told["hyperparameters"]["adapter_size"] == 4
    price = find_price("vertex", "gemini-2.5-flash", "supervised")
    assert price is not None
    assert told["cost"]["usd"] == pytest.approx(189 * price.value / 1e6)
    assert told["cost"]["source"] == price.source


def test_a_price_that_is_not_known_is_not_made_up(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No number where no row has one."""
    assert main(["validate", good, "--api", "vertex", "--model", "gemini-3.5-flash"]) == 0
    assert "cost             unknown" in capsys.readouterr().out
    assert validate(capsys, good, "--api", "vertex", "--model", "gemini-3.5-flash")[1]["cost"] is None


def test_prices_are_for_what_a_model_can_do() -> None:
    """A price for a method that the model does not have would never be asked for."""
    for model in MODELS:
        for price in model.prices:
            assert set(price.methods) & set(model.tuning_methods), model.id


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--model", "gemini-2.5-flash", "--adapter-size", "32"], "adapter_size_not_supported"),
        (["--model", "no-such-model"], "base_model_not_supported"),
        (["--model", "gemini-2.5-flash", "--as-of", "2024-10-01"], "base_model_not_supported"),
        (["--model", "gemini-3.5-flash", "--location", "asia-east1"], "region_not_supported"),
        (["--model", "gemini-2.5-flash", "--epochs", "-1"], "hyperparameter_not_positive"),
        (["--model", "gemini-2.5-pro", "--method", "preference"], "base_model_not_supported"),
    ],
)
def test_the_request_itself_is_checked(
    options: list[str], rule: str, good: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What create refuses before it reads a line is reported beside what is in the file, without a line."""
    code, told = validate(capsys, good, "--api", "vertex", *options)
    assert code == 1
    assert (told["errors"][0]["rule"], told["errors"][0]["line"]) == (rule, None)


def test_validation_datasets_have_rules_of_their_own(
    good: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its lines are checked, and its size beside that of the training dataset."""
    many = write(tmp_path / "many.jsonl", *[pair("1", "2")] * 5001, "[]")
    code, told = validate(capsys, good, *FLASH, "--validation", many)
    assert code == 1
    assert [(one["file"], one["line"], one["rule"]) for one in told["errors"]] == [
        (many, 5002, "not_an_object"),
        (many, None, "validation_too_large"),
    ]


def test_gemini_examples_are_checked_as_a_create_request_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fields that are unknown, missing or too long, each at its line, in the words of the API."""
    lines = [
        '{"text_input": "1", "output": "2"}',
        '{"textInput": "1"}',
        '{"text_input": "1", "output": "2", "label": 3}',
        "{",
        json.dumps({"text_input": "1", "output": "x" * 5001}),
        '{"contents": [{"role": "user", "parts": [{"text": "1"}]}]}',
    ]
    code, told = validate(capsys, write(tmp_path / "pairs.jsonl", *lines), *GEMINI)
    assert code == 1
    assert [one["line"] for one in told["errors"]] == [2, 3, 4, 5, 6]
    assert [one["rule"] for one in told["errors"]][::3] == ["output_missing", "output_length"]
    assert "examples[1].output: output is not specified" in told["errors"][0]["message"]
    assert told["errors"][1]["message"].startswith('Invalid JSON payload received. Unknown name "label" at')


def test_gemini_counts_steps_as_the_recorded_job_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """15 pairs are 19 steps of 4 in 5 epochs, and cost nothing."""
    pairs = [json.dumps({"text_input": str(n), "output": str(n + 1)}) for n in range(15)]
    code, told = validate(capsys, write(tmp_path / "pairs.jsonl", *pairs), *GEMINI)
    assert (code, told["steps"], told["cost"]["usd"]) == (0, 19, 0)
    as_array = tmp_path / "pairs.json"
    as_array.write_text("[" + ",".join(pairs) + "]")
    assert validate(capsys, str(as_array), *GEMINI)[1]["statistics"] == told["statistics"]


def test_gemini_takes_no_more_than_a_request_may_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file beyond the limit is refused in the front end's words, and read no further."""
    path = tmp_path / "large.jsonl"
    path.write_bytes(b'{"text_input": "1", "output": "2"}\n' * 200_000)
    code, told = validate(capsys, str(path), *GEMINI)
    assert (code, [one["rule"] for one in told["errors"]]) == (1, ["body_too_large"])


def test_retired_models_are_refused_as_of_their_last_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--as-of` asks the service of that day."""
    path = write(tmp_path / "pairs.jsonl", '{"text_input": "1", "output": "2"}')
    assert validate(capsys, path, *GEMINI, "--as-of", "2025-05-26")[0] == 0
    code, told = validate(capsys, path, *GEMINI, "--as-of", "2025-05-27")
    assert (code, told["errors"][0]["rule"]) == (1, "base_model_not_tunable")


@pytest.fixture
def bucket(good: str) -> Iterator[str]:
    """A storage emulator whose bucket `data` has the file; its URL."""
    with StorageServer(buckets={"data": Path(good).parent}) as server:
        yield server.base_url


@pytest.mark.process
def test_objects_and_standard_input_are_read_too(
    good: str, bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file, gs:// and a pipe give the same."""
    told = validate(capsys, good, *FLASH)[1]
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket)
    assert validate(capsys, "gs://data/good.jsonl", *FLASH)[1] | {"dataset": good} == told
    command = [sys.executable, "-m", "tuning_emulator", "validate", "-", *FLASH, "--json"]
    piped = subprocess.run(command, input=Path(good).read_bytes(), capture_output=True, check=False, timeout=60)
    assert piped.returncode == 0, piped.stderr
    assert json.loads(piped.stdout) | {"dataset": good} == told


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nothing.jsonl", *FLASH], "No such file"),
        (["-", *FLASH, "--validation", "-"], "standard input can be read once"),
        (["x.jsonl", *FLASH, "--adapter-size", "3"], "--adapter-size: 3 is not one of"),
        (["x.jsonl", *FLASH, "--as-of", "soon"], "'soon' is not a date"),
        (["x.jsonl", *GEMINI, "--validation", "y"], "takes no validation dataset"),
    ],
)
def test_what_cannot_be_checked_exits_with_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither good nor bad: the text says what to change."""
    assert main(["validate", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_people_read_lines_and_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """file:line: text, as compilers print it; no more lines than asked for, all of them counted."""
    path = write(tmp_path / "bad.jsonl", pair("1", "2"), *["{}"] * 5)
    assert main(["validate", path, *FLASH, "--max-errors", "2"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{path}:2: Row: 1. Missing required `contents` field."
    assert said[2] == "… and 3 more errors"
    assert said[3].startswith("5 errors: Vertex AI would refuse")
