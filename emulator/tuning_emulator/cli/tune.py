"""``tuning-emulator tune``: one tuning job from the command line, from dataset to answers."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tuning_emulator.cli.broken_rules import BrokenRules
from tuning_emulator.cli.curves import Curves, read_curves
from tuning_emulator.cli.export_adapter import ExportError, check_target
from tuning_emulator.cli.job_client import GeminiClient, Job, RefusedError, VertexClient
from tuning_emulator.cli.request import add_request, make_request
from tuning_emulator.cli.samples import Sample, make_sample, read_samples
from tuning_emulator.cli.screen import Answer, PlainScreen, Screen, open_screen
from tuning_emulator.cli.validate import format_emulator
from tuning_emulator.cli.values import describe_error, want_url
from tuning_emulator.control.dry_run import DryRun, TuningRequest, dry_run, is_pipe, open_lines
from tuning_emulator.storage.objects import StorageError
from tuning_emulator.testing.client import Control, ControlError, NoAnswerError
from tuning_emulator.testing.process import StartError, start_emulator

_SAMPLES = 5
_POLL_S = 0.1
_CANCEL_LIMIT_S = 20.0
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset, what to do with it, and where."""
    parser.add_argument("dataset", help="JSON lines of either API: a file, or gs://bucket/object with --url")
    add_request(parser)
    parser.add_argument("--prompt", action="append", default=[], help="ask this before and after; may be repeated")
    parser.add_argument("--output", type=Path, metavar="DIR", help="write the adapter here")
    parser.add_argument("--url", type=want_url, help="a running emulator (one is started for the job)")
    parser.add_argument(
        "--base-model",
        action="append",
        default=[],
        metavar="[MODEL=]NAME|DIRECTORY",
        help="language model that plays base models in the one started, as of serve",
    )
    parser.add_argument("--trainer", choices=["auto", "lora", "scripted"], help="of the one started (auto)")
    parser.add_argument("--plain", action="store_true", help="plain lines, as without a terminal")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, progress to stderr")
    parser.set_defaults(storage="")


