"""The page's files as they are handed out: of our own, and complete in every language."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from tuning_emulator.app import create_app
from tuning_emulator.page.files import DIRECTORY, POLICY
from tuning_emulator.settings import Settings

MODULES = sorted(path.relative_to(DIRECTORY).as_posix() for path in DIRECTORY.rglob("*.js"))
LANGUAGES = ["en", "pt", "tr"]
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def client() -> httpx.AsyncClient:
    emulator = create_app(Settings(trainer="scripted", storage_port=0))
    return httpx.AsyncClient(transport=httpx.ASGITransport(emulator), base_url="http://localhost")


async def test_the_page_and_its_files_are_answered(client: httpx.AsyncClient) -> None:
    """Every file by its path, with the policy and a tag that spares the second transfer."""
    for path in ("/emulator", "/emulator/", *(f"/emulator/page/{name}" for name in (*MODULES, "page.css"))):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-security-policy"] == POLICY
        again = await client.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path


async def test_nothing_else_is(client: httpx.AsyncClient) -> None:
    """Neither other files nor other methods; a page of another site cannot load them, but may link here."""
    for path in ("/emulator/page/files.py", "/emulator/page/../files.py", "/emulator/page/"):
        assert (await client.get(path)).status_code == 404, path
    assert (await client.post("/emulator")).status_code == 405
    foreign = {"sec-fetch-site": "cross-site"}
    assert (await client.get("/emulator/page/app.js", headers=foreign)).status_code == 403
    visit = {**foreign, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert (await client.get("/emulator", headers=visit)).status_code == 200


async def test_the_address_alone_leads_browsers_to_the_page(client: httpx.AsyncClient) -> None:
    """API clients get the services' 404 there."""
    shown = await client.get("/", headers=BROWSER)
    assert (shown.status_code, 'href="/emulator"' in shown.text) == (200, True)
    google = {**BROWSER, "host": "generativelanguage.googleapis.com"}
    for headers in ({}, {"accept": "*/*"}, google):
        answer = await client.get("/", headers=headers)
        assert (answer.status_code, "<title>Error 404 (Not Found)!!1</title>" in answer.text) == (404, True)


def test_texts_are_there_in_every_language() -> None:
    """One table; what has two forms in one language has them in all, and each form the same placeholders."""
    table = json.loads((DIRECTORY / "texts.json").read_text("utf-8"))
    for key, texts in table.items():
        assert list(texts) == LANGUAGES, key
        forms = [one if isinstance(one, dict) else {"other": one} for one in texts.values()]
        assert len({tuple(form) for form in forms}) == 1, key
        found = {frozenset(re.findall(r"\{(\w+)\}", text)) for form in forms for text in form.values()}
        assert len(found) == 1, key
        assert all(text.strip() for form in forms for text in form.values()), key


def test_texts_that_are_said_are_there() -> None:
    """Each key that a module names is in the table; what stands in the table is named somewhere."""
    table = json.loads((DIRECTORY / "texts.json").read_text("utf-8"))
    code = "".join((DIRECTORY / name).read_text("utf-8") for name in MODULES)
    named = set(re.findall(r'["`]([a-z_]+\.[A-Za-z0-9_.]+)["`]', code)) & {*table}
    said = set(re.findall(r'\bt\(\s*"([\w.]+)"', code))
    assert said <= set(table), said - set(table)
    begun = tuple(re.findall(r"[\"`]([a-z_]+\.(?:[\w.]*))\$\{", code))
    assert {key for key in table if key not in named and not key.startswith(begun)} == set()


def test_modules_are_loaded_at_once() -> None:
    """What every screen needs is named in the page, so that the browser does not find out one by one."""
    page = (DIRECTORY / "index.html").read_text("utf-8")
    ahead = set(re.findall(r'rel="modulepreload" href="/emulator/page/([\w/]+\.js)"', page))
    needed: set[str] = set()
    waiting = ["app.js"]
    while waiting:
        name = waiting.pop()
        text = (DIRECTORY / name).read_text("utf-8")
        found = {
            (Path(name).parent / one).as_posix() for one in re.findall(r'^import .*?"\./([\w/]+\.js)";', text, re.M)
        }
        waiting += found - needed
        needed |= found
    assert ahead == needed


def test_nothing_becomes_html() -> None:
    """No module has a way of its own from text to elements, and nothing comes from elsewhere."""
    for name in MODULES:
        text = (DIRECTORY / name).read_text("utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|DOMParser", text), name
        assert set(re.findall(r"https?://[^\s\"'`/]+", text)) <= {"http://www.w3.org"}, name
