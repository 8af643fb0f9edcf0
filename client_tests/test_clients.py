"""Every client walks from create to delete, unmodified, in its own environment, and both sides agree on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from client_tests.matrix import ROWS
from client_tests.results import list_cells, read_results
from client_tests.row import STEPS, Row
from client_tests.running import Outcome, Stage, read_steps, run_row, run_under_exec
from tuning_emulator.facts.chat_fields import CHAT_FIELDS
from tuning_emulator.testing.client import Control

NAMES = {
    "gemini": re.compile(r"tunedModels/next-number-[a-z0-9]+"),
    "vertex": (JOB := re.compile(r"projects/\d+/locations/us-central1/tuningJobs/\d+")),
    "chat": JOB,
    "storage": re.compile(r"[a-z-]+-data"),
}
ON_THE_WAY = {"CREATING", "JOB_STATE_QUEUED", "JOB_STATE_PENDING", "JOB_STATE_RUNNING", "False"}
ENDS = {"ACTIVE", "JOB_STATE_SUCCEEDED", "True"}
FOLLOWING = {"word": "eight", "digits": 8}
"""What was learnt to follow "seven" where answers are JSON."""
CANCELLED = ("JOB_STATE_CANCELLED", "True", True, "CANCELED", 1)
"""As a state, as an operation's word for it, as its text, as its code."""
GONE = (404, 5)
"""NOT_FOUND over HTTP and over gRPC."""
EXPECTED: dict[str, Callable[[Any], bool]] = {
    "poll": lambda states: states[-1] in ENDS and set(states[:-1]) <= ON_THE_WAY,
    "done": lambda state: state in ENDS,
    "get": lambda name: name == "next number",
    "generate": lambda text: text.strip() == "eight",
    "stream": lambda text: text.strip() == "eight",
    "count": lambda tokens: isinstance(tokens, int) and tokens > 0,
    "update": lambda name: name == "renamed",
    "permissions": lambda roles: roles == ["READER", "WRITER"],
    "cancel": lambda ended: ended in CANCELLED,
    "delete": lambda code: code in GONE,
    "list": lambda found: found is True or found == ["folder/large.jsonl", "folder/train.jsonl"],
    "upload": lambda whole: whole is True,
    "resumable": lambda whole: whole is True,
    "download": lambda whole: whole is True,
    "once": lambda code: code == 412,
    "structured": lambda found: found == FOLLOWING,
    "call": lambda fits: fits is True,
    "refuse": lambda code: code == 400,
    "parameters": lambda names: set(names) <= {row.path for row in CHAT_FIELDS},
}
EXPECTED_OF_CHAT: dict[str, Callable[[Any], bool]] = {
    **EXPECTED,
    **dict.fromkeys(("generate", "stream"), lambda text: json.loads(text) == FOLLOWING),
}
"""What a step prints. ``create`` prints a name, see ``NAMES``; ``get`` of storage a size."""

METHODS = {
    "gemini": {
        "create": "CreateTunedModel",
        "list": "ListTunedModels",
        "get": "GetTunedModel",
        "generate": "GenerateContent",
        "stream": "StreamGenerateContent",
        "count": "CountTokens",
        "update": "UpdateTunedModel",
        "permissions": "CreatePermission",
        "cancel": "CancelOperation",
        "delete": "DeleteTunedModel",
    },
    "vertex": {
        "create": "CreateTuningJob",
        "poll": "GetTuningJob",
        "list": "ListTuningJobs",
        "generate": "GenerateContent",
        "stream": "StreamGenerateContent",
        "count": "CountTokens",
        "update": "UpdateModel",
        "cancel": "CancelTuningJob",
        "delete": "DeleteModel",
    },
    "chat": {"create": "CreateTuningJob", "poll": "GetTuningJob"},
    "storage": {},
}
"""The method that the emulator must have seen for a step."""

NO_SUCH_PATH = {("gemini", "cancel")}
"""Refused before anybody asks who calls: the journal has these under no project."""

STORED = [row for row in ROWS if row.api == "storage"]

pytestmark = pytest.mark.clients


