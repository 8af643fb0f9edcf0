"""The control API's client: what keeps an answer from coming is said, and nothing half is left."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuning_emulator.testing.client import Control, ControlError, NoAnswerError

BROKEN = b"half of it"


class Broken(http.server.BaseHTTPRequestHandler):
    """Breaks off every answer, and tells no JSON."""

    def do_GET(self) -> None:
        """Less than was announced, but for health."""
        health = self.path.endswith("/health")
        refused = self.path.endswith("/faults")
        self.send_response(503 if refused else 200)
        self.send_header("Content-Length", str(len(BROKEN) + (0 if health or refused else 100)))
        self.end_headers()
        self.wfile.write(BROKEN)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def broken() -> Iterator[str]:
    """Its URL."""
    with http.server.HTTPServer(("127.0.0.1", 0), Broken) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_archive_is_there_whole_or_not_at_all(broken: str, tmp_path: Path) -> None:
    """What was there before stays."""
    archive = tmp_path / "state.tar.gz"
    archive.write_bytes(b"old")
    with pytest.raises(NoAnswerError, match="broke off 100 bytes before the end"):
        Control(broken).export_snapshot(archive)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("state.tar.gz", b"old")]


def test_what_is_no_emulator_is_told_from_one_that_refuses(broken: str) -> None:
    """Something else at that port answers without JSON, or breaks off; a refusal keeps its words."""
    with pytest.raises(NoAnswerError, match=r"nothing answers at http://127.0.0.1:\d+: b'half of it' is not JSON"):
        Control(broken).health()
    with pytest.raises(NoAnswerError):
        Control(broken).clock.now()
    with pytest.raises(ControlError, match=BROKEN.decode()) as caught:
        Control(broken).faults.list()
    assert caught.value.status == 503
