"""Jobs are spread over the GPUs that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models import make_job
from tuning_trainer.gpus import choose_gpus, goes_to_gpu, show_gpus


@pytest.mark.parametrize(
    ("taken", "wanted", "found"),
    [
        ([], 1, (0,)),
        ([(0,)], 1, (1,)),
        ([(0,), (1,), (2,)], 1, (0,)),
        ([(0,), (2,)], 2, (0, 1)),
        ([(1,)], 5, (0, 1, 2)),
    ],
)
def test_jobs_are_spread_over_gpus(taken: list[tuple[int, ...]], wanted: int, found: tuple[int, ...]) -> None:
    """Those with the fewest jobs come first, the lower number where two have as many."""
    assert choose_gpus(taken, 3, wanted) == found


def test_gpus_that_a_user_hides_stay_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert show_gpus((0, 2)) == {"CUDA_VISIBLE_DEVICES": "0,2"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,GPU-abc")
    assert show_gpus((1, 2)) == {"CUDA_VISIBLE_DEVICES": "5,GPU-abc"}


def test_a_job_without_a_model_goes_to_no_gpu(tmp_path: Path) -> None:
    """So that it says itself what is wrong."""
    assert not goes_to_gpu(make_job(tmp_path, "/none", device="cuda"))
