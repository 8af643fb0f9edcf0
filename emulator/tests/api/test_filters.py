"""AIP-160 filters over message values."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rest.library import BOOK, CODEC
from tuning_emulator.api.listing import Predicate, compile_filter
from tuning_emulator.core.errors import ApiError, Code, ErrorText
from tuning_emulator.facts import google_errors
from tuning_emulator.schema.schema import Value

VALUE: Value = {
    "name": "shelves/1/books/2",
    "display_name": "Momo and the time thieves",
    "page_count": 300,
    "price": 9.5,
    "lent": True,
    "genre": "NOVEL",
    "create_time": 1_700_000_000_000_000_000,
    "lending_period": 20_000_000_000,
    "tags": ["child", "time"],
    "labels": {"tune-type": "sft", "empty": ""},
    "appendix": {"title": "Names", "page": 299},
}


def matches(text: str) -> bool:
    """Whether the book matches."""
    return compile_filter(text, BOOK, CODEC.schemas)(VALUE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        'genre="NOVEL"',
        "genre=NOVEL",
        "genre!=HISTORY",
        "page_count>=300",
        "pageCount>299 AND pageCount<301",
        "price=9.5",
        "lent=true",
        "NOT lent=false",
        "-lent=false",
        'create_time>"2020-01-01T00:00:00Z"',
        "createTime>2020-01-01T00:00:00Z",
        'create_time<"2030-01-01T00:00:00+01:00"',
        "lending_period=20s",
        "lending_period<1000s",
        "labels.tune-type:*",
        'labels."tune-type"=sft',
        "labels:empty",
        "labels.empty:*",
        "labels:*",
        "NOT labels.nope:*",
        "tags:child",
        'display_name="Momo*"',
        'display_name="*time*"',
        'display_name!="Jim*"',
        "display_name:momo",
        'display_name>"Jim"',
        "appendix.title=Names",
        "appendix:*",
        "appendix.page<300",
        "(genre=HISTORY OR genre=NOVEL) AND lent=true",
        "genre=HISTORY OR genre=NOVEL lent=true",
        "lent=true (page_count=1 OR page_count=300)",
        "NOT (genre=HISTORY AND lent=true)",
        "NOT description_is_unset OR lent=true".replace("description_is_unset", "isbn=x"),
    ],
)
def test_matches(text: str) -> None:
    """Every operator, both spellings, nesting; OR binds tighter than AND and than juxtaposition."""
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "genre=HISTORY",
        "genre!=NOVEL",
        "page_count<300",
        "labels.nope:*",
        "labels.tune-type=other",
        "tags:nope",
        'display_name="momo*"',
        "isbn=x",
        "isbn!=x",
        "isbn:*",
        "index.title!=x",
        "labels.nope!=x",
        "lent=true AND genre=HISTORY OR genre=SCIENCE_FICTION",
        "lent=true page_count=1",
    ],
)
def test_does_not_match(text: str) -> None:
    """A path that is unset matches nothing, not even ``!=``."""
    assert not matches(text)


REFUSED = (
    "nope=1",
    "appendix.nope=1",
    "genre=BOGUS",
    "genre>NOVEL",
    "page_count=many",
    "create_time>yesterday",
    "lending_period=20",
    "lent=maybe",
    "lent>true",
    "tags=child",
    "labels=x",
    "chapters.title=x",
    "genre",
    "genre=",
    "=NOVEL",
    ".=NOVEL",
    "(genre=NOVEL",
    "genre=NOVEL)",
    "AND genre=NOVEL",
    "genre=NOVEL AND",
    "NOT",
    "genre=NOVEL,",
    '"open',
    "appendix=x",
    "(" * 5000,
)


@pytest.mark.parametrize("text", REFUSED)
def test_refuses(text: str) -> None:
    """Bad syntax, unknown fields, wrong types and enum values are INVALID_ARGUMENT."""
    with pytest.raises(ApiError) as caught:
        matches(text)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_every_reason_is_said() -> None:
    """No row about filters is without one of these."""
    said = []
    for text in REFUSED:
        with pytest.raises(ApiError) as caught:
            matches(text)
        said.append(caught.value.message)
    rows = [row for row in google_errors.ROWS if isinstance(row, ErrorText) and row.name.startswith("filter_")]
    forms = {row.name: ".*".join(re.escape(literal) for literal, *_ in Formatter().parse(row.text)) for row in rows}
    assert [name for name, form in forms.items() if not any(re.search(form, text) for text in said)] == []


def test_special_names_are_the_services_own() -> None:
    """A service adds names that are no fields, such as ``owner:me``."""
    seen: list[tuple[str, str]] = []

    def owner(compare: str, argument: str) -> Predicate:
        seen.append((compare, argument))
        return lambda value: argument == "me"

    assert compile_filter("owner:me AND lent=true", BOOK, CODEC.schemas, {"owner": owner})(VALUE)
    assert not compile_filter("owner:you", BOOK, CODEC.schemas, {"owner": owner})(VALUE)
    assert seen == [(":", "me"), (":", "you")]


_WORDS = ["genre", "NOVEL", "=", "!=", ":", "*", "(", ")", "AND", "OR", "NOT", "-", '"x"', "labels", ".", "lent", ">"]


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(st.sampled_from(_WORDS), max_size=9), st.sampled_from(["", " "]))
def test_any_text_is_a_filter_or_refused(words: list[str], between: str) -> None:
    """Nothing but the refusal comes out, when compiling or when matching."""
    try:
        predicate = compile_filter(between.join(words), BOOK, CODEC.schemas)
    except ApiError:
        return
    assert predicate(VALUE) in (True, False)
    assert predicate({}) in (True, False)
