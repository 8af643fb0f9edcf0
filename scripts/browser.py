"""Sees to it that the browser tests have a browser: Debian's Chromium is installed where there is none and that may be.

`make test` alone asks for it. Where it cannot be had, one line says why, and those tests are skipped, aloud.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = "chromium"
LIMIT_S = 600.0
_QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


class BrowserError(RuntimeError):
    """There is none to be had; the text says why."""


def find_browser() -> str | None:
    """The program of a Chromium on the PATH."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def install_browser(limit_s: float = LIMIT_S) -> None:
    """Installs Debian's package.

    Raises:
        BrowserError: this is no Debian, we are not root, or it failed or took too long.
    """
    if not Path("/etc/debian_version").exists() or not shutil.which("apt-get"):
        raise BrowserError("only Debian's is installed by itself")
    if os.geteuid() != 0:
        raise BrowserError("only root may install it")
    print(f"browser: installing Debian's {PACKAGE} for the browser tests (once)", file=sys.stderr)
    wait = ("-qq", "-o", f"DPkg::Lock::Timeout={limit_s:.0f}")
    _run("apt-get", "update", *wait, limit_s=limit_s)
    _run("apt-get", "install", "-y", "--no-install-recommends", *wait, PACKAGE, limit_s=limit_s)


def _run(*command: str, limit_s: float) -> None:
    try:
        done = subprocess.run(
            command,
            env=os.environ | _QUIET,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrowserError(str(error)) from error
    if done.returncode != 0:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise BrowserError(f"{' '.join(command[:2])} failed: {said[-1] if said else f'exit {done.returncode}'}")


def main() -> None:
    """Says something only where something is done or amiss; never fails: the tests are skipped then."""
    if find_browser() is not None:
        return
    try:
        install_browser()
    except BrowserError as error:
        print(f"browser: no Chromium, so the browser tests are skipped: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
