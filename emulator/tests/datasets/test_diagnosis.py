"""What a file is, said once; what is as it should be is passed over in silence."""

from __future__ import annotations

import gzip
import json
import os
from typing import Any

import pytest

from tests.datasets.kinds import CONTAINERS, FORMS, HOPELESS, LINES, PREFERENCES, ROWS, vertex
from tuning_emulator.datasets.diagnosis import diagnose, peek_lines
from tuning_emulator.datasets.packing import HEAD_BYTES

CONVERT = "tuning-emulator convert train.x train-vertex.jsonl --to vertex"


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers_and_encodings_are_named_with_the_command(kind: str) -> None:
    data, named = CONTAINERS[kind]
    found = diagnose(data[:HEAD_BYTES], "vertex", name="train.x")
    assert found is not None
    assert found.text.startswith(f"train.x is {named}") or named in found.text
    assert (found.container, found.remedy) == (True, CONVERT)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers_are_known_by_their_lines_too(kind: str) -> None:
    """Objects of a bucket come as lines, which have lost their carriage returns."""
    data, named = CONTAINERS[kind]
    head, lines = peek_lines(line.removesuffix(b"\r") for line in data.split(b"\n"))
    found = diagnose(head, "vertex", name="train.x")
    assert found is not None
    assert named in found.text
    assert list(lines) == [line.removesuffix(b"\r") for line in data.split(b"\n")]


@pytest.mark.parametrize("kind", HOPELESS)
def test_what_has_no_examples_is_named_too(kind: str) -> None:
    data, named, advice = HOPELESS[kind]
    found = diagnose(data, "vertex", name="train.x")
    assert found is not None
    assert found.container
    assert named in found.text
    assert advice in found.remedy


@pytest.mark.parametrize("kind", [name for name in FORMS if name not in ("nulls", "qa", "cell")])
def test_forms_of_others_are_named(kind: str) -> None:
    """Its lines are JSON lines, and the rules will say what Vertex AI misses in them."""
    found = diagnose(json.dumps(FORMS[kind]).encode(), "vertex", name="train.x")
    assert found is not None
    assert (found.container, found.remedy) == (False, CONVERT)
    assert "Vertex AI wants `contents`" in found.text


@pytest.mark.parametrize("kind", [name for name in PREFERENCES if name != "vertex"])
def test_preference_data_of_others_is_named_with_its_method(kind: str) -> None:
    found = diagnose(json.dumps(PREFERENCES[kind]).encode(), "vertex", name="train.x")
    assert found is not None
    assert "--method preference" in found.text
    assert diagnose(json.dumps(PREFERENCES["vertex"]).encode(), "vertex", "preference") is None
    wrong = diagnose(json.dumps(PREFERENCES["vertex"]).encode(), "vertex")
    assert wrong is not None
    assert wrong.remedy == "tune with --method preference"


@pytest.mark.parametrize("form", ["completion", "openai"])
def test_what_open_models_take_is_not_named(form: str) -> None:
    assert diagnose(json.dumps(FORMS[form]).encode(), "vertex", "open") is None


def test_each_service_has_its_own_form() -> None:
    """``text_input`` for Vertex AI and the other way round; an array is no fault of a request's list."""
    line = json.dumps(FORMS["text_input"]).encode()
    assert diagnose(line, "gemini") is None
    assert diagnose(LINES.encode(), "gemini") is None
    assert diagnose(b"[" + line + b"]", "gemini") is None
    assert diagnose(line, "vertex") is not None
    wider: list[dict[str, Any]] = [
        {"tools": []},
        {"contents": [{"role": "user", "parts": [{"text": "1", "fileData": None}]}]},
    ]
    for more in wider:
        wide = diagnose(json.dumps({**vertex(), **more}).encode(), "gemini")
        assert wide is not None
        assert "holds `contents` of Vertex AI" in wide.text
    found = diagnose(json.dumps(FORMS["alpaca"]).encode(), "gemini", name="my data.jsonl")
    assert found is not None
    assert found.remedy == "tuning-emulator convert 'my data.jsonl' 'my data-gemini.jsonl' --to gemini"


def test_columns_of_other_names_are_asked_for() -> None:
    found = diagnose(b"Ticket,Team\nq,a\n", "vertex", name="t.csv")
    assert found is not None
    assert found.remedy.endswith("--to vertex --prompt COLUMN --answer COLUMN")


@pytest.mark.parametrize(
    "data",
    [
        LINES.encode(),
        b"\n\n" + LINES.replace("\n", "\r\n").encode(),
        b'{"contents": [\n' + LINES.encode(),
        b"{broken, but, with, commas\n{x, y, z\n",
        json.dumps(vertex("é" * HEAD_BYTES)).encode(),
        json.dumps({**ROWS[0], "messages": None}).encode(),
    ],
)
def test_nothing_is_said_of_json_lines(data: bytes) -> None:
    """Not of a broken line either: the rules name it, with its place."""
    assert diagnose(data[:HEAD_BYTES], "vertex") is None


def test_a_character_cut_by_the_head_is_no_other_encoding() -> None:
    """UTF-8 stays UTF-8 wherever the look ends."""
    data = LINES.encode()
    assert all(diagnose(data[:end], "vertex") is None for end in range(data.index(b"\n"), len(data)))


def test_random_bytes_never_crash() -> None:
    """Whatever a file begins with; packed noise too."""
    for size in range(1, 200):
        data = os.urandom(size)
        for start in (b"", b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"{", b"[", b"```\n", b"//", b"<"):
            diagnose(start + data, "vertex")
        diagnose(gzip.compress(data), "gemini")
