"""What all tests share. Those of the trainer need torch; without the lora extra they are not collected."""

from __future__ import annotations

import importlib.util
import signal
from pathlib import Path

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell gives background jobs no Ctrl-C, and the programs that the tests interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["trainer/tests/*"]
else:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama directory, shared and never written to."""
    from tests.models import write_llama

    return write_llama(tmp_path_factory.mktemp("models") / "tiny")
