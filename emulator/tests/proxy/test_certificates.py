"""The certificate authority: strict clients accept its certificates, its key is private, its files are kept."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tuning_emulator.proxy import certificates as subject
from tuning_emulator.proxy.certificates import Authority, AuthorityError

GEMINI = "generativelanguage.googleapis.com"


def shake_hands(
    authority: Authority, host: str, *, sent: bool = True, alpn: tuple[str, ...] = ()
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """A handshake in memory with a client as strict as OpenSSL can be; both sides afterwards."""
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    trusting.check_hostname = sent
    if alpn:
        trusting.set_alpn_protocols(list(alpn))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(back, there, server_hostname=host if sent else None)
    server = authority.create_context(host).wrap_bio(there, back, server_side=True)
    waiting = [client, server]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
        if not waiting:
            return client, server
    raise AssertionError("no end of the handshake")


@pytest.mark.parametrize("host", [GEMINI, "us-central1-aiplatform.googleapis.com", "localhost", "127.0.0.1", "::1"])
def test_any_host_is_certified(tmp_path: Path, host: str) -> None:
    """A client that verifies everything, names included, is content with each host that it may ask for."""
    client, _ = shake_hands(Authority(tmp_path), host)
    certificate = client.getpeercert()
    assert certificate is not None
    kind = "IP Address" if host[0] in "1:" else "DNS"
    assert (kind, host.replace("::1", "0:0:0:0:0:0:0:1")) in certificate["subjectAltName"]


@pytest.mark.parametrize(
    ("offered", "agreed"), [(("h2",), "h2"), (("h2", "http/1.1"), "http/1.1"), (("http/1.1",), "http/1.1"), ((), None)]
)
def test_h2_only_for_those_that_speak_nothing_else(
    tmp_path: Path, offered: tuple[str, ...], agreed: str | None
) -> None:
    """gRPC clients offer h2 alone; a client that also knows HTTP/1.1 gets that."""
    client, server = shake_hands(Authority(tmp_path), GEMINI, alpn=offered)
    assert client.selected_alpn_protocol() == server.selected_alpn_protocol() == agreed


def test_without_a_name_the_known_host_is_certified(tmp_path: Path) -> None:
    """A client in a tunnel that sends no name gets the certificate of where it asked to go."""
    client, _ = shake_hands(Authority(tmp_path), GEMINI, sent=False)
    certificate = client.getpeercert()
    assert certificate is not None
    assert ("DNS", GEMINI) in certificate["subjectAltName"]


def test_contexts_are_made_once(tmp_path: Path) -> None:
    """The second connection to a host costs no new certificate."""
    authority = Authority(tmp_path)
    first, _ = shake_hands(authority, GEMINI)
    second, _ = shake_hands(authority, GEMINI)
    assert first.getpeercert(binary_form=True) == second.getpeercert(binary_form=True)


def test_no_name_can_do_harm(tmp_path: Path) -> None:
    """A name that is none is refused within TLS."""
    with pytest.raises(ssl.SSLError, match=r"(?i)callback|unrecognized"):
        shake_hands(Authority(tmp_path), "no$name")


def test_the_authority_is_kept(tmp_path: Path) -> None:
    """The next emulator in the same directory is trusted by the same file, and nobody else reads the key."""
    folder = tmp_path / "tls"
    assert Authority(folder).certificate == Authority(folder).certificate == (folder / "ca.pem").read_bytes()
    assert (folder / "ca.key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["ca.key", "ca.pem"]


def test_an_ending_authority_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients are not left with a certificate that ends within days."""
    monkeypatch.setattr(subject, "AUTHORITY_DAYS", 20)
    old = Authority(tmp_path).certificate
    monkeypatch.undo()
    new = Authority(tmp_path)
    assert new.certificate != old
    ends = x509.load_pem_x509_certificate(new.certificate).not_valid_after_utc
    assert ends > datetime.now(UTC) + timedelta(days=3000)


@pytest.mark.parametrize("name", ["ca.key", "ca.pem"])
def test_damaged_files_are_named(tmp_path: Path, name: str) -> None:
    """What is damaged, or does not belong together, is said, and what to do; nothing is overwritten."""
    Authority(tmp_path)
    (tmp_path / name).write_text("nonsense")
    with pytest.raises(AuthorityError, match=r"remove both for new ones"):
        Authority(tmp_path)
    assert (tmp_path / name).read_text() == "nonsense"
    Authority(tmp_path / "other")
    (tmp_path / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(AuthorityError, match=r"is not the key"):
        Authority(tmp_path)
