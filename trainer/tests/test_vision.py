"""Models that see are tuned on images and answer about them; random ones stand for the directories of users."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from tests.models import make_job, write_examples, write_llava, write_seeing_gemma
from tuning_trainer.answering.generate import answer
from tuning_trainer.learning.loop import run_job
from tuning_trainer.spec import IMAGE_MARK, Done, Event, Example, Prompt, Step, Turn, reads_images

pytestmark = pytest.mark.slow


def draw(color: str) -> str:
    """A picture in Base64."""
    from PIL import Image

    file = BytesIO()
    Image.new("RGB", (40, 24), color).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def ask(color: str, text: str = f"{IMAGE_MARK}\n?") -> Turn:
    """A question about a picture."""
    return Turn("user", text, (draw(color),))


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared and never written to."""
    return write_llava(tmp_path_factory.mktemp("models") / "llava")


def test_a_directory_that_sees_is_known(llava: Path, tiny: Path) -> None:
    """By its config and its processor."""
    assert reads_images(llava)
    assert not reads_images(tiny)
    assert not reads_images(llava / "none")


def test_the_turn_of_the_model_is_scored_and_images_are_tokens(llava: Path) -> None:
    """Four tokens an image, none of them learned; the answer ends with the end of its turn."""
    from tuning_trainer.huggingface.vision import VisionChat

    chat = VisionChat(llava)
    turns = (ask("red"), Turn("model", "one"), Turn("user", "and?"), Turn("model", "two"))
    encoded = chat.encode(turns, "Look.")
    ids, mark = list(encoded.ids), int(chat.tokenizer.token_to_id("<image>") or 0)
    assert ids.count(mark) == 4
    learned = [id for id, scored in zip(ids, encoded.scored, strict=True) if scored]
    assert chat.tokenizer.decode(learned, skip_special_tokens=False) == "one<|im_end|>\ntwo<|im_end|>\n"
    assert encoded.inputs["pixel_values"].shape == (1, 3, 32, 32)
    assert chat.prompt(turns[:1], "Look.") == ids[: ids.index(learned[0], ids.index(mark))]
    assert chat.encode(turns[2:]).inputs is None


@pytest.mark.parametrize(
    ("write", "method"), [(write_llava, "supervised"), (write_llava, "full"), (write_seeing_gemma, "supervised")]
)
def test_it_learns_to_tell_pictures_apart(write: Callable[[Path], Path], tmp_path: Path, method: str) -> None:
    """From the picture alone, for the texts are the same; the base does not know, rows beside it do not matter."""
    words = {"red": "one", "blue": "two"}
    examples = [Example((ask(color), Turn("model", word))) for color, word in words.items()] * 4
    write_examples(tmp_path / "examples.jsonl", examples)
    events: list[Event] = []
    base = write(tmp_path / "base")
    job = make_job(tmp_path, base, method=method, learning_rate=1e-2, epochs=30, adapter_size=8)
    run_job(job, events.append)
    done = events[-1]
    assert isinstance(done, Done), done
    steps = [event for event in events if isinstance(event, Step)]
    assert steps[-1].loss < steps[0].loss
    assert steps[-1].correct == steps[-1].predictions > steps[0].correct

    def say(color: str, adapter: str | None) -> str:
        prompt = Prompt((ask(color),), base_model=str(base), adapter=adapter, max_output_tokens=4, candidates=2)
        one, other = answer(prompt).answers
        assert one.text == other.text
        return one.text.strip()

    assert {color: say(color, done.adapter) for color in words} == words
    assert {color: say(color, None) for color in words} != words


def test_what_does_not_fit_is_dropped_not_cut(llava: Path, tmp_path: Path) -> None:
    """No part of an image can be left out."""
    long = Example((ask("red", f"{IMAGE_MARK}{'x ' * 300}"), Turn("model", "one")))
    write_examples(tmp_path / "examples.jsonl", [long, Example((ask("red"), Turn("model", "one")))])
    events: list[Event] = []
    run_job(make_job(tmp_path, llava, epochs=1), events.append)
    assert isinstance(events[-1], Done), events[-1]
    started = events[0]
    assert getattr(started, "dropped", None) == (0,)
