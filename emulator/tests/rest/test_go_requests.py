"""What Go's clients send to the tuning APIs, and the answers that they accept.

Recorded: google.golang.org/genai 1.77.0 and 1.31.0; cloud.google.com/go/ai/generativelanguage/apiv1beta 0.13.0 (REST);
google.golang.org/api/aiplatform/v1 0.314.0.
"""

from __future__ import annotations

from tests.control.running import ServerState
from tests.rest.client_steps import ENDPOINT, JOB, MODEL, PLACE, P, Step, answers, fails, replay, say

GENAI = {
    "authorization": "Bearer fake-token",
    "content-type": "application/json",
    "user-agent": "google-genai-sdk/1.77.0 gl-go/go1.26.8",
    "x-goog-api-client": "google-genai-sdk/1.77.0 gl-go/go1.26.8",
    "x-goog-user-project": "",
    "x-server-timeout": "60",
}
GEMINI = {
    "content-type": "application/json",
    "user-agent": "google-genai-sdk/1.31.0 gl-go/go1.26.8",
    "x-goog-api-client": "google-genai-sdk/1.31.0 gl-go/go1.26.8",
    "x-goog-api-key": "fake-key",
    "x-server-timeout": "59",
}
GAPIC = {
    "content-type": "application/json",
    "user-agent": "Go-http-client/1.1",
    "x-goog-api-client": "gl-go/1.26.8 gapic/0.13.0 gax/2.27.0 rest/UNKNOWN pb/1.36",
}
DISCOVERY = {
    "authorization": "Bearer fake-token",
    "content-type": "application/json",
    "user-agent": "google-api-go-client/0.5",
    "x-goog-api-client": "gl-go/1.26.8 gdcl/0.314.0",
}
BASE = "models/gemini-1.5-flash-001-tuning"
EXAMPLES = {"examples": {"examples": [{"output": "2", "textInput": "1"}, {"output": "four", "textInput": "three"}]}}

