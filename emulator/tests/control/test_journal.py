"""The journal: what was asked and answered, by whom and why, for one project at a time, without anybody's secrets."""

from __future__ import annotations

import json
from typing import Any

import grpc
import httpx
import pytest
from google.genai import errors, types

from tests.control.exchanges import EXAMPLES, GEMINI_MODEL, KEY, SAY, Controlled
from tests.control.test_faults import make_gapic, make_question, sign
from tests.server_process import running_server

gapic = pytest.importorskip("google.ai.generativelanguage_v1beta")
exceptions = pytest.importorskip("google.api_core.exceptions")


def test_a_request_with_its_answer(controlled: Controlled) -> None:
    """Route, resource, caller, client, status and both bodies; by id as in the list."""
    client = controlled.genai()
    client.models.generate_content(model=GEMINI_MODEL, contents="one")
    (entry,) = controlled.read_journal(method="GenerateContent")
    assert entry["route"] == f"POST /{entry['version']}/{{model=models/*}}:generateContent"
    assert (entry["method"], entry["resource"]) == ("GenerativeService.GenerateContent", f"models/{GEMINI_MODEL}")
    assert (entry["api"], entry["transport"]) == ("gemini", "rest")
    assert (entry["status"], entry["code"], entry["rule"], entry["nearest"]) == (200, "OK", "", None)
    assert entry["project"] == controlled.project
    assert entry["client"].startswith("google-genai-sdk/3.")
    assert "python/3." in entry["client"]
    assert entry["request"]["contents"][0]["parts"] == [{"text": "one"}]
    assert entry["response"]["candidates"][0]["content"]["parts"][0]["text"]
    assert entry["response_bytes"] > entry["request_bytes"] > 0
    assert entry["duration_s"] > 0
    assert controlled.http.get(f"/emulator/v1/journal/{entry['id']}").json() == entry


def test_grpc_is_told_alike(controlled: Controlled) -> None:
    """The generated client over gRPC: the messages as JSON, the resource, the refusal and its rule."""
    speaker = make_gapic(gapic.GenerativeServiceClient, controlled, "grpc")
    speaker.generate_content(make_question("one"), **sign(controlled, "grpc"))
    models = make_gapic(gapic.ModelServiceClient, controlled, "grpc")
    with pytest.raises(exceptions.GoogleAPICallError):
        models.get_tuned_model(name="tunedModels/none", **sign(controlled, "grpc"))
    refused, answered = controlled.read_journal()
    assert (answered["transport"], answered["status"], answered["code"]) == ("grpc", 200, "OK")
    assert answered["request"]["contents"][0]["parts"][0]["text"] == "one"
    assert answered["response"]["candidates"][0]["content"]["role"] == "model"
    assert answered["resource"] == f"models/{GEMINI_MODEL}"
    assert answered["client"].startswith("gapic/")
    assert (refused["resource"], refused["rule"] != "") == ("tunedModels/none", True)
    assert refused["response"]["error"]["status"] == refused["code"] != "OK"


def test_what_grpc_alone_serves_here(controlled: Controlled) -> None:
    """Resource Manager, which REST has under its own host only: its answer can be read too."""
    channel = grpc.insecure_channel(controlled.url.removeprefix("http://"))
    name = f"projects/{controlled.project}"
    call = channel.unary_unary("/google.cloud.resourcemanager.v3.Projects/GetProject")
    metadata = [("authorization", "Bearer t"), ("x-goog-user-project", controlled.project)]
    call(b"\x0a" + bytes((len(name),)) + name.encode(), metadata=metadata)
    (entry,) = controlled.read_journal()
    assert (entry["api"], entry["request"]) == ("resource_manager", {"name": name})
    assert entry["response"]["projectId"] == controlled.project


def test_the_rule_that_refused(controlled: Controlled) -> None:
    """The name of the fact, which `tuning-emulator rules` explains."""
    controlled.http.post("/v1beta/tunedModels", json={"baseModel": "models/none", "tuningTask": {}})
    (entry,) = controlled.read_journal()
    assert (entry["status"], entry["code"]) == (400, "INVALID_ARGUMENT")
    assert entry["rule"] != ""
    assert entry["response"]["error"]["code"] == 400


def test_a_hint_that_the_client_does_not_get(controlled: Controlled) -> None:
    """google-genai drops the examples of a create in Gemini mode; the journal says so, the answer does not."""
    with pytest.raises(errors.ClientError) as caught:
        controlled.genai().tunings.tune(
            base_model="models/gemini-1.5-flash-001-tuning",
            training_dataset=types.TuningDataset(examples=[types.TuningExample(text_input="a", output="b")]),
        )
    (entry,) = controlled.read_journal()
    assert "google-genai 1.47 and newer drop it" in entry["notes"][0]
    assert "google-genai" not in str(caught.value)


