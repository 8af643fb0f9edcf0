"""The server as a user starts it: REST and gRPC at one port, and nothing of gRPC before it is wanted."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.gemini.test_gapic import make_request
from tests.server_process import RunningServer, start_server, stop_server

gapic = pytest.importorskip("google.ai.generativelanguage_v1beta")

pytestmark = pytest.mark.process
PROGRAM = """
import sys
import tuning_emulator.server
from tuning_emulator.app import create_app
from tuning_emulator.settings import Settings
create_app(Settings(trainer='scripted', storage='cloud'))
print([name for name in sys.modules if name.partition('.')[0] == 'h2' or name.startswith('tuning_emulator.grpc')])
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A running server. Clients send no credentials through a channel that is not Google's own."""
    one = start_server("--trainer", "scripted", "--data-dir", str(tmp_path), "--anonymous")
    yield one
    if one.process.poll() is None:
        stop_server(one)


def make_client(kind: Any, channel: grpc.Channel) -> Any:
    """A client of one service."""
    return kind(transport=kind.get_transport_class("grpc")(channel=channel))


def test_rest_and_grpc_share_a_port(server: RunningServer) -> None:
    """What one creates the other shows; the server stops at once though a channel is open."""
    with grpc.insecure_channel(server.url.removeprefix("http://")) as channel:
        models = make_client(gapic.ModelServiceClient, channel)
        operation = models.create_tuned_model(make_request("numbers"))
        assert operation.result(timeout=30).name == "tunedModels/numbers"
        request = urllib.request.Request(f"{server.url}/v1beta/tunedModels/numbers")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert b'"state": "ACTIVE"' in answer.read()
        speaker = make_client(gapic.GenerativeServiceClient, channel)
        contents = [gapic.Content(parts=[gapic.Part(text="eighty")])]
        asked = gapic.GenerateContentRequest(model="tunedModels/numbers", contents=contents)
        pieces = list(speaker.stream_generate_content(asked))
        assert "".join(part.text for one in pieces for part in one.candidates[0].content.parts) == "eighty one"
        assert stop_server(server) in (0, -signal.SIGTERM)


def test_nothing_of_grpc_is_loaded_before_it_is_wanted() -> None:
    """Neither h2 nor the room itself: an idle server pays nothing."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
