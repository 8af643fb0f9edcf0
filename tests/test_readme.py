"""The documents are what the code would write, and lead to what there is: tables, targets, links; README is short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.readme import PAGES, ROOT, TRAINER_BLOCKS, TRAINER_PAGE, write_blocks
from tuning_emulator.jobs.lora import missing_packages

DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
GUIDE = sorted((ROOT / "docs").rglob("*.md"))
README_LINES = 140


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tables_are_up_to_date(page: Path) -> None:
    """`make docs` would change nothing."""
    text = page.read_text("utf-8")
    assert write_blocks(text, PAGES[page]) == text, "run: make docs"


@pytest.mark.skipif(bool(missing_packages()), reason=f"needs {', '.join(missing_packages())}")
def test_the_trainers_hyperparameters_are_the_codes() -> None:
    """`make docs` would change nothing there either."""
    text = TRAINER_PAGE.read_text("utf-8")
    assert write_blocks(text, TRAINER_BLOCKS) == text, "run: make docs"


def test_every_block_is_written_by_somebody() -> None:
    """A table that says that it is written from the code is."""
    for page in GUIDE:
        marked = re.findall(r"<!-- ([\w ]+): written by scripts/readme.py -->", page.read_text("utf-8"))
        assert sorted(marked) == sorted(PAGES.get(page, {})), page


def test_the_readme_is_one_screen_and_a_half() -> None:
    """What is more belongs into docs/."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= README_LINES


def test_make_targets_exist() -> None:
    """Every `make` that a document names is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in [*DOCUMENTS, *GUIDE]:
        typed = re.findall(r"`[^`\n]+`|^\$ .*", page.read_text("utf-8"), re.MULTILINE)
        named = set(re.findall(r"\bmake ([a-z-]+)", " ".join(typed)))
        assert named <= targets, (page, named - targets)


def list_links(page: Path) -> Iterator[str]:
    """Targets of a document's relative links, without their anchors; what stands in code is no link."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    yield from re.findall(r"(?<!\\)\]\((?!https?:)([^)#\s]+)", text)


@pytest.mark.parametrize("page", [*DOCUMENTS, *GUIDE], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link is a file; those of the guide stay in it, so that they hold where it is served."""
    for target in list_links(page):
        found = (page.parent / target).resolve()
        assert found.exists(), target
        assert page not in GUIDE or found.is_relative_to(ROOT / "docs"), target


def test_documents_that_the_code_names_exist() -> None:
    """Where a text or comment says docs/…, there is that page."""
    named = set()
    for folder in ("emulator", "trainer", "scripts", "clients", "examples"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".md", ".ts", ".js", ".json") and "node_modules" not in path.parts:
                named |= set(re.findall(r"(?<![\w/.-])docs/[\w/-]+\.md", path.read_text("utf-8")))
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()
