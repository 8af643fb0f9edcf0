"""One request in, one answer out: statuses, headers, bodies and streams as Google's front end has them."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from msgspec.structs import replace

from tests.rest.library import CODEC, PACKAGE, SCHEMAS, SERVICE, Library
from tests.rest.requests import BOOK_PATH, JSON, ask, header, read
from tuning_emulator.api.auth import create_authenticator
from tuning_emulator.core.errors import ApiError, Code, bad_request
from tuning_emulator.rest.app import RestApp, create_rest_app

# --- requests -----------------------------------------------------------------------------------------


async def test_a_call_has_everything_bound(library: Library, front: RestApp) -> None:
    """Path, body and query make one request message; ``given`` is what the body set; system parameters do not bind."""
    body = {"displayName": "Momo", "pageCount": "300", "lent": None}
    answer = await ask(
        front, "POST", "/v1/shelves/1/books", body, query="bookId=momo&key=x&%24alt=json%3Benum-encoding%3Dint&alt=json"
    )
    assert answer.status == 200
    call = library.calls[0]
    assert call.request == {
        "parent": "shelves/1",
        "book": {"display_name": "Momo", "page_count": 300},
        "book_id": "momo",
    }
    assert call.given == {"display_name", "page_count"}
    assert (call.version, call.method.name, call.caller.kind) == ("v1", f"{PACKAGE}.v1.Library.CreateBook", "key")


async def test_the_path_wins_over_the_body(library: Library, front: RestApp) -> None:
    """PATCH binds the name of the path into the resource, which is not among the given fields."""
    await ask(
        front, "PATCH", BOOK_PATH, {"name": "other", "displayName": "x"}, query="updateMask=displayName,page_count"
    )
    call = library.calls[0]
    assert call.request["book"] == {"name": "shelves/1/books/2", "display_name": "x"}
    assert call.request["update_mask"] == ["display_name", "page_count"]
    assert call.given == {"name", "display_name"}


async def test_query_parameters_bind_in_either_spelling(library: Library, front: RestApp) -> None:
    """Numbers, booleans as words, repeated names, dotted names, last value wins."""
    query = (
        "pageSize=1&page_size=3&show_lent=yes&genres=NOVEL&genres=7&like.title=a+b%26c&readTime=1970-01-01T00:00:00Z"
    )
    await ask(front, "GET", "/v1/shelves/1/books", query=query)
    assert library.calls[0].request == {
        "parent": "shelves/1",
        "page_size": 3,
        "show_lent": True,
        "genres": ["NOVEL", "HISTORY"],
        "like": {"title": "a b&c"},
        "read_time": 0,
    }


UNBOUND = "Cannot bind query parameter. Field '{}' could not be found in request message."


@pytest.mark.parametrize(
    ("query", "field", "text"),
    [
        ("pageSize=abc", "page_size", "Invalid value at 'page_size' (TYPE_INT32), \"abc\""),
        ("page_size=", "page_size", "Invalid value at 'page_size' (TYPE_INT32), \"\""),
        ("page_size=1.5", "page_size", "Invalid value at 'page_size' (TYPE_INT32), \"1.5\""),
        ("page_size=2147483648", "page_size", "Invalid value at 'page_size' (TYPE_INT32), \"2147483648\""),
        ("showLent=maybe", "show_lent", "Invalid value at 'show_lent' (TYPE_BOOL), \"maybe\""),
        ("unknownParameter=1", "", 'Unknown name "unknownParameter": ' + UNBOUND.format("unknownParameter")),
        ("like.foo=1", "", 'Unknown name "like.foo": ' + UNBOUND.format("foo")),
        ("like.title.x=1", "", 'Unknown name "like.title.x": ' + UNBOUND.format("x")),
    ],
)
async def test_bad_query_parameters_are_refused(front: RestApp, query: str, field: str, text: str) -> None:
    """Recorded texts; an unknown name has no field."""
    answer = await ask(front, "GET", "/v1/shelves/1/books", query=query)
    assert answer.status == 400
    violation = read(answer)["error"]["details"][0]["fieldViolations"][0]
    assert violation.get("field", "") == field
    assert violation["description"] == text if field else violation["description"].endswith(text)


async def test_violations_come_in_order_of_body_and_query(front: RestApp) -> None:
    """All at once, one line each."""
    answer = await ask(front, "POST", "/v1/shelves/1/books", {"x": 1, "pageCount": "y"}, query="z=1")
    assert [line.partition(":")[0] for line in read(answer)["error"]["message"].split("\n")] == [
        "Invalid JSON payload received. Unknown name \"x\" at 'book'",
        "Invalid value at 'book.page_count' (TYPE_INT32), \"y\"",
        'Invalid JSON payload received. Unknown name "z"',
    ]


async def test_a_body_without_media_type_is_read_as_a_query(front: RestApp) -> None:
    """What curl -d does: the whole JSON is an unknown name."""
    for kind in ("", "application/x-www-form-urlencoded"):
        answer = await ask(front, "POST", "/v1/shelves/1/books", b'{"a": 1}', {"content-type": kind})
        assert read(answer)["error"]["message"].startswith(
            'Invalid JSON payload received. Unknown name "{"a": 1}": Cannot bind query parameter.'
        )


@pytest.mark.parametrize("kind", ["text/plain;charset=UTF-8", "application/json", "application/json; charset=utf-8"])
async def test_other_media_types_are_json(library: Library, front: RestApp, kind: str) -> None:
    """Browsers send text/plain to avoid a preflight."""
    await ask(front, "POST", "/v1/shelves/1/books", b'{"displayName": "x"}', {"content-type": kind})
    assert library.calls[0].request["book"] == {"display_name": "x"}


async def test_an_empty_body_is_an_empty_message(library: Library, front: RestApp) -> None:
    """And a body on GET is ignored."""
    await ask(front, "POST", "/v1/shelves/1/books", b"")
    await ask(front, "GET", BOOK_PATH, b"rubbish")
    assert library.calls[0].request == {"parent": "shelves/1", "book": {}}
    assert library.calls[1].request == {"name": "shelves/1/books/2"}


async def test_protobuf_bodies_and_answers(library: Library, front: RestApp) -> None:
    """``application/x-protobuf`` in, ``alt=proto`` out."""
    data = front.dispatcher.binary.encode({"display_name": "x"}, f"{PACKAGE}.v1.Book")
    headers = {"content-type": "application/x-protobuf"}
    answer = await ask(front, "POST", "/v1/shelves/1/books", data, headers, query="alt=proto")
    assert library.calls[0].request["book"] == {"display_name": "x"}
    assert header(answer, "content-type") == ["application/x-protobuf"]
    assert front.dispatcher.binary.decode(answer.body, f"{PACKAGE}.v1.Book") == library.book
    assert (await ask(front, "POST", "/v1/shelves/1/books", b"\xff", headers)).status == 400


async def test_compressed_bodies(library: Library, front: RestApp) -> None:
    """Taken; the limit holds for what they unpack to, and a cut one is refused."""
    headers = {"content-encoding": "gzip"}
    packed = gzip.compress(b'{"displayName": "x"}')
    await ask(front, "POST", "/v1/shelves/1/books", packed, headers)
    assert library.calls[0].request["book"] == {"display_name": "x"}
    bomb = await ask(front, "POST", "/v1/shelves/1/books", gzip.compress(b" " * 10_000_000), headers)
    assert read(bomb)["error"]["message"] == "Request payload size exceeds the limit: 100000 bytes."
    assert (await ask(front, "POST", "/v1/shelves/1/books", packed[:-9], headers)).status == 400


async def test_the_media_type_may_be_in_the_query(library: Library, front: RestApp) -> None:
    """``$ct``, for clients that cannot set the header."""
    headers = {"content-type": ""}
    await ask(front, "POST", "/v1/shelves/1/books", b'{"displayName": "x"}', headers, "%24ct=application/json")
    assert library.calls[0].request["book"] == {"display_name": "x"}


async def test_method_override(library: Library, front: RestApp) -> None:
    """PATCH through POST, for clients that cannot."""
    await ask(front, "POST", BOOK_PATH, {}, {"x-http-method-override": "PATCH"})
    assert library.calls[0].method.name.endswith("UpdateBook")


# --- answers ------------------------------------------------------------------------------------------


async def test_a_body_prints_as_recorded(front: RestApp) -> None:
    """Two-space indent and a final newline."""
    answer = await ask(front, "GET", BOOK_PATH)
    assert answer.body == b'{\n  "name": "shelves/1/books/2",\n  "displayName": "Momo"\n}\n'
    assert (await ask(front, "DELETE", BOOK_PATH)).body == b"{}\n"


async def test_headers_of_a_plain_answer(front: RestApp) -> None:
    """Order and values as recorded for an answer that is not compressed; Alt-Svc is left out on purpose."""
    answer = await ask(front, "GET", BOOK_PATH)
    names = [name.decode() for name, _ in answer.headers]
    assert names == [
        "vary",
        "vary",
        "vary",
        "content-type",
        "date",
        "server",
        "cache-control",
        "content-length",
        "x-xss-protection",
        "x-frame-options",
        "x-content-type-options",
        "server-timing",
        "accept-ranges",
    ]
    assert header(answer, "vary") == ["X-Origin", "Referer", "Origin,Accept-Encoding"]
    assert header(answer, "content-type") == ["application/json; charset=UTF-8"]
    assert header(answer, "server") == ["scaffolding on HTTPServer2"]
    assert header(answer, "content-length") == [str(len(answer.body))]
    assert header(answer, "server-timing")[0].startswith("gfet4t7; dur=")


async def test_answers_are_compressed_on_demand(front: RestApp) -> None:
    """Errors too."""
    for path in (BOOK_PATH, "/v1/shelves/1/books/2:burn"):
        verb = "POST" if path.endswith("burn") else "GET"
        plain = await ask(front, verb, path)
        packed = await ask(front, verb, path, headers={"accept-encoding": "gzip, deflate"})
        assert gzip.decompress(packed.body) == plain.body
        assert header(packed, "content-encoding") == ["gzip"]
        assert header(packed, "vary") == ["Origin", "X-Origin", "Referer"]


async def test_operations_print_in_order(front: RestApp) -> None:
    """Name, then metadata with its type first; no ``done`` while running."""
    answer = await ask(front, "POST", f"{BOOK_PATH}:lend", {})
    assert (
        answer.body.decode()
        == json.dumps(
            {
                "name": "operations/7",
                "metadata": {"@type": f"type.googleapis.com/{PACKAGE}.v1.LendBookMetadata", "days": 14},
            },
            indent=2,
        )
        + "\n"
    )


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("prettyPrint=false", b'{"name":"shelves/1/books/2","displayName":"Momo"}'),
        ("%24prettyPrint=false&fields=name", b'{"name":"shelves/1/books/2"}'),
        ("callback=f&prettyPrint=false&fields=name", b'// API callback\nf({"name":"shelves/1/books/2"});'),
    ],
)
async def test_system_parameters_shape_the_answer(front: RestApp, query: str, body: bytes) -> None:
    """``prettyPrint``, ``fields``, ``callback``."""
    assert (await ask(front, "GET", BOOK_PATH, query=query)).body == body


@pytest.mark.parametrize(
    ("fields", "tree"),
    [
        ("books/name", {"books": [{"name": "shelves/1/books/2"}]}),
        (
            "books(name,displayName),nextPageToken",
            {"books": [{"name": "shelves/1/books/2", "displayName": "Momo"}], "nextPageToken": "next"},
        ),
        ("next_page_token", {"nextPageToken": "next"}),
        ("*", {"books": [{"name": "shelves/1/books/2", "displayName": "Momo"}], "nextPageToken": "next"}),
    ],
)
async def test_fields_select(front: RestApp, fields: str, tree: Any) -> None:
    """Slashes, brackets, either spelling; as a header too."""
    assert read(await ask(front, "GET", "/v1/shelves/1/books", query=f"fields={fields}")) == tree
    assert read(await ask(front, "GET", "/v1/shelves/1/books", headers={"x-goog-fieldmask": fields})) == tree


async def test_unknown_fields_are_refused_before_the_call(library: Library, front: RestApp) -> None:
    """Recorded: google/google-api-javascript-client#517."""
    answer = await ask(front, "GET", "/v1/shelves/1/books", query="fields=books/kind")
    error = read(answer)["error"]
    assert error["message"] == "Request contains an invalid argument."
    assert error["details"][0]["fieldViolations"] == [
        {
            "field": "books/kind",
            "description": "Error expanding 'fields' parameter. Cannot find matching fields for path 'books.kind'.",
        }
    ]
    assert library.calls == []


