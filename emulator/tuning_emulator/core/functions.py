"""Functions as a model is told of them and calls them: the way that the embedded one has been taught.

They are declared in the system turn, ``Tools:`` and one ``name(parameter: type, …)`` a line. A call is a turn of the
model's, ``name {json}``; functions called at once are one turn, one a line. A result is a turn of its own, the JSON
that the function gave back.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, TypeAlias

from tuning_emulator.core.forms import read_parameters
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import IMAGE_MARK, Answer, Role, Turn

Json = Mapping[str, Any]
TurnFault: TypeAlias = Literal["call out of place", "results unlike calls"]


def declare_tools(functions: Iterable[tuple[str, Json]]) -> str:
    """The lines of the system turn that say which functions there are, "" for none.

    Args:
        functions: Name and JSON Schema of the arguments; types in capitals are Google's.
    """
    lines = [f"{name}({', '.join(_declare_parameters(schema))})" for name, schema in functions]
    return "\n".join(("Tools:", *lines)) if lines else ""


def _declare_parameters(schema: Json) -> list[str]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return []
    return [f"{name}: {_name_type(one)}" for name, one in properties.items()]


def _name_type(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return "string"
    branches = schema.get("anyOf")
    kinds = [one.get("type") for one in branches if isinstance(one, Mapping)] if isinstance(branches, list) else []
    kind = schema.get("type") or kinds
    for one in kind if isinstance(kind, list) else (kind,):
        if isinstance(one, str) and one and one.lower() != "null":
            return one.lower()
    return "string"


def join_system(declarations: Iterable[Value], system: str) -> str:
    """The system turn: what is said there, and the functions that messages declare.

    Raises:
        SchemaError: a function's JSON Schema is none.
    """
    return join_tools(system, declare_tools((one.get("name", ""), read_parameters(one)) for one in declarations))


def join_tools(system: str, tools: str) -> str:
    """A system instruction with what ``declare_tools`` has made."""
    return "\n\n".join(part for part in (system, tools) if part)


def write_call(name: str, arguments: Json | None) -> str:
    """The text of a call's turn."""
    return f"{name} {json.dumps(arguments or {}, ensure_ascii=False)}"


def write_result(response: Json | None) -> str:
    """The text of a result's turn."""
    return json.dumps(response or {}, ensure_ascii=False)


def read_calls(text: str) -> list[tuple[str, Any]]:
    """Names and arguments of the calls of a turn: what ``write_call`` writes, one a line.

    Raises:
        ValueError: a line is none.
    """
    parts = [line.partition(" ") for line in text.splitlines()]
    return [(name, json.loads(arguments or "{}")) for name, _, arguments in parts]


def add_turn(turns: list[Turn], turn: Turn) -> None:
    """Adds a turn; a call right after another is made at once with it."""
    if turn.role == "call" and turns and turns[-1].role == "call":
        turn = Turn("call", f"{turns.pop().text}\n{turn.text}")
    turns.append(turn)


def find_turn_faults(contents: Sequence[Value]) -> Iterator[TurnFault]:
    """What is wrong with the calls and results of a conversation, in its order.

    Calls come after the user or a result; all calls of a turn are answered in the next one, and nothing else is.
    """
    for place, content in enumerate(contents):
        before: Value = contents[place - 1] if place else {}
        calls, results = _count_parts(content, "function_call"), _count_parts(content, "function_response")
        if calls and (not place or str(before.get("role", "")).lower() == "model"):
            yield "call out of place"
        ends = place + 1 == len(contents)
        answered = calls if ends else _count_parts(contents[place + 1], "function_response")
        if (results and results != _count_parts(before, "function_call")) or (calls and answered != calls):
            yield "results unlike calls"


def _count_parts(content: Value, kind: str) -> int:
    return sum(part.get(kind) is not None for part in content.get("parts") or ())


def list_texts(turns: Iterable[Turn], system: str) -> list[str]:
    """The texts of a prompt whose tokens are counted, the system turn's first."""
    return [*([system] if system else []), *(turn.text for turn in turns)]


def split_turns(content: Value, *, model: bool) -> list[Turn]:
    """The turns of a ``Content`` message: its text, its calls, and one for each result among its parts."""
    turns: list[Turn] = []
    said = ""
    speaker: Role = "model" if model else "user"
    for part in content.get("parts") or ():
        call, response = part.get("function_call"), part.get("function_response")
        if call is None and response is None:
            said += part.get("text") or ""
            continue
        if said:
            turns.append(Turn(speaker, said))
            said = ""
        if call is not None:
            add_turn(turns, Turn("call", write_call(call.get("name", ""), call.get("args"))))
        else:
            turns.append(Turn("result", write_result(response.get("response"))))
    if said or not turns:
        turns.append(Turn(speaker, said))
    return turns


def place_images(turns: Iterable[Turn], images: Sequence[str]) -> tuple[Turn, ...]:
    """The turns with the images whose marks stand in their texts."""
    waiting = iter(images)
    return tuple(
        dataclasses.replace(turn, images=tuple(islice(waiting, turn.text.count(IMAGE_MARK)))) if images else turn
        for turn in turns
    )


def read_parts(answer: Answer) -> tuple[list[Value], str]:
    """The parts of an answer and why it ended. A call that is cut off is none."""
    if not answer.call:
        return [{"text": answer.text}] if answer.text else [], answer.finish
    try:
        calls = read_calls(answer.text)
    except ValueError:
        return [], "MALFORMED_FUNCTION_CALL"
    return [{"function_call": {"name": name, "args": arguments}} for name, arguments in calls], answer.finish
