"""``tuning-emulator tune``: one tuning job from the command line, from dataset to answers."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuning_emulator.cli.export_adapter import ExportError, check_target
from tuning_emulator.cli.screen import Answer, PlainScreen, Screen, open_screen
from tuning_emulator.cli.validate import ShownErrors, add_request, format_emulator, format_rest, make_request
from tuning_emulator.control.dry_run import (
    DryRun,
    TuningRequest,
    dry_run,
    make_tuned_model,
    make_tuning_job,
    open_file,
    open_lines,
    read_whole,
    split_examples,
)
from tuning_emulator.datasets.contents import drop_nulls
from tuning_emulator.storage.objects import StorageError
from tuning_emulator.testing.client import Buckets, Control, ControlError, answering, send_request
from tuning_emulator.testing.process import StartError, start_emulator

# --- a tuning job on a running emulator, through the services' own requests

TIMEOUT_S = 120.0
PROJECT = "tuning-emulator-tune"
BUCKET = "tuning-emulator-tune"
_GREEDY = {"temperature": 0, "maxOutputTokens": 64}
_HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "Bearer tuning-emulator",
    "x-goog-user-project": PROJECT,
}


class RefusedError(Exception):
    """The service said no; the text is its own."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was created.

    Attributes:
        name: What its API, the control API and ``export-adapter`` call it.
        cancel_path: Where a cancel is posted to.
    """

    name: str
    cancel_path: str


class _Client:
    """One API, as far as ``tune`` needs it: create, follow under its name, cancel, ask.

    Attributes:
        base_model: What the base model is asked by.
    """

    base_model: str

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def call(self, verb: str, path: str, body: Any = None) -> dict[str, Any]:
        """One request.

        Raises:
            RefusedError: it was answered with an error. NoAnswerError: it was not answered.
        """
        data = None if body is None else json.dumps(body).encode()
        status, answer = send_request(self._url + path, verb, data, _HEADERS, TIMEOUT_S)
        with answer, answering(self._url):
            text = answer.read()
        if status != 200:
            raise RefusedError(_read_message(status, text))
        said: dict[str, Any] = json.loads(text)
        return said

    def cancel(self, job: Job) -> None:
        """Asks the job to stop."""
        self.call("POST", job.cancel_path, {})

    def ask(self, model: str, prompt: str) -> str:
        """The likeliest answer."""
        body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}], "generationConfig": _GREEDY}
        said = self.call("POST", f"{model}:generateContent", body)
        parts = said["candidates"][0].get("content", {}).get("parts", [])
        return "".join(part.get("text", "") for part in parts)


class GeminiClient(_Client):
    """The Gemini API: the examples travel inside the create request."""

    def __init__(self, url: str, request: TuningRequest) -> None:
        super().__init__(url)
        self.base_model = f"/v1beta/models/{request.base_model}"

    def create(self, request: TuningRequest, display_name: str) -> Job:
        """``tunedModels`` create."""
        lines = split_examples(request, read_whole(request), lambda _: None)
        model = make_tuned_model(request, lines, display_name[:40])
        operation = self.call("POST", "/v1beta/tunedModels", model)
        return Job(operation["metadata"]["tunedModel"], f"/v1beta/{operation['name']}:cancel")

    def find_model(self, job: Job) -> str:
        """The tuned model itself."""
        return f"/v1beta/{job.name}"


class VertexClient(_Client):
    """Vertex AI: the datasets are uploaded first."""

    def __init__(self, url: str, request: TuningRequest) -> None:
        super().__init__(url)
        self._place = f"projects/{PROJECT}/locations/{request.location}"
        self._storage = str(Control(url).health()["storage"]["url"])
        self.base_model = f"/v1/{self._place}/publishers/google/models/{request.base_model}"

    def create(self, request: TuningRequest, display_name: str) -> Job:
        """``tuningJobs`` create."""
        validation = self._upload(request.validation, "validation.jsonl") if request.validation else ""
        uploaded = replace(request, dataset=self._upload(request.dataset, "train.jsonl"), validation=validation)
        body = {**make_tuning_job(uploaded), "tuned_model_display_name": display_name}
        if "output_uri" in body:
            body["output_uri"] = f"gs://{BUCKET}/output"
        version = "v1beta1"  # preference tuning is not in v1
        name = self.call("POST", f"/{version}/{self._place}/tuningJobs", body)["name"]
        return Job(name, f"/{version}/{name}:cancel")

    def find_model(self, job: Job) -> str:
        """The endpoint of the tuned model."""
        return f"/v1/{self.call('GET', f'/v1/{job.name}')['tunedModel']['endpoint']}"

    def _upload(self, name: str, as_name: str) -> str:
        if name.startswith("gs://"):
            return name
        if not self._storage:
            raise RefusedError(f"{name}: the emulator reads Google Cloud Storage itself; upload it and give gs://…")
        with open_file(name) as stream:
            return Buckets(self._storage).upload(BUCKET, as_name, stream.read())


def _read_message(status: int, text: bytes) -> str:
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {status}: {text[:200].decode(errors='replace')}"


# --- the command

MODELS = {"gemini": "gemini-1.5-flash-001-tuning", "vertex": "gemini-3.5-flash"}
_SAMPLES = 5
_POLL_S = 0.1
_CANCEL_LIMIT_S = 20.0
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The dataset, what to do with it, and where."""
    parser.add_argument("dataset", help="JSON lines of either API: a file, or gs://bucket/object with --url")
    parser.add_argument("--api", choices=["gemini", "vertex"], help="which API (seen from the dataset)")
    parser.add_argument("--model", help="base model (gemini-3.5-flash; with the Gemini API its last tunable one)")
    add_request(parser)
    parser.add_argument("--prompt", action="append", default=[], help="ask this before and after; may be repeated")
    parser.add_argument("--output", type=Path, metavar="DIR", help="write the adapter here")
    parser.add_argument("--url", help="a running emulator (one is started for the job)")
    parser.add_argument(
        "--base-model",
        action="append",
        default=[],
        metavar="[MODEL=]NAME|DIRECTORY",
        help="language model that plays base models in the one started, as of serve",
    )
    parser.add_argument("--trainer", choices=["auto", "lora", "scripted"], default="auto", help="of the one started")
    parser.add_argument("--plain", action="store_true", help="plain lines, as without a terminal")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, progress to stderr")
    parser.set_defaults(as_of=None, storage="")


