"""The environment of a program that is led to an emulator, and the files that it names."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tuning_emulator.cli.leading import Reached, create_environment
from tuning_emulator.proxy.certificates import Authority


@cache
def make_certificate() -> bytes:
    """An emulator's."""
    with TemporaryDirectory() as folder:
        return Authority(Path(folder)).certificate


def reach(**changes: object) -> Reached:
    """An emulator as read."""
    certificate = make_certificate()
    values = {"url": "http://127.0.0.1:8790", "storage_url": "http://127.0.0.1:8791", "certificate": certificate}
    values |= {"token": "t", "project": "p", "account": "a", "hosts": ("h",), "pass_hosts": ()}
    return Reached(**{**values, **changes})  # type: ignore[arg-type]


def test_what_was_set_before_is_kept(tmp_path: Path) -> None:
    """Own roots, Node options, keys and hosts without proxy stay, except where they would lead to Google."""
    mine = f"# mine\n{make_certificate().decode()}"
    roots = str(tmp_path / "roots.pem")
    Path(roots).write_text(mine)
    own = {"SSL_CERT_FILE": roots, "NODE_EXTRA_CA_CERTS": roots, "NODE_OPTIONS": "--trace-warnings", "PATH": "/bin"}
    own |= {"NO_PROXY": "db,.corp.example,.googleapis.com,169.254.0.0/16,*", "GOOGLE_API_KEY": "key"}
    made = create_environment(reach(), tmp_path, own)
    assert made["NO_PROXY"] == made["no_proxy"] == "localhost,127.0.0.1,::1,db,.corp.example"
    assert made["NODE_OPTIONS"].startswith("--trace-warnings --require ")
    assert (made["GOOGLE_API_KEY"], "GEMINI_API_KEY" in made) == ("key", False)
    assert made["STORAGE_EMULATOR_HOST"] == "http://127.0.0.1:8791"
    for name in ("SSL_CERT_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "NODE_EXTRA_CA_CERTS"):
        assert Path(made[name]).read_text() == mine + make_certificate().decode()
    assert "GOOGLE_GEMINI_BASE_URL" not in made
    assert create_environment(reach(), tmp_path, own, base_urls=True)["GOOGLE_GEMINI_BASE_URL"] == reach().url
    assert create_environment(reach(), tmp_path, {"PATH": "/bin", "GOOGLE_API_KEY": ""})["GEMINI_API_KEY"] == "emulator"


def test_an_emulator_elsewhere(tmp_path: Path) -> None:
    """Its storage address would mean nothing here, so storage is reached by Google's name; it needs no proxy itself."""
    made = create_environment(reach(url="http://emulator:80"), tmp_path, {"PATH": "/bin"})
    assert "STORAGE_EMULATOR_HOST" not in made
    assert made["NO_PROXY"].endswith(",emulator")
    assert made["GCE_METADATA_HOST"] == "emulator:80"


def test_the_system_roots_are_kept(tmp_path: Path) -> None:
    """Hosts that are let through are verified as ever: the bundle has the system's roots and one more."""
    made = create_environment(reach(), tmp_path, {"PATH": "/bin"})
    assert Path(made["REQUESTS_CA_BUNDLE"]).read_text().count("BEGIN CERTIFICATE") > 20
