"""What an emulator has from its start: a snapshot, then a scenario; and the snapshot that it leaves at its end."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

from tuning_emulator.control.archive import ArchiveError
from tuning_emulator.control.scenarios import load_from
from tuning_emulator.control.snapshot import export_snapshot, import_snapshot
from tuning_emulator.control.state import ServerState

log = logging.getLogger(__name__)


class StartStateError(ValueError):
    """A snapshot or a scenario that the emulator was to start with cannot be loaded; the text says why."""


async def load_start_state(server: ServerState, archive: Path | None, scenario: str | None) -> None:
    """Fills an empty emulator.

    Raises:
        StartStateError: the archive cannot be read. ScenarioError: the scenario cannot be loaded.
    """
    if archive is not None:
        try:
            await import_snapshot(server, archive)
        except (ArchiveError, OSError) as error:
            raise StartStateError(f"import: {archive}: {error}") from error
    if scenario:
        await load_from(server, scenario)


async def export_on_exit_to(server: ServerState, archive: Path) -> None:
    """Writes everything to a file, which has its name only once it is whole."""
    unfinished = _create_beside(archive)
    try:
        await export_snapshot(server, unfinished)
        os.replace(unfinished, archive)
    except (ArchiveError, OSError):
        log.exception("export: %s could not be written", archive)
        os.unlink(unfinished)


def _create_beside(path: Path) -> Path:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        return Path(file.name)
