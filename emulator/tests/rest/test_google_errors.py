"""Every text of the front end is said: each row has one request that is answered with that row alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from tests.rest.library import BOOK, CODEC, SERVICE, Library
from tuning_emulator.api.auth import create_authenticator
from tuning_emulator.api.listing import parse_page_token, read_page_size
from tuning_emulator.core.errors import ErrorText
from tuning_emulator.facts import google_errors
from tuning_emulator.rest.app import create_rest_app

ROWS = {value.name: value for value in vars(google_errors).values() if isinstance(value, ErrorText)}
ROWS = {name: row for name, row in ROWS.items() if not name.startswith("grpc_")}
BOOKS = "/v1/shelves/1/books"
DEEP = b'{"chapters":' * 101
FILE = {
    "keys": [
        {"key": "old", "state": "expired"},
        {"key": "gone", "state": "not_found"},
        {"key": "leaked", "state": "leaked"},
        {"key": "away", "located": False},
        {"key": "other", "services": ["other.googleapis.com"]},
        {"key": "page", "referrers": ["https://app.example/"]},
        {"key": "home", "addresses": ["10.0.0.1"]},
        {"key": "phone", "packages": ["com.example"]},
        {"key": "good", "project": "off"},
        {"key": "lost", "project": "nowhere"},
    ],
    "tokens": [
        {"token": "alice", "principal": "alice@example.com", "projects": ["on"]},
        {"token": "narrow", "scopes": ["other"]},
        {"token": "adc", "needs_quota_project": True},
    ],
    "projects": [{"id": "off", "disabled": [SERVICE]}, {"id": "on"}, {"id": "theirs"}],
    "denials": [{"principal": "alice@example.com", "permission": "aiplatform.books.list"}],
}

# Row → (verb, path, query, body, headers, whether the API takes keys).
SAMPLES: dict[str, tuple[str, str, str, bytes, dict[str, str], bool]] = {}


def sample(
    row: str,
    verb: str = "POST",
    path: str = BOOKS,
    query: str = "",
    body: bytes = b"{}",
    keys: bool = True,
    **headers: str,
) -> None:
    """Adds a sample."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    SAMPLES[row] = (verb, path, query, body, named, keys)


GOOD = "key=any"
sample("timestamp_zone", query=GOOD, body=b'{"createTime": "2020-01-01"}')
sample("timestamp_range", query=GOOD, body=b'{"createTime": "0000-01-01T00:00:00Z"}')
sample("timestamp_format", query=GOOD, body=b'{"createTime": "todayZ"}')
sample("timestamp_type", query=GOOD, body=b'{"createTime": 5}')
sample("duration_suffix", query=GOOD, body=b'{"lendingPeriod": "5"}')
sample("duration_seconds", query=GOOD, body=b'{"lendingPeriod": "xs"}')
sample("duration_nanos", query=GOOD, body=b'{"lendingPeriod": "1.xs"}')
sample("duration_range", query=GOOD, body=b'{"lendingPeriod": "999999999999s"}')
sample("duration_type", query=GOOD, body=b'{"lendingPeriod": 5}')
sample("mask_type", query=GOOD, body=b'{"mask": 5}')
sample("base64", query=GOOD, body=b'{"cover": "?"}')
sample("too_deep", query=GOOD, body=DEEP)
sample("json", query=GOOD, body=b"[1 2]")
sample("json_end", query=GOOD, body=b"   ")
sample("json_token", query=GOOD, body=b"not json")
sample("json_value", query=GOOD, body=b"@")
sample("json_after_entry", query=GOOD, body=b'{"a": 1 "b": 2}')
sample("json_key", query=GOOD, body=b"{@}")
sample("json_colon", query=GOOD, body=b'{"a" 1}')
sample("json_after_element", query=GOOD, body=b"[1 2]")
sample("json_element", query=GOOD, body=b"[1, @]")
sample("json_rest", query=GOOD, body=b"{} {}")
sample("json_quote", query=GOOD, body=b'{"a": "b')
sample("json_hex", query=GOOD, body=rb'{"a": "\u12')
sample("json_escape", query=GOOD, body=rb'{"a": "\u12xy and more"}')
sample("json_code_point", query=GOOD, body=rb'{"a": "\udc00 and more text"}')
sample("json_surrogate_missing", query=GOOD, body=rb'{"a": "\ud83d and more text"}')
sample("json_surrogate_invalid", query=GOOD, body=rb'{"a": "\ud83d\u0041 text"}')
sample("json_octal", query=GOOD, body=b'{"a": 012}')
sample("json_number", query=GOOD, body=b'{"a": 1e}')
sample("json_double", query=GOOD, body=b'{"a": 1e999}')
sample("json_encoding", query=GOOD, body=b'{"a": "\xff"}')
sample("name_unknown", query=GOOD, body=b'{"nope": 1}')
sample("value_invalid", query=GOOD, body=b'{"pageCount": "x"}')
sample("field_unknown", query=GOOD, body=b'{"nope": 1}')
sample("field_invalid", query=GOOD, body=b'{"lendingPeriod": 5}')
sample("root_invalid", path=f"{BOOKS}/2:lend", query=GOOD, body=b"1")
sample("oneof_taken", query=GOOD, body=b'{"isbn": "1", "issn": "2"}')
sample("object_on_scalar", query=GOOD, body=b'{"pageCount": {}}')
sample("list_on_single", query=GOOD, body=b'{"pageCount": [1]}')
sample("list_on_map", query=GOOD, body=b'{"labels": [1]}')
sample("list_in_map", query=GOOD, body=b'{"labels": {"a": []}}')
sample("map_key_repeated", query=GOOD, body=b'{"labels": {"a": "b", "a": "c"}}')
sample("any_untyped", query=GOOD, body=b'{"attachment": {"a": 1}}')
sample("mask_unopened", query=GOOD, body=b'{"mask": "a)"}')
sample("mask_unclosed", query=GOOD, body=b'{"mask": "a(b"}')
sample("mask_key_form", query=GOOD, body=b'{"mask": "a[b]"}')
sample("mask_key_unclosed", query=GOOD, body=rb'{"mask": "a[\"b"}')
sample("mask_key_place", query=GOOD, body=rb'{"mask": "a[\"b\"]c"}')
sample("query_unknown", query=GOOD + "&nope=1")
sample("query_message", query=GOOD + "&book.appendix=1")
sample("body_too_large", query=GOOD, body=b" " * 100_001)
sample("not_implemented", path=f"{BOOKS}/2:burn", query=GOOD)
sample("proto_invalid", query=GOOD, body=b"\xff", content_type="application/x-protobuf")
sample("gzip_invalid", query=GOOD, body=b"no gzip", content_encoding="gzip")
sample("invalid_argument", query=GOOD + "&fields=nope")
sample("fields_unknown", query=GOOD + "&fields=nope")
sample("no_caller")
sample("no_token", keys=False)
sample("key_not_supported", query=GOOD, keys=False)
sample("key_invalid", query="key=unknown")
sample("key_not_found", query="key=gone")
sample("key_expired", query="key=old")
sample("key_leaked", query="key=leaked")
sample("key_service_blocked", query="key=other")
sample("key_referrer_blocked", query="key=page")
sample("key_address_blocked", query="key=home")
sample("key_android_blocked", query="key=phone")
sample("service_disabled", query="key=good")
sample("project_invalid", query="key=lost")
sample("location_unsupported", query="key=away")
sample("token_invalid", authorization="Bearer nobody")
sample("scope_insufficient", authorization="Bearer narrow")
sample("quota_project_missing", authorization="Bearer adc")
sample("user_project_denied", authorization="Bearer alice", x_goog_user_project="theirs")
sample("iam_denied", "GET", keys=False, authorization="Bearer alice")

