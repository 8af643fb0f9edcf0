"""Sentences to records, and records to other records: JSON, lines, pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

from base_model_build.generator.lexicon import (
    ADJECTIVES,
    FREQUENT,
    NOUNS,
    draw_any_word,
    draw_first_name,
    draw_item,
    draw_surname,
    draw_thing,
    draw_town,
)
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.words import COLORS, JOBS, SEQUENCES

Items: TypeAlias = list[tuple[str, str]]

_TROUBLES: Final = (
    "does not work|is broken|will not open|is too loud|is missing a part|has a scratch|is dirty|gets stuck|fell apart|"
    "is the wrong size|turns off by itself|has no power|came late|smells bad|is too slow|is leaking|will not connect"
).split("|")


_FAULTS: Final = (
    "keeps {2}ing|is {0}|is too {0}|became {0}|has {0} {1}s|shows only {1}|looks {0}|feels {0} today|wants {1} and {1}|"
    "was {0} from the start|turned {0}|has lost its {1}|has {0} corners|cannot {2}|never {2}s|refuses to {2}|"
    "stopped {2}ing|fell into the {1}|arrived without {1}|sounds like a {1}"
).split("|")
"""With holes for an adjective, a noun, any word."""
_VERBS: Final = "lost broke shows eats burns hides drops scratched ruined covers needs missed bends spills tore".split()


def draw_trouble(random: Random) -> str:
    """What is wrong with a thing, as the rest of a sentence."""
    kind = random.random()
    if kind < 0.4:
        return random.choice(_TROUBLES)
    if kind < 0.5:
        return f"{random.choice(('has no', 'needs a', 'turns into a', 'smells of', 'shows a'))} {draw_item(random)}"
    if kind < 0.56:
        return f"shows error {random.randrange(100)}"
    if kind < 0.63:
        return f"makes a {random.choice(ADJECTIVES)} sound"
    if kind < 0.8:
        return random.choice(_FAULTS).format(random.choice(ADJECTIVES), random.choice(NOUNS), draw_any_word(random))
    return f"{random.choice(_VERBS)} {random.choice(('the', 'its', 'my', 'a', 'every'))} {draw_item(random)}"


def _draw_date(random: Random) -> str:
    day = f"{random.choice(SEQUENCES['months'])} {random.randrange(1, 29)}"
    return random.choice((random.choice(SEQUENCES["days"]), day))


FIELDS: Final[dict[str, Callable[[Random], str]]] = {
    "product": lambda random: draw_thing(random, 0.3),
    "device": draw_item,
    "item": draw_item,
    "problem": draw_trouble,
    "name": draw_first_name,
    "customer": lambda random: f"{draw_first_name(random)} {draw_surname(random)}",
    "city": draw_town,
    "date": _draw_date,
    "order": lambda random: str(random.randrange(100, 99999)),
    "amount": lambda random: str(random.randrange(1, 900)),
    "color": lambda random: random.choice(COLORS),
    "time": lambda random: f"{random.randrange(1, 13)} {random.choice(('am', 'pm'))}",
    "room": lambda random: str(random.randrange(1, 400)),
    "job": lambda random: random.choice(JOBS),
}
"""Fields and how their values are drawn."""

_BEFORE: Final = (
    "|||||Hi, |Hello team, |Good morning, |Hi all, |Sorry, |Since {day} |On {day} |Again |Unfortunately |"
    "It seems that |I am sad to say that |After a month |Two days ago |Look: |Can you help? |News from {name}: |"
    "Once more: |Dear {name}, "
).split("|")
_ABOUT: Final = (
    "my {device}|the {device}|our {device}|this {device}|a {device} of mine|the {device} of {name}|one {device}|"
    "your {device}|that {device}|the {device} in room 4|the old {device}|{name}'s {device}|every {device}|"
    "the {device} that we ordered|the {device} on the left|a certain {device}"
).split("|")
_AFTER: Final = "|||.|.|!|, please help|. Bye|. Regards, {name}|, what now?|. Best, {name}|, as always".split("|")
_MADE_UP: Final = 24
"""So many sentences about a device and a problem are put together for a task that has many."""


def _put_together(random: Random) -> str:
    middle = f"{random.choice(_ABOUT)} {{problem}}"
    before = random.choice(_BEFORE)
    if not before and random.random() < 0.5:
        middle = middle[0].upper() + middle[1:]
    return before + middle + random.choice(_AFTER)


_SENTENCES: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    ("device", "problem"): (
        "My {device} {problem}.",
        "The {device} {problem}",
        "Hello, the {device} {problem}, please help",
        "Since {day} the {device} {problem}.",
        "I have a {device} that {problem}.",
        "Help! Our {device} {problem}.",
        "{device} {problem}",
        "Hi team, my {device} from your store {problem}.",
        "I bought a {device} on {day} and it {problem}.",
        "It {problem}: the {device} of {name}",
    ),
    ("customer", "city"): (
        "{customer} from {city} called.",
        "I am {customer} and I live in {city}.",
        "{customer} moved to {city}.",
        "This is {customer}, {city}.",
    ),
    ("item", "amount"): (
        "I need {amount} of the {item}.",
        "{amount} x {item}",
        "please order {amount} {item}",
        "we are short of {amount} {item}",
    ),
    ("name", "date"): (
        "{name} comes on {date}.",
        "meeting with {name} on {date}",
        "{name} is away until {date}",
        "call {name} on {date}",
    ),
    ("order", "item"): ("order {order}: {item}", "my order {order} with the {item}", "the {item} of order {order}"),
    ("name", "job"): ("{name} is a {job}.", "{name} works as a {job}", "our {job} is {name}"),
    ("date", "time"): ("on {date} at {time}", "{date}, {time}", "let us meet on {date} at {time}"),
    ("city", "color"): ("the {color} one in {city}", "{city} has a {color} flag"),
    ("room", "problem"): ("In room {room} the window {problem}.", "room {room}: the heater {problem}"),
}
_LEVELS: Final = (
    ("urgent", "normal"), ("high", "low"), ("now", "later"), ("1", "2"), ("yes", "no"), ("critical", "minor"),
    ("A", "B"),
)  # fmt: skip
_URGENT: Final = (
    "It is urgent!|Please hurry.|As soon as possible.|I need this right now.|ASAP|This cannot wait.|Quickly please!|"
    "We need help at once.|It has to be done by noon.|Every minute counts.|Act now.|Fix it tonight.|"
    "This is an emergency.|Highest priority!|Call me back immediately.|Right away, please.|We cannot work like this.|"
    "Everything has stopped.|"
    "My boss is waiting.|Guests arrive in an hour.|Before tomorrow, please.|I am in a great hurry.|Now!|Hurry up.|"
    "The matter is pressing.|It is critical for us.|We lose money every hour.|Drop everything else.|Be quick.|"
    "I must have it this morning.|Very important.|Answer fast.|Do it first.|No time to lose.|The deadline is today."
).split("|")
_CALM: Final = (
    "There is no rush.|Whenever you can.|It can wait.|Not urgent.|Some time next month.|When you find time.|"
    "Not important.|I can wait for it.|No need to hurry.|Any day will do.|Later is fine.|At your leisure.|"
    "It is a minor thing.|Next year is fine.|I am patient.|Do other things first.|Lowest priority.|Slowly, please.|"
    "It does not bother me much.|Just so you know.|Only a small matter.|After the holidays is fine.|"
    "We can live with it.|"
    "There is plenty of time.|I am in no rush.|Relax.|Answer when you like.|This is not pressing.|It has time.|"
    "Nothing serious.|Put it at the end of your list.|A month from now is fine.|Rest first.|Easy does it.|Someday."
).split("|")
_OTHER_NAMES: Final = {
    "device": "thing",
    "problem": "issue",
    "customer": "client",
    "item": "article",
    "amount": "quantity",
}


def write_json(items: Items, numbers: bool = False) -> str:
    """A flat object; ``numbers``: digits without quotes."""
    fields = (f'"{key}": {value}' if numbers and value.isdigit() else f'"{key}": "{value}"' for key, value in items)
    return "{" + ", ".join(fields) + "}"


_STYLES: Final[dict[str, Callable[[Items], str]]] = {
    "JSON": write_json,
    "lines": lambda items: "\n".join(f"{key}: {value}" for key, value in items),
    "pipe": lambda items: " | ".join(value for _, value in items),
    "pairs": lambda items: "; ".join(f"{key}={value}" for key, value in items),
}


@dataclass(frozen=True, slots=True)
class _Urgency:
    """How urgent something is: the field's name and its two values."""

    key: str
    levels: tuple[str, str]
    hints: tuple[list[str], list[str]]
    """What people write who are in a hurry, and who are not."""


