"""The build: the same command at a tiny budget, from tokenizer to model; repeatable, resumable, tuned as users tune."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from random import Random

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from base_model_build.branches import Branches, adapted_states, init_branches
from base_model_build.build import BLENDED, FILES, blend_runs, build, hash_weights, install_model
from base_model_build.evaluate import Bench, Gate, format_gate
from base_model_build.meta import group_losses, order_batches, stack_rows, tune_groups
from base_model_build.mixture import Encoder, Mixture, draw_pool
from base_model_build.muon import Muon, orthogonalize
from base_model_build.pretrain import Run, make_config, meta_tunes_at, pretrain, rate_at
from base_model_build.recipes import RECIPES
from base_model_build.tokenizer import train_tokenizer
from tuning_trainer import llama, lora
from tuning_trainer.base_model import BOS, CONTROL_TOKENS, EOT, MODEL, USER, read_tokenizer
from tuning_trainer.chat import load_chat
from tuning_trainer.spec import Turn, total_steps

STAGES = (("narrow", 4), ("wide", 6))
TINY = dataclasses.replace(RECIPES["tiny"], meta_every=1, meta_from=0.5)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(train_tokenizer(Mixture(), 400, 1, 200))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder of a tiny build of two runs."""
    work = tmp_path_factory.mktemp("build")
    narrow = dataclasses.replace(TINY, narrow=True, plans="narrow")
    wide = dataclasses.replace(TINY, seed=2, continues=True, guarded=True, top=1.5, plans="tuned")
    build(work, STAGES, {"narrow": narrow, "wide": wide}, blend={"narrow": 0.25, "wide": 0.75}, save_every=2)
    return work


# --- tokens


@pytest.mark.slow
def test_control_tokens_have_their_numbers_and_text_never_becomes_one(whole: Path) -> None:
    tokenizer = read_tokenizer(whole / "wide" / "model")
    assert [tokenizer.token_to_id(text) for text in CONTROL_TOKENS] == list(range(8))
    ids = tokenizer.encode("a <eot><model> b", add_special_tokens=False).ids
    assert min(ids) >= len(CONTROL_TOKENS)
    assert tokenizer.decode(ids) == "a <eot><model> b"


@pytest.mark.slow
def test_any_text_comes_back(encoder: Encoder, whole: Path) -> None:
    tokenizer = read_tokenizer(whole / "wide" / "model")
    for text in ("1,234", "XIV Über\n東京 🙂", "  two  spaces ", "tab\tand\r\n"):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) == text


def test_digits_and_capitals_are_single_tokens(encoder: Encoder) -> None:
    assert len(encoder.encode_text("2026")) == 4
    assert len(encoder.encode_text("XVII")) == 4


@pytest.mark.slow
def test_trainer_reads_the_format_that_pretraining_wrote(whole: Path, encoder: Encoder) -> None:
    """What the model saw in pre-training is token for token what a user's job shows it."""
    model = whole / "wide" / "model"
    row = Encoder(read_tokenizer(model)).encode_pair(("twenty two", "twenty three"))
    encoded = load_chat(model).encode((Turn("user", "twenty two"), Turn("model", "twenty three")))
    assert (list(encoded.ids), list(encoded.scored)) == (row.tokens, row.learned)
    assert row.tokens[0] == BOS
    assert row.tokens[1] == USER
    assert row.tokens[-1] == EOT
    assert MODEL in row.tokens


# --- data


@pytest.mark.slow
def test_pools_are_a_function_of_seed_and_number(encoder: Encoder) -> None:
    first = draw_pool(Mixture(), encoder, 1, 3, 1.0, 2048)
    assert first == draw_pool(Mixture(), encoder, 1, 3, 1.0, 2048)
    assert first != draw_pool(Mixture(), encoder, 1, 4, 1.0, 2048)
    assert all(len(rows) == 1 or len(rows) * max(len(row.tokens) for row in rows) <= 2048 for rows in first)


# --- learning


def test_muon_update_is_nearly_orthogonal() -> None:
    matrices = torch.randn(3, 12, 20, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(matrices))
    assert float(values.min()) > 0.6
    assert float(values.max()) < 1.3


def test_muon_treats_each_matrix_of_a_stack_alone() -> None:
    start = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))
    gradient = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(2))
    stacked, parts = start.clone(), [start[:, :3].clone(), start[:, 3:].clone()]
    stacked.grad = gradient.clone()
    Muon([stacked], [2]).step(0.1)
    for part, piece in zip(parts, (gradient[:, :3], gradient[:, 3:]), strict=True):
        part.grad = piece.clone()
    Muon(parts, [1, 1]).step(0.1)
    assert torch.allclose(stacked, torch.cat(parts, 1))


