"""What strangers can bring to the page: names that would be HTML, pages of other sites. Nothing comes of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.browsing import STRANGER, opened_tab
from tests.page.seeding import KEY, create_model, seed
from tests.server_process import running_server
from tuning_emulator.testing.client import Control

pytestmark = [pytest.mark.process, pytest.mark.slow]

EVIL = '<img src=x onerror="window.stolen=1"><script>window.stolen=1</script>\'"><a href=javascript:stolen=1>&lt;b&gt;'
WORD = "<img src=x onerror=window.stolen=1>"
"""The same where blanks and quotes are not taken."""

SCREENS = ("jobs", "playground", "requests", "trouble", "state", "rules")


@pytest.fixture(scope="module")
def url(process: None) -> Iterator[str]:
    with running_server("--trainer", "scripted", "--bucket", "evil") as running:
        yield seed_evil(running.url)


def seed_evil(url: str) -> str:
    """Everything that takes a text has this one."""
    seed(url)
    control = Control(url)
    with httpx.Client(base_url=url, timeout=60) as client:
        name = create_model(client, "evil", EVIL[:40])
        control.jobs.wait(name)
        client.get(f"/v1beta/tunedModels/{EVIL}", headers={**KEY, "user-agent": WORD, "x-tuning-emulator-test": WORD})
        client.post(f"/v1beta/{WORD}:generateContent", headers=KEY, json={"contents": [{"parts": [{"text": EVIL}]}]})
        client.post(
            f"/v1beta/{name}:generateContent",
            headers=KEY,
            json={"contents": [{"parts": [{"text": EVIL}]}], WORD: WORD},
        )
    control.faults.add(method="GetTunedModel", code="UNAVAILABLE", message=EVIL, project=WORD, resource=WORD, test=WORD)
    control.call("PUT", "projects/evil/as-of", {"date": "2025-01-01"})
    control.call(
        "PUT", f"projects/{WORD}/as-of".replace("<", "%3C").replace(">", "%3E").replace(" ", "%20"), {"date": None}
    )
    return url


def check_nothing_ran(page: Page) -> None:
    """No element of the text is there, and none of its scripts has run."""
    assert page.evaluate("window.stolen === undefined")
    assert page.locator("main img, main script, main a[href^=javascript]").count() == 0


def test_a_hostile_text_is_a_text_on_every_screen(browser: Browser, url: str) -> None:
    """In lists, details, dialogs, programs and answers."""
    with opened_tab(browser, url, refused=(400, 403, 404, 422)) as tab:
        for screen in SCREENS:
            page = tab.open(screen)
            expect(page.get_by_role("main")).not_to_be_empty()
            page.get_by_role("button", name="Get code").click()
            expect(page.locator(".code code").first).not_to_be_empty()
            check_nothing_ran(page)
        page = tab.open("requests?status=4xx")
        rows = page.locator(".requests-table tbody tr")
        expect(rows.nth(2)).to_be_visible()
        seen = ""
        for at in range(rows.count()):
            rows.nth(at).click()
            expect(rows.nth(at)).to_have_attribute("aria-selected", "true")
            page.get_by_text("Headers and more").click()
            seen += page.get_by_role("main").inner_text()
            check_nothing_ran(page)
        assert EVIL[:18] in seen
        assert WORD in seen


def test_a_hostile_prompt_and_answer_are_texts(browser: Browser, url: str) -> None:
    """The scripted trainer says what it was taught: the hostile text itself."""
    with httpx.Client(base_url=url, timeout=60) as client:
        task = {
            "hyperparameters": {"epoch_count": 1, "batch_size": 4},
            "training_data": {"examples": {"examples": [{"text_input": EVIL, "output": EVIL}] * 4}},
        }
        body = {"display_name": "says it", "base_model": "models/gemini-1.5-flash-001-tuning", "tuning_task": task}
        client.post("/v1beta/tunedModels?tunedModelId=says-it", json=body, headers=KEY).raise_for_status()
    Control(url).jobs.wait("tunedModels/says-it")
    with opened_tab(browser, url) as tab:
        page = tab.open("playground?name=tunedModels/says-it")
        page.get_by_label("Prompt", exact=True).fill(EVIL)
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.locator(".answer-text").last).to_have_text(EVIL)
        assert page.locator(".prompt").inner_text() == EVIL
        check_nothing_ran(page)


def test_a_hostile_address_is_a_text(browser: Browser, url: str) -> None:
    """Links that a stranger sends."""
    with opened_tab(browser, url, refused=(404,)) as tab:
        for address in (f"requests?method={WORD}", f"rules?words={WORD}", f"trouble?method={WORD}&code={WORD}"):
            page = tab.open(address)
            expect(page.get_by_role("main")).not_to_be_empty()
            check_nothing_ran(page)
        page = tab.open(f"playground?name={WORD}")
        expect(page.get_by_role("alert")).to_contain_text(WORD)
        check_nothing_ran(page)


# --- pages of other sites

TRIES = (Path(__file__).parent / "tries.js").read_text("utf-8")


class Stranger(BaseHTTPRequestHandler):
    """A page of another site."""

    def do_GET(self) -> None:
        """One page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>stranger</title><body></body>")

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_a_page_of_another_site_can_do_none_of_it(browser: Browser, url: str) -> None:
    """It reads nothing of what the page reads, and changes nothing of what the page changes."""
    control = Control(url)
    places = ("as-of", "faults", "job-faults", "pace", "projects", "jobs", "base-models", "rehearsals")

    def look() -> dict[str, Any]:
        found = {place: control.call("GET", place) for place in places}
        return {**found, "frozen": control.call("GET", "clock")["frozen"], "entries": control.journal.count()}

    before = look()
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        page = browser.new_page()
        try:
            page.goto(f"http://{STRANGER}:{site.server_port}/")
            assert page.evaluate(TRIES, url) == []
        finally:
            page.close()
            site.shutdown()
    assert look() == before


def test_the_page_itself_can(browser: Browser, url: str) -> None:
    """The same tries, from the emulator's own page: nearly all of them go through."""
    with opened_tab(browser, url, refused=(400, 403, 404, 409, 422)) as tab:
        page = tab.open("jobs")
        done = page.evaluate(TRIES.replace('["POST", "snapshot", {}], ', ""), url)
        tab.problems.clear()  # frames are refused to it too
        assert {"GET setup cors", "GET rules cors", "PUT as-of cors", "POST reset cors", "DELETE journal cors"} <= {
            *done
        }
        assert "frame /emulator" not in done
    Control(url).reset()
