"""The page in the visitor's language: every screen, and nothing said in another's place."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.page.browsing import opened_tab
from tests.page.seeding import Seeded, seed
from tests.server_process import running_server
from tuning_emulator.page.files import DIRECTORY

pytestmark = [pytest.mark.process, pytest.mark.slow]

TEXTS = json.loads((DIRECTORY / "texts.json").read_text("utf-8"))
TITLES = ("playground", "requests", "trouble", "state", "rules")
SAID = ("playground.lead", "requests.lead", "trouble.lead", "state.lead", "rules.lead")


@pytest.fixture(scope="module")
def seeded(process: None) -> Iterator[Seeded]:
    with running_server("--trainer", "scripted") as running:
        yield seed(running.url)


@pytest.mark.parametrize(("locale", "language"), [("pt-BR", "pt"), ("tr-TR", "tr"), ("de-DE", "en")])
def test_every_screen_is_in_the_browsers_language(browser: Browser, seeded: Seeded, locale: str, language: str) -> None:
    """Headings, navigation and first sentences; a language that there are no texts in gets English."""
    with opened_tab(browser, seeded.url, locale=locale) as tab:
        for name, said in zip(TITLES, SAID, strict=True):
            page = tab.open(name)
            assert page.evaluate("document.documentElement.lang") == language
            expect(page.get_by_role("heading", level=1)).to_have_text(TEXTS[f"nav.{name}"][language])
            expect(page.get_by_role("main")).to_contain_text(TEXTS[said][language])
            assert not [text for text in page.locator("h1, h2, label, th").all_inner_texts() if "{" in text]
            if language != "en":
                tab.keep(f"{name}-{language}")
        links = page.get_by_role("navigation").get_by_role("link").all_inner_texts()
        assert TEXTS["nav.trouble"][language] in links
