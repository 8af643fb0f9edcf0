"""A certificate authority of the emulator's own, and the TLS contexts of the hosts that it stands in for.

Clients trust it by variables of their own process (``SSL_CERT_FILE`` and the like); it is never added to the system.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tuning_emulator.proxy.variables import ROOTS, TRUST_PASSWORD, VARIABLES

AUTHORITY_DAYS = 3650
RENEW_DAYS = 30
"""An authority that ends within so many days is replaced when the emulator starts to use it."""

HOST_DAYS = 397
"""Some clients refuse certificates of servers that are valid for more than 398 days (support.apple.com/HT211025)."""

_MAX_HOSTS = 512
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*")
_PROTOCOLS = ["http/1.1", "h2"]
"""In our order: gRPC clients offer h2 alone, what offers both is an HTTP client and gets HTTP/1.1."""


class AuthorityError(OSError):
    """The authority's files cannot be used; the text names them and says what to do."""


@dataclass(frozen=True, slots=True)
class _Signer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Authority:
    """Certificates for any host, signed by one authority, made when first asked for.

    Args:
        directory: Where ``ca.pem`` and ``ca.key`` are kept; made if need be.
        names: Hosts and addresses of the emulator itself, for clients that name no host.

    Raises:
        AuthorityError: the files are there and are not what they should be, or cannot be written.
    """

    def __init__(self, directory: Path, names: Sequence[str] = ()) -> None:
        self._directory = directory
        self._names = ("localhost", "127.0.0.1", "::1", socket.gethostname(), *names)
        self._signer = load_signer(directory) or create_signer(directory)
        self._host_key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}

    @property
    def certificate(self) -> bytes:
        """What clients have to trust, PEM."""
        return self._signer.certificate.public_bytes(Encoding.PEM)

    def create_context(self, host: str) -> ssl.SSLContext:
        """The context for one connection: certificates by the name that the client asks for.

        Args:
            host: Name or address that the client is known to want, for one that sends no name.
        """
        return self._find((host, *self._names))

    def _find(self, names: tuple[str, ...]) -> ssl.SSLContext:
        context = self._contexts.get(names)
        if context is None:
            if len(self._contexts) >= _MAX_HOSTS:
                self._contexts.clear()
            context = self._contexts[names] = self._make(names)
        return context

    def _choose(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        if name is not None:
            if not _HOST.fullmatch(name.lower()):
                return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
            connection.context = self._find((name.lower(),))
        return None

    def _make(self, names: tuple[str, ...]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(_PROTOCOLS)
        context.sni_callback = self._choose
        certificate = sign_host(self._signer, self._host_key, names)
        _load(context, format_key(self._host_key) + certificate.public_bytes(Encoding.PEM), self._directory)
        return context


def load_signer(directory: Path) -> _Signer | None:
    """The authority kept in a directory; None when there is none, or it ends soon.

    Raises:
        AuthorityError: the files cannot be read, or do not fit together.
    """
    key_file, certificate_file = directory / "ca.key", directory / "ca.pem"
    try:
        key = load_pem_private_key(key_file.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise AuthorityError(
            f"{directory}: ca.key or ca.pem cannot be used: {error}; remove both for new ones"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise AuthorityError(f"{directory}: ca.key is not the key of ca.pem; remove both for new ones")
    ends = certificate.not_valid_after_utc
    return None if ends < datetime.now(UTC) + timedelta(days=RENEW_DAYS) else _Signer(certificate, key)


def create_signer(directory: Path) -> _Signer:
    """Makes a new authority and keeps it; its key's file is for its owner's eyes only.

    Raises:
        AuthorityError: the directory cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tuning-emulator on " + socket.gethostname()[:40])])
    builder = _begin(name, name, key.public_key(), key.public_key(), AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(sign_certificates=True), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _write_private(directory / "ca.key", format_key(key))
        _write_private(directory / "ca.pem", certificate.public_bytes(Encoding.PEM))
        (directory / "ca.pem").chmod(0o644)
    except OSError as error:
        raise AuthorityError(f"{directory}: cannot keep the certificate authority: {error}") from error
    return _Signer(certificate, key)


def sign_host(signer: _Signer, key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> x509.Certificate:
    """A server's certificate for these names and addresses."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    issuer = signer.certificate
    builder = _begin(subject, issuer.subject, key.public_key(), signer.key.public_key(), HOST_DAYS)
    general = [parsed for name in dict.fromkeys(names) if (parsed := _parse_name(name)) is not None]
    builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(sign_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer.key, hashes.SHA256())


def format_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PEM, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    days: int,
) -> x509.CertificateBuilder:
    """What both kinds have: names, key, days, and the identifiers that strict verifiers ask for."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=days))
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    return builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _parse_name(name: str) -> x509.GeneralName | None:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return x509.DNSName(name.lower()) if _HOST.fullmatch(name.lower()) else None


def _load(context: ssl.SSLContext, chain: bytes, directory: Path) -> None:
    """Python's TLS takes keys from files only."""
    handle, path = tempfile.mkstemp(dir=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(chain)
        context.load_cert_chain(path)
    finally:
        with suppress(OSError):
            Path(path).unlink()


def _write_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner may read; whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


# --- the certificates that a program under ``exec`` trusts

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_USUAL_PLACES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def write_bundle(path: Path, certificate: bytes, environment: Mapping[str, str] = os.environ) -> None:
    """Writes the roots that this environment trusts by now, and the authority's certificate, to one file.

    Raises:
        OSError: it cannot be written.
    """
    path.write_bytes(read_roots(environment).rstrip() + b"\n" + certificate)


def write_trust_store(path: Path, certificates: bytes) -> None:
    """Writes certificates, PEM, as the JVM reads them (``javax.net.ssl.trustStore``): PKCS #12 with a known password.

    Raises:
        OSError: it cannot be written.
    """
    entries = [pkcs12.PKCS12Certificate(one, f"{number}".encode()) for number, one in enumerate(_parse(certificates))]
    protection = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1).build(TRUST_PASSWORD.encode())
    path.write_bytes(pkcs12.serialize_java_truststore(entries, protection))


def _parse(certificates: bytes) -> Iterator[x509.Certificate]:
    """Those of a bundle that can be read: some machines trust one with a serial number that RFC 5280 forbids."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in _CERTIFICATE.findall(certificates):
            with suppress(ValueError):
                yield x509.load_pem_x509_certificate(text)


def read_roots(environment: Mapping[str, str]) -> bytes:
    """The roots in use: those that the environment names, else the system's, else certifi's; PEM."""
    for place in _list_places(environment):
        try:
            content = Path(place).read_bytes()
        except OSError:
            continue
        if b"BEGIN CERTIFICATE" in content:
            return content
    context = ssl.create_default_context()  # Windows and macOS keep theirs in no file
    return "".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True))).encode()


def _list_places(environment: Mapping[str, str]) -> Iterator[str]:
    yield from (environment[one.name] for one in VARIABLES if one.value == ROOTS and environment.get(one.name))
    defaults = ssl.get_default_verify_paths()
    yield from (place for place in (defaults.cafile, defaults.openssl_cafile, *_USUAL_PLACES) if place)
    if find_spec("certifi") is not None:
        import certifi

        yield certifi.where()
