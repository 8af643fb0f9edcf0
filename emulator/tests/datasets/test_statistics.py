"""Dataset statistics against the one complete answer of the real service that is public (a job of 2024-11)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning_emulator.datasets.statistics import Tally, bucket_edges, describe_counts

RECORDED_INPUT = [(326, 25, 509), (148, 510, 994), (20, 995, 1478), (5, 1479, 1963), (1, 2449, 2932)]
RECORDED_OUTPUT = [(298, 3, 42), (164, 43, 81), (29, 82, 120), (5, 121, 159), (3, 160, 198), (1, 199, 237)]


def spread(buckets: list[tuple[int, int, int]]) -> dict[int, int]:
    """Some dataset with the recorded histogram: the values of a bucket lie at its left edge, the last at its right."""
    counts = {left: count for count, left, _ in buckets}
    _, left, right = buckets[-1]
    counts[left] -= 1
    counts[right] = counts.get(right, 0) + 1
    return {value: count for value, count in counts.items() if count}


@pytest.mark.parametrize("recorded", [RECORDED_INPUT, RECORDED_OUTPUT], ids=["input", "output"])
def test_recorded_buckets(recorded: list[tuple[int, int, int]]) -> None:
    """Edges and counts come out as recorded, the empty bucket (1964 to 2448) left out."""
    assert list(describe_counts(spread(recorded)).buckets) == recorded


def test_recorded_edges_name_the_empty_bucket() -> None:
    """The six edges over [25, 2932] are the recorded ones and the one that was left out."""
    assert bucket_edges(25, 2932) == [(25, 509), (510, 994), (995, 1478), (1479, 1963), (1964, 2448), (2449, 2932)]


def test_recorded_messages() -> None:
    """500 pairs: one bucket, and every figure is 2."""
    described = describe_counts({2: 500})
    assert (described.sum, described.min, described.max, described.mean, described.median) == (1000, 2, 2, 2, 2)
    assert (described.p5, described.p95, described.buckets) == (2, 2, ((500, 2, 2),))


def test_recorded_totals() -> None:
    """Billable tokens are input plus output, once: 233592 + 21651 = 255243; the means are those of 500 examples."""
    tally = Tally()
    tally.add_all([468] * 92 + [467] * 408, [44] * 151 + [43] * 349, [2] * 500)
    statistics = tally.summarise()
    assert (statistics.input_tokens.sum, statistics.output_tokens.sum) == (233592, 21651)
    assert (statistics.input_tokens.mean, statistics.output_tokens.mean) == (467.184, 43.302)
    assert (statistics.billable_tokens, statistics.examples, statistics.messages.sum) == (255243, 500, 1000)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=200))
def test_a_distribution_describes_its_values(values: list[int]) -> None:
    """Buckets hold every value once and lie inside [min, max]; percentiles are values that occur."""
    counts: dict[int, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    described = describe_counts(counts)
    assert described.sum == sum(values)
    assert {described.median, described.p5, described.p95} <= set(values)
    assert described.p5 <= described.median <= described.p95
    for count, left, right in described.buckets:
        assert count == sum(left <= value <= right for value in values) > 0
    assert sum(count for count, _, _ in described.buckets) == len(values)
    assert (described.buckets[0][1], described.buckets[-1][2]) == (min(values), max(values))


def test_percentiles_are_nearest_ranks() -> None:
    """Of 1 to 100, the 5th, 50th and 95th."""
    described = describe_counts(dict.fromkeys(range(1, 101), 1))
    assert (described.p5, described.median, described.p95) == (5, 50, 95)


def test_preference_statistics() -> None:
    """The prompt is billed twice, completions once; scores are one 1 and one 0 an example, their variance 1/4."""
    tally = Tally()
    tally.add_preference(10, (3, 5), 2)
    tally.add_preference(20, (4, 4), 2)
    statistics = tally.summarise()
    assert statistics.billable_tokens == 2 * 30 + 16
    assert (statistics.examples, statistics.input_tokens.sum, statistics.output_tokens.sum) == (2, 30, 16)
    assert statistics.scores is not None
    assert list(statistics.scores.buckets) == [(2, 0, 0), (2, 1, 1)]
    assert [statistics.scores.sum, statistics.scores.mean] == [2, 0.5]
    assert statistics.score_variance is not None
    assert list(statistics.score_variance.buckets) == [(2, 0.25, 0.25)]


def test_dropped_examples_are_only_counted() -> None:
    """A dropped example is in the number of examples and in the reasons, 1-based, and in nothing else."""
    tally = Tally()
    tally.add_all([1], [1], [2])
    tally.drop("too long")
    statistics = tally.summarise()
    assert (statistics.examples, statistics.dropped_count, statistics.dropped) == (2, 1, ((2, "too long"),))
    assert (statistics.billable_tokens, statistics.messages.sum) == (2, 2)


def test_reasons_are_a_sample() -> None:
    """However many examples are dropped, the reasons that are kept do not grow without end."""
    tally = Tally()
    for _ in range(1000):
        tally.drop("too long")
    assert (tally.dropped_count, len(tally.dropped)) == (1000, 100)


def test_nothing_counted() -> None:
    """An empty distribution is an error, not a row of zeros."""
    with pytest.raises(ValueError, match="at least one value"):
        Tally().summarise()