# --- errors -------------------------------------------------------------------------------------------


async def test_errors_print_as_recorded(library: Library, front: RestApp) -> None:
    """Code, message, status, details in that order; ``<`` escaped."""
    library.error = ApiError(Code.FAILED_PRECONDITION, "Not <now>.", (bad_request([("a", "b")]),))
    answer = await ask(front, "GET", BOOK_PATH)
    assert answer.status == 400
    text = answer.body.decode()
    assert '"message": "Not \\u003cnow\\u003e."' in text
    error = json.loads(text)["error"]
    assert list(error) == ["code", "message", "status", "details"]
    assert (error["code"], error["status"]) == (400, "FAILED_PRECONDITION")


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
async def test_every_code_has_its_status(library: Library, front: RestApp, code: Code) -> None:
    """google/rpc/code.proto."""
    library.error = ApiError(code, "x")
    answer = await ask(front, "GET", BOOK_PATH)
    assert answer.status == code.http_status == read(answer)["error"]["code"]


async def test_legacy_errors_list_their_reasons(library: Library, front: RestApp) -> None:
    """``$.xgafv=1``; transcoder errors have only message and reason."""
    library.error = ApiError(Code.PERMISSION_DENIED, "no")
    error = read(await ask(front, "GET", BOOK_PATH, query="%24.xgafv=1"))["error"]
    assert list(error) == ["code", "message", "errors", "status"]
    assert error["errors"] == [{"message": "no", "domain": "global", "reason": "forbidden"}]
    error = read(await ask(front, "GET", "/v1/shelves/1/books", query="%24.xgafv=1&x=1"))["error"]
    assert error["errors"] == [{"message": error["message"], "reason": "invalid"}]


