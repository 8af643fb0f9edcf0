"""Datasets through the control API: checked, converted, read; and the buckets that they are in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.control.running import LINES, ServerState
from tuning_emulator.testing.client import make_headers

VERTEX = "api=vertex&model=gemini-2.5-flash"
BROKEN = LINES + '\n{"contents": []}\n{"contents": [{"role": "user"}]}\n'


async def post(server: ServerState, path: str, body: str | bytes, status: int = 200) -> Any:
    """A file as the body of a request to the control API."""
    headers = {**make_headers(), "content-type": "application/octet-stream"}
    answer = await server.client.post(f"/emulator/v1/{path}", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_good_dataset_is_counted_and_priced(server: ServerState) -> None:
    """A body and an object say the same; both verdicts are there."""
    sent = await post(server, f"datasets:check?{VERTEX}&epochs=3&name=mine.jsonl", LINES)
    kept = await server.control("POST", f"datasets:check?{VERTEX}&epochs=3&dataset=gs://numbers/train.jsonl")
    assert (sent["valid"], sent["errors"], sent["emulator"]["diagnoses"]) == (True, [], [])
    assert (sent["statistics"]["examples"], sent["hyperparameters"]["epochs"]) == (15, 3)
    assert sent["steps"] > 0
    assert sent["cost"]["usd"] > 0
    assert sent["cost"]["source"]
    assert sent | {"dataset": ""} == kept | {"dataset": ""}


async def test_a_broken_one_is_refused_line_by_line(server: ServerState) -> None:
    """In the service's words, and by the name that the file was sent under, never by ours."""
    found = await post(server, f"datasets:check?{VERTEX}&name=mine.jsonl&max_errors=1", BROKEN)
    assert (found["valid"], found["error_count"], len(found["errors"])) == (False, 2, 1)
    assert found["errors"][0] | {"message": ""} == {
        "file": "mine.jsonl",
        "line": 16,
        "rule": "contents_empty",
        "message": "",
    }
    openai = json.dumps({"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}]})
    other = await post(server, f"datasets:check?{VERTEX}&name=chat.jsonl", openai)
    assert "chat.jsonl" in other["emulator"]["diagnoses"][0]["text"]
    assert "tuning-emulator-check" not in json.dumps(other)


@pytest.mark.parametrize(
    ("query", "body", "status", "named"),
    [
        (VERTEX, "", 400, "dataset"),
        (f"{VERTEX}&dataset=gs://numbers/train.jsonl", "{}", 400, "dataset"),
        (f"{VERTEX}&dataset=/etc/passwd", "", 400, "dataset"),
        (f"{VERTEX}&validation=/etc/passwd", "{}", 400, "validation"),
        (f"{VERTEX}&dataset=gs://numbers/none", "", 404, "gs://numbers/none"),
        ("api=gemini&model=gemini-1.5-flash-001-tuning&validation=gs://numbers/train.jsonl", "{}", 400, "validation"),
        ("api=vertex", "{}", 422, "model"),
        (f"{VERTEX}&adapter_size=3", "{}", 422, "adapter_size"),
    ],
)
async def test_what_cannot_be_checked(server: ServerState, query: str, body: str, status: int, named: str) -> None:
    """Named, with what would be right; no file of this machine is ever read."""
    assert named in (await post(server, f"datasets:check?{query}", body, status))["detail"]


async def test_rows_are_converted(server: ServerState) -> None:
    """Any form that the command reads; what is skipped is counted."""
    table = "question,answer\n1,2\nthree,four\n,\n"
    found = await post(server, "datasets:convert?to=gemini", table)
    assert found["lines"] == '{"text_input":"1","output":"2"}\n{"text_input":"three","output":"four"}\n'
    assert (found["read"], found["written"], sum(one["rows"] for one in found["skipped"])) == (3, 2, 1)
    other = await post(server, "datasets:convert?to=vertex&prompt=a&answer=b", '{"a": "1", "b": "2"}')
    assert json.loads(other["lines"])["contents"][0]["parts"] == [{"text": "1"}]
    for query, body, named in (("to=vertex&prompt=a", "{}", "answer"), ("to=vertex", '{"x": 1}', "x")):
        assert named in (await post(server, f"datasets:convert?{query}", body, 400))["detail"]


async def test_rows_are_read_from_an_offset(server: ServerState) -> None:
    """Of an object, and of what came with a job; the last page says that it is."""
    page = await server.control("GET", "datasets:rows?dataset=gs://numbers/train.jsonl&offset=10&limit=3")
    assert ([row["number"] for row in page["rows"]], page["next"]) == ([11, 12, 13], 13)
    assert json.loads(page["rows"][0]["text"])["contents"][0]["parts"] == [{"text": "10"}]
    last = await server.control("GET", "datasets:rows?dataset=gs://numbers/train.jsonl&offset=13&limit=3")
    assert (len(last["rows"]), last["next"]) == (2, None)
    await server.create_model(identifier="inline")
    inline = await server.control("GET", "datasets:rows?job=tunedModels/inline&limit=2")
    assert (len(inline["rows"]), inline["next"]) == (2, 2)
    await server.control("GET", "datasets:rows?job=tunedModels/none", status=404)
    await server.control("GET", "datasets:rows", status=400)


async def test_buckets_and_objects_are_listed(server: ServerState) -> None:
    """Whosever they are; a folder at a time, page by page."""
    assert [one["name"] for one in (await server.control("GET", "buckets"))["buckets"]] == ["numbers"]
    for name in ("a/1", "a/2", "b"):
        await server.client.post(f"/upload/storage/v1/b/numbers/o?uploadType=media&name={name}", content=b"x")
    top = await server.control("GET", "buckets/numbers/objects")
    assert (top["folders"], [one["uri"] for one in top["objects"]]) == (
        ["a/"],
        ["gs://numbers/b", "gs://numbers/train.jsonl"],
    )
    first = await server.control("GET", "buckets/numbers/objects?prefix=a/&limit=1")
    second = await server.control("GET", f"buckets/numbers/objects?prefix=a/&limit=1&after={first['next']}")
    assert [one["name"] for one in (*first["objects"], *second["objects"])] == ["a/1", "a/2"]
    await server.control("GET", "buckets/none/objects", status=404)
