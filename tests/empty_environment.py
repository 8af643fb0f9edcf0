"""A place as a new user has it: an empty home, an empty folder, nothing of this checkout on a path.

Registries are asked as this machine is set up to ask them; what they send is counted.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

STEP_LIMIT_S = 900
_KEPT = re.compile(r"(pip|uv|ssl|requests|node_extra|npm_config)_.*|(https?|no|all)_proxy|lang|tmpdir", re.IGNORECASE)
"""Variables that come along: how registries are reached."""


_UNREACHED = re.compile(
    "could not find a version|no matching distribution|max retries|newconnectionerror|connecttimeout|dns error|"
    "temporary failure in name resolution|error sending request|failed to fetch|could not fetch url|network error",
    re.IGNORECASE,
)
"""How pip, uv and npm say that a registry does not answer, or has nothing of that name."""


class StepError(RuntimeError):
    """A step of a new user failed; the text is what it said."""

    @property
    def unreached(self) -> bool:
        """A registry that does not answer is the cause."""
        return _UNREACHED.search(str(self)) is not None


@dataclass
class Spent:
    """What a new user has waited for, in seconds, and what came from registries, in bytes."""

    download_s: float = 0.0
    install_s: float = 0.0
    use_s: float = 0.0
    downloaded: int = 0


class EmptyEnvironment:
    """A folder to work in, a home, and a virtual environment with nothing in it.

    Args:
        folder: Where all of it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.home, self.work, self.wheels = (folder / name for name in ("home", "work", "wheels"))
        for made in (self.home, self.work, self.wheels):
            made.mkdir(parents=True)
        self.spent = Spent()
        self.venv = self.work / ".venv"
        begun = time.monotonic()
        self._call([_find_python(), "-m", "venv", str(self.venv)])
        self.spent.install_s += time.monotonic() - begun

    @property
    def python(self) -> str:
        """The environment's."""
        return str(self.venv / "bin" / "python")

    def make_variables(self) -> dict[str, str]:
        """As after `source .venv/bin/activate` in a new shell."""
        kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
        folders = [str(self.venv / "bin")]
        folders += [str(Path(found).parent) for name in ("node", "npm") if (found := shutil.which(name))]
        path = ":".join(dict.fromkeys([*folders, "/usr/bin", "/bin"]))
        return {**kept, "HOME": str(self.home), "PATH": path, "VIRTUAL_ENV": str(self.venv)}

    def write(self, name: str, text: str) -> None:
        """A file of the user's."""
        (self.work / name).write_text(text, "utf-8")

    def install(self, *requirements: str) -> None:
        """`pip install`, in two steps so that the wait for the registry is known apart from the rest.

        Raises:
            StepError: pip says why.
        """
        pip = [self.python, "-m", "pip", "--disable-pip-version-check"]
        before = set(self.wheels.iterdir())
        installed = self._call([*pip, "list", "--format=freeze"]).splitlines()
        kept = self.wheels.with_name("installed.txt")  # `download` takes no heed of what is there, as `install` does
        kept.write_text("\n".join(one for one in installed if not one.startswith(("pip==", "setuptools=="))))
        chosen = ("--constraint", str(kept), "--find-links", str(self.wheels), "--dest", str(self.wheels))
        begun = time.monotonic()
        self._call([*pip, "download", "--quiet", *chosen, *requirements])
        given = {Path(one.partition("[")[0]).name for one in requirements}  # a wheel of ours was not downloaded
        fetched = [path for path in self.wheels.iterdir() if path not in before and path.name not in given]
        self.spent.downloaded += sum(path.stat().st_size for path in fetched)
        fetched_at = time.monotonic()
        self.spent.download_s += fetched_at - begun
        self._call([*pip, "install", "--quiet", "--no-index", "--find-links", str(self.wheels), *requirements])
        self.spent.install_s += time.monotonic() - fetched_at

    def install_node(self, tarball: Path) -> None:
        """`npm install --save-dev` of a package without dependencies.

        Raises:
            StepError: npm says why.
        """
        begun = time.monotonic()
        self._call(["npm", "install", "--save-dev", "--offline", "--no-audit", "--no-fund", str(tarball)])
        self.spent.install_s += time.monotonic() - begun

    def run(self, *command: str) -> str:
        """What a command of the user's prints.

        Raises:
            StepError: it fails.
        """
        begun = time.monotonic()
        try:
            return self._call(list(command))
        finally:
            self.spent.use_s += time.monotonic() - begun

    def _call(self, command: list[str]) -> str:
        variables = self.make_variables()
        try:
            done = subprocess.run(
                command,
                cwd=self.work,
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=STEP_LIMIT_S,
                check=False,
                executable=shutil.which(command[0], path=variables["PATH"]),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StepError(f"{' '.join(command)}: {error}") from error
        if done.returncode:
            said = f"{done.stdout}{done.stderr}".strip()[-4000:]
            raise StepError(f"{' '.join(command)}: exit {done.returncode}\n{said}")
        return done.stdout


def _find_python() -> str:
    """The Python below the environment that runs this."""
    return str(getattr(sys, "_base_executable", sys.executable))
