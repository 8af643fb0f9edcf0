"""The pace of jobs: when each may show its next state, and what is made to happen to it on purpose.

The pipeline does the real work and asks a job's ``JobGate`` before anything that clients can see: it waits there until
time, reads or the control API let the job go on. So what is shown obeys the pace, whatever trains underneath, and
nothing is shown before its work is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from tuning_emulator.api.call import Call
from tuning_emulator.core.clock import SECOND_NS, Clock
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.job_control import (
    NO_MAGIC,
    TRAINING,
    FaultKind,
    JobFault,
    Magic,
    MagicError,
    Pace,
    PaceMode,
    check_api,
    read_magic,
)
from tuning_emulator.core.records import Job, JobKind, JobState, Phase
from tuning_emulator.facts import emulator_errors
from tuning_emulator.jobs.tuning_api import JobApis, Stage
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.controls import Controls, GateRow, WaitingFault

ADVANCED = 2**31
"""In place of a number of reads: the control API has let the job go on."""

J = TypeVar("J", bound=Job)

PATIENCE_S = 1.0
"""How long a read waits for a job that other reads have just set moving; with real training it may take longer."""


class StoppedError(Exception):
    """The job was asked to stop and has."""


class JobGate:
    """One unfinished job on its way through its stages.

    Attributes:
        stopped: It was asked to stop. gone: It was deleted.
        queued: It may start, but other jobs of its project have to end first.
    """

    def __init__(self, pacing: Pacing, job: Job, row: GateRow | None, magic: Magic = NO_MAGIC) -> None:
        self.uid, self.api, self.project = job.uid, job.api, project_number(job.project)
        state, phase = job.progress.state, job.progress.phase
        self.stage = Stage(phase if state is JobState.RUNNING and phase is not Phase.NONE else state)
        self.own = row.pace if row else magic.pace
        self.fault = row.fault if row else magic.fault
        self.fired = row.fired if row else False
        self.reads = row.reads if row else 0
        self.stopped = self.gone = self.queued = False
        self._fault_id = row.fault_id if row else 0
        self._entered_ns = row.entered_ns if row else job.progress.started_ns or job.created_ns
        self._entered_s = time.monotonic()
        self._reached_ns = self._entered_ns
        self._paces = pacing
        self._stages = pacing.apis[job.api].stages
        self._kept = row is not None
        self._wanted: tuple[int, int] | None = None
        self._stirred = asyncio.Event()

    # ------------------------------------------------------------ what others ask

    @property
    def pace(self) -> Pace:
        """Its own, or its project's, or everybody's."""
        return self.own or self._paces.find(self.project)

    @property
    def paced(self) -> bool:
        """Whether anything but training decides when it goes on."""
        return self.pace.mode is not PaceMode.TRAINING

    @property
    def moving(self) -> bool:
        """Whether it is on its way to the next stage; one whose pace is its training's always is."""
        return not self.queued and (self._wanted is None or self._is_open(*self._wanted))

    @property
    def stuck(self) -> bool:
        """Whether a fault keeps it from starting."""
        return self.stage is Stage.PENDING and self.fault is not None and self.fault.kind is FaultKind.STUCK_PENDING

    def now_ns(self) -> int:
        """The time to be written beside what happens to the job now.

        By ``TIME`` it is when its pace let that happen, not when somebody has moved the clock beyond.
        """
        now_ns = self._paces.clock.now_ns()
        return min(self._reached_ns, now_ns) if self.pace.mode is PaceMode.TIME else now_ns

    def find_fault(self, *kinds: FaultKind) -> JobFault | None:
        """The fault of the job, if it is of one of these kinds and has not happened."""
        return self.fault if self.fault is not None and not self.fired and self.fault.kind in kinds else None

    # ------------------------------------------------------------ what the pipeline does

    def enter(self, stage: Stage, at_ns: int | None = None) -> None:
        """Comes into a stage; one that it is in already (it was resumed) goes on."""
        if stage is self.stage:
            return
        self.stage, self.reads = stage, 0
        self._reached_ns = self._entered_ns = self.now_ns() if at_ns is None else at_ns
        self._entered_s = time.monotonic()
        if self._kept or self.paced:
            self._keep()

    async def reach(self, done: int = 1, total: int = 1) -> None:
        """Waits until the part ``done`` of ``total`` of the stage may be shown; all of it: until it may be left.

        Raises:
            StoppedError: it was asked to stop, or deleted.
        """
        arrived_ns = self._entered_ns + round((time.monotonic() - self._entered_s) * SECOND_NS)
        while True:
            self._check()
            opens_ns = self._find_opening(done, total)
            if opens_ns is not None and self._paces.clock.now_ns() >= opens_ns:
                break
            self._wanted = done, total
            await self._wait(opens_ns)
        if self.stage in self._stages:
            by_time = self.pace.mode is PaceMode.TIME and self.reads < ADVANCED
            by_pace_ns = max(opens_ns, arrived_ns, self._reached_ns)
            self._reached_ns = by_pace_ns if by_time else self._paces.clock.now_ns()

    async def wait_in_queue(self) -> None:
        """Waits until ``queued`` is taken back. Raises as ``reach`` does."""
        while self.queued:
            self._check()
            await self._wait(None)
        self._check()

    def note_time(self, time_ns: int) -> None:
        """What happens next did so no earlier than this: another job had to end first."""
        self._reached_ns = max(self._reached_ns, time_ns)

    def fire(self) -> None:
        """Notes that its fault has happened."""
        self.fired = True
        self._keep()
        if self._fault_id:
            self._paces.controls.fire_job_fault(self._fault_id)

    # ------------------------------------------------------------ what moves it on

    def count_read(self) -> None:
        """Counts one read of the job as it is shown."""
        self.reads += 1
        if not self._kept:
            self._keep()
        self._paces.controls.put_reads(self.uid, self.reads)
        self.stir()

    def advance(self) -> None:
        """Lets it leave its stage, whatever its pace waits for."""
        self.reads = ADVANCED
        self._keep()
        self.stir()

    def change(self, pace: Pace | None, fault: JobFault | None) -> None:
        """Gives it a pace and a fault of its own; a new fault is one that has not happened."""
        if fault != self.fault:
            self.fired, self._fault_id = False, 0
        self.own, self.fault = pace, fault
        self._keep()
        self.stir()

    def give(self, waiting: WaitingFault) -> None:
        """Gives it a fault that waited for it."""
        self.fault, self._fault_id = waiting.fault, waiting.id
        self._keep()

    def stop(self) -> None:
        """It was asked to stop, now: it goes no further."""
        self.stopped = True
        self.note_time(self._paces.clock.now_ns())
        self.stir()

    def drop(self) -> None:
        """It is deleted: it does not even linger in CANCELLING."""
        self.gone = True
        self.stir()

    def stir(self) -> None:
        """Makes it look again whether it may go on."""
        self._stirred.set()

    # ------------------------------------------------------------ inside

    def _check(self) -> None:
        if self.gone or (self.stopped and self.stage is not Stage.CANCELLING):
            raise StoppedError

    def _find_opening(self, done: int, total: int) -> int | None:
        """From when on that part may be shown; 0: always. None: the clock alone does not bring it about."""
        if self.stuck:
            return None
        pace = self.pace
        if pace.mode is PaceMode.TRAINING or self.stage not in self._stages or self.reads >= ADVANCED:
            return 0
        if pace.mode is PaceMode.TIME:
            return self._entered_ns + round(pace.seconds * SECOND_NS) * done // total
        # Each read but the last shows a further part of the steps, so that even the first of one sees some.
        needed = pace.polls if pace.mode is PaceMode.POLLS else 1
        seen = self.reads if pace.mode is PaceMode.POLLS else 0
        return 0 if done * (needed + 1) <= total * (seen + 1) else None

    def _is_open(self, done: int, total: int) -> bool:
        if self.gone or (self.stopped and self.stage is not Stage.CANCELLING):
            return True
        opens_ns = self._find_opening(done, total)
        return opens_ns is not None and self._paces.clock.now_ns() >= opens_ns

    async def _wait(self, until_ns: int | None) -> None:
        self._stirred.clear()
        self._paces.announce()
        alarm = self._paces.clock.call_at(until_ns, self._stirred.set) if until_ns is not None else None
        try:
            await self._stirred.wait()
        finally:
            self._wanted = None
            if alarm is not None:
                alarm.cancel()

    def _keep(self) -> None:
        row = GateRow(self.own, self.fault, self._fault_id, self.fired, self._entered_ns, self.reads)
        self._paces.controls.put_gate(self.uid, row)
        self._kept = True


