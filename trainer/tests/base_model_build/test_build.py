"""The build at a tiny size, from tokenizer to model: repeatable, resumable, and its simulated jobs are real ones."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from random import Random
from typing import Literal

import pytest
import torch
import torch.nn.functional as F

from base_model_build.build import FILES, build, hash_weights, install_model, parse_duration
from base_model_build.gates.bench import Bench, Gate, format_gate
from base_model_build.generator import users
from base_model_build.generator.episodes import LONG_SHARES, SHARES, Episode
from base_model_build.generator.lexicon import RANKS
from base_model_build.generator.numbers import spell_english
from base_model_build.generator.words import RESERVED
from base_model_build.gradients import Gradients, job_losses
from base_model_build.graphs import GraphedGradients
from base_model_build.network import (
    init_branches,
)
from base_model_build.recipe import CPU, CUDA, KINDS, Feed, Recipe, Stage
from base_model_build.rows import Encoder, Row, draw_pool, pack
from base_model_build.run import Run, train
from base_model_build.simulate import (
    Kind,
    draw_jobs,
    make_jobs,
    tune_jobs,
)
from base_model_build.tokenizer import train_tokenizer
from base_model_build.word_vectors import join_vectors, list_word_pairs
from tests.base_model_build.test_network import CONFIG, SHAPE
from tests.whole_sequences import hidden_states
from tuning_trainer.base_model import BOS, CALL, CONTROL_TOKENS, EOT, MODEL, RESULT, USER, read_tokenizer
from tuning_trainer.data.chat import load_chat
from tuning_trainer.learning.loop import run_job
from tuning_trainer.native.decoder import logits
from tuning_trainer.native.families import load_config
from tuning_trainer.native.weights import count_parameters, init_weights, load_weights
from tuning_trainer.spec import Done, Event, Example, Job, Step, Turn, format_example

pytestmark = pytest.mark.slow

_KINDS = {
    "numbers": Kind(users.draw_number_user, 2, 6, 2, 4, 64, {4: 0.5, 8: 0.5}),
    "heart": Kind(users.draw_memory_user, 2, 5, 3, 4, 64, {1: 1.0}),
}
_NARROW = Feed(width=64, rows=4, episodes=20, characters=80, shares=SHARES)
_WIDE = Feed(width=128, rows=2, episodes=8, characters=200, shares=LONG_SHARES)
TINY = Recipe(
    stages=(
        Stage("words", 4, narrow=_NARROW, wide=_WIDE, wide_every=3),
        Stage("jobs", 3, (1.0, 0.0), _NARROW, _WIDE, wide_every=2, jobs_every=1, kinds=dict.fromkeys(_KINDS, 1.0)),
    ),
    shape=SHAPE,
    kinds=_KINDS,
    precision="float32",
    earlier="words",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder of a tiny build."""
    work = tmp_path_factory.mktemp("build")
    assert build(work, TINY).done
    return work


@pytest.fixture(scope="module")
def encoder(whole: Path) -> Encoder:
    return Encoder(read_tokenizer(whole))


def new_run(whole: Path, folder: Path, recipe: Recipe = TINY) -> Run:
    """A run that need not train its tokenizer."""
    folder.mkdir()
    (folder / "tokenizer.json").write_bytes((whole / "tokenizer.json").read_bytes())
    return Run(recipe, folder)


# --- tokens and rows


def test_control_tokens_have_their_numbers_and_text_never_becomes_one(whole: Path) -> None:
    tokenizer = read_tokenizer(whole / "model")
    assert [tokenizer.token_to_id(text) for text in CONTROL_TOKENS] == list(range(8))
    ids = tokenizer.encode("a <eot><call> b", add_special_tokens=False).ids
    assert min(ids) >= len(CONTROL_TOKENS)
    assert tokenizer.decode(ids) == "a <eot><call> b"


def test_any_text_comes_back(whole: Path) -> None:
    tokenizer = read_tokenizer(whole / "model")
    for text in ("1,234", "XIV Über\n東京 🙂", "  two  spaces ", "tab\tand\r\n"):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) == text


def test_digits_and_capitals_are_single_tokens(encoder: Encoder) -> None:
    digits, capitals = encoder.encode_texts(["2026", "XVII"])
    assert (len(digits), len(capitals)) == (4, 4)


