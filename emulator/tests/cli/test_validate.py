"""`tuning-emulator validate` says what the services would say, before anybody pays."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.datasets.kinds import CONTAINERS, FORMS, PREFERENCES
from tuning_emulator.cli import main
from tuning_emulator.facts.base_models import MODELS, find_price
from tuning_emulator.storage import objects
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
    shell = f"{sys.executable} -m tuning_emulator validate <(cat {good}) {' '.join(FLASH)} --json"
    substituted = subprocess.run(["bash", "-c", shell], capture_output=True, check=False, timeout=60)
    assert json.loads(substituted.stdout) | {"dataset": good} == told, substituted.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nothing.jsonl", *FLASH], "No such file"),
        (["-", *FLASH, "--validation", "-"], "standard input can be read once"),
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


@pytest.mark.parametrize("kind", CONTAINERS)
def test_another_container_is_named_once(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the service says of the first line, then our own word with the command; no line for each line."""
    path = tmp_path / "train.x"
    path.write_bytes(CONTAINERS[kind][0])
    assert main(["validate", str(path), *FLASH]) == 1
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4
    assert said[0].startswith(f"{path}:")
    assert said[1].startswith("1 error: Vertex AI would refuse")
    assert said[2].startswith("tuning-emulator: train.x is ")
    assert said[3] == f"  tuning-emulator convert {path} train-vertex.jsonl --to vertex"


