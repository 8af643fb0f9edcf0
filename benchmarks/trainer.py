"""The trainer beside TRL: the same model, examples, batches and hyperparameters, in the same rounds.

TRL, transformers and peft run in an environment of their own, made by this program under `build/`. Every figure is the
median over the rounds; wall seconds, so run it on a quiet machine: `python -m benchmarks.trainer --rounds 5`.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.server import EXAMPLES, send
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import start_emulator
from tuning_trainer.spec import Example, Job, Prompt, Turn, embedded_base_model, format_example, format_job

ROOT = Path(__file__).resolve().parent.parent
PEER = ("trl==1.16.0", "peft==0.21.2", "transformers==5.23.0", "torch==2.13.0", "tokenizers==0.23.3")
PEER_PROGRAM = ("-P", "benchmarks/trl_peer.py")  # -P: this folder's datasets.py is not the library
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

Figures = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Workload:
    """What both sides train on. ``tokens``: names of control tokens for transformers; ``modules``: adapted by peft.

    ``tokenized``: TRL gets token ids, because it would end the texts otherwise than the chat template does.
    """

    name: str
    model: Path
    examples: list[Example]
    epochs: int
    tokens: dict[str, str]
    modules: list[str] | str
    tokenized: bool = False


@dataclass(frozen=True, slots=True)
class Trained:
    """A cold run: from the start of the process to its end, with the adapter saved."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    step_s: float
    losses: list[float]
    adapter: Path


# --- workloads


def documented_pairs(model: Path) -> Workload:
    """The 15 number successors with the recommended defaults: 19 steps."""
    examples = [Example((Turn("user", e["textInput"]), Turn("model", e["output"]))) for e in EXAMPLES]
    return Workload("15 pairs", model, examples, 5, role_tokens(), LINEAR)


