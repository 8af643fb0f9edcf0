"""Requests that offer to go on in another protocol, as ``curl --http2`` and Java's HttpClient do on plain HTTP."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, BinaryIO

import pytest

from tests.server_process import RunningServer, running_server


@pytest.fixture(scope="module")
def server(process: None) -> Iterator[RunningServer]:
    """One server for all of them."""
    with running_server("--trainer", "scripted", "--storage-port", "0") as running:
        yield running


OFFER = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
"""What ``curl --http2`` and Java's HttpClient add to their first request to a plain HTTP server."""


def read_answer(stream: BinaryIO) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON body of one answer."""
    status = int(stream.readline().split()[1])
    lines = iter(lambda: stream.readline().decode().strip(), "")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return status, headers, json.loads(stream.read(int(headers["content-length"])))


@pytest.mark.parametrize(
    "pieces", [[], [-1], [10, 200], range(1, 900, 7)], ids=["whole", "body later", "thirds", "bits"]
)
def test_a_request_that_offers_an_upgrade_keeps_its_body(server: RunningServer, pieces: Iterable[int]) -> None:
    """The offer is ignored, however the request is cut; the connection goes on with the next request."""
    body = json.dumps({"displayName": "offered", "foo": 1}).encode()
    head = f"POST /v1beta/tunedModels HTTP/1.1\r\nHost: x\r\nx-goog-api-key: k\r\n{OFFER}"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    after = b"GET /v1beta/tunedModels?pageSize=1 HTTP/1.1\r\nHost: x\r\nx-goog-api-key: k\r\nConnection: close\r\n\r\n"
    data = head.encode() + body + after
    cuts = [len(head) if cut < 0 else cut for cut in pieces if cut < len(data)]
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in pairwise([0, *cuts, len(data)]):
            connection.sendall(data[start:end])
        with connection.makefile("rb") as stream:
            status, _, answer = read_answer(stream)
            assert (status, 'Unknown name "foo" at' in answer["error"]["message"]) == (400, True), answer
            assert read_answer(stream)[0] == 200
            assert stream.read() == b""


def test_an_offer_with_a_close_is_closed(server: RunningServer) -> None:
    """What else the Connection header says still holds."""
    host, port = server.url.removeprefix("http://").split(":")
    offer = OFFER.replace("Upgrade,", "close, Upgrade,")
    request = f"GET /v1beta/models HTTP/1.1\r\nHost: x\r\nx-goog-api-key: k\r\n{offer}\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as connection, connection.makefile("rb") as stream:
        connection.sendall(request.encode())
        assert read_answer(stream)[0] == 200
        assert stream.read() == b""


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_with_http2(server: RunningServer) -> None:
    """As the body says, not as if it were empty."""
    command = ["curl", "-s", "--http2", "-H", "x-goog-api-key: k", "-H", "content-type: application/json"]
    command += ["-d", '{"foo": 1}', f"{server.url}/v1beta/tunedModels"]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
    assert 'Unknown name "foo" at' in answer["error"]["message"]
