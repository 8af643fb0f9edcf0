"""``python -m benchmarks.gpu`` in its tiny form: the program that is run where there is a GPU works here too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.process
@pytest.mark.slow
def test_every_case_of_ours_has_a_figure(tmp_path: Path) -> None:
    """And a floor, which it does not undercut; what is not installed is said where its figure would be."""
    output = tmp_path / "gpu.json"
    command = [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--without-tests", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(output.read_text())
    for shape in ("tiny Qwen2", "tiny Llama"):
        cases = figures[shape]["cases"]
        assert len(cases) == 8
        for name, sides in cases.items():
            figure = sides["ours"]["tokens_per_s" if "answers" in name else "step_ms"]
            assert figure > 0
            if "floor_ms" in sides:
                assert sides["floor_ms"] > 0
            peer = sides["trl"]
            assert peer.get("tokens_per_s") or peer.get("step_ms") or "No module named" in peer["error"]
    assert "documented 15 pairs" in done.stdout
