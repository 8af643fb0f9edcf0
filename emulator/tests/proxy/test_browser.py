"""A real browser on a page of another site: it can neither read nor change anything, by whatever name it asks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.server_process import running_server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH"),
]

SCRIPT = """
<p id=said>nothing</p>
<script>
const model = JSON.stringify({displayName: "n", baseModel: "models/gemini-1.5-flash-001-tuning",
  tuningTask: {trainingData: {examples: {examples: Array(20).fill({textInput: "1", output: "2"})}}}});
const tries = [
  ["/emulator/v1/journal", {}], ["/emulator/v1/clock:freeze", {method: "POST", mode: "no-cors", body: "{}"}],
  ["/emulator/v1/clock:freeze", {method: "POST", headers: {"X-Tuning-Emulator": "1"}}],
  ["/v1beta/tunedModels?key=guess", {}], ["/v1beta/tunedModels?key=guess", {method: "POST", body: model}],
  ["/v1beta/tunedModels?key=guess", {method: "POST", body: model, headers: {"Content-Type": "application/json"}}],
  ["/storage/v1/b?project=p", {}],
  ["/storage/v1/b?project=p", {method: "POST", mode: "no-cors", body: '{"name":"evil"}'}],
];
(async () => {
  const said = [];
  for (const [path, options] of tries) {
    try {
      const answer = await fetch("%s" + path, options);
      said.push(answer.ok ? "GOT " + path : answer.type == "opaque" ? "opaque" : String(answer.status));
    } catch (error) { said.push("failed"); }
  }
  document.getElementById("said").textContent = JSON.stringify(said);
})();
</script>
"""


@contextmanager
def serving(page: str) -> Iterator[int]:
    """A site with one page; its port."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site.server_address[1]
        site.shutdown()


def browse(url: str, profile: Path) -> str:
    """What a page shows once its script is done. ``evil.example`` leads to this machine."""
    assert CHROMIUM is not None
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom")
    names = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    command = [CHROMIUM, *options, names, f"--user-data-dir={profile}", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_a_page_of_another_site_neither_reads_nor_changes(tmp_path: Path) -> None:
    """Simple requests, requests with headers, GETs, by the emulator's address and by a name of the page's own."""
    with running_server("--trainer", "scripted") as server:
        port = server.url.rpartition(":")[2]
        for target in (server.url, f"http://localhost:{port}", f"http://evil.example:{port}"):
            with serving(SCRIPT % target) as site:
                shown = browse(f"http://evil.example:{site}/", tmp_path / "profile")
            said = re.search(r"<p id=\"said\">(.*?)</p>", shown)
            assert said is not None, shown
            assert len(json.loads(said[1])) == 8, shown
            assert "GOT" not in said[1], shown
        rebound = browse(f"http://evil.example:{port}/emulator/v1/journal", tmp_path / "profile")
        assert "none of this emulator's names" in rebound
        assert not httpx.get(f"{server.url}/emulator/v1/clock").json()["frozen"]
        assert httpx.get(f"{server.url}/v1beta/tunedModels", headers={"x-goog-api-key": "k"}).json() == {}
        assert not httpx.get(f"{server.url}/storage/v1/b?project=p").json()["items"]


def test_a_page_of_ones_own_may(tmp_path: Path) -> None:
    """The same page on loopback reads and changes what no header keeps it from: the test above can fail."""
    with running_server("--trainer", "scripted") as server, serving(SCRIPT % server.url) as site:
        shown = browse(f"http://localhost:{site}/", tmp_path / "profile")
        assert "GOT /v1beta/tunedModels" in shown
        models = httpx.get(f"{server.url}/v1beta/tunedModels", headers={"x-goog-api-key": "k"}).json()
        assert models["tunedModels"]