def longer_texts(model: Path) -> Workload:
    """200 examples of about 40 tokens, 3 epochs: 150 steps."""
    draw = random.Random(0)
    words = "red blue lamp chair book table doctor teacher price order today and the with from new old good".split()
    examples = []
    for _ in range(200):
        text = [draw.choice(words) for _ in range(max(2, int(draw.gauss(26, 8))))]
        examples.append(Example((Turn("user", " ".join(text)), Turn("model", " ".join(text[: len(text) // 4 + 1])))))
    return Workload("150 steps", model, examples, 3, role_tokens(), LINEAR)


def own_architecture(folder: Path, name: str) -> Workload:
    """The 15 pairs on a small random directory of another architecture."""
    from tests import models

    write: Callable[[Path], Path] = getattr(models, f"write_{name}")
    tokens = {
        "qwen": {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
        "gemma": {"eos_token": "<eos>", "pad_token": "<pad>", "bos_token": "<bos>"},
        "gpt2": {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
    }[name]
    modules = "all-linear" if name == "gpt2" else LINEAR
    return dataclasses.replace(
        documented_pairs(write(folder)), name=name, tokens=tokens, modules=modules, tokenized=True
    )


def role_tokens() -> dict[str, str]:
    """Control tokens of the embedded base model."""
    return {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eot>"}


# --- cold runs


def make_peer() -> Path:
    """Installs TRL into its own environment once; answers its interpreter."""
    folder = ROOT / "build" / "trl"
    stamp = folder / ".stamp"
    if not stamp.exists() or stamp.read_text() != "\n".join(PEER):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "-qq", *PEER], check=True)
        stamp.write_text("\n".join(PEER))
    return folder / "bin" / "python"


def run_measured(command: list[str], threads: int = 1) -> tuple[str, float, float, float]:
    """Output, wall seconds, CPU seconds and peak MiB of a program; ``threads`` 0: as many as it chooses itself."""
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout
        output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise SystemExit(f"{command} failed:\n{log.read().decode()[-3000:]}")
    return output, wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def make_job(work: Workload, folder: Path, threads: int = 1) -> Job:
    """Our job for a workload, in an empty directory."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    examples = folder / "examples.jsonl"
    examples.write_text("".join(format_example(each) + "\n" for each in work.examples), "utf-8")
    return Job(
        work.name, str(folder), str(examples), str(work.model), epochs=work.epochs, threads=threads, device="cpu"
    )


def train_ours(work: Workload, folder: Path, threads: int = 1) -> Trained:
    """`python -m tuning_trainer job.json`, as anyone may run it."""
    job = make_job(work, folder, threads)
    file = folder / "job.json"
    file.write_text(format_job(job))
    output, wall_s, cpu_s, peak_mib = run_measured([sys.executable, "-m", "tuning_trainer", str(file)], threads)
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    steps = [event for event in events if event["event"] == "step"]
    adapter = Path(json.loads(output.splitlines()[-1])["adapter"])
    ends_s = [step["time_ns"] / 1e9 for step in steps]
    return Trained(wall_s, cpu_s, peak_mib, steady_s(ends_s), [step["loss"] for step in steps], adapter)


def train_theirs(work: Workload, folder: Path, python: Path, threads: int = 1) -> Trained:
    """TRL's SFTTrainer with peft on the same batches."""
    request = write_request(work, folder)
    output, wall_s, cpu_s, peak_mib = run_measured([str(python), *PEER_PROGRAM, "train", str(request)], threads)
    result = json.loads(output.splitlines()[-1])
    step_s = statistics.median(result["step_s"][len(result["step_s"]) // 4 :])
    return Trained(wall_s, cpu_s, peak_mib, step_s, result["losses"], folder)


def steady_s(ends_s: list[float]) -> float:
    """Median time from the end of a step to the end of the next, without the first quarter."""
    gaps = [after - before for before, after in itertools.pairwise(ends_s)]
    return statistics.median(gaps[len(gaps) // 4 :])


def write_request(work: Workload, folder: Path) -> Path:
    """The workload for TRL: texts with their control tokens, in the very order of our batches."""
    from tuning_trainer.data.chat import load_chat
    from tuning_trainer.learning.schedule import Plan

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chat = load_chat(work.model)
    rows = []
    for example in work.examples:
        prompt, whole = chat.prompt(example.turns[:-1]), chat.encode(example.turns)
        parts = {"prompt": prompt, "completion": list(whole.ids[len(prompt) :])}
        row: dict[str, Any] = {"input_ids": whole.ids, "completion_mask": [int(flag) for flag in whole.scored]}
        if not work.tokenized:
            row = {name: chat.tokenizer.decode(part, skip_special_tokens=False) for name, part in parts.items()}
        rows.append(json.dumps(row, ensure_ascii=False))
    job = make_job(work, folder / "ours")
    plan = Plan(len(rows), job.epochs, job.batch_size, job.seed)
    order = [number for step in range(1, plan.steps + 1) for number in plan.batch(step)]
    (folder / "rows.jsonl").write_text("".join(rows[number] + "\n" for number in order), "utf-8")
    request = {
        "model": str(work.model),
        "directory": str(folder),
        "rows": str(folder / "rows.jsonl"),
        "batch_size": job.batch_size,
        "learning_rate": job.learning_rate,
        "adapter_size": job.adapter_size,
        "tokens": work.tokens,
        "modules": work.modules,
    }
    (folder / "request.json").write_text(json.dumps(request))
    return folder / "request.json"


# --- a running server


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """Our server with the lora trainer, warm; answers its address."""
    with start_emulator(trainer="lora", data_dir=folder / "data") as running:
        await_trainer(Control(running.url))
        yield running.url


def await_trainer(control: Control) -> None:
    """Waits until the server's trainer has loaded torch."""
    deadline = time.monotonic() + 120
    while not control.health()["trainer"]["ready"]:
        if time.monotonic() > deadline:
            raise SystemExit(f"{control.url}: the trainer was not ready within 120 s")
        time.sleep(0.1)


def tune_on_server(address: str, name: str, pause_s: float = 0.005) -> float:
    """Seconds from POST to ACTIVE of the 15 pairs with the recommended defaults; asked for again after pauses."""
    hyper = {"epochCount": 5, "batchSize": 4, "learningRate": 0.001}
    task = {"trainingData": {"examples": {"examples": EXAMPLES}}, "hyperparameters": hyper}
    body = {"displayName": name, "baseModel": "models/gemini-1.5-flash-001-tuning", "tuningTask": task}
    begin = time.perf_counter()
    send(f"{address}/v1beta/tunedModels?tunedModelId={name}", body)
    while (state := json.loads(send(f"{address}/v1beta/tunedModels/{name}"))["state"]) != "ACTIVE":
        if state == "FAILED" or time.perf_counter() - begin > 120:
            raise SystemExit(f"{name}: {state}")
        time.sleep(pause_s)
    return time.perf_counter() - begin


# --- memory of a warm job


def private_mib_of_warm_job(folder: Path) -> float:
    """Memory that a job in the warm worker does not share, at its last step."""
    job = make_job(documented_pairs(embedded_base_model()), folder)
    request = json.dumps({"do": "train", "job": dataclasses.asdict(job)}).encode() + b"\n"
    command = [sys.executable, "-m", "tuning_trainer", "worker"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        worker = json.loads(process.stdout.readline())["pid"]
        process.stdin.write(request)
        process.stdin.flush()
        peak_mib = 0.0
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] in ("done", "failed"):
                break
            peak_mib = max([peak_mib, *map(private_mib, children_of(worker))])
        process.stdin.close()
    return peak_mib


def children_of(pid: int) -> list[int]:
    """Process ids of living children."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def private_mib(pid: int) -> float:
    """Private pages of a process, written or not."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


# --- answering


def time_answers(model: Path, adapter: Path, runs: int) -> tuple[float, float, float, float]:
    """Ours: seconds of 32 greedy tokens; tokens per second one at a time, 16 at once, and 16 at once of 16 adapters."""
    import torch

    from tuning_trainer.answering.generate import Answering
    from tuning_trainer.model import open_answering

    torch.set_num_threads(1)
    chat: Any = open_answering(str(model), None, "cpu", "float32").chat
    chat.stops = frozenset()  # of the copy in this process, so that every answer has all its tokens
    answering = Answering("cpu")

    copies = [adapter.with_name(f"{adapter.name}-{number}") for number in range(16)]
    for copy in copies:
        shutil.copytree(adapter, copy, dirs_exist_ok=True)

    def once(count: int, adapters: list[Path]) -> float:
        begin = time.perf_counter()
        for number in range(count):
            turn = Turn("user", str(number + 11))
            path = str(adapters[number % len(adapters)])
            answering.submit(str(number), Prompt((turn,), "", str(model), path, max_output_tokens=32))
        while answering.busy:
            for _ in answering.advance():
                pass
        return time.perf_counter() - begin

    once(2, [adapter])
    once(16, copies)
    single_s = statistics.median(once(1, [adapter]) for _ in range(runs))
    many_s = statistics.median(once(16, [adapter]) for _ in range(runs))
    varied_s = statistics.median(once(16, copies) for _ in range(runs))
    return single_s, 32 / single_s, 16 * 32 / many_s, 16 * 32 / varied_s


def time_their_answers(model: Path, adapter: Path, runs: int, folder: Path, python: Path) -> float:
    """transformers.generate with peft: seconds of 32 greedy tokens."""
    from tuning_trainer.data.chat import load_chat

    prompt = load_chat(model).prompt((Turn("user", "11"),))
    request = {"model": str(model), "adapter": str(adapter), "prompt": prompt, "runs": runs, "tokens": {}}
    file = folder / "generate.json"
    file.write_text(json.dumps(request))
    output, *_ = run_measured([str(python), *PEER_PROGRAM, "generate", str(file)])
    result: float = json.loads(output.splitlines()[-1])["run_s"]
    return result


# --- rounds and table


def check_same(ours: Trained, theirs: Trained, tolerance: float) -> None:
    """Ends the benchmark unless both sides did the same work: as many steps, from the same first loss."""
    apart = abs(ours.losses[0] - theirs.losses[0])
    if len(ours.losses) != len(theirs.losses) or apart > tolerance:
        raise SystemExit(
            f"not the same work: {len(ours.losses)} and {len(theirs.losses)} steps, "
            f"first losses {ours.losses[:1]} and {theirs.losses[:1]}"
        )


def compare(work: Workload, folder: Path, python: Path, figures: Figures) -> Trained:
    """One round of one workload on both sides."""
    ours = train_ours(work, folder / "ours")
    theirs = train_theirs(work, folder / "theirs", python)
    check_same(ours, theirs, 0.05 if work.tokenized else 2e-3)  # TRL leaves GPT-2's dropout on, we train without
    for side, run in (("ours", ours), ("trl", theirs)):
        figures[f"{work.name} {side} wall_s"].append(run.wall_s)
        figures[f"{work.name} {side} cpu_s"].append(run.cpu_s)
        figures[f"{work.name} {side} step_s"].append(run.step_s)
        figures[f"{work.name} {side} peak_mib"].append(run.peak_mib)
        figures[f"{work.name} {side} last_loss"].append(run.losses[-1])
    return ours


def measure_round(folder: Path, python: Path, figures: Figures) -> None:
    """Everything once."""
    model = embedded_base_model()
    trained = compare(documented_pairs(model), folder, python, figures)
    adapter = folder / "adapter"
    shutil.rmtree(adapter, ignore_errors=True)
    shutil.copytree(trained.adapter, adapter)
    compare(longer_texts(model), folder, python, figures)
    for name in ("qwen", "gemma", "gpt2"):
        compare(own_architecture(folder / name, name), folder, python, figures)
    single_s, single_rate, many_rate, varied_rate = time_answers(model, adapter, 15)
    figures["answer ours s"].append(single_s)
    figures["answer trl s"].append(time_their_answers(model, adapter, 15, folder, python))
    figures["rate single"].append(single_rate)
    figures["rate many"].append(many_rate)
    figures["rate varied"].append(varied_rate)
    figures["warm private_mib"].append(private_mib_of_warm_job(folder / "warm"))


def table_of(figures: Figures) -> Table:
    """One row per claim: ours, the other side, their ratio."""
    middle = {name: statistics.median(values) for name, values in figures.items()}
    table = Table("", "ours", "beside", "ratio", "aim")

    def add(name: str, ours: float, theirs: float, unit: str, aim: str) -> None:
        table.add_row(name, f"{ours:.3g} {unit}", f"{theirs:.3g} {unit}", f"{theirs / ours:.2f} x", aim)

    def value(work: str, field: str) -> tuple[float, float]:
        return middle[f"{work} ours {field}"], middle[f"{work} trl {field}"]

    add("15 pairs, cold process to saved adapter, wall", *value("15 pairs", "wall_s"), "s", "3.5 x")
    add("15 pairs, the same in CPU time", *value("15 pairs", "cpu_s"), "s", "")
    add("15 pairs, POST to ACTIVE / TRL cold", middle["server s"], middle["15 pairs trl wall_s"], "s", "20 x, 0.6 s")
    add("150 steps, identical batches, end to end, wall", *value("150 steps", "wall_s"), "s", "2.5 x")
    add("150 steps, the same in CPU time", *value("150 steps", "cpu_s"), "s", "")
    ours_s, theirs_s = value("150 steps", "step_s")
    add("steady step, identical batches", 1e3 * ours_s, 1e3 * theirs_s, "ms", "1.8 x")
    add("32 greedy tokens, one adapter", 1e3 * middle["answer ours s"], 1e3 * middle["answer trl s"], "ms", "3 x")
    single = middle["rate single"]
    for name, rate, aim in (("", middle["rate many"], "4 x"), (" of 16 adapters", middle["rate varied"], "")):
        row = (
            f"16 answers{name} at once / one at a time",
            f"{rate:.0f} /s",
            f"{single:.0f} /s",
            f"{rate / single:.2f} x",
        )
        table.add_row(*row, aim)
    add("peak memory of a cold job", *value("15 pairs", "peak_mib"), "MiB", "300 MiB")
    table.add_row("private memory of a warm job", f"{middle['warm private_mib']:.3g} MiB", "", "", "30 MiB")
    for name in ("qwen", "gemma", "gpt2"):
        add(f"15 pairs on a random {name}, cold, wall", *value(name, "wall_s"), "s", "1.0 x")
    return table


def main() -> None:
    """Runs the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    python, console, figures = make_peer(), Console(width=110), defaultdict[str, list[float]](list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(rounds):
            console.print(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            measure_round(folder, python, figures)
        with running_server(folder) as address:
            for number in range(max(5, rounds)):
                figures["server s"].append(tune_on_server(address, f"bench-{number}"))
    console.print(table_of(figures))
    for work in ("15 pairs", "150 steps"):
        ends = [statistics.median(figures[f"{work} {side} last_loss"]) for side in ("ours", "trl")]
        console.print(
            f"{work}: last loss ours {ends[0]:.4f}, TRL {ends[1]:.4f} (adapters begin with other random values)"
        )
    spread = {name: f"{min(values):.3g}–{max(values):.3g}" for name, values in figures.items() if "wall_s" in name}
    console.print(f"spread of wall seconds: {spread}")


if __name__ == "__main__":
    main()
