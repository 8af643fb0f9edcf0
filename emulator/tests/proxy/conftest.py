"""One server for the tests of this room, and how clients are led to it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.server_process import running_server


@dataclass(frozen=True, slots=True)
class Led:
    """A running server. ``ca``: its certificate authority's file."""

    url: str
    storage_url: str
    ca: Path

    @property
    def port(self) -> int:
        """Of everything."""
        return int(self.url.rpartition(":")[2])

    def open_client(self, token: str = "anything") -> httpx.Client:
        """A client that asks Google's hosts and has the server as its proxy, credentials included."""
        return httpx.Client(
            proxy=self.url,
            verify=ssl.create_default_context(cafile=str(self.ca)),
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )


@pytest.fixture(scope="session")
def led(process: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Led]:
    """A server that lets through one host that is no machine, and everything to port 9 of this one."""
    folder = tmp_path_factory.mktemp("intercept")
    passes = ("--pass-host", "nowhere.invalid", "--pass-host", "127.0.0.1")
    with running_server(
        "--trainer",
        "scripted",
        "--data-dir",
        str(folder),
        "--project",
        "some-project",
        "--bucket",
        "my-bucket",
        *passes,
    ) as one:
        ca = folder / "served.pem"
        ca.write_bytes(httpx.get(f"{one.url}/emulator/v1/ca.pem").raise_for_status().content)
        yield Led(one.url, one.environment["STORAGE_EMULATOR_HOST"], ca)
