"""A batch is divided by lengths and memory, and nothing of it is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tuning_trainer.learning.parts import MOST_ROWS, divide

UNLIMITED = 1 << 40


def padded(parts: list[list[int]], lengths: list[int]) -> list[int]:
    return [len(part) * max(lengths[number] for number in part) for part in parts]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=150), st.integers(1, 20_000), st.integers(0, 5000))
def test_every_example_is_in_one_part_that_fits(lengths: list[int], most: int, pass_tokens: int) -> None:
    parts = divide(range(len(lengths)), lengths, most, pass_tokens)
    assert sorted(number for part in parts for number in part) == list(range(len(lengths)))
    assert all(len(part) <= MOST_ROWS for part in parts)
    pairs = zip(parts, padded(parts, lengths), strict=True)
    assert all(tokens <= most or len(part) == 1 for part, tokens in pairs)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=MOST_ROWS))
def test_division_costs_no_more_than_one_part(lengths: list[int]) -> None:
    parts = divide(range(len(lengths)), lengths, UNLIMITED, 50)
    assert sum(padded(parts, lengths)) + 50 * len(parts) <= max(lengths) * len(lengths) + 50


def test_rows_of_about_equal_lengths_stay_together_in_their_order() -> None:
    assert divide([3, 0, 2, 1], [40, 50, 45, 60], UNLIMITED, 64) == [[3, 0, 2, 1]]


def test_short_rows_are_not_padded_to_a_long_one() -> None:
    lengths = [100, 4000, 90, 110, 95]
    assert divide(range(5), lengths, UNLIMITED, 64) == [[1], [3, 0, 4, 2]]


def test_many_rows_are_several_parts() -> None:
    assert [len(part) for part in divide(range(150), [10] * 150, UNLIMITED, 64)] == [22, 64, 64]


def test_no_examples_are_no_part() -> None:
    assert divide([], [3, 4], 10, 64) == []
