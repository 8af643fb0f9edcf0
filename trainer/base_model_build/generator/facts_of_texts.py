"""Sentences with holes and what may be asked about them: question = answer, both with the sentence's own values."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from base_model_build.generator.lexicon import ADJECTIVES, draw_first_name, draw_item, draw_surname, draw_town
from base_model_build.generator.numbers import spell_english
from base_model_build.generator.tasks import Pair
from base_model_build.generator.words import COLORS, JOBS, SEQUENCES

_TITLES: Final = "Mr.|Mrs.|Miss|Dr.|Captain|Professor|Uncle|Aunt|Sister|Judge".split("|")


def _draw_person(random: Random) -> str:
    kind = random.random()
    if kind < 0.5:
        return draw_first_name(random)
    return f"{random.choice(_TITLES)} {draw_surname(random)}" if kind < 0.8 else draw_surname(random)


def _draw_people(random: Random) -> str:
    return f"the {random.choice(JOBS)}s" if random.random() < 0.6 else f"the {draw_surname(random)}s"


def _draw_spot(random: Random) -> str:
    where = random.choice("behind|under|near|above|beside|in front of|inside|on|next to|across from".split("|"))
    return f"{where} the {draw_item(random)}"


def _draw_thing(random: Random) -> str:
    kind = f"{random.choice((random.choice(ADJECTIVES), random.choice(COLORS)))} " if random.random() < 0.4 else ""
    return f"{random.choice(('the', 'the', 'a', 'some', 'his', 'her'))} {kind}{draw_item(random)}"


def _draw_count(random: Random) -> str:
    return str(random.randrange(2, 999)) if random.random() < 0.5 else spell_english(random.randrange(2, 40))


_HOLES: Final[dict[str, Callable[[Random], str]]] = {
    "p": _draw_person,
    "q": _draw_person,
    "them": _draw_people,
    "x": _draw_thing,
    "i": draw_item,
    "j": draw_item,
    "spot": _draw_spot,
    "c": draw_town,
    "n": _draw_count,
    "m": lambda random: str(random.randrange(2, 999)),
    "y": lambda random: str(random.randrange(1300, 2030)),
    "d": lambda random: random.choice(SEQUENCES["days"]),
    "mo": lambda random: random.choice(SEQUENCES["months"]),
    "t": lambda random: random.choice((f"{random.randrange(1, 13)}:{random.randrange(10, 60)}", "dawn", "noon", "six")),
    "u": lambda random: random.choice("meters km miles kg years minutes pounds feet".split()),
    "cur": lambda random: random.choice("euros dollars pounds crowns".split()),
    "col": lambda random: random.choice(COLORS),
    "job": lambda random: random.choice(JOBS),
    "s": draw_surname,
}

TEXTS: Final = """
{p} grows {i}s {spot} all year.;What does {p} grow?={i}s;Who grows {i}s?={p};Where are the {i}s?={spot}
The {i} of {p} is kept {spot}.;Where is the {i} kept?={spot};Whose {i} is it?={p};What is kept {spot}?=The {i}
A talk by {p} begins at {t} in hall {m}.;When does the talk begin?={t};Which hall?={m};Who gives the talk?={p}
Most {i}s come from {c} and cost {n} {cur}.;Where do most {i}s come from?={c};How much do they cost?={n} {cur}
{p}, a {job} from {c}, collects {i}s.;What does {p} collect?={i}s;Who collects {i}s?={p};Where is {p} from?={c}
The sign over the door says {i}, the one below it {j}.;What does the upper sign say?={i};What is written below?={j}
{p} owes {q} {n} {cur}.;How much does {p} owe?={n} {cur};Who owes money?={p};Who will be paid?={q}
The lake near {c} is {m} {u} deep.;How deep is the lake?={m} {u};Where is the lake?=near {c};Which town is near?={c}
{p} forgot {x} {spot}.;Who forgot {x}?={p};What did {p} forget?={x};Where did {p} forget it?={spot}
{x} was designed by {p} in {y}.;Who designed it?={p};When was it designed?={y};In which year?={y}
{p} quit the club since the {i} was too loud.;Who quit?={p};What was too loud?=the {i};What did {p} quit?=the club
{p} counted {n} {i}s from the train to {c}.;How many {i}s were there?={n};Who counted them?={p};Where to?={c}
{q} beat {p} at cards on {d}.;Who was beaten?={p};Who beat {p}?={q};When did they play?={d}
Half of the {i}s in {c} are {col}, the others {s} green.;What color has the first half?={col};Where are the {i}s?={c}
Nobody but {p} can open {x}.;Who can open it?={p};What can {p} open?={x};What does nobody else open?={x}
Chapter {m} is about {c}, the next one about {q}.;Which chapter is about {c}?={m};Whom is the next chapter about?={q}
Every {job} in {c} has to wear {x} on {d}.;Who has to wear it?=Every {job};What do they wear?={x};On which day?={d}
{them} and {p} meet {spot} each {mo}.;Who meets {p}?={them};Where do they meet?={spot};In which month?={mo}
The wall is {m} {u} long and ends in {c}.;How long is the wall?={m} {u};Where does the wall end?={c}
{them} left {c} at {t} with {x}.;Who left {c}?={them};When did they leave?={t};What did they take?={x}
{p} teaches {i} art every {d} in {c}.;What does {p} teach?={i} art;When does {p} teach?=every {d};Where?={c}
The {col} {i} belongs to {p}, the {j} to {q}.;Who owns the {j}?={q};Who owns the {i}?={p};What color is the {i}?={col}
{p} married {q} in {c} in {y}.;Whom did {p} marry?={q};When was the wedding?={y};Where was the wedding?={c}
Room {m} is for {p}, room {n} for {q}.;Whose is room {m}?={p};Whose is room {n}?={q};Where does {q} sleep?=room {n}
The {i} weighs {m} {u}, says {p}.;How much does the {i} weigh?={m} {u};Who says so?={p};What weighs {m} {u}?=The {i}
{p} learned the {i} from {q}.;Who taught {p}?={q};What did {p} learn?=the {i};Who learned the {i}?={p}
The factory in {c} makes {n} {i}s a day.;How many {i}s a day?={n};What does the factory make?={i}s;Where is it?={c}
After the {i}, {p} moved from {c} to the coast.;Who moved?={p};Where did {p} live before?={c};Where to?=the coast
There are {n} {i}s {spot}.;How many {i}s are there?={n};Where are the {i}s?={spot};What is {spot}?={n} {i}s
{p} called at {t} about {x}.;Who called?={p};When did {p} call?={t};What was it about?={x}
The {i} that {p} repaired is {col} now.;Who repaired the {i}?={p};What color is it now?={col}
{d} is the day when {p} visits {q}.;When does {p} visit {q}?={d};Who visits {q}?={p};Whom does {p} visit?={q}
The {job} of {c} wrote a song about {x}.;Who wrote the song?=The {job} of {c};What is the song about?={x}
{p} needs {n} {u} of rope, {q} only {m}.;How much does {q} need?={m};How much does {p} need?={n} {u};Who needs {m}?={q}
""".strip().splitlines()
"""One text a line; its questions after semicolons."""


def draw_text(random: Random) -> tuple[str, list[Pair]]:
    """A sentence and its questions."""
    values = {name: draw(random) for name, draw in _HOLES.items()}
    text, *asked = (part.format(**values) for part in random.choice(TEXTS).split(";"))
    pairs = [(question, answer) for question, answer in (each.rsplit("=", 1) for each in asked)]
    if text[0].islower():  # the answer stands there with a capital then
        first = max((answer for _, answer in pairs if text.startswith(answer)), key=len, default="")
        raised = first[:1].upper() + first[1:]
        pairs = [(question, raised if answer == first else answer) for question, answer in pairs]
        text = text[0].upper() + text[1:]
    return text, pairs
