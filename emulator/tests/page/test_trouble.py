"""Trouble and time in a real browser: what is turned there is turned in the emulator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.browsing import opened_tab
from tests.page.seeding import KEY
from tests.server_process import running_server
from tuning_emulator.testing.client import Control

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture(scope="module")
def url(process: None) -> Iterator[str]:
    with running_server("--trainer", "scripted") as running:
        yield running.url


def panel(page: Page, title: str) -> Page:
    """One part of the screen."""
    found: Page = page.locator("section", has=page.get_by_role("heading", name=title, exact=True))  # type: ignore[assignment] # a locator finds as a page does
    return found


def test_the_clock_is_moved_frozen_and_set(browser: Browser, url: str) -> None:
    """The emulator's own clock follows each button; Enter in the field sets it."""
    clock = Control(url).clock
    with opened_tab(browser, url) as tab:
        part = panel(tab.open("trouble"), "Clock")
        before = clock.now()
        part.get_by_role("button", name="+ 3 h").click()
        expect(part.get_by_text("3 h 0 min ahead of this machine's")).to_be_visible()
        assert clock.now() - before > timedelta(hours=2, minutes=59)
        part.get_by_role("button", name="Freeze").click()
        expect(part.get_by_text("frozen")).to_be_visible()
        part.get_by_label("Time (UTC)").fill("2034-05-06T07:08:09")
        part.get_by_role("button", name="Set").press("Enter")
        expect(part.get_by_role("timer")).to_contain_text("2034-05-06 07:08:09")
        assert clock.now().isoformat() == "2034-05-06T07:08:09+00:00"
        part.get_by_role("button", name="Resume").click()
        expect(part.get_by_text("frozen")).to_have_count(0)


def test_the_pace_is_set_for_all_and_for_a_project(browser: Browser, url: str) -> None:
    """With its figure; what one project has of its own is listed, and taken away again."""
    control = Control(url)
    with opened_tab(browser, url) as tab:
        part = panel(tab.open("trouble"), "Pace of jobs")
        part.get_by_label("Jobs go on").select_option("time")
        part.get_by_label("Seconds a state").fill("60")
        part.get_by_role("button", name="Set").click()
        expect(part.get_by_text("1 min 0 s in each state")).to_be_visible()
        assert control.pace.get()["seconds"] == 60
        part.get_by_label("Jobs go on").select_option("manual")
        part.get_by_label("Project").fill("mine")
        part.get_by_role("button", name="Set").click()
        expect(part.get_by_role("listitem")).to_contain_text("by hand")
        assert Control(url, "mine").pace.get()["mode"] == "manual"
        part.get_by_role("button", name=re.compile("Take away from")).click()
        expect(part.get_by_role("listitem")).to_have_count(0)
        assert Control(url, "mine").pace.get()["mode"] == "time"
        control.pace.clear()


def test_the_day_is_set_for_all_and_for_a_project(browser: Browser, url: str) -> None:
    """A date, today, or any; answers follow."""
    control = Control(url)
    with opened_tab(browser, url) as tab:
        part = panel(tab.open("trouble"), "As of a day")
        part.get_by_role("button", name="Last day of tunedModels").click()
        expect(part.get_by_text("as on 2025-05-26")).to_be_visible()
        part.get_by_label("Date").fill("2024-08-01")
        part.get_by_label("Project").fill("before")
        part.get_by_role("button", name="Set").click()
        expect(part.get_by_role("listitem")).to_contain_text("as on 2024-08-01")
        assert control.as_of.get() == {"date": "2025-05-26", "projects": {"before": "2024-08-01"}}
        part.get_by_role("button", name="Take away from before").click()
        expect(part.get_by_role("listitem")).to_have_count(0)
        part.get_by_label("Project").fill("")
        part.get_by_role("button", name="Any day").click()
        expect(part.get_by_text("everything that ever worked still does")).to_be_visible()
        assert control.as_of.get() == {"date": None, "projects": {}}


