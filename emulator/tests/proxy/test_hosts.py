"""Which hosts are served, let through, refused."""

from __future__ import annotations

import pytest

from tuning_emulator.proxy.hosts import PassHosts, Service, find_service, parse_address

SERVED = {
    "generativelanguage.googleapis.com": Service.APIS,
    "aiplatform.googleapis.com": Service.APIS,
    "us-central1-aiplatform.googleapis.com": Service.APIS,
    "aiplatform.us.rep.googleapis.com": Service.APIS,
    "aiplatform.eu.rep.googleapis.com": Service.APIS,
    "storage.googleapis.com": Service.STORAGE,
    "oauth2.googleapis.com": Service.TOKENS,
    "cloudresourcemanager.googleapis.com": Service.PROJECTS,
    "metadata.google.internal": Service.METADATA,
    "169.254.169.254": Service.METADATA,
}


@pytest.mark.parametrize("host", SERVED)
def test_served_hosts(host: str) -> None:
    """Every host that the clients of the tuning APIs have written into them."""
    assert find_service(host) is SERVED[host]


OTHERS = (
    *("example.com", "googleapis.com", "x.aiplatform.googleapis.com", "bigquery.googleapis.com", ""),
    *("generativelanguage.googleapis.com.example.com", "evil-generativelanguage.googleapis.com"),
)


@pytest.mark.parametrize("host", OTHERS)
def test_other_hosts(host: str) -> None:
    """Names that merely look like one are none."""
    assert find_service(host) is None


@pytest.mark.parametrize(
    ("pattern", "host", "port", "allowed"),
    [
        ("example.com", "example.com", 443, True),
        ("example.com", "www.example.com", 443, False),
        ("*.example.com", "www.example.com", 443, True),
        ("*.example.com", "a.b.example.com", 80, True),
        ("*.example.com", "example.com", 443, False),
        ("*.example.com", "badexample.com", 443, False),
        ("example.com:8443", "example.com", 8443, True),
        ("example.com:8443", "example.com", 443, False),
        ("Example.com", "example.com", 443, True),
        ("*", "anything.at.all", 1, True),
        ("*:443", "anything.at.all", 80, False),
        ("::1", "::1", 80, True),
        ("1.2.3.4", "1.2.3.4", 80, True),
        ("1.2.3.4", "1x2.3.4", 80, False),
    ],
)
def test_patterns(pattern: str, host: str, port: int, *, allowed: bool) -> None:
    """What a setting lets through, and no more."""
    assert PassHosts([pattern]).allow(host, port) is allowed


@pytest.mark.parametrize("pattern", ["", "https://example.com", "exa mple.com", "*example.com", "example.com:https"])
def test_bad_patterns(pattern: str) -> None:
    """What is no host is said to be none, with the value."""
    with pytest.raises(ValueError, match="is not a host like") as caught:
        PassHosts([pattern])
    assert repr(pattern) in str(caught.value)


def test_real_hosts_only_by_name() -> None:
    """To reach Google itself its host must be named in full: letting everything through does not mean that."""
    host = "storage.googleapis.com"
    assert PassHosts(["*", "*.googleapis.com"]).find_service(host, 443) is Service.STORAGE
    assert PassHosts([host]).find_service(host, 443) is None
    assert PassHosts([f"{host}:80"]).find_service(host, 443) is Service.STORAGE


def test_own_addresses() -> None:
    """The emulator itself is reached through itself, other ports of the machine are not."""
    passes = PassHosts([], [("127.0.0.1", 8790)])
    assert passes.allow("127.0.0.1", 8790)
    assert not passes.allow("127.0.0.1", 22)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("example.com:443", ("example.com", 443)),
        ("Example.COM", ("example.com", 80)),
        ("example.com.:443", ("example.com", 443)),
        ("[::1]:8790", ("::1", 8790)),
        ("example.com:0", None),
        ("example.com:70000", None),
        ("user@example.com:443", None),
        ("a b:443", None),
        ("", None),
    ],
)
def test_addresses(text: str, address: tuple[str, int] | None) -> None:
    """Hosts and ports as request lines and headers have them."""
    assert parse_address(text, 80) == address