def run(parsed: argparse.Namespace) -> int:
    """Tunes. 0: it succeeded, 1: it did not, 2: it could not begin, 130: it was cancelled with Ctrl-C."""
    screen: Screen = PlainScreen(sys.stderr) if parsed.json else open_screen(sys.stdout, parsed.plain)
    try:
        if parsed.output is not None:
            check_target(parsed.output, "--output")
        for name in ("base_model", "trainer"):
            if parsed.url and getattr(parsed, name):
                option = f"--{name.replace('_', '-')}"
                raise ValueError(f"{option}: the emulator at --url runs already; start it with serve {option}")
        request = _make_request(parsed)
        checked = _check(request)
    except NoAnswerError as error:
        print(f"tuning-emulator: {error}; start it, or leave --url out", file=sys.stderr)
        return 1
    except (OSError, StorageError, ValueError, ExportError, ControlError) as error:
        print(f"tuning-emulator: {describe_error(error)}", file=sys.stderr)
        return 2
    if not checked.good:
        refused = "tuning-emulator: the dataset would be refused; nothing was started"
        print("\n".join([*format_emulator(checked), refused]), file=sys.stderr)
        return 1
    try:
        with _open_emulator(parsed) as url:
            return _Run(parsed, request, screen, url).go(checked)
    except NoAnswerError as error:
        print(f"tuning-emulator: {error}{'; start it, or leave --url out' if parsed.url else ''}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except (RefusedError, ControlError, StartError, ExportError, StorageError, OSError) as error:
        print(f"tuning-emulator: {describe_error(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tuning-emulator: cancelled", file=sys.stderr)
        return INTERRUPTED


def _make_request(parsed: argparse.Namespace) -> TuningRequest:
    if is_pipe(parsed.dataset):
        raise ValueError("dataset: a pipe can be read once, and it is read several times here; give a file")
    if parsed.dataset.startswith("gs://") and not parsed.url:
        raise ValueError(f"dataset: {parsed.dataset} is on a running emulator's storage; say which with --url")
    if parsed.url and parsed.dataset.startswith("gs://"):
        parsed.storage = str(Control(parsed.url).health()["storage"]["url"]) or "cloud"
    return make_request(parsed)


def _check(request: TuningRequest) -> DryRun:
    broken = BrokenRules()
    found = dry_run(request, broken)
    for line in broken.format():
        print(line, file=sys.stderr)
    return found


@contextmanager
def _open_emulator(parsed: argparse.Namespace) -> Iterator[str]:
    if parsed.url:
        yield parsed.url
        return
    trainer, models = parsed.trainer or "auto", parsed.base_model or None
    with start_emulator(trainer=trainer, base_models=models, log_level="error") as started:
        yield started.url


class _Run:
    """One job, start to end."""

    def __init__(self, parsed: argparse.Namespace, request: TuningRequest, screen: Screen, url: str) -> None:
        self._parsed = parsed
        self._request = request
        self._screen = screen
        self._url = url
        self._control = Control(url)
        self._client = (GeminiClient if request.api == "gemini" else VertexClient)(url, request)

    def go(self, checked: DryRun) -> int:
        """Creates the job, follows it, asks the model, writes the adapter."""
        self._introduce(checked)
        samples = self._choose_samples()
        base = self._client.base_model
        before = [self._ask(base, sample) if base else None for sample in samples]
        job = self._client.create(self._request, Path(self._request.dataset).stem or "tuned")
        try:
            report, curves = self._follow(job)
        except KeyboardInterrupt:
            self._cancel(job)
            raise
        if report["state"] != "SUCCEEDED":
            return self._fail(report, job)
        model = self._client.find_model(job)
        answers = [
            Answer(sample.prompt, sample.expected, said, self._ask(model, sample), sample.rejected)
            for sample, said in zip(samples, before, strict=True)
        ]
        if answers:
            self._screen.show_answers(answers)
        return self._conclude(job, model, report, curves, answers)

    def _introduce(self, checked: DryRun) -> None:
        assert checked.statistics is not None
        assert checked.hyperparameters is not None
        used = checked.hyperparameters
        facts = [
            f"{self._request.method.value} tuning",
            f"{checked.statistics.examples:,} examples",
            f"{used.epochs} epochs",
            f"batch size {used.batch_size}",
            f"{checked.steps:,} steps",
        ]
        self._screen.say(self._request.base_model, ", ".join(facts))
        health = self._control.health()
        trainer, played = health["trainer"]["name"], health["base_models"]
        note = "really trains" if trainer == "lora" else "only pretends; install tuning-emulator[lora]"
        weights = played.get(self._request.base_model, played["*"])
        if trainer == "lora" and weights != "embedded":
            note += f" {weights}"
        self._screen.say("trainer", f"{trainer} ({note})")
        for reason, count, _ in checked.statistics.reduced:
            self._screen.say("in part", f"{count:,} of the examples. {reason}")

    def _choose_samples(self) -> list[Sample]:
        """The prompts that were asked for, or the dataset's first questions."""
        if self._parsed.prompt:
            return [make_sample(prompt) for prompt in self._parsed.prompt]
        with open_lines(self._request.dataset, self._request.storage) as lines:
            return read_samples(lines, _SAMPLES)

    def _ask(self, model: str, sample: Sample) -> str:
        try:
            return self._client.ask(model, sample.body, sample.expected)
        except RefusedError as error:
            return f"({error})"

    def _follow(self, job: Job) -> tuple[dict[str, Any], Curves]:
        """Shows the job until it has ended; however that goes, its curves stay on the screen."""
        curves = Curves()
        try:
            while True:
                began = time.monotonic()
                report = self._control.jobs.get(job.name)
                curves = read_curves(report["metrics"])
                state = str(report["phase"] or report["state"]).replace("_", " ").lower()
                self._screen.report(state, report["completed_steps"], report["total_steps"], curves)
                if report["state"] in _ENDED:
                    return report, curves
                time.sleep(max(_POLL_S, time.monotonic() - began))  # long curves are asked for less often
        finally:
            self._screen.finish(curves)

    def _cancel(self, job: Job) -> None:
        self._screen.say("cancelling", job.name)
        self._client.cancel(job)
        limit = time.monotonic() + _CANCEL_LIMIT_S
        while self._control.jobs.get(job.name)["state"] not in _ENDED and time.monotonic() < limit:
            time.sleep(_POLL_S)

    def _fail(self, report: dict[str, Any], job: Job) -> int:
        if self._parsed.json:
            print(json.dumps({"job": job.name, "state": report["state"], "error": report["error"]}))
        print(f"tuning-emulator: the job ended {report['state']}: {report['error']}", file=sys.stderr)
        return 1

    def _conclude(self, job: Job, model: str, report: dict[str, Any], curves: Curves, answers: list[Answer]) -> int:
        right, known = sum(one.right for one in answers), sum(bool(one.expected) for one in answers)
        if known:
            self._screen.say("as expected", f"{right} of {known} answers after tuning")
        if self._parsed.output is not None:
            _export(self._url, job.name, self._parsed.output)
            self._screen.say("adapter", str(self._parsed.output))
        elif self._parsed.url:
            self._screen.say("tuned model", model.partition("/v1/")[2] or job.name)
            self._screen.say("adapter", f"tuning-emulator export-adapter {job.name} DIR --url {self._url}")
        else:
            self._screen.say("adapter", "gone with the emulator that was started; keep it with --output DIR")
        if self._parsed.json:
            print(json.dumps(self._describe(job, model, report, curves, answers), ensure_ascii=False, indent=2))
        return 0

    def _describe(
        self,
        job: Job,
        model: str,
        report: dict[str, Any],
        curves: Curves,
        answers: list[Answer],
    ) -> dict[str, Any]:
        return {
            "job": job.name,
            "state": report["state"],
            "model": model.lstrip("/").partition("/")[2],
            "trainer": report["trainer"],
            "steps": report["completed_steps"],
            "method": self._request.method.value,
            "losses": curves.train,
            "validation_losses": [{"step": step, "loss": loss} for step, loss in curves.validation],
            "answers": [dataclasses.asdict(one) for one in answers],
            "right": sum(one.right for one in answers),
            "adapter": str(self._parsed.output) if self._parsed.output is not None else None,
        }


def _export(url: str, name: str, target: Path) -> None:
    """Raises ExportError: there is nothing to write, or it cannot be written."""
    from tempfile import TemporaryDirectory

    from tuning_emulator.cli.export_adapter import fetch_adapter, write_target

    asked = argparse.Namespace(name=name, url=url, data_dir=None, checkpoint="")
    with TemporaryDirectory(prefix="adapter-") as work:
        fetch_adapter(asked, Path(work))
        write_target(Path(work), target, merged=False)
