"""How a batch is divided: among those who work at once, and into parts of about equal lengths that memory has room for.

Rows are padded to the longest of their part, so short rows beside a long one cost as much as it does. A part of its own
spares them that and costs another pass through the model.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_ROWS = 64
"""Examples that go through a model at once, at most. Packed batches have hundreds."""


def share_out(numbers: Sequence[int], lengths: Sequence[int], count: int) -> list[list[int]]:
    """As many shares of a batch, with about as many tokens each. One has the order of the batch.

    Args:
        numbers: Of the examples. lengths: Tokens of every example there is.
    """
    if count == 1:
        return [list(numbers)]
    shares: list[list[int]] = [[] for _ in range(count)]
    tokens = [0] * count
    for number in sorted(numbers, key=lambda number: -lengths[number]):
        least = tokens.index(min(tokens))
        shares[least].append(number)
        tokens[least] += lengths[number]
    return shares


def divide(numbers: Sequence[int], lengths: Sequence[int], most_tokens: int, pass_tokens: int) -> list[list[int]]:
    """The parts of a batch, longest rows first; one part has the order of the batch.

    Args:
        numbers: Of the examples. lengths: Tokens of every example there is.
        most_tokens: Of a part, with its padding. A longer example is a part alone.
        pass_tokens: A pass through the model costs as much as so many tokens.
    """
    order = sorted(numbers, key=lambda number: -lengths[number])
    costs, begins = [0], [0]  # of the cheapest division of the first rows, and where its last part begins
    for end in range(1, len(order) + 1):
        costs.append(costs[end - 1] + lengths[order[end - 1]] + pass_tokens)
        begins.append(end - 1)
        for begin in range(end - 2, max(-1, end - 1 - MOST_ROWS), -1):
            tokens = lengths[order[begin]] * (end - begin)
            if tokens > most_tokens:
                break
            if costs[begin] + tokens + pass_tokens <= costs[end]:
                costs[end], begins[end] = costs[begin] + tokens + pass_tokens, begin
    parts, end = [], len(order)
    while end:
        parts.append(order[begins[end] : end])
        end = begins[end]
    return [list(numbers)] if len(parts) == 1 else parts[::-1]
