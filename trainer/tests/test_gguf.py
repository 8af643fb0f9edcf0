"""GGUF files: what we read out of them is what transformers reads, and what was written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader

from tests.gguf_writing import LARGE, make_model, write_model
from tests.whole_sequences import hidden_states
from tuning_trainer.gguf_files.architectures import FAMILIES, list_parts, make_config, read_rows
from tuning_trainer.gguf_files.convert import convert_file, main
from tuning_trainer.gguf_files.header import read_header
from tuning_trainer.native import decoder, tuned
from tuning_trainer.native import weights as weights_module
from tuning_trainer.native.families import load_config
from tuning_trainer.native.weights import is_mapped, load_weights
from tuning_trainer.worker import warm

IDS = torch.tensor([[0, 7, 42, 99, 3, 250, 12, 77, 31, 5, 260, 11]])
"""More than the sliding windows of the test models."""


_GEMMA = {"head_dim": 256, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-6}
TRANSFORMERS_READS: dict[str, dict[str, Any]] = {"qwen3": {"head_dim": 128}, "gemma2": _GEMMA, "gemma3": _GEMMA}
"""What it takes as given, whatever the file says."""


def convert(path: Path, target: Path) -> dict[str, Any]:
    """The model as a directory."""
    target.mkdir()
    return convert_file(path, target)


def ask(model: Any) -> torch.Tensor:
    """Logits."""
    with torch.no_grad():
        scores: torch.Tensor = model(IDS).logits
    return scores


@pytest.fixture(scope="module")
def load() -> Any:
    """Loads a directory, or a GGUF file in one, as transformers does."""
    from transformers import AutoModelForCausalLM

    def load(directory: Path, file: str | None = None) -> Any:
        more = {"gguf_file": file} if file else {}
        model: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, **more)
        return model.eval()

    return load


@pytest.mark.slow
@pytest.mark.parametrize("architecture", FAMILIES)
def test_logits_are_those_of_the_model_that_was_written(architecture: str, tmp_path: Path, load: Any) -> None:
    """Every family, through the whole way: names, order of rows, norms, numbers of the configuration."""
    model = make_model(architecture)
    write_model(tmp_path / "model.gguf", model, architecture)
    convert(tmp_path / "model.gguf", tmp_path / "ours")
    assert torch.allclose(ask(load(tmp_path / "ours")), ask(model), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", FAMILIES)
def test_logits_are_those_that_transformers_reads(architecture: str, tmp_path: Path, load: Any) -> None:
    """The same file, quantised."""
    model = make_model(architecture, TRANSFORMERS_READS.get(architecture))
    write_model(tmp_path / "model.gguf", model, architecture, "Q8_0")
    convert(tmp_path / "model.gguf", tmp_path / "ours")
    theirs = load(tmp_path, "model.gguf")
    assert torch.allclose(ask(load(tmp_path / "ours")), ask(theirs), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", "F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K".split())
def test_every_quantisation_is_read_as_transformers_reads_it(kind: str, tmp_path: Path, load: Any) -> None:
    write_model(tmp_path / "model.gguf", make_model("llama", LARGE), "llama", kind)
    said = convert(tmp_path / "model.gguf", tmp_path / "ours")
    assert said["quantization"] == kind
    assert said["precision"] == {"F16": "float16", "BF16": "bfloat16"}.get(kind, "float32")
    scores = ask(load(tmp_path / "ours"))
    assert scores.isfinite().all()
    assert torch.allclose(scores, ask(load(tmp_path, "model.gguf")), atol=1e-4)


def test_the_header_is_what_the_package_reads(tmp_path: Path) -> None:
    """Every key and every tensor's place, as the package's own reader, which believes what a file says, has them."""
    write_model(tmp_path / "model.gguf", make_model("qwen2"), "qwen2", "Q8_0")
    header, reader = read_header(tmp_path / "model.gguf"), GGUFReader(tmp_path / "model.gguf")
    for key, value in header.metadata.items():
        theirs = reader.fields[key].contents()
        assert np.array_equal(value, theirs) if isinstance(value, np.ndarray) else value == theirs
    assert len(header.metadata) + 3 == len(reader.fields)  # version and counts are fields there
    places = {one.name: (one.data_offset, one.n_bytes, one.tensor_type) for one in reader.tensors}
    assert places == {one.name: (one.start, one.size, one.kind) for one in header.tensors.values()}


def test_stacks_lie_in_one_piece(tmp_path: Path) -> None:
    """Tensors of a kind follow each other layer by layer, so that a stack of them can be mapped."""
    write_model(tmp_path / "model.gguf", make_model("llama"), "llama")
    convert(tmp_path / "model.gguf", tmp_path / "ours")
    with (tmp_path / "ours" / "model.safetensors").open("rb") as file:
        entries = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    entries.pop("__metadata__")
    ends = [0, *(entry["data_offsets"][1] for entry in entries.values())]
    assert [entry["data_offsets"][0] for entry in entries.values()] == ends[:-1]
    qkv = [name for name in entries if "self_attn" in name and "o_proj" not in name]
    assert qkv == [f"model.layers.{i}.self_attn.{x}_proj.weight" for i in range(2) for x in "qkv"]


def test_parts_of_a_matrix_are_its_rows(tmp_path: Path) -> None:
    """Dequantised a few heads at a time it is the same."""
    write_model(tmp_path / "model.gguf", make_model("llama"), "llama")
    header = read_header(tmp_path / "model.gguf")
    part = next(one for one in list_parts(header, make_config(header)) if one.change == "pairs")
    size = part.shape[0] // part.heads
    pieces = [read_rows(header, part, slice(i, i + size)) for i in range(0, part.shape[0], size)]
    assert np.array_equal(np.concatenate(pieces), read_rows(header, part))


@pytest.mark.slow
def test_llama_3s_scaling_is_found_in_its_frequencies(tmp_path: Path, load: Any) -> None:
    """The file holds divisors of frequencies; transformers does not read them."""
    rope = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    rope |= {"original_max_position_embeddings": 8192, "rope_theta": 500000.0}
    model = make_model("llama", rope_parameters=rope)
    plain = 500000.0 ** -(np.arange(0, 16, 2, dtype=np.float32) / 16)
    divisors = plain / model.model.rotary_emb.inv_freq.numpy()
    assert divisors.max() > 10

    class Extra:
        """The model, with the tensor that llama.cpp's converter adds."""

        config = model.config

        @staticmethod
        def state_dict() -> dict[str, torch.Tensor]:
            tensors: dict[str, torch.Tensor] = model.state_dict()
            return tensors | {"rope_freqs": torch.from_numpy(divisors)}

    write_model(tmp_path / "model.gguf", Extra, "llama")
    convert(tmp_path / "model.gguf", tmp_path / "ours")
    config = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert config["rope_scaling"]["factor"] == 32
    assert torch.allclose(ask(load(tmp_path / "ours")), ask(model), atol=1e-4)


