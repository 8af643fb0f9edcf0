"""Resumable uploads: chunks, questions, the end, cancelling, expiry, restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage.asking import START_NS, UPLOAD, Answer, Asker, B, open_storage
from tuning_emulator.storage.sessions import LIFETIME_NS, QUANTUM_BYTES

Q = QUANTUM_BYTES
DATA = bytes(range(251)) * (3 * Q // 251)


def start(ask: Asker, name: str = "x", query: str = "", **headers: str) -> str:
    """A new session's target."""
    sent = {key.replace("_", "-"): value for key, value in headers.items()}
    answer = ask("POST", f"{UPLOAD}?uploadType=resumable&name={name}{query}", {}, sent)
    assert answer.status == 200, answer.body
    return answer.headers["location"].partition(":8790")[2]


def put(ask: Asker, session: str, first: int, last: int, total: int | str, *, cut: bool = False) -> Answer:
    """The bytes of ``DATA`` from ``first`` to ``last``, both included."""
    return ask("PUT", session, DATA[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{total}"}, cut=cut)


def test_chunks_are_kept_in_multiples(ask: Asker) -> None:
    """What is beyond the last multiple of 256 KiB has to be sent again."""
    session = start(ask)
    answer = put(ask, session, 0, Q + 9, "*")
    assert (answer.status, answer.headers["range"]) == (308, f"bytes=0-{Q - 1}")
    answer = put(ask, session, Q, len(DATA) - 1, len(DATA))
    assert answer.json["size"] == str(len(DATA))
    assert ask.read("x") == DATA


def test_bytes_that_are_known_are_passed_over(ask: Asker) -> None:
    """A client that lost the answer sends its chunk again."""
    session = start(ask)
    put(ask, session, 0, Q - 1, "*")
    assert put(ask, session, 0, Q - 1, "*").headers["range"] == f"bytes=0-{Q - 1}"
    assert put(ask, session, 0, len(DATA) - 1, len(DATA)).status == 200
    assert ask.read("x") == DATA


def test_a_gap_is_refused(ask: Asker) -> None:
    """And does not end the session."""
    session = start(ask)
    assert put(ask, session, Q, 2 * Q - 1, "*").status == 400
    assert put(ask, session, 0, len(DATA) - 1, len(DATA)).status == 200


@pytest.mark.parametrize("total", [0, 1, Q, Q + 1])
def test_the_whole_in_one_request_without_a_range(ask: Asker, total: int) -> None:
    """Ruby and curl do so."""
    assert ask("PUT", start(ask), DATA[:total]).json["size"] == str(total)
    assert ask.read("x") == DATA[:total]


def test_an_empty_object_ends_with_a_question(ask: Asker) -> None:
    """``bytes */0``: everything has arrived."""
    assert ask("PUT", start(ask), b"", {"Content-Range": "bytes */0"}).json["size"] == "0"


def test_a_total_that_is_known_late(ask: Asker) -> None:
    """Chunks of an unknown total, then the question that names it."""
    session = start(ask)
    put(ask, session, 0, Q - 1, "*")
    answer = ask("PUT", session, b"", {"Content-Range": f"bytes */{Q}"})
    assert (answer.status, answer.json["size"]) == (200, str(Q))


def test_the_end_can_be_asked_about(ask: Asker) -> None:
    """A finished session answers with its object, as often as it is asked."""
    session = start(ask)
    made = put(ask, session, 0, 9, 10).json
    for total in ("*", "10"):
        answer = ask("PUT", session, b"", {"Content-Range": f"bytes */{total}"})
        assert (answer.status, answer.json) == (200, made)


def test_a_status_query_before_the_end(ask: Asker) -> None:
    """308 without a range: nothing has arrived."""
    session = start(ask)
    answer = ask("PUT", session, b"", {"Content-Range": "bytes */*"})
    assert (answer.status, "range" in answer.headers) == (308, False)


def test_cancelling(ask: Asker) -> None:
    """499, and nothing goes on; its file is gone."""
    session = start(ask)
    put(ask, session, 0, Q - 1, "*")
    assert ask("DELETE", session).status == 499
    assert put(ask, session, Q, 2 * Q - 1, "*").status == 499
    assert ask.embedded.store.contents.sizes() == {}


def test_a_session_expires_by_the_emulators_clock(ask: Asker) -> None:
    """After a week it is 410."""
    session = start(ask)
    ask.clock.advance(LIFETIME_NS // 10**9)
    assert put(ask, session, 0, 9, 10).status == 410


def test_a_session_keeps_no_bucket(ask: Asker) -> None:
    """The bucket goes, the session with it."""
    session = start(ask)
    put(ask, session, 0, Q - 1, "*")
    assert ask("DELETE", B).status == 204
    assert put(ask, session, Q, 2 * Q - 1, "*").status == 410
    assert ask.embedded.store.contents.sizes() == {}


@pytest.mark.parametrize("announced", ["header", "chunk"])
def test_a_total_is_held_to(ask: Asker, announced: str) -> None:
    """Another one is refused."""
    session = start(ask, x_upload_content_length="10") if announced == "header" else start(ask)
    if announced == "chunk":
        put(ask, session, 0, Q - 1, 2 * Q)
    assert put(ask, session, 0, Q + 4, Q + 5).status == 400


def test_a_body_that_is_cut_keeps_its_multiples(ask: Asker) -> None:
    """The client asks how much has arrived and goes on from there."""
    session = start(ask)
    assert put(ask, session, 0, 2 * Q + 99, len(DATA), cut=True).status == 0
    answer = ask("PUT", session, b"", {"Content-Range": f"bytes */{len(DATA)}"})
    assert (answer.status, answer.headers["range"]) == (308, f"bytes=0-{2 * Q - 1}")
    assert put(ask, session, 2 * Q, len(DATA) - 1, len(DATA)).status == 200
    assert ask.read("x") == DATA


@pytest.mark.parametrize("condition", ["&ifGenerationMatch=0", "&ifMetagenerationNotMatch=1"])
def test_conditions_hold_at_the_end(ask: Asker, condition: str) -> None:
    """What was true at the start is checked again with the last byte."""
    session = start(ask, query=condition)
    ask.upload("x", "first")
    assert put(ask, session, 0, 9, 10).status == 412
    assert ask.read("x") == b"first"


def test_sessions_outlive_a_restart(tmp_path: Path) -> None:
    """With all that counted."""
    with open_storage(tmp_path / "buckets", durable=True) as ask:
        ask.bucket()
        session = start(ask)
        put(ask, session, 0, Q + 99, "*")
    with open_storage(tmp_path / "buckets", durable=True) as ask:
        answer = ask("PUT", session, b"", {"Content-Range": "bytes */*"})
        assert answer.headers["range"] == f"bytes=0-{Q - 1}"
        assert put(ask, session, Q, len(DATA) - 1, len(DATA)).status == 200
        assert ask.read("x") == DATA


def test_xml_starts_a_session_too(ask: Asker) -> None:
    """201, a Location, and headers that go into the object."""
    answer = ask("POST", "/my-bucket/a%20b", b"", {"x-goog-resumable": "start", "x-goog-meta-team": "x"})
    assert answer.status == 201
    target = answer.headers["location"].partition(":8790")[2]
    assert ask("PUT", target, b"12", {"Content-Range": "bytes 0-1/2"}).status == 200
    assert ask.get("a b").json["metadata"] == {"team": "x"}


def test_clients_without_308(ask: Asker) -> None:
    """200 that says so."""
    session = start(ask)
    sent = {"Content-Range": f"bytes 0-{Q - 1}/*", "X-GUploader-No-308": "yes"}
    answer = ask("PUT", session, DATA[:Q], sent)
    assert (answer.status, answer.headers["x-http-status-code-override"]) == (200, "308")
    assert answer.headers["range"] == f"bytes=0-{Q - 1}"


def test_an_unknown_session_is_gone(ask: Asker) -> None:
    """410, as one that is too old."""
    assert ask("PUT", f"{UPLOAD}?uploadType=resumable&upload_id=none", b"x").status == 410
    assert ask.clock.now_ns() == START_NS
