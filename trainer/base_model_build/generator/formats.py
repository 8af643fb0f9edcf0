"""Tasks that write something in another format: dates, times, units, names, addresses, prices, SQL."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from base_model_build.generator.lexicon import PEOPLE, TOWNS, draw_any_word
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.words import COLORS, SEQUENCES, invent_word

MONTHS: Final = SEQUENCES["months"]

_DATES: Final[dict[str, Callable[[int, int, int], str]]] = {
    "iso": lambda y, m, d: f"{y}-{m:02d}-{d:02d}",
    "dots": lambda y, m, d: f"{d:02d}.{m:02d}.{y}",
    "american": lambda y, m, d: f"{m:02d}/{d:02d}/{y}",
    "long": lambda y, m, d: f"{d} {MONTHS[m - 1]} {y}",
    "american long": lambda y, m, d: f"{MONTHS[m - 1]} {d}, {y}",
    "compact": lambda y, m, d: f"{y}{m:02d}{d:02d}",
    "slashes": lambda y, m, d: f"{y}/{m:02d}/{d:02d}",
    "plain": lambda y, m, d: f"{d}-{m}-{y}",
    "british": lambda y, m, d: f"{d:02d}/{m:02d}/{y}",
    "short dots": lambda y, m, d: f"{y % 100:02d}.{m:02d}.{d:02d}",
    "spaces": lambda y, m, d: f"{d:02d} {m:02d} {y}",
}
_PARTS_OF_DATES: Final[dict[str, Callable[[int, int, int], str]]] = {
    "short": lambda y, m, d: f"{d} {MONTHS[m - 1][:3]}",
    "card": lambda y, m, d: f"{m:02d}/{y}",
    "year": lambda y, m, d: str(y),
    "month": lambda y, m, d: MONTHS[m - 1],
    "day": lambda y, m, d: str(d),
    "short card": lambda y, m, d: f"{m:02d}-{y % 100:02d}",
}
"""Days, months and two digits of the year with slashes belong to the evaluation."""


def draw_date_task(random: Random) -> Task:
    """A date in another notation, or a part of it."""
    names = list(_DATES)
    source = _DATES[random.choice(names)]
    target = (_DATES | _PARTS_OF_DATES)[random.choice([*names, *_PARTS_OF_DATES])]

    def draw(random: Random) -> Pair:
        date = random.randrange(1950, 2040), random.randrange(1, 13), random.randrange(1, 29)
        return source(*date), target(*date)

    return Task("date", draw, (f"Format the date like {target(2001, 2, 3)}.", "Reformat the date."), closed=True)


_UNITS: Final = (
    ("km", "m", 1000), ("kg", "g", 1000), ("m", "cm", 100), ("cm", "mm", 10), ("l", "ml", 1000),
    ("hours", "minutes", 60), ("weeks", "days", 7), ("min", "s", 60), ("dollars", "cents", 100),
    ("dozen", "pieces", 12), ("years", "months", 12),
)  # fmt: skip


def draw_unit_task(random: Random) -> Task:
    """A quantity in a smaller unit."""
    unit, smaller, factor = random.choice(_UNITS)
    top = 100 if factor in (10, 100, 1000) else 13

    def draw(random: Random) -> Pair:
        number = random.randrange(1, top)
        return f"{number} {unit}", f"{number * factor} {smaller}"

    return Task("unit", draw, (f"Convert to {smaller}.", f"in {smaller}"), closed=True)


def draw_time_task(random: Random) -> Task:
    """A time of day with am and pm, or on the 24-hour clock."""
    back = random.random() < 0.4

    def draw(random: Random) -> Pair:
        hour, minute = random.randrange(1, 13), random.choice((0, 0, 15, 30, 45, random.randrange(60)))
        half = random.choice(("am", "pm"))
        spoken = f"{hour}:{minute:02d} {half}" if minute else f"{hour} {half}"
        clock = f"{hour % 12 + 12 * (half == 'pm'):02d}:{minute:02d}"
        return (clock, spoken) if back else (spoken, clock)

    return Task("time", draw, ("Use am and pm." if back else "Use the 24-hour clock.",), closed=True)


_NAMES: Final[tuple[Callable[[str, str], str], ...]] = (
    lambda first, last: f"{last}, {first}",
    lambda first, last: f"{first[0]}. {last}",
    lambda first, last: f"{first} {last[0]}.",
    lambda first, last: first[0] + last[0],
    lambda first, last: f"{last.upper()} {first}",
    lambda first, last: first,
    lambda first, last: (first + last).lower(),
    lambda first, last: f"{first}_{last}".lower(),
    lambda first, last: f"Dear {first},",
    lambda first, last: f"Dr. {last}",
    lambda first, last: f"@{first.lower()}",
)
_ADDRESSES: Final[tuple[Callable[[str, str], str], ...]] = (
    lambda first, last: f"{first}.{last}",
    lambda first, last: first,
    lambda first, last: last,
    lambda first, last: f"{first}_{last[0]}",
    lambda first, last: f"{last}.{first}",
    lambda first, last: f"{first}{last}",
    lambda first, last: f"{first}-{last}",
)
"""An initial, a dot and the surname belong to the evaluation."""


def draw_person_task(random: Random) -> Task:
    """A name in another form, or a mail address of it."""
    host = random.choice(("example.org", "shop.net", "mail.org", "acme.com", "post.eu", invent_word(random) + ".com"))
    mail = random.random() < 1 / 3
    form = random.choice(_ADDRESSES if mail else _NAMES)

    def write(first: str, last: str) -> str:
        return f"{form(first, last)}@{host}".lower() if mail else form(first, last)

    def draw(random: Random) -> Pair:
        first = random.choice(PEOPLE)
        last = (invent_word(random) if random.random() < 0.6 else draw_any_word(random)).capitalize()
        return f"{first} {last}", write(first, last)

    return Task("person", draw, (f"Write the name like this: {write('Jo', 'Doe')}",), closed=True)


_PRICES: Final = ("${}", "{} dollars", "USD {}", "{} USD", "€{}", "{} euros", "EUR {}", "£{}", "{} pounds")


def draw_price_task(random: Random) -> Task:
    """An amount in another notation, or another currency's name."""
    source, target = random.sample(_PRICES, 2)

    def draw(random: Random) -> Pair:
        cents = f"{random.randrange(1, 100)}.{random.randrange(100):02d}"
        amount = random.choice((str(random.randrange(1, 1000)), cents))
        return source.format(amount), target.format(amount)

    return Task("price", draw, (f"Write the price like {target.format(5)}.",), closed=True)


