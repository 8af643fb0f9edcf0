"""Many answers at once: whatever their company, their adapters and when they come, they say what they say alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.families import write_family
from tests.models import ROLE_TOKENS, write_gpt2, write_llama, write_tokenizer
from tuning_trainer import model
from tuning_trainer.answering import generate
from tuning_trainer.answering.generate import Answering, Delta, Finished, Output
from tuning_trainer.native import lora
from tuning_trainer.native.families import load_config
from tuning_trainer.spec import Answer, Form, Prompt, Turn

Ask = Callable[..., Prompt]


def write_adapter(directory: Path, base: Path, seed: int, rank: int = 4) -> str:
    """An adapter of random weights that change what is said."""
    config = load_config(base)
    adapter = lora.init_adapter(config, rank, seed)
    for number, (_, b) in enumerate(adapter.pairs.values()):
        b.data.normal_(0, 0.05, generator=torch.Generator().manual_seed(seed * 10 + number))
    lora.save_adapter(adapter, config, directory, str(base))
    return str(directory)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random, but decided: its scores are as far apart as those of a model that has learned something."""
    directory = write_llama(tmp_path_factory.mktemp("base"))
    weights = load_file(directory / "model.safetensors")
    weights["model.embed_tokens.weight"] *= 25
    save_file(weights, directory / "model.safetensors", {"format": "pt"})
    return directory


@pytest.fixture(scope="module")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str | None]:
    """The bare base, and three adapters of different ranks."""
    folder = tmp_path_factory.mktemp("adapters")
    return [None, *(write_adapter(folder / str(rank), base, rank, rank) for rank in (1, 4, 8))]


