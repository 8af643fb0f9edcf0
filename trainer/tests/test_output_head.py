"""Models of transformers are cut before their output matrix, where the parts are the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models import write_gpt2, write_tokenizer
from tuning_trainer.data.chat import Encoded
from tuning_trainer.data.dataset import collate

pytestmark = pytest.mark.slow


def write_cohere(directory: Path) -> Path:
    """A random Cohere, which scales its scores: it cannot be cut."""
    from transformers import CohereConfig, CohereForCausalLM

    torch.manual_seed(0)
    config = CohereConfig(
        vocab_size=304, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=48, max_position_embeddings=256, eos_token_id=0, bos_token_id=1, pad_token_id=0,
        logit_scale=3.0,
    )  # fmt: skip
    CohereForCausalLM(config).save_pretrained(directory)
    write_tokenizer(directory, ["<|endoftext|>"])
    return directory


@pytest.mark.parametrize(("write", "cut"), [(write_gpt2, True), (write_cohere, False)])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_scores_and_gradients_are_those_of_the_whole_model(
    write: Any, cut: bool, checkpointing: bool, tmp_path: Path
) -> None:
    from tuning_trainer.huggingface.output_head import OutputHead
    from tuning_trainer.huggingface.tuned import add_adapter, load_model

    model = load_model(write(tmp_path / "base"), "cpu", "float32")
    adapted = add_adapter(model, 2, 0)
    head = OutputHead(model)
    assert head.cut is cut
    rows = [Encoded((5, 6, 7, 8, 9), (False, True, False, True, True)), Encoded((3, 4, 5), (False, False, True))]
    batch = collate(rows)
    learned = [p for p in adapted.parameters() if p.requires_grad]
    whole = adapted(input_ids=batch.inputs, use_cache=False).logits.flatten(0, 1)[batch.places]
    wanted = torch.autograd.grad(whole.logsumexp(-1).sum(), learned, allow_unused=True)
    parts = head.scores(head.hidden(batch.inputs, batch.places, checkpointing))
    found = torch.autograd.grad(parts.logsumexp(-1).sum(), learned, allow_unused=True)
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=1e-5)
    for one, other in zip(found, wanted, strict=True):
        if other is not None:
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_checkpointed_layers_run_twice(tmp_path: Path) -> None:
    from tuning_trainer.huggingface.output_head import OutputHead
    from tuning_trainer.huggingface.tuned import load_model

    model = load_model(write_gpt2(tmp_path / "base"), "cpu", "float32").requires_grad_(True)
    calls: list[int] = []
    model.transformer.h[0].mlp.register_forward_hook(lambda *_: calls.append(1))
    head = OutputHead(model)
    ids, places = torch.arange(6)[None], torch.arange(6)
    for checkpointing, wanted in ((False, 1), (True, 2)):
        calls.clear()
        torch.autograd.backward(head.scores(head.hidden(ids, places, checkpointing)).sum())
        assert len(calls) == wanted


def test_activations_of_any_config_are_estimated() -> None:
    """Of one without attention, and of one whose layers differ."""
    from types import SimpleNamespace

    from tuning_trainer.huggingface.tuned import estimate_config

    plain = estimate_config(SimpleNamespace(hidden_size=32, num_hidden_layers=3), 4)
    uneven = estimate_config(SimpleNamespace(hidden_size=32, num_hidden_layers=3, intermediate_size=[64, 128, 96]), 4)
    assert 3 * 4 * 32 < plain.checkpointed < plain.kept
    assert plain == uneven