def check_said(row: Row, outcome: Outcome) -> None:
    """Every step was taken, in order, and printed what it should."""
    assert outcome.exit_status == 0, outcome.errors[-4000:]
    assert tuple(outcome.steps) == row.steps
    for step, said in outcome.steps.items():
        if step in row.refused:
            assert said == {"refused": row.refused[step][0]}, step
        elif step == "create":
            assert NAMES[row.api].fullmatch(said["value"])
        elif (row.api, step) == ("storage", "get"):
            assert said["value"] > 0
        else:
            expected = EXPECTED_OF_CHAT if row.api == "chat" else EXPECTED
            assert expected[step](said["value"]), (step, said)


def check_seen(row: Row, outcome: Outcome) -> None:
    """The emulator saw the methods behind the steps, over the right transport, and refused what it should, no more."""
    seen = {METHODS[row.api][step] for step in row.steps if step in METHODS[row.api] and step not in row.refused}
    if row.api == "chat":
        seen.add("ChatCompletions" if "chat completions" in row.transport else "GenerateContent")
    assert seen <= set(outcome.methods), outcome.methods
    assert outcome.transports == {"grpc" if "gRPC" in row.transport else "rest"}
    wanted = [status for step, (status, _) in row.refused.items() if (row.api, step) not in NO_SUCH_PATH]
    if "delete" in row.steps and "delete" not in row.refused:
        wanted.append(404)
    if "refuse" in row.steps:
        wanted.append(400)
    assert sorted(status for _, status in outcome.refused.elements()) == sorted(wanted), outcome.refused
    if row.api in ("vertex", "chat") and "create" in row.steps:
        assert (outcome.state, outcome.trainer) == ("SUCCEEDED", str(row.settings.get("trainer", "scripted")))
    elif "delete" in row.steps:
        assert outcome.state == "", "the tuned model is still there"


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_client(row: Row, find_outcome: Callable[[Row], Outcome], keep_calls: Callable[[Row, int], None]) -> None:
    """One client: what its program printed and what the emulator saw are what they should be."""
    outcome = find_outcome(row)
    check_said(row, outcome)
    if row.api == "storage":
        assert not {status for _, status in outcome.refused} - {404, 412}, outcome.refused
    else:
        check_seen(row, outcome)
    keep_calls(row, outcome.calls)


@pytest.mark.parametrize("row", STORED, ids=[row.name for row in STORED])
def test_client_under_exec(row: Row, stage: Stage) -> None:
    """A program of Cloud Storage that knows nothing of the emulator walks the same way."""
    done = run_under_exec(row, stage)
    said = read_steps(done.stdout)
    assert (done.returncode, tuple(said)) == (0, row.steps), done.stderr[-4000:]
    for step in row.steps[1 if "create" in row.steps else 0 :]:
        assert said[step]["value"] > 0 if step == "get" else EXPECTED[step](said[step]["value"]), (step, said)


def test_dropped_examples_are_explained(stage: Stage) -> None:
    """google-genai 3.6 without a default data set: the service's 400, and the cause in the log and in the journal."""
    lost = replace(find_row("genai-3-6-gemini-sync"), name="genai-lost", program="examples_dropped.py", settings={})
    outcome = run_row(lost, stage)
    assert outcome.steps == {"create": {"refused": 400}}
    assert outcome.refused == {("CreateTunedModel", 400): 1}
    emulator = stage.find_emulator(lost)
    assert emulator.log is not None
    (entry,) = Control(emulator.url, lost.name).journal.list()
    for said in (" ".join(entry["notes"]), emulator.log.read_text("utf-8")):
        assert "google-genai 1.47 and newer drop it" in said
        assert "default_dataset" in said


def find_row(name: str) -> Row:
    """A row by its name."""
    return next(row for row in ROWS if row.name == name)


def test_nothing_is_left_out_silently() -> None:
    """A step that a row does not take has a reason; rows have names of their own."""
    for row in ROWS:
        assert set(row.lacks) | set(row.refused) <= set(STEPS[row.api])
        assert all(row.lacks.values())
        assert all(why for _, why in row.refused.values())
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_the_recorded_result_is_of_these_rows_and_versions() -> None:
    """After a change of the matrix or of a version: make clients docs."""
    recorded = read_results()
    assert {name: (one["version"], one["steps"]) for name, one in recorded.items()} == {
        row.name: (row.version, len(row.steps)) for row in ROWS
    }
    assert len(list_cells()) == len(ROWS) + 1