GENAI_VERTEX = [
    Step(
        "POST",
        f"/v1beta1/{PLACE}/tuningJobs",
        body={
            "baseModel": "gemini-2.5-flash",
            "description": "by Go",
            "labels": {"team": "go"},
            "supervisedTuningSpec": {
                "hyperParameters": {"adapterSize": "ADAPTER_SIZE_FOUR", "epochCount": 2, "learningRateMultiplier": 1.5},
                "trainingDatasetUri": "gs://numbers/train.jsonl",
            },
            "tunedModelDisplayName": "go model",
        },
        check=lambda job: (job["state"], job["labels"]) == ("JOB_STATE_PENDING", {"team": "go"}),
        keep={"job": lambda job: str(job["name"])},
    ),
    Step("GET", "/v1beta1/{job}", check=lambda job: job["description"] == "by Go"),
    Step("GET", f"/v1beta1/{JOB}", check=lambda job: job["tunedModel"]["endpoint"] == ENDPOINT),
    Step(
        "POST",
        f"/v1beta1/{ENDPOINT}:generateContent",
        body=say("3", generationConfig={"maxOutputTokens": 20, "temperature": 0}),
        check=answers("4"),
    ),
    Step("POST", f"/v1beta1/{ENDPOINT}:streamGenerateContent?alt=sse", body=say("3"), check=answers("4")),
    Step("POST", f"/v1beta1/{ENDPOINT}:countTokens", body=say("3"), check=lambda count: count["totalTokens"] > 0),
    Step(
        "GET",
        f"/v1beta1/{P}/tuningJobs?pageSize=1",
        check=lambda page: len(page["tuningJobs"]) == 1,
        keep={"token": lambda page: str(page["nextPageToken"])},
    ),
    Step(
        "GET",
        f"/v1beta1/{P}/tuningJobs?pageSize=1&pageToken={{token}}",
        check=lambda page: len(page["tuningJobs"]) == 1,
    ),
    Step(
        "GET",
        f"/v1beta1/{P}/tuningJobs?filter=labels.team%3D%22mine%22",
        check=lambda page: [job["name"] for job in page["tuningJobs"]] == [JOB],
    ),
    Step("GET", f"/v1beta1/{MODEL}@1", check=lambda model: (model["versionId"], model["name"]) == ("1", MODEL)),
    Step(
        "PATCH",
        f"/v1beta1/{MODEL}@1",
        body={"displayName": "renamed"},
        check=lambda one: one["displayName"] == "renamed",
    ),
    Step(
        "GET", f"/v1beta1/{P}/models?filter=labels.tune-type:*&pageSize=1", check=lambda page: len(page["models"]) == 1
    ),
    Step("GET", "/v1beta1/publishers/google/models", check=lambda page: page["publisherModels"] != []),
    Step("POST", f"/v1beta1/{P}/tuningJobs/457:cancel", check=lambda answer: answer == {}),
    Step("GET", f"/v1beta1/{PLACE}/tuningJobs/1234567890", 404, check=fails(404, "NOT_FOUND")),
    Step("DELETE", f"/v1beta1/{MODEL}@1", 400),
]
GENAI_GEMINI = [
    Step(
        "POST",
        "/v1beta/tunedModels",
        body={"baseModel": BASE, "displayName": "x", "tuningTask": {"trainingData": EXAMPLES}},
        check=lambda operation: operation["metadata"]["tunedModel"] == operation["name"].partition("/operations/")[0],
        keep={"made": lambda operation: str(operation["metadata"]["tunedModel"])},
    ),
    Step("GET", "/v1beta/{made}", check=lambda model: model["displayName"] == "x"),
    Step("POST", "/v1beta/tunedModels/next-number:generateContent", body=say("22"), check=answers("23")),
    Step("POST", "/v1beta/tunedModels/next-number:streamGenerateContent?alt=sse", body=say("22"), check=answers("23")),
    Step(
        "POST", "/v1beta/tunedModels/next-number:countTokens", body=say("22"), check=lambda one: one["totalTokens"] > 0
    ),
    Step(
        "GET",
        "/v1beta/tunedModels?pageSize=1",
        check=lambda page: len(page["tunedModels"]) == 1,
        keep={"token": lambda page: str(page["nextPageToken"])},
    ),
    Step("GET", "/v1beta/tunedModels?pageSize=2&pageToken={token}", check=lambda page: len(page["tunedModels"]) == 1),
    Step(
        "PATCH",
        "/v1beta/tunedModels/next-number",
        body={"description": "by Go", "displayName": "renamed"},
        check=lambda model: (model["description"], model["displayName"]) == ("by Go", "renamed"),
    ),
    Step("POST", "/v1beta/{made}:cancel", 404),
    Step("GET", "/v1beta/tunedModels/no-such-model", 404, check=fails(404, "NOT_FOUND")),
    Step("POST", "/v1beta/tunedModels/no-such-model:streamGenerateContent?alt=sse", 404, body=say("1")),
    Step("DELETE", "/v1beta/tunedModels/next-number", check=lambda answer: answer == {}),
]
Q = "%24alt=json%3Benum-encoding%3Dint&key=fake-key"
GENERATED = [
    Step(
        "POST",
        f"/v1beta/tunedModels?{Q}&tunedModelId=go-rest",
        body={
            "baseModel": BASE,
            "displayName": "go model",
            "temperature": 0.5,
            "topK": 20,
            "tuningTask": {
                "hyperparameters": {"batchSize": 2, "epochCount": 3, "learningRate": 0.001},
                "trainingData": EXAMPLES,
            },
        },
        check=lambda operation: operation["metadata"]["@type"].endswith(".v1beta.CreateTunedModelMetadata"),
        keep={"operation": lambda operation: str(operation["name"])},
    ),
    Step(
        "GET", "/v1beta/{operation}?key=fake-key", check=lambda operation: operation["name"].startswith("tunedModels/")
    ),
    Step("GET", f"/v1beta/tunedModels/go-rest?{Q}", check=lambda model: model["topK"] == 20),
    Step(
        "GET", f"/v1beta/tunedModels?{Q}&filter=owner%3Ame&pageSize=1", check=lambda page: page["nextPageToken"] != ""
    ),
    Step(
        "POST",
        f"/v1beta/tunedModels/next-number:generateContent?{Q}",
        body=say("22", model="tunedModels/next-number"),
        check=answers("23"),
    ),
    Step(
        "POST",
        f"/v1beta/tunedModels/next-number:streamGenerateContent?{Q}",
        body=say("22", model="tunedModels/next-number"),
        check=lambda stream: isinstance(stream, list) and answers("23")(stream),
    ),
    Step(
        "PATCH",
        f"/v1beta/tunedModels/next-number?{Q}&updateMask=displayName%2Cdescription",
        body={
            "baseModel": BASE,
            "createTime": "2026-11-28T05:05:53.949008Z",
            "description": "by Go",
            "displayName": "renamed",
            "name": "tunedModels/next-number",
            "state": 2,
            "tuningTask": {
                "completeTime": "2026-11-28T05:05:53.974805Z",
                "hyperparameters": {"batchSize": 2, "epochCount": 3, "learningRate": 0.001},
                "snapshots": [{"computeTime": "2026-11-28T05:05:53.955755515Z", "meanLoss": 11.5, "step": 1}],
            },
        },
        check=lambda model: model["displayName"] == "renamed",
    ),
    Step(
        "POST",
        f"/v1beta/tunedModels/next-number/permissions?{Q}",
        body={"emailAddress": "reader@example.com", "granteeType": 1, "role": 3},
        keep={"permission": lambda permission: str(permission["name"])},
    ),
    Step("PATCH", f"/v1beta/{{permission}}?{Q}&updateMask=role", body={"granteeType": 1, "role": 2}),
    Step(
        "GET",
        f"/v1beta/tunedModels/next-number/permissions?{Q}&pageSize=1",
        check=lambda page: len(page["permissions"]) == 1,
    ),
    Step("DELETE", f"/v1beta/{{permission}}?{Q}", check=lambda answer: answer == {}),
    Step("DELETE", f"/v1beta/tunedModels/next-number?{Q}", check=lambda answer: answer == {}),
]
A = "alt=json&prettyPrint=false"
API = [
    Step(
        "GET",
        f"/v1/{P}/tuningJobs?alt=json&fields=tuningJobs%28name%2Cstate%29%2CnextPageToken&pageSize=1&prettyPrint=false",
        check=lambda page: page["tuningJobs"][0].keys() == {"name", "state"},
    ),
    Step("POST", f"/v1/{ENDPOINT}:generateContent?{A}", body=say("3"), check=answers("4")),
    Step(
        "GET",
        f"/v1/{P}/models?alt=json&filter=labels.tune-type%3A%2A&prettyPrint=false",
        check=lambda one: one["models"] != [],
    ),
    Step("PATCH", f"/v1/{MODEL}?{A}&updateMask=displayName", body={"displayName": "renamed"}),
    Step(
        "POST",
        f"/v1/{P}/tuningJobs:rebaseTunedModel?{A}",
        body={"tunedModelRef": {"tuningJob": JOB}},
        keep={"operation": lambda operation: str(operation["name"])},
    ),
    Step("GET", f"/v1/{{operation}}?{A}", check=lambda operation: "error" not in operation),
    Step(
        "GET",
        f"/v1/{ENDPOINT}?{A}",
        keep={"deployed": lambda endpoint: str(endpoint["deployedModels"][0]["id"])},
    ),
    Step("GET", f"/v1/{P}/operations?{A}"),
    Step("GET", f"/v1/{PLACE}/tuningJobs/1234567890?{A}", 404, check=fails(404, "NOT_FOUND")),
]


async def test_genai_on_vertex(server: ServerState) -> None:
    """google.golang.org/genai with BackendVertexAI: names, and headers of JSON on requests without a body."""
    await replay(server, GENAI, GENAI_VERTEX)


async def test_genai_on_the_gemini_api(server: ServerState) -> None:
    """google.golang.org/genai 1.31, the last that lists tuned models and sends their examples."""
    await replay(server, GEMINI, GENAI_GEMINI)


async def test_the_generated_client_of_the_gemini_api(server: ServerState) -> None:
    """apiv1beta over REST: a key in the query, enums as numbers, whole models in PATCH, streams as one array."""
    await replay(server, GAPIC, GENERATED)


async def test_the_discovery_client_of_vertex(server: ServerState) -> None:
    """google.golang.org/api/aiplatform/v1: partial answers, operations under their own names."""
    await replay(server, DISCOVERY, API)