_TABLES: Final = "users orders products books cars employees songs clients rooms flights".split()
_AMOUNTS: Final = "age price year size salary stock score rating weight".split()
_TEXTS: Final = "city name color status country title".split()


_QUERIES: Final = (
    ("{verb} {every}{table}", "SELECT * FROM {table};"),
    ("{verb} {every}{table} with {amount} above {number}", "SELECT * FROM {table} WHERE {amount} > {number};"),
    ("{verb} {every}{table} with {amount} below {number}", "SELECT * FROM {table} WHERE {amount} < {number};"),
    ("count the {table}", "SELECT COUNT(*) FROM {table};"),
    ("{verb} {every}{table} where {column} is {value}", "SELECT * FROM {table} WHERE {column} = '{value}';"),
    ("{verb} the {column} of all {table} sorted by {amount}", "SELECT {column} FROM {table} ORDER BY {amount};"),
)


def draw_sql_task(random: Random) -> Task:
    """A wish in words to a query."""
    every, verb = random.choice(("all ", "", "the ")), random.choice(("show", "list", "get", "find", "give me"))

    def draw(random: Random) -> Pair:
        names = {
            "table": random.choice(_TABLES),
            "amount": random.choice(_AMOUNTS),
            "column": random.choice(_TEXTS),
            "number": random.randrange(1, 500),
            "value": random.choice((*TOWNS, *COLORS)),
        }
        text, query = random.choice(_QUERIES)
        return text.format(verb=verb, every=every, **names), query.format(**names)

    return Task("sql", draw, ("Write SQL.", "Translate to SQL."), closed=True)


def draw_address_task(random: Random) -> Task:
    """Words to an address, a path, a file name, a tag or an identifier."""
    host = invent_word(random)
    forms: tuple[Callable[[list[str]], str], ...] = (
        lambda words: f"https://{host}.com/" + "-".join(words),
        lambda words: "/" + "/".join(words),
        lambda words: "-".join(words) + ".html",
        lambda words: "_".join(words) + ".txt",
        lambda words: "#" + "".join(word.capitalize() for word in words),
        lambda words: words[0] + "".join(word.capitalize() for word in words[1:]),
    )
    form = random.choice(forms)

    def draw(random: Random) -> Pair:
        words = [draw_any_word(random) for _ in range(random.randint(2, 4))]
        return " ".join(words), form(words)

    return Task("address", draw, ("Make an address of it.",), closed=True)


_PHONES: Final[tuple[Callable[[str], str], ...]] = (
    lambda digits: f"({digits[:3]}) {digits[3:6]}-{digits[6:]}",
    lambda digits: f"{digits[:3]}-{digits[3:6]}-{digits[6:]}",
    lambda digits: f"{digits[:3]} {digits[3:6]} {digits[6:]}",
    lambda digits: "+1" + digits,
    lambda digits: digits[-4:],
    lambda digits: "***" + digits[-3:],
)


def draw_phone_task(random: Random) -> Task:
    """Ten digits in groups, or hidden but for the last."""
    form = random.choice(_PHONES)

    def draw(random: Random) -> Pair:
        digits = "".join(random.choice("0123456789") for _ in range(10))
        return digits, form(digits)

    return Task("phone", draw, ("Format the phone number.",), closed=True)


def draw_setting_task(random: Random) -> Task:
    """A key and its value, with another mark between them, in this order or the other."""
    before, after = random.choice((": ", "=", " = ", " -> ")), random.choice((": ", "=", " is ", " -> ", " (", "\t"))
    swapped, end = random.random() < 0.5, ")" if after == " (" else ""

    def draw(random: Random) -> Pair:
        key, value = draw_any_word(random), random.choice((draw_any_word(random), str(random.randrange(1000))))
        first, second = (value, key) if swapped else (key, value)
        return f"{key}{before}{value}", f"{first}{after}{second}{end}"

    return Task("setting", draw, ("Rewrite like the example.",), closed=True)


_MAKERS: Final = (
    draw_date_task, draw_date_task, draw_unit_task, draw_time_task, draw_person_task, draw_person_task,
    draw_person_task, draw_price_task, draw_sql_task, draw_sql_task, draw_address_task, draw_phone_task,
    draw_setting_task,
)  # fmt: skip


def draw_format_task(random: Random) -> Task:
    """Any of these."""
    return random.choice(_MAKERS)(random)
