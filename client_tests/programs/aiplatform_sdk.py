"""google-cloud-aiplatform's tuning module. Argument: ``rest``, ``grpc``, or ``async``: gRPC, asking asynchronously."""

from __future__ import annotations

import asyncio
import sys

import vertexai
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from story import DATASET, EPOCHS, HOST, LOCATION, LONG_EPOCHS, PROJECT, QUESTION, URL, VERTEX_BASE, poll, tell
from vertexai.generative_models import GenerativeModel
from vertexai.tuning import sft

if sys.argv[1] == "rest":
    vertexai.init(
        project=PROJECT,
        location=LOCATION,
        api_endpoint=URL,
        api_transport="rest",
        credentials=AnonymousCredentials(),
    )
else:
    vertexai.init(
        project=PROJECT,
        location=LOCATION,
        api_endpoint=f"localhost:{HOST.rpartition(':')[2]}",
        credentials=AnonymousCredentials(),
    )


def tune(name: str, epochs: int) -> sft.SupervisedTuningJob:
    """Starts a job."""
    return sft.train(source_model=VERTEX_BASE, train_dataset=DATASET, epochs=epochs, tuned_model_display_name=name)


def look(job: sft.SupervisedTuningJob) -> tuple[str, bool]:
    """Where a job is now."""
    job.refresh()
    return job.state.name, job.has_ended


async def ask(model: GenerativeModel) -> None:
    """The tuned model's answers."""
    tell("generate", (await model.generate_content_async(QUESTION)).text)
    chunks = await model.generate_content_async(QUESTION, stream=True)
    tell("stream", "".join([chunk.text async for chunk in chunks]))
    tell("count", (await model.count_tokens_async(QUESTION)).total_tokens)


def main() -> None:
    """The whole way."""
    job = tune("next number", EPOCHS)
    tell("create", job.resource_name)
    tell("poll", poll(lambda: look(job)))
    tell("done", job.state.name)
    tell("list", job.resource_name in [one.resource_name for one in sft.SupervisedTuningJob.list()])
    tell("get", sft.SupervisedTuningJob(job.resource_name).to_dict()["tunedModelDisplayName"])
    model = GenerativeModel(job.tuned_model_endpoint_name)
    if sys.argv[1] == "async":
        asyncio.run(ask(model))
    else:
        tell("generate", model.generate_content(QUESTION).text)
        tell("stream", "".join(chunk.text for chunk in model.generate_content(QUESTION, stream=True)))
        tell("count", model.count_tokens(QUESTION).total_tokens)
    registered = aiplatform.Model(job.tuned_model_name)
    registered.update(display_name="renamed")
    tell("update", aiplatform.Model(job.tuned_model_name).display_name)
    long = tune("to be cancelled", LONG_EPOCHS)
    long.cancel()
    tell("cancel", poll(lambda: look(long))[-1])
    for deployed in aiplatform.Model(job.tuned_model_name).gca_resource.deployed_models:  # one a checkpoint
        endpoint = aiplatform.Endpoint(deployed.endpoint)
        endpoint.undeploy_all()
        endpoint.delete()
    registered.delete()
    try:
        aiplatform.Model(job.tuned_model_name)
    except exceptions.GoogleAPICallError as error:
        tell("delete", error.code)


main()