def test_a_word_has_one_token_with_a_space_and_without() -> None:
    """What stands after a space in a text and after a quote in its answer can be copied."""
    tokenizer = train_tokenizer(1500, 1, 200, 0)
    spaced = [token[1:] for token in tokenizer.get_vocab() if re.fullmatch("\u0120[a-z]{4,}", token)]
    words = [word for word in spaced if word in RANKS and word not in {*spell_english(17).split(), "hundred"}]
    assert len(words) > 20
    for text in words:
        assert len(tokenizer.encode(f'"{text}"').ids) == 3
        assert tokenizer.decode(tokenizer.encode(f'{text} "{text}s').ids) == f'{text} "{text}s'


def test_frequent_words_are_whole() -> None:
    """Those of the dictionary and of topics; the evaluation's own words of classes and pieces of numbers are not."""
    tokenizer = train_tokenizer(1500, 1, 200, 2700)
    vocabulary = tokenizer.get_vocab()
    for word in ("eyes", "computer", "broke"):
        assert f"\u0120{word}" in vocabulary
        assert tokenizer.decode(tokenizer.encode(f'{word} "{word}s').ids) == f'{word} "{word}s'
        assert word in vocabulary
    assert not {f"\u0120{word}" for word in RESERVED} & set(list(vocabulary)[1500:])
    assert len(tokenizer.encode("seventeen").ids) == len(train_tokenizer(1500, 1, 200, 0).encode("seventeen").ids)


def test_joined_words_differ_alike() -> None:
    """By their mean difference; what they have in common and all other tokens stay."""
    tokenizer = train_tokenizer(600, 1, 50, 60)
    pairs = list_word_pairs(tokenizer, 60)
    assert len(pairs) >= 25
    assert (pairs.max(1).values >= tokenizer.get_vocab_size() - 60).all()
    assert all(tokenizer.id_to_token(a) == f"\u0120{tokenizer.id_to_token(b)}" for a, b in pairs.tolist())
    vectors = torch.randn(tokenizer.get_vocab_size(), 8, generator=torch.Generator().manual_seed(3))
    before = vectors.clone()
    join_vectors(vectors, pairs)
    spaced, bare = pairs.T
    assert torch.allclose(vectors[bare] - vectors[spaced], (before[bare] - before[spaced]).mean(0), atol=1e-5)
    assert torch.allclose(vectors[spaced] + vectors[bare], before[spaced] + before[bare], atol=1e-5)
    others = torch.ones(len(vectors), dtype=torch.bool).index_fill(0, pairs.flatten(), False)
    assert torch.equal(vectors[others], before[others])


def test_a_tied_stage_keeps_words_together(tmp_path: Path) -> None:
    """All whole words' two vectors differ alike, through steps and a checkpoint; before they learn apart."""
    words, jobs = TINY.stages
    recipe = dataclasses.replace(TINY, stages=(words, dataclasses.replace(jobs, steps=2, jobs_every=0, tied=True)))
    run = build(tmp_path, recipe, until=words.steps)
    spaced, bare = run.pairs.T
    embedding = run.weights["embedding"].detach()
    assert float((embedding[bare] - embedding[spaced]).std(0).mean()) > 1e-3
    build(tmp_path, recipe, until=words.steps + 1)
    run = build(tmp_path, recipe)
    assert run.done
    for vectors in (run.weights["embedding"].detach(), run.average["embedding"]):
        assert float((vectors[bare] - vectors[spaced]).std(0).mean()) < 1e-6
    assert not torch.equal(run.weights["embedding"], embedding)


def test_trainer_reads_the_format_that_the_build_wrote(whole: Path, encoder: Encoder) -> None:
    """What the model saw is token for token what a user's job shows it, calls and results too."""
    (row,) = encoder.encode_pairs([("twenty two", "twenty three")])
    chat = load_chat(whole / "model")
    encoded = chat.encode((Turn("user", "twenty two"), Turn("model", "twenty three")))
    assert (list(encoded.ids), list(encoded.scored)) == (row.tokens, row.learned)
    assert row.tokens[:2] == [BOS, USER]
    assert row.tokens[-1] == EOT
    turns = (Turn("user", "time?"), Turn("call", "get {}"), Turn("result", "{}"), Turn("model", "It is 9."))
    (row,) = encoder.encode_episodes([Episode([("system", "Tools:\nget()"), *((t.role, t.text) for t in turns)])])
    encoded = chat.encode(turns, "Tools:\nget()")
    assert (list(encoded.ids), list(encoded.scored)) == (row.tokens, row.learned)
    assert {MODEL, CALL, RESULT} <= set(row.tokens)


