"""What the front end costs: reading a large body beside ``json.loads``, printing a message, answering a GET.

    python -m benchmarks.front_end

CPU time, one thread; each figure is the best of several rounds in which the candidates take turns, so that a busy
machine slows all of them alike. The GET is one call of the ASGI application, without a server and its sockets.
"""

from __future__ import annotations

import asyncio
import json
import platform
import time
from collections.abc import Callable, Sequence

from tuning_emulator.api.auth import create_authenticator
from tuning_emulator.api.call import Api, Call
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.rest.app import RestApp, create_rest_app
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.api import SCHEMAS as VERTEX

ROUNDS = 15
BODY_BYTES = 4 * 1024 * 1024
CALLS = 2000
TUNED_MODEL = "google.ai.generativelanguage.v1beta.TunedModel"
TUNING_JOB = "google.cloud.aiplatform.v1.TuningJob"
_TIME_NS = 1_700_000_000_123_456_000

JOB: Value = {
    "name": "projects/1/locations/us-central1/tuningJobs/2",
    "base_model": "gemini-2.0-flash-001",
    "tuned_model_display_name": "answers",
    "description": "in the tone of the house",
    "state": "JOB_STATE_SUCCEEDED",
    "create_time": _TIME_NS,
    "start_time": _TIME_NS,
    "end_time": _TIME_NS,
    "update_time": _TIME_NS,
    "labels": {"team": "support"},
    "experiment": "projects/1/locations/us-central1/metadataStores/default/contexts/tuning-2",
    "tuned_model": {
        "model": "projects/1/locations/us-central1/models/3@1",
        "endpoint": "projects/1/locations/us-central1/endpoints/4",
    },
    "supervised_tuning_spec": {
        "training_dataset_uri": "gs://bucket/train.jsonl",
        "validation_dataset_uri": "gs://bucket/validation.jsonl",
        "hyper_parameters": {
            "epoch_count": 5,
            "learning_rate_multiplier": 1.0,
            "adapter_size": "ADAPTER_SIZE_FOUR",
        },
    },
    "tuning_data_stats": {
        "supervised_tuning_data_stats": {
            "tuning_dataset_example_count": 100,
            "total_tuning_character_count": 12345,
            "user_input_token_distribution": {"sum": 900, "min": 2.0, "max": 31.0, "mean": 9.25, "median": 8.0},
        }
    },
}


def main() -> None:
    """Prints the tables."""
    codec = Codec([*GEMINI.values(), *VERTEX.values()])
    body = build_body()
    loads_s, parse_s = race([lambda: json.loads(body), lambda: codec.parse(body, TUNED_MODEL)])
    print(f"Python {platform.python_version()}, best of {ROUNDS} rounds, CPU time")
    print(f"\n{'a body of ' + str(len(body)) + ' bytes':44}{'ms':>10}")
    print(f"{'json.loads':44}{loads_s * 1e3:>10.1f}")
    print(f"{'read and checked against the schema':44}{parse_s * 1e3:>10.1f}")
    print(f"{'ratio':44}{parse_s / loads_s:>10.2f}")
    print(f"\n{'a tuning job':44}{'µs':>10}")
    front = create_rest()
    printed_s, answered_s = race([lambda: print_jobs(codec), lambda: asyncio.run(answer_gets(front))])
    print(f"{'printed (' + str(len(codec.format(JOB, TUNING_JOB))) + ' bytes)':44}{printed_s / CALLS * 1e6:>10.1f}")
    print(f"{'GET through the front end':44}{answered_s / CALLS * 1e6:>10.1f}")


def build_body() -> bytes:
    """An inline dataset of that size, as the Gemini API takes it."""
    examples: list[dict[str, str]] = []
    size = 0
    while size < BODY_BYTES:
        number = len(examples)
        example = {"text_input": f"one hundred {number}", "output": f"one hundred {number}, and one more"}
        examples.append(example)
        size += len(json.dumps(example)) + 2
    return json.dumps({"tuning_task": {"training_data": {"examples": {"examples": examples}}}}).encode()


def race(candidates: Sequence[Callable[[], object]]) -> list[float]:
    """Best CPU seconds of each, taking turns."""
    best = [float("inf")] * len(candidates)
    for _ in range(ROUNDS):
        for place, candidate in enumerate(candidates):
            start = time.process_time()
            candidate()
            best[place] = min(best[place], time.process_time() - start)
    return best


def print_jobs(codec: Codec) -> None:
    """Prints the tuning job many times."""
    for _ in range(CALLS):
        codec.format(JOB, TUNING_JOB)


def create_rest() -> RestApp:
    """A front end whose one method answers with the tuning job."""

    host = "aiplatform.googleapis.com"
    handlers = {"GenAiTuningService.GetTuningJob": answer_job}
    api = Api("vertex", host, "Vertex AI API", host, VERTEX, handlers, keys=False)
    return create_rest_app([api], create_authenticator())


def answer_job(call: Call) -> Value:
    """The handler."""
    return JOB if call.request["name"].endswith("/2") else {}


async def answer_gets(front: RestApp) -> None:
    """Answers many GETs."""
    headers = {"host": "127.0.0.1:8080", "authorization": "Bearer token", "accept": "*/*"}
    for _ in range(CALLS):
        await front.answer("GET", "/v1/projects/1/locations/us-central1/tuningJobs/2", "", headers)


if __name__ == "__main__":
    main()
