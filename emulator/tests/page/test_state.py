"""State and set-up in a real browser: seeded, taken out, forgotten, put back; and the rules looked up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.page.browsing import opened_tab
from tests.server_process import running_server
from tuning_emulator.settings import SETTINGS
from tuning_emulator.testing.client import Control

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture(scope="module")
def url(process: None) -> Iterator[str]:
    with running_server("--trainer", "scripted", "--seed", "7") as running:
        yield running.url


def test_the_state_goes_out_and_comes_back(browser: Browser, url: str, tmp_path: Path) -> None:
    """A scenario is loaded, everything exported, forgotten, and imported again: the same jobs."""
    control = Control(url)
    with opened_tab(browser, url) as tab:
        page = tab.open("state")
        page.get_by_role("button", name="Load one-of-each-state").click()
        page.get_by_text("jobs are there now").wait_for()
        names = sorted(job["name"] for job in control.jobs.list())
        assert len(names) > 5
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Export").click()
        file = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(file)
        assert file.name.endswith(".tar.gz")
        page.get_by_role("button", name="Reset").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Everything is forgotten")
        dialog.get_by_role("button", name="Reset").click()
        expect(dialog).to_have_count(0)
        assert control.jobs.list() == []
        page.get_by_role("button", name="Import").click()
        dialog.get_by_label("File").set_input_files(file)
        dialog.get_by_role("button", name="Import").click()
        expect(dialog).to_have_count(0)
        assert sorted(job["name"] for job in control.jobs.list()) == names
        control.reset()


def test_what_is_no_archive_changes_nothing(browser: Browser, url: str, tmp_path: Path) -> None:
    """The dialog stays, with the reason."""
    file = tmp_path / "state.tar.gz"
    file.write_bytes(b"no archive")
    with opened_tab(browser, url, refused=(400, 422)) as tab:
        page = tab.open("state")
        page.get_by_role("button", name="Import").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("File").set_input_files(file)
        dialog.get_by_role("button", name="Import").click()
        expect(dialog.get_by_role("alert")).to_be_visible()
        dialog.get_by_role("button", name="Cancel").click()


def test_a_scenario_of_ones_own_and_a_reset_of_one_project(browser: Browser, url: str) -> None:
    """YAML for a project; only that project is forgotten."""
    control = Control(url)
    with opened_tab(browser, url, refused=(422,)) as tab:
        page = tab.open("state")
        part = page.locator("section", has=page.get_by_role("heading", name="Scenarios"))
        for project in ("first", "second"):
            part.get_by_label("Project").fill(project)
            part.get_by_role("button", name="One of your own").click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_label("YAML").fill("version: 1\ntuned_models: [{display_nam: x}]")
            dialog.get_by_role("button", name="Load").click()
            expect(dialog.get_by_role("alert")).to_contain_text("display_nam")
            dialog.get_by_label("YAML").fill("version: 1\ntuned_models: [{display_name: mine}]")
            dialog.get_by_role("button", name="Load").click()
            expect(dialog).to_have_count(0)
        assert len(control.jobs.list()) == 2
        part = page.locator("section", has=page.get_by_role("heading", name="Reset", exact=True))
        part.get_by_label("Project").fill("first")
        part.get_by_role("button", name="Reset").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Everything that first has is forgotten.")
        dialog.get_by_role("button", name="Reset").click()
        expect(dialog).to_have_count(0)
        assert len(control.jobs.list()) == 1
        control.reset()


def test_a_project_gets_its_number(browser: Browser, url: str) -> None:
    """And is listed with it."""
    control = Control(url)
    with opened_tab(browser, url) as tab:
        page = tab.open("state")
        part = page.locator("section", has=page.get_by_role("heading", name="Project numbers"))
        part.get_by_label("Project").fill("numbered")
        part.get_by_label("Number").fill("123456789012")
        part.get_by_label("Number").press("Enter")
        expect(part.get_by_role("definition")).to_have_text("123456789012")
        assert control.call("GET", "projects/numbered/number")["given"] is True
        control.reset()


def test_what_leads_programs_here(browser: Browser, url: str) -> None:
    """The variables of `env`, and each SDK's own way, with the project that is filled in."""
    with opened_tab(browser, url) as tab:
        page = tab.open("state")
        part = page.locator("section", has=page.get_by_role("heading", name="Point a program here"))
        expect(part.locator("code")).to_contain_text(f"export GOOGLE_GEMINI_BASE_URL={url}")
        part.get_by_label("Project").fill("elsewhere")
        for name in ("Python · Gemini API", "Python · Vertex AI", "Python · vertexai", "Node", "Go", "Java", "curl"):
            part.get_by_role("button", name=name, exact=True).click()
            expect(part.locator("code")).to_contain_text(url)
        expect(part.locator("code")).to_contain_text("projects/elsewhere/")
        changed = page.locator("section", has=page.get_by_role("heading", name="Settings of this server"))
        expect(changed.get_by_role("cell", name="7", exact=True)).to_be_visible()
        changed.get_by_text("Settings that are as by default").click()
        expect(changed.get_by_role("table")).to_have_count(2)
        assert changed.locator("tbody tr").count() == len(SETTINGS)


def test_rules_are_looked_up(browser: Browser, url: str) -> None:
    """By words and grade, as the control API counts them; the address keeps what was asked."""
    control = Control(url)
    with opened_tab(browser, url) as tab:
        page = tab.open("rules")
        total = control.call("GET", "rules")["total"]
        expect(page.get_by_role("status").filter(has_text="rules")).to_have_text(f"{total} rules")
        page.get_by_role("button", name="Show more").click()
        expect(page.locator(".rule")).to_have_count(100)
        page.get_by_label("Words").fill("adapter size supported")
        page.get_by_label("Grade").select_option("recorded")
        wanted = control.call("GET", "rules", words="adapter size supported", grade="recorded")
        expect(page.locator(".rule")).to_have_count(wanted["total"])
        expect(page.locator(".rule").first).to_contain_text(wanted["rules"][0]["text"])
        assert "grade=recorded" in page.url
        page.reload()
        expect(page.locator(".rule")).to_have_count(wanted["total"])
