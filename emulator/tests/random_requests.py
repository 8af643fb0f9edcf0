"""Requests made at random from a schema's own declarations, the same for the same seed."""

from __future__ import annotations

import random
import re
from typing import Any

from tuning_emulator.schema.schema import Field, HttpRule, Schema, Value

PLACED = ("name", "model", "parent", "endpoint", "context", "resource", "tensorboard", "tensorboard_time_series")
"""Fields that come from the path: a request always has them."""

NAMED = (*PLACED, "base_model", "tuned_model", "tuned_model_name", "tuning_job")
"""Fields that mostly hold the name of a resource."""

TEXTS = (
    *("", "a", "owner:me", "é" * 41, "user", "model", "text/plain", "x" * 5001, "99999999999999999999"),
    *("gs://numbers/train.jsonl", "gs://numbers/no\nne", "labels.a:* OR NOT (name=a)", "1", "-default"),
)
NUMBERS = (0, 1, -1, 5, 2**31 - 1, -(2**31))
FLOATS = (0.0, 0.5, 1.0, -1.0, 2.5, 1e30, float("nan"), float("inf"))
MASKS: tuple[list[str], ...] = (
    *([], ["role"], ["description"], ["*"], ["x"], ["tuning_task.snapshots"]),
    *(["traffic_split"], ["labels"], ["default_checkpoint_id", "display_name"]),
)


class Writer:
    """Writes messages at random, the same for the same seed."""

    def __init__(self, schema: Schema, seed: int, names: tuple[str, ...]) -> None:
        self._schema = schema
        self._names = names
        self._random = random.Random(seed)

    def write(self, message: str, depth: int = 0) -> Value:
        """A message value; deep ones are small."""
        value: Value = {}
        taken: set[str] = set()
        messages = self._schema.messages
        for field in (messages[message] if message in messages else self._schema.message(message)).fields:
            if self._random.random() > (0.8 if depth < 3 else 0.3) or field.oneof in taken or depth > 6:
                continue
            taken |= {field.oneof} - {""}
            value[field.name] = self._write_field(field, depth)
        return value

    def _write_field(self, field: Field, depth: int) -> Any:
        if field.key:
            return {"k": self._write_one(field, depth)}
        if field.repeated:
            return [self._write_one(field, depth) for _ in range(self._random.randrange(3))]
        return self._write_one(field, depth)

    def _write_one(self, field: Field, depth: int) -> Any:
        pick = self._random.choice
        if field.type in self._schema.enums:
            return pick([*self._schema.enums[field.type].values, 77])
        if field.type in self._schema.messages:
            return self.write(field.type, depth + 1)
        if field.name in NAMED and self._random.random() < 0.9:
            return pick(self._names)
        kinds: dict[str, Any] = {
            "string": TEXTS,
            "bool": (True, False),
            "bytes": (b"", b"a"),
            "fixed32": (0, 1, 2**32 - 1),
            "float": FLOATS,
            "double": FLOATS,
            "google.protobuf.FieldMask": MASKS,
            "google.protobuf.Struct": ({}, {"a": None}),
            "google.protobuf.Value": (None, 1, "a", []),
            "google.protobuf.Timestamp": (0, 1),
            "google.protobuf.Duration": (0, 1),
            "google.protobuf.Any": ({},),
        }
        return pick(kinds.get(field.type, NUMBERS))


def spoil(good: Value, noise: Value, seed: int) -> Value:
    """A good request with a field of the noise in it, or with all of them; path variables are always there."""
    chosen = random.Random(seed)
    names = list(noise) if seed % 2 else chosen.sample(list(noise), min(len(noise), 1))
    spoilt = dict(good)
    for name in names:
        here, there = good.get(name), noise[name]
        if isinstance(here, dict) and isinstance(there, dict):
            there = spoil(here, there, seed + 1)
        if not (name in PLACED and name in good and isinstance(there, str)):
            spoilt[name] = there
    return spoilt


def find_variable(rule: HttpRule, request: Value) -> tuple[str, str] | None:
    """A rule's path variable and its value in a request; None where the value does not fit."""
    match = re.search(r"\{([^=]+)=([^}]+)\}", rule.template)
    assert match is not None, rule.template
    value: Any = request
    for name in match[1].split("."):
        value = value.get(name, "") if isinstance(value, dict) else ""
    fits = re.fullmatch(re.escape(match[2]).replace(r"\*", "[^/]+"), value) is not None
    return (match[0], value) if fits else None


def format_key(name: str) -> str:
    """``tuning_job`` → ``tuningJob``."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
