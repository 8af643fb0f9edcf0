"""Programs that were written for Google and know nothing of the emulator end well under ``exec``, as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

import pytest

from client_tests.environments import NODE, ClientEnvironmentError, find_program, make_environment
from client_tests.running import BUCKET, LEFT_OUT, PROGRAM_TIME_S, PROGRAMS, Stage
from tuning_emulator.settings import format_options

pytestmark = pytest.mark.clients

SHELL = "shell"
"""The environment of what needs none."""

LAST_LINES: Mapping[tuple[str, str], str] = {
    ("generativeai-0.8", "tutorial_2024.py"): "8 eight",
    (SHELL, "curl_loop_2024.sh"): "8",
    (NODE, "fetch_2024.mjs"): "ACTIVE 8",
    ("aiplatform-2.7", "fine_tuning_tool.py"): "8",
    ("aiplatform-1.95", "fine_tuning_tool.py"): "8",
    ("aiplatform-2.7", "gateway.py"): "eight",
    ("langchain", "chain.py"): "eight",
    ("genai-3.6", "notebook_genai.py"): "JOB_STATE_SUCCEEDED",
    ("genai-1.20", "notebook_genai.py"): "JOB_STATE_SUCCEEDED",
    ("aiplatform-2.7", "notebook_vertexai.py"): "JOB_STATE_SUCCEEDED",
}
"""By environment and program, what it prints last."""


def find_command(environment: str, program: str) -> list[str]:
    """What runs a program; skips the test where the machine has no such thing."""
    if environment == SHELL:
        if not shutil.which("curl"):
            pytest.skip("no curl")
        return ["bash", program]
    return [*find_program(environment, make_environment(environment)), program]


@pytest.mark.parametrize(("environment", "program"), LAST_LINES)
def test_a_program_ends_well(environment: str, program: str, stage: Stage) -> None:
    """Its last line is the answer of the tuned model, or how its job ended."""
    try:
        command = find_command(environment, str(PROGRAMS / "as_it_is" / program))
    except ClientEnvironmentError as error:
        pytest.fail(str(error))
    options = format_options({"trainer": "scripted", "buckets": {BUCKET: stage.data}})
    kept = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tuning_emulator", "exec", *options, "--", *command],
        env={**kept, "PROJECT": f"as-it-is-{program.partition('.')[0].replace('_', '-')}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PROGRAM_TIME_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines()[-1:] == [LAST_LINES[environment, program]], done.stdout
