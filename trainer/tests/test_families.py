"""Every family: the native decoder computes what transformers computes, and the files of either are the other's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.families import FAMILIES, LONG, VOCABULARY, WINDOW, change_config, load_theirs, write_family
from tests.models import make_job
from tests.test_lora import random_adapter
from tests.whole_sequences import hidden_states
from tuning_trainer.answering.generate import Answering, Finished, answer
from tuning_trainer.data.chat import load_chat
from tuning_trainer.export import merge_adapter
from tuning_trainer.learning.loop import run_job
from tuning_trainer.model import is_native, open_tuned
from tuning_trainer.native import families, lora
from tuning_trainer.native.architecture import UnsupportedModelError
from tuning_trainer.native.decoder import logits
from tuning_trainer.native.families import load_config, parse_config, read_config
from tuning_trainer.native.tuned import save_model
from tuning_trainer.native.weights import load_weights
from tuning_trainer.spec import Done, Event, Failed, Prompt, Reply, Step, Turn

pytestmark = pytest.mark.slow

TIME = 40
assert WINDOW < LONG < TIME


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of one family's model, never written to."""
    return write_family(tmp_path_factory.mktemp("family"), request.param)


def random_ids(rows: int = 3, time: int = TIME) -> Tensor:
    return torch.randint(0, VOCABULARY, (rows, time), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def our_logits(
    directory: Path, ids: Tensor, precision: torch.dtype = torch.float32, adapter: Path | None = None
) -> Tensor:
    config, weights = load_config(directory), load_weights(directory, precision)
    if adapter:
        weights = lora.merge(lora.load_adapter(adapter, config), weights, config)
    return logits(weights, config, hidden_states(weights, config, ids)).float()


@torch.no_grad()
def their_logits(directory: Path, ids: Tensor, precision: str = "float32", adapter: Path | None = None) -> Tensor:
    from peft import PeftModel

    model = load_theirs(directory, precision)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter)
    scores: Tensor = model(ids).logits.float()
    return scores


def test_all_rows_are_tried() -> None:
    kinds = {
        "gemma3_text" if kind == "Gemma3TextConfig" else kind.removesuffix("Config").lower()
        for kind, _ in FAMILIES.values()
    }
    assert kinds == set(families.FAMILIES)


@pytest.mark.parametrize("time", [7, TIME])
def test_logits_equal_those_of_transformers(model: Path, time: int) -> None:
    ids = random_ids(time=time)
    theirs = their_logits(model, ids)
    assert theirs.abs().max() > 0.5
    torch.testing.assert_close(our_logits(model, ids), theirs, atol=1e-4, rtol=1e-4)


def test_logits_in_bfloat16_are_as_near_to_the_truth(model: Path) -> None:
    """Within a hundredth of what they are like, as a whole; and no farther from float32 than transformers' own."""
    ids = random_ids()
    truth, theirs = their_logits(model, ids), their_logits(model, ids, "bfloat16")
    ours = our_logits(model, ids, torch.bfloat16)
    assert float((ours - theirs).square().mean().sqrt() / theirs.abs().max()) < 1e-2
    assert float((ours - truth).norm()) < 1.25 * float((theirs - truth).norm())


