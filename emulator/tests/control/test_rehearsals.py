"""Rehearsals through the control API: started, watched, read, cancelled, kept; and what ends with the emulator."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
import pytest

from tests.control.running import LINES, ServerState, open_world
from tests.control.test_events import Listener
from tests.models import write_llama
from tests.server_process import running_server, start_server, stop_server
from tuning_emulator.control.rehearsals import MOST_KEPT, MOST_WAITING, RehearsalRecord, Rehearsals
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.testing.client import Control, make_headers

pytestmark = [
    pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}"),
]

VERTEX = "api=vertex&model=gemini-2.5-flash"
NUMBERS = [37 * n % 900 + 11 for n in range(30)]
PATIENCE_S = 120.0


def format_pairs(wrong: dict[int, str] | None = None) -> str:
    """A dataset of the Gemini API: the next number."""
    answers = [(wrong or {}).get(at, str(n + 1)) for at, n in enumerate(NUMBERS)]
    return "\n".join(json.dumps({"text_input": str(n), "output": a}) for n, a in zip(NUMBERS, answers, strict=True))


async def start(server: ServerState, query: str = VERTEX, body: str = LINES, status: int = 200) -> Any:
    """Asks for a rehearsal of a body, or of none."""
    headers = {**make_headers(), "content-type": "application/octet-stream"}
    answer = await server.client.post(f"/emulator/v1/rehearsals?{query}", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def wait(server: ServerState, identifier: str, *states: str) -> Any:
    """The rehearsal once it is in one of these states, or has ended."""
    limit = time.monotonic() + PATIENCE_S
    while (found := await server.control("GET", f"rehearsals/{identifier}"))["state"] not in (
        *states,
        "SUCCEEDED",
        "FAILED",
        "CANCELLED",
    ):
        assert time.monotonic() < limit, found
        await asyncio.sleep(0.05)
    return found


def list_processes() -> list[str]:
    """What rehearsals of this process run."""
    return [line for one in psutil.Process().children(recursive=True) if "rehears" in (line := _describe(one))]


def _describe(process: Any) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.mark.lora
async def test_a_rehearsal_runs_and_its_report_is_read(server: ServerState) -> None:
    """Progress is told as an event; the report names what was sent, and its rows are those that it numbers."""
    body = format_pairs({4: "9", 20: "777"})
    asked = await start(server, "api=gemini&model=gemini-1.5-flash-001-tuning&epochs=2&name=mine.jsonl", body)
    assert (asked["id"], asked["dataset"], asked["weights"]) == ("rehearsal-1", "mine.jsonl", "embedded")
    feed = server.emulator._feed
    assert feed is not None
    told = await Listener(feed).read_until("rehearsal", id=asked["id"], state="SUCCEEDED")
    progress = [data["done"] for _, kind, data in told if kind == "rehearsal"]
    assert progress == sorted(progress)
    found = await server.control("GET", f"rehearsals/{asked['id']}?rows=3")
    report = found["report"]
    assert (found["done"], found["error"]) == (found["total"], "")
    assert report["score"]["after"] > report["score"]["before"]
    assert [one["rows"] for one in report["curve"]] == [6, 12, 24]
    assert (report["dataset"], report["rows"]["learned"], report["rows"]["held_out"]) == ("mine.jsonl", 24, 6)
    assert (report["trend"], report["best_epoch"]) in (("falling", 2), ("flat", 1), ("turning", 1))
    assert (len(report["resisting"]), found["counts"]["resisting"]) == (3, 30)
    assert (report["usd"], report["cost"]["usd"], report["steps"]) == (0.0, 0.0, 15)
    rows = await server.control("GET", f"datasets:rows?rehearsal={asked['id']}&offset=4&limit=1")
    assert rows["next"] == 5
    assert json.loads(rows["rows"][0]["text"])["turns"][-1]["text"] == "9"
    listed = await server.control("GET", "rehearsals")
    assert [one["id"] for one in listed["rehearsals"]] == [asked["id"]]
    assert list_processes() == []
    assert sorted(path.name for path in (server.emulator.directory / "rehearsals/rehearsal-1").iterdir()) == [
        "examples.jsonl",
        "record.json",
        "report.json",
    ]
    await server.control("DELETE", f"rehearsals/{asked['id']}")
    await server.control("GET", f"rehearsals/{asked['id']}", status=404)
    assert list((server.emulator.directory / "rehearsals").iterdir()) == []


@pytest.mark.lora
async def test_objects_and_weights_of_ones_own(server: ServerState, tmp_path: Path) -> None:
    """A validation set is read from Cloud Storage as the dataset is; rows of both are told."""
    model = write_llama(tmp_path / "model")
    place = "dataset=gs://numbers/train.jsonl&validation=gs://numbers/train.jsonl"
    asked = await start(server, f"{VERTEX}&{place}&epochs=1&weights={quote(str(model))}", "")
    found = await wait(server, asked["id"])
    assert found["state"] == "SUCCEEDED", found["error"]
    report = found["report"]
    assert (report["dataset"], found["validation"]) == ("gs://numbers/train.jsonl", "gs://numbers/train.jsonl")
    assert (report["base_model"], report["rows"]["learned"]) == (str(model), 15)
    assert found["counts"]["in_both"] == 15
    assert report["cost"]["usd"] > 0


@pytest.mark.process
async def test_a_dataset_that_would_be_refused_is_not_rehearsed(server: ServerState) -> None:
    """In the service's words, with the line, by the name that it was sent under."""
    asked = await start(server, f"{VERTEX}&name=mine.jsonl", LINES + '\n{"contents": []}\n{"contents": []}\n')
    found = await wait(server, asked["id"])
    assert (found["state"], found["report"]) == ("FAILED", None)
    assert found["error"].startswith("the dataset would be refused; nothing was rehearsed: line 16: ")
    assert found["error"].endswith(" (and 1 more)")
    other = await wait(server, (await start(server, f"{VERTEX}&name=chat.csv", "question,answer\n1,2\n"))["id"])
    assert (other["state"], "chat.csv" in other["error"]) == ("FAILED", True)
    assert "rehearsal-" not in other["error"]
    for name in ("request.json", "validation", "..", "../../x", "a/b", "%00", "x" * 300):
        asked = await start(server, f"{VERTEX}&name={name}", "{}")
        assert "the dataset would be refused" in (await wait(server, asked["id"]))["error"]