class Pacing:
    """The gates of all unfinished jobs, and the paces that are not one job's own.

    Args:
        default: The pace of projects for which nobody has set any.
    """

    def __init__(self, controls: Controls, clock: Clock, apis: JobApis, default: Pace = TRAINING) -> None:
        self.apis = apis
        self.controls = controls
        self.clock = clock
        self.default = default
        self._gates: dict[int, JobGate] = {}
        self._still = asyncio.Event()

    # ------------------------------------------------------------ pacing

    def find(self, project: str = "") -> Pace:
        """The pace of a project (id or number), "" for the one of all others."""
        pacing = self.controls.paces
        if not pacing:
            return self.default
        return pacing.get(project_number(project) if project else "") or pacing.get("", self.default)

    def change(self, project: str, pace: Pace | None) -> None:
        """Sets the pace of a project, "" for all others, of running jobs too; None takes it away."""
        self.controls.put_pace(project_number(project) if project else "", pace)
        self.stir()

    def reset(self, project: str | None = None) -> None:
        """Forgets all paces and waiting faults, or those of one project; the setting holds again."""
        self.controls.clear(project_number(project) if project else project)
        self.stir()

    def stir(self) -> None:
        """Makes every job look again whether it may go on."""
        for gate in self._gates.values():
            gate.stir()

    # ------------------------------------------------------------ gates

    def open(self, job: Job, magic: Magic | None = None) -> JobGate:
        """Takes up a job: a new one with its magic values, or (None) one that the store knows."""
        if magic is None:
            gate = JobGate(self, job, self.controls.get_gate(job.uid))
        else:
            gate = JobGate(self, job, None, magic)
            self._give_fault(gate)
            if gate.paced or gate.fault is not None or gate.own is not None:
                gate._keep()  # noqa: SLF001 its own module
        self._gates[job.uid] = gate
        return gate

    def get(self, uid: int) -> JobGate | None:
        """The gate of an unfinished job."""
        return self._gates.get(uid)

    def close(self, uid: int) -> None:
        """The job has ended, or nobody works on it any more."""
        self._gates.pop(uid, None)
        self.announce()

    def count_read(self, uid: int) -> bool:
        """Counts one read of a job that goes by reads; False for any other."""
        gate = self._gates.get(uid)
        if gate is None or gate.pace.mode is not PaceMode.POLLS:
            return False
        gate.count_read()
        return True

    def is_moved_by_reads(self, uid: int) -> bool:
        """Whether reads have set the job moving and it has not come to rest yet."""
        gate = self._gates.get(uid)
        return gate is not None and gate.pace.mode is PaceMode.POLLS and gate.moving

    def go_by_reads(self) -> bool:
        """Whether reads bring any job on."""
        return any(gate.pace.mode is PaceMode.POLLS for gate in self._gates.values())

    def list_moved_by_reads(self) -> list[int]:
        """All such jobs."""
        return [uid for uid in self._gates if self.is_moved_by_reads(uid)]

    # ------------------------------------------------------------ waiting

    async def settle(self, uids: Iterable[int] | None = None, patience_s: float = PATIENCE_S) -> None:
        """Returns once these jobs, or all, have come as far as their paces let them, or when patience is at an end.

        Jobs whose pace is their training's are not waited for.
        """
        watched = list(self._gates if uids is None else uids)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while any(self._is_moving(uid) for uid in watched):
                    self._still.clear()
                    await self._still.wait()

    def announce(self) -> None:
        """A job has come to rest."""
        self._still.set()

    def _is_moving(self, uid: int) -> bool:
        gate = self._gates.get(uid)
        return gate is not None and gate.paced and gate.moving

    def _give_fault(self, gate: JobGate) -> None:
        """The first fault that waits for a job of that project, unless the job has brought its own."""
        if gate.fault is not None:
            return
        for waiting in self.controls.job_faults:
            if waiting.given < waiting.jobs and waiting.project in ("", gate.project) and _fits(waiting, gate):
                self.controls.give_job_fault(waiting.id)
                gate.give(waiting)
                return


