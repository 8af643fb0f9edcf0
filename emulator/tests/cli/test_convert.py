"""`tuning-emulator convert`: any common form in any container, as either service's dataset."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.datasets.kinds import ANSWER, CONTAINERS, FORMS, HOPELESS, PAIRS, PREFERENCES, QUESTION, ROWS, WORSE, vertex
from tuning_emulator.cli import main

Convert = Callable[..., tuple[int, list[Any], list[str]]]


@pytest.fixture
def convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Convert:
    """Converts bytes; exit status, written rows, and the report's lines."""

    def run(data: bytes | Any, to: str = "vertex", *more: str) -> tuple[int, list[Any], list[str]]:
        source, target = tmp_path / "source", tmp_path / "target.jsonl"
        source.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        code = main(["convert", str(source), str(target), "--to", to, *more])
        rows = [json.loads(line) for line in target.read_text("utf-8").splitlines()] if target.exists() else []
        return code, rows, capsys.readouterr().err.splitlines()

    return run


@pytest.mark.parametrize("kind", FORMS)
def test_forms(kind: str, convert: Convert) -> None:
    """The same example, whoever's form it had."""
    assert convert(FORMS[kind])[:2] == (0, [vertex()])
    assert convert(FORMS[kind], "gemini", "--force")[:2] == (0, [{"text_input": QUESTION, "output": ANSWER}])


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers(kind: str, convert: Convert) -> None:
    """The same rows, whatever they came in."""
    data, named = CONTAINERS[kind]
    code, rows, report = convert(data)
    assert (code, rows) == (0, ROWS)
    assert report[0].startswith("read     6 rows: ")
    assert named.split(", ")[-1] in report[0]


@pytest.mark.parametrize("kind", PREFERENCES)
def test_preferences(kind: str, convert: Convert) -> None:
    """The better answer has score 1; the Gemini API has no such tuning."""
    code, rows, report = convert(PREFERENCES[kind])
    assert code == 0
    assert rows[0]["contents"] == vertex()["contents"][:1]
    answers = {one["score"]: one["completion"]["parts"][0]["text"] for one in rows[0]["completions"]}
    assert answers == {1: ANSWER, 0: WORSE}
    assert "--method preference" in report[2]
    code, _, report = convert(PREFERENCES[kind], "gemini", "--force")
    assert code == 1
    assert "no preference tuning" in report[-1]


@pytest.mark.parametrize("kind", HOPELESS)
def test_what_has_no_examples_is_refused(kind: str, convert: Convert) -> None:
    data, named, advice = HOPELESS[kind]
    code, rows, report = convert(data)
    assert (code, rows) == (2, [])
    assert named in report[0]
    assert advice in report[0]


def test_what_is_written_is_what_the_service_takes(convert: Convert, tmp_path: Path) -> None:
    """validate has nothing to say of it, of either."""
    for to, model in (("vertex", "gemini-2.5-flash"), ("gemini", "gemini-1.5-flash-001-tuning")):
        convert(CONTAINERS["csv_gzip"][0], to, "--force")
        assert main(["validate", str(tmp_path / "target.jsonl"), "--api", to, "--model", model]) == 0


