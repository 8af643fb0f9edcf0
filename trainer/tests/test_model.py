"""Where a model works: on the GPU if it is faster there. Torch is told that there is one; nothing runs on it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.models import write_llama
from tuning_trainer import model
from tuning_trainer.model import count_stored, takes_gpu
from tuning_trainer.native.tuned import load_base
from tuning_trainer.spec import EMBEDDED, Device, InvalidJobError


def test_parameters_are_counted_without_loading_them(tmp_path: Path) -> None:
    directory = write_llama(tmp_path / "model")
    assert count_stored(directory) == load_base(directory).size
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "pytorch_model.bin").write_bytes(bytes(1000))
    assert count_stored(tmp_path / "old") == 500


@pytest.mark.parametrize(
    ("wanted", "present", "small", "gpu"),
    [
        ("auto", True, False, True),
        ("auto", True, True, False),
        ("auto", False, False, False),
        ("cpu", True, False, False),
        ("cuda", True, True, True),
    ],
)
def test_small_models_stay_on_the_cpu(
    wanted: Device, present: bool, small: bool, gpu: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless they are sent to the GPU by name."""
    directory = write_llama(tmp_path / "model")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: present)
    monkeypatch.setattr(model, "GPU_MODEL", count_stored(directory) + (1 if small else 0))
    assert takes_gpu(wanted, directory) is gpu


def test_the_embedded_model_stays_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not takes_gpu("auto", model.model_directory(EMBEDDED))


def test_a_gpu_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InvalidJobError, match="sees no CUDA device"):
        takes_gpu("cuda", write_llama(tmp_path / "model"))
