"""Builds the guide: docs/ as pages that the server hands out at /emulator/docs/guide/, and that wheels carry.

Strict: a link that leads nowhere ends it, and so does anything that a browser would load from another host. Built
beside its place and put there whole, so that a running server never hands out half of one. No network is used.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tuning_emulator.page.files import GUIDE

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = "zensical.toml"
GENERATOR = Path(sys.executable).with_name("zensical")
UNUSED = ("404.html", "sitemap.xml", "assets/stylesheets/classic")
"""Files that the generator writes for other servers and other looks."""
_LOADED = re.compile(
    r"<(?:script|link|img|iframe|source|object|embed)\b[^>]*?\b(?:src|href|data)=\"((?:https?:)?//[^\"]+)"
)


class GuideError(Exception):
    """The guide cannot be built; the text says why."""


def build(target: Path, documents: Path = ROOT / "docs") -> int:
    """Puts the guide into a folder, in place of what is there; answers its number of pages.

    Raises:
        GuideError: a link leads nowhere, or something would be loaded from elsewhere.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = _generate(Path(folder), documents)
        pages = _check(made)
        for name in UNUSED:
            path = made / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for image in (made / "images").iterdir():  # the README shows others
            if not any(image.name in text for text in pages.values()):
                image.unlink()
        _replace(made, target)
    return len(pages)


def _generate(work: Path, documents: Path) -> Path:
    """The folder with what the generator makes, below a folder to work in."""
    shutil.copytree(documents, work / "docs")
    shutil.copy(ROOT / CONFIGURATION, work)
    command = [str(GENERATOR), "build", "--strict", "--config-file", str(work / CONFIGURATION)]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)
        raise GuideError(said.partition("Traceback")[0])
    return work / "site"


def _check(made: Path) -> dict[Path, str]:
    """Each page with its text, none of which loads anything from another host."""
    pages = {path: path.read_text("utf-8") for path in made.rglob("*.html") if path.name not in UNUSED}
    for path, text in pages.items():
        if found := _LOADED.search(text):
            raise GuideError(f"{path.relative_to(made)} would load {found[1]}")
    return pages


def _replace(made: Path, target: Path) -> None:
    beside = target.with_name(f"{target.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(made, beside)
    shutil.rmtree(target, ignore_errors=True)
    beside.rename(target)


def main() -> None:
    """Builds it where the server looks for it."""
    try:
        pages = build(GUIDE)
    except GuideError as error:
        raise SystemExit(f"make guide: {error}") from error
    print(f"{GUIDE.relative_to(ROOT)}: {pages} pages, at /emulator/docs/guide/ of a running server")


if __name__ == "__main__":
    main()
