"""The ``fields`` system parameter: which part of an answer a client wants.

``a,b/c,d(e,f)`` and ``*``; ``/`` and ``.`` are the same. Source: cloud.google.com/apis/docs/system-parameters;
refusal recorded in google/google-api-javascript-client#517.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from tuning_emulator.core.errors import ApiError, bad_request
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.compiled import CompiledMessage
from tuning_emulator.protojson.masks import MaskError, parse_mask, split_path

Tree: TypeAlias = "dict[str, Tree]"
"""JSON names to what is wanted inside them; empty means everything."""


def parse_fields(text: str, compiled: CompiledMessage) -> Tree:
    """What ``fields`` asks for of an answer of that type.

    Raises:
        ApiError: INVALID_ARGUMENT, the brackets do not match or a path leads nowhere.
    """
    tree: Tree = {}
    try:
        paths = parse_mask(text.replace("/", "."))
    except MaskError:
        raise _refuse(text, text) from None
    for path in paths:
        _add(tree, compiled, split_path(path), text)
    return tree


def _add(tree: Tree, compiled: CompiledMessage | None, segments: list[str], text: str) -> None:
    for position, segment in enumerate(segments):
        if segment == "*":
            break
        field = compiled.named.get(segment) if compiled is not None else None
        if compiled is not None and field is None:
            raise _refuse(text, ".".join(segments[: position + 1]))
        name = field.json_name if field is not None else segment
        known = tree.setdefault(name, {})
        if position == len(segments) - 1:
            known.clear()
        tree = known
        compiled = field.message if field is not None and field.kind == "message" and not field.key else None


def select_fields(answer: Any, tree: Tree) -> Any:
    """The wanted part of a JSON-ready answer, in its own order."""
    if not tree:
        return answer
    if isinstance(answer, list):
        return [select_fields(item, tree) for item in answer]
    if not isinstance(answer, dict):
        return answer
    return {name: select_fields(item, tree[name]) for name, item in answer.items() if name in tree}


def _refuse(text: str, path: str) -> ApiError:
    row = google_errors.FIELDS_UNKNOWN
    error = google_errors.INVALID_ARGUMENT(bad_request([(text, row.format(path=path))]))
    error.rule = row.name
    return error
