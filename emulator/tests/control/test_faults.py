"""Faults as Google's own clients meet them, over REST and gRPC, and the counters that prove it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import pytest
from google.genai import errors

from tests.control.exchanges import GEMINI_MODEL, SAY, Controlled
from tests.grpc.wire import OWN_CONNECTION
from tests.server_process import running_server, stop_server
from tuning_emulator.middleware.named_faults import NAMED_FAULTS

gapic = pytest.importorskip("google.ai.generativelanguage_v1beta")
exceptions = pytest.importorskip("google.api_core.exceptions")
retries = pytest.importorskip("google.api_core.retry")
options = pytest.importorskip("google.api_core.client_options")

GENERATE = f"/v1beta/models/{GEMINI_MODEL}:generateContent"
STREAM = f"/v1beta/models/{GEMINI_MODEL}:streamGenerateContent"
TEXT = "one two three four five six seven eight"
WORDS = {"contents": [{"parts": [{"text": TEXT}]}]}


def make_gapic(kind: Any, controlled: Controlled, transport: str) -> Any:
    """A generated client of one service."""
    if transport == "rest":
        chosen = options.ClientOptions(api_endpoint=controlled.url, api_key=controlled.key)
        return kind(transport="rest", client_options=chosen)
    channel = grpc.insecure_channel(controlled.url.removeprefix("http://"), options=OWN_CONNECTION)
    return kind(transport=kind.get_transport_class("grpc")(channel=channel))


def sign(controlled: Controlled, transport: str) -> dict[str, Any]:
    """What a call needs beside the client: over gRPC the key as metadata."""
    return {} if transport == "rest" else {"metadata": [("x-goog-api-key", controlled.key)]}


def make_question(text: str = TEXT) -> Any:
    """A request to generate."""
    contents = [gapic.Content(parts=[gapic.Part(text=text)])]
    return gapic.GenerateContentRequest(model=f"models/{GEMINI_MODEL}", contents=contents)


AGAIN = retries.Retry(
    predicate=retries.if_exception_type(exceptions.ServiceUnavailable), initial=0.01, maximum=0.01, timeout=20
)
"""For the call after a connection has broken. gRPC tells the call before it hears that the connection is gone, so that
the next one may be sent on it and never reach the server; the counters of the fault count those that do."""

BOTH = pytest.mark.parametrize("transport", ["rest", "grpc"])

# --- answers ------------------------------------------------------------------------------------------


def test_google_genai_sees_503_twice_and_then_succeeds(controlled: Controlled) -> None:
    """The SDK's own retry gets there with the third call; the fault has fired twice and is used up."""
    fault = controlled.add_fault(method="GenerateContent", code="UNAVAILABLE", times=2)
    answer = controlled.genai(attempts=4).models.generate_content(model=GEMINI_MODEL, contents="one")
    assert answer.text
    assert controlled.read_fault(fault) == (3, 2, 0)
    told = [(entry["status"], entry["rule"], entry["fault"]) for entry in controlled.read_journal()]
    assert told == [(200, "", ""), (503, "gemini_overloaded", fault), (503, "gemini_overloaded", fault)]


@BOTH
def test_the_generated_client_sees_503_twice_and_then_succeeds(controlled: Controlled, transport: str) -> None:
    """The same through google-ai-generativelanguage with google.api_core's retry."""
    fault = controlled.add_fault(method="GetTunedModel", code=503, nth=[1, 2], transport=transport)
    assert controlled.create_tuned_model(f"{controlled.project}-model").status_code == 200
    models = make_gapic(gapic.ModelServiceClient, controlled, transport)
    name = f"tunedModels/{controlled.project}-model"
    model = models.get_tuned_model(name=name, retry=AGAIN, **sign(controlled, transport))
    assert model.name == name
    assert controlled.read_fault(fault) == (3, 2, 0)


