"""Operations that make tuned models, as the Gemini API answered."""

from __future__ import annotations

from typing import Any

import pytest

from contract_tests.contract import Contract
from contract_tests.exchange import Recording
from contract_tests.situations import recorded_operation

POLLS = [
    ("operation_poll_1", 188, 40, "21.28"),
    ("operation_poll_2", 188, 81, "43.09"),
    ("operation_poll_3", 188, 120, "63.83"),
    ("operation_poll_4", 188, 160, "85.11"),
    ("operation_poll_5", 188, 188, "100.00"),
    ("operation_poll_6", 19, 19, "100.00"),
]


def read_metadata(recordings: dict[str, Recording], name: str) -> Any:
    """Recorded progress."""
    return recordings[name].answer.body["metadata"]


async def test_in_progress(contract: Contract, recordings: dict[str, Recording]) -> None:
    """Steps, percentage and snapshots so far, byte for byte; v1 shows v1beta's types."""
    metadata = read_metadata(recordings, "operation_in_progress")
    name = recordings["operation_in_progress"].answer.body["name"]
    await contract.given(recorded_operation(name, metadata["snapshots"], 38, 2))
    answer = (await contract.play("operation_in_progress")).same_answer().same_bytes()
    assert "done" not in answer.json


@pytest.mark.parametrize(("name", "total", "completed", "percent"), POLLS)
async def test_poll(
    contract: Contract, recordings: dict[str, Recording], name: str, total: int, completed: int, percent: str
) -> None:
    """What a notebook printed at each poll: the percentage, and the last snapshot with its float32 digits."""
    snapshots = read_metadata(recordings, name)["snapshots"]
    await contract.given(recorded_operation(recordings[name].request.url.split("/", 4)[4], snapshots, total, completed))
    answer = await contract.play(name)
    metadata = answer.json["metadata"]
    assert answer.heard.status == 200
    assert f"{metadata['completedPercent']:.2f}" == percent
    assert metadata["snapshots"][-1] == snapshots[-1]
    assert list(metadata["snapshots"][-1]) == ["step", "epoch", "meanLoss", "computeTime"]


async def test_cancel(contract: Contract) -> None:
    """An empty body is enough, and an empty message comes back."""
    name = "tunedModels/text-predictor-dsygc8rjuymz/operations/r6z44bgt2mog"
    await contract.given(recorded_operation(name, [], 38, 2))
    (await contract.play("operation_cancel")).same_answer().same_bytes()
