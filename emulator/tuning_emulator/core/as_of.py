"""Which day's service answers: models came and went, words and rules changed.

Without a day the emulator is lenient: everything that ever worked still does, in the words of the last day on which
tuned models did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Protocol, TypeVar

from msgspec import Struct, field

from tuning_emulator.core.errors import FactError
from tuning_emulator.core.ids import GivenNumbers, project_number

LAST_WORKING_DAY = "2025-05-26"
"""Of tuning in the Gemini API. Source: github.com/rxliuli/llm-api-proxy/pull/12 quotes the mail about 27 May 2025."""


class Dated(Protocol):
    """A row that held from a day on, until another; ISO dates, "" where unknown."""

    @property
    def since(self) -> str:
        """First day on which it held."""
        ...

    @property
    def until(self) -> str:
        """First day on which it no longer held."""
        ...


Row = TypeVar("Row", bound=Dated)


class Day(Struct, frozen=True):
    """A day of the real services.

    Attributes:
        date: ISO date.
        lenient: What ever worked is offered; ``date`` decides words alone.
    """

    date: str = LAST_WORKING_DAY
    lenient: bool = True

    def offers(self, since: str, until: str) -> bool:
        """Whether something is there that came and went on these days ("" where unknown)."""
        return self.lenient or self.covers(since, until)

    def covers(self, since: str, until: str) -> bool:
        """Whether the day lies between these, the second excluded; leniency does not matter."""
        return since <= self.date and (not until or self.date < until)

    def holds(self, row: Dated) -> bool:
        """Whether the row held on the day."""
        return self.covers(row.since, row.until)

    def choose(self, rows: Iterable[Row]) -> Row:
        """The row that held on the day, of several that replaced one another.

        Raises:
            FactError: none did; such rows must leave no gap.
        """
        for row in rows:
            if self.holds(row):
                return row
        raise FactError(f"no row held on {self.date}")


LENIENT = Day()
"""The day of projects that have none of their own."""


class Calendar(Struct, eq=False):
    """The day of each project, while the server runs.

    Attributes:
        default: Of projects that are not in ``projects``, and of callers without a project.
        projects: By id or number.
        setting: What the server was started with.
        changed: Called when another day has come into force.
    """

    default: Day = LENIENT
    projects: Mapping[str, Day] = field(default_factory=dict)
    setting: tuple[Day, Mapping[str, Day]] | None = None
    changed: Callable[[], None] = lambda: None

    @lru_cache(maxsize=4096)  # noqa: B019 there is one calendar in a server
    def find_day(self, project: str) -> Day:
        """The day that a project sees, given by id or number ("" for no project)."""
        if not self.projects or not project:
            return self.default
        by_number = {project_number(name): day for name, day in self.projects.items()}
        return self.projects.get(project) or by_number.get(project_number(project), self.default)

    def change(self, project: str, day: Day) -> None:
        """From now on a project ("": all that have none of their own) is answered as on this day."""
        if project:
            self.projects = {**self._list_others(project), project: day}
        else:
            self.default = day
        self._forget()

    def restore(self, project: str | None = None) -> None:
        """Goes back to the setting: of a project (id or number), of all that have none of their own (""), or of all."""
        default, projects = self.setting or (LENIENT, {})
        if project:
            same = {name: day for name, day in projects.items() if project_number(name) == project_number(project)}
            self.projects = {**self._list_others(project), **same}
        else:
            self.default = default
            self.projects = dict(projects) if project is None else self.projects
        self._forget()

    def _forget(self) -> None:
        Calendar.find_day.cache_clear()
        self.changed()

    def _list_others(self, project: str) -> dict[str, Day]:
        number = project_number(project)
        return {name: day for name, day in self.projects.items() if project_number(name) != number}


GivenNumbers.forget.append(Calendar.find_day.cache_clear)


def create_calendar(dates: Mapping[str, str]) -> Calendar:
    """The calendar of ISO dates by project; ``*`` is every other project."""
    days = {name: Day(date, lenient=False) for name, date in dates.items()}
    default = days.pop("*", LENIENT)
    return Calendar(default, days, (default, days))


def explain_day(name: str, what: str, since: str, until: str, day: Day) -> str:
    """Why something is not there: it ended before the day, or begins after it. For hints, never for answers."""
    ended = f"could be {what} until {until}" if until and until <= day.date else f"can be {what} from {since} on"
    return f"{name} {ended}, and this project is answered as of {day.date}; without --as-of it still can"