def test_free_text_is_learned_from_its_first_word(encoder: Encoder) -> None:
    (row,) = encoder.encode_episodes([Episode([("model", "an old word")], free=True)])
    assert MODEL not in row.tokens
    assert row.learned == [False] + [True] * (len(row.tokens) - 1)


def test_packing_loses_nothing_and_cuts_only_what_is_too_long() -> None:
    rows = [Row(list(range(10, 10 + size)), [True] * size) for size in (5, 9, 3, 30, 7, 4, 2)]
    packed = pack(rows, 16)
    assert packed.ids.shape[1] == 16
    found = []
    for ids, documents in zip(packed.ids.tolist(), packed.documents.tolist(), strict=True):
        found += [
            [token for token, owner in zip(ids, documents, strict=True) if owner == number]
            for number in range(1, max(documents) + 1)
        ]
    assert sorted(map(len, found)) == [2, 3, 4, 5, 7, 9, 16]
    assert all(tokens == list(range(10, 10 + len(tokens))) for tokens in found)
    assert int(packed.learned.sum()) == sum(map(len, found))


def test_pools_are_a_function_of_their_name(encoder: Encoder) -> None:
    pools = [
        draw_pool(encoder, name, SHARES, episodes=40, width=64, characters=100).ids
        for name in ("1/a/0", "1/a/0", "1/a/1")
    ]
    assert torch.equal(pools[0], pools[1])
    assert not torch.equal(pools[0][:5], pools[2][:5])


# --- simulated jobs


@pytest.mark.parametrize(("rank", "examples", "epochs"), [(4, 15, 5), (1, 6, 9), (16, 5, 3)])
def test_a_simulated_job_is_the_trainers_job(
    rank: int, examples: int, epochs: int, whole: Path, tmp_path: Path
) -> None:
    """Loss for loss, to 1e-5: the same first adapter, order, short last batch, clipping, optimiser."""
    model = whole / "model"
    config, weights = load_config(model), load_weights(model)
    encoder = Encoder(read_tokenizer(model))
    pairs = [user_pair for seed in (1, 2) for user_pair in users.draw_long_user(Random(seed), examples, 4).shown]
    losses: list[list[float]] = []
    for seed in (3, 4):
        mine = pairs[(seed - 3) * examples : (seed - 2) * examples]
        file = tmp_path / f"{seed}.jsonl"
        file.write_text("\n".join(format_example(Example((Turn("user", x), Turn("model", y)))) for x, y in mine))
        directory = tmp_path / f"job-{seed}"
        directory.mkdir()
        events: list[Event] = []
        settings = {"epochs": epochs, "adapter_size": rank, "seed": seed, "threads": 1}
        job = Job("job", str(directory), str(file), str(model), device="cpu", **settings)  # type: ignore[arg-type]
        assert isinstance(run_job(job, events.append), Done)
        losses.append([event.loss for event in events if isinstance(event, Step)])
    kind = Kind(users.draw_long_user, 2, examples, epochs, 4, 256, {rank: 1.0})
    rows = encoder.encode_pairs(pairs)
    shown = [rows[:examples], rows[examples:]]
    jobs = make_jobs(kind, [(each, each[:4]) for each in shown], init_branches(config, [rank] * 2, [3, 4]), [3, 4])
    simulated: list[list[float]] = []
    gradients = Gradients(config, torch.float32)
    tune_jobs(gradients, weights, jobs, lambda step, values, branches: simulated.append(values.tolist()))
    assert len(simulated) == kind.steps == len(losses[0])
    assert torch.allclose(torch.tensor(simulated), torch.tensor(losses).T, atol=1e-5)


def test_simulated_users_get_enough_examples_that_fit(encoder: Encoder) -> None:
    for name, kind in KINDS.items():
        small = dataclasses.replace(kind, jobs=2, epochs=1)
        jobs = draw_jobs(small, encoder, CONFIG, name)
        assert jobs.shown.ids.shape[0] == 2 * kind.examples
        assert jobs.shown.ids.shape[1] <= kind.width
        assert jobs.asked.ids.shape[0] >= 2 * kind.questions
        assert bool(jobs.asked.learned.any(1).all())


