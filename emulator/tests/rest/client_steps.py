"""Requests of a client in the order and form in which it sent them, and what its code reads in each answer.

They were recorded against a server on loopback; ids are placeholders here, which a scenario seeds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.control.running import ServerState
from tests.control.test_scenarios import load

Check: TypeAlias = Callable[[Any], bool]

P = "projects/123456789012/locations/us-central1"
JOB, MODEL, ENDPOINT = f"{P}/tuningJobs/456", f"{P}/models/789", f"{P}/endpoints/11"
PLACE = "projects/my-project/locations/us-central1"
SEEDS = """
version: 1
tuned_models:
- {id: next-number, display_name: next number}
tuning_jobs:
- {id: 456, project: 123456789012, model: 789, endpoint: 11, display_name: next number, epochs: 1, labels: {team: mine}}
- {id: 457, project: 123456789012, state: RUNNING}
"""
_INT64 = re.compile(r'"(epochCount|tuningDatasetExampleCount|tuningStepCount|totalBillableTokenCount)": \d')
"""Of Vertex AI. Readers that take 64 bits from strings alone, as protobuf's JSON has them, refuse numbers here."""


@dataclass(frozen=True, slots=True)
class Step:
    """A request and what its answer must be.

    Attributes:
        target: With ``{names}`` of what was kept of earlier answers. body: As sent; None: there is none.
        check: Given the answer's JSON, of a stream the list of its messages. keep: Names for parts of the answer.
    """

    verb: str
    target: str
    status: int = 200
    body: Any = None
    check: Check = lambda answer: True
    keep: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)


def say(text: str, **more: Any) -> dict[str, Any]:
    """A prompt."""
    return {"contents": [{"parts": [{"text": text}], "role": "user"}], **more}


def answers(text: str) -> Check:
    """Whether a model says that, whole or in a stream."""

    def check(answer: Any) -> bool:
        messages = answer if isinstance(answer, list) else [answer]
        parts = [part for one in messages for part in one["candidates"][0].get("content", {}).get("parts", [])]
        return "".join(part["text"] for part in parts) == text

    return check


def fails(code: int, status: str) -> Check:
    """Whether an error says what clients make their exceptions of."""
    return lambda answer: (answer["error"]["code"], answer["error"]["status"]) == (code, status)


async def replay(server: ServerState, headers: Mapping[str, str], steps: list[Step]) -> None:
    """Asks one after the other of an emulator with the seeds in it, and looks at each answer as the client does."""
    await load(server, SEEDS)
    kept: dict[str, str] = {}
    for number, step in enumerate(steps):
        target = step.target.format_map(kept)
        body = None if step.body is None else json.dumps(step.body).encode()
        answer = await server.client.request(step.verb, target, content=body, headers=headers)
        said = f"{number}: {step.verb} {target}: {answer.status_code} {answer.text[:600]}"
        assert answer.status_code == step.status, said
        value = read_stream(answer.text) if answer.headers["content-type"].startswith("text/event-stream") else None
        if answer.headers["content-type"].startswith("application/json"):
            value = answer.json()
            assert "projects/" not in target or not _INT64.search(answer.text), said
        assert step.check(value), said
        kept |= {name: read(value) for name, read in step.keep.items()}


def read_stream(text: str) -> list[Any]:
    """The messages of server-sent events."""
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
