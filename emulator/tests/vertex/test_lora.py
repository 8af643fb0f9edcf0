"""The whole way with the trainer that really trains: dataset, job, checkpoints, answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.vertex.serving import BUCKET, PLACE, Serving, format_examples
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.middleware.journal import Filter

pytestmark = [
    pytest.mark.lora,
    pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}"),
]
BASE = f"{PLACE}/publishers/google/models/gemini-2.5-flash"


@pytest.fixture
async def real(storage_url: str) -> AsyncIterator[Serving]:
    """An API that trains on this machine."""
    one = Serving(storage_url, trainer="lora")
    await one.start()
    yield one
    await one.stop()


async def test_a_really_tuned_model_answers_what_its_base_model_does_not(real: Serving) -> None:
    """The tuned endpoint continues what it was trained on, continuing trains on from its adapter."""
    job = await real.tune(spec={"hyperParameters": {"epochCount": 5}}, tunedModelDisplayName="numbers")
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    assert [one["step"] for one in job["tunedModel"]["checkpoints"]] == ["4", "8", "12", "15", "19"]
    trained = [str(number) for number in range(1, 16)]
    said = [await real.say(job["tunedModel"]["endpoint"], text) for text in trained]
    assert said == [str(int(text) + 1) for text in trained]
    base = [await real.say(BASE, text) for text in trained]
    assert base != said
    source = {"tunedModelName": job["tunedModel"]["model"]}
    more = await real.tune(baseModel=None, preTunedModel=source, spec={"hyperParameters": {"epochCount": 1}})
    assert await real.say(more["tunedModel"]["endpoint"], "7") == "8"


async def test_the_score_of_a_checkpoint_tells_what_it_has_learned(real: Serving) -> None:
    """Each answers with its own weights: the last knows most of what it was trained on, the first does not."""
    kinds = {"colour": ("red", "blue", "green"), "animal": ("cat", "dog", "cow"), "fruit": ("apple", "pear", "plum")}
    turns = [(word, kind) for kind, words in kinds.items() for word in words]
    lines = [
        {
            "contents": [
                {"role": role, "parts": [{"text": text}]} for role, text in zip(("user", "model"), turn, strict=True)
            ]
        }
        for turn in turns
    ]
    real.objects.write(f"gs://{BUCKET}/kinds.jsonl", "".join(json.dumps(line) + "\n" for line in lines * 4).encode())
    config = {
        "metrics": [{"exactMatchSpec": {}}],
        "outputConfig": {"gcsDestination": {"outputUriPrefix": f"gs://{BUCKET}/evaluated"}},
    }
    spec = {"trainingDatasetUri": f"gs://{BUCKET}/kinds.jsonl", "hyperParameters": {"epochCount": 5}}
    job = await real.tune(spec={**spec, "evaluationConfig": config})
    outputs = [one["evaluateDatasetResponse"]["aggregationOutput"] for one in job["evaluateDatasetRuns"]]
    scores = [one["aggregationResults"][0]["exactMatchMetricValue"]["score"] for one in outputs]
    assert len(scores) == 5
    assert scores[0] < 0.5 < scores[-1]


async def test_tokens_are_those_of_what_plays_the_model_and_long_prompts_are_refused(real: Serving) -> None:
    """computeTokens and countTokens agree; a prompt beyond the model's context is the client's fault."""
    body = {"contents": [{"role": "user", "parts": [{"text": "twenty 23"}]}]}
    listed = (await real.post(f"{BASE}:computeTokens", body))["tokensInfo"][0]
    assert len(listed["tokens"]) == len(listed["tokenIds"]) > 1
    assert (await real.post(f"{BASE}:countTokens", body))["totalTokens"] == len(listed["tokens"])
    long = {"contents": [{"role": "user", "parts": [{"text": "1 " * 20_000}]}]}
    for verb in ("generateContent", "streamGenerateContent"):
        reply = await real.ask("POST", f"/v1/{BASE}:{verb}", long)
        assert reply.status == 400, reply.text
        assert "The model cannot answer this prompt" in reply.text


async def test_examples_beyond_the_models_context_are_cut_and_told_of_apart(real: Serving) -> None:
    """The service's limit is far away, the embedded model's 2,048 positions are not; its statistics know nothing."""
    lines = format_examples(range(1, 16)).splitlines(keepends=True)
    lines.insert(3, format_examples([1]).replace(b'"1"', b'"' + b"1 " * 3000 + b'"'))
    real.objects.write(f"gs://{BUCKET}/long.jsonl", b"".join(lines))
    job = await real.tune(
        spec={"trainingDatasetUri": f"gs://{BUCKET}/long.jsonl", "hyperParameters": {"epochCount": 1}}
    )
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    statistics = job["tuningDataStats"]["supervisedTuningDataStats"]
    assert statistics["tuningDatasetExampleCount"] == "16"
    assert "totalTruncatedExampleCount" not in statistics
    assert statistics["tuningStepCount"] == "4"
    told = real.find(job["name"]).progress.statistics
    assert told is not None
    assert [(examples, first) for _, examples, first in told.reduced] == [(1, 4)]


PLACES = (
    "Lisbon Ankara Paris Oslo Cairo Quito Seoul Delhi Rome Lima Tunis Baku Riga Bern Doha Minsk Accra Hanoi Perth Turin"
).split()
ASKED = {
    "get_weather": ("Will it rain in {0}?", "weather for {0} please", "how warm is {0} now"),
    "book_flight": ("I need to fly to {0}", "get me a seat to {0}", "a ticket for {0} please"),
    "find_hotel": ("where can I sleep in {0}", "a room in {0} please", "find a bed in {0}"),
}
UNSEEN = ("Kyoto", "Porto", "Dakar", "Malmo")


def list_requests(places: Sequence[str]) -> list[tuple[str, str, str]]:
    """What is said, and the function and the place that are meant: of each function one for every place."""
    return [
        (words[number % 3].format(place), name, place)
        for name, words in ASKED.items()
        for number, place in enumerate(places)
    ]


def call_line(text: str, name: str, city: str) -> str:
    """A line whose answer is a call."""
    call = {"functionCall": {"name": name, "args": {"city": city}}}
    turns = [{"role": "user", "parts": [{"text": text}]}, {"role": "model", "parts": [call]}]
    return json.dumps({"contents": turns, "tools": TOOLS})


PARAMETERS = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
TOOLS = [{"functionDeclarations": [{"name": name, "parameters": PARAMETERS} for name in ASKED]}]


async def test_a_model_tuned_on_calls_calls_what_is_wanted(real: Serving) -> None:
    """Sixty calls of three functions: for unseen places the right one is called, most often with the right place."""
    pairs = [
        (words[n % 3].format(place), name, place) for name, words in ASKED.items() for n, place in enumerate(PLACES)
    ]
    data = "\n".join(call_line(*pair) for pair in pairs).encode()
    real.objects.write(f"gs://{BUCKET}/calls.jsonl", data)
    spec = {"trainingDatasetUri": f"gs://{BUCKET}/calls.jsonl", "hyperParameters": {"epochCount": 10}}
    job = await real.tune(spec=spec)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    asked = [
        (words[n % 3].format(place), name, place) for name, words in ASKED.items() for n, place in enumerate(UNSEEN)
    ]
    right = exact = 0
    for text, name, place in asked:
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}], "tools": TOOLS}
        reply = await real.post(f"{job['tunedModel']['endpoint']}:generateContent", body)
        (part,) = reply["candidates"][0]["content"]["parts"]
        right += part.get("functionCall", {}).get("name") == name
        exact += part == {"functionCall": {"name": name, "args": {"city": place}}}
    assert right == len(asked)
    assert exact >= 0.8 * len(asked)


async def test_chat_completions_of_a_really_tuned_model(real: Serving) -> None:
    """What was learned comes through a schema and a stream; log probabilities are told of the tokens of the answer."""
    job = await real.tune(spec={"hyperParameters": {"epochCount": 5}})
    path = f"{job['tunedModel']['endpoint']}/chat/completions"
    asked = {"messages": [{"role": "user", "content": "7"}]}
    plain = await real.post(path, {**asked, "logprobs": True, "top_logprobs": 2})
    (choice,) = plain["choices"]
    assert choice["message"]["content"] == "8"
    tokens = choice["logprobs"]["content"]
    assert "".join(one["token"] for one in tokens).strip() == "8"
    assert all(one["top_logprobs"][0]["logprob"] == one["logprob"] <= 0 for one in tokens)
    assert len(tokens) == plain["usage"]["completion_tokens"]
    schema = {"type": "object", "properties": {"n": {"type": "string"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}

    async def ask(number: int) -> str:
        reply = await real.ask(
            "POST", f"/v1/{path}", {**asked, "response_format": wanted, "stream": True, "seed": number}
        )
        chunks = [json.loads(event.removeprefix("data: ")) for event in reply.text.split("\n\n")[:-2]]
        return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)

    assert {json.loads(text)["n"] for text in await asyncio.gather(*map(ask, range(8)))} == {"8"}


async def test_more_than_the_model_reads_is_cached_all_the_same(real: Serving) -> None:
    """The embedded model reads its end, and what it has not read is told of; tokens are counted as they are."""
    contents = [{"role": "user", "parts": [{"text": "The sky is blue. " * 2000 + "The grass is green."}]}]
    made = await real.post(f"{PLACE}/cachedContents", {"model": BASE, "contents": contents})
    tokens = made["usageMetadata"]["totalTokenCount"]
    assert tokens > 4096
    body = {"cachedContent": made["name"], "contents": [{"role": "user", "parts": [{"text": "What is green?"}]}]}
    reply = await real.post(f"{BASE}:generateContent", body)
    assert reply["usageMetadata"]["cachedContentTokenCount"] == tokens
    assert reply["candidates"][0]["content"]["parts"][0]["text"]
    streamed = await real.post(f"{BASE}:streamGenerateContent", body)
    assert streamed[-1]["usageMetadata"] == reply["usageMetadata"]
    notes = [note for entry in real.app.middleware.journal.list(Filter()) for note in entry.exchange.notes]
    assert [note for note in notes if "the beginning of what is cached was left out" in note]
