"""One line per request at most, of those that were asked for, without secrets; for people and for machines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from tuning_emulator.api.exchange import Exchange
from tuning_emulator.cli.serve import JsonFormatter
from tuning_emulator.middleware.near_misses import NearMiss
from tuning_emulator.middleware.request_log import Logged, RequestLog

MISS = NearMiss("GET /v1/{name=tunedModels/*}", "ModelService.GetTunedModel", ("version: 'v0', would be 'v1'",))


@pytest.fixture(autouse=True)
def _level(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, "tuning_emulator.requests"):
        yield


def make_exchange(status: int = 200, code: str = "OK", **more: object) -> Exchange:
    headers = {"user-agent": "curl/8.5.0"}
    exchange = Exchange("rest", "GET", "/v1/tunedModels/x", "key=abcdefgh&pageSize=3", headers, duration_ns=1_234_567)
    exchange.status, exchange.code = status, code
    for name, value in more.items():
        setattr(exchange, name, value)
    return exchange


def write(logged: Logged, exchange: Exchange, miss: NearMiss | None = None) -> None:
    RequestLog(logged, lambda _: miss).write(exchange)


REFUSED = make_exchange(404, "NOT_FOUND", rule="tuned_model_not_found")
HINTED = make_exchange(notes=["look here"])
BROKEN = make_exchange(0, "", broken="reset", fault="fault-1")


@pytest.mark.parametrize(
    ("logged", "lines"),
    [("none", [0, 0, 0, 0]), ("errors", [0, 1, 1, 1]), ("all", [1, 1, 1, 1])],
)
def test_which_requests_get_a_line(logged: Logged, lines: list[int], caplog: pytest.LogCaptureFixture) -> None:
    """An ordinary answer only when all are asked for; refusals, hints and broken connections also otherwise."""
    counted = []
    for exchange in (make_exchange(), REFUSED, HINTED, BROKEN):
        caplog.clear()
        write(logged, exchange)
        counted.append(len(caplog.records))
    assert counted == lines


def test_lines_for_people(caplog: pytest.LogCaptureFixture) -> None:
    """What was asked, how it ended and why, how long it took, who asked; the key is not there."""
    write("errors", REFUSED)
    write("errors", BROKEN)
    write("errors", make_exchange(404, ""), MISS)
    write("errors", HINTED)
    path = "GET /v1/tunedModels/x?key=(redacted)&pageSize=3"
    assert caplog.messages == [
        f"{path} 404 NOT_FOUND rule=tuned_model_not_found 1.23 ms curl/8.5.0",
        f"{path} connection broken (reset) fault=fault-1 1.23 ms curl/8.5.0",
        f"{path} 404 1.23 ms curl/8.5.0; nothing matches, nearest is "
        "GET /v1/{name=tunedModels/*} (version: 'v0', would be 'v1')",
        f"{path} 200 1.23 ms curl/8.5.0; look here",
    ]
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "WARNING", "WARNING"]


def test_lines_for_machines(caplog: pytest.LogCaptureFixture) -> None:
    """One JSON object: fields of requests by name, the text of other lines, exceptions in full."""
    write("errors", REFUSED)
    line = json.loads(JsonFormatter().format(caplog.records[0]))
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "tuning_emulator.requests",
        "transport": "rest",
        "verb": "GET",
        "path": "/v1/tunedModels/x?key=(redacted)&pageSize=3",
        "status": 404,
        "code": "NOT_FOUND",
        "duration_ms": 1.23,
        "client": "curl/8.5.0",
        "rule": "tuned_model_not_found",
    }
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("tuning_emulator.requests").exception("two\nlines")
    text = JsonFormatter().format(caplog.records[1])
    other = json.loads(text)
    assert "\n" not in text
    assert (other["message"], other["level"]) == ("two\nlines", "error")
    assert other["exception"].endswith("ValueError: why")