@pytest.mark.parametrize("kind", ["csv_bom", "wrapped_pretty", "comments", "gzip"])
def test_a_request_of_the_gemini_api_has_no_containers(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The API never sees a file, so that it says nothing; the command makes a file that `tune` can send."""
    path = tmp_path / "train.x"
    path.write_bytes(CONTAINERS[kind][0])
    code, told = validate(capsys, str(path), *GEMINI)
    assert (code, told["valid"], told["errors"]) == (1, False, [])
    assert told["emulator"]["diagnoses"][0]["remedy"].endswith("--to gemini")
    assert main(["validate", str(path), *GEMINI]) == 1
    assert capsys.readouterr().out.startswith("no answer: no request to the Gemini API could carry this file\n")


def test_the_same_error_is_not_said_for_every_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind once, all of them counted, and the form by its name."""
    path = write(tmp_path / "chat.jsonl", *[json.dumps(FORMS["openai"])] * 500, "{")
    assert main(["validate", path, *FLASH]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{path}:1: Row: 0. Missing required `contents` field."
    assert said[1] == "  and 499 more like line 1"
    assert said[2].startswith(f"{path}:501: Row: 500. Malformed JSON")
    assert said[3].startswith("501 errors: Vertex AI")
    assert said[4].startswith("tuning-emulator: chat.jsonl holds OpenAI chat (`messages`)")
    assert len(said) == 6
    assert validate(capsys, path, *FLASH)[1]["error_count"] == len(validate(capsys, path, *FLASH)[1]["errors"]) == 501


def break_line(number: int) -> str:
    """A line that breaks one of eight rules."""
    user, model = ({"role": role, "parts": [{"text": "x"}]} for role in ("user", "model"))
    broken = [
        "{",
        "[]",
        '{"x": 1}',
        '{"contents": []}',
        json.dumps({"contents": [{"role": "user", "parts": []}, model]}),
        json.dumps({"contents": [{"role": f"speaker {number}", "parts": [{"text": "x"}]}]}),
        json.dumps({"contents": [user, user]}),
        json.dumps({"contents": [user]}),
    ]
    return broken[number % len(broken)]


@pytest.mark.parametrize("service", [FLASH, GEMINI], ids=["vertex", "gemini"])
@pytest.mark.parametrize("lines", [40, 3000])
def test_a_verdict_fits_on_a_screen(
    service: list[str], lines: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty lines, however much is wrong, and wherever."""
    good = json.dumps(FORMS["text_input"]) if service is GEMINI else pair("1", "2")
    path = write(tmp_path / "bad.jsonl", good, *(break_line(number) for number in range(lines)))
    more = ["--validation", path] if service is FLASH else []
    assert main(["validate", path, *service, *more]) == 1
    said = capsys.readouterr().out.splitlines()
    assert len(said) <= 20
    assert sum("more like line" in line for line in said) >= 5
    assert any(line.startswith("… and ") for line in said)
    (total,) = (int(line.split()[0].replace(",", "")) for line in said if " errors: " in line)
    counted = sum(1 if line.startswith(path) else 0 for line in said)
    more_of = [line.lstrip("… ").split()[1] for line in said if line.lstrip("… ").startswith("and ")]
    counted += sum(int(count.replace(",", "")) for count in more_of)
    assert total == counted


def test_a_good_verdict_fits_on_a_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However many things are read in part."""
    lines = [json.loads(pair(str(n), "2")) for n in range(8)]
    kinds = ["image/png", "application/pdf", "audio/mpeg", "video/mp4"]
    for line, kind in zip(lines, kinds, strict=False):
        line["contents"][0]["parts"].append({"fileData": {"mimeType": kind, "fileUri": "gs://b/x"}})
    lines[5]["contents"][0]["parts"][0]["text"] = "word " * 3000
    assert main(["validate", write(tmp_path / "train.jsonl", *map(json.dumps, lines)), *FLASH]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) <= 20
    assert sum(" in part (example " in line for line in said) == 4
    assert "  … and for 1 more reason; --json has them all" in said


def test_what_the_command_line_leaves_open_is_seen_from_the_data(
    tmp_path: Path, good: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Service, base model and method: by the form of the first row, also of an array."""
    preference = json.dumps(PREFERENCES["vertex"])
    pairs = ['{"text_input": "1", "output": "2"}'] * 20
    array = tmp_path / "array.json"
    array.write_text("[" + ",".join(pairs) + "]")
    for path, found in (
        (good, ("vertex", "gemini-3.5-flash", "supervised")),
        (write(tmp_path / "pairs.jsonl", "", *pairs), ("gemini", "gemini-1.5-flash-001-tuning", "supervised")),
        (str(array), ("gemini", "gemini-1.5-flash-001-tuning", "supervised")),
        (write(tmp_path / "two.jsonl", *[preference] * 20), ("vertex", "gemini-3.5-flash", "preference")),
    ):
        code, told = validate(capsys, path)
        assert (told["api"], told["model"], told["method"]) == found
        assert code == 0
    assert validate(capsys, str(tmp_path / "two.jsonl"), "--method", "supervised")[0] == 1


def test_what_this_emulator_reads_in_part_is_no_word_of_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Images and long texts: the service would tune, and so would we, in part."""
    image = {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/x.png"}}
    lines = [json.loads(pair("1", "2")) for _ in range(3)]
    lines[1]["contents"][0]["parts"].append(image)
    lines[2]["contents"][0]["parts"][0]["text"] = "word " * 3000
    path = write(tmp_path / "train.jsonl", *map(json.dumps, lines))
    assert main(["validate", path, *FLASH]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [
        "no errors: Vertex AI would tune gemini-2.5-flash with this",
        "tuning-emulator: trains on all 3 examples",
    ]
    assert said[2].startswith("  1 in part (example 2): [image]")
    assert said[3].startswith("  1 in part (example 3): over about 2,048 tokens")
    assert len(said) <= 20
    told = validate(capsys, path, *FLASH)[1]
    assert [(one["examples"], one["first"]) for one in told["emulator"]["reduced"]] == [(1, 2), (1, 3)]
    assert not told["emulator"]["diagnoses"]


def test_function_calls_are_data_like_any_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Calls, results and tools: no error, no word of ours."""
    call = {"functionCall": {"name": "f", "args": {"x": 1}}}
    line = json.loads(pair("1", "2"))
    line["contents"][1]["parts"] = [call]
    path = write(tmp_path / "calls.jsonl", json.dumps({**line, "tools": [{"functionDeclarations": [{"name": "f"}]}]}))
    code, told = validate(capsys, path, *FLASH)
    assert (code, told["error_count"], told["emulator"]["reduced"]) == (0, 0, [])


def test_a_model_that_takes_no_images_names_the_number_of_examples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the service does: the first one of all, once."""
    image = json.loads(pair("1", "2"))
    image["contents"][0]["parts"].append({"executableCode": {"code": "1"}})
    path = write(tmp_path / "train.jsonl", *[pair("1", "2")] * 3, *[json.dumps(image)] * 2, *[pair("1", "2")] * 9)
    (error,) = validate(capsys, path, *FLASH)[1]["errors"]
    assert error["line"] == 4
    assert error["message"].startswith("Dataset example 4 of 14 contains an unsupported modality [executable code]")


def test_an_array_in_one_endless_line_is_named_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not read into memory to say so."""
    monkeypatch.setattr(objects, "LINE_LIMIT_BYTES", 400)
    path = tmp_path / "train.json"
    path.write_bytes(CONTAINERS["array_in_a_line"][0])
    code, told = validate(capsys, str(path), *FLASH)
    assert (code, [one["rule"] for one in told["errors"]]) == (1, ["not_jsonl_object"])
    assert told["emulator"]["diagnoses"][0]["text"].startswith("train.json is a JSON array")
