"""One Chromium for each module: while it runs, no other loop can, and so no asynchronous test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.page.browsing import CHROMIUM, WITHOUT_BROWSER, running_browser


@pytest.fixture(scope="module")
def browser(process: None) -> Iterator[Browser]:
    """Skipped, aloud, where there is none."""
    if CHROMIUM is None:
        pytest.skip(WITHOUT_BROWSER)
    with running_browser() as running:
        yield running


def pytest_addoption(parser: pytest.Parser) -> None:
    """``make pictures``: this folder is named then, so that its options are known."""
    parser.addoption("--keep-pictures", action="store_true", help="make the pictures of the documents anew")