def test_losses_are_means_per_job(whole: Path, encoder: Encoder) -> None:
    weights, config = load_weights(whole / "model"), load_config(whole / "model")
    kind = dataclasses.replace(_KINDS["numbers"], epochs=1)
    jobs = draw_jobs(kind, encoder, config, "x")
    together = job_losses(weights, config, jobs.asked, 2, None)
    half = len(jobs.asked.ids) // 2
    for job in range(2):
        alone = jobs.asked.pick(torch.arange(half) + job * half)
        assert float(job_losses(weights, config, alone, 1, None)) == pytest.approx(float(together[job]), abs=1e-4)


def test_shapes_of_a_gpu_give_the_same_gradients(whole: Path, encoder: Encoder) -> None:
    """Padded, with every position scored and most weighted 0, as graphs need it; without graphs, on the CPU."""
    weights = {name: t.requires_grad_() for name, t in load_weights(whole / "model").items()}
    config = load_config(whole / "model")
    plain, graphed = Gradients(config, torch.float32), GraphedGradients(config, torch.float32, "cpu")
    batch = draw_pool(encoder, "x", SHARES, episodes=20, width=64, characters=80)
    jobs = draw_jobs(_KINDS["numbers"], encoder, config, "x")
    frozen = {name: tensor.detach() for name, tensor in weights.items()}
    parameters = [tensor.clone().requires_grad_() for tensor in jobs.branches.parameters()]
    branches = jobs.branches.replace(parameters)
    found = [
        (
            each.of_rows(weights, batch),
            each.of_shown(frozen, jobs.shown.pick(jobs.orders[0]), 2, branches, parameters),
            each.of_asked(weights, jobs.asked, 2, jobs.branches),
        )
        for each in (plain, graphed)
    ]
    for (loss, mine), (other, theirs) in zip(*found, strict=True):
        assert torch.allclose(loss, other, atol=1e-5)
        assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(mine, theirs, strict=True))
    assert plain.loss_before(frozen, jobs.asked, 2) == pytest.approx(
        graphed.loss_before(frozen, jobs.asked, 2), abs=1e-5
    )


@pytest.mark.process
def test_helpers_draw_what_would_be_drawn_here(whole: Path, tmp_path: Path) -> None:
    """Pools and jobs from other processes, some ahead: the same bytes in the end."""
    (tmp_path / "tokenizer.json").write_bytes((whole / "tokenizer.json").read_bytes())
    build(tmp_path, TINY, helpers=2)
    assert hash_weights(tmp_path / "model") == hash_weights(whole / "model")


# --- runs


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_same_recipe_same_bytes_and_resuming_changes_nothing(
    precision: Literal["float32", "bfloat16"], whole: Path, tmp_path: Path
) -> None:
    """Stopped in the middle of a pool and of both stages, and continued: the same file, bit for bit."""
    recipe = dataclasses.replace(TINY, precision=precision)
    straight, hashes = new_run(whole, tmp_path / "straight", recipe), []
    train(straight)
    stopped = new_run(whole, tmp_path / "stopped", recipe)
    for until in (2, 5, None):
        train(stopped, until=until)
        hashes.append(hash_weights(tmp_path / "stopped" / "model"))
        stopped = Run(recipe, tmp_path / "stopped")
        assert stopped.restore()
    assert stopped.done
    assert len(set(hashes)) == 3
    assert hashes[-1] == hash_weights(tmp_path / "straight" / "model")
    with pytest.raises(ValueError, match="recipe"):
        Run(dataclasses.replace(recipe, decay=0.5), tmp_path / "stopped").restore()


def test_what_is_written_has_a_share_of_an_earlier_stage(whole: Path) -> None:
    run = Run(TINY, whole)
    assert run.restore()
    written = load_weights(whole / "model")["embedding"]
    now, then = run.average["embedding"], run.earlier["embedding"]
    assert not torch.equal(now, then)
    torch.testing.assert_close(written, 0.85 * now + 0.15 * then, atol=1e-3, rtol=1e-3)


def test_a_build_says_what_is_behind_it(whole: Path) -> None:
    """Losses of simulated jobs before and after, lost and skipped counts, positions and jobs, in every line."""
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text("utf-8").splitlines()]
    last = lines[-1]
    assert last["stage"] == "done"
    assert last["positions"] == sum(stage.positions for stage in TINY.stages)
    assert last["jobs"] == 2 * sum(stage.job_sets for stage in TINY.stages) == 6
    assert (last["lost"], last["skipped"]) == (0, 0)
    names = {name for line in lines for name in line}
    assert any(name.endswith(" before") for name in names)
    assert {f"{kind} {which}" for kind in ("numbers", "heart") for which in ("shown", "asked")} & names