@pytest.mark.parametrize(
    ("query", "body", "status", "named"),
    [
        (VERTEX, "", 400, "dataset: give one"),
        (f"{VERTEX}&dataset=gs://numbers/train.jsonl", "{}", 400, "dataset: give one"),
        (f"{VERTEX}&dataset=/etc/passwd", "", 422, "dataset: gs://bucket/object is wanted"),
        (f"{VERTEX}&validation=/etc/passwd", "{}", 422, "validation: gs://bucket/object is wanted"),
        (f"{VERTEX}&dataset=gs://numbers/none", "", 404, "dataset: "),
        (f"{VERTEX}&validation=gs://numbers/none", "{}", 404, "validation: "),
        (f"{VERTEX}&dataset=gs://", "", 400, "dataset: "),
        ("api=gemini&model=x&validation=gs://numbers/train.jsonl", "{}", 400, "validation: the Gemini API takes none"),
        (f"{VERTEX}&holdout=0.2&validation=gs://numbers/train.jsonl", "{}", 400, "holdout: with validation"),
        (f"{VERTEX}&holdout=20", "{}", 422, "holdout"),
        (f"{VERTEX}&epochs=0", "{}", 422, "epochs"),
        (f"{VERTEX}&adapter_size=3", "{}", 422, "adapter_size"),
        (f"{VERTEX}&weights=nowhere", "{}", 422, "no model 'nowhere' on this machine"),
        (f"{VERTEX}&weights=/nowhere", "{}", 422, "/nowhere: no such directory"),
        (f"{VERTEX}&weight=x", "{}", 422, "weight"),
        ("api=vertex", "{}", 422, "model"),
    ],
)
async def test_what_cannot_be_asked_for(server: ServerState, query: str, body: str, status: int, named: str) -> None:
    """Named, with what would be right; nothing is started, no file of this machine is read."""
    assert named.removesuffix(" none") in (await start(server, query, body, status))["detail"]
    assert await server.control("GET", "rehearsals") == {"rehearsals": []}
    folder = server.emulator.directory / "rehearsals"
    assert not folder.exists() or list(folder.iterdir()) == []


async def test_what_is_not_there(server: ServerState) -> None:
    for verb, path in (
        ("GET", "rehearsals/rehearsal-9"),
        ("GET", "rehearsals/..%2F..%2Fetc"),
        ("POST", "rehearsals/rehearsal-9:cancel"),
        ("DELETE", "rehearsals/rehearsal-9"),
        ("GET", "datasets:rows?rehearsal=rehearsal-9"),
    ):
        await server.control(verb, path, status=404)
    both = await server.control("GET", "datasets:rows?rehearsal=rehearsal-9&job=x", status=400)
    assert both["detail"].startswith("dataset: ")


@pytest.mark.process
async def test_one_runs_and_others_wait_and_all_can_be_cancelled(server: ServerState) -> None:
    """What is cancelled leaves no process and no file of its work; so many wait, and no more."""
    first, *others = [(await start(server, f"{VERTEX}&epochs=1000"))["id"] for _ in range(MOST_WAITING)]
    assert (await wait(server, first, "RUNNING"))["state"] == "RUNNING"
    assert {(await wait(server, one, "PENDING"))["state"] for one in others} == {"PENDING"}
    said = (await start(server, status=409))["detail"]
    assert said == f"rehearsals: {MOST_WAITING} rehearsals wait or run already; cancel one, or wait"
    assert len(list_processes()) >= 1
    assert "cancel it first" in (await server.control("DELETE", f"rehearsals/{first}", status=409))["detail"]
    for one in (*others, first):
        assert (await server.control("POST", f"rehearsals/{one}:cancel"))["state"] == "CANCELLED"
    assert list_processes() == []
    again = await server.control("POST", f"rehearsals/{first}:cancel", status=409)
    assert again["detail"] == f"{first} has ended as CANCELLED; nothing is left to cancel"
    folder = server.emulator.directory / "rehearsals"
    assert list(folder.rglob("work*")) == []


