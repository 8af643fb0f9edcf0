"""What is the same on every Google API: reading JSON, binding queries, routing, headers."""

from __future__ import annotations

import pytest

from contract_tests.contract import Contract


@pytest.mark.parametrize(
    "name",
    [
        "unknown_field_at_top",
        "unknown_field_nested",
        "unknown_fields_two",
        "value_out_of_range",
        "root_not_a_message",
        "query_unknown",
        "query_value",
        "fields_unknown",
    ],
)
async def test_violations(contract: Contract, name: str) -> None:
    """Every violation with its place, in the message and in the details."""
    (await contract.play(name)).same_error()


@pytest.mark.parametrize("name", ["enum_unknown", "text_for_message", "oneof_twice"])
async def test_violations_without_their_details(contract: Contract, name: str) -> None:
    """The texts; their details were not shown."""
    (await contract.play(name)).same_message()


@pytest.mark.parametrize("name", ["timestamp_without_zone", "timestamp_out_of_range"])
async def test_timestamps(contract: Contract, name: str) -> None:
    """Recorded on another API, whose field is called otherwise."""
    names = {
        "https://firestore.googleapis.com/v1/projects/my-project/databases/(default)/documents:batchGet": (
            "https://us-central1-aiplatform.googleapis.com/v1/projects/my-project/locations/us-central1/tuningJobs"
        ),
        "readTime": "createTime",
        "read_time": "tuning_job.create_time",
    }
    (await contract.play(name, instead=names)).same_error()


async def test_discovery_of_a_version_that_is_none(contract: Contract) -> None:
    """Recorded on another API."""
    names = {"tasks.googleapis.com": "generativelanguage.googleapis.com"}
    (await contract.play("discovery_not_found", instead=names)).same_message()


async def test_base64(contract: Contract) -> None:
    """What cannot be decoded is shown."""
    (await contract.play("base64_broken")).same_beginning()


@pytest.mark.parametrize("name", ["syntax_comma", "syntax_end_of_string", "syntax_end_of_object", "syntax_not_json"])
async def test_syntax(contract: Contract, name: str) -> None:
    """The complaint, twenty characters on both sides of the fault, and a caret; no details."""
    answer = (await contract.play(name)).same_message()
    assert "details" not in answer.json["error"]


async def test_body_too_large(contract: Contract) -> None:
    """The limit is named."""
    body = '{"displayName": "' + "x" * (4 << 20) + '"}'
    (await contract.play("body_too_large", text=body)).same_message()


async def test_page_of_unknown_place(contract: Contract) -> None:
    """The HTML page for 404, byte for byte, with the path in it."""
    (await contract.play("page_not_found")).same_bytes()


async def test_page_of_root(contract: Contract) -> None:
    """The page has 1560 bytes and the path, and these headers."""
    answer = (await contract.play("page_root")).same_headers().same_bytes()
    assert len(answer.heard.content) == 1561
    assert "vary" not in answer.headers


async def test_preflight_with_a_header_that_is_not_allowed(contract: Contract) -> None:
    """403, and no leave."""
    answer = (await contract.play("preflight_refused")).same_headers()
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("name", ["headers_compressed", "headers_vertex"])
async def test_headers_of_compressed_answers(contract: Contract, name: str) -> None:
    """Three Vary lines, the server's name, the safety headers; no etag, no request id."""
    answer = (await contract.play(name)).same_headers()
    assert {"etag", "x-request-id", "www-authenticate"}.isdisjoint(answer.headers)
