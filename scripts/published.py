"""Where the project can be had: `[tool.tuning-emulator]` of pyproject.toml is the one place, the documents follow it.

`make docs` writes the repository into every document that names it, as an action or as what pip installs from git.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "OWNER/tuning-emulator"
"""Until there is a repository."""

_NAMED = re.compile(r"\b[A-Za-z0-9][\w.-]*/tuning-emulator(?=@)")


def read_repository() -> str:
    """Owner and name on GitHub, or the placeholder."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["tuning-emulator"]
    return str(settings["repository"])


def write_repository(text: str) -> str:
    """A document with the repository where it names one."""
    return _NAMED.sub(read_repository(), text)


def list_documents() -> list[Path]:
    """What may name it."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "clients" / "node" / "README.md"]


def main() -> None:
    """Rewrites the documents."""
    for path in list_documents():
        path.write_text(write_repository(path.read_text("utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
