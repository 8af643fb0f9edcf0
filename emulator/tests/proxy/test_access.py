"""Closed to strangers: pages of other sites, names that somebody else leads here, and who has no credential."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tuning_emulator.app import Emulator, create_app
from tuning_emulator.settings import Settings
from tuning_emulator.testing.client import make_headers

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVIL = "http://evil.example"
OWN = {"x-tuning-emulator": "1"}
KEY = {"x-goog-api-key": "key"}
CONTROL, API, BUCKET = "/emulator/v1/clock", "/v1beta/tunedModels", "/storage/v1/b/data"
MODEL = {
    "displayName": "n",
    "baseModel": "models/gemini-1.5-flash-001-tuning",
    "tuningTask": {"trainingData": {"examples": {"examples": [{"textInput": "1", "output": "2"}] * 20}}},
}


def open_emulator(**settings: Any) -> Emulator:
    return create_app(Settings(**{"trainer": "scripted", "buckets": "data", **settings}))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def emulator() -> AsyncIterator[Emulator]:
    emulator = open_emulator(allowed_hosts="app.example,*.intranet.example")
    await emulator.start()
    yield emulator
    await emulator.stop()


async def ask(
    emulator: Emulator, verb: str, path: str, headers: dict[str, str], body: Any = None, host: str = "127.0.0.1:8790"
) -> httpx.Response:
    transport = httpx.ASGITransport(emulator)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        return await client.request(verb, path, headers=headers, json=body)


def dump(emulator: Emulator) -> tuple[int, object, list[str]]:
    """What a stranger could have changed."""
    assert emulator.storage is not None
    buckets = [one.name for one in emulator.storage.store.list_buckets("")]
    return emulator.store.revision(), emulator.clock.state, buckets


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("GET", CONTROL, None),
        ("GET", "/emulator/docs", None),
        ("GET", "/emulator/v1/journal", None),
        ("POST", "/emulator/v1/clock:freeze", {}),
        ("POST", "/emulator/v1/reset", {}),
        ("GET", BUCKET, None),
        ("DELETE", BUCKET, None),
        ("GET", API, None),
        ("POST", API, MODEL),
        ("GET", "/data/object", None),
    ],
)
@pytest.mark.parametrize(
    "sender",
    [
        {"origin": EVIL},
        {"origin": "null"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"origin": "http://evil.example:8790"},
        {"origin": "http://203.0.113.7"},
        {"origin": "http://[::2"},
        {"sec-fetch-site": "cross-site"},
        {"origin": EVIL, "sec-fetch-site": "same-origin"},
    ],
    ids=str,
)
async def test_pages_of_other_sites_neither_read_nor_change(
    emulator: Emulator, sender: dict[str, str], verb: str, path: str, body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever else they send; the log names the setting that would let them."""
    before = dump(emulator)
    with caplog.at_level(logging.WARNING):
        answer = await ask(emulator, verb, path, {**KEY, **OWN, **sender}, body)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert "TUNING_EMULATOR_ALLOWED_HOSTS" in answer.text
    assert "--allowed-host" in caplog.text
    assert dump(emulator) == before


@pytest.mark.parametrize("path", [CONTROL, BUCKET, API, "/", "/emulator/v1/health", "/computeMetadata/v1/"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8790", "localhost.evil.example", "a b", "[::1", "x:0"])
async def test_a_name_of_somebody_elses_leads_nowhere(emulator: Emulator, host: str, path: str) -> None:
    """DNS rebinding: the page's own name is suddenly ours, so that the browser takes it for one site."""
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [(b"host", host.encode())]}
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    await emulator(scope, receive, send)
    assert sent[0]["status"] == 403
    assert b"none of this emulator's names" in sent[1]["body"]
    assert b"TUNING_EMULATOR_ALLOWED_HOSTS=" in sent[1]["body"]


@pytest.mark.parametrize(
    ("path", "kept", "framed"),
    [
        (CONTROL, True, "SAMEORIGIN"),
        (BUCKET, True, None),
        ("/data/nothing", True, None),
        (API, False, "SAMEORIGIN"),
        (f"{API}?callback=f", True, "SAMEORIGIN"),
        (f"{API}?%63allback=f", True, "SAMEORIGIN"),
        (f"{API}?$callback=f", True, "SAMEORIGIN"),
    ],
)
async def test_answers_that_pages_could_load_stay_with_this_site(
    emulator: Emulator, path: str, kept: bool, framed: str | None
) -> None:
    """Scripts, pictures and styles are loaded without Origin, and of a host like `emulator` without Sec-Fetch-Site."""
    answer = await ask(emulator, "GET", path, KEY, host="emulator:8790")
    assert answer.headers.get("cross-origin-resource-policy") == ("same-site" if kept else None)
    assert answer.headers.get("x-frame-options") == framed


@pytest.mark.parametrize("sender", [{"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}], ids=str)
@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("generativelanguage.googleapis.com", API),
        ("us-central1-aiplatform.googleapis.com", "/v1/projects/p/locations/us-central1/tuningJobs"),
        ("storage.googleapis.com", BUCKET),
        ("cloudresourcemanager.googleapis.com", "/v3/projects/p"),
    ],
)
async def test_googles_names_let_no_other_pages_in(
    emulator: Emulator, host: str, path: str, sender: dict[str, str]
) -> None:
    """A browser whose proxy is the emulator, or that is led to it by name, asks Google's hosts for the same things."""
    headers = {"authorization": "Bearer t", "host": host}
    for more, status in ((sender, 403), ({}, 200)):
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "raw_path": path.encode()}
        given = {**scope, "scheme": "https", "headers": [(k.encode(), v.encode()) for k, v in (headers | more).items()]}
        sent: list[Any] = []

        async def send(event: Any, sent: list[Any] = sent) -> None:
            sent.append(event)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        await emulator.google_services.gateway.answer(given, receive, send)
        assert sent[0]["status"] == status, sent


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8790",
        "LOCALHOST",
        "app.localhost",
        "127.0.0.2:1",
        "[::1]:8790",
        "192.168.1.7",
        "emulator:8790",
        "app.example",
        "ci.intranet.example:99",
        "generativelanguage.googleapis.com",
        "us-central1-aiplatform.googleapis.com",
    ],
)
async def test_good_names_lead_here(emulator: Emulator, host: str) -> None:
    """Loopback, addresses, names without a dot, those allowed, and the services' own."""
    answer = await ask(emulator, "GET", API, KEY, host=host)
    assert answer.status_code == (404 if "aiplatform" in host else 200), answer.text