def test_answers_have_the_same_chances_with_a_cache_and_beside_others(model: Path) -> None:
    """Prompts of different length, the last one joining later; every token with what else it could have been."""
    answering, theirs = Answering("cpu"), load_theirs(model)
    prompts = {
        text: Prompt((Turn("user", text),), base_model=str(model), max_output_tokens=9, alternatives=3)
        for text in ("one", "a b c d e f g h i j k l m n o p", "six 7 eight")
    }
    replies: dict[str, Reply] = {}
    for number, (text, prompt) in enumerate(prompts.items()):
        answering.submit(text, prompt)
        for _ in range(number * 3):
            replies |= {o.id: o.reply for o in answering.advance() if isinstance(o, Finished)}
    while answering.busy:
        replies |= {o.id: o.reply for o in answering.advance() if isinstance(o, Finished)}
    chat = load_chat(model)
    for text, prompt in prompts.items():
        (given,), ids = replies[text].answers, chat.prompt(prompt.turns)
        assert given.tokens > 2
        for chosen, likeliest in zip(given.chosen, given.likeliest, strict=True):
            with torch.no_grad():
                logs = theirs(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            for each in (chosen, *likeliest):
                assert each.logprob == pytest.approx(float(logs[each.id]), abs=1e-4)
            ids.append(chosen.id)


def test_a_text_that_grows_long_is_read_again(tmp_path: Path) -> None:
    """Phi-3's long factors turn what was read with the short ones, too."""
    model = write_family(tmp_path, "Phi-3, long")
    chat, theirs = load_chat(model), load_theirs(model)
    prompt = Prompt((Turn("user", "a b c d e f"),), base_model=str(model), max_output_tokens=30, alternatives=1)
    ids, chosen = chat.prompt(prompt.turns), answer(prompt, "cpu").answers[0].chosen
    assert len(ids) < LONG < len(ids) + len(chosen) - 5
    for each in chosen:
        with torch.no_grad():
            logs = theirs(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        assert each.logprob == pytest.approx(float(logs[each.id]), abs=1e-4)
        ids.append(each.id)


def test_adapters_of_ours_are_pefts(model: Path, tmp_path: Path) -> None:
    config, ids = load_config(model), random_ids()
    lora.save_adapter(random_adapter(config), config, tmp_path, str(model))
    ours = our_logits(model, ids, adapter=tmp_path)
    assert not torch.allclose(ours, our_logits(model, ids), atol=1e-3)
    torch.testing.assert_close(ours, their_logits(model, ids, adapter=tmp_path), atol=1e-4, rtol=1e-4)


def test_adapters_of_pefts_are_ours(model: Path, tmp_path: Path) -> None:
    """Its own choice of modules, another alpha, rank-stabilised."""
    from peft import LoraConfig, get_peft_model

    chosen = LoraConfig(r=3, lora_alpha=7, use_rslora=True, target_modules="all-linear", task_type="CAUSAL_LM",
                        init_lora_weights=False)  # fmt: skip
    torch.manual_seed(0)
    get_peft_model(load_theirs(model), chosen).save_pretrained(str(tmp_path))
    ids = random_ids()
    ours = our_logits(model, ids, adapter=tmp_path)
    assert not torch.allclose(ours, our_logits(model, ids), atol=1e-3)
    torch.testing.assert_close(ours, their_logits(model, ids, adapter=tmp_path), atol=1e-4, rtol=1e-3)


def test_side_branches_give_what_merged_weights_give(model: Path) -> None:
    config, weights, ids = load_config(model), load_weights(model), random_ids()
    adapter = random_adapter(config)
    with torch.no_grad():
        branched = hidden_states(weights, config, ids, lora.branch_layers(adapter, weights, config))
        merged = hidden_states(lora.merge(adapter, weights, config), config, ids)
    torch.testing.assert_close(branched, merged, atol=1e-4, rtol=1e-4)


def test_changed_weights_are_read_by_transformers(model: Path, tmp_path: Path) -> None:
    """What full tuning writes: every tensor another one, everything else in config.json as it was."""
    config, weights, ids = load_config(model), load_weights(model), random_ids()
    changed = {name: tensor + 0.01 * torch.randn(tensor.shape) for name, tensor in weights.items()}
    save_model(changed, config, model, tmp_path)
    ours = logits(changed, config, hidden_states(changed, config, ids))
    torch.testing.assert_close(ours, their_logits(tmp_path, ids), atol=1e-4, rtol=1e-4)
    assert {**read_config(tmp_path), "dtype": None} == {**read_config(model), "dtype": None}


def test_full_tuning_moves_every_tensor(model: Path, tmp_path: Path) -> None:
    """Tied heads included, whose gradient comes from both ends; transformers reads what is written."""
    done = run_job(make_job(tmp_path, model, method="full", epochs=1), lambda _: None)
    assert isinstance(done, Done), done
    before, after, ids = load_weights(model), load_weights(done.adapter), random_ids()
    assert not any(torch.equal(after[name], tensor) for name, tensor in before.items())
    torch.testing.assert_close(
        our_logits(Path(done.adapter), ids), their_logits(Path(done.adapter), ids), atol=1e-4, rtol=1e-4
    )


def test_a_job_learns_the_same_on_either_path(model: Path, tmp_path: Path) -> None:
    """From the first values of its adapter on. A key that is not understood sends the same weights the other way."""
    other = tmp_path / "other"
    shutil.copytree(model, other)
    change_config(other, a_key_of_next_year=1)
    assert is_native(model)
    assert not is_native(other)
    losses: list[list[float]] = []
    for base in (model, other):
        events: list[Event] = []
        job = make_job(tmp_path, base, id=base.name, epochs=1, learning_rate=3e-3)
        assert isinstance(run_job(job, events.append), Done), events[-1]
        losses.append([event.loss for event in events if isinstance(event, Step)])
    assert losses[0] == pytest.approx(losses[1], abs=2e-4)
    assert losses[0][-1] != pytest.approx(losses[0][0], abs=1e-3)


def test_merged_model_is_read_by_transformers(model: Path, tmp_path: Path) -> None:
    config, ids = load_config(model), random_ids()
    lora.save_adapter(random_adapter(config), config, tmp_path / "adapter", str(model))
    merge_adapter(tmp_path / "adapter", tmp_path / "merged")
    torch.testing.assert_close(
        their_logits(tmp_path / "merged", ids), their_logits(model, ids, adapter=tmp_path / "adapter"),
        atol=1e-4, rtol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["Qwen2.5", "Gemma 3", "Phi-3"])
def test_sharded_weights_are_read(name: str, tmp_path: Path) -> None:
    one = write_family(tmp_path / "one", name)
    load_theirs(one).save_pretrained(tmp_path / "many", max_shard_size="20KB")
    assert len(list((tmp_path / "many").glob("model-*.safetensors"))) > 1
    ours, theirs = load_weights(tmp_path / "many"), load_weights(one)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_vocabulary_of_256k(tmp_path: Path) -> None:
    model = write_family(tmp_path, "Gemma 3", vocab_size=262_144, hidden_size=8, num_hidden_layers=1, head_dim=8)
    ids = random_ids(1, 5) * 800
    assert ids.max() > 200_000
    torch.testing.assert_close(our_logits(model, ids), their_logits(model, ids), atol=1e-4, rtol=1e-4)


def test_a_row_does_not_depend_on_its_company(tmp_path: Path) -> None:
    """A short text beside a long one keeps Phi-3's short factors; transformers would give it the long ones."""
    model = write_family(tmp_path, "Phi-3, long")
    config, weights = load_config(model), load_weights(model)
    short, long = random_ids(1, LONG - 4), random_ids(1, LONG + 6)
    together = torch.cat((torch.nn.functional.pad(short, (0, 10)), long))
    with torch.no_grad():
        both = hidden_states(weights, config, together, lengths=torch.tensor([LONG - 4, LONG + 6]))
        torch.testing.assert_close(both[:1, : LONG - 4], hidden_states(weights, config, short), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(both[1:], hidden_states(weights, config, long), atol=1e-5, rtol=1e-4)


# --- what the decoder does not compute

UNKNOWN: list[tuple[str, dict[str, Any]]] = [
    ("Llama 3", {"attention_bias": True}),
    ("Llama 3", {"mlp_bias": True}),
    ("Llama 3", {"hidden_act": "relu"}),
    ("Llama 3", {"architectures": ["LlamaForSequenceClassification"]}),
    ("Llama 3", {"quantization_config": {"quant_method": "bitsandbytes"}}),
    ("Llama 3", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}}),
    ("Llama 3", {"rope_scaling": {"type": "dynamic", "factor": 2.0}}),
    ("Llama 3", {"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5}}),
    ("Llama 3", {"rope_parameters": {"rope_theta": 1e4, "mrope_section": [1, 1, 2]}}),
    ("Llama 3", {"partial_rotary_factor": 0.5}),
    ("Llama 3", {"sliding_window": 5}),
    ("Llama 3", {"num_local_experts": 8}),
    ("Mistral", {"layer_types": ["sliding_attention"] * 3}),
    ("Qwen2", {"layer_types": ["chunked_attention"] * 3}),
    ("Qwen2", {"layer_types": ["full_attention"]}),
    ("Qwen2", {"hidden_size": "32"}),
    ("Qwen3", {"attention_bias": True}),
    ("Qwen3", {"vision_config": {}}),
    ("Gemma 2", {"use_bidirectional_attention": True}),
    ("Gemma 3", {"attn_logit_softcapping": 50.0}),
    ("Gemma 3", {"per_layer_rope": 1}),
    ("Phi-3", {"lm_head_bias": True}),
    ("Phi-3, long", {"rope_parameters": {"rope_type": "longrope", "short_factor": [1.0], "long_factor": [1.0]}}),
]


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The object in the config.json of every family."""
    return {name: read_config(write_family(tmp_path_factory.mktemp("config"), name)) for name in FAMILIES}


@pytest.mark.parametrize(("name", "change"), UNKNOWN, ids=lambda value: str(value)[:60])
def test_what_is_not_understood_is_refused_by_name(name: str, change: dict[str, Any], configs: Any) -> None:
    with pytest.raises(UnsupportedModelError) as refused:
        parse_config(configs[name] | change)
    (key,) = change
    inner = [*change[key]] if isinstance(change[key], dict) and key.startswith("rope") else []
    assert any(word in str(refused.value) for word in (key, "config.json", "factor", *inner))


@pytest.mark.parametrize("name", FAMILIES)
def test_any_key_that_is_not_known_is_refused(name: str, configs: Any) -> None:
    for value in (7, 0, 0.5, "on", [1], {"a": 1}, True):
        with pytest.raises(UnsupportedModelError, match="a_key_of_next_year"):
            parse_config(configs[name] | {"a_key_of_next_year": value})


@pytest.mark.parametrize("name", FAMILIES)
def test_keys_that_are_off_change_nothing(name: str, configs: Any) -> None:
    for value in (None, False):
        assert parse_config(configs[name] | {"a_key_of_next_year": value}) == parse_config(configs[name])


@pytest.mark.parametrize("name", FAMILIES)
def test_every_number_that_is_read_counts(name: str, configs: Any) -> None:
    """Without a key that has no default, the config is refused, not guessed."""
    for key in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"):
        with pytest.raises(UnsupportedModelError, match=key):
            parse_config({other: value for other, value in configs[name].items() if other != key})


def test_only_a_plain_llama_is_described_anew(configs: Any) -> None:
    for name in ("Qwen2", "Llama 3", "Phi-3, long", "SmolLM3"):
        with pytest.raises(UnsupportedModelError, match="plain Llama"):
            families.format_config(parse_config(configs[name]))


def test_a_model_that_is_not_understood_goes_through_transformers(tmp_path: Path) -> None:
    from tuning_trainer.huggingface.tuned import HuggingFaceTuned

    base = write_family(tmp_path / "base", "Qwen3", attention_bias=True)
    assert not is_native(base)
    assert isinstance(open_tuned(make_job(tmp_path, base), "cpu", "float32"), HuggingFaceTuned)


def test_a_job_that_was_begun_the_other_way_says_so(tmp_path: Path) -> None:
    """As one does whose model an earlier version did not understand: its values have other shapes."""
    base = write_family(tmp_path / "base", "Qwen2.5")
    change_config(base, a_key_of_next_year=1)
    job, events = make_job(tmp_path, base), list[Event]()
    assert run_job(job, events.append, lambda: len(events) > 2).event == "cancelled"
    change_config(base, a_key_of_next_year=None)
    last = run_job(job, events.append)
    assert isinstance(last, Failed)
    assert last.code == 3
    assert "use a new directory" in last.message


def test_tensor_of_another_shape_or_kind_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    base = write_family(tmp_path, "Qwen2")
    whole = load_file(base / "model.safetensors")
    for name, tensor in (
        ("model.norm.weight", torch.ones(1)),
        ("model.layers.0.self_attn.q_proj.weight", torch.zeros(32, 32, dtype=torch.int8)),
    ):
        save_file(whole | {name: tensor}, base / "model.safetensors")
        with pytest.raises(UnsupportedModelError, match=name):
            load_weights(base)


# --- config.json as published


LEGACY: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("Llama 3", {"rope_theta": 5e5, "rope_scaling": "llama3"}, {"rope_parameters": "gone"}),
    ("Gemma 3", {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0},
                 "sliding_window_pattern": 6}, {"rope_parameters": "gone", "layer_types": "gone"}),
    ("Phi-3, long", {"rope_theta": 1e4, "rope_scaling": "longrope"}, {"rope_parameters": "gone"}),
    ("Qwen2", {"rope_theta": 1e4, "rope_scaling": None}, {"rope_parameters": "gone", "layer_types": "gone"}),
    ("Gemma 2", {"rope_theta": 1e4, "hidden_act": "gelu_pytorch_tanh"},
     {"rope_parameters": "gone", "layer_types": "gone", "tie_word_embeddings": "gone"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "added", "gone"), LEGACY, ids=[name for name, *_ in LEGACY])
def test_config_as_earlier_versions_wrote_it(
    name: str, added: dict[str, Any], gone: dict[str, Any], tmp_path: Path
) -> None:
    """Both read it alike, and as they read the same model's present config."""
    base = write_family(tmp_path, name)
    present, ids = read_config(base), random_ids()
    before = our_logits(base, ids)
    if isinstance(added.get("rope_scaling"), str):
        found = {key: value for key, value in present["rope_parameters"].items() if key != "rope_theta"}
        added = added | {"rope_scaling": {**found, "type": found.pop("rope_type")}}
    (base / "config.json").write_text(json.dumps({k: v for k, v in present.items() if k not in gone} | added))
    assert parse_config(read_config(base)) == parse_config(present)
    torch.testing.assert_close(before, their_logits(base, ids), atol=1e-4, rtol=1e-4)


# --- imports


@pytest.mark.process
@pytest.mark.parametrize("name", ["Qwen2.5", "Gemma 3", "Phi-3"])
def test_neither_transformers_nor_peft_is_imported(name: str, tmp_path: Path) -> None:
    """Training, answering with what was tuned, merging: with torch alone."""
    base = write_family(tmp_path / "base", name)
    job = make_job(tmp_path, base, epochs=1)
    code = f"""
import sys
from pathlib import Path
from tests.models import make_job
from tuning_trainer.export import merge_adapter
from tuning_trainer.answering.generate import answer
from tuning_trainer.learning.loop import run_job
from tuning_trainer.spec import Prompt, Turn
done = run_job(make_job(Path({str(tmp_path)!r}), {str(base)!r}, id={job.id!r}, epochs=1), lambda _: None)
answer(Prompt((Turn("user", "3"),), base_model={str(base)!r}, adapter=done.adapter, max_output_tokens=4), "cpu")
merge_adapter(Path(done.adapter), Path({str(tmp_path)!r}) / "merged")
print(*sys.modules)
"""
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "torch" in modules
    assert not {"transformers", "peft", "torch._dynamo"} & set(modules)
