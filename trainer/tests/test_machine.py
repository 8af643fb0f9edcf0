"""What the trainer says of this machine, and of a pretended one with a GPU."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.models import write_llama
from tuning_trainer import devices, model
from tuning_trainer.__main__ import main
from tuning_trainer.devices import describe_machine


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_without_cuda_everything_is_on_the_cpu_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write_llama(tmp_path / "base")
    threads = torch.get_num_threads()
    assert main(["devices", str(base), "/nowhere"]) == 0
    torch.set_num_threads(threads)
    said = json.loads(capsys.readouterr().out)
    assert said["cuda"] is None
    embedded, own, lost = said["models"]
    assert embedded["model"] == "embedded"
    assert (own["device"], own["precision"], own["parameters"]) == ("cpu", "float32", 27296)
    assert own["why"] in ("torch sees no CUDA device", "this torch is built without CUDA")
    assert "'/nowhere' holds no config.json" in lost["error"]


def test_with_cuda_size_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = SimpleNamespace(name="card", total_memory=80 << 30)
    for name, value in {
        "is_available": lambda: True, "is_bf16_supported": lambda: True, "device_count": lambda: 2,
        "get_device_properties": lambda _: card,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    small = str(write_llama(tmp_path / "small"))
    said = describe_machine("auto", [small])
    assert said["cuda"] == {"name": "card", "count": 2, "memory_gib": 80.0, "bfloat16": True}
    assert said["rule"].startswith("base models from 6,000,000 parameters on cuda in bfloat16, smaller ones on cpu")
    assert said["models"][1]["why"] == "below 6,000,000 parameters a GPU's steps take longer than a CPU's"
    for module in (model, devices):
        monkeypatch.setattr(module, "GPU_MODEL", 1000)
    large = describe_machine("auto", [small])["models"][1]
    assert (large["device"], large["precision"], large["why"]) == (
        "cuda",
        "bfloat16",
        "from 1,000 parameters on a GPU is faster",
    )
    assert describe_machine("cuda", [small])["models"][1]["why"] == "it was asked for"