ELSEWHERE = {
    *("internal", "page_size_negative", "page_token_invalid", "discovery_not_found", "project_name_missing"),
    *("service_disabled_2024", "deadline_expired", "operation_cancelled", "list_unnamed"),
    *(name for name in ROWS if name.startswith(("filter_", "default_"))),
}
"""Rows that no request to the example's API shows alone, or today: the tests below, those of filters, of discovery, of
the decoder, of faults, of Google's other hosts, and the contract tests do."""


def test_no_row_is_without_a_sample() -> None:
    """And no sample without a row."""
    assert SAMPLES.keys() | ELSEWHERE == ROWS.keys()


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_sample_breaks_its_row(name: str, tmp_path: Path) -> None:
    """The row's text, its code, and no second violation."""
    verb, path, query, body, headers, keys = SAMPLES[name]
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps(FILE))
    guarded = (query not in ("", GOOD) and not query.startswith(GOOD)) or "authorization" in headers
    api = Library().create_api(keys=keys)
    front = create_rest_app([api], create_authenticator(file if guarded else None))
    sent = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    answer = await front.answer(verb, path, query, sent, body)
    error: dict[str, Any] = json.loads(answer.body)["error"]
    row = ROWS[name]
    assert error["status"] == row.code.name
    assert answer.status == row.code.http_status
    pattern = ".*".join(re.escape(literal) for literal, *_ in Formatter().parse(row.text))
    texts = [error["message"]]
    for detail in error.get("details", []):
        violations = detail.get("fieldViolations", [])
        assert len(violations) <= 1
        texts += [one["description"] for one in violations]
    assert any(re.search(pattern, text) for text in texts)


def test_rows_of_lists() -> None:
    """Page sizes and tokens."""
    with pytest.raises(Exception, match=re.escape(google_errors.PAGE_SIZE_NEGATIVE.format())):
        read_page_size(-1, 1, 1)
    with pytest.raises(Exception, match=re.escape(google_errors.PAGE_TOKEN_INVALID.format())):
        parse_page_token("nope", {})


def test_the_depth_is_the_rows() -> None:
    """100 objects are taken, 101 are not."""
    assert google_errors.MAX_DEPTH.value == 100
    depth = 100
    assert CODEC.parse(b'{"chapters":' * (depth - 1) + b"{}" + b"}" * (depth - 1), BOOK)
