"""The guide: built strictly from docs/, handed out whole by the server, from nowhere else, with a search that works."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, expect

from scripts.guide import ROOT, GuideError, build
from tests.page.browsing import SCHEMES, Scheme, opened_tab
from tuning_emulator.app import create_app
from tuning_emulator.page.files import DIRECTORY, PageFiles
from tuning_emulator.proxy.access import GUIDE_FILES
from tuning_emulator.settings import Settings

pytestmark = pytest.mark.process
BASE = "http://localhost"


@pytest.fixture(scope="module")
def guide(process: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built for this module."""
    folder = tmp_path_factory.mktemp("guide") / "guide"
    assert build(folder) == len(list_sources())
    return folder


def list_sources() -> list[str]:
    """The pages of docs/ as the guide names them."""
    return sorted(path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in ROOT.glob("docs/**/*.md"))


@contextmanager
def asking(guide: Path) -> Iterator[httpx.AsyncClient]:
    """A client of the files, with the guide that is in a folder."""
    transport = httpx.ASGITransport(PageFiles(guide=guide))
    yield httpx.AsyncClient(transport=transport, base_url=BASE)


def test_every_page_is_in_it_and_in_its_navigation(guide: Path) -> None:
    """A page that zensical.toml leaves out would be found by search alone."""
    assert sorted(path.relative_to(guide).as_posix() for path in guide.rglob("*.html")) == list_sources()
    named = re.findall(r'"([\w/-]+)\.md"', (ROOT / "zensical.toml").read_text("utf-8"))
    assert sorted(f"{name}.html" for name in named) == list_sources()


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("[away](nowhere.md)", "page does not exist"),
        ("[away](tutorial/first-job.md#nowhere)", "anchor does not exist"),
        ('<img src="https://example.com/a.png">', "would load https://example.com/a.png"),
    ],
)
def test_what_is_wrong_ends_the_build(tmp_path: Path, added: str, said: str) -> None:
    """And leaves what was there."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "guide").mkdir()
    page = tmp_path / "docs" / "index.md"
    page.write_text(page.read_text("utf-8") + f"\n{added}\n", "utf-8")
    with pytest.raises(GuideError, match=re.escape(said)):
        build(tmp_path / "guide", tmp_path / "docs")
    assert [path.name for path in tmp_path.iterdir() if path.name != "docs"] == ["guide"]


async def test_every_link_leads_somewhere(guide: Path) -> None:
    """Of every page as it is served: to a page that is there, and to an anchor that is in it."""
    with asking(guide) as client:
        texts: dict[str, str] = {}
        waiting = [GUIDE_FILES]
        asked = set()
        while waiting:
            path = waiting.pop()
            answer = await client.get(path)
            assert answer.status_code == 200, path
            if answer.headers["content-type"].startswith("text/html"):
                texts[path] = answer.text
                for link in re.findall(r'\b(?:href|src)="([^"]+)"', answer.text):
                    target = urldefrag(urljoin(path, link))[0]
                    if target.startswith(GUIDE_FILES) and target not in asked:
                        asked.add(target)
                        waiting.append(target)
        assert {path.removeprefix(GUIDE_FILES) for path in texts} == {"", *list_sources()}
        for path, text in texts.items():
            for link in re.findall(r'href="([^"]+)"', text):
                target, anchor = urldefrag(urljoin(path, link))
                if anchor and target in texts:
                    assert f'id="{anchor}"' in texts[target], f"{path}: {link}"


async def test_nothing_but_the_guide_is_handed_out(guide: Path) -> None:
    """No path leads out of it; its address without a stroke leads into it."""
    (guide.parent / "secret.json").write_text("{}")
    with asking(guide) as client:
        for path in ("../secret.json", "%2e%2e/secret.json", "nothing.html", "assets/", "search.json/"):
            assert (await client.get(GUIDE_FILES + path)).status_code == 404, path
        led = await client.get(GUIDE_FILES[:-1])
        assert (led.status_code, led.headers["location"]) == (308, GUIDE_FILES)


async def test_its_policy_lets_its_own_scripts_run_alone(guide: Path) -> None:
    """No other host, nothing inline but what was built."""
    with asking(guide) as client:
        policy = (await client.get(GUIDE_FILES)).headers["content-security-policy"]
        script = (await client.get(f"{GUIDE_FILES}search.json")).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "'sha256-" in policy
    assert "unsafe" not in policy.partition("script-src")[2]
    assert "sha256" not in script


async def test_a_checkout_without_it_says_so(tmp_path: Path) -> None:
    """And has it as soon as it is there."""
    folder = tmp_path / "guide"
    with asking(folder) as client:
        answer = await client.get(GUIDE_FILES)
        assert (answer.status_code, "make guide" in answer.text) == (404, True)
        folder.mkdir()
        (folder / "index.html").write_text("<h1>here</h1>")
        assert (await client.get(GUIDE_FILES)).text == "<h1>here</h1>"


async def test_the_server_leads_there() -> None:
    """The address is the page's, not the control API's; a page of another site is refused."""
    emulator = create_app(Settings(trainer="scripted"))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(emulator), base_url=BASE)
    assert (await client.get(GUIDE_FILES[:-1])).status_code == 308
    assert (await client.get(GUIDE_FILES, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await client.get("/emulator/docs")).headers["location"] == "/emulator#reference"


def test_the_pages_navigation_leads_there() -> None:
    """On every screen."""
    assert f'href: "{GUIDE_FILES}"' in (DIRECTORY / "frame.js").read_text("utf-8")


@contextmanager
def serving(guide: Path) -> Iterator[str]:
    """The files over a socket, for a browser; answers their address."""
    server = uvicorn.Server(uvicorn.Config(PageFiles(guide=guide), port=0, lifespan="off", log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_browser_shows_it_and_searches(browser: Browser, guide: Path, scheme: Scheme) -> None:
    """Nothing is asked of another host, no script is refused, and a word leads to its page."""
    with serving(guide) as url, opened_tab(browser, url, scheme=scheme) as tab:
        tab.page.goto(f"{url}{GUIDE_FILES}")
        tab.keep(f"guide-{scheme}", whole=False)
        tab.page.get_by_role("link", name="The page", exact=True).first.click()
        expect(tab.page.get_by_role("heading", level=1)).to_contain_text("The page")
        tab.page.get_by_role("button", name="Search").first.click()
        tab.page.keyboard.type("endpoint_creation_failed")
        found = tab.page.get_by_role("option").filter(has_text="Magic values").first
        expect(found).to_be_visible()
        tab.keep(f"guide-search-{scheme}", whole=False)
        found.click()
        expect(tab.page).to_have_url(re.compile(r"reference/faults\.html"))
