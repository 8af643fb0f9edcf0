"""Answers held to a schema beside plain ones: CPU time of a token, in this process, one thread.

`python -m benchmarks.decoding`. The plain answer is kept from ending, so that both have as many tokens. Each round
measures all beside one another; what is told of the rounds are the medians, of the ratios too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from copy import copy

from rich.console import Console
from rich.table import Table

from tuning_trainer.answering.generate import Answering
from tuning_trainer.spec import ANY_TEXT, EMBEDDED, Form, Prompt, Turn

TOKENS, LIMIT = 200, 1000
SCHEMAS: dict[str, dict[str, object]] = {
    "a text": {"type": "string", "minLength": 450},
    "numbers": {"type": "array", "items": {"type": "integer"}, "minItems": 150},
    "objects": {
        "type": "array",
        "minItems": 16,
        "items": {
            "type": "object",
            "properties": {"name": {"type": "string", "maxLength": 12}, "size": {"type": "integer", "maximum": 99}},
            "required": ["name", "size"],
            "additionalProperties": False,
        },
    },
}
"""None of them ends within the tokens that are measured, and each could within its limit."""


def measure(form: Form, rows: int, base_model: str) -> float:
    """Microseconds of CPU time a token and row."""
    answering = Answering("cpu")
    for number in range(rows):
        turns = (Turn("user", f"Count to one thousand from {number}."),)
        answering.submit(str(number), Prompt(turns, base_model=base_model, max_output_tokens=LIMIT, form=form))
    if form == ANY_TEXT:
        _never_stop(answering)
    next(iter(answering.advance()), None)  # the prompt, and what is made once
    began = time.process_time()
    for _ in range(TOKENS):
        for _ in answering.advance():
            raise RuntimeError("an answer has ended: there is less to measure than was thought")
    return (time.process_time() - began) / (rows * TOKENS) * 1e6


def _never_stop(answering: Answering) -> None:
    """Lets plain answers go on to their limit, as held ones do that are never complete."""
    for desk in answering._desks.values():  # noqa: SLF001 what is being measured
        for row in desk.waiting:
            row.request.chat = copy(row.request.chat)
            row.request.chat.stops = frozenset()  # type: ignore[misc]  # of this copy


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--base-model", default=EMBEDDED)
    options = parser.parse_args()
    table = Table("answer", "rows", "µs a token", "of plain", "least to most")
    forms = {"plain": ANY_TEXT} | {name: Form(schema=json.dumps(schema)) for name, schema in SCHEMAS.items()}
    measure(ANY_TEXT, 1, options.base_model)  # what a process makes once
    for rows in (1, 16):
        taken: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for name, form in forms.items():
                taken.setdefault(name, []).append(measure(form, rows, options.base_model))
        for name, values in taken.items():
            ratios = [one / plain for one, plain in zip(values, taken["plain"], strict=True)]
            middle, ratio = statistics.median(values), statistics.median(ratios)
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            table.add_row(name, str(rows), f"{middle:.0f}", f"{ratio:.2f}", spread)
    Console().print(table)


if __name__ == "__main__":
    main()