@pytest.mark.parametrize(
    ("verb", "path", "route", "difference"),
    [
        ("GET", "/v1beta/tunedmodels/x", "GET /v1beta/{name=tunedModels/*}", "segment 2: 'tunedmodels', would be"),
        ("PUT", "/v1beta/tunedModels/x", "{tuned_model.name=tunedModels/*}", "verb: PUT, would be PATCH"),
        ("GET", "/v7/tunedModels", "/tunedModels", "version: 'v7', would be 'v1beta'"),
        ("POST", f"/v1beta/models/{GEMINI_MODEL}:generateContents", ":generateContent", "action: :generateContents"),
        ("GET", "/v1/projects/p/locations/l/tuningJob", "tuningJobs", "segment 6: 'tuningJob', would be 'tuningJobs'"),
        (
            "GET",
            "/v1/projects/p/tuningJobs",
            "GET /v1/{parent=projects/*/locations/*}/tuningJobs",
            "missing: 'locations'",
        ),
    ],
)
def test_the_nearest_miss(controlled: Controlled, verb: str, path: str, route: str, difference: str) -> None:
    """Where nothing matches: the closest route, and what would have to change."""
    headers = {"x-goog-user-project": controlled.project, "content-length": "0"}
    assert controlled.http.request(verb, path, headers=headers).status_code == 404
    (entry,) = controlled.read_journal(method="-")
    assert (entry["method"], entry["route"]) == ("", "")
    assert route in entry["nearest"]["route"]
    assert any(one.startswith(difference) for one in entry["nearest"]["differences"])


def test_nothing_is_near_to_nonsense(controlled: Controlled) -> None:
    """No guess is better than a wild one."""
    controlled.http.get("/favicon.ico", headers={"x-goog-user-project": controlled.project})
    assert controlled.read_journal()[0]["nearest"] is None


def test_the_nearest_method_over_grpc(controlled: Controlled) -> None:
    """A service of another version is told by its right name."""
    channel = grpc.insecure_channel(controlled.url.removeprefix("http://"))
    call = channel.unary_unary("/google.ai.generativelanguage.v1beta9.ModelService/GetTunedModel")
    with pytest.raises(grpc.RpcError):
        call(b"", metadata=[("x-goog-user-project", controlled.project)])
    (entry,) = controlled.read_journal()
    assert entry["nearest"]["method"].endswith(".ModelService.GetTunedModel")
    assert entry["nearest"]["differences"][0].startswith("service: 'google.ai.generativelanguage.v1beta9")


# --- filters ------------------------------------------------------------------------------------------


def test_filters_and_count(controlled: Controlled) -> None:
    """By method, status, client and test; the count agrees with the list."""
    controlled.http.get("/v1beta/tunedModels", headers={"x-tuning-emulator-test": "lists"})
    controlled.http.get("/v1beta/tunedModels", headers={"user-agent": "curl/8.5.0"})
    controlled.http.get("/v1beta/tunedModels/none")
    for query, number in [
        ({}, 3),
        ({"method": "ListTunedModels"}, 2),
        ({"method": "ModelService.*"}, 3),
        ({"method": "ListTunedModels", "client": "curl"}, 1),
        ({"test": "lists"}, 1),
        ({"test": controlled.project}, 2),
        ({"status": "200"}, 2),
        ({"status": "4xx"}, 1),
        ({"status": "5xx"}, 0),
    ]:
        assert len(controlled.read_journal(**query)) == number, query
        chosen = {"project": controlled.project, **query}
        assert controlled.http.get("/emulator/v1/journal:count", params=chosen).json() == {"count": number}


def test_pages_and_what_is_new(controlled: Controlled) -> None:
    """Newest first; ``after`` misses nothing that came since, ``before`` leads on to older ones."""
    for _ in range(3):
        controlled.http.get("/v1beta/tunedModels")
    mark = controlled.http.get("/emulator/v1/journal", params={"limit": 1}).json()["last_id"]
    older = controlled.read_journal()
    assert [entry["id"] for entry in older] == sorted((entry["id"] for entry in older), reverse=True)
    assert [entry["id"] for entry in controlled.read_journal(limit=2)] == [entry["id"] for entry in older[:2]]
    assert controlled.read_journal(before=older[1]["id"]) == older[2:]
    assert controlled.read_journal(after=mark) == []
    controlled.http.get("/v1beta/tunedModels/none")
    assert [entry["path"] for entry in controlled.read_journal(after=mark)] == ["/v1beta/tunedModels/none"]


def test_projects_do_not_see_each_other(controlled: Controlled) -> None:
    """Asked by project, the journal shows and forgets that project's requests alone, by id or number."""
    other = Controlled(controlled.url, f"{controlled.project}-other")
    controlled.http.get("/v1beta/tunedModels")
    path = f"/v1/projects/{other.project}/locations/us-central1/tuningJobs"
    other.http.get(path, headers={"authorization": "Bearer token", "x-goog-api-key": ""})
    assert [entry["method"] for entry in controlled.read_journal()] == ["ModelService.ListTunedModels"]
    assert [entry["path"] for entry in other.read_journal()] == [path]
    gone = controlled.http.delete("/emulator/v1/journal", params={"project": other.project}).json()
    assert gone == {"removed": 1}
    assert (len(controlled.read_journal()), len(other.read_journal())) == (1, 0)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/emulator/v1/journal?limit=0", 422, "limit: Input should be greater than or equal to 1 (got '0')"),
        ("/emulator/v1/journal?after=x", 422, "after: Input should be a valid integer"),
        ("/emulator/v1/journal/99999999", 404, "id: no entry 99999999; it keeps the last 1000"),
    ],
)
def test_bad_questions(controlled: Controlled, path: str, status: int, text: str) -> None:
    """The field, the value, what would be right."""
    answer = controlled.http.get(path)
    assert (answer.status_code, answer.json()["detail"][: len(text)]) == (status, text)