async def test_a_failure_of_ours_is_an_internal_error(
    library: Library, front: RestApp, caplog: pytest.LogCaptureFixture
) -> None:
    """The client sees the service's text, the log the cause."""
    library.error = ZeroDivisionError("oh")
    answer = await ask(front, "GET", BOOK_PATH)
    assert (answer.status, read(answer)["error"]["message"]) == (500, "Internal error encountered.")
    assert "ZeroDivisionError" in caplog.text


async def test_a_method_that_nobody_serves(front: RestApp) -> None:
    """501 UNIMPLEMENTED, after the request was checked."""
    assert (await ask(front, "POST", f"{BOOK_PATH}:burn", {})).status == 501
    assert (await ask(front, "POST", f"{BOOK_PATH}:burn", {"x": 1})).status == 400


# --- pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/v1/nope", "/v2/shelves/1/books/2", "/v1/<b>"])
async def test_unknown_paths_have_the_html_page(front: RestApp, path: str) -> None:
    """Recorded length: 1560 bytes and the path; no Vary; the path is escaped and the query not shown."""
    answer = await ask(front, "GET", path, query="key=1")
    assert answer.status == 404
    assert header(answer, "content-type") == ["text/html; charset=UTF-8"]
    assert header(answer, "vary") == []
    escaped = path.replace("<", "&lt;").replace(">", "&gt;")
    assert len(answer.body) == 1560 + len(escaped)
    assert f"The requested URL <code>{escaped}</code> was not found" in answer.body.decode()