def test_a_gradient_that_is_not_finite_is_skipped(whole: Path, tmp_path: Path) -> None:
    run = new_run(whole, tmp_path / "run")
    before = {name: tensor.detach().clone() for name, tensor in run.weights.items()}
    run._update([torch.full_like(tensor, float("inf")) for tensor in run.weights.values()])
    assert run.counts.skipped == 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.weights.items())


def test_learning_rate_warms_up_and_falls(whole: Path, tmp_path: Path) -> None:
    run = new_run(whole, tmp_path / "run")
    assert run.rate() == pytest.approx(1 / 80)
    run.counts.stage, run.counts.step, run.counts.steps = 1, 2, 1000
    assert run.rate() == pytest.approx(1 / 3)


def test_learning_learns(whole: Path, tmp_path: Path) -> None:
    """250 steps without simulated jobs bring the loss well below that of a uniform guess."""
    recipe = dataclasses.replace(TINY, stages=(dataclasses.replace(TINY.stages[0], steps=250),))
    run = new_run(whole, tmp_path / "run", recipe)
    losses = [run.train_step()["loss"] for _ in range(250)]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_a_slice_stops_with_a_checkpoint(whole: Path, tmp_path: Path) -> None:
    run = new_run(whole, tmp_path / "run")
    train(run, slice_s=1e-9)
    assert run.counts.steps == 0
    assert (tmp_path / "run" / "checkpoint.pt").exists()
    assert parse_duration("100m") == 6000
    assert parse_duration("1.5h") == 5400
    with pytest.raises(ValueError, match="100"):
        parse_duration("100")


def test_build_installs_what_it_made(whole: Path, tmp_path: Path) -> None:
    assert all((whole / "model" / name).exists() for name in FILES)
    install_model(whole, tmp_path, tmp_path / "build.log.jsonl")
    assert hash_weights(tmp_path) == hash_weights(whole / "model")
    assert (tmp_path / "build.log.jsonl").read_text() == (whole / "log.jsonl").read_text()


def test_transformers_loads_the_directory(whole: Path) -> None:
    """Same scores as our own forward pass, and the chat template writes the tokens that the trainer does."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = whole / "model"
    theirs = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    messages = [
        {"role": "system", "content": "Tools:\nget()"},
        {"role": "user", "content": "twenty two"},
        {"role": "call", "content": "get {}"},
        {"role": "result", "content": "{}"},
    ]
    tokenizer = AutoTokenizer.from_pretrained(model)
    turns = (Turn("user", "twenty two"), Turn("call", "get {}"), Turn("result", "{}"))
    prompt = load_chat(model).prompt(turns, "Tools:\nget()")
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == prompt
    ids = torch.tensor([prompt])
    config, weights = load_config(model), load_weights(model)
    ours = logits(weights, config, hidden_states(weights, config, ids))
    assert torch.allclose(theirs(ids).logits, ours, atol=1e-4)
    assert F.softmax(ours[0, -1], -1).sum() == pytest.approx(1.0, abs=1e-4)


def test_the_shipped_recipe_fits_its_limits() -> None:
    """Weights of at most 6 MB in float16, every kind of job in use."""
    bare = CPU.shape.vocabulary // 3  # words that ``add_bare_words`` adds: 1,862
    config = CPU.shape.config(CPU.shape.vocabulary + bare + CPU.shape.whole_words)
    assert 2 * count_parameters(init_weights(config, 1)) < 6e6
    assert set(CPU.kinds) == {name for stage in CPU.stages for name in stage.kinds}
    assert CPU.stages[-1].rates[-1] == 0.0
    assert [stage.name for stage in CUDA.stages] == [stage.name for stage in CPU.stages]


def test_same_tokenizer_for_the_same_seed(whole: Path) -> None:
    shape = TINY.shape
    again = train_tokenizer(shape.vocabulary, TINY.seed, shape.tokenizer_episodes, shape.whole_words)
    assert again.get_vocab() == read_tokenizer(whole).get_vocab()


# --- evaluation


def test_bench_tunes_and_answers_through_the_trainers_own_loop(whole: Path, tmp_path: Path) -> None:
    """A tiny untrained model can still be taught one fixed answer; the score counts exact answers only."""
    bench = Bench(whole / "model", tmp_path, 1)
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
