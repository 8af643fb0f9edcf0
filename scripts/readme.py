"""Writes the parts of README.md and trainer/README.md that are data elsewhere: clients, settings, facts, differences.

`make docs` rewrites the files; a test fails when one is not what this would write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from client_tests.results import HEADINGS, list_cells
from tuning_emulator.core.job_control import LABEL_PREFIX, MAGIC_VALUES
from tuning_emulator.facts.catalogue import count_by_grade, list_entries
from tuning_emulator.facts.differences import DIVERGENCES
from tuning_emulator.settings import SETTINGS, Setting, name_variable

README = Path(__file__).resolve().parent.parent / "README.md"


def format_row(*cells: str) -> str:
    """One row of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def format_table(headings: tuple[str, ...], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    return format_row(*headings) + format_row(*("---" for _ in headings)) + "".join(format_row(*row) for row in rows)


def format_default(setting: Setting) -> str:
    """A setting's default as one would type it; nothing for none."""
    return "" if setting.default in (None, ()) else f"`{setting.default}`"


def format_settings() -> str:
    """Every setting: its variable, its default, what it does."""
    rows = [(f"`{name_variable(name)}`", format_default(setting), setting.help) for name, setting in SETTINGS.items()]
    return format_table(("variable", "default", "what it does"), rows)


def format_differences() -> str:
    """What is knowingly not as in the real services."""
    rows = [(one.subject, one.real, one.here, one.reason) for one in DIVERGENCES]
    return format_table(("where", "there", "here", "why"), rows)


def format_grades() -> str:
    """How many rows there are, by table and grade."""
    entries = list_entries()
    rows = []
    for where in dict.fromkeys(entry.where for entry in entries):
        counts = count_by_grade([entry for entry in entries if entry.where == where])
        rows.append((where, *(str(count) for count in counts.values())))
    total = count_by_grade(entries)
    rows.append(("**all**", *(f"**{count}**" for count in total.values())))
    return format_table(("rows about", *total), rows)


def format_magic() -> str:
    """The magic values that every client can send."""
    rows = [(f"`{one.display_name}`", f"`{LABEL_PREFIX}{one.label}`", one.meaning) for one in MAGIC_VALUES]
    return format_table(("in the display name", "or as a label (Vertex AI)", "what the job does"), rows)


def format_clients() -> str:
    """Every client, how to point it here, and what came of it when its tests last ran."""
    return format_table(HEADINGS, list_cells())


BLOCKS: dict[str, Callable[[], str]] = {
    "clients": format_clients,
    "settings": format_settings,
    "grades": format_grades,
    "differences": format_differences,
    "magic": format_magic,
}


def format_hyperparameters() -> str:
    """What the trainer makes of a request."""
    from scripts import hyperparameters  # loads torch

    return format_table(hyperparameters.HEADINGS, hyperparameters.list_rows())


TRAINER_PAGE = README.parent / "trainer" / "README.md"
TRAINER_BLOCKS: dict[str, Callable[[], str]] = {"hyperparameters": format_hyperparameters}


def write_blocks(text: str, blocks: dict[str, Callable[[], str]] = BLOCKS) -> str:
    """The text with every block between its two marks written anew.

    Raises:
        ValueError: a block's marks are not there, or not once.
    """
    for name, write in blocks.items():
        marks = re.compile(f"(<!-- {name}: written by scripts/readme.py -->\n).*?(<!-- end -->)", re.DOTALL)
        content = write().replace("\\", r"\\")
        text, found = marks.subn(rf"\g<1>{content}\g<2>", text)
        if found != 1:
            raise ValueError(f"the block {name!r} is there {found} times; it must be there once")
    return text


def main() -> None:
    """Rewrites the files."""
    README.write_text(write_blocks(README.read_text("utf-8")), encoding="utf-8")
    TRAINER_PAGE.write_text(write_blocks(TRAINER_PAGE.read_text("utf-8"), TRAINER_BLOCKS), encoding="utf-8")


if __name__ == "__main__":
    main()
