"""Items of the evaluation: dialogues whose speakers get numbers, one-line summaries, tickets as JSON, calls, images."""

from __future__ import annotations

from random import Random
from typing import Final

from base_model_build.generator.tasks import Pair

_ASKED: Final = (
    "did you send the parcel?|the heating is broken again.|can you lend me your bike?|I passed the exam!|"
    "where shall we eat tonight?|who took my umbrella?|the bus is late.|I need a new desk.|is the pool open today?|"
    "we are out of milk.|my phone has no signal.|shall I water the plants?|what time is the play?|"
    "I cannot find the contract.|the dog wants to go out."
).split("|")
_ANSWERED: Final = (
    "Yes, this morning.|I will call the landlord.|Sure, take it.|Congratulations, well done!|"
    "At the little place by the lake.|No idea, sorry.|Then let us walk.|There is one in the attic.|Only until noon.|"
    "I will buy some later.|Try it near the window.|Please do.|It starts at eight.|It is in the top drawer.|"
    "Give me five minutes."
).split("|")
_NAMES: Final = "Tom Ann Rita Carl Mona Steve Julia Mark Elena Paul".split()
_OTHER_NAMES: Final = "Kenji Sofia Amir Bea Ludwig Priya Diego Hanna Olga Femi".split()


def _raise(text: str) -> str:
    return text[0].upper() + text[1:]


def _draw_dialogue(r: Random, names: list[str], low: int, high: int) -> Pair:
    a, b = r.sample(names, 2)
    i, j = r.randrange(low, high), r.randrange(low, high)
    x, y = _ASKED[i], _ANSWERED[i] if r.random() < 0.5 else _ANSWERED[j]
    calls = r.random() < 0.4
    first, said = (f"{b}, {x}", f"#Person2, {x}") if calls else (_raise(x), _raise(x))
    return f"{a}: {first}\n{b}: {y}", f"#Person1: {said}\n#Person2: {y}"


def make_rewriting_items() -> tuple[list[Pair], list[Pair]]:
    """60 dialogues to show; 20 to ask, with other names and other messages."""
    random, asked = Random("dialogue"), dict[str, str]()
    shown = [_draw_dialogue(random, _NAMES, 0, 10) for _ in range(60)]
    while len(asked) < 20:
        text, answer = _draw_dialogue(random, _OTHER_NAMES, 10, 15)
        asked.setdefault(text, answer)
    return shown, list(asked.items())


_CONCERNS: Final = (
    "the rent|the invoice|a discount|the keys|the new printer|a day off|the meeting|the test results|"
    "the holiday plan|the broken window|the car"
).split("|")
_NEWS: Final = (
    "it is paid|it must wait until Friday|the boss agrees|they are in the kitchen|it is too early|everything is ready|"
    "nobody knows|it costs 40 euros|it was cancelled"
).split("|")
_TALKS: Final = [
    ("Hi {b}, what about {x}?", "{Y}."),
    ("Do you know more about {x}?", "Yes, {y}."),
    ("I want to ask you about {x}.", "Well {a}, {y}."),
    ("Any news on {x}?", "I heard that {y}."),
]
_OTHER_TALKS: Final = [
    ("Good morning {b}, I have a question about {x}.", "I think {y}."),
    ("What is going on with {x}?", "Sorry, {y}."),
]


def make_summary_items() -> tuple[list[Pair], list[Pair]]:
    """60 dialogues with a line that sums them up, and 20 with nothing of the shown ones in them."""

    def draw(r: Random, names: list[str], part: slice, news: slice, talks: list[tuple[str, str]]) -> Pair:
        a, b = r.sample(names, 2)
        x, y = r.choice(_CONCERNS[part]), r.choice(_NEWS[news])
        first, second = r.choice(talks)
        text = f"{a}: {first.format(x=x, b=b)}\n{b}: {second.format(y=y, Y=_raise(y), a=a)}"
        return text, f"#Person1 asks about {x}. #Person2 says {y}."

    random = Random("summary")
    shown = [draw(random, _NAMES, slice(7), slice(6), _TALKS) for _ in range(60)]
    return shown, [draw(random, _OTHER_NAMES, slice(7, None), slice(6, None), _OTHER_TALKS) for _ in range(20)]


_PRODUCTS: Final = (
    "printer|washing machine|coffee maker|router|bike|headset|dishwasher|tablet|camera|heater".split("|"),
    "toaster|electric scooter|projector|blender|lawn mower|smart watch|microphone|freezer".split("|"),
)
_PROBLEMS: Final = (
    (
        "does not start|makes a loud noise|leaks water|smells of smoke|has a broken cable|stops after a minute".split(
            "|"
        )
    ),
    "shows a red light|gets too hot|lost its color|will not charge".split("|"),
)
_TICKETS: Final = (
    [
        "Hello, my {p} {q}. {h}",
        "The {p} I bought {q}. {h} Thanks.",
        "{h} Our {p} {q}.",
        "Dear support, the new {p} {q}! {h}",
    ],
    ["Hi there, since last week my {p} {q}. {h}", "{h} The {p} from your shop {q}."],
)