@BOTH
def test_errors_carry_the_services_words_and_details(controlled: Controlled, transport: str) -> None:
    """A used up quota as the service words it, with Help, QuotaFailure and RetryInfo, over either transport."""
    controlled.add_fault(method="GenerateContent", quota={"limit": 7}, retry_delay_s=12)
    speaker = make_gapic(gapic.GenerativeServiceClient, controlled, transport)
    with pytest.raises(exceptions.TooManyRequests) as caught:
        speaker.generate_content(make_question(), retry=None, **sign(controlled, transport))
    assert "limit: 7, model: gemini-2.5-flash\nPlease retry in 12s." in caught.value.message
    if transport == "grpc":  # over REST google.api_core leaves them as JSON
        details = [(type(one).__name__, one) for one in caught.value.details]
        assert details[2][1].retry_delay.seconds == 12
    else:
        details = [(one["@type"].rpartition(".")[2], one) for one in caught.value.details]
        assert details[2][1]["retryDelay"] == "12s"
    assert [name for name, _ in details] == ["Help", "QuotaFailure", "RetryInfo"]


@pytest.mark.parametrize(
    ("fault", "status", "code", "text"),
    [
        ({"code": 429}, 429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        ({"code": "INTERNAL"}, 500, "INTERNAL", "An internal error has occurred. Please retry or report in "),
        ({"code": 504}, 504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        ({"code": "ABORTED", "message": "Mine."}, 409, "ABORTED", "Mine."),
    ],
)
def test_codes_by_name_or_status(
    controlled: Controlled, fault: dict[str, Any], status: int, code: str, text: str
) -> None:
    """Without a text of its own a fault speaks as the service does."""
    controlled.add_fault(method="GenerateContent", **fault)
    answer = controlled.http.post(GENERATE, json=SAY)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (status, status, code)
    assert error["message"].startswith(text)


def test_vertex_has_words_of_its_own(controlled: Controlled) -> None:
    """The two services differ in what they say of the same trouble."""
    controlled.add_fault(api="vertex", method="ListTuningJobs", code="UNAVAILABLE")
    path = f"/v1/projects/{controlled.project}/locations/us-central1/tuningJobs"
    answer = controlled.http.get(path, headers={"authorization": "Bearer token"})
    assert answer.json()["error"]["message"] == "The service is currently unavailable."


@pytest.mark.parametrize("name", NAMED_FAULTS)
def test_troubles_by_name(controlled: Controlled, name: str) -> None:
    """The calls that meet a trouble get the row's text; others are let pass."""
    named = NAMED_FAULTS[name]
    controlled.add_fault(name=name, times=2)
    place = f"/v1/projects/{controlled.project}/locations/us-central1"
    token = {"authorization": "Bearer token"}
    for api, rows in named.rows.items():
        if api == "gemini":
            answer = controlled.http.post(GENERATE, json=SAY)
        elif named.methods == ("CreateTuningJob",):
            answer = controlled.http.post(f"{place}/tuningJobs", json={}, headers=token)
        else:
            path = f"{place}/publishers/google/models/gemini-3.5-flash:generateContent"
            answer = controlled.http.post(path, json=SAY, headers=token)
        error = answer.json()["error"]
        assert (answer.status_code, error["status"]) == (rows[0].code.http_status, rows[0].code.name)
        assert error["message"] == rows[0].text
    assert controlled.http.get(f"{place}/tuningJobs", headers=token).status_code == 200


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"name": "bad_luck"}, "name: 'bad_luck' is no fault; give one of service_agents_provisioned, "),
        ({"name": "overloaded", "code": 500}, "name: says what is answered; leave code, quota and message out"),
        ({"name": "concurrent_jobs", "api": "gemini"}, "api: concurrent_jobs is said by vertex alone, not by gemini"),
    ],
)
def test_a_name_that_means_nothing_is_refused(controlled: Controlled, fault: dict[str, Any], words: str) -> None:
    """With the names that there are."""
    answer = controlled.http.post("/emulator/v1/faults", json=fault)
    assert answer.status_code in (400, 422)
    assert words in answer.text