def test_a_fault_is_made_by_keyboard_counted_and_taken_away(browser: Browser, url: str) -> None:
    """Its counters change as programs meet it; a wrong one stays in the dialog with the reason."""
    with opened_tab(browser, url, refused=(400, 422)) as tab:
        page = tab.open("trouble")
        part = panel(page, "Faults of requests")
        part.get_by_role("button", name="Add a fault").press("Enter")
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("What happens").select_option("name overloaded")
        expect(dialog.get_by_text("has more to do than it can")).to_be_visible()
        dialog.get_by_label("As JSON").fill('{"method": "Nonsense", "code": "UNAVAILABLE"}')
        dialog.get_by_role("button", name="Put in force").press("Enter")
        expect(dialog.get_by_role("alert")).to_contain_text("Nonsense")
        dialog.get_by_label("Method").fill("ListTunedModels")
        dialog.get_by_label("What happens").select_option("code UNAVAILABLE")
        dialog.get_by_label("How often").fill("2")
        dialog.get_by_label("How often").press("Enter")
        expect(dialog).to_have_count(0)
        row = part.get_by_role("row").filter(has_text="ListTunedModels")
        expect(row.get_by_role("cell").nth(4)).to_have_text("0")
        assert httpx.get(f"{url}/v1beta/tunedModels", headers=KEY).status_code == 503
        expect(row.get_by_role("cell").nth(4)).to_have_text("1")
        expect(row.get_by_role("cell").nth(5)).to_have_text("1")
        row.get_by_role("button").press("Enter")
        expect(part.get_by_text("No fault is in force.")).to_be_visible()
        assert Control(url).faults.list() == []


def test_jobs_to_come_are_made_to_fail(browser: Browser, url: str) -> None:
    """With line or step where the kind has one."""
    control = Control(url)
    with opened_tab(browser, url) as tab:
        page = tab.open("trouble")
        part = panel(page, "Faults of jobs to come")
        part.get_by_role("button", name="Let jobs fail").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("What happens").select_option("stuck_pending")
        expect(dialog.get_by_label("At line or step")).to_be_hidden()
        dialog.get_by_label("What happens").select_option("internal_error")
        dialog.get_by_label("At line or step").fill("7")
        dialog.get_by_label("Jobs", exact=True).fill("2")
        dialog.get_by_role("button", name="Put in force").click()
        expect(part.get_by_text("internal_error:7")).to_be_visible()
        (row,) = control.job_faults.list()
        assert (row["kind"], row["at"], row["jobs"]) == ("internal_error", 7, 2)
        part.get_by_role("row").last.get_by_role("button").click()
        expect(part.get_by_text("No job is to fail.")).to_be_visible()


def test_the_code_brings_about_what_is_shown(browser: Browser, url: str) -> None:
    """The Python program, run on an emulator that was reset, leaves the same screen."""
    control = Control(url)
    control.pace.set("polls:2")
    control.as_of.set("2025-01-02")
    control.faults.add(method="GetTunedModel", code="UNAVAILABLE", times=3)
    control.job_faults.add(kind="stuck_pending")
    with opened_tab(browser, url) as tab:
        page = tab.open("trouble")
        page.get_by_role("button", name="Get code").click()
        page.get_by_role("button", name="Python", exact=True).click()
        program = page.locator(".code code").inner_text()
        page.get_by_role("button", name="Command line", exact=True).click()
        commands = page.locator(".code code").inner_text()
    assert f"tuning-emulator pace polls:2 --url {url}" in commands
    control.reset()
    exec(compile(program, "program", "exec"), {})
    assert control.pace.get()["polls"] == 2
    assert control.as_of.get()["date"] == "2025-01-02"
    assert [row["fault"]["times"] for row in control.faults.list()] == [3]
    assert [row["kind"] for row in control.job_faults.list()] == ["stuck_pending"]
    control.reset()
