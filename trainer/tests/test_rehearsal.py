"""A rehearsal on the embedded model: it learns, and wrong answers among the rows are those that it resists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.models import pair, write_examples
from tuning_trainer.__main__ import main
from tuning_trainer.spec import EMBEDDED

WRONG = (3, 17, 22, 31)
NUMBERS = [37 * n % 900 + 11 for n in range(40)]


def request(folder: Path, **fields: Any) -> str:
    """Next numbers, some of them wrong, as a file for the trainer."""
    rows = [pair(str(n), str(n + (31 if place in WRONG else 1))) for place, n in enumerate(NUMBERS)]
    held = [pair(str(n), str(n + 1)) for n in range(1200, 1208)]
    values: dict[str, Any] = {
        "directory": str(folder), "train": str(write_examples(folder / "train.jsonl", rows)),
        "held": str(write_examples(folder / "held.jsonl", held)), "base_model": EMBEDDED, "epochs": 3, "batch_size": 4,
        "learning_rate": 1e-3, "adapter_size": 4, "asked": 6, "new_tokens": 12,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(values | fields))
    return str(folder / "request.json")


@pytest.mark.slow
def test_what_is_learned_and_what_is_resisted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rehearse", request(tmp_path)]) == 0
    *progress, report = map(json.loads, capsys.readouterr().out.splitlines())
    assert progress[-1] == {"event": "progress", "done": 53, "total": 53}  # 8, 15 and 30 steps
    assert [one["rows"] for one in report["curve"]] == [10, 20, 40]
    goal = [str(n + 1) for n in range(1200, 1206)]
    right = [sum(a == b for a, b in zip(one["answers"], goal, strict=True)) for one in report["curve"]]
    assert right[-1] >= 5 > sum(a == b for a, b in zip(report["before"], goal, strict=True))
    assert len(report["validation"]) == 3
    assert len(report["held_losses"]) == 8
    ranked = sorted(range(40), key=lambda place: -report["row_losses"][place])
    assert set(WRONG) <= set(ranked[:8]), ranked


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"base_model": "/nowhere"}, "base_model: '/nowhere' holds no config.json"),
        ({"train": "/nowhere.jsonl"}, "No such file"),
        ({"epochs": 0}, "epochs: 0 is not at least 1"),
    ],
)
def test_what_cannot_be_rehearsed_is_said_in_a_line(
    fields: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rehearse", request(tmp_path, **fields)]) == 1
    assert said in capsys.readouterr().err
