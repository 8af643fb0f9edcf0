"""Examples are read, encoded, cut when too long, and put into batches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.models import pair, write_examples
from tuning_trainer.data.chat import Encoded, load_chat
from tuning_trainer.data.dataset import InvalidDataError, collate, encode_examples, read_examples
from tuning_trainer.spec import Example, Turn


def test_examples_are_read_back(tmp_path: Path) -> None:
    examples = [pair("1", "2"), pair("ü", "\u2028", system="s", rejected="no")]
    assert read_examples(write_examples(tmp_path / "e.jsonl", examples)) == examples


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2"),
        ('{"turns": [{"role": "robot", "text": "x"}]}', "'robot' is not one of"),
        ('{"turns": [{"role": "user", "text": "x"}]}', "no model turn"),
        ('{"text": "x"}', "turns"),
        ("[1]", "line 2"),
    ],
)
def test_bad_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = write_examples(tmp_path / "e.jsonl", [pair("1", "2")])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InvalidDataError, match=message):
        read_examples(path)


def test_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="no examples"):
        read_examples(write_examples(tmp_path / "e.jsonl", []))


def test_long_examples_are_cut_and_counted(tiny: Path) -> None:
    """The middle of the longest question goes; an answer that is too long itself loses its end."""
    chat = load_chat(tiny)
    turns = (Turn("user", "what of " + "x" * 300 + " now"), Turn("model", "2"))
    examples = [pair("1", "2"), Example(turns), pair("3", "4"), pair("5", "y" * 300)]
    data = encode_examples(examples, chat, 100)
    assert (data.dropped, data.cut) == ((), (1, 3))
    assert [len(row) <= 100 for (row,) in data.rows] == [True] * 4
    long = chat.encode(turns)
    (asked,), (answered,) = data.rows[1], data.rows[3]
    assert (len(asked), asked.ids[:32], asked.ids[-32:]) == (100, long.ids[:32], long.ids[-32:])
    assert sum(asked.scored) == sum(long.scored)
    assert answered.ids == chat.encode(examples[3].turns).ids[:100]


def test_both_answers_of_a_preference_keep_the_same_question(tiny: Path) -> None:
    """What is cut out of the prompt is the same for the two, or they could not be compared."""
    turns = (Turn("user", "x" * 300), Turn("model", "good"))
    ((chosen, rejected),) = encode_examples([Example(turns, rejected="very bad")], load_chat(tiny), 100, True).rows
    asked = [row.ids[: row.scored.index(True)] for row in (chosen, rejected)]
    assert asked[0] == asked[1]
    assert max(len(chosen), len(rejected)) == 100


def test_an_example_with_nothing_left_to_learn_is_dropped(tiny: Path) -> None:
    """No room for an answer; if that is so everywhere, the job says it."""
    examples = [pair("x" * 50, "2"), pair("1", "2")]
    data = encode_examples(examples, load_chat(tiny), 20)
    assert (data.dropped, data.cut, len(data.rows)) == ((0,), (), 1)
    with pytest.raises(InvalidDataError, match="all 2 are longer than 2 tokens"):
        encode_examples(examples, load_chat(tiny), 2)


def test_preference_example_scores_the_last_answer_only(tiny: Path) -> None:
    chat = load_chat(tiny)
    turns = (Turn("user", "a"), Turn("model", "b"), Turn("user", "c"), Turn("model", "good"))
    (row,) = encode_examples([Example(turns, rejected="bad")], chat, 100, preference=True).rows
    texts = [chat.tokenizer.decode([i for i, flag in zip(each.ids, each.scored, strict=True) if flag]) for each in row]
    assert texts == ["good", "bad"]
    with pytest.raises(InvalidDataError, match="number 0 needs"):
        encode_examples([Example(turns)], chat, 100, preference=True)


def test_batch_points_each_target_at_the_place_before_it() -> None:
    rows = [Encoded((1, 4, 9, 5, 7, 2), (False,) * 4 + (True,) * 2), Encoded((1, 5, 8), (False, False, True))]
    batch = collate(rows)
    assert batch.inputs.tolist() == [[1, 4, 9, 5, 7], [1, 5, 0, 0, 0]]
    assert batch.targets.tolist() == [7, 2, 8]
    assert batch.inputs.flatten()[batch.places].tolist() == [5, 7, 5]
    assert batch.rows.tolist() == [0, 0, 1]
    assert batch.lengths.tolist() == [5, 2]
    assert batch.inputs.dtype == torch.int64
