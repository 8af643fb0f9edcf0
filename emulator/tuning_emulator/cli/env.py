"""``tuning-emulator env``: variables for the shell."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import urllib.error
import urllib.request
from typing import Any

from tuning_emulator.settings import DEFAULT_PORT

HEALTH_TIMEOUT_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the emulator runs."""
    parser.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="where it runs (%(default)s)")


def run(parsed: argparse.Namespace) -> int:
    """Asks it where everything is."""
    try:
        with urllib.request.urlopen(f"{parsed.url}/emulator/v1/health", timeout=HEALTH_TIMEOUT_S) as answer:  # noqa: S310 the user names it
            health = json.load(answer)
    except (OSError, ValueError) as error:
        print(f"tuning-emulator: nothing answers at {parsed.url}: {error}; start it or give --url", file=sys.stderr)
        return 1
    print("\n".join(format_environment(health)))
    return 0


def format_environment(health: dict[str, Any]) -> list[str]:
    """Shell lines that point the SDKs at the emulator.

    google-genai reads the two base URLs and the key, google-cloud-storage its emulator's host. No project is set:
    with GOOGLE_CLOUD_PROJECT in the environment the vertexai package asks a public host for the project's id.
    """
    variables = {
        "GOOGLE_GEMINI_BASE_URL": health["url"],
        "GOOGLE_VERTEX_BASE_URL": health["url"],
        "GEMINI_API_KEY": "emulator",
    }
    if health["storage"]["url"]:
        variables["STORAGE_EMULATOR_HOST"] = health["storage"]["url"]
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
