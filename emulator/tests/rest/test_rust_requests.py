"""What Rust's clients send to the tuning APIs, and the answers that they accept.

Recorded: google-cloud-aiplatform-v1 1.18.0; gemini-rust 2.1.0.
"""

from __future__ import annotations

from tests.control.running import ServerState
from tests.rest.client_steps import ENDPOINT, JOB, MODEL, PLACE, P, Step, answers, fails, replay, say

AIPLATFORM = {
    "authorization": "Bearer fake-token",
    "x-goog-api-client": "gl-rust/1.95.0 gax/0.7.21 rest/0.7.21-reqwest gapic/1.18.0",
    "content-type": "application/json",
    "accept": "*/*",
}
GEMINI_RUST = {"content-type": "application/json", "accept": "*/*", "x-goog-api-key": "fake-key"}
Q = "%24alt=json%3Benum-encoding%3Dint"
EMPTY = f"filter=&pageSize=0&pageToken=&{Q}"

VERTEX = [
    Step(
        "POST",
        f"/v1/{PLACE}/tuningJobs?{Q}",
        body={
            "baseModel": "gemini-2.5-flash",
            "supervisedTuningSpec": {
                "trainingDatasetUri": "gs://numbers/train.jsonl",
                "hyperParameters": {"epochCount": "3", "adapterSize": 2},
            },
            "tunedModelDisplayName": "next number",
            "labels": {"team": "rust"},
        },
        check=lambda job: (job["state"], job["labels"]) == (2, {"team": "rust"}),
    ),
    Step("GET", f"/v1/{JOB}?{Q}", check=lambda job: job["state"] == 4),
    Step(
        "GET",
        f"/v1/{P}/tuningJobs?filter=&pageSize=1&pageToken=&{Q}",
        keep={"token": lambda page: str(page["nextPageToken"])},
    ),
    Step(
        "GET",
        f"/v1/{P}/tuningJobs?filter=&pageSize=2&pageToken={{token}}&{Q}",
        check=lambda page: len(page["tuningJobs"]) == 1,
    ),
    Step(
        "GET",
        f"/v1/{P}/tuningJobs?filter=labels.team%3D%22nobody%22&pageSize=0&pageToken=&{Q}",
        check=lambda page: page == {},
    ),
    Step("POST", f"/v1/{P}/tuningJobs/457:cancel?{Q}", body={}, check=lambda answer: answer == {}),
    Step("GET", f"/v1/{PLACE}/tuningJobs/1?{Q}", 404, check=fails(404, "NOT_FOUND")),
    Step(
        "POST",
        f"/v1/{P}/tuningJobs:rebaseTunedModel?{Q}",
        body={"tunedModelRef": {"tuningJob": JOB}},
        keep={"operation": lambda operation: str(operation["name"])},
    ),
    Step("GET", f"/ui/{{operation}}?{Q}", check=lambda operation: "error" not in operation),
    Step("GET", f"/ui/{P}/operations?filter=&pageSize=0&pageToken=&returnPartialSuccess=false&{Q}"),
    Step("GET", f"/ui/projects/my-project/locations?{EMPTY}", check=lambda page: page["locations"] != []),
    Step(
        "POST",
        f"/v1/{ENDPOINT}:generateContent?{Q}",
        body=say("3", generationConfig={"temperature": 0.0, "maxOutputTokens": 20}),
        check=answers("4"),
    ),
    Step(
        "GET",
        f"/v1/{ENDPOINT}?{Q}",
        check=lambda endpoint: endpoint["deployedModels"][0]["model"] == MODEL,
    ),
    Step(
        "GET",
        f"/v1/{P}/endpoints?filter=&pageSize=0&pageToken=&orderBy=&{Q}",
        check=lambda page: page["endpoints"] != [],
    ),
    Step("DELETE", f"/v1/{ENDPOINT}?{Q}", 400),
]
MODEL_PATH = "/v1beta/tunedModels/next-number"
UNSET = dict.fromkeys(("generationConfig", "safetySettings", "tools", "toolConfig"))
GEMINI = [
    Step(
        "POST",
        f"{MODEL_PATH}:generateContent",
        body=say("22", generationConfig={"temperature": 0.0, "maxOutputTokens": 20}),
        check=answers("23"),
    ),
    Step("POST", f"{MODEL_PATH}:streamGenerateContent?alt=sse", body=say("22"), check=answers("23")),
    Step(
        "POST",
        f"{MODEL_PATH}:countTokens",
        body={"generateContentRequest": say("22", model="tunedModels/next-number", **UNSET)},
        check=lambda count: count["totalTokens"] > 0,
    ),
]


async def test_the_generated_client_of_vertex(server: ServerState) -> None:
    """google-cloud-aiplatform-v1: enums as numbers both ways, empty parameters, operations and locations under /ui/."""
    await replay(server, AIPLATFORM, VERTEX)


async def test_gemini_rust(server: ServerState) -> None:
    """gemini-rust: unset fields as null."""
    await replay(server, GEMINI_RUST, GEMINI)
