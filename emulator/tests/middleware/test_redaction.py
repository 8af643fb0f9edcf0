"""No secret of a request is kept: not in headers, query, body or in what an answer quotes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gemini.serving import Serving
from tuning_emulator.api.auth import create_authenticator
from tuning_emulator.api.call import Api
from tuning_emulator.api.router import Router
from tuning_emulator.control.journal import Reporter
from tuning_emulator.core.clock import SteerableClock
from tuning_emulator.middleware.chain import MiddlewareChain
from tuning_emulator.middleware.journal import READ_BYTES, Filter, redact_body, redact_query, redact_value
from tuning_emulator.protojson.printer import format_string
from tuning_emulator.rest.app import RestApp, create_rest_app

SECRET = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=8, max_size=30).map(
    lambda text: f"§{text}§"
)
"""Marked, so that no word of the emulator's own is one by chance."""
CREDENTIAL = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789_-", min_size=20, max_size=40).map(
    lambda text: f"zz{text}"
)
HEADERS = ("authorization", "x-goog-api-key", "cookie", "x-api-secret", "proxy-authorization", "x-session-token")
PARAMETERS = ("key", "$key", "access_token", "oauth_token", "api_key", "signature", "X-Goog-Credential")


@st.composite
def make_bodies(draw: st.DrawFn, secrets: list[str]) -> bytes:
    """A create with its data set, right or wrong in various ways."""
    texts = draw(st.lists(SECRET, min_size=2, max_size=6))
    numbers = draw(st.lists(st.integers(10**11, 10**14), max_size=2))
    secrets += texts + [str(number) for number in numbers]
    examples: list[Any] = [{"textInput": texts[0], "output": text} for text in texts[1:]]
    examples += [{"text_input": number, "output": "x", "wrong": number} for number in numbers]
    wrapped = draw(st.sampled_from([{"examples": {"examples": examples}}, {"examples": examples}, examples]))
    name = draw(st.sampled_from(["trainingData", "training_data", "TrainingData"]))
    body = {"baseModel": "models/gemini-1.5-flash-001-tuning", "displayName": "x", "tuningTask": {name: wrapped}}
    text = json.dumps(body, ensure_ascii=draw(st.booleans()))
    spoil = draw(st.sampled_from(["", "cut", "comma", "quote"]))
    if spoil == "cut":
        text = text[: draw(st.integers(1, len(text) - 1))]
    elif spoil == "comma":
        text = text.replace('"output"', '"output",', 1)
    elif spoil == "quote":
        text = text.replace('": ', "': ", draw(st.integers(1, 3)))
    return text.encode()


def forms(secret: str) -> list[str]:
    """A secret as JSON may hold it, or as a text in JSON may quote it."""
    once = [json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], format_string(secret)[1:-1]]
    return [secret, *once, *(json.dumps(form)[1:-1] for form in once)]


async def answer(front: RestApp, headers: dict[str, str], query: str, body: bytes) -> None:
    sent = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    await front.answer("POST", "/v1beta/tunedModels", query, sent, body)


@pytest.fixture(scope="module")
def api() -> Api:
    return Serving().api


@pytest.mark.parametrize("name", ["key", "%6bey", "k%65y", "%24key", "access%5Ftoken", "access_tok%65n"])
def test_a_key_is_found_however_its_name_is_spelled(name: str) -> None:
    """Percent signs are undone before a name is judged, as the APIs do it."""
    assert "AIza-secret" not in redact_query(f"a=b&{name}=AIza-secret")
    assert redact_query(f"a=b&{name}=AIza-secret").startswith("a=b&")


@pytest.mark.parametrize("levels", [400, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_no_body_is_too_deep_to_be_kept(levels: int, opening: str, closing: str) -> None:
    """The journal breaks no request: what it cannot walk it keeps by size."""
    text, _ = redact_body(f'{{"key": {opening * levels}1{closing * levels}}}'.encode())
    assert text.startswith(("{", "(not kept: "))


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=300, print_blob=False)
async def test_no_secret_is_ever_in_the_journal(api: Api, data: st.DataObject) -> None:
    """Random keys and tokens in any place, data sets right and wrong: nothing of them is in the journal's JSON."""
    secrets: list[str] = []
    headers = {name: data.draw(CREDENTIAL) for name in data.draw(st.sets(st.sampled_from(HEADERS)))}
    secrets += headers.values()
    if "authorization" in headers:
        headers["authorization"] = f"Bearer {headers['authorization']}"
    query = {name: data.draw(CREDENTIAL) for name in data.draw(st.sets(st.sampled_from(PARAMETERS), max_size=2))}
    secrets += query.values()
    body = data.draw(make_bodies(secrets))
    middleware = MiddlewareChain(Router([api]), SteerableClock().now_ns)
    front = create_rest_app([api], create_authenticator(), middleware)
    await answer(front, headers, "&".join(f"{quote(name)}={value}" for name, value in query.items()), body)
    reporter = Reporter(middleware.near_misses, front.dispatcher.read_message)
    (entry,) = middleware.journal.list(Filter())
    told = reporter.describe(entry)
    text = json.dumps(told, ensure_ascii=False) + json.dumps(told) + repr(entry)
    for secret in secrets:
        assert not [form for form in forms(secret) if form in text], told
    assert told["request_bytes"] == len(body)


def test_what_is_left_of_a_body() -> None:
    """Everything but secrets stays as it was."""
    body = b'{"displayName":"x","apiKey":"abcdef","maxOutputTokens":5,"a":[{"pageToken":"p","trainingData":[1,2]}]}'
    text, removed = redact_body(body)
    assert json.loads(text) == {
        "displayName": "x",
        "apiKey": "(redacted)",
        "maxOutputTokens": 5,
        "a": [{"pageToken": "p", "trainingData": "(redacted: 2 examples)"}],
    }
    assert removed == ["abcdef", "1", "2"]


def test_what_cannot_be_read_is_not_kept() -> None:
    """Broken JSON and very long bodies leave their size alone."""
    assert redact_body(b'{"a": ') == ("(not kept: 6 bytes that are not JSON)", None)
    assert redact_body(b" " * (READ_BYTES + 1)) == (f"(not kept: {READ_BYTES + 1} bytes)", None)
    assert redact_value({"data": b"12345"}) == {"data": "(5 bytes)"}


def test_queries() -> None:
    """Values of secret parameters go, page tokens and all others stay."""
    assert redact_query("key=abc&pageToken=t&alt=sse&flag") == "key=(redacted)&pageToken=t&alt=sse&flag"
    assert redact_query("%24key=abc&X-Goog-Signature=x") == "%24key=(redacted)&X-Goog-Signature=(redacted)"
