"""Function calls: declared in the system turn, called as ``name {json}``, answered by a result turn.

A declaration is one line of the system turn after ``Tools:``, ``name(parameter: type, …)`` or without types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal, TypeAlias

from base_model_build.generator.classification import draw_template
from base_model_build.generator.lexicon import (
    THINGS,
    UTTERANCES,
    draw_any_word,
    draw_first_name,
    draw_item,
    draw_town,
)
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.words import COLORS, SEQUENCES

Role: TypeAlias = Literal["system", "user", "model", "call", "result"]
Turns: TypeAlias = list[tuple[Role, str]]


def _draw_clock(random: Random) -> str:
    return f"{random.randrange(24)}:{random.choice(('00', '15', '30', '45'))}"


_KINDS: Final[dict[str, tuple[Callable[[Random], str | int], tuple[str, ...]]]] = {
    # kind: its values, phrases around a value
    "city": (draw_town, ("in {}", "at {}", "near {}", "{}")),
    "name": (draw_first_name, ("for {}", "to {}", "with {}", "{}")),
    "number": (lambda random: random.randrange(1, 120), ("{}", "{} of them", "number {}", "{} times")),
    "item": (draw_item, ("{}", "a {}", "the {}", "some {}")),
    "day": (lambda random: random.choice(SEQUENCES["days"]), ("on {}", "next {}", "{}")),
    "month": (lambda random: random.choice(SEQUENCES["months"]), ("in {}", "for {}")),
    "time": (_draw_clock, ("at {}", "by {}", "{}")),
    "color": (lambda random: random.choice(COLORS), ("in {}", "{}", "the {} one")),
    "word": (draw_any_word, ("{}", "called {}", '"{}"')),
    "text": (lambda random: random.choice(UTTERANCES), ('"{}"', "saying {}", ": {}")),
    "id": (
        lambda random: f"{random.choice('ABCDKRX')}{random.randrange(100, 9999)}",
        ("{}", "number {}", "order {}"),
    ),
}
_VERBS: Final = (
    "get find order book check send play open close count add remove show track cancel create update list make start "
    "stop search set buy sell plan save delete read write call"
).split()
_OTHER_NAMES: Final = ("value", "target", "param", "query", "input", "what", "key")
_PLEAS: Final = (
    "{}", "{}", "Please {}", "{} please", "Can you {}?", "I want to {}", "{}!", "could you {}", "Hi, {}.", "{} now",
)  # fmt: skip
_REFUSALS: Final = (
    "I have no tool for that.", "Sorry, I cannot do that.", "That is not something I can do.", "No tool fits.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that may be called: its name, what it does to what, and its parameters with their kinds."""

    name: str
    verb: str
    noun: str
    parameters: dict[str, str]

    def declare(self, typed: bool) -> str:
        """One line of the system turn."""
        types = {name: "integer" if kind == "number" else "string" for name, kind in self.parameters.items()}
        inside = ", ".join(f"{name}: {type}" if typed else name for name, type in types.items())
        return f"{self.name}({inside})"


def draw_tool(random: Random) -> Tool:
    """A function with one to three parameters."""
    verb = random.choice(_VERBS)
    noun = random.choice(THINGS) if random.random() < 0.8 else draw_any_word(random)
    noun = re.sub(r"[^a-z]", "", noun.lower()) or "item"
    style = random.random()
    name = f"{verb}_{noun}" if style < 0.7 else verb + noun.capitalize() if style < 0.9 else f"{noun}.{verb}"
    parameters = {}
    for number, kind in enumerate(random.sample(list(_KINDS), random.choice((1, 1, 2, 2, 3)))):
        plain = random.random() < 0.75
        parameters[kind if plain else random.choice(_OTHER_NAMES) + (str(number) if number else "")] = kind
    return Tool(name, verb, noun, parameters)


def declare_tools(tools: list[Tool], typed: bool) -> str:
    """The system turn."""
    return "Tools:\n" + "\n".join(tool.declare(typed) for tool in tools)


def write_call(name: str, arguments: dict[str, Any]) -> str:
    """A call turn."""
    return f"{name} {json.dumps(arguments, ensure_ascii=False)}"


