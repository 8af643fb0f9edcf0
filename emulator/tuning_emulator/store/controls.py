"""What tests have told the emulator: its clock, its paces, what is to happen to jobs. Kept with the jobs."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tuning_emulator.core.clock import UNTOUCHED, ClockState
from tuning_emulator.core.ids import GivenNumbers
from tuning_emulator.core.job_control import JobFault, Pace, format_job_fault, format_pace, parse_job_fault, parse_pace
from tuning_emulator.store.database import Database

CONTROL_TABLES = ("clock", "paces", "job_faults", "project_numbers")
"""What is no job's own."""


class GateRow(Struct, frozen=True):
    """How far an unfinished job is in what it shows, where that is more than training alone.

    Attributes:
        pace: Its own; None: its project's. fault: What is to happen to it.
        fault_id: The waiting fault that it was given, 0 for one of its own. fired: It has happened.
        entered_ns: When it came into the state that it shows. reads: How often that state was read.
    """

    pace: Pace | None
    fault: JobFault | None
    fault_id: int
    fired: bool
    entered_ns: int
    reads: int


class WaitingFault(Struct, frozen=True):
    """A fault for the next jobs of a project.

    Attributes:
        project: Its number, "" for any. jobs: How many jobs get it. given: How many have got it already.
        fired: To how many of them it has happened.
    """

    id: int
    project: str
    fault: JobFault
    jobs: int
    given: int
    fired: int


class Controls:
    """The rows of it.

    Attributes:
        paces: By project number, "" for all others.
        job_faults: Those that wait, in the order in which they were given in; used up ones among them.
        silent: Rows written that change no answer: see ``Store.revision``.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._given = GivenNumbers()
        self.silent = 0
        self.reload()

    def reload(self) -> None:
        """Reads what is asked for with every job: once, for the rows are written here alone."""
        self.paces = {project: parse_pace(text) for project, text in self._database.execute("list_paces")}
        rows = self._database.execute("list_job_faults")
        self.job_faults = [WaitingFault(row[0], row[1], parse_job_fault(row[2]), *row[3:]) for row in map(tuple, rows)]
        self._given.replace(dict(map(tuple, self._database.execute("list_project_numbers"))))

    def close(self) -> None:
        """Its project numbers hold no longer."""
        self._given.replace({})

    def clear(self, project: str | None = None) -> None:
        """Forgets paces and waiting faults, or those of one project (by its number)."""
        self._database.execute("clear_paces", project)
        self._database.execute("clear_job_faults", project)
        self.reload()

    # ------------------------------------------------------------ clock

    def get_clock(self) -> ClockState:
        """How the clock was left."""
        row = self._database.execute("get_clock").fetchone()
        return ClockState(*row) if row else UNTOUCHED

    def put_clock(self, state: ClockState) -> None:
        """Keeps how the clock stands."""
        self._database.execute("put_clock", state.offset_ns, state.frozen_ns)

    def latest_time_ns(self) -> int:
        """The latest time that a record carries; 0 when there is none."""
        return int(self._database.execute("latest_time").fetchone()[0])

    # ------------------------------------------------------------ paces

    def put_pace(self, project: str, pace: Pace | None) -> None:
        """Keeps a pace, or forgets it."""
        if pace is None:
            self._database.execute("delete_pace", project)
        else:
            self._database.execute("put_pace", project, format_pace(pace))
        self.reload()

    # ------------------------------------------------------------ project numbers

    @property
    def project_numbers(self) -> Mapping[str, str]:
        """Numbers that projects were given, by their ids."""
        return self._given.numbers

    def put_project_numbers(self, numbers: Mapping[str, str]) -> None:
        """Keeps these numbers, by project id, in the place of all that were given."""
        with self._database.transaction():
            self._database.execute("clear_project_numbers")
            self._database.execute_many("put_project_number", list(numbers.items()))
        self.reload()

    # ------------------------------------------------------------ gates

    def get_gate(self, job_uid: int) -> GateRow | None:
        """How an unfinished job goes on; None where nobody has said anything."""
        row = self._database.execute("get_gate", job_uid).fetchone()
        if row is None:
            return None
        pace, fault, fault_id, fired, entered_ns, reads = row
        return GateRow(
            parse_pace(pace) if pace else None,
            parse_job_fault(fault) if fault else None,
            fault_id,
            bool(fired),
            entered_ns,
            reads,
        )

    def put_gate(self, job_uid: int, row: GateRow) -> None:
        """Keeps it."""
        self._database.execute(
            "put_gate",
            job_uid,
            format_pace(row.pace) if row.pace else "",
            format_job_fault(row.fault) if row.fault else "",
            *(row.fault_id, int(row.fired), row.entered_ns, row.reads),
        )

    def put_reads(self, job_uid: int, reads: int) -> None:
        """Keeps how often the state was read; no answer changes by it."""
        self.silent += self._database.execute("put_reads", reads, job_uid).rowcount

    # ------------------------------------------------------------ waiting faults

    def insert_job_fault(self, project: str, fault: JobFault, jobs: int) -> WaitingFault:
        """Keeps a fault for the next ``jobs`` jobs of a project (number), "" for any."""
        cursor = self._database.execute("insert_job_fault", project, format_job_fault(fault), jobs)
        self.reload()
        return WaitingFault(int(cursor.lastrowid or 0), project, fault, jobs, 0, 0)

    def give_job_fault(self, identifier: int) -> None:
        """Counts that a job has got it."""
        self._database.execute("give_job_fault", identifier)
        self.reload()

    def fire_job_fault(self, identifier: int) -> None:
        """Counts that it has happened to a job."""
        self._database.execute("fire_job_fault", identifier)
        self.reload()

    def delete_job_fault(self, identifier: int) -> bool:
        """Takes it back from jobs to come; False when there is none."""
        if all(row.id != identifier for row in self.job_faults):
            return False  # whatever number it is: SQLite has none beyond 64 bits
        self._database.execute("delete_job_fault", identifier)
        self.reload()
        return True
