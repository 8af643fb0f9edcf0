"""Questions about a short text whose answers are words of the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

from base_model_build.generator.facts_of_texts import draw_text
from base_model_build.generator.lexicon import (
    ADJECTIVES,
    DEFINITIONS,
    EXAMPLES,
    draw_any_word,
    draw_first_name,
    draw_item,
    draw_surname,
    draw_town,
)
from base_model_build.generator.numbers import spell_english
from base_model_build.generator.phrases import ACTIONS, PLACES, REASONS, SUBJECTS, TIMES
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.words import COLORS, JOBS, SEQUENCES

Fact: TypeAlias = tuple[str, list[Pair]]
"""A text, and questions about it with their answers."""

_TITLES: Final = ("Mr.", "Mrs.", "Dr.", "Captain", "Professor", "Uncle", "Aunt")


def fill_phrase(random: Random, phrase: str) -> str:
    """A phrase with its holes filled."""
    return phrase.format(
        c=draw_town(random),
        o=draw_item(random),
        n=random.randrange(1, 500),
        d=random.choice(SEQUENCES["days"]),
        m=random.choice(SEQUENCES["months"]),
        y=random.randrange(1500, 2030),
        k=random.randrange(1, 12),
        N=draw_surname(random),
        s=random.choice(SUBJECTS),
    )


def raise_first(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def draw_person(random: Random) -> str:
    """Somebody by a name, a title or a job."""
    kind = random.random()
    if kind < 0.45:
        return draw_first_name(random)
    if kind < 0.6:
        return f"{random.choice(_TITLES)} {draw_surname(random)}"
    if kind < 0.75:
        return f"{random.choice(('the', 'a', 'the', 'our', 'my'))} {random.choice(JOBS)}"
    if kind < 0.85:
        return draw_surname(random)
    return f"{draw_first_name(random)} {draw_surname(random)}"


def _maybe(random: Random, chance: float, phrases: list[str]) -> str:
    return fill_phrase(random, random.choice(phrases)) if random.random() < chance else ""


def _draw_event(random: Random) -> Fact:
    """Somebody did something, somewhere, sometime, for a reason; and what may be asked of it."""
    who, (past, base, article) = draw_person(random), random.choice(ACTIONS)
    many, noun = random.random() < 0.25, draw_item(random)
    number = str(random.randrange(2, 90)) if random.random() < 0.7 else spell_english(random.randrange(2, 20))
    article = article if random.random() < 0.8 else random.choice(("his", "her", "some", "the"))
    kind = f"{random.choice(ADJECTIVES)} " if random.random() < 0.3 else ""
    what = f"{number} {noun}s" if many else f"{article} {kind}{noun}"
    place, time, why = _maybe(random, 0.6, PLACES), _maybe(random, 0.6, TIMES), _maybe(random, 0.2, REASONS)
    first = bool(time) and random.random() < 0.25
    front = (f"{raise_first(time)}," if random.random() < 0.5 else raise_first(time)) if first else ""
    subject = who if first else raise_first(who)
    parts = (front, subject, past, what, place, "" if first else time, f"because {why}" if why else "")
    asked = [(f"Who {past} {what}?", subject), (f"What did {who} {base}?", what), (f"Who {past} it?", subject)]
    if many:
        asked = [
            (f"How many {noun}s did {who} {base}?", number),
            (f"Who {past} the {noun}s?", subject),
            (f"How many {noun}s?", number),
        ]
    it, when = "them" if many else "it", raise_first(time) if first else time
    if place:
        asked += [
            (f"Where did {who} {base} {it}?", place),
            ("Where was this?", place),
            (f"Where was {what} {past}?", place),
        ]
    if time:
        asked += [(f"When did {who} {base} {it}?", when), ("When was this?", when), (f"When was it {past}?", when)]
    if why:
        asked.append((f"Why did {who} {base} {it}?", why))
    return " ".join(part for part in parts if part) + ".", asked


def _draw_state(random: Random) -> Fact:
    """How something is, and what may be asked of it."""
    noun, town, color = draw_item(random), draw_town(random), random.choice(COLORS)
    name = draw_first_name(random)
    number, job = str(random.randrange(2, 2000)), random.choice(JOBS)
    unit, money = random.choice("meters km kg years minutes pages".split()), random.choice(("dollars", "euros"))
    opens, closes = (random.choice((str(hour), spell_english(hour))) for hour in random.sample(range(1, 13), 2))
    year, gate = str(random.randrange(1400, 2020)), random.choice("ABCDEF") + str(random.randrange(1, 40))
    made = random.choice(("built", "made", "found", "sold"))
    vehicle, stop = random.choice(("Bus", "Train", "Flight", "Boat")), random.choice(("gate", "platform", "stop"))
    clock = f"{random.randrange(1, 12)}:{random.choice(('00', '15', '30', '45'))}"
    place, other = fill_phrase(random, random.choice(PLACES)), draw_item(random)
    word, meaning = random.choice(DEFINITIONS)
    return random.choice(
        (
            (
                f"The {noun} is {color} and stands in {town}.",
                [(f"What color is the {noun}?", color), (f"Where is the {noun}?", town), ("What color?", color)],
            ),
            (
                f"The {noun} costs {number} {money} and belongs to {name}.",
                [
                    (f"Who owns the {noun}?", name),
                    (f"What does the {noun} cost?", f"{number} {money}"),
                    ("How much?", f"{number} {money}"),
                ],
            ),
            (
                f"The {noun} in {town} is {number} {unit} {random.choice(('long', 'high', 'wide', 'old'))}.",
                [
                    (f"Where is the {noun}?", town),
                    (f"How long is the {noun}?", f"{number} {unit}"),
                    ("How high is it?", f"{number} {unit}"),
                ],
            ),
            (
                f"{name} is a {job} in {town}.",
                [(f"What is {name}?", f"a {job}"), (f"Where does {name} work?", town), (f"Who is the {job}?", name)],
            ),
            (
                f"The {noun} shop opens at {opens} and closes at {closes}.",
                [
                    ("When does the shop open?", opens),
                    ("When does the shop close?", closes),
                    ("When does it close?", closes),
                ],
            ),
            (
                f"The {noun} of {town} was {made} in {year} by {name}.",
                [
                    ("In which year was this?", year),
                    (f"Who {made} it?", name),
                    (f"Which city has the {noun}?", town),
                    ("When was this?", year),
                ],
            ),
            (
                f"{vehicle} {number} to {town} leaves from {stop} {gate} at {clock}.",
                [
                    ("From where does it leave?", f"{stop} {gate}"),
                    (f"Which {stop}?", gate),
                    ("Where does it go?", town),
                    ("Which number?", number),
                    ("When does it leave?", clock),
                ],
            ),
            (
                f"The {noun} is {place}, and the {other} lies there too.",
                [(f"Where is the {noun}?", place), ("What lies there too?", f"the {other}")],
            ),
            (
                f"{name} wants the {color} {noun}, not the {other}.",
                [
                    ("Who wants it?", name),
                    (f"What does {name} want?", f"the {color} {noun}"),
                    ("What not?", f"the {other}"),
                ],
            ),
            (f"{word}: {meaning}", [("Which word is this?", word), (f"What is {word}?", meaning)]),
        )
    )


_FORMS: Final = (
    "{text}\n{question}",
    "{text}\n{question}",
    "{text}\n{question}",
    "{text} {question}",
    "{question}\n{text}",
    "Context: {text}\nQuestion: {question}",
    "Q: {question}\n{text}",
    "{text}\n\n{question}",
)


def _says_which(question: str, sentence: str) -> bool:
    """Whether anything in a question says that it is about this sentence."""
    return any(word in question for word in re.findall(r"[A-Za-z]{4,}", sentence))


def _ask_on(random: Random, context: str, asked: list[Pair]) -> list[Pair]:
    """A text with the first of these questions, then up to seven more about the same text."""
    if not asked:
        raise ValueError("nothing to ask about the text")
    form, pairs = random.choice(_FORMS), random.sample(asked, min(len(asked), random.randint(2, 8)))
    question, answer = pairs[0]
    return [(form.replace("{text}", context).replace("{question}", question), answer), *pairs[1:]]


def draw_interview(random: Random) -> list[Pair]:
    """One to three sentences and questions about them."""
    facts = [
        random.choice((_draw_event, _draw_state, draw_text, draw_text))(random)
        for _ in range(random.choice((1, 1, 2, 3)))
    ]
    asked = [pair for text, pairs in facts for pair in pairs if len(facts) == 1 or _says_which(pair[0], text)]
    return _ask_on(random, " ".join(sentence for sentence, _ in facts), asked)


_GAPS: Final = ("{before} ___ {after}", "{before} ___", "___ {after}", "{before} … {after}", "{before} what?")


def _draw_gaps(random: Random) -> Fact:
    """One or two sentences of the dictionary, some words exchanged, and what stands between or beside words of them."""
    form, near, size, asked = random.choice(_GAPS), random.choice((1, 2, 3)), random.choice((1, 1, 2, 3)), list[Pair]()
    while not asked:
        words = " ".join(random.choice(EXAMPLES) for _ in range(random.choice((1, 1, 2)))).split()[:24]
        words = [draw_any_word(random) if len(word) > 3 and random.random() < 0.15 else word for word in words]
        for place in range(1, len(words) - size):
            before, span = words[max(0, place - near) : place], words[place : place + size]
            after = words[place + size : place + size + near]
            if words.count(before[-1]) == words.count(after[0]) == 1:
                asked.append((form.format(before=" ".join(before), after=" ".join(after)), " ".join(span)))
    return " ".join(words), asked


def draw_gaps(random: Random) -> list[Pair]:
    """A text of the dictionary and questions about what stands in it beside given words."""
    return _ask_on(random, *_draw_gaps(random))


def draw_question_task(random: Random, most: int = 3) -> Task:
    """Up to ``most`` sentences and a question about one of them."""
    count = random.choice((1, 1, 1, 2, 2, 3)) if most <= 3 else random.randint(4, most)
    makers = random.choice(
        ((_draw_event,), (draw_text,), (draw_text, _draw_state), (_draw_event, _draw_state, draw_text))
    )
    return _make_question_task(random.choice(_FORMS), _draw_frame(random), makers, count)


def draw_question_tasks(random: Random) -> tuple[Task, Task]:
    """Questions about one kind of sentence, and in the same form about others, also about gaps in any text."""
    form, frame = random.choice(_FORMS), _draw_frame(random)
    makers = random.choice(((_draw_event,), (_draw_state,), (draw_text,), (_draw_event, _draw_state)))
    shown = _make_question_task(form, frame, makers, random.choice((1, 1, 2)))
    others = (_draw_event, _draw_state, draw_text, draw_text, draw_text, _draw_gaps)
    return shown, _make_question_task(form, frame, others, random.choice((1, 1, 2)))


def _draw_frame(random: Random) -> str:
    return random.choice(("{}",) * 9 + ("Answer: {}", "{}.", "It is {}."))


def _make_question_task(form: str, frame: str, makers: tuple[Callable[[Random], Fact], ...], count: int) -> Task:
    def draw(random: Random) -> Pair | None:
        facts = [random.choice(makers)(random) for _ in range(count)]
        text, asked = random.choice(facts)
        question, answer = random.choice(asked)
        if count > 1 and not _says_which(question, text):
            return None
        context = " ".join(sentence for sentence, _ in facts)
        return form.replace("{text}", context).replace("{question}", question), frame.replace("{}", answer)

    ways = ("Answer the question.", "Answer shortly.", "Answer with words of the text.", "Use the text.")
    return Task("question", draw, ways, closed=True)
