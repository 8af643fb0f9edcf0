"""Writes build/sbom.json: what the wheel is made of and with, as a CycloneDX 1.6 bill of materials.

cyclonedx-py, in an environment of its own, lists what `.venv` has: every version of requirements.lock. Added are
the wheel itself and the weights of the base model, and of each package whether users get it (`scope`).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from contract_tests.parity_environment import make_environment
from scripts.audit import PINS, TOOLS

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "sbom.json"
WEIGHTS = ROOT / "trainer" / "tuning_trainer" / "base_model" / "model.safetensors"
SPEC_VERSION = "1.6"
DEVELOPERS = frozenset(("dev", "test"))
"""Extras of nobody who only uses the emulator."""

_LICENCE = [{"license": {"id": "Apache-2.0"}}]
_VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(str(error) if error else 0)
"""

Bom = dict[str, Any]


def list_environment(python: Path) -> Bom:
    """The bill of this environment, as cyclonedx-py sees it."""
    command = [str(python.with_name("cyclonedx-py")), "environment", sys.executable, "--pyproject", "pyproject.toml"]
    command += ["--spec-version", SPEC_VERSION, "--output-reproducible", "--output-format", "JSON"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    bom: Bom = json.loads(done.stdout)
    return bom


def build_wheel(folder: Path) -> Path:
    """The wheel, with the versions of the lock."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


def describe_wheel(wheel: Path) -> Bom:
    """The wheel as a component."""
    version = wheel.name.split("-")[1]
    return {
        "type": "library",
        "bom-ref": "wheel",
        "name": wheel.name,
        "version": version,
        "purl": f"pkg:pypi/tuning-emulator@{version}",
        "licenses": _LICENCE,
        "hashes": _hash(wheel),
    }


def describe_weights(version: str) -> Bom:
    """The base model's weights, which the wheel holds."""
    return {
        "type": "machine-learning-model",
        "bom-ref": "base-model",
        "name": "tuning-emulator-base-model",
        "version": version,
        "description": (
            "Weights of the embedded base model (safetensors), made by trainer/base_model_build; the lists of words "
            "that its data is generated from have licences of their own, which lie beside them in its folder data"
        ),
        "licenses": _LICENCE,
        "hashes": _hash(WEIGHTS),
    }


def _hash(file: Path) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}]


def mark_scopes(bom: Bom, project: dict[str, Any]) -> None:
    """Says who gets a package: everyone (required), users of an extra (optional), or developers alone (excluded)."""
    extras: dict[str, list[str]] = project["optional-dependencies"]
    required = find_all(project["dependencies"])
    optional = find_all(text for name, texts in extras.items() if name not in DEVELOPERS for text in texts)
    for part in bom["components"]:
        name = canonicalize_name(part["name"])
        part["scope"] = "required" if name in required else "optional" if name in optional else "excluded"


def find_all(requirements: Iterable[str]) -> set[str]:
    """The names of what is installed for these requirements, extras and markers heeded."""
    left = [Requirement(text) for text in requirements]
    done: set[tuple[str, str]] = set()
    while left:
        asked = left.pop()
        name = canonicalize_name(asked.name)
        for extra in {"", *asked.extras}:
            if (asked.marker is None or asked.marker.evaluate({"extra": ""})) and (name, extra) not in done:
                done.add((name, extra))
                left += [one for one in _list_requirements(name) if _is_wanted(one, extra)]
    return {name for name, _ in done}


def _list_requirements(name: str) -> list[Requirement]:
    try:
        return [Requirement(text) for text in requires(name) or []]
    except PackageNotFoundError:  # not for this platform
        return []


def _is_wanted(requirement: Requirement, extra: str) -> bool:
    """Whether a package needs another one when it is asked for with an extra; the extra's own mark is used up then."""
    if requirement.marker is None or not requirement.marker.evaluate({"extra": extra}):
        return requirement.marker is None
    requirement.marker = None
    return True


def write_bom(place: Path = PLACE) -> Bom:
    """Makes the bill, has it validated, and writes it down.

    Raises:
        ParityEnvironmentError: the tools cannot be installed.
        subprocess.CalledProcessError: one of them failed; it has said why.
    """
    python = make_environment(TOOLS, PINS)
    bom = list_environment(python)
    mark_scopes(bom, tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"])
    with tempfile.TemporaryDirectory() as folder:
        wheel = describe_wheel(build_wheel(Path(folder)))
    bom["metadata"]["component"]["version"] = wheel["version"]
    root = bom["metadata"]["component"]["bom-ref"]
    bom["components"] += [{**wheel, "scope": "required"}, {**describe_weights(wheel["version"]), "scope": "required"}]
    next(row for row in bom["dependencies"] if row["ref"] == root)["dependsOn"] += ["wheel"]
    bom["dependencies"] += [{"ref": "wheel", "dependsOn": ["base-model"]}, {"ref": "base-model"}]
    text = json.dumps(bom, indent=2, sort_keys=True) + "\n"
    subprocess.run([str(python), "-c", _VALIDATE], input=text, text=True, check=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return bom


def main() -> None:
    """Says where it is, and how much is in it."""
    bom = write_bom()
    counts = {scope: sum(part["scope"] == scope for part in bom["components"]) for scope in ("required", "optional")}
    print(f"{PLACE.relative_to(ROOT)}: CycloneDX {SPEC_VERSION}, valid: {len(bom['components'])} components, of which")
    print(
        f"{counts['required']} are what everyone gets, {counts['optional']} come with an extra, others are developers'"
    )


if __name__ == "__main__":
    main()
