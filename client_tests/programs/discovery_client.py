"""google-api-python-client, built from the emulator's discovery documents.

Arguments: ``generativelanguage`` or ``aiplatform``; its version; ``url`` or ``document``.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.request import urlopen

from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build, build_from_document
from googleapiclient.errors import HttpError
from story import (
    DATASET,
    EPOCHS,
    FRIEND,
    GEMINI_BASE,
    KEY,
    LOCATION,
    LONG_EPOCHS,
    PAIRS,
    PROJECT,
    QUESTION,
    URL,
    VERTEX_BASE,
    poll,
    tell,
)

API, VERSION, SOURCE = sys.argv[1:4]
GEMINI = API == "generativelanguage"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
QUESTIONS = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}
ENDED = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED")


def make_client() -> Any:
    """From the address of a document, or from a document that was read before."""
    credentials = {"developerKey": KEY} if GEMINI else {"credentials": Credentials("anything")}
    if SOURCE == "document":
        with urlopen(f"{URL}/discovery/v1/apis/{API}/{VERSION}/rest") as answer:
            return build_from_document(json.load(answer), **credentials)
    address = f"{URL}/$discovery/rest?version={{apiVersion}}"
    if not GEMINI:
        address = f"{URL}/discovery/v1/apis/{{api}}/{{apiVersion}}/rest"
    return build(API, VERSION, discoveryServiceUrl=address, static_discovery=False, **credentials)


def read_text(answers: list[Any]) -> str:
    """The text of some answers."""
    return "".join(part["text"] for one in answers for part in one["candidates"][0]["content"].get("parts", []))


def walk_gemini(models: Any) -> None:
    """``tunedModels``."""
    pairs = [{"textInput": one, "output": other} for one, other in PAIRS]

    def tune(name: str, epochs: int) -> Any:
        task = {
            "trainingData": {"examples": {"examples": pairs}},
            "hyperparameters": {"epochCount": epochs, "batchSize": 4, "learningRate": 0.001},
        }
        return models.create(body={"displayName": name, "baseModel": GEMINI_BASE, "tuningTask": task}).execute()

    operation = tune("next number", EPOCHS)
    name = operation["metadata"]["tunedModel"]
    tell("create", name)

    def look() -> tuple[str, bool]:
        found = models.operations().get(name=operation["name"]).execute()
        return str(found.get("done", False)), found.get("done", False)

    tell("poll", poll(look))
    tell("done", models.get(name=name).execute()["state"])
    tell("list", name in [one["name"] for one in models.list().execute()["tunedModels"]])
    tell("get", models.get(name=name).execute()["displayName"])
    tell("generate", read_text([models.generateContent(model=name, body=QUESTIONS).execute()]))
    tell("stream", read_text(models.streamGenerateContent(model=name, body=QUESTIONS).execute()))
    tell("count", models.countTokens(model=name, body=QUESTIONS).execute()["totalTokens"])
    models.patch(name=name, updateMask="displayName", body={"displayName": "renamed"}).execute()
    tell("update", models.get(name=name).execute()["displayName"])
    tell("permissions", share(models.permissions(), name))
    long = tune("to be cancelled", LONG_EPOCHS)
    models.operations().cancel(name=long["name"], body={}).execute()
    tell("cancel", poll(lambda: cancelled(models.operations().get(name=long["name"]).execute()))[-1])
    models.delete(name=name).execute()
    tell("delete", find_code(models.get(name=name)))


def cancelled(operation: Any) -> tuple[str, bool]:
    """The error that an operation ended with."""
    return operation.get("error", {}).get("message", ""), operation.get("done", False)


def share(permissions: Any, name: str) -> list[str]:
    """Lets a friend read, then write, then nothing; the roles seen."""
    wanted = {"role": "READER", "granteeType": "USER", "emailAddress": FRIEND}
    made = permissions.create(parent=name, body=wanted).execute()
    roles = [made["role"]]
    permissions.patch(name=made["name"], updateMask="role", body={"role": "WRITER"}).execute()
    roles.append(permissions.get(name=made["name"]).execute()["role"])
    permissions.delete(name=made["name"]).execute()
    listed = permissions.list(parent=name).execute()["permissions"]
    return [*roles, *(one["role"] for one in listed if one.get("emailAddress") == FRIEND)]


def walk_vertex(places: Any) -> None:
    """``tuningJobs``."""
    jobs, models, endpoints = places.tuningJobs(), places.models(), places.endpoints()

    def tune(name: str, epochs: int) -> Any:
        spec = {
            "trainingDatasetUri": DATASET,
            "hyperParameters": {"epochCount": epochs},
            "exportLastCheckpointOnly": True,
        }
        body = {"baseModel": VERTEX_BASE, "supervisedTuningSpec": spec, "tunedModelDisplayName": name}
        return jobs.create(parent=PARENT, body=body).execute()

    def look(name: str) -> tuple[str, bool]:
        state = jobs.get(name=name).execute()["state"]
        return state, state in ENDED

    name = tune("next number", EPOCHS)["name"]
    tell("create", name)
    tell("poll", poll(lambda: look(name)))
    job = jobs.get(name=name).execute()
    tell("done", job["state"])
    tell("list", name in [one["name"] for one in jobs.list(parent=PARENT).execute()["tuningJobs"]])
    tell("get", job["tunedModelDisplayName"])
    model, endpoint = job["tunedModel"]["model"], job["tunedModel"]["endpoint"]
    tell("generate", read_text([endpoints.generateContent(model=endpoint, body=QUESTIONS).execute()]))
    tell("stream", read_text(endpoints.streamGenerateContent(model=endpoint, body=QUESTIONS).execute()))
    tell("count", endpoints.countTokens(endpoint=endpoint, body=QUESTIONS).execute()["totalTokens"])
    models.patch(name=model, updateMask="displayName", body={"displayName": "renamed"}).execute()
    tell("update", models.get(name=model).execute()["displayName"])
    long = tune("to be cancelled", LONG_EPOCHS)["name"]
    jobs.cancel(name=long, body={}).execute()
    tell("cancel", poll(lambda: look(long))[-1])
    (deployed,) = endpoints.get(name=endpoint).execute()["deployedModels"]
    undeployed = endpoints.undeployModel(endpoint=endpoint, body={"deployedModelId": deployed["id"]}).execute()
    await_operation(places, undeployed)
    await_operation(places, endpoints.delete(name=endpoint).execute())
    await_operation(places, models.delete(name=model.partition("@")[0]).execute())
    tell("delete", find_code(models.get(name=model)))


def await_operation(places: Any, operation: Any) -> None:
    """Waits for the end of an operation, which has a place: a location's, an endpoint's or a model's."""
    kind = operation["name"].split("/")[4]
    place = places if kind == "operations" else {"endpoints": places.endpoints, "models": places.models}[kind]()
    poll(lambda: ("", place.operations().get(name=operation["name"]).execute().get("done", False)))


def find_code(request: Any) -> int:
    """The status that a request is refused with; 0 when it is not."""
    try:
        request.execute()
    except HttpError as error:
        return int(error.status_code)
    return 0


client = make_client()
if GEMINI:
    walk_gemini(client.tunedModels())
else:
    walk_vertex(client.projects().locations())
