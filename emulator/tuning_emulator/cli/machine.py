"""What the lora trainer would compute on here, asked of the trainer itself: this process never loads torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tuning_emulator.cli.checks import BROKEN, OK, WARNING, Finding
from tuning_emulator.jobs.lora import advise_torch, missing_packages
from tuning_emulator.settings import PREFIX

PACKAGE = "tuning-emulator"
_TORCH_TIMEOUT_S = 60.0


def check_trainer() -> Iterator[Finding]:
    """What the lora trainer computes on, and where the embedded base model goes, in its own words."""
    if missing := missing_packages():
        text = f"only the scripted one, which pretends: {', '.join(missing)} not installed"
        advice = f" (without a GPU, first: {advise_torch()})" if "torch" in missing else ""
        yield Finding("installed", "trainer", WARNING, text, f"pip install '{PACKAGE}[lora]'{advice}")
        return
    try:
        machine = ask_devices([])
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:] or ["no reason given"]
        yield Finding("installed", "trainer", BROKEN, f"torch cannot be loaded: {reason[0]}", "reinstall torch")
        return
    cuda = machine["cuda"]
    where = (
        f"{cuda['name']} ({cuda['memory_gib']} GiB) beside the CPU" if cuda else "the CPU; torch sees no CUDA device"
    )
    if not cuda and "+cu" in machine["torch"]:
        where += f", and brings CUDA's libraries (without, in a new environment: {advise_torch()})"
    yield Finding("installed", "trainer", OK, f"lora, with torch {machine['torch']}, on {where}")
    fast = [name for name, has in (("CPU", machine["cpu_bfloat16"]), ("GPU", cuda and cuda["bfloat16"])) if has]
    text = (
        f"fast on the {' and the '.join(fast)}"
        if fast
        else f"slow on this CPU; its {machine['cores']} cores take float32"
    )
    yield Finding("installed", "bfloat16", OK, text)
    yield Finding("installed", "devices", OK, machine["rule"])
    yield from (describe_device(model) for model in machine["models"])


def ask_devices(directories: Iterable[str]) -> dict[str, Any]:
    """What ``python -m tuning_trainer devices`` says of this machine and of models.

    Raises:
        OSError, SubprocessError, ValueError: it cannot be asked.
    """
    device = os.environ.get(f"{PREFIX}DEVICE") or "auto"
    command = [sys.executable, "-P", "-m", "tuning_trainer", "devices", f"--device={device}", "--", *directories]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TORCH_TIMEOUT_S)  # noqa: S603 our own module
    machine: dict[str, Any] = json.loads(done.stdout)
    return machine


def describe_device(model: Mapping[str, Any]) -> Finding:
    """Where a base model is tuned and answers, and why."""
    name = f"base model {model['model']}"
    if "error" in model:
        return Finding("installed", name, BROKEN, model["error"], "see --device and --base-model")
    place = f"{model['device']} in {model['precision']}"
    return Finding("installed", name, OK, f"{model['parameters']:,} parameters, on {place}: {model['why']}")
