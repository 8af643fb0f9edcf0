"""What a step takes is estimated, and stays within what is there."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from tests.models import make_job, pair, write_examples, write_llama
from tests.shapes import SHAPE
from tuning_trainer.data.dataset import encode_examples
from tuning_trainer.learning.memory import choose_budget, free_bytes
from tuning_trainer.learning.objective import Likelihood
from tuning_trainer.model import open_tuned


@pytest.mark.parametrize("checkpointing", [False, True])
def test_activations_are_estimated(checkpointing: bool, tmp_path: Path) -> None:
    """At least what autograd keeps, and not twice as much."""
    config = dataclasses.replace(SHAPE, hidden_size=192, heads=6, kv_heads=2, head_size=32, mlp_size=512, layers=8)
    model = open_tuned(make_job(tmp_path, write_llama(tmp_path / "model", config)), "cpu", "float32")
    data = encode_examples([pair("a" * 200, "b" * 30)] * 2, model.chat, 256)
    objective = Likelihood(model, data, "cpu")
    batch = objective.prepare([0, 1])
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    weights = sum(p.nbytes for p in model.parameters())
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        score = objective.score(batch, [0, 1], checkpointing)
    found = sum(kept.values()) - weights
    each = model.activations
    if checkpointing:  # the inputs of layers are kept by what was recomputed, not as saved tensors
        assert found < batch.inputs.numel() * each.checkpointed / 4
    else:
        assert 0.5 < found / (batch.inputs.numel() * each.kept) <= 1.2
    assert each.checkpointed < each.kept / 4
    torch.autograd.backward(score.loss)


def test_a_budget_is_what_is_wanted_or_a_share_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuning_trainer.learning.memory.free_bytes", lambda device: 8 << 30)
    assert choose_budget(123, "cpu", 10**9) == 123
    assert choose_budget(0, "cpu", 0) == 4 << 30
    assert choose_budget(0, "cpu", 0, share=4) == 1 << 30
    assert choose_budget(0, "cpu", 1 << 20) == (4 << 30) - 12 * (1 << 20)
    assert choose_budget(0, "cpu", 10**9) == 0
    assert choose_budget(0, "cuda", 0, share=4) == int(0.8 * (8 << 30))


def test_free_memory_of_this_machine_is_known() -> None:
    assert 1 << 20 < free_bytes("cpu") < 1 << 50


STEP = """
import resource, sys
from pathlib import Path
from tests.models import make_job
from tuning_trainer.learning.loop import run_job
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
folder = Path(sys.argv[1])
job = make_job(folder, folder / "base", id=sys.argv[2], epochs=1, batch_size=4, method=sys.argv[2], learning_rate=1e-4)
before = peak()
last = run_job(job, lambda event: None)
print(last.event, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("path", ["native", "transformers"])
def test_scores_over_a_large_vocabulary_are_never_there_at_once(path: str, tmp_path: Path) -> None:
    """490 scored tokens over 262,144 entries are 490 MiB of float32, and three times that with their gradients."""
    if path == "native":
        write_llama(tmp_path / "base", dataclasses.replace(SHAPE, vocab_size=1 << 18))
    else:
        write_large_gpt2(tmp_path / "base")
    rows = [pair("repeat", "?!" * 60 + str(number), rejected="no") for number in range(4)]
    write_examples(tmp_path / "examples.jsonl", rows)
    for method in ("supervised", "preference")[: 2 if path == "native" else 1]:
        command = [sys.executable, "-c", STEP, str(tmp_path), method]
        run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
        ended, grown = run.stdout.split()
        assert ended == "done"
        assert int(grown) < (450 if path == "native" else 800), method  # with the model, and transformers


def write_large_gpt2(directory: Path) -> None:
    """Of 262,144 entries, most of which no text has."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from tests.models import write_gpt2

    write_gpt2(directory)
    config = GPT2Config(vocab_size=1 << 18, n_embd=32, n_layer=2, n_head=4, n_positions=256, eos_token_id=0)
    GPT2LMHeadModel(config).save_pretrained(directory)
