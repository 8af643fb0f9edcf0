"""A test's state as a file: made once, there again in other tests and sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tuning_emulator.testing.client import Control
from tuning_emulator.testing.fixtures import TestEmulator


class SnapshotError(ValueError):
    """A state archive cannot be loaded here; the text says what would do."""


class Snapshot:
    """Saves what the emulator of a test holds, and loads it.

    Args:
        emulator: The test's.
        enter: Makes another project the test's own.
        directory: For what was there before.
        shared: Others use the emulator too, who would lose what they have.
    """

    def __init__(self, emulator: TestEmulator, enter: Callable[[str], None], directory: Path, *, shared: bool) -> None:
        self._emulator = emulator
        self._enter = enter
        self._shared = shared
        self._control = Control(emulator.url)
        self._before = directory / "before.tar.gz"

    def save(self, file: Path | str) -> Path:
        """Writes everything there: models, jobs as they stand, buckets, faults, clock. Any emulator can import it.

        Raises:
            OSError: the file cannot be written.
        """
        path = Path(file)
        self._emulator.name_project()
        self._control.export_snapshot(path)
        return path

    def load(self, file: Path | str, project: str | None = None) -> None:
        """Puts what is in a file in the place of everything, until the test ends; make clients after it.

        The project that it was saved in is the test's own from then on, with its key, bucket, credentials and
        variables.

        Args:
            project: The one to be in, for archives that no test has saved.

        Raises:
            SnapshotError: the emulator is one that others use, or the archive does not say the project.
            ControlError: it is no archive, or a damaged one; nothing has changed.
            OSError: the file cannot be read.
        """
        path = Path(file)
        if self._shared:
            raise SnapshotError(
                f"{path}: a state archive replaces what everybody has at {self._emulator.url}; "
                "leave --tuning-emulator-url out, and the session has an emulator of its own"
            )
        if not self._before.exists():
            self._control.export_snapshot(self._before)
        self._control.import_snapshot(path)
        self._enter(project or self._find_project(path))

    def _find_project(self, path: Path) -> str:
        rows: list[dict[str, Any]] = self._control.call("GET", "projects")["projects"]
        projects = [row["id"] for row in rows if row["id"]]
        if len(projects) != 1:
            there = f"it names {', '.join(projects)}" if projects else "no test has saved it"
            raise SnapshotError(f'{path}: {there}; say which project is to be the test\'s: load(…, project="ID")')
        return str(projects[0])

    def put_back(self) -> None:
        """What was there before the first load is there again."""
        if self._before.exists():
            self._control.import_snapshot(self._before)
