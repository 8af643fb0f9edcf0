"""Half a minute of the fuzz campaign: `python -m campaigns fuzz` is all of it."""

from __future__ import annotations

import argparse

import pytest

from campaigns import Deadline, fuzz
from campaigns.fuzzing.client import Reply
from campaigns.fuzzing.watch import Faults, check_reply, find_difference

REQUESTS = 3000


@pytest.mark.process
@pytest.mark.slow
def test_requests_at_random_break_nothing() -> None:
    """Every route, transport and framing: no 500, no traceback, no trace of what was refused; the server lives."""
    options = argparse.Namespace(requests=REQUESTS, seed=20, deadline=Deadline())
    assert fuzz.run(options).startswith(f"{REQUESTS:,} requests")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(500, {}, b"Internal Server Error"), "status 500"),
        (Reply(400, {}, b"KeyError: 'a'"), "inner text"),
        (Reply(422, {}, b"cannot read /data/secret/x"), "inner text"),
        (Reply(404, {}, b"'utf-8' codec can't decode byte 0xff"), "inner text"),
    ],
)
def test_what_is_no_good_answer_is_found(reply: Reply, kind: str) -> None:
    """So that a campaign without a fault says something."""
    faults = Faults()
    check_reply(faults, reply, "GET /x", "GET /x", (b"/data/secret",))
    assert list(faults.counts) == [kind]


def test_what_the_client_said_itself_may_be_quoted() -> None:
    """A name that looks like Python's is the client's own."""
    faults = Faults()
    check_reply(faults, Reply(400, {}, b"KeyError is no field"), "GET /KeyError", "GET", ())
    assert not faults.counts


def test_a_changed_row_is_seen() -> None:
    """Which one, before and after; the order of rows says nothing."""
    before = {"a 0": b"INSERT 1", "a 1": b"INSERT 2"}
    assert find_difference(before, {"a 1": b"INSERT 1", "a 0": b"INSERT 2"}) == ""
    assert find_difference(before, {**before, "a 1": b"INSERT 3"}).split("\n    ") == ["- INSERT 2", "+ INSERT 3"]
