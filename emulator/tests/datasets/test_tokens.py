"""The approximation of Gemini's token count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning_emulator.datasets.statistics import count_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("100", 3),  # recorded: promptTokenCount of a tuned model asked "100"
        ("101", 3),  # recorded: candidatesTokenCount of its answer
        ("a", 1),
        ("hello", 1),
        ("Hello, world!", 5),
        ("um dois três", 3),
        ("東京", 2),
        ("привет", 2),
        ("🙂", 1),
        ("it’s", 2),
        ("a\nb", 2),
        ("\ud800", 1),
        ("a\0b", 2),
    ],
)
def test_count_tokens(text: str, tokens: int) -> None:
    """Digits, punctuation, ideographs and emoji count one each; letters and spaces five to a token."""
    assert count_tokens(text) == tokens


def test_english_prose_has_plausible_counts() -> None:
    """English has 1.25 to 1.67 tokens a word, as Gemini's documentation has it (100 tokens are 60 to 80 words)."""
    text = (
        "Supervised tuning adapts the behaviour of a model with a labelled dataset. It adjusts the weights of the "
        "model to minimise the difference between its predictions and the actual labels. For example, it can improve "
        "classification, summarisation, extractive question answering and chat."
    )
    assert 1.25 <= count_tokens(text) / len(text.split()) <= 1.67


@given(st.integers(65_500, 65_540), st.integers(0, 40))
def test_long_texts(digits: int, letters: int) -> None:
    """Counts are exact on both sides of the length at which the counting method changes."""
    assert count_tokens("1" * digits + "a" * letters) == digits + -(-letters // 5)


@given(st.text(), st.text())
def test_more_text_never_has_fewer_tokens(first: str, second: str) -> None:
    """Joining texts neither loses tokens nor adds any but for rounding."""
    together = count_tokens(first + second)
    apart = count_tokens(first) + count_tokens(second)
    assert max(count_tokens(first), count_tokens(second)) <= together
    assert apart - 1 <= together <= apart
