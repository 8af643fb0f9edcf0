"""The demo tells the truth: its task is the guide's, its unseen prompts are unseen, and both flows run to the end."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from base_model_build.generator.tasks import DOCUMENTED_PAIRS, is_held_out
from tuning_emulator.cli.demo.screen import Asked, count_right, draw_curve, mark
from tuning_emulator.cli.demo.task import GROUPS, HELD_OUT, SHOWN, UNSEEN, Pair

ROOT = Path(__file__).resolve().parent.parent


def test_shown_pairs_are_the_documented_ones() -> None:
    """The 15 pairs of the guide, in its order."""
    assert [(pair.prompt, pair.expected) for pair in SHOWN] == list(DOCUMENTED_PAIRS)


def test_unseen_prompts_are_not_shown() -> None:
    """No prompt is both, none is asked twice, and those said to be held out were kept from the base model too."""
    prompts = [pair.prompt for _, pairs in GROUPS for pair in pairs]
    assert len(set(prompts)) == len(prompts) == len(SHOWN) + len(UNSEEN)
    assert all(is_held_out("successor", pair.prompt) for pair in HELD_OUT)


def test_only_the_exact_answer_counts() -> None:
    """A near miss is marked as one, and an empty answer says so."""
    pair = Pair("seven", "eight")
    assert count_right([Asked(pair, "seven", "eight"), Asked(pair, "", "eight ")]) == (0, 1)
    assert [mark(text, pair).plain for text in ("eight", "Eight", "", "a\nb")] == [
        "✓ eight",
        "✗ Eight",
        "✗ (nothing)",
        "✗ a⏎b",
    ]


@pytest.mark.parametrize("losses", [[1.0], [0.0, 0.0], [2.0, 1.0, 0.5], [0.1 * n for n in range(500)]])
def test_a_curve_fits_the_picture(losses: list[float]) -> None:
    """Any number of steps fits the picture."""
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(draw_curve(losses))
    assert f"step {len(losses)}" in console.export_text()


def run_demo(trainer: str) -> str:
    """What `make demo` prints, with one of the trainers."""
    command = [sys.executable, "-m", "tuning_emulator", "demo", "--trainer", trainer]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.process
def test_demo_with_the_scripted_trainer() -> None:
    """Without torch both flows end, the training inputs are repeated, and it is said that this is a pretence."""
    said = run_demo("scripted")
    assert said.count("19/19 steps") == 2
    assert said.count("training inputs 0 → 15 of 15") == 2
    assert "only pretends" in said


@pytest.mark.lora
def test_demo_with_the_lora_trainer() -> None:
    """What a newcomer sees: two real tunings, after which all 15 training inputs are answered exactly."""
    pytest.importorskip("torch")
    said = run_demo("lora")
    assert said.count("19/19 steps") == 2
    assert "only pretends" not in said
    for flow in ("Gemini API", "Vertex AI"):
        line = next(line for line in said.splitlines() if line.startswith(f"   {flow}   ") and "→" in line)
        before, after = (int(word) for word in line.partition("training inputs ")[2].split()[:3:2])
        assert before < after == len(SHOWN)