def _random_branches(config: llama.Config, groups: int, rank: int) -> Branches:
    branches = init_branches(config, groups, rank, 3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for _, b in branches.pairs.values():
            b.copy_(torch.randn(b.shape, generator=generator) * 0.05)
    return branches


def _as_adapter(branches: Branches, config: llama.Config, group: int, rank: int) -> lora.Adapter:
    """One group's branch as the trainer's own adapter."""
    adapter = lora.empty_adapter(config, rank)
    for name, (a, b) in branches.pairs.items():
        mine_a, mine_b = adapter.pairs[name]
        mine_a.copy_(a[:, group].detach().view_as(mine_a))
        mine_b.copy_(b[:, group].detach().reshape_as(mine_b))
    return adapter


def test_branches_are_the_trainers_adapters_side_by_side() -> None:
    """Three groups at once give what the trainer computes for each of the three adapters alone."""
    config = make_config(TINY, 60)
    weights = {name: tensor * 3 for name, tensor in llama.init_weights(config, 1).items()}
    branches = _random_branches(config, 3, 4)
    ids = torch.randint(8, 60, (6, 9), generator=torch.Generator().manual_seed(5))
    together = adapted_states(weights, config, ids, branches)
    for group in range(3):
        tuned = lora.merge(_as_adapter(branches, config, group, 4), weights, config)
        alone = llama.hidden_states(tuned, config, ids[2 * group : 2 * group + 2])
        assert torch.allclose(together[2 * group : 2 * group + 2], alone, atol=1e-3)


def test_gradient_of_the_base_is_that_at_the_tuned_weights() -> None:
    """The gradient that meta-tuning adds is the one a merged model would give: nothing is left out but curvature."""
    config = make_config(TINY, 60)
    weights = {name: (t * 3).requires_grad_() for name, t in llama.init_weights(config, 1).items()}
    branches = _random_branches(config, 1, 4).freeze()
    ids = torch.randint(8, 60, (2, 7), generator=torch.Generator().manual_seed(6))
    direction = torch.randn(config.hidden_size, generator=torch.Generator().manual_seed(7))
    (adapted_states(weights, config, ids, branches) * direction).sum().backward()  # type: ignore[no-untyped-call]
    plain = {name: tensor.detach() for name, tensor in weights.items()}
    merged: dict[str, Tensor] = lora.merge(_as_adapter(branches, config, 0, 4), plain, config)
    merged = {name: tensor.clone().requires_grad_() for name, tensor in merged.items()}
    (llama.hidden_states(merged, config, ids) * direction).sum().backward()  # type: ignore[no-untyped-call]
    for name, tensor in weights.items():
        ours, theirs = tensor.grad, merged[name].grad
        assert ours is not None
        assert theirs is not None
        assert float((ours - theirs).norm() / theirs.norm()) < 1e-3, name


def test_group_losses_are_means_per_group(encoder: Encoder) -> None:
    groups = [[encoder.encode_pair(("1", "2")), encoder.encode_pair(("3", "4 5 6"))], [encoder.encode_pair(("a", "b"))]]
    _, shares = stack_rows(groups)
    assert torch.allclose(torch.stack([shares[:2].sum(), shares[2:].sum()]), torch.ones(2))


def test_simulated_jobs_learn(encoder: Encoder) -> None:
    """Tuning side by side lowers each group's loss, and no group touches another's adapter."""
    config = make_config(dataclasses.replace(TINY, hidden_size=32, mlp_size=48), 400)
    weights = llama.init_weights(config, 1)
    weights["embedding"] *= 20
    shown = [[encoder.encode_pair((x, y))] * 4 for x, y in (("1", "2"), ("1", "3"))]
    tuned, before = tune_groups(weights, config, shown, 8, 30, 1e-2, 1)
    assert float(group_losses(weights, config, shown, tuned)) / 2 < 0.5 * before
    alone, _ = tune_groups(weights, config, [shown[0], shown[0]], 8, 30, 1e-2, 1)
    assert torch.allclose(tuned.pairs["qkv"][1][:, 0], alone.pairs["qkv"][1][:, 0], atol=1e-3)


def test_simulated_batches_run_on_across_epochs() -> None:
    """15 examples, 5 epochs, batches of 4: the 19 steps of a real job, every example five times."""
    batches = order_batches(Random(1), 15, 5, 4)
    assert len(batches) == total_steps(15, 5, 4) == 19
    seen = [i for batch in batches for i in batch]
    assert sorted(seen) == sorted(list(range(15)) * 5)
    assert sorted(seen[:15]) == list(range(15))


def test_schedule() -> None:
    recipe = dataclasses.replace(TINY, steps=1000, meta_from=0.5, meta_dense=3, meta_every=10)
    assert rate_at(recipe, 0) == pytest.approx(1 / 60)
    assert rate_at(recipe, 399) == 1.0
    assert rate_at(recipe, 999) == pytest.approx(0.03, abs=0.001)
    assert [step for step in range(490, 525) if meta_tunes_at(recipe, step)] == [500, 501, 502, 510, 520]


# --- runs


@pytest.mark.slow
def test_same_recipe_same_bytes_and_resuming_changes_nothing(tmp_path: Path) -> None:
    """Stopped after step 4, in the middle of meta-tuning and of a pool, and continued: the same file, bit for bit."""
    pretrain(TINY, tmp_path / "straight", save_every=100)
    pretrain(TINY, tmp_path / "stopped", save_every=100, until=4)
    unfinished = hash_weights(tmp_path / "stopped" / "model")
    pretrain(TINY, tmp_path / "stopped", save_every=100)
    assert hash_weights(tmp_path / "straight" / "model") == hash_weights(tmp_path / "stopped" / "model") != unfinished
    other = dataclasses.replace(TINY, seed=9)
    with pytest.raises(ValueError, match="recipe"):
        pretrain(other, tmp_path / "stopped")


@pytest.mark.slow
def test_learning_learns(tmp_path: Path) -> None:
    """150 steps without meta-tuning bring the loss well below that of a uniform guess."""
    recipe = dataclasses.replace(TINY, steps=150, meta_from=1.0, hidden_size=32, mlp_size=48)
    run = Run(recipe, tmp_path)
    losses = [run.train_step()["loss"] for _ in range(150)]
    assert sum(losses[-10:]) < 0.75 * sum(losses[:10])


@pytest.mark.slow
def test_build_goes_from_nothing_to_a_model(whole: Path, tmp_path: Path) -> None:
    model = whole / BLENDED
    config = llama.load_config(model)
    weights = llama.load_weights(model)
    assert all((model / name).exists() for name in FILES)
    assert weights["embedding"].shape == (config.vocab_size, TINY.hidden_size)
    install_model(whole, tmp_path, tmp_path / "build.log.jsonl", STAGES)
    assert hash_weights(tmp_path) == hash_weights(model)
    lines = [json.loads(line) for line in (tmp_path / "build.log.jsonl").read_text("utf-8").splitlines()]
    assert [(line["run"], line["step"]) for line in lines][-1] == ("wide", TINY.steps)


def test_the_model_is_the_weighted_mean_of_its_runs(whole: Path, tmp_path: Path) -> None:
    """Runs whose weights are all 1 and all 5, a quarter and three quarters: all 4."""
    for name, value in (("one", 1.0), ("five", 5.0)):
        (tmp_path / name).mkdir()
        shutil.copyfile(whole / "wide" / "tokenizer.json", tmp_path / name / "tokenizer.json")
        average = torch.load(whole / "wide" / "checkpoint.pt", weights_only=True)["average"]
        filled = {part: torch.full_like(tensor, value) for part, tensor in average.items()}
        torch.save({"average": filled}, tmp_path / name / "checkpoint.pt")
    blend_runs(tmp_path, {"one": 0.25, "five": 0.75}, TINY)
    assert all((tensor == 4).all() for tensor in llama.load_weights(tmp_path / BLENDED).values())
    with pytest.raises(ValueError, match=r"add up to 1\.5"):
        blend_runs(tmp_path, {"one": 0.5, "five": 1.0}, TINY)


def test_a_recipe_that_continues_needs_a_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="start"):
        Run(dataclasses.replace(TINY, continues=True), tmp_path)


