"""``tuning-emulator doctor``: what is installed, reachable and misconfigured here, with the fix."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from tuning_emulator.cli.checks import (
    BROKEN,
    OK,
    WARNING,
    Finding,
    check_directories,
    check_emulator,
    check_packages,
    check_variables,
)
from tuning_emulator.cli.machine import ask_devices, check_trainer, describe_device
from tuning_emulator.cli.values import want_url
from tuning_emulator.core.as_of import Day
from tuning_emulator.facts.base_models import MODELS, find_base_model, list_base_models
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.models.added import EMBEDDED, ModelError, find_weights
from tuning_emulator.settings import DEFAULT_PORT
from tuning_trainer.spec import explain_unloadable

_MARKS = {OK: "✓", WARNING: "!", BROKEN: "✗"}
_COLOURS = {OK: "\x1b[32m", WARNING: "\x1b[33m", BROKEN: "\x1b[31m"}
_PLAIN = "\x1b[0m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which emulator is meant."""
    parser.add_argument("--url", type=want_url, help=f"where the emulator should run (http://127.0.0.1:{DEFAULT_PORT})")
    parser.add_argument("--data-dir", type=Path, help="its data directory ($TUNING_EMULATOR_DATA_DIR)")
    parser.add_argument("--json", action="store_true", help="one JSON object a finding")


def run(parsed: argparse.Namespace) -> int:
    """Prints every finding. 0: nothing is broken, 1: something is."""
    asked = parsed.url or f"http://127.0.0.1:{DEFAULT_PORT}"
    findings = list(examine(asked, parsed.url is not None, parsed.data_dir))
    if parsed.json:
        for finding in findings:
            print(json.dumps(dataclasses.asdict(finding), ensure_ascii=False))
    else:
        print("\n".join(format_findings(findings, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)))
    return 1 if any(finding.status == BROKEN for finding in findings) else 0


def examine(url: str, expected: bool, data_dir: Path | None) -> Iterable[Finding]:
    """All findings. ``expected``: that an emulator answers at the URL was said, so that silence is a fault."""
    yield from check_packages()
    yield from check_trainer()
    health, findings = check_emulator(url, expected)
    yield from findings
    yield from check_directories(data_dir or _given_directory(), running=health)
    yield from check_variables(dict(os.environ), url, health)
    yield check_tunable(datetime.now(UTC).date().isoformat())
    own = (health or {}).get("base_models", {})
    yield from check_own_models(own)
    if not missing_packages():
        yield from check_own_packages(own)
    yield from check_own_devices(own)


def check_tunable(today: str) -> Finding:
    """Which of Google's models the real service takes for a new tuning job today: clients want to name one of them."""
    tunable = [one for one in list_base_models("vertex") if one.tunable and not one.open]
    now = [one.id for one in tunable if Day(today, lenient=False).offers(one.tunable_since, one.tunable_until)]
    gone = [one.id for one in tunable if one.tunable_until and one.tunable_until <= today]
    text = f"Vertex AI tunes {', '.join(now)} today; no more: {', '.join(gone)}"
    return Finding("configured", "base models", OK, text)


def check_own_models(directories: Mapping[str, str]) -> Iterable[Finding]:
    """Whether the base models that directories stand in for exist: another name is never asked for."""
    known = [one.id for one in MODELS]
    for name in directories:
        if name != "*" and not any(find_base_model(one.api, name) for one in MODELS):
            near = ", ".join(get_close_matches(name, known, 3)) or "tuning-emulator rules lists them"
            yield Finding("configured", name, WARNING, "no API has a base model of this name", f"name one: {near}")


def check_own_packages(directories: Mapping[str, str]) -> Iterable[Finding]:
    """Which of these weights cannot be tuned or asked, for packages that they need are not installed."""
    for name, weights in directories.items():
        with suppress(ModelError):  # `emulator` knows what to do about one that is gone
            directory = find_weights(weights)
            if directory != EMBEDDED and (text := explain_unloadable(Path(directory))):
                yield Finding("configured", name, BROKEN, text, "pip install 'tuning-emulator[huggingface]'")


def check_own_devices(directories: Mapping[str, str]) -> Iterable[Finding]:
    """Where the models in these directories go; none is asked about where there is none."""
    if directories and not missing_packages():
        with suppress(OSError, ValueError, subprocess.SubprocessError):  # that torch is broken has been said
            models = ask_devices(dict.fromkeys(directories.values()))["models"]
            yield from (replace(describe_device(model), area="configured") for model in models[1:])


def _given_directory() -> Path | None:
    given = os.environ.get("TUNING_EMULATOR_DATA_DIR")
    return Path(given) if given else None


def format_findings(findings: Iterable[Finding], *, colour: bool = False) -> list[str]:
    """A line for each, by area, with the fix below it; at the end how many are what."""
    lines: list[str] = []
    area = ""
    counts = dict.fromkeys(_MARKS, 0)
    for finding in findings:
        if finding.area != area:
            area = finding.area
            lines += ["", area] if lines else [area]
        counts[finding.status] += 1
        mark = _MARKS[finding.status]
        shown = f"{_COLOURS[finding.status]}{mark}{_PLAIN}" if colour else mark
        lines.append(f"  {shown} {finding.name}: {finding.text}")
        if finding.fix:
            lines.append(f"      fix: {finding.fix}")
    broken, warnings = counts[BROKEN], counts[WARNING]
    verdict = "nothing is broken" if not broken else f"{broken} broken"
    return [*lines, "", f"{verdict}, {warnings} to look at" if warnings else verdict]
