"""What a service would refuse in a dataset: each kind once, with how often, so that a broken file fits on a screen."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tuning_emulator.control.dry_run import BrokenRule

KEPT = 1000
"""Rules that are kept for programs unless somebody says how many."""

SHOWN_KINDS = 6
"""Kinds of errors that people see."""

_NUMBER = re.compile(r"\d+")


@dataclass(slots=True)
class Kind:
    """Errors of one rule in one file: the first of them, and how many there are."""

    first: BrokenRule
    count: int = 0


class BrokenRules:
    """Takes broken rules as they are found.

    Args:
        limit: How many are kept, and shown one by one; 0: all; None: ``KEPT`` are kept, and people see kinds.

    Attributes:
        kept: The first of them. count: How many there are.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.kept: list[BrokenRule] = []
        self.count = 0
        self._limit = limit
        self._kinds: dict[tuple[str, ...], Kind] = {}

    def __call__(self, broken: BrokenRule) -> None:
        self.count += 1
        if self._limit == 0 or len(self.kept) < (self._limit or KEPT):
            self.kept.append(broken)
        kind = self._kinds.setdefault(_find_kind(broken), Kind(broken))
        kind.count += 1

    def format(self) -> list[str]:
        """Lines for people."""
        if self._limit is None:
            return self._format_kinds()
        return [*map(format_broken_rule, self.kept), *_format_rest(self.count - len(self.kept))]

    def _format_kinds(self) -> list[str]:
        lines = []
        kinds = [*self._kinds.values()]
        for kind in kinds[:SHOWN_KINDS]:
            lines += format_broken_rule(kind.first).splitlines()[:1]  # the next ones point into the line
            if kind.count > 1:
                like = f"line {kind.first.line:,}" if kind.first.line else "this"
                lines.append(f"  and {kind.count - 1:,} more like {like}")
        return lines + _format_rest(sum(kind.count for kind in kinds[SHOWN_KINDS:]))


def _find_kind(broken: BrokenRule) -> tuple[str, ...]:
    """Errors of one rule are alike; those of the JSON reader, which have one name, if only their numbers differ."""
    text = _NUMBER.sub("0", broken.message) if broken.rule == "transcoding" else ""
    return broken.where, broken.rule, text


def format_broken_rule(broken: BrokenRule) -> str:
    """``train.jsonl:3: Row: 2. …``; what is wrong with the request itself has no place."""
    place = f"{broken.where}:{broken.line}: " if broken.line else f"{broken.where}: " if broken.where else ""
    return f"{place}{broken.message}"


def _format_rest(count: int) -> list[str]:
    return [f"… and {count:,} more error{'s' if count > 1 else ''}"] if count > 0 else []
