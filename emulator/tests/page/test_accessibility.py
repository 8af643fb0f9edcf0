"""What axe-core says of every screen, in both schemes, and how they stand at both widths."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.browsing import SCHEMES, Scheme, opened_tab
from tests.page.seeding import Seeded, seed
from tests.server_process import running_server

pytestmark = [pytest.mark.process, pytest.mark.slow]

SCREENS = ("jobs", "job", "dataset", "playground", "requests", "trouble", "state", "rules")
SERIOUS = {"serious", "critical"}
NARROW = 360
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def seeded(process: None) -> Iterator[Seeded]:
    with running_server("--trainer", "scripted", "--scenario", "one-of-each-state") as running:
        yield seed(running.url)


def check(page: Page) -> list[str]:
    """Serious findings: the rule and where it is broken."""
    page.evaluate(AXE)
    found = json.loads(page.evaluate("axe.run().then((found) => JSON.stringify(found.violations))"))
    return [
        f"{one['id']}: {node['target']} {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_screen_has_a_serious_finding(browser: Browser, seeded: Seeded, scheme: Scheme) -> None:
    """Contrast, names, roles, focus: by the rules of WCAG that a program can see."""
    with opened_tab(browser, seeded.url, scheme=scheme, refused=(400, 404, 503)) as tab:
        found = {}
        for screen in SCREENS:
            page = tab.open(seeded.address(screen))
            page.wait_for_load_state("load")
            expect(page.get_by_role("main")).to_contain_text(re.compile(".{40}", re.DOTALL))
            found[screen] = check(page)
            tab.keep(f"{screen}-{scheme}")
        assert {screen: rows for screen, rows in found.items() if rows} == {}


@pytest.mark.parametrize("width", [NARROW, 820, 1440])
def test_no_screen_is_wider_than_the_window(browser: Browser, seeded: Seeded, width: int) -> None:
    """On a telephone as on a desk: what is wide scrolls in its own place."""
    with opened_tab(browser, seeded.url, width=width, refused=(400, 404, 503)) as tab:
        for screen in SCREENS:
            page = tab.open(seeded.address(screen))
            expect(page.get_by_role("main")).to_contain_text(re.compile(".{40}", re.DOTALL))
            wide = page.evaluate("document.documentElement.scrollWidth")
            if width == NARROW:
                tab.keep(f"{screen}-narrow")
            assert wide <= width, screen


def test_the_dialogs_have_no_serious_finding(browser: Browser, seeded: Seeded) -> None:
    """They are made when they are opened."""
    with opened_tab(browser, seeded.url, scheme="dark", refused=(400, 404, 503)) as tab:
        for screen, button in (
            ("trouble", "Add a fault"),
            ("trouble", "Let jobs fail"),
            ("state", "One of your own"),
            ("state", "Import"),
            ("state", "Reset"),
        ):
            page = tab.open(screen)
            page.get_by_role("button", name=button, exact=True).click()
            page.get_by_role("dialog").wait_for()
            assert check(page) == [], button
            page.keyboard.press("Escape")
            assert page.get_by_role("dialog").count() == 0
