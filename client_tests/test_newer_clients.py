"""The script that says which clients are out in a newer version than the tested one."""

from __future__ import annotations

import pytest

from client_tests.matrix import ROWS
from scripts.newer_clients import Asked, compare, list_clients, order, read_answer


def test_every_client_of_the_matrix_is_asked_about_once() -> None:
    """In the newest of its versions that some environment holds."""
    clients = {one.package: one.version for one in list_clients()}
    assert {row.package for row in ROWS} <= clients.keys()
    for row in ROWS:
        assert order(row.version) <= order(clients[row.package]), row.name


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("google-genai (3.6.1)\nAvailable versions: 3.6.1, 3.6.0\n", "3.6.1"),
        ("7.4.0\n", "7.4.0"),
        ("", ""),
        ("npm error code E404\n", ""),
    ],
)
def test_what_pip_and_npm_print(text: str, version: str) -> None:
    """The first line's version, or none."""
    assert read_answer(text) == version


def test_newer_ones_and_silence_are_said() -> None:
    """1.10 is newer than 1.9; an older or equal release is nothing to say; no answer is a failure."""
    clients = [Asked("a", "a-1", "1.9.0"), Asked("b", "npm", "2.0.0"), Asked("c", "c", "3.0")]
    answers = {"a": "1.10.0", "b": "2.0.0", "c": ""}
    lines, status = compare(clients, lambda one: answers[one.package])
    assert lines == [
        "a 1.10.0 is out; 1.9.0 is tested (client_tests/requirements/a-1.in)",
        "c: the index does not say (3.0 is tested)",
    ]
    assert status == 1
    assert compare(clients[1:2], lambda one: "2.0.0") == (["all 1 clients are tested in their newest version"], 0)