@pytest.mark.slow
def test_the_command_writes_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(tmp_path / "model.gguf", make_model("qwen3"), "qwen3")
    assert main(tmp_path / "model.gguf", tmp_path / "out") == 0
    assert json.loads(capsys.readouterr().out)["architecture"] == "qwen3"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert main(tmp_path / "model.gguf", tmp_path / "out") == 1
    assert "not an empty directory" in capsys.readouterr().err
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", FAMILIES)
def test_the_native_decoder_runs_it_where_it_lies(architecture: str, tmp_path: Path) -> None:
    """Logits through mapped stacks; every stack is mapped, and what is changed in memory is not in the file."""
    model = make_model(architecture)
    write_model(tmp_path / "model.gguf", model, architecture)
    convert(tmp_path / "model.gguf", tmp_path / "ours")
    weights, config = load_weights(tmp_path / "ours"), load_config(tmp_path / "ours")
    with torch.no_grad():
        hidden = hidden_states(weights, config, IDS)
        scores = decoder.logits(weights, config, hidden)
    assert torch.allclose(scores, ask(model), atol=1e-4)
    storages = {tensor.untyped_storage().data_ptr() for tensor in weights.values()}
    assert len(storages) == 1
    kept = (tmp_path / "ours" / "model.safetensors").read_bytes()
    weights["embedding"].zero_()
    assert (tmp_path / "ours" / "model.safetensors").read_bytes() == kept


@pytest.mark.slow
def test_mapped_stacks_are_those_that_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another precision they are copied: the file holds them in float32."""
    write_model(tmp_path / "model.gguf", make_model("qwen2"), "qwen2")
    convert(tmp_path / "model.gguf", tmp_path / "ours")
    mapped, rounded = load_weights(tmp_path / "ours"), load_weights(tmp_path / "ours", torch.bfloat16)
    monkeypatch.setattr(weights_module, "map_weights", lambda *_: {})
    copied = load_weights(tmp_path / "ours")
    assert all(torch.equal(mapped[name], copied[name]) for name in copied)
    assert all(torch.equal(copied[name].bfloat16(), rounded[name]) for name in copied)


@pytest.mark.slow
def test_the_first_that_needs_no_reading_is_there_before_it_is_asked_for(tmp_path: Path, tiny: Path) -> None:
    """A broken one, of which its jobs speak, and one that has to be read first keep nobody waiting."""
    write_model(tmp_path / "model.gguf", make_model("qwen2"), "qwen2")
    convert(tmp_path / "model.gguf", tmp_path / "ours")
    shutil.copytree(tmp_path / "ours", tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"broken")
    assert [is_mapped(each) for each in (tmp_path / "ours", tiny)] == [True, False]
    warm([str(tmp_path / "none"), str(tmp_path / "broken"), str(tiny), str(tmp_path / "ours")])
    before = tuned._load.cache_info().hits
    tuned.load_base(tmp_path / "ours")
    assert tuned._load.cache_info().hits == before + 1
