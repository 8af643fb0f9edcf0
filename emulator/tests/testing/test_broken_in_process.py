"""Without a socket there is no connection to break; the client's error is the same."""

from __future__ import annotations

import httpx
import pytest

from tuning_emulator.middleware.faults import Fault
from tuning_emulator.testing.in_process import InProcess, in_process

SAY = {"contents": [{"parts": [{"text": "one two three four"}]}]}
PATH = "/v1beta/models/gemini-2.5-flash"


async def add_fault(running: InProcess, fault: Fault) -> None:
    running.emulator.middleware.faults.add(fault)


def test_broken_connections_in_process() -> None:
    """Before any byte, by reset, and in the middle of a stream: httpx's own errors."""
    with in_process() as running:
        client = httpx.Client(transport=running.transport, base_url=running.url, headers={"x-goog-api-key": "key"})
        running.run(add_fault(running, Fault(method="GenerateContent", break_at="start", nth=(1,))))
        running.run(add_fault(running, Fault(method="GenerateContent", break_at="start", manner="reset", nth=(2,))))
        running.run(add_fault(running, Fault(method="StreamGenerateContent", cut_after=1)))
        with pytest.raises(httpx.RemoteProtocolError, match="Server disconnected"):
            client.post(f"{PATH}:generateContent", json=SAY)
        with pytest.raises(httpx.ReadError, match="Connection reset"):
            client.post(f"{PATH}:generateContent", json=SAY)
        assert client.post(f"{PATH}:generateContent", json=SAY).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(f"{PATH}:streamGenerateContent", params={"alt": "sse"}, json=SAY)
        assert [one.fired for one in running.emulator.middleware.faults] == [1, 1, 1]
