"""Tasks over records: extraction, fixed output formats, JSON, CSV; short fixed questions about a text."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.words import CITIES, COLORS, JOBS, NAMES, SEQUENCES, THINGS, draw_word, invent_word


def _draw_identifier(random: Random) -> str:
    return invent_word(random) if random.random() < 0.4 else random.choice("ABCX") + str(random.randrange(1000))


FIELDS: Final[dict[str, Callable[[Random], str]]] = {
    "name": lambda random: random.choice(NAMES) if random.random() < 0.7 else invent_word(random).capitalize(),
    "city": lambda random: random.choice(CITIES) if random.random() < 0.7 else invent_word(random).capitalize(),
    "age": lambda random: str(random.randrange(5, 99)),
    "job": lambda random: random.choice(JOBS),
    "color": lambda random: random.choice(COLORS),
    "item": lambda random: random.choice(THINGS) if random.random() < 0.7 else draw_word(random),
    "price": lambda random: str(random.randrange(1, 500)),
    "id": _draw_identifier,
    "size": lambda random: random.choice(["S", "M", "L", "XL", str(random.randrange(30, 50))]),
    "status": lambda random: random.choice("open closed new paid late done".split()),
}
"""Fields of a record and how their values are drawn."""

_JOINTS: Final = (", ", "; ", " | ", "\n")
_EQUALS: Final = (": ", "=", " = ", " ")
_OUTPUT_JOINTS: Final = (" - ", " | ", ", ", " / ", " @ ", "; ", " ", ":", " + ")


def _write_json(record: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{field}": "{value}"' for field, value in record.items()) + "}"


def _make_layout(random: Random, fields: list[str]) -> Callable[[dict[str, str]], str]:
    """A fixed output format: some of the fields in some order, with or without marks."""
    order = random.sample(fields, random.randint(min(2, len(fields)), len(fields)))
    joint = random.choice(_OUTPUT_JOINTS)
    marks = {field: random.choice(["", "", "", "$", "#", f"{field}:", f"{field[0].upper()}=", "("]) for field in order}

    def write(record: dict[str, str]) -> str:
        return joint.join(marks[f] + record[f] + (")" if marks[f] == "(" else "") for f in order)

    return write


def draw_record_task(random: Random) -> Task:
    """Records in, one field, JSON, CSV or a fixed layout out."""
    fields = random.sample(list(FIELDS), random.randint(2, 4))
    joint, equals, wanted = random.choice(_JOINTS), random.choice(_EQUALS), random.choice(fields)
    kind = random.choice(["field", "layout", "layout", "layout", "json", "csv"])
    names = random.random() < 0.8
    layout = _make_layout(random, fields)

    def draw(random: Random) -> Pair:
        record = {field: FIELDS[field](random) for field in fields}
        text = joint.join((field + equals if names else "") + value for field, value in record.items())
        match kind:
            case "field":
                return text, record[wanted]
            case "json":
                return text, _write_json(record)
            case "csv":
                return text, ",".join(record.values())
        return text, layout(record)

    ways = {
        "field": (f"Extract the {wanted}.", f"{wanted}?", f"What is the {wanted}?"),
        "json": ("Convert to JSON.", "json"),
        "csv": ("Convert to CSV.",),
        "layout": ("Format: " + layout({field: field for field in fields}),),
    }[kind]
    return Task(f"record_{kind}", draw, ways)


_MARKS: Final = "!#$%&'*+,-./:;<=>?@^_`|~"
_BRACKETS: Final = ("()", "[]", "{}", "<>", '""', "''", "**", "||")


def _draw_free_value(random: Random) -> str:
    """A number, an invented word, or a first name with an invented surname."""
    kind = random.random()
    if kind < 0.3:
        return str(random.randrange(1, 1000))
    if kind < 0.6:
        return f"{random.choice(NAMES)} {invent_word(random).capitalize()}"
    word = draw_word(random)
    return word.capitalize() if random.random() < 0.5 else word


def draw_layout_task(random: Random) -> Task:
    """Records of any words in, any layout out: every mark of the keyboard may separate or enclose the fields."""
    count = random.randint(2, 4)
    labels = random.sample([*FIELDS, "product", "customer", "order", "team", "code", "amount", "title", "day"], count)
    joint, equals = random.choice((*_JOINTS, " - ", " / ")), random.choice(_EQUALS)
    order = random.sample(range(count), random.randint(2, count))
    spaced = random.random() < 0.7
    between = [f" {mark} " if spaced else mark for mark in random.choices(_MARKS + " ", k=count)]
    around = [random.choice(_BRACKETS) if random.random() < 0.3 else "" for _ in range(count)]

    def draw(random: Random) -> Pair:
        values = [_draw_free_value(random) for _ in labels]
        text = joint.join(label + equals + value for label, value in zip(labels, values, strict=True))
        answer = ""
        for place, field in enumerate(order):
            value = around[field][:1] + values[field] + around[field][1:]
            answer += (between[place] if place else "") + value
        return text, answer

    return Task("layout", draw, ("Format it like this.", "Use the layout.", "Format: " + draw(random)[1]))


def _ask_where(random: Random) -> Pair:
    (a, b), (c, d) = random.sample(NAMES, 2), random.sample(CITIES, 2)
    who, where = random.choice(((a, c), (b, d)))
    return f"{a} lives in {c}. {b} lives in {d}. Where does {who} live?", where


def _ask_color(random: Random) -> Pair:
    (a, b), (c, d) = random.sample(THINGS, 2), random.sample(COLORS, 2)
    thing, color = random.choice(((a, c), (b, d)))
    return f"The {a} is {c}. The {b} is {d}. What color is the {thing}?", color


def _pick_caller(random: Random) -> Pair:
    (a, b), (c, d) = random.sample(NAMES, 2), random.sample(CITIES, 2)
    return f"{a} from {c} called {b} from {d}.", a


def _extract_person(random: Random) -> Pair:
    name, city, age = random.choice(NAMES), random.choice(CITIES), str(random.randrange(5, 99))
    return f"{name} is {age} and lives in {city}.", _write_json({"name": name, "city": city})


def _summarize(random: Random) -> Pair:
    event = random.choice(("meeting", "class", "party", "call", "lesson", "game"))
    day, hour = random.choice(SEQUENCES["days"]), f"{random.randint(1, 12)} pm"
    a, b = random.sample(NAMES, 2)
    text = f"The {event} on {day} with {a} was moved to {hour} because {b} was late."
    return text, f"{event.capitalize()} moved to {hour}."


_READING: Final[dict[str, tuple[Callable[[Random], Pair], tuple[str, ...]]]] = {
    "where": (_ask_where, ("Answer the question.", "Answer shortly.")),
    "color": (_ask_color, ("Answer the question.", "Answer shortly.")),
    "caller": (_pick_caller, ("Who called?",)),
    "person": (_extract_person, ("Extract JSON.",)),
    "summary": (_summarize, ("Summarize.", "Short summary.")),
}


def draw_reading_task(random: Random) -> Task:
    """Short answers from a given text."""
    name = random.choice(list(_READING))
    draw, ways = _READING[name]
    return Task(f"read_{name}", draw, ways)
