"""The commands that steer a running emulator: ``clock``, ``pace``, ``faults``, ``journal``, ``reset`` and the like.

Each is a row of ``COMMANDS``: its options, and what it asks the control API.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tuning_emulator.cli.values import add_url, describe_error, want_new_file, want_number, want_status, want_whole
from tuning_emulator.proxy.variables import FORMATS, Places, Way, list_variables
from tuning_emulator.testing.client import TIMEOUT_S, Control, ControlError, NoAnswerError

_QUICK_S = 5.0
_TRANSFER_S = 600.0
"""Without a byte: making an archive of large adapters takes its time."""

Ask: TypeAlias = Callable[[Control, argparse.Namespace], Any]
"""Puts a question; what it answers is printed: text as it is, else JSON, a list one value a line."""


class Argument:
    """An argument, as of ``argparse``; ``ask``: what is asked instead where it is given, which excludes others."""

    def __init__(self, *names: str, ask: Ask | None = None, **kinds: Any) -> None:
        self.names = names
        self.ask = ask
        self.kinds = kinds

    @property
    def dest(self) -> str:
        """Where argparse puts its value."""
        return self.names[0].lstrip("-")


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        ask: What it does when none of its arguments says something else.
        project: Whether it can be limited to a project.
    """

    ask: Ask
    arguments: tuple[Argument, ...] = ()
    project: bool = True
    timeout_s: float = TIMEOUT_S

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Where the emulator runs, whose things are meant, and what to do."""
        add_url(parser)
        parser.add_argument("--json", action="store_true", help="print JSON alone: one object, or one a line")
        if self.project:
            parser.add_argument("--project", default="", help="only what belongs to this project, by id or number")
        exclusive = parser.add_mutually_exclusive_group() if any(one.ask for one in self.arguments) else parser
        for one in self.arguments:
            (exclusive if one.ask else parser).add_argument(*one.names, **one.kinds)

    def run(self, parsed: argparse.Namespace) -> int:
        """Asks and prints. 0: answered, 1: nothing answers, it was refused, or a file cannot be read or written."""
        given = (one.ask for one in self.arguments if one.ask and _is_given(getattr(parsed, one.dest)))
        ask = next(given, self.ask)
        with reporting() as failed:
            answer = ask(Control(parsed.url, getattr(parsed, "project", ""), timeout_s=self.timeout_s), parsed)
            for value in answer if isinstance(answer, list) else [answer]:
                print(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        return 1 if failed else 0


def _is_given(value: Any) -> bool:
    return value is not None and value is not False


@contextmanager
def reporting() -> Iterator[list[str]]:
    """Writes to standard error what goes wrong with an emulator; what was written is in the list."""
    failed: list[str] = []
    try:
        yield failed
    except NoAnswerError as error:
        failed.append(f"{error}; start it or give --url")
    except BrokenPipeError:
        raise
    except (ControlError, OSError) as error:
        failed.append(describe_error(error))
    for text in failed:
        print(f"tuning-emulator: {text}", file=sys.stderr)


# --- the questions that take more than a line


def parse_fault(text: str) -> dict[str, Any]:
    """A fault as JSON; which fields it may have is in /emulator/docs."""
    try:
        fault = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from error
    if not isinstance(fault, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return fault


def ask_pace(control: Control, parsed: argparse.Namespace) -> Any:
    """Of one job, of a project or of all: the pace as it stands, or stands now."""
    if parsed.job is not None:
        if parsed.pace is not None:
            return control.jobs.set_pace(parsed.job, parsed.pace)
        pace = control.jobs.get(parsed.job)["pace"]
        return {"pace": pace} if parsed.json else pace
    if parsed.pace is None:
        return control.pace.get()
    return control.pace.clear() if parsed.pace == "default" else control.pace.set(parsed.pace)


def ask_day(control: Control, parsed: argparse.Namespace) -> Any:
    """As of which day is answered, or is from now on."""
    if parsed.day is None:
        return control.as_of.get()
    if parsed.day == "default":
        return control.as_of.clear()
    return control.as_of.set(None if parsed.day == "any" else parsed.day)


def ask_scenario(control: Control, parsed: argparse.Namespace) -> Any:
    """The scenarios of the package, or what one has made."""
    if parsed.scenario is None:
        found = control.scenarios.list()
        return found if parsed.json else [f"{one['name']}: {one['description']}" for one in found]
    file = Path(parsed.scenario)
    return control.scenarios.load(file if file.suffix else parsed.scenario)


def list_entries(control: Control, parsed: argparse.Namespace) -> list[Any]:
    """Requests, the latest last: whole or as lines."""
    if parsed.count:
        count = control.journal.count(**_choose_entries(parsed))
        return [{"count": count} if parsed.json else count]
    entries = control.journal.list(limit=parsed.limit, **_choose_entries(parsed))[::-1]
    return entries if parsed.json else [format_entry(entry) for entry in entries]


def _choose_entries(parsed: argparse.Namespace) -> dict[str, Any]:
    return {"method": parsed.method, "client": parsed.client, "test": parsed.test, "status": parsed.status}


def format_entry(entry: Mapping[str, Any]) -> str:
    """``12:30:01.123 grpc POST /… → 200 (2 ms) client`` and, where refused, the rule, the nearest route, the hints."""
    time = entry["time"].partition("T")[2][:12]
    outcome = entry["status"] or entry["broken"] or "none"
    line = (
        f"{time} {entry['transport']} {entry['verb']} {entry['path']} → {outcome} ({entry['duration_s'] * 1e3:.0f} ms)"
    )
    nearest = entry["nearest"]
    extra = [
        entry["rule"],
        f"fault {entry['fault']}" if entry["fault"] else "",
        f"did you mean {nearest['route']}: {'; '.join(nearest['differences'])}" if nearest else "",
        *entry["notes"],
    ]
    return " · ".join([line, *filter(None, extra)])


def export_state(control: Control, parsed: argparse.Namespace) -> Any:
    """Writes an archive."""
    control.export_snapshot(parsed.file)
    size = parsed.file.stat().st_size
    return {"file": str(parsed.file), "bytes": size} if parsed.json else f"{parsed.file}: {size} bytes"


def import_state(control: Control, parsed: argparse.Namespace) -> Any:
    """What is there now."""
    report = control.import_snapshot(parsed.file)
    if parsed.json:
        return report
    counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in report["counts"].items())
    return "\n".join([counts, *report["missing"]])


def list_lines(control: Control, parsed: argparse.Namespace) -> list[str]:
    """What sets the variables, as the asker reads it, for the URL that was given: a container's may be mapped."""
    health = control.health()
    storage_url = health["storage"]["url"]
    places = Places(control.url, control.url if storage_url == health["url"] else storage_url)
    return [*FORMATS["json" if parsed.json else parsed.format](list_variables(Way.POINT, places))]


