"""Servers and trainers killed at random moments under load; nothing acknowledged is lost."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much."""


def run(options: argparse.Namespace) -> str:
    """See ``campaigns``."""
    raise NotImplementedError(options)
