"""Field masks: reading them, checking them against a message, updating and projecting message values.

A mask is a list of snake_case paths. Source: protobuf v3.21 field_mask_utility.cc; google.aip.dev/161.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from tuning_emulator.core.errors import ApiError, bad_request
from tuning_emulator.facts import google_errors
from tuning_emulator.protojson.compiled import CompiledMessage
from tuning_emulator.schema.schema import Field, Message, Value

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class MaskError(ValueError):
    """A mask that cannot be read, or a path that the message has not; the message says which."""


def parse_mask(text: str) -> list[str]:
    """Paths of ``displayName,labels,tuningTask(hyperparameters.epochCount)``, in snake_case, in order.

    Raises:
        MaskError: brackets or map keys are out of place; the text is the service's.
    """
    paths: list[str] = []
    prefixes: list[str] = []
    for segment, mark in _split(text):
        prefix = prefixes[-1] if prefixes else ""
        if mark == "(":
            prefixes.append(_join(prefix, segment))
            continue
        if segment:
            paths.append(_join(prefix, segment))
        if mark == ")":
            if not prefixes:
                raise MaskError(google_errors.MASK_UNOPENED.format(mask=text))
            prefixes.pop()
    if prefixes:
        raise MaskError(google_errors.MASK_UNCLOSED.format(mask=text))
    return [format_snake(path) for path in paths]


def _split(text: str) -> Iterable[tuple[str, str]]:
    """Segments of a mask with the mark that ends each; map keys ``["…"]`` are kept whole."""
    start = position = 0
    while position < len(text):
        mark = text[position]
        if mark == "[":
            position = _skip_key(text, position)
            continue
        if mark in ",()":
            yield text[start:position], mark
            start = position + 1
        position += 1
    yield text[start:], ""


def _skip_key(text: str, position: int) -> int:
    if text[position + 1 : position + 2] != '"':
        raise MaskError(google_errors.MASK_KEY_FORM.format(mask=text))
    end = position + 2
    while end < len(text) and text[end] != '"':
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise MaskError(google_errors.MASK_KEY_UNCLOSED.format(mask=text))
    if text[end + 1 : end + 2] != "]":
        raise MaskError(google_errors.MASK_KEY_FORM.format(mask=text))
    if text[end + 2 : end + 3] not in ("", ".", ",", ")", "("):
        raise MaskError(google_errors.MASK_KEY_PLACE.format(mask=text))
    return end + 2


def _join(prefix: str, segment: str) -> str:
    if not prefix or not segment:
        return prefix or segment
    return prefix + segment if segment.startswith('["') else f"{prefix}.{segment}"


def format_snake(path: str) -> str:
    """``tuningTask.epochCount`` → ``tuning_task.epoch_count``; map keys in quotes stay as they are."""
    parts = path.split('"')
    return '"'.join(part if place % 2 else _WORD_START.sub("_", part).lower() for place, part in enumerate(parts))


def split_path(path: str) -> list[str]:
    """Segments of a path: ``labels["a.b"].x`` → ``labels``, ``a.b``, ``x``."""
    found = re.findall(r'\["((?:[^"\\]|\\.)*)"\]|`([^`]*)`|([^.\["`]+)', path)
    return [quoted.replace('\\"', '"') or ticked or plain for quoted, ticked, plain in found]


def check_mask(mask: Iterable[str], message: Message, messages: Mapping[str, Message]) -> None:
    """Checks that every path leads to a field of the message; ``*`` alone stands for all of them.

    Raises:
        MaskError: the text is the first path that does not.
    """
    for path in mask:
        if path != "*" and not _exists(split_path(path), message, messages):
            raise MaskError(path)


def _exists(segments: list[str], message: Message | None, messages: Mapping[str, Message]) -> bool:
    for position, segment in enumerate(segments):
        if message is None:
            return False
        field = find_field(message, segment)
        if field is None:
            return False
        rest = segments[position + 1 :]
        if field.key:
            return len(rest) <= 1 or _exists(rest[1:], messages.get(field.type), messages)
        if field.repeated:
            return not rest
        if field.type in ("google.protobuf.Struct", "google.protobuf.Value"):
            return True
        message = messages.get(field.type)
    return bool(segments)


def find_field(message: Message, name: str) -> Field | None:
    """The field of that snake_case or camelCase name."""
    for field in message.fields:
        if name in (field.name, field.json_name):
            return field
    return None


def apply_mask(target: Value, source: Value, mask: Iterable[str]) -> Value:
    """A copy of ``target`` in which the masked fields are those of ``source``: set, replaced, or unset where absent.

    Messages and maps named by the mask are replaced, not merged. ``*`` replaces everything.
    """
    result = dict(target)
    for path in mask:
        if path == "*":
            return dict(source)
        _copy(result, source, split_path(path))
    return result


def _copy(target: dict[str, Any], source: Any, segments: list[str]) -> None:
    head, *rest = segments
    here = source.get(head) if isinstance(source, dict) else None
    if not rest:
        if here is None:
            target.pop(head, None)
        else:
            target[head] = here
        return
    if here is None and head not in target:
        return
    inner = target.get(head)
    target[head] = dict(inner) if isinstance(inner, dict) else {}
    _copy(target[head], here, rest)


def project(value: Value, mask: Iterable[str]) -> Value:
    """Only the masked fields of a message value, in its own key order; paths go through lists and maps."""
    tree: dict[str, Any] = {}
    for path in mask:
        node = tree
        for segment in split_path(path):
            node = node.setdefault(segment, {})
        node["*"] = {}
    kept: Value = _keep(value, tree)
    return kept


def _keep(value: Any, tree: dict[str, Any]) -> Any:
    if "*" in tree or not tree:
        return value
    if isinstance(value, list):
        return [_keep(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _keep(item, tree[key]) for key, item in value.items() if key in tree}


# --- the ``fields`` system parameter: which part of an answer a client wants
#
# ``a,b/c,d(e,f)`` and ``*``; ``/`` and ``.`` are the same. Source: cloud.google.com/apis/docs/system-parameters;
# refusal recorded in google/google-api-javascript-client#517.


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