@pytest.mark.process
async def test_two_cancels_at_once(server: ServerState) -> None:
    """One of them ends it; the other is told the same, or that it has ended."""
    one = (await start(server, f"{VERTEX}&epochs=1000"))["id"]
    await wait(server, one, "RUNNING")
    answers = await asyncio.gather(
        *(server.client.post(f"/emulator/v1/rehearsals/{one}:cancel", headers=make_headers()) for _ in range(3))
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert (await wait(server, one))["state"] == "CANCELLED"
    assert list_processes() == []


@pytest.mark.process
async def test_what_runs_ends_with_the_emulator_and_is_told_by_the_next(tmp_path: Path) -> None:
    """Nothing runs on; the record says what became of it, and numbers go on."""
    kept = tmp_path / "data"
    async with open_world(tmp_path, data_dir=kept) as server:
        one = (await start(server, f"{VERTEX}&epochs=1000"))["id"]
        assert (await wait(server, one, "RUNNING"))["state"] == "RUNNING"
    assert list_processes() == []
    (kept / "rehearsals" / "rehearsal-2" / "work").mkdir(parents=True)  # as one that was killed while it was made
    async with open_world(tmp_path, data_dir=kept) as server:
        found = await server.control("GET", f"rehearsals/{one}")
        assert (found["state"], found["error"]) == (
            "FAILED",
            "the emulator was ended while it ran; start it anew",
        )
        assert [path.name for path in (kept / "rehearsals").iterdir()] == [one]
        assert (await start(server, f"{VERTEX}&epochs=1000"))["id"] == "rehearsal-3"


@pytest.mark.process
async def test_a_reset_of_everything_forgets_them(server: ServerState) -> None:
    """Those that run are ended; of one project they are not."""
    one = (await start(server, f"{VERTEX}&epochs=1000"))["id"]
    await wait(server, one, "RUNNING")
    await server.control("POST", "reset", {"project": "p"})
    assert len((await server.control("GET", "rehearsals"))["rehearsals"]) == 1
    await server.control("POST", "reset", {})
    assert await server.control("GET", "rehearsals") == {"rehearsals": []}
    assert list_processes() == []


@pytest.mark.process
async def test_a_process_that_is_killed_is_told(server: ServerState) -> None:
    one = (await start(server, f"{VERTEX}&epochs=1000"))["id"]
    await wait(server, one, "RUNNING")
    for process in psutil.Process().children():
        if "tuning_emulator.control.rehearsing" in _describe(process):
            process.kill()
    found = await wait(server, one)
    assert found["state"] == "FAILED"
    assert found["error"] == "its process was ended by signal 9 (most likely memory ran out)"
    assert list_processes() == []


@pytest.mark.lora
def test_nothing_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    """What it has started ends by itself, and the next server on the directory says so."""
    options = ("--trainer", "scripted", "--data-dir", str(tmp_path))
    server = start_server(*options)
    control = Control(server.url)
    path = f"rehearsals?{VERTEX}&epochs=1000"
    one = json.loads(control.send("POST", path, LINES.encode(), "application/octet-stream"))["id"]
    limit = time.monotonic() + PATIENCE_S
    while not control.call("GET", f"rehearsals/{one}")["done"]:
        assert time.monotonic() < limit
        time.sleep(0.05)
    stop_server(server, signal.SIGKILL)
    while any(str(tmp_path) in _describe(process) for process in psutil.process_iter()):
        assert time.monotonic() < limit
        time.sleep(0.05)
    with running_server(*options) as again:
        found = Control(again.url).call("GET", f"rehearsals/{one}")
    assert (found["state"], found["error"]) == ("FAILED", "the emulator was ended while it ran; start it anew")
    assert sorted(path.name for path in (tmp_path / "rehearsals" / one).iterdir()) == ["examples.jsonl", "record.json"]


async def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    """So many are kept, and no file of others."""
    folder = tmp_path / "rehearsals"
    for number in range(1, MOST_KEPT + 2):
        place = folder / f"rehearsal-{number}"
        place.mkdir(parents=True)
        record = RehearsalRecord(place.name, "CANCELLED", "vertex", "m", "d", "", "embedded", "2026-01-01T00:00:00Z")
        (place / "record.json").write_text(
            json.dumps({name: getattr(record, name) for name in record.__struct_fields__})
        )
    rehearsals = Rehearsals(tmp_path)
    assert [one.id for one in rehearsals.list_all()][:2] == [f"rehearsal-{MOST_KEPT + 1}", f"rehearsal-{MOST_KEPT}"]
    rehearsals.trim()
    assert (len(rehearsals.list_all()), len(list(folder.iterdir()))) == (MOST_KEPT, MOST_KEPT)
    assert rehearsals.get("rehearsal-1") is None