@pytest.fixture(params=["native", "transformers"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of the two runs the base model."""
    chosen: str = request.param
    if chosen == "transformers":
        monkeypatch.setattr(model, "is_native", lambda _: False)
    return chosen


@pytest.fixture
def ask(base: Path) -> Ask:
    def make(text: str, **settings: Any) -> Prompt:
        return Prompt((Turn("user", text),), base_model=str(base), **{"max_output_tokens": 10} | settings)

    return make


def drive(answering: Answering, outputs: list[Output]) -> dict[str, Answer]:
    """Works until everything is answered; the first answers."""
    while answering.busy:
        outputs += answering.advance()
    assert all(isinstance(each, Finished | Delta) for each in outputs), outputs
    return {each.id: each.reply.answers[0] for each in outputs if isinstance(each, Finished)}


def answer_all(prompts: dict[str, Prompt], stream: bool = False) -> tuple[dict[str, Answer], dict[str, str]]:
    """All of them at once, with what was streamed of each."""
    answering, outputs = Answering("cpu"), list[Output]()
    for name, prompt in prompts.items():
        answering.submit(name, prompt, stream)
    answers = drive(answering, outputs)
    streamed = dict.fromkeys(prompts, "")
    for output in outputs:
        if isinstance(output, Delta):
            streamed[output.id] += output.text
    return answers, streamed


KINDS: list[dict[str, Any]] = [
    {},
    {"temperature": 1.2, "seed": 5},
    {"form": Form(schema=json.dumps({"type": "array", "items": {"type": "integer"}, "maxItems": 3}))},
    {"alternatives": 3, "stop": ("e",)},
]
"""Greedy, drawn, held to a form, stopped by a text with chances told."""


@pytest.mark.slow
def test_sixteen_at_once_say_what_each_says_alone(ask: Ask, adapters: list[str | None], path: str) -> None:
    """Of four models in turn, of different length, streamed."""
    prompts = {
        str(number): ask("two " * (1 + number % 5), adapter=adapters[number % 4], **KINDS[number // 4])
        for number in range(16)
    }
    together, streamed = answer_all(prompts, stream=True)
    for name, prompt in prompts.items():
        alone = answer_all({name: prompt})[0][name]
        assert together[name].text == alone.text == streamed[name], (name, path)
        assert (together[name].tokens, together[name].finish) == (alone.tokens, alone.finish)
        assert together[name].logprob == pytest.approx(alone.logprob, abs=1e-4)
        for first, second in zip(together[name].chosen, alone.chosen, strict=True):
            assert (first.id, first.text) == (second.id, second.text)
            assert first.logprob == pytest.approx(second.logprob, abs=1e-4)
    assert len({each.text for each in together.values()}) > 4


@pytest.mark.slow
def test_in_bfloat16_too_but_for_the_last_bit(
    ask: Ask, adapters: list[str | None], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The precision of a GPU: chances are the same within what it can tell apart, and so is the best token, unless two
    are as good."""
    monkeypatch.setattr(generate, "choose_device", lambda *_: ("cpu", "bfloat16"))
    kinds = [{**kind, "alternatives": 5} for kind in KINDS if "temperature" not in kind]
    prompts = {
        str(number): ask("two " * (1 + number % 5), adapter=adapters[number % 4], **kinds[number // 4 % 3])
        for number in range(16)
    }
    together, _ = answer_all(prompts)
    compared = 0
    for name, prompt in prompts.items():
        alone = answer_all({name: prompt})[0][name]
        pairs = zip(together[name].likeliest, alone.likeliest, together[name].chosen, alone.chosen, strict=False)
        for here, there, chosen, other in pairs:
            mine, theirs = ({each.id: each.logprob for each in told} for told in (here, there))
            for token in mine.keys() & theirs.keys():
                assert mine[token] == pytest.approx(theirs[token], abs=0.3), (name, path)
            compared += 1
            if chosen.id != other.id:
                assert abs(mine[chosen.id] - mine[other.id]) < 0.3
                break  # from here on they are different texts
    assert compared > 60


@pytest.mark.parametrize("write", [write_gpt2, lambda folder: write_family(folder, "Gemma 3")])
@pytest.mark.slow
def test_other_models_of_transformers_are_batched(
    write: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions that are learned; a window that is shorter than the texts."""
    monkeypatch.setattr(model, "is_native", lambda _: False)
    directory = write(tmp_path)
    prompts = {
        str(count): Prompt((Turn("user", "three " * count),), base_model=str(directory), max_output_tokens=15)
        for count in (1, 2, 5, 9)
    }
    answering, outputs = Answering("cpu"), list[Output]()
    for name, prompt in prompts.items():
        answering.submit(name, prompt)
        outputs += answering.advance()
    (desk,) = answering._desks.values()
    assert type(desk.decoder).__name__ == "BatchDecoder"
    together = drive(answering, outputs)
    for name, prompt in prompts.items():
        alone = answer_all({name: prompt})[0][name]
        assert (together[name].text, together[name].tokens) == (alone.text, alone.tokens)
        assert together[name].logprob == pytest.approx(alone.logprob, abs=1e-4)


@pytest.mark.slow
def test_a_model_with_a_state_is_answered_row_by_row_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    config = MambaConfig(vocab_size=304, hidden_size=16, state_size=4, num_hidden_layers=2, eos_token_id=2)
    MambaForCausalLM(config).save_pretrained(tmp_path)
    write_tokenizer(tmp_path, ROLE_TOKENS)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<eot>"}))
    prompts = {
        text: Prompt((Turn("user", text),), base_model=str(tmp_path), max_output_tokens=6) for text in ("one", "two 3")
    }
    with caplog.at_level(logging.WARNING):
        together, _ = answer_all(prompts)
    assert "one after another" in caplog.text
    for name, prompt in prompts.items():
        assert together[name] == answer_all({name: prompt})[0][name]


def test_who_joins_while_another_is_far_changes_nothing(ask: Ask, adapters: list[str | None], path: str) -> None:
    """One is at its hundredth token when others come and go, of its own model and of another."""
    long = ask("seven", max_output_tokens=140, temperature=1.0, seed=3, adapter=adapters[2])
    others = {"same": replace(long, seed=9, max_output_tokens=5), "other": ask("two two", adapter=adapters[3])}
    answering, outputs = Answering("cpu"), list[Output]()
    answering.submit("long", long)
    for _ in range(100):
        outputs += answering.advance()
    for name, prompt in others.items():
        answering.submit(name, prompt)
    together = drive(answering, outputs)
    for name, prompt in {"long": long, **others}.items():
        assert together[name].text == answer_all({name: prompt})[0][name].text, name
    assert together["long"].tokens > 100


def test_a_long_prompt_holds_nobody_up(ask: Ask, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read a few tokens a pass; whoever is being written gets a token in each of them."""
    monkeypatch.setattr(model, "CHUNK_TOKENS", (8, 8))
    short, long = ask("3", max_output_tokens=60, temperature=1.0, seed=1), ask("x" * 200, max_output_tokens=3)
    alone = {name: answer_all({name: each})[0][name] for name, each in {"short": short, "long": long}.items()}
    answering = Answering("cpu")
    answering.submit("short", short)
    outputs = [*answering.advance()]
    answering.submit("long", long)
    (desk,) = answering._desks.values()
    passes = 0
    while not any(row.request.id == "long" and row.tokens for row in desk.rows.values()):
        writing = next(row for row in desk.rows.values() if row.request.id == "short")
        before = len(writing.tokens)
        outputs += answering.advance()
        assert len(writing.tokens) == before + 1
        passes += 1
    assert passes >= 200 // 8
    assert {name: each.text for name, each in drive(answering, outputs).items()} == {
        name: each.text for name, each in alone.items()
    }


def test_what_was_read_before_is_not_read_again(
    ask: Ask, adapters: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second question after the same words takes few passes; with another adapter it is read from the beginning."""
    monkeypatch.setattr(model, "CHUNK_TOKENS", (8, 8))
    answering = Answering("cpu")

    def count_passes(prompt: Prompt) -> int:
        answering.submit("it", prompt)
        passes = 0
        while answering.busy:
            for output in answering.advance():
                assert isinstance(output, Finished)
                assert output.reply.answers[0].text == answer_all({"it": prompt})[0]["it"].text
            passes += 1
        return passes

    words = "one two three four five " * 8
    first = count_passes(ask(words + "1", max_output_tokens=1))
    assert first > 5
    assert count_passes(ask(words + "2", max_output_tokens=1)) <= 2
    assert count_passes(ask(words + "2", max_output_tokens=1, adapter=adapters[2])) == first
    assert count_passes(ask(words + "3", max_output_tokens=1, adapter=adapters[2])) <= 2
    several = ask(words + "4", max_output_tokens=4, candidates=4, temperature=1.0)
    answering.submit("several", several)
    (desk,) = answering._desks.values()
    answering._desks[next(iter(answering._desks))].decoder.shrink(0)
    passes, read = 0, set[int]()
    while len(read) < 4:
        list(answering.advance())
        passes += 1
        read = {row.number for row in desk.rows.values() if row.tokens} | read
    assert passes <= first + 2


@pytest.mark.parametrize("after", [0, 1, 30])
def test_who_is_given_up_leaves_nothing_behind(
    after: int, ask: Ask, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is read, at its first token, and later; the other goes on."""
    monkeypatch.setattr(model, "CHUNK_TOKENS", (8, 8))
    kept = ask("seven", max_output_tokens=50, temperature=1.0, seed=2)
    answering, outputs = Answering("cpu"), list[Output]()
    answering.submit("gone", ask("x" * 90, max_output_tokens=100, candidates=3, temperature=1.0), stream=True)
    answering.submit("kept", kept)
    for _ in range(after):
        outputs += answering.advance()
    answering.cancel("gone")
    (desk,) = answering._desks.values()
    assert {row.request.id for row in (*desk.rows.values(), *desk.waiting)} <= {"kept"}
    later = list[Output]()
    together = drive(answering, later)
    assert not any(each.id == "gone" for each in later)
    assert together["kept"].text == answer_all({"kept": kept})[0]["kept"].text
    assert desk.used_bytes == 0
    assert desk.decoder.used_bytes == 0
    answering.cancel("never asked")


def test_memory_stays_within_its_bound_whatever_is_asked(
    ask: Ask, adapters: list[str | None], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long prompts and short ones of four models; what is kept of earlier prompts counts, and gives way."""
    token_bytes = Answering("cpu")._model((ask("").base_model, None, 0)).token_bytes
    monkeypatch.setattr(generate, "WRITING_BYTES", 1200 * token_bytes)
    monkeypatch.setattr(generate, "_PARAMETER_BYTES", 0)
    answering, outputs = Answering("cpu"), list[Output]()
    for number in range(24):
        text = "x" * (150 if number % 5 == 0 else 5 + number)
        answering.submit(str(number), ask(text, seed=number, temperature=1.5, max_output_tokens=50))
    while answering.busy:
        outputs += answering.advance()
        for desk in answering._desks.values():
            assert len(desk.rows) <= 1 or desk.decoder.used_bytes + desk.decoder.kept_bytes <= 1200 * token_bytes
    assert len([each for each in outputs if isinstance(each, Finished)]) == 24


def test_jobs_are_answered_in_place_of_stale_ones(tmp_path: Path) -> None:
    """Of base models that nobody asks any more, at most two stay in memory."""
    answering = Answering("cpu")
    for number in range(4):
        directory = write_llama(tmp_path / str(number), seed=number)
        answering.submit("a", Prompt((Turn("user", "one"),), base_model=str(directory), max_output_tokens=2))
        drive(answering, [])
    assert len(answering._desks) <= generate.KEPT_BASES
    assert len({each.desk for each in answering._models.values()}) <= generate.KEPT_BASES
