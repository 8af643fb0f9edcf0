"""Numbers of projects: given by settings, scenarios and the control API, to ids with nothing under another."""

from __future__ import annotations

import logging

from tuning_emulator.control.state import ServerState
from tuning_emulator.core.ids import GivenNumbers, project_number

log = logging.getLogger(__name__)


class NumberTakenError(ValueError):
    """A project cannot have that number; the text says why."""


def give_number(server: ServerState, project: str, number: str) -> None:
    """Gives a project id a number, from which on requests by either mean the same project.

    Raises:
        NumberTakenError: another project has it, or something has been made by the one that the project has.
    """
    own = server.store.controls.project_numbers
    named = {name for name in server.store.list_projects() if name and not name.isdigit()}
    for other in sorted(named | own.keys()):
        if other != project and project_number(other) == number:
            raise NumberTakenError(f"{number} is the number of {other}")
    if project not in own and GivenNumbers.all.get(project, number) != number:
        raise NumberTakenError(f"{project} is {GivenNumbers.all[project]} in another emulator of this process")
    _refuse_used(server, project, number)
    if own.get(project) != number:
        server.store.controls.put_project_numbers({**own, project: number})


def take_number(server: ServerState, project: str) -> None:
    """Lets a project have the number that is made of its id again.

    Raises:
        NumberTakenError: something has been made by the one that it was given.
    """
    own = dict(server.store.controls.project_numbers)
    if own.pop(project, None) is not None:
        _refuse_used(server, project, "")
        server.store.controls.put_project_numbers(own)


def give_start_numbers(server: ServerState, *, strict: bool = True) -> None:
    """Gives the numbers of the settings.

    Args:
        strict: Otherwise those that what came from elsewhere is against are left, which the log says.

    Raises:
        NumberTakenError: one cannot be given.
    """
    for project, number in server.project_numbers.items():
        try:
            give_number(server, project, number)
        except NumberTakenError as error:
            if strict:
                raise NumberTakenError(f"project_numbers: {error}") from error
            log.warning("project_numbers: %s; %s is left as it is", error, project)


def _refuse_used(server: ServerState, project: str, number: str) -> None:
    """Refuses to take a project from what its present number stands in."""
    old = project_number(project)
    if old == number:
        return
    controls = server.store.controls
    used = {
        "resources": any(name and project_number(name) == old for name in server.store.list_projects()),
        "buckets": server.storage is not None and server.storage.owns_bucket(old),
        "a pace": old in controls.paces,
        "job faults": any(fault.project == old for fault in controls.job_faults),
    }
    if found := [what for what, there in used.items() if there]:
        raise NumberTakenError(f"{project} has {' and '.join(found)} by the number {old}; reset it first")
