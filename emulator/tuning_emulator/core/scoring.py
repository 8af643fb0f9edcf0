"""How near an answer is to a reference: exact match, BLEU and ROUGE, and what many scores come to.

Own code: the two reference implementations bring 40 MB with them (nltk, lxml, numpy), and one of them has had no
release since 2022. The parameters that Vertex AI documents are theirs, so its figures are taken to be theirs too; the
tests hold ours against figures that they computed.

Sources: Papineni et al., BLEU, 2002; Chen and Cherry, smoothing techniques, 2014 (exponential smoothing); NIST's
mteval-v13a (the tokens); Lin, ROUGE, 2004; github.com/mjpost/sacrebleu;
github.com/google-research/google-research, rouge.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from tuning_emulator.core.stemming import stem

# --- exact match and BLEU


def score_exact_match(response: str, reference: str) -> float:
    """1 if the two are the same, else 0."""
    return float(response == reference)


_PUNCTUATION = re.compile(r"([{-~[-` -&(-+:-@/])")
_ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}
_ORDER = 4


def _list_bleu_tokens(text: str) -> list[str]:
    """Words and marks: a full stop or comma is a token unless digits stand on both sides."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, sign in _ENTITIES.items():
        text = text.replace(entity, sign)
    text = _PUNCTUATION.sub(r" \1 ", f" {text} ")
    text = re.sub(r"([^0-9])([.,])", r"\1 \2 ", text)
    text = re.sub(r"([.,])([^0-9])", r" \1 \2", text)
    return re.sub(r"([0-9])(-)", r"\1 \2 ", text).split()


def score_bleu(response: str, reference: str, *, effective_order: bool = False) -> float:
    """BLEU of one sentence, 0 to 1.

    Args:
        effective_order: n-grams longer than the response do not count, so that short ones can be right.
    """
    said, wanted = _list_bleu_tokens(response), _list_bleu_tokens(reference)
    precisions: list[float] = []
    smoothing = 1.0
    for order in range(1, min(_ORDER, len(said)) + 1):
        total = len(said) - order + 1
        right = (_count_ngrams(said, order) & _count_ngrams(wanted, order)).total()
        if order == 1 and not right:
            return 0.0
        if not right:
            smoothing *= 2
        precisions.append(right / total if right else 1 / (smoothing * total))
    if not precisions or (len(precisions) < _ORDER and not effective_order):
        return 0.0
    brevity = math.exp(min(0.0, 1 - len(wanted) / len(said)))
    return brevity * math.exp(statistics.fmean(map(math.log, precisions)))


def _count_ngrams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[at : at + order]) for at in range(len(tokens) - order + 1))


# --- ROUGE

ROUGE_TYPE = re.compile(r"rouge(?:n?(?P<order>[1-9])|(?P<longest>l)(?P<summary>sum)?)", re.IGNORECASE)
"""``rouge1`` to ``rouge9``, ``rougeL``, ``rougeLsum``. Source: RougeSpec.rouge_type, evaluation_service.proto."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def score_rouge(
    response: str, reference: str, kind: str, *, stemmer: bool = False, split_summaries: bool = False
) -> float:
    """The F-measure of a kind of ROUGE, 0 to 1.

    Args:
        kind: See ``ROUGE_TYPE``. stemmer: Words of more than three letters are compared by their stems.
        split_summaries: Of ``rougeLsum``: sentences end with ``.``, ``!``, ``?`` and not with lines.
    """
    match = ROUGE_TYPE.fullmatch(kind)
    if match is None:
        raise ValueError(f"kind: {kind!r} is not rouge1 to rouge9, rougeL or rougeLsum")
    if match["summary"]:
        said, wanted = (
            [_list_rouge_tokens(one, stemmer) for one in _split_sentences(text, split_summaries)]
            for text in (response, reference)
        )
        hits = _count_summary_hits(said, wanted)
        return _measure(hits, sum(map(len, said)), sum(map(len, wanted)))
    tokens, goal = _list_rouge_tokens(response, stemmer), _list_rouge_tokens(reference, stemmer)
    if match["longest"]:
        return _measure(_longest_common(goal, tokens)[-1][-1], len(tokens), len(goal))
    order = int(match["order"])
    ngrams, goals = _count_ngrams(tokens, order), _count_ngrams(goal, order)
    return _measure((ngrams & goals).total(), ngrams.total(), goals.total())


def _measure(hits: int, said: int, wanted: int) -> float:
    return 2 * hits / (said + wanted) if hits else 0.0


def _list_rouge_tokens(text: str, stemmer: bool) -> list[str]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return [stem(word) if len(word) > 3 else word for word in words] if stemmer else words


def _split_sentences(text: str, by_marks: bool) -> list[str]:
    parts = _SENTENCE_END.split(text) if by_marks else text.split("\n")
    return [part for part in parts if part]


def _longest_common(goal: Sequence[str], said: Sequence[str]) -> list[list[int]]:
    """Lengths of the longest common subsequences of all beginnings."""
    table = [[0] * (len(said) + 1)]
    for word in goal:
        above, row = table[-1], [0]
        for at, other in enumerate(said, 1):
            row.append(above[at - 1] + 1 if word == other else max(above[at], row[-1]))
        table.append(row)
    return table


def _find_common(goal: Sequence[str], said: Sequence[str]) -> set[int]:
    """Places in ``goal`` of one longest common subsequence."""
    table, found = _longest_common(goal, said), set()
    row, column = len(goal), len(said)
    while row and column:
        if goal[row - 1] == said[column - 1]:
            row, column = row - 1, column - 1
            found.add(row)
        elif table[row][column - 1] > table[row - 1][column]:
            column -= 1
        else:
            row -= 1
    return found


def _count_summary_hits(said: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> int:
    """Words of the wanted sentences that stand in order in some sentence said, none more often than it is there."""
    left, due = Counter(word for one in said for word in one), Counter(word for one in wanted for word in one)
    hits = 0
    for goal in wanted:
        for place in sorted(set().union(*(_find_common(goal, one) for one in said))):
            word = goal[place]
            if left[word] and due[word]:
                left[word], due[word], hits = left[word] - 1, due[word] - 1, hits + 1
    return hits


# --- what many scores come to


def _percentile(scores: Sequence[float], share: float) -> float:
    """Between the two nearest, in proportion."""
    ordered = sorted(scores)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "AVERAGE": statistics.fmean,
    "MODE": lambda scores: float(statistics.mode(scores)),
    "STANDARD_DEVIATION": lambda scores: statistics.stdev(scores) if len(scores) > 1 else 0.0,
    "VARIANCE": lambda scores: statistics.variance(scores) if len(scores) > 1 else 0.0,
    "MINIMUM": min,
    "MAXIMUM": max,
    "MEDIAN": statistics.median,
    "PERCENTILE_P90": lambda scores: _percentile(scores, 0.9),
    "PERCENTILE_P95": lambda scores: _percentile(scores, 0.95),
    "PERCENTILE_P99": lambda scores: _percentile(scores, 0.99),
}
"""By name of ``Metric.AggregationMetric``. Spreads are those of a sample: assumed, as Google's SDK computes its own."""


def aggregate(scores: Sequence[float], names: Iterable[str]) -> list[tuple[str, float]]:
    """(name, figure) of each aggregation of scores, of which there is at least one."""
    return [(name, AGGREGATIONS[name](scores)) for name in names]