async def test_a_wrong_verb_has_the_html_page(front: RestApp) -> None:
    """Routes are found by verb and path."""
    assert header(await ask(front, "PUT", BOOK_PATH), "content-type") == ["text/html; charset=UTF-8"]


async def test_http_itself_refuses(front: RestApp) -> None:
    """A body of unknown length, and a URL that is too long."""
    assert (await front.answer("POST", "/v1/shelves/1/books", "", JSON)).status == 411
    assert (await ask(front, "GET", "/v1/" + "x" * 20_000)).status == 414


async def test_large_bodies_are_refused(library: Library, front: RestApp) -> None:
    """The method's own limit or the API's, in the service's words; no details."""
    answer = await ask(front, "POST", f"{BOOK_PATH}:lend", b" " * 1001)
    assert read(answer)["error"] == {
        "code": 400,
        "message": "Request payload size exceeds the limit: 1000 bytes.",
        "status": "INVALID_ARGUMENT",
    }
    assert (await ask(front, "POST", f"{BOOK_PATH}:lend", b" " * 998 + b"{}")).status == 200
    assert (await ask(front, "POST", "/v1/shelves/1/books", b" " * 100_001)).status == 400
    assert len(library.calls) == 1


# --- hosts --------------------------------------------------------------------------------------------


