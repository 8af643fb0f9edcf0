"""What the values of options have to be, and how what went wrong is said."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tuning_emulator.core.errors import Code
from tuning_emulator.settings import DEFAULT_PORT

_STATUS = re.compile(r"[1-5](\d\d|xx)")
_EXAMPLE_URL = f"http://127.0.0.1:{DEFAULT_PORT}"

MOST = (1 << 31) - 1
"""Of a whole number: what the services' fields hold."""


def want_whole(least: int | None = None) -> Callable[[str], int]:
    """A whole number, of ``least`` or more."""

    def parse(text: str) -> int:
        more = "" if least is None else f" of {least} or more"
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number{more}") from None
        if least is not None and value < least:
            raise argparse.ArgumentTypeError(f"{value} is not a whole number{more}")
        if value > MOST:
            raise argparse.ArgumentTypeError(f"{value} is too large; at most {MOST} counts")
        return value

    return parse


def want_number(text: str) -> float:
    """A number that is one."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def want_url(text: str) -> str:
    """An address with scheme, host and, where it has one, a port that is a number."""
    if not _is_url(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address like {_EXAMPLE_URL}")
    return text.rstrip("/")


def want_storage(text: str) -> str:
    """The same, whose scheme may be missing, or ``cloud`` for Google Cloud Storage itself."""
    if text not in ("", "cloud") and not _is_url(text if "://" in text else f"http://{text}"):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address like {_EXAMPLE_URL}, nor `cloud`")
    return text


def _is_url(text: str) -> bool:
    if any(one <= " " or one == "\x7f" for one in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def want_status(text: str) -> str:
    """An HTTP status, a class of them, or the name of a canonical code."""
    if not _STATUS.fullmatch(text) and text not in Code.__members__:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a status like 404 or 4xx, nor a code like NOT_FOUND")
    return text


def want_new_file(text: str) -> Path:
    """A file that can be written: its folder is there, and it is no folder itself."""
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not possible: its folder is not there")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not possible: it is a folder; give a file")
    return path


def add_url(parser: argparse._ActionsContainer) -> None:
    """Where the emulator runs."""
    parser.add_argument("--url", type=want_url, default=_EXAMPLE_URL, help="where it runs (%(default)s)")


def describe_error(error: Exception) -> str:
    """An error's text; of files, their name first."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
