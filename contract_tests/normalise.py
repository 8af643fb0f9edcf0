"""What two answers may differ in: ids, times, project numbers and losses. Everything else compares, key order too."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"tuning-experiment-\d{20}"), "<experiment>"),
    (re.compile(r"(tunedModels/[a-z0-9-]*?)-(?=[a-z0-9]*[a-z])[a-z0-9]{6,25}(?=$|/)"), r"\1-<random>"),
    (re.compile(r"operations/[0-9a-z]{12}$"), "operations/<id>"),
    (re.compile(r"permissions/1\d{20}"), "permissions/<grantee>"),
    (re.compile(r"projects/\d{11,13}"), "projects/<number>"),
    (re.compile(r"token count \(\d+\)"), "token count (<count>)"),
    (re.compile(r"batches/[0-9a-z]{36}"), "batches/<id>"),
    (re.compile(r"(tuningJobs|batchPredictionJobs|models|endpoints|operations)/\d{17,19}"), r"\1/<id>"),
)
"""Ids as each service forms them; a text that is formed otherwise stays and so does not compare."""

VALUES = {"meanLoss": "<loss>", "etag": "<etag>"}
"""Fields whose value is another one every time."""

FREE_HEADERS = frozenset(
    (
        "date",
        "alt-svc",  # HTTP/3, which a local server has not
        "transfer-encoding",  # chunks or a length: the connection's business
        "content-length",
    )
)


def normalise_text(text: str) -> str:
    """A text with its ids and times replaced by what they are."""
    for pattern, name in TEXTS:
        text = pattern.sub(name, text)
    return text


def normalise(value: Any, *, key: str = "") -> Any:
    """A JSON value in which what may differ is replaced by what it is."""
    if key in VALUES:
        return VALUES[key]
    if isinstance(value, dict):
        return {name: normalise(item, key=name) for name, item in value.items()}
    if isinstance(value, list):
        return [normalise(item) for item in value]
    if isinstance(value, str):
        return normalise_text(value)
    return value


def print_value(value: Any, *, sort: bool = False) -> str:
    """A JSON value as text, in which the order of keys shows (or not)."""
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=sort)


def normalise_headers(headers: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Values by lower-case name, in their order."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in FREE_HEADERS:
            found.setdefault(name.lower(), []).append(re.sub(r"dur=\d+", "dur=<ms>", value))
    return found


def find_missing(recorded: Any, found: Any, *, place: str = "", key: str = "", ordered: bool = True) -> list[str]:
    """What of a recorded value an answer lacks, in words.

    Keys must be there in the recorded order. Of lists, items with names are found by them; a shorter recorded list is
    the end of the answer's.
    """
    if key in VALUES:
        return [] if type(recorded) is type(found) or isinstance(found, int | float) else [f"{place}: {found!r}"]
    if isinstance(recorded, dict) and isinstance(found, dict):
        return _find_missing_keys(recorded, found, place, ordered)
    if isinstance(recorded, list) and isinstance(found, list):
        return _find_missing_items(recorded, found, place, ordered)
    if normalise(recorded) == normalise(found):
        return []
    return [f"{place or 'the answer'}: recorded {recorded!r}, answered {found!r}"]


def _find_missing_keys(recorded: dict[str, Any], found: dict[str, Any], place: str, ordered: bool) -> list[str]:
    missing = [f"{place}.{name}: not there" for name in recorded if name not in found]
    order = [name for name in found if name in recorded]
    if ordered and not missing and order != list(recorded):
        missing.append(f"{place or 'the answer'}: order of keys: recorded {list(recorded)}, answered {order}")
    for name, value in recorded.items():
        if name in found:
            missing += find_missing(value, found[name], place=f"{place}.{name}", key=name, ordered=ordered)
    return missing


def _find_missing_items(recorded: list[Any], found: list[Any], place: str, ordered: bool) -> list[str]:
    if len(recorded) > len(found):
        return [f"{place}: recorded {len(recorded)} items, answered {len(found)}"]
    pairs = list(zip(recorded, found[len(found) - len(recorded) :], strict=True))
    named = {normalise_text(item["name"]): item for item in found if isinstance(item, dict) and "name" in item}
    if named and all(isinstance(item, dict) and "name" in item for item in recorded):
        pairs = [(item, named.get(normalise_text(item["name"]))) for item in recorded]
    return [
        line
        for index, (one, other) in enumerate(pairs)
        for line in find_missing(one, other, place=f"{place}[{index}]", ordered=ordered)
    ]


def print_shape(value: Any) -> str:
    """A value's keys and kinds, without its texts and numbers; a list's items once each."""
    return print_value(_shape(value))


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    if isinstance(value, list):
        shapes: list[Any] = []
        for item in value:
            shape = _shape(item)
            if print_value(shape) not in map(print_value, shapes):
                shapes.append(shape)
        return shapes
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
