"""What the pytest plugin hands to a test."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from tuning_emulator.proxy.variables import Environment, Places, Way, list_variables
from tuning_emulator.settings import read_environment
from tuning_emulator.testing.client import Buckets, Control, ControlError
from tuning_emulator.testing.credentials import write_service_account
from tuning_emulator.testing.isolation import Neighbours
from tuning_emulator.testing.marker import MarkerError, Options, TrainerName, apply_options
from tuning_emulator.testing.process import HEALTH_LIMIT_S, RunningEmulator, start_emulator

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
        projects: Every one that has been the test's own: another is once a state archive was loaded.
    """

    __test__ = False  # pytest: no test class

    def __init__(self, running: RunningEmulator, project: str, directory: Path) -> None:
        super().__init__(running.url, project)
        self.location = LOCATION
        self.storage_url = running.storage_url
        self.log = running.log
        self.buckets = Buckets(running.storage_url) if running.storage_url else None
        self.projects: list[str] = []
        self._directory = directory
        self._named = False
        self.enter(project)

    def enter(self, project: str) -> None:
        """From now on that project is the test's own."""
        self.project = self.bucket = project
        self.api_key = f"projects/{project}"
        self.credentials = write_service_account(self._directory / f"{project}.json", self.url, project)
        self.projects.append(project)

    @property
    def environment(self) -> Environment:
        """The variables that SDKs read; None: to be unset. A user's GOOGLE_API_KEY would be of another project."""
        places = Places(self.url, self.storage_url, self.api_key, credentials=str(self.credentials))
        return {**list_variables(Way.POINT, places, {}), "GOOGLE_API_KEY": None}

    def clean(self) -> None:
        """Ends what the test left running and takes away what it made."""
        for project in self.projects:
            self.call("POST", "reset", {"project": project})
        if self._named:
            self.call("DELETE", self._number_path)

    def name_project(self) -> None:
        """Gives the project the number that it has, until the test ends: a state archive names projects with one."""
        self.call("PUT", self._number_path, {"number": self.call("GET", self._number_path)["number"]})
        self._named = True

    @property
    def _number_path(self) -> str:
        return f"projects/{quote(self.project, safe='')}/number"

    def format_journal(self, entries: int) -> str:
        """The latest requests, oldest first, a line each."""
        try:
            found = self.journal.list(limit=entries)
        except (ControlError, OSError) as error:
            return f"(not to be had: {error})"
        lines = [f"{one['verb']} {one['path']} → {one['status']} {one.get('rule') or ''}".rstrip() for one in found]
        return "\n".join(reversed(lines)) or "(no request reached the emulator)"


def make_test_emulator(running: RunningEmulator, test: str, directory: Path) -> TestEmulator:
    """A project of its own for a test, with its credentials in a directory."""
    name = re.sub(r"[^a-z0-9]+", "-", test.lower())[:_NAME_LENGTH].strip("-")
    project = f"t-{name}-{uuid.uuid4().hex[:6]}"
    return TestEmulator(running, project, directory)


def use_emulator(url: str) -> RunningEmulator:
    """One that somebody else has started.

    Raises:
        OSError: nothing answers there.
    """
    return RunningEmulator(url, str(Control(url, timeout_s=HEALTH_LIMIT_S).health()["storage"]["url"]))


DEFAULT_TRAINER: TrainerName = "scripted"
"""In tests, whether torch is there or not: what tests do and how long they take is not to hang on it."""


class Servers:
    """The emulators of a test session, each started for the first test that wants it.

    One is enough unless a test asks for another trainer than the settings have.

    Args:
        settings: As in ``tuning_emulator.settings.Settings``.
        url: Of one that somebody else has started, which is used instead; "": none is.
    """

    def __init__(self, settings: Mapping[str, Any], url: str = "") -> None:
        self.shared = bool(url)
        self._settings = choose_trainer(settings)
        self._url = url
        self._stack = ExitStack()
        self._running: dict[str, RunningEmulator] = {}
        self._neighbours: dict[str, Neighbours] = {}

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def find(self, trainer: TrainerName | None = None) -> RunningEmulator:
        """One with that trainer; None: the one of the settings.

        Raises:
            MarkerError: somebody else has started it with another.
            StartError: it does not start.
        """
        if self.shared:
            return self._find_shared(trainer)
        name = trainer or str(self._settings["trainer"])
        if name not in self._running:
            settings = {**self._settings, "trainer": name}
            self._running[name] = self._stack.enter_context(start_emulator(**settings))
        return self._running[name]

    def _find_shared(self, trainer: TrainerName | None) -> RunningEmulator:
        running = self._running.setdefault("", use_emulator(self._url)) if not self._running else self._running[""]
        there = Control(running.url).health()["trainer"]["name"] if trainer else None
        if there != trainer:
            raise MarkerError(
                f'trainer: the test wants "{trainer}", and the emulator at {self._url} runs "{there}"; '
                f"start it with --trainer {trainer}, or leave --tuning-emulator-url out"
            )
        return running

    def find_neighbours(self, running: RunningEmulator) -> Neighbours | None:
        """What goes on in other projects there; None where others do that on purpose."""
        if self.shared:
            return None
        if running.url not in self._neighbours:
            self._neighbours[running.url] = Neighbours(running.url)
        return self._neighbours[running.url]


def choose_trainer(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with a trainer: theirs or the environment's, ``lora`` where they name weights, else scripted."""
    there = {**read_environment(), **settings}
    default = "lora" if there.get("base_models") else DEFAULT_TRAINER
    return {**settings, "trainer": there.get("trainer") or default}


def prepare(control: Control, options: Options, *, shared: bool = False) -> None:
    """Does what a test's marker asks for.

    Raises:
        MarkerError: it cannot be done; what could be has been.
    """
    if shared and options.base_models is not None:
        raise MarkerError(
            f"base_models={options.base_models!r}: they are everybody's at {control.url}; start the emulator with "
            "--base-model, or leave --tuning-emulator-url out"
        )
    apply_options(control, options)
