"""Results reach the bucket of the request, or the job says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.jobs.output import write_output
from tuning_emulator.storage.objects import HttpObjectStore
from tuning_emulator.testing.storage_server import StorageServer


def make_results(folder: Path) -> Path:
    """An adapter and an event file; its directory."""
    adapter = folder / "checkpoint-3"
    for name in ("checkpoint-3/adapter_config.json", "tensorboard/events.out.tfevents.1.tuning", "labelled.jsonl"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    return adapter


def test_results_lie_under_the_output(tmp_path: Path) -> None:
    """With or without a slash at the end of the URI."""
    adapter = make_results(tmp_path)
    with StorageServer() as server:
        objects = HttpObjectStore(server.base_url)
        for folder in ("one", "two/"):
            write_output(objects, f"gs://out/{folder}", tmp_path, adapter)
        for folder in ("one", "two"):
            lines = objects.lines(f"gs://out/{folder}/postprocess/node-0/metrics/events.out.tfevents.1.tuning")
            assert list(lines) == [b"tensorboard/events.out.tfevents.1.tuning"]
            assert objects.stat(f"gs://out/{folder}/postprocess/node-0/checkpoints/final/adapter_config.json")
            assert objects.stat(f"gs://out/{folder}/distillation_labelled_dataset.jsonl")


def test_storage_that_does_not_answer_fails_the_job(tmp_path: Path) -> None:
    adapter = make_results(tmp_path)
    with pytest.raises(ApiError, match="cannot be written to gs://out/one") as found:
        write_output(HttpObjectStore("http://127.0.0.1:9"), "gs://out/one", tmp_path, adapter)
    assert found.value.code == Code.UNAVAILABLE