@pytest.mark.parametrize(
    "sender",
    [
        {"origin": "http://localhost:3000", "sec-fetch-site": "same-site"},
        {"origin": "http://localhost:3000", "sec-fetch-site": "cross-site"},
        {"origin": "https://app.example"},
        {"origin": "https://a.b.intranet.example:444"},
        {"origin": "http://127.0.0.1:8790", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin"},
    ],
    ids=str,
)
async def test_pages_of_ones_own_are_let_in(emulator: Emulator, sender: dict[str, str]) -> None:
    """A page that one develops, and the emulator's own; the APIs answer with the recorded CORS headers."""
    assert (await ask(emulator, "GET", CONTROL, sender)).status_code == 200
    assert (await ask(emulator, "GET", BUCKET, sender)).status_code == 200
    answer = await ask(emulator, "POST", API, {**KEY, **sender}, MODEL)
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("access-control-allow-origin", "") == sender.get("origin", "")


async def test_a_preflight_is_answered_as_by_the_services(emulator: Emulator) -> None:
    """It changes nothing and shows nothing; what comes after it is refused."""
    headers = {"origin": EVIL, "access-control-request-method": "POST"}
    answer = await ask(emulator, "OPTIONS", API, headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, EVIL)


SIMPLE_TYPES = ("", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("content_type", SIMPLE_TYPES)
@pytest.mark.parametrize("path", ["reset", "clock:freeze", "snapshot"])
async def test_simple_posts_to_control_carry_a_header(emulator: Emulator, path: str, content_type: str) -> None:
    """One that no simple request of a page can carry; ours do, and the emulator's own page is known by the browser."""
    headers = {"content-type": content_type} if content_type else {}
    before = dump(emulator)
    answer = await ask(emulator, "POST", f"/emulator/v1/{path}", headers, {} if content_type else None)
    assert answer.status_code == 403
    assert "X-Tuning-Emulator" in answer.json()["detail"]
    assert dump(emulator) == before
    for good in (make_headers(), {"sec-fetch-site": "same-origin"}):
        assert (await ask(emulator, "POST", f"/emulator/v1/{path}", {**headers, **good}, {})).status_code != 403


@pytest.mark.parametrize(("verb", "path"), [("POST", "reset"), ("PUT", "clock"), ("DELETE", "journal")])
async def test_what_browsers_ask_for_first_needs_no_header(emulator: Emulator, verb: str, path: str) -> None:
    """JSON, and other verbs: of a page of another site these never come, for the asking is refused."""
    asked = {"origin": EVIL, "access-control-request-method": verb}
    assert (await ask(emulator, "OPTIONS", f"/emulator/v1/{path}", asked)).status_code == 403
    answer = await ask(emulator, verb, f"/emulator/v1/{path}", {"content-type": "application/json"}, {})
    assert answer.status_code < 300, answer.text


async def test_credentials_guard_everything(tmp_path: Path) -> None:
    """Control API and Cloud Storage take what the APIs take; health and certificate are for everybody."""
    file = tmp_path / "credentials.json"
    file.write_text(
        json.dumps({"keys": [{"key": "good"}, {"key": "old", "state": "expired"}], "tokens": [{"token": "t"}]})
    )
    emulator = open_emulator(credentials=file)
    await emulator.start()
    for path in (CONTROL, "/emulator/v1/interception", "/emulator/docs", BUCKET, "/data/object"):
        for headers in ({}, {"authorization": "Bearer wrong"}, {"x-goog-api-key": "old"}):
            answer = await ask(emulator, "GET", path, headers)
            assert (answer.status_code, "credentials file" in answer.text) == (401, True), (path, headers)
        for headers in ({"authorization": "Bearer t"}, {"x-goog-api-key": "good"}, make_headers("good")):
            assert (await ask(emulator, "GET", path, headers)).status_code in (200, 307, 404)
        assert (await ask(emulator, "GET", f"{path}?key=good", {})).status_code in (200, 307, 404)
        page = {"origin": EVIL, "authorization": "Bearer t"}
        assert (await ask(emulator, "GET", path, page)).status_code == 403
    assert (await ask(emulator, "GET", "/emulator/v1/health", {})).status_code == 200
    answer = await ask(emulator, "GET", API, {"origin": EVIL, "x-goog-api-key": "good"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, EVIL)  # as by the service
    assert (await ask(emulator, "GET", API, {"origin": EVIL, **KEY})).status_code == 400
    await emulator.stop()
