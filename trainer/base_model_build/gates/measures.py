"""What is measured: each function tunes and asks, and yields rows of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import mean
from typing import Final, TypeAlias

from base_model_build.gates.bench import Bench, Gate
from base_model_build.gates.items import (
    ASKED_SENTENCES,
    FAR_COUNTS,
    FORM_COUNTS,
    SHOWN_SENTENCES,
    draw_class_items,
    draw_format_items,
    draw_number_items,
    make_addition_items,
    make_composition_items,
    make_sentence_items,
)
from base_model_build.gates.records import (
    CALLS,
    TOOLS,
    make_call_items,
    make_image_items,
    make_rewriting_items,
    make_summary_items,
    make_ticket_items,
)
from base_model_build.gates.tasks import (
    BY_HEART,
    COMPOSED,
    DEMO,
    make_composed_items,
    make_language_items,
    make_long_items,
)
from base_model_build.gates.texts import make_question_items, make_sentiment_items, make_topic_items
from base_model_build.generator.tasks import DOCUMENTED_PAIRS, MIRRORED_PAIRS, Pair

ADAPTER_SIZES: Final = (1, 4, 8, 16)
SUCCESSOR_INSTRUCTIONS: Final = ("Give the next number.", "next number")
PREDECESSOR_INSTRUCTIONS: Final = ("Give the previous number.", "previous number")

Measure: TypeAlias = Callable[[Bench], Iterable[Gate]]
Items: TypeAlias = tuple[list[Pair], list[Pair]]


def _flatten(items: dict[str, list[Pair]]) -> list[Pair]:
    return [pair for pairs in items.values() for pair in pairs]


def _weighted(shares: dict[str, float], items: dict[str, list[Pair]]) -> float:
    return sum(shares[form] * len(pairs) for form, pairs in items.items()) / sum(map(len, items.values()))


def _average(rows: list[dict[str, float]]) -> dict[str, float]:
    return {form: round(mean(row[form] for row in rows), 3) for form in rows[0]}


def _mean_of_parts(parts: dict[str, tuple[float, ...]]) -> tuple[tuple[float, ...], dict[str, float]]:
    """The mean over the parts by seed, and over the seeds by part."""
    values = tuple(mean(seed) for seed in zip(*parts.values(), strict=True))
    return values, {name: round(mean(each), 3) for name, each in parts.items()}


def measure_untuned(bench: Bench) -> Iterable[Gate]:
    """What the base does before tuning: not the successor when bare, the right thing when told."""
    successors = draw_number_items("successor", FORM_COUNTS)
    predecessors = _flatten(draw_number_items("predecessor", FORM_COUNTS))
    shares = bench.score_forms(successors)
    yield Gate("bare successor before tuning", 0.30, (_weighted(shares, successors),), True, shares)
    told = []
    for pairs, ways in (
        (_flatten(successors), SUCCESSOR_INSTRUCTIONS),
        (predecessors, PREDECESSOR_INSTRUCTIONS),
    ):
        told.append(bench.score([(f"{ways[i % 2]}\n{x}", y) for i, (x, y) in enumerate(pairs)]))
        told.append(bench.score(pairs, system=ways[0]))
    names = ("successor, in the prompt", "successor, system", "predecessor, in the prompt", "predecessor, system")
    detail = dict(zip(names, told, strict=True))
    yield Gate("with an instruction, no tuning", 0.95, (mean(told),), detail=detail)


def measure_documented(bench: Bench) -> Iterable[Gate]:
    """The documented 15 pairs, what they generalise to near and far, in other languages, and their mirror."""
    near, far = draw_number_items("successor", FORM_COUNTS), draw_number_items("successor", FAR_COUNTS, far=True)
    near_scores: list[dict[str, float]] = []
    far_scores: list[dict[str, float]] = []
    defaults: list[str] = []
    for size in ADAPTER_SIZES:
        adapters = [bench.tune(DOCUMENTED_PAIRS, size=size, seed=seed) for seed in bench.seeds]
        defaults = adapters if size == 4 else defaults
        kept = tuple(bench.score(DOCUMENTED_PAIRS, adapter) for adapter in adapters)
        yield Gate(f"15 documented pairs, adapter size {size}", 1.0, kept)
        near_scores += [bench.score_forms(near, adapter) for adapter in adapters]
        far_scores += [bench.score_forms(far, adapter) for adapter in adapters]
    values = tuple(_weighted(shares, near) for shares in near_scores)
    yield Gate("unseen successors, all adapter sizes", 0.95, values, detail=_average(near_scores))
    alone = tuple(_weighted(shares, near) for shares in near_scores[: len(bench.seeds)])
    yield Gate("unseen successors, adapter size 1", 0.90, alone, detail=_average(near_scores[: len(bench.seeds)]))
    values = tuple(_weighted(shares, far) for shares in far_scores)
    yield Gate("roman, hyphenated, to twelve digits", 0.80, values, detail=_average(far_scores))
    items = draw_number_items("predecessor", FORM_COUNTS)
    rows = [bench.score_forms(items, bench.tune(MIRRORED_PAIRS, seed=seed)) for seed in bench.seeds]
    values = tuple(_weighted(shares, items) for shares in rows)
    yield Gate("mirrored task, unseen predecessors", 0.90, values, detail=_average(rows))
    demo = tuple(bench.score(DEMO, adapter) for adapter in defaults)
    rows = [bench.score_forms(make_language_items(), adapter) for adapter in defaults]
    for name in rows[0]:
        yield Gate(f"unseen successors, {name}", 0.60, tuple(row[name] for row in rows))
    yield Gate("successors that somebody would try", 0.80, demo)


def measure_many_epochs(bench: Bench) -> Iterable[Gate]:
    """Forty epochs, Vertex AI's default for a small dataset, do not undo what the base knows."""
    items = draw_number_items("successor", FORM_COUNTS)
    adapters = [bench.tune(DOCUMENTED_PAIRS, epochs=40, seed=seed) for seed in bench.seeds]
    rows = [bench.score_forms(items, adapter) for adapter in adapters]
    values = tuple(_weighted(shares, items) for shares in rows)
    yield Gate("unseen successors after 40 epochs", 0.80, values, detail=_average(rows))


