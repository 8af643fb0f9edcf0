"""A real browser on the page: what it shows, and that nothing goes wrong unseen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

from scripts.browser import find_browser

CHROMIUM = find_browser()
WITHOUT_BROWSER = "no Chromium on the PATH; `make browser` installs it"
PICTURES = Path(__file__).parents[3] / "build" / "page"
"""Where screenshots are left, to be looked at."""

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
STRANGER = "evil.example"
"""A name that leads the browser to this machine, as that of another site."""

WIDTH, HEIGHT = 1440, 900
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Chromium without a window, for the length of a block."""
    assert CHROMIUM is not None
    options = ("--no-sandbox", "--disable-gpu", f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """One tab of a visitor, which remembers what went wrong in it.

    Attributes:
        problems: Errors of the console, uncaught ones, requests that failed or went to a foreign host.
        refused: Statuses of answers that a test expects: such a request is no problem.
    """

    def __init__(self, page: Page, url: str, refused: Sequence[int] = ()) -> None:
        self.page, self.url, self.refused = page, url, frozenset(refused)
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda said: self._note_console(said.type, said.text))
        page.on("requestfailed", lambda one: self._note_failed(one.url, str(one.failure)))
        page.on("request", lambda one: self._note_request(one.url))

    def open(self, address: str) -> Page:
        """Shows a screen, ``jobs`` or ``job?name=…``, with all that it shows at first."""
        self.page.goto(f"{self.url}/emulator#{address}")
        self.page.reload()  # an address that differs behind the # alone loads nothing
        self.page.wait_for_selector("main:not([aria-busy]) h1")
        return self.page

    def keep(self, name: str, *, whole: bool = True) -> Path:
        """Leaves a picture of what is shown, by this name."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        file = PICTURES / f"{name}.png"
        self.page.screenshot(path=file, full_page=whole, animations="disabled", caret="hide")
        return file

    def _note_console(self, kind: str, text: str) -> None:
        expected = re.search(r"status of (\d+)", text)
        if kind in ("error", "warning") and not (expected and int(expected[1]) in self.refused):
            self.problems.append(text)

    def _note_failed(self, url: str, why: str) -> None:
        if "ERR_ABORTED" not in why:  # a visitor who goes on wants no answer any more
            self.problems.append(f"{url}: {why}")

    def _note_request(self, url: str) -> None:
        if not url.startswith((self.url, "blob:", "data:")):
            self.problems.append(f"foreign: {url}")


def keep_small(picture: Path, name: str) -> Path:
    """The same picture as a file that a document can carry."""
    from PIL import Image

    small = PICTURES / f"{name}.webp"
    with Image.open(picture) as image:
        image.convert("RGB").save(small, "WEBP", lossless=True, method=6)
    return small


@contextmanager
def opened_tab(
    browser: Browser,
    url: str,
    *,
    scheme: Scheme = "light",
    locale: str = "en-GB",
    width: int = WIDTH,
    height: int = HEIGHT,
    refused: Sequence[int] = (),
) -> Iterator[Tab]:
    """A tab for the length of a block; at its end nothing must have gone wrong in it."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, locale=locale, timezone_id="UTC"
    )
    try:
        tab = Tab(context.new_page(), url, refused)
        yield tab
        assert tab.problems == [], tab.problems
    finally:
        context.close()


def ask(page: Page, prompt: str) -> list[str]:
    """The answers of the playground, from left to right, once all have come."""
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.keyboard.press("Control+Enter")
    newest = page.locator(".exchange").first
    newest.locator(".prompt", has_text=prompt).wait_for()
    expect(newest.locator("[aria-busy=true]")).to_have_count(0)
    return newest.locator(".answer-text").all_inner_texts()