# --- secrets ------------------------------------------------------------------------------------------

TOKEN = "ya29.A0ARrdaM-fake-token-of-a-test-that-must-not-be-kept"
SECRET_TEXTS = [text for pair in EXAMPLES for text in pair]


def read_everything(controlled: Controlled) -> str:
    """The whole journal as text."""
    return controlled.http.get("/emulator/v1/journal", params={"limit": 10_000}).text


def test_keys_tokens_and_data_sets_are_not_kept(controlled: Controlled) -> None:
    """Wherever they stand: headers, query, body; the rest of the request stays readable."""
    controlled.http.get("/v1beta/tunedModels", params={"key": KEY, "pageSize": 7}, headers={"x-goog-api-key": ""})
    path = f"/v1/projects/{controlled.project}/locations/us-central1/tuningJobs"
    query = {"access_token": TOKEN}
    controlled.http.get(path, params=query, headers={"x-goog-api-key": "", "cookie": f"SID={TOKEN}"})
    controlled.http.get(path, headers={"authorization": f"Bearer {TOKEN}", "x-goog-api-key": ""})
    created = controlled.create_tuned_model(f"{controlled.project}-kept", key=KEY)
    assert created.status_code == 200
    told = read_everything(controlled)
    assert KEY not in told
    assert TOKEN not in told
    entries = controlled.http.get("/emulator/v1/journal").json()["entries"]
    create = next(entry for entry in entries if entry["query"].endswith(f"{controlled.project}-kept"))
    assert create["request"] == {
        "displayName": f"{controlled.project}-kept",
        "baseModel": "models/gemini-1.5-flash-001-tuning",
        "tuningTask": {"trainingData": "(redacted: 4 examples)"},
    }
    listed = next(entry for entry in entries if "pageSize" in entry["query"])
    assert listed["query"] == "key=(redacted)&pageSize=7"


def test_grpc_requests_are_redacted_too(controlled: Controlled) -> None:
    """The same data set through the generated client."""
    models = make_gapic(gapic.ModelServiceClient, controlled, "grpc")
    texts = [("gold-one", "gold-two"), ("gold-three", "gold-four")]
    examples = [gapic.TuningExample(text_input=a, output=b) for a, b in texts]
    data = gapic.Dataset(examples=gapic.TuningExamples(examples=examples))
    model = gapic.TunedModel(base_model="models/gemini-1.5-flash-001-tuning", display_name="x")
    model.tuning_task = gapic.TuningTask(training_data=data)
    metadata = [("x-goog-api-key", KEY), ("x-tuning-emulator-test", controlled.project)]
    models.create_tuned_model(tuned_model=model, metadata=metadata)
    assert "gold-" not in read_everything(controlled)
    (entry,) = controlled.http.get("/emulator/v1/journal", params={"test": controlled.project}).json()["entries"]
    assert entry["request"]["tuned_model"]["tuning_task"]["training_data"] == "(redacted: 2 examples)"


@pytest.mark.process
@pytest.mark.parametrize("number", [0, 1_000])
def test_the_journal_is_bounded(number: int) -> None:
    """It forgets the oldest; with 0 it keeps nothing."""
    wanted = ["--journal-entries", "3" if number else "0"]
    with running_server("--trainer", "scripted", *wanted) as running, httpx.Client(base_url=running.url) as http:
        for text in "abcde":
            http.get(f"/v1beta/tunedModels/{text}", headers={"x-goog-api-key": "key"})
        told: dict[str, Any] = http.get("/emulator/v1/journal").json()
        paths = [entry["path"].rpartition("/")[2] for entry in told["entries"]]
        assert (paths, told["last_id"]) == ((["e", "d", "c"], 5) if number else ([], 0))


def test_large_bodies_are_kept_in_part(controlled: Controlled) -> None:
    """Sizes are those sent; what is kept is bounded."""
    body = {"contents": [{"parts": [{"text": "one " * 30_000}]}]}
    controlled.http.post(f"/v1beta/models/{GEMINI_MODEL}:countTokens", json=body)
    (entry,) = controlled.read_journal()
    assert entry["request_bytes"] > 100_000
    assert len(json.dumps(entry["request"])) < 20_000
    controlled.http.post(f"/v1beta/models/{GEMINI_MODEL}:countTokens", json=SAY)
    assert controlled.read_journal()[0]["request"] == SAY