def test_tools_and_calls(convert: Convert) -> None:
    """OpenAI's calls by id are Gemini's by name; their schemas lose what Gemini's have no field for."""
    function = {
        "name": "stock",
        "description": "How many there are.",
        "parameters": {
            "type": "object",
            "properties": {
                "item": {"type": ["string", "null"]},
                "sizes": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["item"],
            "additionalProperties": False,
        },
    }
    row = {
        "messages": [
            {"role": "developer", "content": "Help."},
            {"role": "user", "content": "Shoes?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": name,
                        "type": "function",
                        "function": {"name": "stock", "arguments": json.dumps({"item": name})},
                    }
                    for name in ("a", "b")
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": '{"left": 3}'},
            {"role": "tool", "tool_call_id": "b", "content": "none"},
            {"role": "assistant", "content": "Three."},
        ],
        "tools": [{"type": "function", "function": function}],
    }
    code, rows, report = convert(row)
    assert code == 0
    calls = [{"functionCall": {"name": "stock", "args": {"item": name}}} for name in ("a", "b")]
    results = [{"functionResponse": {"name": "stock", "response": one}} for one in ({"left": 3}, {"result": "none"})]
    assert rows[0]["systemInstruction"]["parts"] == [{"text": "Help."}]
    assert [content["parts"] for content in rows[0]["contents"][1:3]] == [calls, results]
    declared = rows[0]["tools"][0]["functionDeclarations"][0]
    assert declared["parameters"] == {
        "type": "OBJECT",
        "properties": {
            "item": {"type": "STRING", "nullable": True},
            "sizes": {"type": "ARRAY", "items": {"type": "INTEGER"}},
        },
        "required": ["item"],
    }
    assert not any("one speaker" in line for line in report)
    assert "more than text" in convert(row, "gemini", "--force")[2][-1]


def test_images_are_named_by_their_address(convert: Convert) -> None:
    """Those in the row itself stay there."""
    urls = ["gs://b/x.png", "data:image/webp;base64,AA=="]
    content = [{"type": "text", "text": "?"}, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]
    row = {"messages": [{"role": "user", "content": content}, {"role": "assistant", "content": "a cat"}]}
    assert convert(row)[1][0]["contents"][0]["parts"] == [
        {"text": "?"},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/x.png"}},
        {"inlineData": {"mimeType": "image/webp", "data": "AA=="}},
    ]


def test_conversations_and_instructions(convert: Convert) -> None:
    """Several turns, what the assistant is, and material beside the instruction stay."""
    spoken = [("system", "Be brief."), ("human", "1"), ("gpt", "2"), ("human", "3"), ("gpt", "4")]
    row = {"conversations": [{"from": who, "value": text} for who, text in spoken]}
    wanted = [vertex("1", "2")["contents"], vertex("3", "4")["contents"]]
    (written,) = convert(row)[1]
    assert written["contents"] == wanted[0] + wanted[1]
    (written,) = convert(row, "gemini", "--force")[1]
    assert written["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    alpaca = {"instruction": "Translate.", "input": "ja", "output": "yes"}
    assert convert(alpaca, "gemini", "--force")[1] == [{"text_input": "Translate.\n\nja", "output": "yes"}]


USER = {"role": "User", "content": [{"text": "1"}]}


@pytest.mark.parametrize(
    "row",
    [
        {"context": "Help.", "messages": [{"author": "user", "content": "1"}, {"author": "bot", "content": "2"}]},
        {"system": [{"text": "Help."}], "messages": [USER, {"role": "assistant", "content": [{"text": "2"}]}]},
        {"system_prompt": "Help.", "prompt": "1", "response": "2"},
        {"messages": [{"role": "System", "content": "Help."}, USER, {"role": "Chatbot", "content": "2"}]},
    ],
)
def test_system_instructions_of_others(row: dict[str, Any], convert: Convert) -> None:
    """chat-bison, Bedrock, a column of its own, Cohere."""
    (written,) = convert(row)[1]
    assert written["systemInstruction"]["parts"] == [{"text": "Help."}]
    assert written["contents"] == vertex("1", "2")["contents"]


def test_rows_that_are_no_examples_are_skipped_with_their_lines(convert: Convert) -> None:
    """Reason, first line, how many; what is good is written."""
    lines = [
        '{"prompt": "1", "completion": "2"}',
        '{"prompt": "1", "completion": ""}',
        "{broken",
        '{"prompt": "1", "completion": null}',
        '{"prompt": "1", "completion": NaN}',
        '{"prompt": "", "completion": "2"}',
        '{"other": 1}',
        '"text"',
        '{"prompt": 3, "completion": 4}',
    ]
    code, rows, report = convert("\n".join(lines).encode())
    assert (code, rows) == (0, [vertex("1", "2"), vertex("3", "4")])
    assert report[:3] == [
        "read     9 rows: JSON lines, pairs of question and answer",
        f"written  2 to {report[1].split(' to ')[1]}",
        "skipped  7",
    ]
    told = {line.strip() for line in report[3:]}
    assert "line 2 and 1 more: no answer" in told
    assert "line 6: no prompt" in told
    assert any(line.startswith("line 3: not JSON") for line in told)
    assert "line 7: no form that is known: it has the fields other" in told


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([("assistant", "hello"), ("user", "1"), ("assistant", "2")], "the model speaks first"),
        ([("user", "1"), ("assistant", "2"), ("user", "3")], "no answer"),
        ([("narrator", "1"), ("assistant", "2")], "the role 'narrator' is not known"),
        ([("user", ""), ("assistant", "2")], "a turn of the user is empty"),
    ],
)
def test_conversations_that_the_services_refuse_are_skipped(
    turns: list[tuple[str, str]], reason: str, convert: Convert
) -> None:
    """Nothing is made up and nothing is cut off to make them fit."""
    good = {"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]}
    bad = {"messages": [{"role": role, "content": text} for role, text in turns]}
    code, rows, report = convert(f"{json.dumps(good)}\n{json.dumps(bad)}\n".encode())
    assert (code, len(rows), report[-1].strip()) == (0, 1, f"line 2: {reason}")


def test_turns_of_one_speaker_are_joined_and_counted(convert: Convert) -> None:
    turns = [("user", "1"), ("user", "2"), ("assistant", "3")]
    code, rows, report = convert({"messages": [{"role": role, "content": text} for role, text in turns]})
    assert (code, rows) == (0, [vertex("1\n\n2", "3")])
    assert "1 of them with turns of one speaker" in report[2]


def test_lines_are_those_of_the_file(convert: Convert) -> None:
    """In tables and arrays too, where rows have several lines."""
    table = b'question,answer\n"a\nb",1\n"c\nd",\ne,2\n'
    assert convert(table)[2][-1].strip() == "line 4: no answer"
    array = json.dumps([{"prompt": "1", "completion": "2"}, {"prompt": "1"}], indent=1).encode()
    assert convert(array, "vertex", "--force")[2][-1].strip().startswith("line 6: ")


def test_columns_of_any_name(convert: Convert) -> None:
    """Asked for when they are not known, and taken by their names."""
    code, _, report = convert(b"Ticket,Team,Note\nIt smokes,fire,x\n")
    assert code == 2
    assert "(Ticket, Team, Note): say which" in report[0]
    columns = ("--prompt", "Ticket", "--answer", "Team")
    assert convert(b"Ticket,Team,Note\nIt smokes,fire,x\n", "vertex", *columns)[:2] == (
        0,
        [vertex("It smokes", "fire")],
    )
    assert convert(b"Ticket,Team\nq,a\n", "vertex", "--force", "--prompt", "Ticket", "--answer", "X")[0] == 1
    assert convert(b"Ticket,Team\nq,a\n", "vertex", "--force", "--prompt", "Ticket")[0] == 2


def test_a_broken_array_is_read_as_far_as_it_goes(convert: Convert) -> None:
    """And the report says that it was not all."""
    data = json.dumps(ROWS)[:-40].encode()
    code, rows, report = convert(data)
    assert (code, rows) == (0, ROWS[:-1])
    assert report[-1].startswith("stopped  line 1: what follows cannot be read")


def test_a_target_is_replaced_only_when_asked_and_only_whole(
    tmp_path: Path, convert: Convert, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older file outlives a conversion that has nothing to write, and nothing is left beside it."""
    target = tmp_path / "target.jsonl"
    target.write_text('"kept"\n')
    code, rows, report = convert(FORMS["qa"])
    assert (code, rows) == (2, ["kept"])
    assert report == [f"tuning-emulator: {target} exists; --force replaces it"]
    assert convert(b'{"prompt": "1", "completion": ""}', "vertex", "--force")[:2] == (1, ["kept"])
    assert convert(FORMS["qa"], "vertex", "--force")[:2] == (0, [vertex()])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target.jsonl"]
    assert main(["convert", str(tmp_path / "none"), "-", "--to", "vertex"]) == 2
    assert capsys.readouterr().err.endswith("none: No such file or directory\n")


@pytest.mark.process
@pytest.mark.parametrize("kind", ["csv_gzip", "array"])
def test_pipes(kind: str) -> None:
    """From standard input to standard output; the report goes beside them."""
    command = [sys.executable, "-m", "tuning_emulator", "convert", "-", "-", "--to", "gemini"]
    piped = subprocess.run(command, input=CONTAINERS[kind][0], capture_output=True, check=False, timeout=60)
    assert piped.returncode == 0, piped.stderr
    rows = [json.loads(line) for line in piped.stdout.splitlines()]
    assert [(row["text_input"], row["output"]) for row in rows] == PAIRS
    assert b"written  6 to standard output, for Gemini API" in piped.stderr


@pytest.mark.slow
@pytest.mark.parametrize("container", ["array", "csv", "lines"])
def test_memory_does_not_grow(container: str, tmp_path: Path) -> None:
    """Ten times the rows, the same peak."""

    def write(count: int) -> Path:
        path = tmp_path / f"{container}{count}"
        texts = [f"question {number} " + "word " * 50 for number in range(count)]
        rows = [{"question": text, "answer": "a"} for text in texts]
        made = {
            "array": lambda: json.dumps(rows, indent=1),
            "csv": lambda: "question,answer\n" + "".join(f"{text},a\n" for text in texts),
            "lines": lambda: "".join(json.dumps(row) + "\n" for row in rows),
        }
        path.write_text(made[container]())
        return path

    def peak(path: Path) -> int:
        tracemalloc.start()
        assert main(["convert", str(path), str(path.with_suffix(".out")), "--to", "vertex"]) == 0
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    few, many = write(1_000), write(10_000)
    small = peak(few)
    assert peak(many) < 1.25 * small + 65_536


def test_the_report_for_programs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One object with what people read too: on standard output, or beside the rows that are there."""
    source, target = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps(FORMS["alpaca"]) + '\n{"instruction": "x"}\n', "utf-8")
    assert main(["convert", str(source), str(target), "--to", "vertex", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["read"], told["written"], told["target"], told["api"]) == (2, 1, str(target), "vertex")
    assert [(one["rows"], one["first_line"]) for one in told["skipped"]] == [(1, 2)]
    assert main(["convert", str(source), "-", "--to", "vertex", "--json"]) == 0
    printed = capfd.readouterr()
    assert [json.loads(line) for line in printed.out.splitlines()] == [vertex()]
    assert json.loads(printed.err) == {**told, "target": "-"}
