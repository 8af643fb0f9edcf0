"""What the commands that steer a running emulator have in common."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
from collections.abc import Callable
from typing import Any

from tuning_emulator.settings import DEFAULT_PORT
from tuning_emulator.testing.client import Control, ControlError


def add_target(parser: argparse.ArgumentParser) -> None:
    """Where the emulator runs, and whose world is meant."""
    add_url(parser)
    parser.add_argument("--project", default="", help="only what belongs to this project, by id or number")


def add_url(parser: argparse.ArgumentParser) -> None:
    """Where the emulator runs."""
    parser.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="where it runs (%(default)s)")


def transfer(url: str, move: Callable[[], str]) -> int:
    """Moves a file to or from the emulator and prints what has come of it.

    Returns:
        1 when nothing answers, the emulator refuses, or the file cannot be read or written; else 0.
    """
    try:
        print(move())
    except urllib.error.HTTPError as error:
        print(f"tuning-emulator: {read_detail(error.read())}", file=sys.stderr)
        return 1
    except urllib.error.URLError as error:
        print(f"tuning-emulator: nothing answers at {url}: {error.reason}; start it or give --url", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return 1
    return 0


def read_detail(body: bytes) -> str:
    """The text of a refusal."""
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")


def ask(parsed: argparse.Namespace, question: Callable[[Control], Any]) -> int:
    """Puts a question to the emulator and prints the answer as JSON, a list one value a line.

    Returns:
        1 when nothing answers or the emulator refuses, with its reason on standard error; else 0.
    """
    try:
        answer = question(Control(parsed.url, parsed.project))
    except ControlError as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"tuning-emulator: nothing answers at {parsed.url}: {error}; start it or give --url", file=sys.stderr)
        return 1
    for value in answer if isinstance(answer, list) else [answer]:
        print(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return 0