def test_details_and_retry_after(controlled: Controlled) -> None:
    """Details go out as given, with the header that the real services have not been seen to send."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "MINE", "domain": "example.com"}
    controlled.add_fault(method="GenerateContent", code=429, details=[info], retry_delay_s=3.9, retry_after_s=4)
    answer = controlled.http.post(GENERATE, json=SAY)
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}
    assert answer.json()["error"]["details"] == [info, delay]
    assert answer.headers["retry-after"] == "4"


def test_the_front_ends_own_page(controlled: Controlled) -> None:
    """502 comes as HTML, which google-genai reports as a server error all the same."""
    controlled.add_fault(method="GenerateContent", code=502)
    answer = controlled.http.post(GENERATE, json=SAY)
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    with pytest.raises(errors.ServerError) as caught:
        controlled.genai().models.generate_content(model=GEMINI_MODEL, contents="one")
    assert caught.value.code == 502


# --- broken connections -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        ({"break_at": "start"}, "RemoteProtocolError", "Server disconnected without sending a response"),
        ({"break_at": "start", "manner": "reset"}, "ReadError", "Connection reset by peer"),
        ({"break_at": "body"}, "RemoteProtocolError", "without sending complete message body"),
        ({"break_at": "body", "after_bytes": 1}, "RemoteProtocolError", "received 1 bytes"),
    ],
)
def test_a_broken_connection_is_the_clients_transport_error(
    controlled: Controlled, fault: dict[str, Any], kind: str, text: str
) -> None:
    """It hands on what its httpx says; the next call is answered; the journal knows that it was on purpose."""
    controlled.add_fault(method="GenerateContent", times=1, **fault)
    client = controlled.genai()
    with pytest.raises(Exception, match=text) as caught:
        client.models.generate_content(model=GEMINI_MODEL, contents="one")
    assert type(caught.value).__name__ == kind
    assert client.models.generate_content(model=GEMINI_MODEL, contents="one").text
    later, broken = controlled.read_journal()
    assert (later["status"], later["broken"]) == (200, "")
    assert broken["broken"] == fault.get("manner", "close")
    assert broken["status"] == (0 if fault["break_at"] == "start" else 200)


def test_part_of_the_body_arrives(controlled: Controlled) -> None:
    """The status and as many bytes as the fault lets through, then nothing."""
    controlled.add_fault(method="GenerateContent", break_at="body", after_bytes=5)
    with controlled.http.stream("POST", GENERATE, json=SAY, headers={"accept-encoding": "identity"}) as answer:
        assert answer.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="received 5 bytes"):
            answer.read()


@BOTH
def test_the_generated_client_meets_a_broken_connection(controlled: Controlled, transport: str) -> None:
    """Its transport's own error, and the call after it is answered."""
    fault = controlled.add_fault(method="GenerateContent", break_at="start", times=1)
    speaker = make_gapic(gapic.GenerativeServiceClient, controlled, transport)
    arguments = sign(controlled, transport)
    with pytest.raises(Exception, match=r"(?i)remote end closed|connection|socket closed|reset") as caught:
        speaker.generate_content(make_question(), retry=None, **arguments)
    assert transport == "rest" or isinstance(caught.value, exceptions.ServiceUnavailable)
    assert speaker.generate_content(make_question(), retry=AGAIN, **arguments).candidates
    assert controlled.read_fault(fault) == (2, 1, 0)


@pytest.mark.parametrize("manner", ["rst_stream", "goaway", "reset"])
def test_http2_has_more_ways_to_break(controlled: Controlled, manner: str) -> None:
    """A stream reset, GOAWAY and a reset connection are errors of the call; the channel recovers from each."""
    fault = controlled.add_fault(method="GenerateContent", break_at="start", manner=manner, times=1, transport="grpc")
    speaker = make_gapic(gapic.GenerativeServiceClient, controlled, "grpc")
    with pytest.raises((exceptions.ServiceUnavailable, exceptions.InternalServerError)):
        speaker.generate_content(make_question(), retry=None, **sign(controlled, "grpc"))
    assert speaker.generate_content(make_question(), retry=AGAIN, **sign(controlled, "grpc")).candidates
    assert controlled.read_fault(fault) == (2, 1, 0)