def run(parsed: argparse.Namespace) -> int:
    """Tunes. 0: it succeeded, 1: it did not, 2: it could not begin, 130: it was cancelled with Ctrl-C."""
    screen: Screen = PlainScreen(sys.stderr) if parsed.json else open_screen(sys.stdout, parsed.plain)
    try:
        if parsed.output is not None:
            check_target(parsed.output)
        if parsed.url and parsed.base_model:
            raise ValueError("--base-model: the emulator at --url runs already; start it with serve --base-model")
        request = _make_request(parsed)
        checked = _check(request)
    except (OSError, StorageError, ValueError, ExportError) as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return 2
    if not checked.good:
        print("\n".join(format_emulator(checked)), file=sys.stderr)
        print("tuning-emulator: the dataset would be refused; nothing was started", file=sys.stderr)
        return 1
    try:
        with _open_emulator(parsed) as url:
            return _Run(parsed, request, screen, url).go(checked)
    except (RefusedError, ControlError, StartError, ExportError, OSError) as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tuning-emulator: cancelled", file=sys.stderr)
        return INTERRUPTED


def _make_request(parsed: argparse.Namespace) -> TuningRequest:
    if parsed.dataset == "-":
        raise ValueError("dataset: standard input cannot be uploaded; give a file")
    if parsed.dataset.startswith("gs://") and not parsed.url:
        raise ValueError(f"dataset: {parsed.dataset} is on a running emulator's storage; say which with --url")
    if parsed.url and parsed.dataset.startswith("gs://"):
        parsed.storage = str(Control(parsed.url).health()["storage"]["url"]) or "cloud"
    if parsed.api is None:
        parsed.api = _find_api(parsed.dataset, parsed.storage)
    parsed.model = parsed.model or MODELS[parsed.api]
    return make_request(parsed)


def _find_api(name: str, storage: str) -> str:
    """Lines of ``text_input`` and ``output`` are the Gemini API's."""
    with open_lines(name, storage) as lines:
        first = next((line for line in lines if line.strip()), b"")
    return "gemini" if b'"text_input"' in first or b'"textInput"' in first else "vertex"


def _check(request: TuningRequest) -> DryRun:
    shown = ShownErrors(None)
    found = dry_run(request, shown)
    for line in [*shown.lines, *format_rest(found.errors - len(shown.lines))]:
        print(line, file=sys.stderr)
    return found