# --- the table

COMMANDS: Mapping[str, Command] = {
    "env": Command(
        list_lines,
        (Argument("--format", choices=[*FORMATS], default="shell", help="for whom (%(default)s)"),),
        project=False,
        timeout_s=_QUICK_S,
    ),
    "pace": Command(
        ask_pace,
        (
            Argument("pace", nargs="?", help="training, time:SECONDS, polls:NUMBER, manual, or `default`"),
            Argument("--job", metavar="NAME", help="of this job alone, by its resource name"),
        ),
    ),
    "clock": Command(
        lambda control, _: control.call("GET", "clock"),
        (
            Argument(
                "--set",
                ask=lambda control, parsed: control.clock.set(parsed.set),
                metavar="TIME",
                help="an RFC 3339 time like 2025-01-31T12:00:00Z",
            ),
            Argument(
                "--advance",
                ask=lambda control, parsed: control.clock.advance(parsed.advance),
                type=want_number,
                metavar="SECONDS",
                help="move it forward; what is due happens",
            ),
            Argument(
                "--freeze",
                ask=lambda control, _: control.clock.freeze(),
                action="store_true",
                help="let it stand still",
            ),
            Argument(
                "--resume", ask=lambda control, _: control.clock.resume(), action="store_true", help="let it run on"
            ),
        ),
    ),
    "as-of": Command(
        ask_day,
        (Argument("day", nargs="?", help="a date like 2024-08-01, today, any (what ever worked works), or default"),),
    ),
    "scenario": Command(
        ask_scenario,
        (Argument("scenario", nargs="?", help="a name of the package's, or a YAML file"),),
    ),
    "faults": Command(
        lambda control, _: control.faults.list(),
        (
            Argument(
                "--add",
                ask=lambda control, parsed: control.faults.add(**parsed.add),
                type=parse_fault,
                metavar="JSON",
                help='{"method": "GetTuningJob", "code": 503, …}',
            ),
            Argument(
                "--remove",
                ask=lambda control, parsed: control.faults.remove(parsed.remove),
                metavar="ID",
                help="take one away; prints its last counters",
            ),
            Argument(
                "--clear",
                ask=lambda control, _: control.faults.clear(),
                action="store_true",
                help="take all away, or the project's",
            ),
        ),
    ),
    "journal": Command(
        list_entries,
        (
            Argument("--method", help="glob, GetTunedModel; `-`: those that matched no method"),
            Argument("--client", help="part of the client's name"),
            Argument("--test", help="the header x-tuning-emulator-test"),
            Argument("--status", type=want_status, help="404, 4xx or NOT_FOUND"),
            Argument("--limit", type=want_whole(1), default=20, help="how many at most (%(default)s)"),
            Argument("--count", ask=list_entries, action="store_true", help="only how many there are"),
            Argument(
                "--clear", ask=lambda control, _: control.journal.clear(), action="store_true", help="forget them"
            ),
        ),
    ),
    "reset": Command(lambda control, _: control.reset()),
    "export": Command(
        export_state,
        (Argument("file", type=want_new_file, help="archive to write, say state.tar.gz; replaces one of that name"),),
        project=False,
        timeout_s=_TRANSFER_S,
    ),
    "import": Command(
        import_state,
        (Argument("file", type=Path, help="archive that `tuning-emulator export` wrote"),),
        project=False,
        timeout_s=_TRANSFER_S,
    ),
}
