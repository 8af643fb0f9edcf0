"""Which requests are for storage, what is no bucket, and how absolute URLs come out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.storage.asking import UPLOAD, Asker, B
from tuning_emulator.api.exchange import Exchange
from tuning_emulator.rest.app import open_exchange
from tuning_emulator.storage.hosting import asks_storage


def make_exchange(verb: str, target: str, headers: dict[str, str] | None = None) -> Exchange:
    """A request on the emulator's one port."""
    path, _, query = target.partition("?")
    sent = {"host": "localhost:8790", **(headers or {})}
    scope: dict[str, Any] = {
        "method": verb,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }
    return open_exchange(scope)


OURS = [
    ("GET", "/storage/v1/b", {}),
    ("POST", "/upload/storage/v1/b/x/o?uploadType=media", {}),
    ("POST", "/resumable/upload/storage/v1/b/x/o", {}),
    ("GET", "/download/storage/v1/b/x/o/y?alt=media", {}),
    ("POST", "/batch/storage/v1", {}),
    ("GET", "/b?project=p", {}),
    ("GET", "/my-bucket/x", {}),
    ("HEAD", "/my%2Dbucket", {}),
    ("PUT", "/absent-bucket/x", {}),
    ("GET", "/absent-bucket/x", {"x-goog-if-generation-match": "0"}),
    ("GET", "/absent-bucket?list-type=2", {}),
    ("GET", "/absent-bucket/x?X-Goog-Signature=00", {}),
    ("GET", "/x/y", {"host": "storage.googleapis.com"}),
    ("GET", "/y", {"host": "my-bucket.storage.googleapis.com"}),
    ("GET", "/storage/v1/b", {"host": "www.googleapis.com"}),
]
OTHERS: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/v1beta/models", {}),
    ("POST", "/v1/projects/p/locations/l/tuningJobs", {}),
    ("PUT", "/v1/x", {}),
    ("GET", "/absent-bucket/x", {}),
    ("GET", "/", {}),
    ("GET", "/discovery/v1/apis", {}),
    ("POST", "/token", {}),
    ("PUT", "/upload/x", {}),
    ("GET", "/favicon.ico", {}),
]


@pytest.mark.parametrize(("verb", "target", "headers"), OURS)
def test_storage_is_found(verb: str, target: str, headers: dict[str, str]) -> None:
    """By path, by host, by what else a request says."""
    assert asks_storage(make_exchange(verb, target, headers), lambda name: name == "my-bucket")


@pytest.mark.parametrize(("verb", "target", "headers"), OTHERS)
def test_other_apis_keep_their_paths(verb: str, target: str, headers: dict[str, str]) -> None:
    """Nothing falls through to a bucket."""
    assert not asks_storage(make_exchange(verb, target, headers), lambda name: name == "my-bucket")


@pytest.mark.parametrize(
    ("verb", "target", "status"),
    [
        ("GET", "/storage/v1", 404),
        ("GET", "/storage/v1/nothing", 404),
        ("POST", "/upload/storage/v1/b/my-bucket/x", 404),
        ("PUT", "/storage/v1/b/my-bucket/o", 405),
        ("POST", f"{B}/o/x", 405),
        ("GET", "/storage/v1/b/x%2Fy", 404),
        ("POST", "/upload/storage/v1/b/x%2Fy/o?uploadType=media&name=a", 404),
        ("GET", f"{B}/notificationConfigs", 501),
        ("GET", "/storage/v1/projects/p/hmacKeys", 501),
        ("POST", f"{UPLOAD}?uploadType=other&name=x", 400),
        ("POST", f"{UPLOAD}?uploadType=media", 400),
    ],
)
def test_there_are_only_routes_that_cloud_storage_has(ask: Asker, verb: str, target: str, status: int) -> None:
    """Errors, never objects."""
    assert ask(verb, target, b"x").status == status
    assert [one.name for one in ask.embedded.store.list_buckets()] == ["my-bucket"]
    assert ask.names() == []


@pytest.mark.parametrize("prefix", ["/upload/storage/v1/", "/resumable/upload/storage/v1/"])
def test_uploads_have_two_paths(ask: Asker, prefix: str) -> None:
    """The discovery document's ``resumable_path`` among them."""
    assert ask("POST", f"{prefix}b/my%2Dbucket/o?uploadType=media&name=x", "1").status == 200
    assert ask.names() == ["x"]


@pytest.mark.parametrize(
    ("host", "scope", "url"),
    [
        ("localhost:8790", {}, "http://localhost:8790"),
        ("127.0.0.1", {}, "http://127.0.0.1:8790"),
        ("my-machine", {}, "http://my-machine:8790"),
        ("mapped:49153", {}, "http://mapped:49153"),
        ("storage.googleapis.com", {"scheme": "https"}, "https://storage.googleapis.com"),
        ("localhost", {"scheme": "https", "server": ("127.0.0.1", 443)}, "https://localhost"),
        ("[::1]:8790", {"server": ("::1", 8790)}, "http://[::1]:8790"),
    ],
)
def test_absolute_urls_lead_back(ask: Asker, host: str, scope: dict[str, Any], url: str) -> None:
    """As the client has reached us, also where it leaves out the port."""
    answer = ask("POST", f"{UPLOAD}?uploadType=resumable&name=x", {}, {"host": host}, scope=scope)
    assert answer.headers["location"].startswith(f"{url}/upload/storage/v1/b/my-bucket/o?")
    made = ask("POST", f"{UPLOAD}?uploadType=media&name=x", "1", {"host": host}, scope=scope).json
    assert made["selfLink"] == f"{url}/storage/v1/b/my-bucket/o/x"
    assert made["mediaLink"].startswith(f"{url}/download/storage/v1/b/my-bucket/o/x?generation=")


def test_a_missing_bucket_is_404_with_a_hint(ask: Asker) -> None:
    """The hint is for the developer alone."""
    answer = ask("POST", "/upload/storage/v1/b/typing-error/o?uploadType=media&name=x", "1")
    assert (answer.status, answer.reason) == (404, "notFound")
    note = ask.exchanges[-1].notes[0]
    assert "--bucket typing-error" in note
    assert "--auto-create-buckets" in note
    assert "auto-create" not in answer.text


def test_every_exchange_is_kept_once(ask: Asker) -> None:
    """With API, method and what it is about."""
    ask.upload("x")
    one = ask.exchanges[-1]
    assert (one.api, one.method, one.resource, one.status) == ("storage", "objects.insert", "my-bucket", 200)
    ask("GET", "/my-bucket/x")
    assert (ask.exchanges[-1].method, ask.exchanges[-1].resource) == ("xml.getObject", "my-bucket/x")
    assert len(ask.exchanges) == 3