def _draw_key(random: Random, field: str) -> str:
    return random.choice(
        (field, field, field, field.capitalize(), random.choice(FREQUENT), _OTHER_NAMES.get(field, field))
    )


def draw_ticket_task(random: Random) -> Task:
    """Sentences in, a record out. Product, problem and priority as JSON belong to the evaluation."""
    combinations = random.sample(list(_SENTENCES), random.choice((1, 1, 2)))
    if random.random() < 0.4:
        combinations = [("device", "problem")]
    fields = sorted({field for combination in combinations for field in combination})
    keys = {field: _draw_key(random, field) for field in fields}
    if set(keys.values()) == {"product", "problem"}:
        keys["problem"] = "issue"
    key = random.choice(("priority", "urgency", "level", "urgent"))
    few = random.choice((1, 2, 4, 10, 24))
    hints = random.sample(_URGENT, few), random.sample(_CALM, few)
    urgency = _Urgency(key, random.choice(_LEVELS), hints) if random.random() < 0.6 else None
    order = random.sample(fields, len(fields))
    style = random.choice(("JSON", "JSON", "JSON", "JSON", "lines", "pipe", "pairs"))
    ways = [
        random.sample(_SENTENCES[each], min(len(_SENTENCES[each]), random.choice((1, 2, 3, 4))))
        for each in combinations
    ]
    if ("device", "problem") in combinations and random.random() < 0.7:
        ways[combinations.index(("device", "problem"))] = [_put_together(random) for _ in range(_MADE_UP)]

    def draw(random: Random) -> Pair:
        values = {field: FIELDS[field](random) for field in fields}
        others = {"day": random.choice(SEQUENCES["days"]), "name": draw_first_name(random)}
        parts = [random.choice(sentences).format(**others | values) for sentences in ways]
        items = [(keys[field], values[field]) for field in order]
        if urgency:
            hot = random.random() < 0.5
            hint = random.choice(urgency.hints[not hot])
            parts = [*parts, hint] if random.random() < 0.6 else [hint, *parts]
            items.append((urgency.key, urgency.levels[not hot]))
        ended = [part if part[-1] in ".!?," else part + "." for part in parts[:-1]]
        return " ".join([*ended, parts[-1]]), _STYLES[style](items)

    names = ", ".join([keys[field] for field in order] + ([urgency.key] if urgency else []))
    instructions = (
        f"Extract {names} as {style}.",
        "Extract the fields: " + names,
        "JSON" if style == "JSON" else "Fields",
    )
    return Task("ticket", draw, instructions, closed=True)


