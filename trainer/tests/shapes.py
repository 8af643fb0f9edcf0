"""The shape of the tests' own Llama."""

from __future__ import annotations

from tuning_trainer.native.architecture import Config

SHAPE = Config(
    vocab_size=304, hidden_size=32, layers=2, heads=4, kv_heads=4, head_size=8, mlp_size=48, max_positions=256
)
