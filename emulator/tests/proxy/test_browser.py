"""A real browser on a page of another site: it can neither read nor change anything, by whatever name it asks."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest

from scripts.browser import find_browser
from tests.server_process import running_server

CHROMIUM = find_browser()

pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH; `make browser` installs it"),
]

PAGE = (Path(__file__).parent / "stranger.html").read_text("utf-8")
EVIL = "evil.example"
NEAR = "emulator"
"""A name without a dot, as containers have: of such hosts browsers say nothing of where a request comes from."""

GEMINI, VERTEX = "generativelanguage.googleapis.com", "us-central1-aiplatform.googleapis.com"
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
EXAMPLE = (
    b"""{"contents": [{"role": "user", "parts": [{"text": "1"}]}, {"role": "model", "parts": [{"text": "2"}]}]}\n"""
)
OBJECTS = {
    "text": ("text/plain", b"mine"),
    "picture": ("image/gif", PIXEL),
    "style": ("text/css", b"p { color: red }"),
    "script": ("text/javascript", b"window.stolen = 1"),
    "events": ("text/event-stream", b"data: mine\n\n"),
    "train.jsonl": ("application/jsonl", EXAMPLE * 20),
    "page": ("text/html", PAGE.encode()),
}
WORK = {
    *(f"{name} cors" for name in "health journal docs models jobs generate discovery buckets object media".split()),
    *(f"{name} {way}" for name in ("journal", "models", "jobs", "object") for way in ("XHR", "iframe", "headers")),
    *("picture img", "style link", "script script", "models callback", "jobs callback", "metadata headers"),
    *("events EventSource", "put PUT", "erase DELETE", "pace PUT", "forget DELETE"),
    *(f"{name} {way}" for name in ("freeze", "model", "upload", "reset") for way in ("no-cors", "JSON", "XHR", "form")),
    *("bucket no-cors", "fault header", "job cors", "model form noreferrer", "upload form multipart/form-data"),
}
"""What a page of the emulator's own can do; each of these is refused to others."""

PATIENCE_S = 150
KEY = {"x-goog-api-key": "key"}


class Site(ThreadingHTTPServer):
    """A site with one page, and what the page tells it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SiteHandler)
        self.told: Queue[str] = Queue()

    @property
    def port(self) -> int:
        """Where it is."""
        return int(self.server_address[1])


class SiteHandler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def do_POST(self) -> None:
        self.server.told.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield one
        one.shutdown()


@contextmanager
def opened_emulator(*options: str) -> Iterator[str]:
    """A server with something to read in it; its address."""
    with running_server("--trainer", "scripted", "--bucket", "data", *options) as server, httpx.Client() as client:
        for name, (kind, content) in OBJECTS.items():
            url = f"{server.url}/upload/storage/v1/b/data/o?uploadType=media&name={name}"
            client.post(url, content=content, headers={"content-type": kind}).raise_for_status()
        yield server.url


def format_command(url: str, profile: Path, *options: str) -> list[str]:
    """Chromium without a window. ``EVIL`` and ``NEAR`` lead to this machine; whoever trusts the CA sees no warning."""
    assert CHROMIUM is not None
    names = f"--host-resolver-rules=MAP {EVIL} 127.0.0.1, MAP {NEAR} 127.0.0.1"
    headless = ("--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors")
    return [CHROMIUM, *headless, names, f"--user-data-dir={profile}", *options, url]


def show(url: str, profile: Path) -> str:
    """What a browser shows at an address."""
    command = format_command(url, profile, "--dump-dom")
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout


def try_all(page: str, targets: Sequence[str], site: Site, profile: Path, *options: str) -> dict[str, dict[str, str]]:
    """What came of each try of the page, for each address that it tries."""
    url = f"{page}?targets={','.join(targets)}&tell=http://127.0.0.1:{site.port}/"
    command = format_command(url, profile, "--remote-debugging-port=0", *options)  # stays until it is stopped
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            tried: dict[str, dict[str, str]] = json.loads(site.told.get(timeout=PATIENCE_S))
        finally:
            browser.terminate()
    assert set(tried) == set(targets)
    return tried


def list_read(tried: dict[str, dict[str, str]]) -> list[str]:
    """The tries that brought something to the page."""
    return sorted(f"{target} {name}" for target, said in tried.items() for name, what in said.items() if what == "read")


def dump(url: str) -> dict[str, Any]:
    """What a stranger could have changed."""
    places = {
        "clock": "/emulator/v1/clock",
        "pace": "/emulator/v1/pace",
        "faults": "/emulator/v1/faults",
        "models": "/v1beta/tunedModels",
        "jobs": "/v1/projects/p/locations/us-central1/tuningJobs?access_token=t",
        "buckets": "/storage/v1/b?project=p",
        "objects": "/storage/v1/b/data/o",
    }
    with httpx.Client(base_url=url, headers=KEY) as client:
        found = {name: client.get(path).json() for name, path in places.items()}
    return {**found, "clock": found["clock"]["frozen"]}


def test_a_page_of_another_site_neither_reads_nor_changes(tmp_path: Path, site: Site) -> None:
    """Every way that a page has, by the emulator's address, by names of it, by one of the page's own, and over TLS."""
    with opened_emulator() as url:
        port = url.rpartition(":")[2]
        hosts = ("127.0.0.1", "localhost", "[::1]", NEAR, EVIL)
        targets = [f"http://{host}:{port}" for host in hosts] + [f"https://127.0.0.1:{port}"]
        before = dump(url)
        tried = try_all(f"http://{EVIL}:{site.port}/", targets, site, tmp_path / "profile")
        assert list_read(tried) == []
        assert dump(url) == before


def test_a_page_behind_the_proxy_neither_reads_nor_changes(tmp_path: Path, site: Site) -> None:
    """A browser that has the emulator as its proxy, and its CA: Google's own names lead a page to the same things."""
    with opened_emulator() as url:
        hosts = (GEMINI, VERTEX, "storage.googleapis.com", "cloudresourcemanager.googleapis.com")
        targets = [f"https://{host}" for host in hosts] + [f"http://{host}" for host in hosts[:3]]
        options = (f"--proxy-server={url}", f"--proxy-bypass-list={EVIL},127.0.0.1")
        before = dump(url)
        tried = try_all(f"http://{EVIL}:{site.port}/", targets, site, tmp_path / "profile", *options)
        assert list_read(tried) == []
        assert dump(url) == before


def test_a_page_whose_name_leads_here_reads_nothing(tmp_path: Path, site: Site) -> None:
    """DNS rebinding: the browser takes the page and the emulator for one site, at the emulator's own port."""
    with opened_emulator() as url:
        port = url.rpartition(":")[2]
        before = dump(url)
        for path in ("/emulator/v1/journal", "/v1beta/tunedModels?key=guess", "/data/page", "/"):
            assert "none of this emulator's names" in show(f"http://{EVIL}:{port}{path}", tmp_path / "profile")
        assert dump(url) == before


def test_a_page_of_the_emulators_own_may(tmp_path: Path, site: Site) -> None:
    """The same page, from the emulator itself: what the tests above refuse can go through."""
    with opened_emulator() as url:
        said = try_all(f"{url}/data/page", [url], site, tmp_path / "profile")[url]
        assert {name for name in WORK if said.get(name) != "read"} == set()
        left = httpx.get(f"{url}/storage/v1/b/data/o").json()["items"]
        assert [one["name"] for one in left] == ["evil"]  # the last tries: a reset, and an upload