@pytest.mark.slow
def test_transformers_loads_the_directory(whole: Path) -> None:
    """Same scores as our own forward pass, and the chat template writes the tokens that the trainer does."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = whole / "wide" / "model"
    theirs = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    messages = [{"role": "system", "content": "next number"}, {"role": "user", "content": "twenty two"}]
    tokenizer = AutoTokenizer.from_pretrained(model)
    prompt = load_chat(model).prompt((Turn("user", "twenty two"),), "next number")
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == prompt
    ids = torch.tensor([prompt])
    config, weights = llama.load_config(model), llama.load_weights(model)
    ours = llama.logits(weights, llama.hidden_states(weights, config, ids))
    assert torch.allclose(theirs(ids).logits, ours, atol=1e-4)
    assert F.softmax(ours[0, -1], -1).sum() == pytest.approx(1.0, abs=1e-4)


# --- evaluation


def test_bench_tunes_and_answers_through_the_trainers_own_loop(whole: Path, tmp_path: Path) -> None:
    """A tiny untrained model can still be taught one fixed answer; the score counts exact answers only."""
    bench = Bench(whole / "wide" / "model", tmp_path, 1)
    pairs = [("1", "2"), ("3", "2")]
    assert bench.score(pairs) == 0.0
    assert bench.answer(["1", "3"]) != ["2", "2"]
    adapter = bench.tune(pairs, size=8, epochs=3)
    assert Path(adapter, "adapter_model.safetensors").exists()
    shares = bench.score_forms({"digits": pairs}, adapter)
    assert set(shares) == {"digits"}
    assert 0.0 <= shares["digits"] <= 1.0


def test_gates_tell_passed_from_missed() -> None:
    assert Gate("x", 0.3, (0.2,), below=True).passed
    assert not Gate("x", 0.3, (0.4,), below=True).passed
    missed = Gate("x", 1.0, (1.0, 0.9))
    assert not missed.passed
    assert "**missed**" in format_gate(missed)
    assert "[0.90, 1.00]" in format_gate(missed)
