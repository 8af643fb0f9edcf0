"""JSON that is nearly right: trees changed in places, and texts of them that a parser may stumble over."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63, 2**64, 10**40, 1.5, -0.0, 1e308, 5e-324),
    *("", "x", "0", "-1", "1e3", "NaN", "Infinity", "true", "null", "\x00", "\ud800", "\udfff\ud800", "é" * 50),
    *("2024-11-03T21:08:07Z", "9999-12-31T23:59:59.999999999Z", "0000-00-00T00:00:00Z", "2024-02-30T00:00:00Z"),
    *("5s", "-5s", "1e9s", "315576000001s", "a,b(c,d)", "*", "a.b.c", "tuning_task.snapshots", "gs://numbers/none"),
    *(
        "tunedModels/..",
        "models/%2e%2e",
        "projects/-/locations/-",
        "../../etc/passwd",
        "x" * 5000,
        "AAAA",
        "=",
        "\u202e",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": ""},
        {"a": None},
        {"@type": "x"},
        {"@type": "type.googleapis.com/google.protobuf.Any"},
    ),
)
"""What stands in the place of a value."""

WORDS = (
    *("", "x", "0", "1", "-1", "*", "**", "..", "%", "%2F", "%00", "%FF", "%zz", "é", "a%2Fb", "-", "a:b", ":", "a b"),
    *(
        "99999999999999999999",
        "1e3",
        "true",
        "null",
        "{}",
        "[",
        '"',
        "a,b",
        "name",
        "items(name)",
        "x" * 300,
        "\\",
        "=~",
    ),
    *("state:ACTIVE", "owner:me", 'labels.a="b" AND', "NOT (", "createTime desc", "role", "role,role", "gs://b/o"),
)
"""What stands in the place of a word of a path or a query."""

DEEP = (3, 50, 99, 100, 101, 120, 900)


def mutate(chosen: random.Random, tree: Any) -> Any:
    """The tree with one change somewhere in it."""
    if isinstance(tree, dict) and tree and chosen.random() < 0.8:
        key = chosen.choice(list(tree))
        return _change_member(chosen, tree, key)
    if isinstance(tree, list) and tree and chosen.random() < 0.8:
        index = chosen.randrange(len(tree))
        kind = chosen.randrange(6)
        if kind == 0:
            return tree[:index] + tree[index + 1 :]
        if kind == 1:
            return tree * chosen.choice((2, 40))
        return [*tree[:index], mutate(chosen, tree[index]), *tree[index + 1 :]]
    return _replace(chosen, tree)


def _change_member(chosen: random.Random, tree: dict[str, Any], key: str) -> dict[str, Any]:
    kind = chosen.randrange(10)
    others = {name: value for name, value in tree.items() if name != key}
    if kind == 0:
        return others
    if kind == 1:
        return {**others, chosen.choice((key.upper(), f"{key}s", f"{key}\x00", "", "__class__")): tree[key]}
    if kind == 2:
        return {**tree, chosen.choice(("zz", "", "name", "state", "é", "a.b")): chosen.choice(LEAVES)}
    return {**tree, key: mutate(chosen, tree[key])}


def _replace(chosen: random.Random, value: Any) -> Any:
    kind = chosen.randrange(8)
    if kind == 0:
        return [value]
    if kind == 1:
        return {chosen.choice(("a", "name", "value", "")): value}
    if kind == 2:
        return nest(chosen.choice(DEEP), chosen.random() < 0.5)
    if kind == 3:
        return str(value)
    return chosen.choice(LEAVES)


def nest(depth: int, objects: bool) -> Any:
    """Lists in lists, or objects in objects."""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if objects else [value]
    return value


def write_json(chosen: random.Random, tree: Any) -> bytes:
    """The tree as text: mostly as JSON has it, else broken or written in an odd way."""
    text = json.dumps(tree, ensure_ascii=True)
    return text.encode() if chosen.random() < 0.7 else chosen.choice(_SPELLINGS)(chosen, text)


def _insert(chosen: random.Random, text: str) -> bytes:
    place = chosen.randrange(len(text) + 1)
    return (text[:place] + chosen.choice("{}[],:\"'\\/\x00\n0-eE") + text[place:]).encode()


def _change_byte(chosen: random.Random, text: str) -> bytes:
    place = chosen.randrange(len(text) + 1)
    return text.encode()[:place] + bytes([chosen.randrange(256)]) + text.encode()[place:]


_SPELLINGS: tuple[Callable[[random.Random, str], bytes], ...] = (
    lambda chosen, text: text[: chosen.randrange(len(text) + 1)].encode(),
    _insert,
    _change_byte,
    lambda chosen, text: (f"{text[:-1]}, {text[1:]}" if len(text) > 2 else text).encode(),  # every key twice
    lambda chosen, text: b"\xef\xbb\xbf" + text.encode(),
    lambda chosen, text: text.encode(chosen.choice(("utf-16", "utf-16-le", "utf-32", "utf-7"))),
    lambda chosen, text: json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "surrogatepass"),
    lambda chosen, text: text.replace('"', "'").encode(),
    lambda chosen, text: f"/* */ {text} // x".encode(),
    lambda chosen, text: (" \n" * 2000 + text).encode(),
    lambda chosen, text: text.replace("}", ",}").replace("]", ",]").encode(),
    lambda chosen, text: chosen.randbytes(chosen.randrange(60)),
    lambda chosen, text: text.encode() + chosen.choice((b"x", b"{}", b"\x00", b"]")),
    lambda chosen, text: gzip.compress(text.encode()),
)


def make_query(chosen: random.Random, names: tuple[str, ...], most: int = 4) -> str:
    """Some parameters, in good spelling or not."""
    parts = []
    for _ in range(chosen.randrange(most)):
        name, value = chosen.choice(names), chosen.choice(WORDS)
        parts.append(f"{name}={value if chosen.random() < 0.5 and value.isascii() else quote(value)}")
    return chosen.choice(("&", "&", "&", ";", "&&")).join(parts).replace(" ", "+")
