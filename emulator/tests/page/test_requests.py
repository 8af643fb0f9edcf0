"""The journal in a real browser: live, with the rule behind each refusal, and the way from a request to a fault."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.page.browsing import opened_tab
from tests.page.seeding import KEY, PLACE, TOKEN, Seeded, create_job, seed
from tests.server_process import running_server
from tuning_emulator.testing.client import Control

pytestmark = [pytest.mark.process, pytest.mark.slow]


@pytest.fixture(scope="module")
def seeded(process: None) -> Iterator[Seeded]:
    with running_server("--trainer", "scripted") as running:
        yield seed(running.url)


@pytest.fixture
def client(seeded: Seeded) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=seeded.url) as opened:
        yield opened


def test_requests_come_in_by_themselves(browser: Browser, seeded: Seeded, client: httpx.Client) -> None:
    """Nobody loads anything anew; the page's own questions are no requests."""
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("requests?method=GetTunedModel")
        before = Control(seeded.url).journal.count()
        page.get_by_text("live", exact=True).wait_for()
        rows = page.locator(".requests-table tbody tr")
        was = Control(seeded.url).journal.count(method="GetTunedModel")
        expect(rows).to_have_count(was)
        for _ in range(3):
            client.get(f"/v1beta/{seeded.model}", headers=KEY)
        expect(rows).to_have_count(was + 3)
        assert Control(seeded.url).journal.count() == before + 3


def test_a_refusal_shows_its_rule(browser: Browser, seeded: Seeded, client: httpx.Client) -> None:
    """Request beside response, and the row with source and grade; a mistyped path the nearest route."""
    create_job(client, baseModel="nonsense")
    client.post(f"/v1/{PLACE}/tuningJob", json={}, headers=TOKEN)
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("requests?status=4xx")
        detail = page.locator(".detail")
        detail.get_by_text("Did you mean").wait_for()
        assert "tuningJobs" in detail.inner_text()
        row = page.locator(".requests-table tbody tr").nth(1)
        row.click()
        rule = detail.locator(".rule")
        rule.wait_for()
        assert rule.locator(".grade").inner_text() == "recorded"
        assert "Base model {base_model} is not supported." in rule.inner_text()
        bodies = detail.locator("pre").all_inner_texts()
        assert '"baseModel": "nonsense"' in bodies[0]
        assert "Base model nonsense is not supported." in bodies[1]
        assert row.get_attribute("aria-selected") == "true"


def test_a_request_becomes_a_fault(browser: Browser, seeded: Seeded, client: httpx.Client) -> None:
    """The dialog knows method, API and project; the same call is refused from then on."""
    path = f"/v1beta/{seeded.model}"
    assert client.get(path, headers=KEY).status_code == 200
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("requests?method=GetTunedModel")
        page.get_by_role("link", name="Make a fault of this").click()
        dialog = page.get_by_role("dialog")
        assert dialog.get_by_label("Method").input_value() == "GetTunedModel"
        dialog.get_by_label("What happens").select_option("code RESOURCE_EXHAUSTED")
        dialog.get_by_label("How often").fill("2")
        dialog.get_by_role("button", name="Put in force").click()
        page.locator("tr", has_text="RESOURCE_EXHAUSTED").wait_for()
        assert [client.get(path, headers=KEY).status_code for _ in range(3)] == [429, 429, 200]
        row = page.locator("tr", has_text="RESOURCE_EXHAUSTED")
        expect(row).to_have_text(re.compile("RESOURCE_EXHAUSTED.*320×$"))
        row.get_by_role("button").click()
        row.wait_for(state="detached")


def test_filters_and_forgetting(browser: Browser, seeded: Seeded, client: httpx.Client) -> None:
    """The address keeps the filter; what is forgotten is gone in the emulator too. Rows by arrow keys."""
    for name in ("here", "there"):
        client.get(f"/v1beta/tunedModels/{name}", headers={**KEY, "x-tuning-emulator-test": name})
    with opened_tab(browser, seeded.url) as tab:
        page = tab.open("requests")
        page.get_by_label("Test", exact=True).fill("there")
        page.keyboard.press("Enter")
        rows = page.locator(".requests-table tbody tr")
        expect(rows).to_have_count(1)
        assert "test=there" in page.url
        page.get_by_label("Test", exact=True).fill("")
        page.keyboard.press("Enter")
        expect(rows.nth(2)).to_be_visible()
        rows.first.locator("button").focus()
        page.keyboard.press("ArrowDown")
        expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
        page.get_by_role("button", name="Forget them").click()
        page.get_by_text("No request yet.").wait_for()
        assert Control(seeded.url).journal.count() == 0


def test_a_request_is_copied_as_curl(browser: Browser, seeded: Seeded, client: httpx.Client) -> None:
    """With a key of the emulator's, for none is kept."""
    create_job(client, 'it\'s "quoted"')
    with opened_tab(browser, seeded.url) as tab:
        tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = tab.open("requests?method=CreateTuningJob")
        page.get_by_role("button", name="Copy as curl").click()
        page.get_by_text("Copied, with a key").wait_for()
        text = page.evaluate("navigator.clipboard.readText()")
        assert text.startswith(f"curl -X POST {seeded.url}/v1/{PLACE}/tuningJobs")
        assert "Bearer test-key" in text
        assert "it'\\''s" in text