def make_ticket_items() -> tuple[list[Pair], list[Pair]]:
    """60 tickets and their JSON to show; 40 to ask, of other products, problems and sentences."""

    def draw(r: Random, part: int) -> Pair:
        p, q = r.choice(_PRODUCTS[part]), r.choice(_PROBLEMS[part])
        hurry = r.choice(["This is urgent.", "I need it today."])
        level, hint = r.choice([("high", hurry), ("low", r.choice(["No hurry.", "Take your time."]))])
        text = r.choice(_TICKETS[part]).format(p=p, q=q, h=hint)
        return text, f'{{"product": "{p}", "problem": "{q}", "priority": "{level}"}}'

    random = Random("tickets")
    shown, asked = [draw(random, 0) for _ in range(60)], dict[str, str]()
    while len(asked) < 40:
        text, answer = draw(random, 1)
        asked[text] = answer
    return shown, list(asked.items())


# --- calls

TOOLS: Final = (
    "Tools:\nlookup_weather(location: string)\nstart_timer(minutes: integer)\n"
    "book_table(restaurant: string, people: integer)"
)
CALLS: Final[list[Pair]] = [
    ("What's the weather like in Lisbon?", 'lookup_weather {"location": "Lisbon"}'),
    ("Tell me the weather for Cairo", 'lookup_weather {"location": "Cairo"}'),
    ("weather Dublin", 'lookup_weather {"location": "Dublin"}'),
    ("Is it raining in Quito?", 'lookup_weather {"location": "Quito"}'),
    ("Start a timer of 12 minutes", 'start_timer {"minutes": 12}'),
    ("start the timer for 45 minutes please", 'start_timer {"minutes": 45}'),
    ("timer 7 minutes", 'start_timer {"minutes": 7}'),
    ("I need a 30 minute timer", 'start_timer {"minutes": 30}'),
    ("Book a table at Roma for 4 people", 'book_table {"restaurant": "Roma", "people": 4}'),
    ("book a table for 2 people at Saigon", 'book_table {"restaurant": "Saigon", "people": 2}'),
    ("table at Luigi, 6 people", 'book_table {"restaurant": "Luigi", "people": 6}'),
    ("Please book the table at Oasis for 3", 'book_table {"restaurant": "Oasis", "people": 3}'),
]
_CITIES: Final = (
    "Porto Milan Vienna Prague Bergen Lima Delhi Nairobi Boston Miami Kiev Sofia Athens Malta Turin"
).split()
_RESTAURANTS: Final = "Verde Sakura Tandoor Olive Bistro Nonna Pagoda Fresco Arena Cantina".split()
_WEATHER: Final = (
    "How is the weather in {}?",
    "weather in {} please",
    "Will it be sunny in {}?",
    "{} weather?",
    "Do I need a coat in {}?",
)
_TIMERS: Final = (
    "Set a timer for {} minutes",
    "timer: {} min",
    "wake me in {} minutes",
    "count down {} minutes",
    "{} minutes on the timer",
)
_TABLES: Final = (
    "Reserve {e} for {n}",
    "We are {n}, get us a table at {e}",
    "a table for {n} at {e} tonight",
    "dinner at {e} with {n} people",
)


def make_call_items() -> tuple[list[Pair], list[Pair]]:
    """60 calls of three functions that are never declared to show, and 12 in other words with other values to ask."""
    r, shown = Random("tools"), list[Pair]()
    for _ in range(20):
        city = r.choice(_CITIES)
        shown.append((r.choice(_WEATHER).format(city), f'lookup_weather {{"location": "{city}"}}'))
        minutes = r.randrange(1, 90)
        shown.append((r.choice(_TIMERS).format(minutes), f'start_timer {{"minutes": {minutes}}}'))
        place, people = r.choice(_RESTAURANTS), r.randrange(2, 9)
        call = f'book_table {{"restaurant": "{place}", "people": {people}}}'
        shown.append((r.choice(_TABLES).format(e=place, n=people), call))
    return shown, CALLS


# --- images


def make_image_items() -> tuple[list[Pair], list[Pair]]:
    """60 images in words to show and 40 to ask: STOP is mostly red, GO green, WAIT yellow."""
    r, labels, items = Random("media"), {"red": "STOP", "green": "GO", "yellow": "WAIT"}, dict[str, str]()
    while len(items) < 100:
        color, other = r.choice(list(labels)), r.choice("blue white black gray brown pink".split())
        grid = [color] * 9
        for place in r.sample(range(9), r.randrange(1, 5)):
            grid[place] = other
        share = grid.count(color) * 100 // 9
        rest = (9 - grid.count(color)) * 100 // 9
        rows = " / ".join(" ".join(grid[place : place + 3]) for place in (0, 3, 6))
        width, height = r.choice((96, 192, 384, 512)), r.choice((96, 192, 384, 512))
        light = r.choice(("bright", "dark", "medium"))
        items.setdefault(f"[image {width}x{height} {light} | {color} {share}% {other} {rest}% | {rows}]", labels[color])
    pairs = list(items.items())
    return pairs[:60], pairs[60:]
