"""``tuning-emulator demo``: the main job, start to end, on both APIs, as their own clients do it."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from tuning_emulator.cli.values import want_new_file

_PACKAGES = {
    "google.cloud.storage": "google-cloud-storage",
    "google.genai": "google-genai",
    "httpx": "httpx",
    "rich": "rich",
}
"""What the demo talks to the emulator with, and draws with: the extra ``demo``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What trains, and on what."""
    parser.add_argument("--trainer", choices=["auto", "lora", "scripted"], default="auto", help="what trains (auto)")
    parser.add_argument("--model", metavar="NAME", help="let this model learn four data sets: smollm2, or a directory")
    parser.add_argument("--runner", choices=["local", "ray"], default="local", help="where it trains (local)")
    parser.add_argument("--svg", metavar="FILE", type=want_new_file, help="save what was drawn as a picture")


def run(parsed: argparse.Namespace) -> int:
    """Shows it. 0: all went well, 1: it says what did not, or what is missing."""
    if missing := list_missing():
        text = f"demo needs {', '.join(missing)}; pip install 'tuning-emulator[demo]'"
        print(f"tuning-emulator: {text}", file=sys.stderr)
        return 1
    from tuning_emulator.cli.demo.show import show  # wants what may be missing

    return show(parsed.trainer, parsed.model, parsed.runner, parsed.svg)


def list_missing() -> list[str]:
    """Packages of the extra that are not installed."""
    return [package for module, package in _PACKAGES.items() if not _has(module)]


def _has(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor is what it would be in
        return False