def draw_json_task(random: Random) -> Task:
    """Between JSON and other notations, one field of an object, a field renamed."""
    fields = random.sample(list(FIELDS), random.randint(1, 4))
    keys = [field if random.random() < 0.7 else random.choice(FREQUENT) for field in fields]
    wanted, new = random.randrange(len(fields)), random.choice(FREQUENT)
    joint, equals = random.choice((", ", "; ", "\n", " | ")), random.choice((": ", "=", " = ", " is "))
    numbers = random.random() < 0.4
    kinds: dict[str, tuple[str, Callable[[Items], Pair]]] = {
        "to": ("Convert to JSON.", lambda items: (_join(items, joint, equals), write_json(items, numbers))),
        "values": (
            f"To JSON with the keys {', '.join(keys)}.",
            lambda items: (",".join(value for _, value in items), write_json(items, numbers)),
        ),
        "field": (f"Give {keys[wanted]}.", lambda items: (write_json(items, numbers), items[wanted][1])),
        "from": ("Write as text.", lambda items: (write_json(items, numbers), _join(items, joint, equals))),
        "rename": (
            f"Rename {keys[wanted]} to {new}.",
            lambda items: (write_json(items, numbers), write_json(_rename(items, wanted, new), numbers)),
        ),
    }
    way, write = kinds[random.choice(list(kinds))]

    def draw(random: Random) -> Pair:
        return write([(key, FIELDS[field](random)) for key, field in zip(keys, fields, strict=True)])

    return Task("json", draw, (way,), closed=True)


def _join(items: Items, joint: str, equals: str) -> str:
    return joint.join(f"{key}{equals}{value}" for key, value in items)


def _rename(items: Items, number: int, name: str) -> Items:
    return [(name if index == number else key, value) for index, (key, value) in enumerate(items)]
