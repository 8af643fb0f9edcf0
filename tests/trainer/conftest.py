"""These tests need torch; without the lora extra they are not collected."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama directory, shared and never written to."""
    from tests.trainer.models import write_llama

    return write_llama(tmp_path_factory.mktemp("models") / "tiny")
