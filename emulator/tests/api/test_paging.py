"""Page sizes are coerced or refused; tokens continue their own query only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning_emulator.api.listing import format_page_token, parse_page_token, read_page_size
from tuning_emulator.core.errors import ApiError, Code

QUERY = {"parent": "projects/p", "filter": "a=1"}


@pytest.mark.parametrize(("value", "size"), [(0, 10), (1, 1), (99, 99), (100, 100), (101, 100), (10**6, 100)])
def test_sizes(value: int, size: int) -> None:
    """0 is the default; above the maximum is the maximum, without error (AIP-158)."""
    assert read_page_size(value, default=10, maximum=100) == size


def test_a_negative_size_is_refused() -> None:
    """INVALID_ARGUMENT."""
    with pytest.raises(ApiError) as caught:
        read_page_size(-1, 10, 100)
    assert caught.value.code is Code.INVALID_ARGUMENT


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_token_carries_any_position(position: str) -> None:
    """And is safe in a URL."""
    token = format_page_token(position, QUERY)
    assert token.replace("-", "").replace("_", "").isalnum()
    assert parse_page_token(token, QUERY) == position


def test_no_token_is_the_beginning() -> None:
    """An empty token is the first page."""
    assert parse_page_token("", QUERY) == ""


@pytest.mark.parametrize("query", [{}, {**QUERY, "filter": "a=2"}, {**QUERY, "order": "x"}])
def test_another_querys_token_is_refused(query: dict[str, str]) -> None:
    """Whatever else changed between two pages."""
    with pytest.raises(ApiError) as caught:
        parse_page_token(format_page_token("9", QUERY), query)
    assert caught.value.code is Code.INVALID_ARGUMENT


@given(st.text(max_size=30))
def test_garbage_is_refused(token: str) -> None:
    """Never an exception of ours, never a position."""
    if token:
        with pytest.raises(ApiError):
            parse_page_token(token, QUERY)


def test_a_changed_position_is_refused() -> None:
    """A client cannot make up where to go on."""
    token = format_page_token("10", QUERY)
    with pytest.raises(ApiError):
        parse_page_token(token[:11] + ("A" if token[11] != "A" else "B") + token[12:], QUERY)