async def test_a_google_host_has_its_own_api_only() -> None:
    """Behind the proxy one host is one service; elsewhere all paths are served."""
    one, other = Library(), Library()
    api = one.create_api()
    front = create_rest_app(
        [api, replace(other.create_api(), host_suffix="other.googleapis.com")], create_authenticator()
    )
    await ask(front, "GET", BOOK_PATH, headers={"host": "other.googleapis.com:443"})
    await ask(front, "GET", BOOK_PATH, headers={"host": "eu-library.googleapis.com"})
    await ask(front, "GET", BOOK_PATH, headers={"host": "127.0.0.1:8080"})
    assert (len(one.calls), len(other.calls)) == (2, 1)


async def test_places_that_are_not_there_have_the_html_page() -> None:
    """A region's host that the service has not has no paths."""
    api = replace(Library().create_api(), has_host=lambda host: host.startswith("eu-"))
    front = create_rest_app([api], create_authenticator())
    assert (await ask(front, "GET", BOOK_PATH)).status == 200
    assert (await ask(front, "GET", BOOK_PATH, headers={"host": "eu-library.googleapis.com"})).status == 200
    assert (await ask(front, "GET", BOOK_PATH, headers={"host": "xx-library.googleapis.com"})).status == 404


# --- browsers -----------------------------------------------------------------------------------------


async def test_answers_to_browsers_echo_the_origin(front: RestApp) -> None:
    """Recorded: the exposed headers."""
    answer = await ask(front, "GET", BOOK_PATH, headers={"origin": "https://app.example"})
    assert header(answer, "access-control-allow-origin") == ["https://app.example"]
    assert header(answer, "access-control-expose-headers") == [
        "vary,vary,vary,content-encoding,date,server,content-length"
    ]


async def test_preflight(front: RestApp) -> None:
    """200 for headers on the list, 403 without permission for others (js-genai#1723)."""
    headers = {"origin": "https://app.example", "access-control-request-method": "POST"}
    wanted = "content-type, X-Goog-Api-Key"
    answer = await front.answer("OPTIONS", BOOK_PATH, "", {**headers, "access-control-request-headers": wanted})
    assert answer.status == 200
    assert header(answer, "access-control-allow-origin") == ["https://app.example"]
    assert header(answer, "access-control-allow-headers") == ["content-type,x-goog-api-key"]
    answer = await front.answer("OPTIONS", BOOK_PATH, "", {**headers, "access-control-request-headers": "api-revision"})
    assert answer.status == 403
    assert header(answer, "access-control-allow-origin") == []


def test_versions_and_service_of_the_example() -> None:
    """The tests' own API is declared as the real ones are."""
    assert set(SCHEMAS) == {"v1", "v1beta"}
    assert SERVICE.endswith("googleapis.com")
    assert f"{PACKAGE}.v1.Book" in CODEC.schemas


async def test_half_a_request_is_none(front: RestApp) -> None:
    """A client that leaves amid its body has asked for nothing, whatever the half says."""
    half: dict[str, object] = {"type": "http.request", "body": b'{"title": "half"}', "more_body": True}
    gone: dict[str, object] = {"type": "http.disconnect"}
    events = iter((half, gone))
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return next(events)

    async def send(event: object) -> None:
        sent.append(event)

    headers = [(b"host", b"localhost"), (b"content-length", b"100"), (b"authorization", b"Bearer token")]
    scope = {"type": "http", "method": "POST", "path": "/v1/shelves/1/books", "query_string": b"", "headers": headers}
    await front(scope, receive, send)
    assert sent == []