def draw_request(random: Random, tool: Tool) -> Pair:
    """A user's words and the call that they ask for."""
    values = {name: _KINDS[kind][0](random) for name, kind in tool.parameters.items()}
    pieces = [random.choice(_KINDS[kind][1]).format(values[name]) for name, kind in tool.parameters.items()]
    if random.random() < 0.3:
        random.shuffle(pieces)
    head = f"{tool.verb} {random.choice(('the ', '', 'a '))}{tool.noun}"
    return random.choice(_PLEAS).format(" ".join([head, *pieces])), write_call(tool.name, values)


def _draw_result(random: Random) -> Turns:
    """What a function gave back and what the model says of it; or nothing."""
    kind = random.random()
    if kind < 0.3:
        value = random.choice((random.randrange(1, 500), draw_any_word(random), draw_town(random)))
        key = random.choice(("result", "value", "answer", "output"))
        said = random.choice(("{}", "It is {}.", "The answer is {}.", "Here you are: {}")).format(value)
        return [("result", json.dumps({key: value}, ensure_ascii=False)), ("model", said)]
    if kind < 0.5:
        result = random.choice(('{"ok": true}', '{"status": "done"}', '{"success": true}', "{}"))
        return [("result", result), ("model", random.choice(("Done.", "It is done.", "OK, done.")))]
    if kind < 0.58:
        reason = random.choice(("not found", "closed", "no access", "too many", "sold out"))
        said = random.choice(("Sorry: {}.", "That failed: {}.")).format(reason)
        return [("result", json.dumps({"error": reason})), ("model", said)]
    return []


def draw_conversation(random: Random) -> Turns:
    """Tools declared, one to three requests, their calls and results; now and then what no tool does."""
    tools = [draw_tool(random) for _ in range(random.choice((1, 1, 2, 2, 3)))]
    turns: Turns = [("system", declare_tools(tools, random.random() < 0.5))]
    refusal = random.choice(_REFUSALS)
    for _ in range(random.choice((1, 1, 2, 3))):
        if random.random() < 0.12:
            turns += [("user", random.choice(UTTERANCES)), ("model", refusal)]
            continue
        text, call = draw_request(random, random.choice(tools))
        turns += [("user", text), ("call", call), *_draw_result(random)]
    return turns


def draw_call_task(random: Random) -> Task:
    """Calls as plain answers, of one to three functions that are never declared: tuning has to teach them.

    Each has a few phrasings, and none needs to hold the function's name.
    """
    tools = [draw_tool(random) for _ in range(random.choice((1, 2, 2, 3, 3)))]
    heads = [_draw_heads(random, tool) for tool in tools]
    pleas = random.sample(_PLEAS, 5)

    def draw(random: Random) -> Pair:
        number = random.randrange(len(tools))
        text, call = draw_request(random, tools[number])
        name, _, arguments = call.partition(" ")
        values = json.loads(arguments)
        pieces = [
            random.choice(_KINDS[kind][1]).format(values[parameter])
            for parameter, kind in tools[number].parameters.items()
        ]
        head = random.choice(heads[number])
        words = [head, *pieces] if random.random() < 0.7 else [*pieces, head]
        text = random.choice(pleas).format(" ".join(words))
        return text, f"{name} {arguments}"

    ways = (declare_tools(tools, True), declare_tools(tools, False))
    return Task("call", draw, ways, closed=True)


def _draw_heads(random: Random, tool: Tool) -> list[str]:
    """Ways to name what a function does: by its own words, and by others."""
    own = [f"{tool.verb} the {tool.noun}", f"{tool.verb} {tool.noun}", tool.noun]
    other = [f"{random.choice(_VERBS)} {random.choice(('the ', 'a ', 'my ', ''))}{tool.noun}" for _ in range(2)]
    free = [draw_template(random)[0].format(*[tool.noun if random.random() < 0.4 else draw_any_word(random)] * 3)]
    free.append(f"{draw_any_word(random)} {random.choice(('the', 'my', 'of', 'a'))} {draw_any_word(random)}")
    return [*own, *other, *free, f"what about the {tool.noun}", f"how is the {tool.noun}", f"I need the {tool.noun}"]
