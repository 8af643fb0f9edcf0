"""What Java's clients send to the tuning APIs, and the answers that they accept.

Recorded: com.google.genai:google-genai 2.2.0; google-cloud-vertexai 1.48.0 (REST).
"""

from __future__ import annotations

from tests.control.running import ServerState
from tests.rest.client_steps import ENDPOINT, JOB, MODEL, PLACE, P, Step, answers, fails, replay, say

GENAI = {
    "user-agent": "google-genai-sdk/2.2.0 gl-java/17.0.15",
    "x-goog-api-client": "google-genai-sdk/2.2.0 gl-java/17.0.15",
    "content-type": "application/json; charset=utf-8",
    "connection": "Keep-Alive",
    "accept-encoding": "gzip",
}
VERTEXAI = {
    "authorization": "Bearer fake-token",
    "user-agent": "Google-HTTP-Java-Client/2.1.0 (gzip)",
    "x-goog-api-client": "gl-java/17.0.15__Debian gapic/1.48.0--protobuf-4.33.2 gax/2.76.0 rest/ protobuf/4.33.2",
    "content-type": "application/json; charset=utf-8",
    "accept": "text/html, image/gif, image/jpeg, */*; q=0.2",
}
FLASH = "publishers/google/models/gemini-2.5-flash"

VERTEX = [
    Step(
        "POST",
        f"/v1beta1/{PLACE}/tuningJobs",
        body={
            "baseModel": "gemini-2.5-flash",
            "supervisedTuningSpec": {
                "trainingDatasetUri": "gs://numbers/train.jsonl",
                "hyperParameters": {"epochCount": 3, "learningRateMultiplier": 1.5, "adapterSize": "ADAPTER_SIZE_FOUR"},
            },
            "tunedModelDisplayName": "next number",
            "description": "by Java",
            "labels": {"team": "java"},
        },
        check=lambda job: job["state"] == "JOB_STATE_PENDING",
        keep={"job": lambda job: str(job["name"])},
    ),
    Step("GET", "/v1beta1/{job}", check=lambda job: job["labels"] == {"team": "java"}),
    Step(
        "GET",
        f"/v1beta1/{P}/tuningJobs?pageSize=1",
        keep={"token": lambda page: str(page["nextPageToken"])},
    ),
    Step(
        "GET", f"/v1beta1/{P}/tuningJobs?pageSize=1&pageToken={{token}}", check=lambda page: "nextPageToken" not in page
    ),
    Step(
        "GET",
        f"/v1beta1/{P}/tuningJobs?filter=labels.team%3D%22mine%22",
        check=lambda page: page["tuningJobs"][0]["name"] == JOB,
    ),
    Step("GET", f"/v1beta1/{MODEL}@1", check=lambda model: model["versionId"] == "1"),
    Step(
        "GET",
        f"/v1beta1/{P}/models?pageSize=1&filter=labels.tune-type%3A%2A",
        check=lambda page: len(page["models"]) == 1,
    ),
    Step("GET", "/v1beta1/publishers/google/models?pageSize=2", check=lambda page: len(page["publisherModels"]) == 2),
    Step("GET", f"/v1beta1/{FLASH}", check=lambda model: model["name"] == FLASH),
    Step("POST", f"/v1beta1/{ENDPOINT}:generateContent", body=say("3"), check=answers("4")),
    Step("POST", f"/v1beta1/{ENDPOINT}:streamGenerateContent?alt=sse", body=say("3"), check=answers("4")),
    Step("POST", f"/v1beta1/{ENDPOINT}:countTokens", body=say("3"), check=lambda count: count["totalTokens"] > 0),
    Step("POST", f"/v1beta1/{PLACE}/{FLASH}:generateContent", body=say("hello")),
    Step(
        "PATCH",
        f"/v1beta1/{MODEL}@1",
        body={"displayName": "renamed", "description": "changed"},
        check=lambda model: (model["displayName"], model["description"]) == ("renamed", "changed"),
    ),
    Step("POST", f"/v1beta1/{P}/tuningJobs/457:cancel", body={}, check=lambda answer: answer == {}),
    Step("GET", f"/v1beta1/{PLACE}/tuningJobs/4711", 404, check=fails(404, "NOT_FOUND")),
    Step("DELETE", f"/v1beta1/{MODEL}@1", 400, check=lambda answer: answer["error"]["code"] == 400),
]
GEMINI = [
    Step(
        "POST",
        "/v1/tunedModels",
        400,
        body={
            "baseModel": "models/gemini-1.5-flash-001-tuning",
            "displayName": "next number",
            "tuningTask": {"hyperparameters": {"epochCount": 3, "batchSize": 2, "learningRate": 0.001}},
        },
        check=fails(400, "INVALID_ARGUMENT"),
    ),
    Step("GET", "/v1/tunedModels/next-number", check=lambda model: model["state"] == "ACTIVE"),
    Step("GET", "/v1/tunedModels?pageSize=1", check=lambda page: len(page["tunedModels"]) == 1),
    Step("GET", "/v1/models?pageSize=2", check=lambda page: len(page["models"]) == 2),
    Step("POST", "/v1/tunedModels/next-number:generateContent", body=say("22"), check=answers("23")),
    Step("POST", "/v1/tunedModels/next-number:streamGenerateContent?alt=sse", body=say("22"), check=answers("23")),
    Step("POST", "/v1/tunedModels/next-number:countTokens", body=say("22"), check=lambda one: one["totalTokens"] > 0),
    Step("PATCH", "/v1/tunedModels/next-number", body={"displayName": "renamed", "description": "changed"}),
    Step("POST", "/v1/tunedModels/next-number:cancel", 404, body={}),
    Step("GET", "/v1/tunedModels/nothing-at-all", 404, check=fails(404, "NOT_FOUND")),
    Step("DELETE", "/v1/tunedModels/next-number", check=lambda answer: answer == {}),
]
Q = "$alt=json;enum-encoding%3Dint"
GENERATIVE = [
    Step("POST", f"/v1/{ENDPOINT}:generateContent?{Q}", body=say("3", generationConfig={}), check=answers("4")),
    Step(
        "POST",
        f"/v1/{ENDPOINT}:streamGenerateContent?{Q}",
        body=say("3", generationConfig={}),
        check=lambda stream: isinstance(stream, list) and answers("4")(stream),
    ),
    Step(
        "POST",
        f"/v1/{ENDPOINT}:countTokens?{Q}",
        body=say("3", model=ENDPOINT),
        check=lambda count: count["totalTokens"] > 0,
    ),
]


async def test_genai_on_vertex(server: ServerState) -> None:
    """google-genai with vertexAI(true)."""
    await replay(server, {**GENAI, "authorization": "Bearer fake-token"}, VERTEX)


async def test_genai_on_the_gemini_api(server: ServerState) -> None:
    """google-genai speaks v1 from 2.x on, and drops the examples."""
    await replay(server, {**GENAI, "x-goog-api-key": "fake-key"}, GEMINI)


async def test_the_generative_model_of_vertexai(server: ServerState) -> None:
    """google-cloud-vertexai over REST: a third spelling of ``$alt``, streams as one array."""
    await replay(server, VERTEXAI, GENERATIVE)


async def test_patch_as_post(server: ServerState) -> None:
    """google-http-client sends PATCH as POST with a header of its own."""
    headers = {**VERTEXAI, "x-http-method-override": "PATCH"}
    renamed = Step("POST", f"/v1/{MODEL}?{Q}&updateMask=displayName", body={"displayName": "renamed"})
    await replay(server, headers, [renamed])
    await server.ask("GET", f"/v1/{MODEL}")