def _fits(waiting: WaitingFault, gate: JobGate) -> bool:
    try:
        check_api(waiting.fault, gate.api)
    except ValueError:
        return False
    return True


# --- reads of jobs


def answer_read(
    call: Call, pacing: Pacing, find: Callable[[], J], describe: Callable[[J], Value]
) -> Value | Awaitable[Value]:
    """Shows one job and counts that; one on its way to its next state is waited for first."""
    job = find()
    if pacing.is_moved_by_reads(job.uid):
        return _answer_after_move(call, pacing, [job.uid], lambda: _show(call, pacing, find(), describe))
    return _show(call, pacing, job, describe)


def answer_list(call: Call, pacing: Pacing, make: Callable[[], Value]) -> Value | Awaitable[Value]:
    """A page that may show jobs on their way; ``make`` counts those that it shows with ``count_shown``."""
    moved = pacing.list_moved_by_reads()
    return _answer_after_move(call, pacing, moved, make) if moved else make()


def count_shown(call: Call, pacing: Pacing, uid: int) -> None:
    """Counts one read of a job."""
    if pacing.count_read(uid):
        call.repeatable = False


def find_magic(api: JobKind, display_name: str, labels: dict[str, str]) -> Magic:
    """What a create request asks of the emulator.

    Raises:
        ApiError: INVALID_ARGUMENT, it cannot be read. The text is the emulator's own and says so.
    """
    if "[" not in display_name and not labels:
        return NO_MAGIC
    try:
        return read_magic(api, display_name, labels)
    except MagicError as error:
        raise emulator_errors.MAGIC_VALUE(reason=error) from error


def _show(call: Call, pacing: Pacing, job: J, describe: Callable[[J], Value]) -> Value:
    value = describe(job)
    count_shown(call, pacing, job.uid)
    return value


async def _answer_after_move(call: Call, pacing: Pacing, uids: list[int], make: Callable[[], Value]) -> Value:
    call.repeatable = False
    await pacing.settle(uids)
    return make()
