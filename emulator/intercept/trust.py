"""The certificates that a program under ``exec`` trusts: the system's, and the emulator's authority."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",  # OpenSSL: Python's ssl, httpx, aiohttp; Go
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
"""Each names a file that replaces the roots of some clients."""

_USUAL_PLACES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def write_bundle(path: Path, certificate: bytes, environment: Mapping[str, str] = os.environ) -> None:
    """Writes the roots that this environment trusts by now, and the authority's certificate, to one file.

    Raises:
        OSError: it cannot be written.
    """
    path.write_bytes(read_roots(environment).rstrip() + b"\n" + certificate)


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
    for name in BUNDLE_VARIABLES:
        if environment.get(name):
            yield environment[name]
    defaults = ssl.get_default_verify_paths()
    yield from (place for place in (defaults.cafile, defaults.openssl_cafile, *_USUAL_PLACES) if place)
    if find_spec("certifi") is not None:
        import certifi

        yield certifi.where()
