"""google-genai, asynchronous (``client.aio``). Argument: ``gemini`` or ``vertex``."""

from __future__ import annotations

import asyncio
import sys

from google import genai
from google.genai import errors, types
from story import (
    DATASET,
    EPOCHS,
    GEMINI_BASE,
    KEY,
    LIMIT_S,
    LOCATION,
    LONG_EPOCHS,
    PAIRS,
    POLL_S,
    PROJECT,
    QUESTION,
    URL,
    VERTEX_BASE,
    tell,
    tell_refusal,
)

GEMINI = sys.argv[1] == "gemini"


def make_client() -> genai.Client:
    """As the documentation says, with the emulator's address."""
    if GEMINI:
        return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL))
    from google.oauth2.credentials import Credentials

    return genai.Client(
        vertexai=True,
        project=PROJECT,
        location=LOCATION,
        credentials=Credentials("anything"),
        http_options=types.HttpOptions(base_url=URL),
    )


client = make_client().aio


async def tune(name: str, epochs: int) -> types.TuningJob:
    """Starts a job."""
    if GEMINI:
        examples = [types.TuningExample(text_input=one, output=other) for one, other in PAIRS]
        return await client.tunings.tune(
            base_model=GEMINI_BASE,
            training_dataset=types.TuningDataset(examples=examples),
            config=types.CreateTuningJobConfig(
                tuned_model_display_name=name, epoch_count=epochs, batch_size=4, learning_rate=0.001
            ),
        )
    return await client.tunings.tune(
        base_model=VERTEX_BASE,
        training_dataset=types.TuningDataset(gcs_uri=DATASET),
        config=types.CreateTuningJobConfig(tuned_model_display_name=name, epoch_count=epochs),
    )


async def list_names() -> list[str]:
    """Names of the own jobs (tuned models, where the client lists no jobs)."""
    try:
        return [str(job.name) async for job in await client.tunings.list()]
    except ValueError:  # Gemini mode, from 1.74 on
        return [str(model.name) async for model in await client.models.list(config={"query_base": False})]


async def wait(name: str) -> list[str]:
    """The states that a job goes through until it ends."""
    states: list[str] = []
    async with asyncio.timeout(LIMIT_S):
        while True:
            job = await client.tunings.get(name=name)
            if not states or states[-1] != job.state.name:
                states.append(job.state.name)
            if job.has_ended:
                return states
            await asyncio.sleep(POLL_S)


async def main() -> None:
    """The whole way."""
    job = await tune("next number", EPOCHS)
    tell("create", job.name)
    tell("poll", await wait(job.name))
    done = await client.tunings.get(name=job.name)
    tell("done", done.state.name)
    tell("list", job.name in await list_names())
    model, endpoint = done.tuned_model.model, done.tuned_model.endpoint
    tell("get", (await client.models.get(model=model)).display_name)
    tell("generate", (await client.models.generate_content(model=endpoint, contents=QUESTION)).text)
    stream = await client.models.generate_content_stream(model=endpoint, contents=QUESTION)
    parts = [chunk.text async for chunk in stream]
    tell("stream", "".join(part for part in parts if part))
    tell("count", (await client.models.count_tokens(model=endpoint, contents=QUESTION)).total_tokens)
    changes = types.UpdateModelConfig(display_name="renamed", description="by google-genai")
    tell("update", (await client.models.update(model=model, config=changes)).display_name)
    long = await tune("to be cancelled", LONG_EPOCHS)
    if hasattr(client.tunings, "cancel"):
        try:
            await client.tunings.cancel(name=long.name)
            tell("cancel", (await wait(long.name))[-1])
        except errors.APIError as error:
            tell_refusal("cancel", error.code)
    try:
        await client.models.delete(model=model)
    except errors.APIError as error:  # Vertex AI: it is still deployed, and the client has nothing to undeploy it with
        tell_refusal("delete", error.code)
        return
    try:
        await client.models.get(model=model)
    except errors.APIError as error:
        tell("delete", error.code)


asyncio.run(main())
