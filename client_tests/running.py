"""Running the rows: emulators, the programs beside them, and what both sides have to say afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client_tests.environments import NODE, find_program, make_environment
from client_tests.row import Row
from tuning_emulator.settings import format_options
from tuning_emulator.testing.client import Control, ControlError
from tuning_emulator.testing.process import RunningEmulator, start_emulator

PROGRAMS = Path(__file__).resolve().parent / "programs"
PROGRAM_TIME_S = 900
PAIRS = [("1", "2"), ("3", "4"), ("seven", "eight"), ("twenty two", "twenty three"), ("ninety nine", "one hundred")]
"""What is learnt; ``programs/story`` has the same."""
OBJECTS = [("one", "two", 2), ("three", "four", 4), ("seven", "eight", 8), ("ten", "eleven", 11), ("five", "six", 6)]
"""What is learnt where answers are JSON: a number's word, and of the next one word and digits."""
REPEATED = 4
"""How often each pair is in the data set that Vertex AI reads."""
BUCKET = "client-data"
SETTINGS: Mapping[str, object] = {"trainer": "scripted", "scripted_step_s": 0.02, "journal_entries": 100_000}
"""Of every emulator here: steps just long enough for a job to be cancelled before its end."""
LEFT_OUT = frozenset(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"))
"""Variables that programs must not inherit: they only ever talk to this machine."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row.

    Attributes:
        exit_status, errors: Of the program; what it wrote to standard error.
        steps: By name: what it printed, ``{"value": …}`` or ``{"refused": …}``.
        calls: How many requests the emulator had from it. methods: How many of each, by method.
        refused: The refused ones, by method and HTTP status.
        transports: Over which they came. trainer, state: Of the job of the first step, as the emulator sees it
            afterwards; "" when that is gone.
    """

    exit_status: int
    errors: str
    steps: Mapping[str, Mapping[str, Any]]
    calls: int
    methods: Counter[str]
    refused: Counter[tuple[str, int]]
    transports: frozenset[str]
    trainer: str
    state: str


class Stage:
    """The emulators, started when a row first needs one, and running until the end."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self._emulators: dict[str, RunningEmulator] = {}
        self._stack = ExitStack()
        self._lock = threading.Lock()
        write_datasets(self.data)

    def close(self) -> None:
        """Ends all emulators."""
        self._stack.close()

    def find_emulator(self, row: Row) -> RunningEmulator:
        """The emulator of a row's settings."""
        settings = {name: self._fill(value) for name, value in row.settings.items()}
        key = json.dumps([settings, row.name if row.alone else ""], sort_keys=True)
        with self._lock:
            if key not in self._emulators:
                started = start_emulator(**{**SETTINGS, "buckets": {BUCKET: self.data}, **settings})
                self._emulators[key] = self._stack.enter_context(started)
            return self._emulators[key]

    def keep_authority(self, emulator: RunningEmulator) -> Path:
        """The certificate authority of an emulator, in a file."""
        file = self.data.parent / f"ca-{emulator.pid}.pem"
        with self._lock:
            if not file.exists():
                file.write_bytes(Control(emulator.url).send("GET", "ca.pem"))
        return file

    def _fill(self, value: object) -> object:
        return value.format(data=self.data) if isinstance(value, str) else value


def write_datasets(folder: Path) -> None:
    """The data set in both services' formats, ``train.jsonl`` and ``examples.jsonl``, and one with answers in JSON."""
    lines = [
        {"contents": [{"role": "user", "parts": [{"text": one}]}, {"role": "model", "parts": [{"text": other}]}]}
        for one, other in PAIRS
    ]
    (folder / "train.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines * REPEATED))
    objects = [
        {
            "contents": [
                {"role": "user", "parts": [{"text": word}]},
                {"role": "model", "parts": [{"text": json.dumps({"word": following, "digits": digits})}]},
            ]
        }
        for word, following, digits in OBJECTS
    ]
    (folder / "objects.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in objects * REPEATED))
    pairs = [{"text_input": one, "output": other} for one, other in PAIRS]
    (folder / "examples.jsonl").write_text("".join(f"{json.dumps(pair)}\n" for pair in pairs))


def run_under_exec(row: Row, stage: Stage) -> subprocess.CompletedProcess[str]:
    """Runs a row's program as it would run against Google, with ``exec`` and an emulator of its own around it.

    Raises:
        ClientEnvironmentError: the client cannot be installed.
    """
    folder = make_environment(row.environment)
    options = format_options({"trainer": "scripted", "buckets": {BUCKET: stage.data}})
    command = [sys.executable, "-m", "tuning_emulator", "exec", *options, "--"]
    kept = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    modules = {"NODE_PATH": str(folder / "node_modules")} if row.environment == NODE else {}
    return subprocess.run(
        [*command, *find_program(row.environment, folder), str(PROGRAMS / row.program), *row.arguments],
        env={**kept, **modules, "PROJECT": row.name},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PROGRAM_TIME_S,
        check=False,
    )


def run_row(row: Row, stage: Stage) -> Outcome:
    """Runs a row's program to its end and asks the emulator what it saw.

    Raises:
        ClientEnvironmentError: the client cannot be installed.
    """
    folder = make_environment(row.environment)
    emulator = stage.find_emulator(row)
    command = [*find_program(row.environment, folder), str(PROGRAMS / row.program), *row.arguments]
    done = subprocess.run(
        command,
        env=make_variables(row, emulator, folder, stage),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PROGRAM_TIME_S,
        check=False,
    )
    steps = read_steps(done.stdout)
    return look_back(row, emulator, steps, done)


def make_variables(row: Row, emulator: RunningEmulator, folder: Path, stage: Stage) -> dict[str, str]:
    """The environment variables of a program."""
    values = {"storage": emulator.storage_url, "address": emulator.url.partition("://")[2]}
    if any("{ca}" in value for value in row.variables.values()):
        values["ca"] = str(stage.keep_authority(emulator))
    kept = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    further = {name: value.format(**values) for name, value in row.variables.items()}
    own = {"EMULATOR_URL": emulator.url, "PROJECT": row.name, **further}
    if row.environment == NODE:
        own["NODE_PATH"] = str(folder / "node_modules")
    return {**kept, **own, "NO_PROXY": "*"}


def read_steps(output: str) -> dict[str, dict[str, Any]]:
    """What a program printed, by step; lines that are no JSON objects are its client's own."""
    said = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {one.pop("step"): one for one in said if "step" in one}


def look_back(
    row: Row,
    emulator: RunningEmulator,
    steps: Mapping[str, Mapping[str, Any]],
    done: subprocess.CompletedProcess[str],
) -> Outcome:
    """The emulator's side of a row."""
    control = Control(emulator.url, "" if row.alone else row.name)
    entries = control.journal.list(limit=10_000)
    trainer, state = find_job(control, str(steps.get("create", {}).get("value", "")))
    return Outcome(
        exit_status=done.returncode,
        errors=done.stderr,
        steps=steps,
        calls=control.journal.count(),
        methods=Counter(entry["method"].rpartition(".")[2] for entry in entries),
        refused=Counter(
            (entry["method"].rpartition(".")[2], entry["status"]) for entry in entries if entry["code"] != "OK"
        ),
        transports=frozenset(entry["transport"] for entry in entries),
        trainer=trainer,
        state=state,
    )


def find_job(control: Control, name: str) -> tuple[str, str]:
    """Trainer and state of a job; "" when it is gone."""
    try:
        job = control.call("GET", f"jobs/{name}")
    except ControlError:
        return "", ""
    return str(job["trainer"]), str(job["state"])
