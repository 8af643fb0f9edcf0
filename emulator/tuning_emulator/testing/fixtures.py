"""What the pytest plugin hands to a test."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from tuning_emulator.proxy.variables import Environment, Places, Way, list_variables
from tuning_emulator.testing.client import Buckets, Control, ControlError
from tuning_emulator.testing.credentials import write_service_account
from tuning_emulator.testing.process import HEALTH_LIMIT_S, RunningEmulator

LOCATION = "us-central1"
_NAME_LENGTH = 20


class TestEmulator(Control):
    """An emulator as one test sees it: other tests' models, jobs, faults and requests are not there.

    Attributes:
        project, location: For Vertex clients.
        api_key: For Gemini clients. Also good as an access token.
        storage_url: Of the embedded Cloud Storage, whose buckets all tests share; ``bucket`` is this test's own.
        log: The server's output, ``None`` when it was started by somebody else.
        credentials: A service account's file of the project, which GOOGLE_APPLICATION_CREDENTIALS names.
    """

    __test__ = False  # pytest: no test class

    def __init__(self, running: RunningEmulator, project: str, credentials: Path) -> None:
        super().__init__(running.url, project)
        self.location = LOCATION
        self.api_key = f"projects/{project}"
        self.storage_url = running.storage_url
        self.bucket = project
        self.log = running.log
        self.credentials = credentials
        self.buckets = Buckets(running.storage_url) if running.storage_url else None

    @property
    def environment(self) -> Environment:
        """The variables that SDKs read; None: to be unset. A user's GOOGLE_API_KEY would be of another project."""
        places = Places(self.url, self.storage_url, self.api_key, credentials=str(self.credentials))
        return {**list_variables(Way.POINT, places, {}), "GOOGLE_API_KEY": None}

    def clean(self) -> None:
        """Ends what the test left running and takes away what it made."""
        self.reset()

    def format_journal(self, entries: int) -> str:
        """The latest requests, oldest first, a line each."""
        try:
            found = self.journal.list(limit=entries)
        except (ControlError, OSError) as error:
            return f"(not to be had: {error})"
        lines = [f"{one['verb']} {one['path']} → {one['status']} {one.get('rule') or ''}".rstrip() for one in found]
        return "\n".join(reversed(lines)) or "(no request reached the emulator)"


def prepare(control: Control, pace: str | None = None, scenario: str | None = None) -> None:
    """What a test's marker asks for."""
    if scenario is not None:
        control.scenarios.load(scenario)
    if pace is not None:
        control.pace.set(pace)


def make_test_emulator(running: RunningEmulator, test: str, directory: Path) -> TestEmulator:
    """A project of its own for a test, with its credentials in a directory."""
    name = re.sub(r"[^a-z0-9]+", "-", test.lower())[:_NAME_LENGTH].strip("-")
    project = f"t-{name}-{uuid.uuid4().hex[:6]}"
    credentials = write_service_account(directory / f"{project}.json", running.url, project)
    return TestEmulator(running, project, credentials)


def use_emulator(url: str) -> RunningEmulator:
    """One that somebody else has started.

    Raises:
        OSError: nothing answers there.
    """
    return RunningEmulator(url, str(Control(url, timeout_s=HEALTH_LIMIT_S).health()["storage"]["url"]))
