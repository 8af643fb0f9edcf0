"""What the project is made of is known: its bill of materials is whole, and an audit that reached nobody says so."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from contract_tests.parity_environment import ParityEnvironmentError
from scripts.audit import LOCK, Audit, UnreachedError, format_ages, read_audit, read_pins, read_releases
from scripts.sbom import WEIGHTS, Bom, write_bom

ROOT = Path(__file__).resolve().parent.parent
TODAY = datetime(2026, 1, 11, tzinfo=UTC)
PYLOCK = """
lock-version = "1.0"
[[packages]]
name = "h2"
version = "4.4.1"
sdist = { url = "https://example.com/h2.tar.gz", upload-time = 2026-01-02T10:00:00Z }
wheels = [{ url = "https://example.com/h2.whl", upload-time = 2026-01-01T10:00:00Z }]
[[packages]]
name = "idna"
version = "3.20"
wheels = [{ url = "https://example.com/idna.whl" }]
"""


def test_findings_are_told() -> None:
    """One line each, with what would help; what the database does not know is named."""
    known = {"name": "h2", "version": "4.0", "vulns": [{"id": "CVE-1", "fix_versions": ["4.1", "4.2"]}]}
    clean = {"name": "idna", "version": "3.20", "vulns": []}
    strange = {"name": "torch", "skip_reason": "not found"}
    report = json.dumps({"dependencies": [known, clean, strange], "fixes": []})
    assert read_audit(report) == Audit(2, {"torch": "not found"}, ["h2 4.0: CVE-1, fixed in 4.1, 4.2"])


@pytest.mark.parametrize(
    "report",
    ["", "{}", '{"dependencies": []}', '{"dependencies": [{"name": "h2", "skip_reason": "Dependency not found"}]}'],
)
def test_an_audit_that_checked_nothing_is_none(report: str) -> None:
    """pip-audit ends well when its database knows no package at all, which is how one answers that is not there."""
    with pytest.raises(UnreachedError):
        read_audit(report)


def test_ages_are_those_of_the_first_file() -> None:
    """The oldest first; a version of which the index tells no day is unknown, not new."""
    released = read_releases(PYLOCK)
    assert released == {"h2": datetime(2026, 1, 1, 10, tzinfo=UTC)}
    lines = format_ages({"idna": "3.20", "h2": "4.4.1"}, released, TODAY).splitlines()
    assert [line.split() for line in lines] == [["h2", "4.4.1", "2026-01-01", "9", "days"], ["idna", "3.20", "unknown"]]


@pytest.fixture(scope="module")
def bom(process: None, tmp_path_factory: pytest.TempPathFactory) -> Bom:
    """The bill of materials; validated by cyclonedx-python-lib, whose word ends the script."""
    try:
        return write_bom(tmp_path_factory.mktemp("bom") / "sbom.json")
    except ParityEnvironmentError as error:
        pytest.skip(f"cyclonedx-bom cannot be installed: {error}")


@pytest.mark.slow
def test_bill_holds_every_pin(bom: Bom) -> None:
    """Each version of the lock, with a package address; local parts of a version aside."""
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    found = {canonicalize_name(part["name"]): part for part in bom["components"]}
    pins = {canonicalize_name(name): version for name, version in read_pins(LOCK.read_text("utf-8")).items()}
    assert {name: found[name]["version"].partition("+")[0] for name in pins} == pins
    assert all(found[name]["purl"].startswith(f"pkg:pypi/{name}@") for name in pins)


@pytest.mark.slow
def test_bill_holds_what_is_shipped(bom: Bom) -> None:
    """The wheel and the weights in it, each with its hash and its licence."""
    refs = {part["bom-ref"]: part for part in bom["components"]}
    weights, wheel = refs["base-model"], refs["wheel"]
    assert weights["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}]
    assert weights["type"] == "machine-learning-model"
    assert wheel["name"].endswith(".whl")
    assert len(wheel["hashes"][0]["content"]) == 64
    for part in (weights, wheel):
        assert part["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    edges = {row["ref"]: row.get("dependsOn", []) for row in bom["dependencies"]}
    assert edges["wheel"] == ["base-model"]
    assert "wheel" in edges[bom["metadata"]["component"]["bom-ref"]]


@pytest.mark.slow
def test_bill_says_who_gets_what(bom: Bom) -> None:
    """The server has no torch; nobody who uses it gets the linter."""
    scopes = {str(canonicalize_name(part["name"])): part["scope"] for part in bom["components"]}
    assert {scopes[name] for name in ("h2", "hpack", "pydantic-core", "uvicorn")} == {"required"}
    assert {scopes[name] for name in ("torch", "sympy", "google-cloud-storage", "rich")} == {"optional"}
    assert {scopes[name] for name in ("ruff", "pytest", "zizmor", "hypothesis")} == {"excluded"}


def test_tools_are_pinned() -> None:
    """They are installed without resolution: every line is a version."""
    lines = (ROOT / "scripts" / "supply.txt").read_text("utf-8").splitlines()
    assert all("==" in line for line in lines if not line.startswith("#"))
    assert {"pip-audit", "uv", "cyclonedx-bom"} <= {line.partition("==")[0] for line in lines}
