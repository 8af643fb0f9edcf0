"""google-cloud-aiplatform's generated clients.

Arguments: ``v1`` or ``v1beta1``; ``rest``, ``grpc`` (over TLS) or ``plain`` (gRPC).
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import grpc
from google.api_core import exceptions
from google.oauth2.credentials import Credentials
from google.protobuf import field_mask_pb2
from story import (
    DATASET,
    EPOCHS,
    HOST,
    LOCATION,
    LONG_EPOCHS,
    PROJECT,
    QUESTION,
    URL,
    VERTEX_BASE,
    poll,
    tell,
)

VERSION, TRANSPORT = sys.argv[1:3]
ENDPOINT = URL if TRANSPORT == "rest" else f"localhost:{HOST.rpartition(':')[2]}"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
ENDED = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED")

vertex = importlib.import_module(f"google.cloud.aiplatform_{VERSION}")


def make_client(kind: Any) -> Any:
    """A client of a service."""
    if TRANSPORT == "plain":
        return kind(transport=kind.get_transport_class("grpc")(channel=grpc.insecure_channel(HOST)))
    options = {"api_endpoint": ENDPOINT}
    return kind(transport=TRANSPORT, client_options=options, credentials=Credentials("anything"))


tuning = make_client(vertex.GenAiTuningServiceClient)
models = make_client(vertex.ModelServiceClient)
endpoints = make_client(vertex.EndpointServiceClient)
prediction = make_client(vertex.PredictionServiceClient)
counting = prediction if VERSION == "v1beta1" else make_client(vertex.LlmUtilityServiceClient)


def tune(name: str, epochs: int) -> object:
    """Starts a job."""
    spec = vertex.SupervisedTuningSpec(
        training_dataset_uri=DATASET,
        hyper_parameters=vertex.SupervisedHyperParameters(epoch_count=epochs),
        export_last_checkpoint_only=True,
    )
    job = vertex.TuningJob(base_model=VERTEX_BASE, supervised_tuning_spec=spec, tuned_model_display_name=name)
    return tuning.create_tuning_job(parent=PARENT, tuning_job=job)


def look(name: str) -> tuple[str, bool]:
    """Where a job is now."""
    state = tuning.get_tuning_job(name=name).state.name
    return state, state in ENDED


def main() -> None:
    """The whole way."""
    name = tune("next number", EPOCHS).name
    tell("create", name)
    tell("poll", poll(lambda: look(name)))
    job = tuning.get_tuning_job(name=name)
    tell("done", job.state.name)
    tell("list", name in [one.name for one in tuning.list_tuning_jobs(parent=PARENT)])
    tell("get", job.tuned_model_display_name)
    model, endpoint = job.tuned_model.model, job.tuned_model.endpoint
    contents = [vertex.Content(role="user", parts=[vertex.Part(text=QUESTION)])]
    answer = prediction.generate_content(model=endpoint, contents=contents)
    tell("generate", answer.candidates[0].content.parts[0].text)
    chunks = prediction.stream_generate_content(model=endpoint, contents=contents)
    tell("stream", "".join(part.text for chunk in chunks for part in chunk.candidates[0].content.parts))
    request = vertex.CountTokensRequest(endpoint=endpoint, model=endpoint, contents=contents)
    tell("count", counting.count_tokens(request).total_tokens)
    changed = vertex.Model(name=model, display_name="renamed")
    models.update_model(model=changed, update_mask=field_mask_pb2.FieldMask(paths=["display_name"]))
    tell("update", models.get_model(name=model).display_name)
    long = tune("to be cancelled", LONG_EPOCHS).name
    tuning.cancel_tuning_job(name=long)
    tell("cancel", poll(lambda: look(long))[-1])
    (deployed,) = endpoints.get_endpoint(name=endpoint).deployed_models
    endpoints.undeploy_model(endpoint=endpoint, deployed_model_id=deployed.id).result()
    endpoints.delete_endpoint(name=endpoint).result()
    models.delete_model(name=model.partition("@")[0]).result()
    try:
        models.get_model(name=model)
    except exceptions.GoogleAPICallError as error:
        tell("delete", error.code)


main()