# --- streams ------------------------------------------------------------------------------------------


def read_until_error(chunks: Callable[[], Any]) -> tuple[int, BaseException | None]:
    """How many messages came, and what ended them."""
    number = 0
    try:
        for _ in chunks():
            number += 1
    except Exception as error:
        return number, error
    return number, None


def test_google_genai_loses_a_stream_in_the_middle(controlled: Controlled) -> None:
    """Two messages, then the connection is gone; nothing pretends to be a whole answer."""
    fault = controlled.add_fault(method="StreamGenerateContent", cut_after=2)
    models = controlled.genai().models
    number, error = read_until_error(lambda: models.generate_content_stream(model=GEMINI_MODEL, contents=TEXT))
    assert (number, type(error).__name__) == (2, "RemoteProtocolError")
    assert controlled.read_fault(fault) == (1, 1, None)
    assert controlled.read_journal()[0]["messages"] == 2


@BOTH
def test_an_error_ends_a_stream_in_the_middle(controlled: Controlled, transport: str) -> None:
    """Two messages, then the error in the stream, as the real service sends it; the journal has both."""
    controlled.add_fault(method="StreamGenerateContent", cut_after=2, code="UNAVAILABLE")
    speaker = make_gapic(gapic.GenerativeServiceClient, controlled, transport)
    arguments = sign(controlled, transport)
    number, error = read_until_error(lambda: speaker.stream_generate_content(make_question(), retry=None, **arguments))
    assert number == 2 if transport == "grpc" else number >= 2  # over REST the error is the array's last element
    if transport == "grpc":
        assert isinstance(error, exceptions.ServiceUnavailable)
    entry = controlled.read_journal()[0]
    assert (entry["code"], entry["rule"], entry["messages"]) == ("UNAVAILABLE", "gemini_overloaded", 2)


def test_an_error_event_follows_the_messages(controlled: Controlled) -> None:
    """As server-sent events: two events, then the envelope as it stands, for google-genai an error of the server."""
    controlled.add_fault(method="StreamGenerateContent", cut_after=2, code="UNAVAILABLE", times=1)
    text = controlled.http.post(STREAM, params={"alt": "sse"}, json=WORDS).text
    assert text.count("data: ") == 2
    assert '"code": 503' in text.rpartition("data: ")[2].partition("\r\n\r\n")[2]


def test_a_cut_that_the_stream_does_not_reach_has_not_fired(controlled: Controlled) -> None:
    """Counters tell what happened, not what was meant to; the journal says so."""
    fault = controlled.add_fault(method="StreamGenerateContent", cut_after=1000, times=1)
    models = controlled.genai().models
    assert read_until_error(lambda: models.generate_content_stream(model=GEMINI_MODEL, contents=TEXT))[1] is None
    assert controlled.read_fault(fault) == (1, 0, 1)
    assert controlled.read_journal()[0]["notes"] == [f"{fault} was due, but the answer ended before its place"]


# --- waiting ------------------------------------------------------------------------------------------


def test_a_wait_runs_into_the_clients_timeout(controlled: Controlled) -> None:
    """The client gives up first; others are answered meanwhile, and deleting the fault lets those held go on."""
    fault = controlled.add_fault(method="GenerateContent", wait_s=60)
    with pytest.raises(httpx.ReadTimeout):
        controlled.http.post(GENERATE, json=SAY, timeout=0.2)
    answers: list[int] = []
    held = threading.Thread(target=lambda: answers.append(controlled.http.post(GENERATE, json=SAY).status_code))
    held.start()
    while controlled.read_fault(fault)[0] < 2:
        assert held.is_alive()
    assert controlled.http.get("/v1beta/tunedModels").status_code == 200
    assert controlled.http.delete(f"/emulator/v1/faults/{fault}").json()["fired"] == 2
    held.join(20)
    assert answers == [200]


