"""The playground in a real browser: models side by side, their programs, a validation set marked."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.page.browsing import ask, opened_tab
from tests.page.seeding import TRAIN, VALIDATION, Seeded, format_lines, seed
from tests.server_process import running_server
from tuning_emulator.testing.client import Control

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture(scope="module")
def seeded(process: None) -> Iterator[Seeded]:
    with running_server("--trainer", "scripted") as running:
        yield seed(running.url)


def test_base_and_tuned_model_answer_side_by_side(browser: Browser, seeded: Seeded) -> None:
    """By keyboard alone; the tuned model says what it was tuned to, and the base model does not."""
    given, wanted = TRAIN[0]
    with opened_tab(browser, seeded.url) as tab:
        for name in (seeded.job, seeded.model):
            page = tab.open(f"playground?name={name}")
            base, tuned = ask(page, given)
            assert tuned == wanted
            assert base != wanted
            titles = page.locator(".exchange").first.get_by_role("heading").all_inner_texts()
            assert (titles[0].endswith("(base)"), titles[1]) == (True, "next number")


def test_a_checkpoint_is_asked_at_its_endpoint(browser: Browser, seeded: Seeded) -> None:
    """The journal has that endpoint; a third model stands beside the others, and goes again."""
    control = Control(seeded.url)
    checkpoints = control.jobs.get(seeded.job)["checkpoints"]
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open(f"playground?name={seeded.job}")
        chosen = page.get_by_label("Checkpoint").nth(1)
        chosen.select_option(checkpoints[0]["endpoint"])
        page.get_by_role("button", name="Add a model").click()
        assert len(ask(page, "41")) == 3
        paths = [entry["path"] for entry in control.journal.list(method="StreamGenerateContent", limit=3)]
        assert any(checkpoints[0]["endpoint"] in path for path in paths)
        page.get_by_role("button", name="Remove this model").last.click()
        assert len(ask(page, "42")) == 2


def test_settings_go_along(browser: Browser, seeded: Seeded) -> None:
    """What is filled in is sent, in one piece where no stream is wanted."""
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open(f"playground?name={seeded.job}")
        page.get_by_text("Settings", exact=True).click()
        page.get_by_label("temperature").fill("0.5")
        page.get_by_label("stopSequences").fill("END, ###")
        page.get_by_label("System instruction").fill("be brief")
        page.get_by_label("Stream the answer").uncheck()
        ask(page, "41")
        entry = Control(seeded.url).journal.list(method="GenerateContent", limit=1)[0]
        assert entry["request"]["generationConfig"] == {"temperature": 0.5, "stopSequences": ["END", "###"]}
        assert entry["request"]["systemInstruction"] == {"parts": [{"text": "be brief"}]}


def test_a_refusal_stands_where_the_answer_would(browser: Browser, seeded: Seeded) -> None:
    """In the service's words; the other model answers all the same."""
    control = Control(seeded.url)
    fault = control.faults.add(method="StreamGenerateContent", resource=seeded.model, code="UNAVAILABLE")
    with opened_tab(browser, seeded.url, refused=(503,)) as tab:
        page = tab.open(f"playground?name={seeded.model}")
        base, tuned = ask(page, "41")
        assert (bool(base), tuned) == (True, "")
        assert "overloaded" in page.get_by_role("alert").first.inner_text()
    control.faults.remove(fault["id"])


def test_the_programs_do_what_the_page_does(browser: Browser, seeded: Seeded, tmp_path: Path) -> None:
    """Python and curl are run; every language has one, and names the model and the prompt."""
    given, wanted = TRAIN[2]
    with opened_tab(browser, seeded.url) as tab:
        for name in (seeded.job, seeded.model):
            page = tab.open(f"playground?name={name}")
            page.get_by_label("Prompt", exact=True).fill(given)
            page.get_by_text("Settings", exact=True).click()
            page.get_by_label("maxOutputTokens").fill("20")
            page.get_by_role("button", name="Get code").click()
            programs = {}
            for language in ("Python", "Node", "curl", "Go", "Java"):
                page.locator(".code").get_by_role("button", name=language, exact=True).click()
                programs[language] = page.locator(".code code").inner_text()
                assert seeded.url in programs[language]
                assert f'"{given}"' in programs[language]
            (tmp_path / "ask.py").write_text(programs["Python"], encoding="utf-8")
            assert run(sys.executable, str(tmp_path / "ask.py")) == wanted
            assert f'"text": "{wanted}"' in run(*shlex.split(programs["curl"].replace("\\\n", "")), "-sS")


def run(*command: str) -> str:
    """What a program prints."""
    environment = {**os.environ, "NO_PROXY": "127.0.0.1,localhost"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("source", ["bucket", "file"])
def test_a_validation_set_is_marked(browser: Browser, seeded: Seeded, tmp_path: Path, source: str) -> None:
    """Each answer right or wrong as the set says; the score follows a mark that the visitor changes."""
    file = tmp_path / "mine.jsonl"
    pairs = [TRAIN[0], TRAIN[1], ("1", "no such answer")]
    file.write_text(format_lines(pairs), encoding="utf-8")
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open(f"playground?name={seeded.job}")
        if source == "file":
            page.get_by_label("or a file").set_input_files(file)
        else:
            expect(page.get_by_label("Data set in Cloud Storage")).to_have_value("gs://numbers/validation.jsonl")
        page.get_by_role("button", name="Run", exact=True).click()
        expected = pairs if source == "file" else VALIDATION
        page.locator(".mark-button").nth(2 * len(expected) - 1).wait_for()
        rows = page.locator(".trial tbody tr").all()
        assert len(rows) == len(expected)
        for row, (given, wanted) in zip(rows, expected, strict=True):
            cells = row.locator("td").all_inner_texts()
            assert cells[1:3] == [given, wanted]
            for cell in cells[3:]:
                mark, _, answer = cell.partition("\n")
                assert (mark == "✓") == (answer == wanted)
        score = page.locator(".trial th strong").last
        right = sum(row.locator("td").last.inner_text().startswith("✓") for row in rows)
        assert score.inner_text() == f"{right} of {len(expected)}"
        rows[-1].locator(".mark-button").last.click()
        change = 1 if not rows[-1].locator("td").last.inner_text().startswith("✗") else -1
        assert score.inner_text() == f"{right + change} of {len(expected)}"


def test_what_is_no_set_is_said(browser: Browser, seeded: Seeded, tmp_path: Path) -> None:
    """Nothing named, an object that is not there, a file without examples."""
    file = tmp_path / "empty.jsonl"
    file.write_text('{"a": 1}\nno json\n', encoding="utf-8")
    with opened_tab(browser, seeded.url, refused=(404,)) as tab:
        page = tab.open(f"playground?name={seeded.model}")
        button, said = page.get_by_role("button", name="Run", exact=True), page.get_by_role("alert")
        button.click()
        assert "gs://bucket/validation.jsonl" in said.inner_text()
        page.get_by_label("Data set in Cloud Storage").fill("gs://numbers/nowhere.jsonl")
        button.click()
        said.filter(has_text="nowhere.jsonl").or_(said.filter(has_text="No such object")).wait_for()
        page.get_by_label("or a file").set_input_files(file)
        button.click()
        said.filter(has_text="No line of it is an example").wait_for()
