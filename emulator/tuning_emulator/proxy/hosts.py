"""Which hosts the emulator stands in for, and what becomes of connections to all others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

import httptools


class Service(Enum):
    """One of Google's services that clients of the tuning APIs talk to, by its own host names."""

    APIS = "the Gemini API and Vertex AI"
    STORAGE = "Cloud Storage"
    TOKENS = "OAuth tokens"
    PROJECTS = "Resource Manager"
    METADATA = "the metadata server"


_HOSTS = {
    "generativelanguage.googleapis.com": Service.APIS,
    "aiplatform.googleapis.com": Service.APIS,
    "aiplatform.us.rep.googleapis.com": Service.APIS,
    "aiplatform.eu.rep.googleapis.com": Service.APIS,
    "storage.googleapis.com": Service.STORAGE,
    "www.googleapis.com": Service.STORAGE,
    "oauth2.googleapis.com": Service.TOKENS,
    "cloudresourcemanager.googleapis.com": Service.PROJECTS,
    "metadata.google.internal": Service.METADATA,
    "metadata": Service.METADATA,
    "169.254.169.254": Service.METADATA,
}
STORAGE_SUFFIX = ".storage.googleapis.com"
"""Of hosts that begin with a bucket's name."""
_REGIONAL = re.compile(r"[a-z0-9-]+-aiplatform\.googleapis\.com")

HOSTS = (*_HOSTS, "*-aiplatform.googleapis.com", f"*{STORAGE_SUFFIX}")
"""All of them, as patterns; what the preload for Node is told."""


def find_service(host: str) -> Service | None:
    """The service of a host name, in lower case and without port; None when it is not one of those above."""
    if host.endswith(STORAGE_SUFFIX):
        return Service.STORAGE
    return _HOSTS.get(host) or (Service.APIS if _REGIONAL.fullmatch(host) else None)


class PassHosts:
    """Hosts that are let through to the network.

    Args:
        patterns: ``example.com``, ``*.example.com`` for all below it, ``*`` for any; each may end in ``:PORT``.
        own: Addresses of the emulator itself and its storage, which clients may reach through it as well.

    Raises:
        ValueError: a pattern is none; the text shows it.
    """

    def __init__(self, patterns: Iterable[str], own: Iterable[tuple[str, int]] = ()) -> None:
        patterns = list(patterns)
        self._patterns = [parse_pattern(pattern) for pattern in patterns]
        self._named = [parse_pattern(pattern) for pattern in patterns if "*" not in pattern]
        self._own = frozenset(own)

    def allow(self, host: str, port: int) -> bool:
        """Whether a client may go there."""
        return (host, port) in self._own or match_host(self._patterns, host, port)

    def find_service(self, host: str, port: int) -> Service | None:
        """``find_service``, but for hosts that are let through by their whole name: those are the real ones."""
        return None if match_host(self._named, host, port) else find_service(host)


def match_host(patterns: Iterable[tuple[re.Pattern[str], int | None]], host: str, port: int) -> bool:
    """Whether one of the patterns, as ``parse_pattern`` gives them, is of this host and port."""
    return any(only in (None, port) and pattern.fullmatch(host) for pattern, only in patterns)


def parse_pattern(pattern: str) -> tuple[re.Pattern[str], int | None]:
    """A pattern of hosts, and the only port meant, or None.

    Raises:
        ValueError: it is none.
    """
    host, colon, port = (
        pattern.strip().lower().rpartition(":") if pattern.count(":") == 1 else (pattern.lower(), "", "")
    )
    if not re.fullmatch(r"\*|(\*\.)?[a-z0-9_.-]+|\[?[0-9a-f:]+\]?", host) or (colon and not port.isdigit()):
        raise ValueError(f"{pattern!r} is not a host like example.com, *.example.com, example.com:443 or *")
    text = ".*" if host == "*" else re.escape(host.strip("[]")).replace(r"\*\.", r"(?:.+\.)")
    return re.compile(text), int(port) if port else None


def parse_address(text: str, default_port: int) -> tuple[str, int] | None:
    """``host:port``, ``host``, ``[::1]:port`` → host in lower case, without brackets, and port; None: it is none."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/@\[\]]+))(?::(\d{1,5}))?", text)
    if found is None or not 0 < int(found[3] or default_port) < 1 << 16:
        return None
    return (found[1] or found[2]).lower().removesuffix("."), int(found[3] or default_port)


def read_url_host(url: bytes) -> bytes:
    """The Host header that a whole URL stands for; b"" when it names no host."""
    parsed = httptools.parse_url(url)
    if not parsed.host:
        return b""
    host = b"[%s]" % parsed.host if b":" in parsed.host else parsed.host
    return b"%s:%d" % (host, parsed.port) if parsed.port else host


_LOOPBACK = re.compile(r"localhost|.+\.localhost|127(\.\d+){3}|::1")


def is_loopback(host: str) -> bool:
    """Whether a host, in lower case, is this machine whatever any name server says (RFC 6761 6.3)."""
    return _LOOPBACK.fullmatch(host) is not None


def format_refusal(host: str) -> str:
    """What a client is told whose host is neither served nor let through."""
    return (
        f"{host} is not served by tuning-emulator and not let through to the network; "
        f"to let it through, set TUNING_EMULATOR_PASS_HOSTS={host} or --pass-host {host}"
    )


_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 what a client types for "every address"


def format_url(host: str, port: int) -> str:
    """The address that a client on this machine types for a server that listens on ``host``."""
    reachable = _REACHABLE.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