def test_wait_then_answer(controlled: Controlled) -> None:
    """A wait may come before any other action."""
    controlled.add_fault(method="GenerateContent", wait_s=0.05, code=503)
    answer = controlled.http.post(GENERATE, json=SAY)
    assert (answer.status_code, answer.elapsed.total_seconds() >= 0.05) == (503, True)


# --- whom a fault is for ------------------------------------------------------------------------------


def test_which_calls(controlled: Controlled) -> None:
    """The second and the fourth call, of those that match."""
    fault = controlled.add_fault(method="ListTunedModels", nth=[2, 4], code=503)
    statuses = [controlled.http.get("/v1beta/tunedModels").status_code for _ in range(5)]
    assert statuses == [200, 503, 200, 503, 200]
    assert controlled.read_fault(fault) == (5, 2, 0)


def test_after_and_times(controlled: Controlled) -> None:
    """Two pass, three fail, the rest pass."""
    fault = controlled.add_fault(method="ListTunedModels", after=2, times=3, code=503)
    statuses = [controlled.http.get("/v1beta/tunedModels").status_code for _ in range(7)]
    assert statuses == [200, 200, 503, 503, 503, 200, 200]
    assert controlled.read_fault(fault) == (7, 3, 0)


def test_chance_comes_from_a_seed(controlled: Controlled) -> None:
    """The same seed gives the same failures, another seed others."""

    def run(seed: int) -> list[int]:
        fault = controlled.add_fault(method="ListTunedModels", probability=0.5, seed=seed, code=503)
        statuses = [controlled.http.get("/v1beta/tunedModels").status_code for _ in range(24)]
        controlled.http.delete(f"/emulator/v1/faults/{fault}")
        return statuses

    first = run(7)
    assert set(first) == {200, 503}
    assert run(7) == first
    assert run(8) != first


def test_other_projects_resources_and_tests_are_left_alone(controlled: Controlled) -> None:
    """Everything that a fault names must match."""
    controlled.add_fault(method="GetTunedModel", resource="tunedModels/mine-*", code=503)
    assert controlled.http.get("/v1beta/tunedModels/mine-1").status_code == 503
    assert controlled.http.get("/v1beta/tunedModels/other-1").status_code != 503
    other = {"x-goog-api-key": "projects/somebody-else"}
    assert controlled.http.get("/v1beta/tunedModels/mine-1", headers=other).status_code != 503
    fault = controlled.add_fault(method="ListTunedModels", test="retry", code=503)
    assert controlled.http.get("/v1beta/tunedModels").status_code == 200
    named = {"x-tuning-emulator-test": "retry"}
    assert controlled.http.get("/v1beta/tunedModels", headers=named).status_code == 503
    assert controlled.read_fault(fault) == (1, 1, None)


def test_the_first_of_several_faults_fires(controlled: Controlled) -> None:
    """Each counts its calls; of two that are due the older one acts."""
    first = controlled.add_fault(method="ListTunedModels", nth=2, code=503)
    second = controlled.add_fault(method="ListTunedModels", code=429)
    statuses = [controlled.http.get("/v1beta/tunedModels").status_code for _ in range(3)]
    assert statuses == [429, 503, 429]
    assert (controlled.read_fault(first)[:2], controlled.read_fault(second)[:2]) == ((3, 1), (3, 2))