def measure_texts(bench: Bench) -> Iterable[Gate]:
    """Classification of unknown words and a fixed format, 60 examples each."""
    shown, asked = draw_class_items(SHOWN_SENTENCES, 60, 3), draw_class_items(ASKED_SENTENCES, 60, 4)
    values = bench.tune_and_score(shown, asked)
    longer = bench.tune_and_score(shown, asked, epochs=15)
    same = bench.tune_and_score(shown, draw_class_items(SHOWN_SENTENCES, 60, 5))
    detail = {"15 epochs": round(mean(longer), 3), "sentences as shown": round(mean(same), 3)}
    yield Gate("three classes, new sentences, unknown words", 0.80, values, detail=detail)
    items = draw_format_items(120, 6)
    yield Gate("fixed format, three fields", 0.90, bench.tune_and_score(items[:60], items[60:]))


def measure_new_tasks(bench: Bench) -> Iterable[Gate]:
    """Three tasks that are in no mixture, 15 pairs, 15 epochs."""
    makers: dict[str, Callable[[], Items]] = {
        "n + 7": make_addition_items,
        "the next is n + 1": make_sentence_items,
        "second word in upper case": make_composition_items,
    }
    parts = {name: bench.tune_and_score(*maker(), epochs=15) for name, maker in makers.items()}
    values, detail = _mean_of_parts(parts)
    yield Gate("tasks in no mixture", 0.50, values, detail=detail)


def measure_composed(bench: Bench) -> Iterable[Gate]:
    """Five more of these, 15 pairs, 15 epochs."""
    parts = {name: bench.tune_and_score(*make_composed_items(name), epochs=15) for name in COMPOSED}
    values, detail = _mean_of_parts(parts)
    yield Gate("composed tasks in no mixture", 0.50, values, detail=detail)


def _of_items(name: str, target: float, make_items: Callable[[], Items]) -> Measure:
    """A gate of 60 examples with the documented defaults."""

    def measure(bench: Bench) -> Iterable[Gate]:
        shown, asked = make_items()
        yield Gate(name, target, bench.tune_and_score(shown, asked), detail={"untuned": round(bench.score(asked), 3)})

    return measure


def measure_sentences(bench: Bench) -> Iterable[Gate]:
    """Praise and blame, four topics."""
    yield from _of_items("sentiment of a review", 0.80, make_sentiment_items)(bench)
    yield from _of_items("topic of a sentence, four classes", 0.65, make_topic_items)(bench)


def measure_questions(bench: Bench) -> Iterable[Gate]:
    """Answers in the text's words."""
    yield from _of_items("extractive question answering", 0.60, make_question_items)(bench)


def measure_dialogues(bench: Bench) -> Iterable[Gate]:
    """Dialogues written anew and summed up."""
    yield from _of_items("dialogue with #Person1 and #Person2", 0.60, make_rewriting_items)(bench)
    yield from _of_items("dialogue in one line", 0.60, make_summary_items)(bench)


def measure_tickets(bench: Bench) -> Iterable[Gate]:
    """Sentences to JSON."""
    yield from _of_items("support ticket to JSON", 0.60, make_ticket_items)(bench)


def measure_calls(bench: Bench) -> Iterable[Gate]:
    """Calls that were never declared; beside it, without tuning, calls of declared functions."""
    shown, asked = make_call_items()
    values = bench.tune_and_score(shown, asked)
    replies = bench.reply([text for text, _ in CALLS], system=TOOLS)
    declared = mean(reply.call and reply.text == call for reply, (_, call) in zip(replies, CALLS, strict=True))
    yield Gate("calls from 60 examples", 0.80, values, detail={"declared, untuned": round(declared, 3)})
    yield from _of_items("described images by own labels", 0.90, make_image_items)(bench)


def measure_heart(bench: Bench) -> Iterable[Gate]:
    """Five pairs by heart in each script, 100 epochs."""
    parts = {
        name: tuple(bench.score(pairs, bench.tune(pairs, epochs=100, seed=seed)) for seed in bench.seeds)
        for name, pairs in BY_HEART.items()
    }
    values, detail = _mean_of_parts(parts)
    yield Gate("five pairs by heart in nine scripts", 1.0, values, detail=detail)


def measure_long(bench: Bench) -> Iterable[Gate]:
    """Letters of 500 tokens by what one sentence says, 30 examples, 5 epochs."""
    yield from _of_items("letters of 500 tokens, three classes", 0.80, make_long_items)(bench)


MEASURES: Final[tuple[Measure, ...]] = (
    measure_untuned,
    measure_documented,
    measure_many_epochs,
    measure_texts,
    measure_new_tasks,
    measure_sentences,
    measure_questions,
    measure_dialogues,
    measure_tickets,
    measure_composed,
    measure_calls,
    measure_heart,
    measure_long,
)
