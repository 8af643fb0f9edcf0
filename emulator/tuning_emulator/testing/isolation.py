"""Requests of a test that went elsewhere than to its own project: found, told, and what they made cleaned away.

A client that was made with a key of its own, a project written into a program: such requests are answered, what they
make stays behind for the next test, and faults and pace of the test's own project do not hold for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from tuning_emulator.core.ids import NOBODY
from tuning_emulator.testing.client import Control, ControlError

MOST_ENTRIES = 10_000
_APIS = ("gemini", "vertex")


class Neighbours:
    """The projects of one server that no test was given.

    Only requests between two moments are looked at, so it is for servers that nobody else asks at that time.

    Args:
        url: Of the server.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._control = Control(url)
        self._begun = self._seen = 0
        self._kept = {job["project"] for job in self._control.jobs.list()}

    def begin(self) -> None:
        """A test begins. What was asked since the last one, by fixtures of a wider scope, is to be there for all."""
        entries = self._list_entries()
        self._kept.update(entry["project"] for entry in entries if _names_one(entry))
        self._begun = self._seen

    def find(self, own: Collection[str]) -> dict[str, Counter[str]]:
        """How often which methods were asked of which other projects since the test began; "": of none.

        Args:
            own: The test's projects.
        """
        entries = self._list_entries()
        names: set[str] = set()
        found: dict[str, Counter[str]] = {}
        for entry in entries:
            if entry["project"] in own or not _names_one(entry):
                continue
            names = names or {self._control.call("GET", f"projects/{name}/number")["number"] for name in own}
            if entry["project"] not in names:
                what = entry["method"].rpartition(".")[2] or f"{entry['verb']} {entry['path']}"
                found.setdefault(entry["project"], Counter())[what] += 1
        return found

    def report(self, own: Collection[str]) -> str:
        """The same in words, a line for each project; "" where there is none."""
        try:
            return self.describe(self.find(own))
        except (ControlError, OSError) as error:
            return f"(not to be had: {error})"

    def clean(self, projects: Iterable[str]) -> None:
        """Takes away what was made there; projects in which something stood before the test are left as they are."""
        for project in projects:
            if not self.keeps(project):
                self._control.call("POST", "reset", {"project": project or NOBODY})

    def end(self) -> None:
        """The test is over: what is asked after the last look is not its own."""
        self._begun = self._seen

    def keeps(self, project: str) -> bool:
        """Whether something stood there before the test."""
        return project in self._kept

    def describe(self, found: dict[str, Counter[str]]) -> str:
        """A line for each project."""
        return "\n".join(self._describe(project, methods) for project, methods in sorted(found.items()))

    def _describe(self, project: str, methods: Counter[str]) -> str:
        counted = ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in methods.items())
        name = f"project {project}" if project else "no project (a key or token that is not tuning_emulator.api_key)"
        after = "left as it is: it was in use before this test" if self.keeps(project) else "cleaned after the test"
        return f"{name}: {counted}; {after}"

    def _list_entries(self) -> list[dict[str, Any]]:
        """Those since the test began, oldest first."""
        answer = self._control.call("GET", "journal", after=self._begun, limit=MOST_ENTRIES)
        self._seen = answer["last_id"]
        entries: list[dict[str, Any]] = answer["entries"]
        return entries[::-1]


def _names_one(entry: dict[str, Any]) -> bool:
    """Whether a request was of a project, or let in without one; objects and tokens are nobody's in particular."""
    return bool(entry["project"]) or (entry["api"] in _APIS and bool(entry["principal"]))