def test_credentials_come_first_unless_told_otherwise(controlled: Controlled) -> None:
    """Whom the service refuses is not counted; with ``before_credentials`` nobody is asked."""
    path = f"/v1/projects/{controlled.project}/locations/us-central1/tuningJobs"
    late = controlled.add_fault(method="ListTuningJobs", code=503)
    assert httpx.get(controlled.url + path).status_code == 401
    assert controlled.read_fault(late) == (0, 0, None)
    early = controlled.add_fault(method="ListTuningJobs", code=503, before_credentials=True)
    assert httpx.get(controlled.url + path).status_code == 503
    assert controlled.read_fault(early) == (1, 1, None)


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ({}, 422, "nothing to do: give one of name, code, quota, wait_s, break_at and cut_after"),
        ({"code": "BUSY"}, 422, "code: 'BUSY' is no canonical code; give one of CANCELLED"),
        ({"code": 418}, 422, "code: no canonical code has the HTTP status 418; give one of 400"),
        ({"code": 503, "nth": 0}, 422, "nth.0: Input should be greater than 0 (got 0)"),
        ({"code": 503, "nth": 2, "times": 1}, 422, "nth: says exactly which calls; leave after, times and"),
        ({"code": 503, "probability": 0.5}, 422, "probability, seed: give both"),
        ({"code": 503, "often": 2}, 422, "often: Extra inputs are not permitted (got 2)"),
        ({"break_at": "start", "code": 503}, 422, "break_at: a broken connection answers nothing"),
        ({"break_at": "start", "after_bytes": 5}, 422, "after_bytes: belongs to break_at 'body'"),
        ({"wait_s": 1, "message": "x"}, 422, "message, details, retry_delay_s, retry_after_s: belong to an answer"),
        ({"code": 503, "details": [{"reason": "x"}]}, 422, "details: {'reason': 'x'} has no @type like"),
        ({"method": "GetTunedModle", "code": 503}, 400, "method: no method is called 'GetTunedModle'; there is"),
        ({"method": "GetTunedModel", "cut_after": 1}, 400, "cut_after: 'GetTunedModel' answers with no stream"),
    ],
)
def test_bad_faults_are_refused(controlled: Controlled, fault: dict[str, Any], status: int, text: str) -> None:
    """The field, the value, what would be right; nothing is put in force."""
    before = controlled.http.get("/emulator/v1/faults").json()
    answer = controlled.http.post("/emulator/v1/faults", json=fault)
    assert (answer.status_code, answer.json()["detail"][: len(text)]) == (status, text)
    assert controlled.http.get("/emulator/v1/faults").json() == before


def test_list_and_remove(controlled: Controlled) -> None:
    """A fault is told as it was written; of one project all go at once; unknown ids are named."""
    identifier = controlled.add_fault(method="ListTunedModels", nth=3, code=503)
    told = controlled.http.get(f"/emulator/v1/faults/{identifier}").json()
    assert told["fault"] == {"project": controlled.project, "method": "ListTunedModels", "nth": [3], "code": "503"}
    assert identifier in [one["id"] for one in controlled.http.get("/emulator/v1/faults").json()["faults"]]
    gone = controlled.http.delete("/emulator/v1/faults", params={"project": controlled.project}).json()
    assert gone == {"removed": 1}
    missing = controlled.http.get(f"/emulator/v1/faults/{identifier}")
    assert (missing.status_code, missing.json()["detail"]) == (
        404,
        f"id: no fault {identifier!r}; there is: none is in force",
    )


@pytest.mark.process
def test_a_server_that_is_told_to_stop_lets_go_whom_faults_hold() -> None:
    """An hour's wait does not keep it from stopping; whoever waited is answered."""
    with running_server("--trainer", "scripted") as running:
        controlled = Controlled(running.url, "held")
        fault = controlled.add_fault(method="ListTunedModels", wait_s=3600)
        answers: list[int] = []
        path = "/v1beta/tunedModels"
        held = threading.Thread(target=lambda: answers.append(controlled.http.get(path).status_code))
        held.start()
        while controlled.read_fault(fault)[0] < 1:
            assert held.is_alive()
        stop_server(running)  # fails when it takes longer than other requests may
        held.join(20)
        assert answers == [200]