@contextmanager
def _open_emulator(parsed: argparse.Namespace) -> Iterator[str]:
    if parsed.url:
        yield parsed.url
        return
    with start_emulator(trainer=parsed.trainer, base_models=parsed.base_model or None, log_level="error") as started:
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
        before = [self._ask(self._client.base_model, prompt) for prompt, _ in samples]
        job = self._client.create(self._request, Path(self._request.dataset).stem or "tuned")
        try:
            report = self._follow(job)
        except KeyboardInterrupt:
            self._cancel(job)
            raise
        losses = [point["loss"] for point in report["metrics"] if point["kind"] == "train"]
        self._screen.finish(losses)
        if report["state"] != "SUCCEEDED":
            return self._fail(report, job)
        model = self._client.find_model(job)
        answers = [
            Answer(prompt, expected, said, self._ask(model, prompt))
            for (prompt, expected), said in zip(samples, before, strict=True)
        ]
        if answers:
            self._screen.show_answers(answers)
        return self._conclude(job, model, report, losses, answers)

    def _introduce(self, checked: DryRun) -> None:
        assert checked.statistics is not None
        assert checked.hyperparameters is not None
        used = checked.hyperparameters
        facts = [
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

    def _choose_samples(self) -> list[tuple[str, str]]:
        """(prompt, expected): the ones that were asked for, or the dataset's first ones of one turn."""
        if self._parsed.prompt:
            return [(prompt, "") for prompt in self._parsed.prompt]
        with open_lines(self._request.dataset, self._request.storage) as lines:
            found: list[tuple[str, str]] = []
            for number, line in enumerate(lines):
                sample = _read_pair(line)
                if sample and sample not in found:
                    found.append(sample)
                if len(found) == _SAMPLES or number > 1000:
                    break
        return found

    def _ask(self, model: str, prompt: str) -> str:
        try:
            return self._client.ask(model, prompt)
        except RefusedError as error:
            return f"({error})"

    def _follow(self, job: Job) -> dict[str, Any]:
        while True:
            report = self._control.jobs.get(job.name)
            losses = [point["loss"] for point in report["metrics"] if point["kind"] == "train"]
            state = str(report["phase"] or report["state"]).replace("_", " ").lower()
            self._screen.report(state, report["completed_steps"], report["total_steps"], losses)
            if report["state"] in _ENDED:
                return report
            time.sleep(_POLL_S)

    def _cancel(self, job: Job) -> None:
        self._screen.finish(())
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

    def _conclude(
        self, job: Job, model: str, report: dict[str, Any], losses: list[float], answers: list[Answer]
    ) -> int:
        right = sum(one.right for one in answers if one.expected)
        if self._parsed.output is not None:
            _export(self._url, job.name, self._parsed.output)
            self._screen.say("adapter", str(self._parsed.output))
        elif self._parsed.url:
            self._screen.say("tuned model", model.partition("/v1/")[2] or job.name)
            self._screen.say("adapter", f"tuning-emulator export-adapter {job.name} DIR --url {self._url}")
        else:
            self._screen.say("adapter", "gone with the emulator that was started; keep it with --output DIR")
        if self._parsed.json:
            print(json.dumps(self._describe(job, model, report, losses, answers, right), ensure_ascii=False, indent=2))
        return 0

    def _describe(
        self,
        job: Job,
        model: str,
        report: dict[str, Any],
        losses: list[float],
        answers: list[Answer],
        right: int,
    ) -> dict[str, Any]:
        return {
            "job": job.name,
            "state": report["state"],
            "model": model.lstrip("/").partition("/")[2],
            "trainer": report["trainer"],
            "steps": report["completed_steps"],
            "losses": losses,
            "answers": [
                {"prompt": one.prompt, "expected": one.expected, "before": one.before, "after": one.after}
                for one in answers
            ],
            "right": right,
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


def _read_pair(line: bytes) -> tuple[str, str] | None:
    """Question and answer of a line of either API that has just these."""
    try:
        values = json.loads(line)
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    values = drop_nulls(values)
    if "contents" not in values:
        prompt, answer = values.get("text_input", values.get("textInput")), values.get("output")
        return (prompt, answer) if isinstance(prompt, str) and isinstance(answer, str) else None
    texts = [_read_text(content) for content in values["contents"]]
    plain = len(texts) == 2 and all(texts) and not values.keys() & {"systemInstruction", "system_instruction"}
    return (texts[0], texts[1]) if plain else None


def _read_text(content: Any) -> str:
    parts = content.get("parts") if isinstance(content, dict) else None
    return "".join(part.get("text", "") for part in parts) if isinstance(parts, list) else ""
