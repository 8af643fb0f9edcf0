"""Many clients for a long time: no error, and memory stays flat."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""


def run(options: argparse.Namespace) -> str:
    """See ``campaigns``."""
    raise NotImplementedError(options)
