"""What the trainer is asked, and what a request leaves to the model."""

from __future__ import annotations

from typing import Any

from tuning_emulator.facts.base_models import find_base_model
from tuning_emulator.gemini.prompts import ContentRequest, read_prompt
from tuning_trainer.spec import Turn


def ask(body: dict[str, Any], **sampling: Any) -> ContentRequest:
    """A request to a tuned model."""
    base = find_base_model("gemini", "gemini-1.5-flash-001-tuning")
    assert base is not None
    body = {"contents": [{"parts": [{"text": "1"}]}], **body}
    return ContentRequest(body, "GenerateContentRequest", "tunedModels/x", base, **sampling)


def test_the_model_decides_what_the_request_leaves_open() -> None:
    """Sampling of the model, its output limit, one candidate; no temperature: the likeliest answer."""
    prompt = read_prompt(ask({}, top_p=0.95, top_k=64))
    assert (prompt.temperature, prompt.top_p, prompt.top_k) == (0.0, 0.95, 64)
    assert (prompt.max_output_tokens, prompt.candidates, prompt.stop, prompt.seed) == (8192, 1, (), 0)


def test_a_tuned_model_with_a_temperature_of_its_own_draws() -> None:
    """Given when it was created."""
    assert read_prompt(ask({}, temperature=0.3)).temperature == 0.3


def test_the_request_wins() -> None:
    """Every field of the generation config that the trainer knows, zeros included."""
    config = {
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 0,
        "seed": 7,
        "max_output_tokens": 9,
        "candidate_count": 2,
        "stop_sequences": ["\n", ""],
    }
    prompt = read_prompt(ask({"generation_config": config}, temperature=0.9, top_p=1.0, top_k=64))
    assert (prompt.temperature, prompt.top_p, prompt.top_k, prompt.seed) == (0.0, 0.5, 0, 7)
    assert (prompt.max_output_tokens, prompt.candidates, prompt.stop) == (9, 2, ("\n",))


def test_turns() -> None:
    """Parts are joined; a content without role is the user's."""
    contents = [
        {"parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}]},
        {"role": "user", "parts": [{"text": "d"}]},
    ]
    prompt = read_prompt(ask({"contents": contents}))
    assert prompt.turns == (Turn("user", "ab"), Turn("model", "c"), Turn("user", "d"))
