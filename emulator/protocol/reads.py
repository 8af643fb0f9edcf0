"""Reads of jobs: some jobs go on by being read, so each answer that shows one counts, and none is given from memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from emulator.core.errors import ApiError, Code
from emulator.core.magic import Magic, MagicError, read_magic
from emulator.core.records import Api, TuningJob
from emulator.protocol.call import Call
from emulator.schema.declare import Value


class Watched(Protocol):
    """The paces of jobs, as reads see them; see ``run.pace.Paces``."""

    def count_read(self, uid: int) -> bool:
        """Counts one read of a job that goes by reads; False for any other."""
        ...

    def is_moved_by_reads(self, uid: int) -> bool:
        """Whether reads have set the job moving and it has not come to rest yet."""
        ...

    def list_moved_by_reads(self) -> list[int]:
        """All such jobs."""
        ...

    async def settle(self, uids: Iterable[int] | None = None) -> None:
        """Returns once these jobs have come to rest, or when patience is at an end."""
        ...


def answer_read(
    call: Call, watched: Watched, find: Callable[[], TuningJob], describe: Callable[[TuningJob], Value]
) -> Value | Awaitable[Value]:
    """Shows one job and counts that; one on its way to its next state is waited for first."""
    job = find()
    if watched.is_moved_by_reads(job.uid):
        return _answer_after_move(call, watched, [job.uid], lambda: _show(call, watched, find(), describe))
    return _show(call, watched, job, describe)


def answer_list(call: Call, watched: Watched, make: Callable[[], Value]) -> Value | Awaitable[Value]:
    """A page that may show jobs on their way; ``make`` counts those that it shows with ``count_shown``."""
    moved = watched.list_moved_by_reads()
    return _answer_after_move(call, watched, moved, make) if moved else make()


def count_shown(call: Call, watched: Watched, uid: int) -> None:
    """Counts one read of a job."""
    if watched.count_read(uid):
        call.repeatable = False


def find_magic(api: Api, display_name: str, labels: dict[str, str]) -> Magic:
    """What a create request asks of the emulator.

    Raises:
        ApiError: INVALID_ARGUMENT, it cannot be read. The text is the emulator's own and says so.
    """
    try:
        return read_magic(api, display_name, labels)
    except MagicError as error:
        raise ApiError(Code.INVALID_ARGUMENT, str(error), rule="magic_value") from error


def _show(call: Call, watched: Watched, job: TuningJob, describe: Callable[[TuningJob], Value]) -> Value:
    value = describe(job)
    count_shown(call, watched, job.uid)
    return value


async def _answer_after_move(call: Call, watched: Watched, uids: list[int], make: Callable[[], Value]) -> Value:
    call.repeatable = False
    await watched.settle(uids)
    return make()
