"""Refreshing recordings, offline: what is written is free of secrets, and nothing is written when it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contract_tests.exchange import Recording, Sent, print_rows, read_rows
from contract_tests.record import refresh_file, refresh_row
from contract_tests.scrub import LeakError, find_leaks, scrub_text
from contract_tests.targets import find_live
from contract_tests.transcript import Heard

KEY = "AIza" + "S" * 35
SECRETS = {"<key>": KEY, "<token>": "ya29.a0AfB_secret", "<project>": "my-secret-project"}
ROW: dict[str, Any] = {
    "name": "key_invalid",
    "api": "gemini",
    "method": "GenerateContent",
    "source": "somewhere public",
    "date": "2024",
    "grade": "recorded",
    "seen": "error",
    "live": True,
    "request": {"verb": "GET", "url": "https://example.com/v1", "headers": {"x-goog-api-key": "<key>"}, "seen": False},
    "answer": {"status": 200, "headers": [], "body": {}},
}
ANSWER = {
    "error": {
        "code": 403,
        "message": f"Permission denied on resource project my-secret-project for key {KEY}, as somebody@gmail.com "
        "from 203.0.113.77; projects/987654321098",
        "status": "PERMISSION_DENIED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": "internal"},
            {"my-secret-project": 1},
        ],
    }
}
HEARD = Heard(
    403,
    [("content-type", "application/json; charset=UTF-8"), ("set-cookie", "sid=1"), ("x-goog-trace", "t")],
    json.dumps(ANSWER).encode(),
)


class FakeService:
    """Answers the same to everything."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    async def ask(self, recording: Recording, request: Sent) -> Heard:
        """The answer."""
        return self._heard

    async def close(self) -> None:
        """Nothing to end."""


def test_rows_are_written_without_secrets() -> None:
    """Key, project, e-mail, address, project number, cookies and debug details are gone; the words stay."""
    fresh = refresh_row(ROW, HEARD, SECRETS, "2026-11-22")
    printed = json.dumps(fresh)
    for private in (*SECRETS.values(), "somebody@gmail.com", "203.0.113.77", "987654321098", "sid=1", "internal"):
        assert private not in printed
    error = fresh["answer"]["body"]["error"]
    assert error["message"] == (
        "Permission denied on resource project <project> for key <key>, as redacted@example.com from 192.0.2.1; "
        "projects/123456789012"
    )
    assert error["details"] == [{"<project>": 1}]
    assert fresh["answer"]["headers"] == [["content-type", "application/json; charset=UTF-8"]]
    assert fresh["date"] == "2026-11-22"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("AIza" + "x" * 35, "<key>"),
        ("ya29.abc-DEF", "<token>"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "<token>"),
        ("a@b.org", "redacted@example.com"),
        ("198.51.100.7", "192.0.2.1"),
    ],
)
def test_secrets_are_known_by_their_form(text: str, kind: str) -> None:
    """Somebody else's credentials in an answer are taken out as well."""
    assert find_leaks(f"before {text} after") == [kind]
    assert scrub_text(f"before {text} after", {}) == f"before {kind} after"


def test_nothing_is_written_when_a_secret_is_left(tmp_path: Path) -> None:
    """A secret in what the row keeps (its name here) stops the refresh."""
    row = {**ROW, "method": "my-secret-project"}
    with pytest.raises(LeakError, match=r"key_invalid: still has <project>; nothing was written"):
        refresh_row(row, HEARD, SECRETS, "2026-11-22")


def test_files_change_only_where_the_service_did(tmp_path: Path) -> None:
    """Rows that are not live are not asked for; an unchanged answer leaves the file as it was."""
    other = {**ROW, "name": "other", "live": False}
    file = tmp_path / "rows.json"
    file.write_text(print_rows([ROW, other]), encoding="utf-8")
    service = FakeService(HEARD)
    assert refresh_file(file, service, SECRETS, "2026-11-22") == ["key_invalid"]
    after = read_rows(file)
    assert (after[0]["answer"]["status"], after[1]) == (403, other)
    assert refresh_file(file, service, SECRETS, "2026-11-23") == []
    assert read_rows(file) == after


def test_live_needs_every_variable() -> None:
    """With one missing nothing is asked; with all, placeholders are filled in."""
    environment = {"TUNING_CONTRACT_KEY": "k", "TUNING_CONTRACT_TOKEN": "t"}
    assert find_live(environment) is None
    live = find_live({**environment, "TUNING_CONTRACT_PROJECT": "p"})
    assert live is not None
    assert live.fill("Bearer <token> for <project>") == "Bearer t for p"
