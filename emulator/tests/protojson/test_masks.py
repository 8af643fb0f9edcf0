"""Field masks are read, checked, applied and projected."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rest.library import BOOK, CODEC
from tuning_emulator.protojson.masks import (
    MaskError,
    apply_mask,
    check_mask,
    parse_mask,
    project,
    split_path,
)
from tuning_emulator.protojson.printer import format_camel


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", []),
        ("displayName", ["display_name"]),
        ("display_name,pageCount", ["display_name", "page_count"]),
        ("tuningTask.hyperparameters.epochCount", ["tuning_task.hyperparameters.epoch_count"]),
        ("a(bC,d(e)),f", ["a.b_c", "a.d.e", "f"]),
        ('labels["aB.c,d"],x', ['labels["aB.c,d"]', "x"]),
        ("*", ["*"]),
        ("topP,topK", ["top_p", "top_k"]),
    ],
)
def test_reads_either_spelling(text: str, paths: list[str]) -> None:
    """lowerCamel and snake_case, brackets, map keys; paths come out in snake_case."""
    assert parse_mask(text) == paths


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a(b", "Cannot find matching ')' for all '('."),
        ("a)", "Cannot find matching '(' for all ')'."),
        ("a[b]", 'Map keys should be represented as ["some_key"].'),
        ('a["b', "Cannot find matching ']' for all '['."),
        ('a["b"', 'Map keys should be represented as ["some_key"].'),
        ('a["b"]c', "Map keys should be at the end of a path segment."),
    ],
)
def test_refuses_in_the_parsers_words(text: str, reason: str) -> None:
    """The mask is quoted in the text."""
    with pytest.raises(MaskError) as caught:
        parse_mask(text)
    assert str(caught.value) == f"Invalid FieldMask '{text}'. {reason}"


def test_prints_camel_case() -> None:
    """As FieldMask values print."""
    assert format_camel("tuning_task.epoch_count") == "tuningTask.epochCount"
    assert split_path('labels["a.b"].x') == ["labels", "a.b", "x"]


@pytest.mark.parametrize("path", ["*", "display_name", "appendix.title", "labels", "labels.any", "extra.any.thing"])
def test_known_paths_pass(path: str) -> None:
    """Fields, fields of messages, keys of maps, anything in a struct."""
    check_mask([path], CODEC.schemas.messages[BOOK], CODEC.schemas.messages)


@pytest.mark.parametrize("path", ["nope", "appendix.nope", "chapters.title", "display_name.x", "labels.a.b"])
def test_unknown_paths_are_named(path: str) -> None:
    """Also a path into a repeated field, which an update cannot have (AIP-161)."""
    with pytest.raises(MaskError, match=f"^{path}$"):
        check_mask(["name", path], CODEC.schemas.messages[BOOK], CODEC.schemas.messages)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (["a"], {"a": 2, "m": {"x": 1, "y": 1}, "l": [1]}),
        (["b"], {"a": 1, "b": 5, "m": {"x": 1, "y": 1}, "l": [1]}),
        (["l"], {"a": 1, "m": {"x": 1, "y": 1}}),
        (["m.x"], {"a": 1, "m": {"x": 9, "y": 1}, "l": [1]}),
        (["m.y"], {"a": 1, "m": {"x": 1}, "l": [1]}),
        (["m"], {"a": 1, "m": {"x": 9}, "l": [1]}),
        (["*"], {"a": 2, "b": 5, "m": {"x": 9}}),
        (["n.z"], {"a": 1, "m": {"x": 1, "y": 1}, "l": [1]}),
    ],
)
def test_update_sets_replaces_and_unsets(mask: list[str], expected: dict[str, Any]) -> None:
    """What the mask names is as in the source; the rest stays; nothing given is changed in place."""
    target = {"a": 1, "m": {"x": 1, "y": 1}, "l": [1]}
    source = {"a": 2, "b": 5, "m": {"x": 9}}
    assert apply_mask(target, source, mask) == expected
    assert target == {"a": 1, "m": {"x": 1, "y": 1}, "l": [1]}


def test_projection_keeps_only_what_is_named() -> None:
    """Through lists and maps; a path that is not set adds nothing."""
    value = {"a": 1, "list": [{"x": 1, "y": 2}, {"y": 3}], "m": {"k": "v", "o": "p"}}
    assert project(value, ["list.x", "m.k", "nope"]) == {"list": [{"x": 1}, {}], "m": {"k": "v"}}
    assert project(value, ["*"]) == value
    assert project(value, ["list", "list.x"]) == {"list": value["list"]}
