"""What the server costs: CPU and memory until it answers, and CPU for each GET of a tuning job, beside moto's server.

moto's `GET /model-customization-jobs/{name}` (Bedrock) is the nearest thing that a widely used emulator has.
It runs in an environment of its own, made by this program under `build/`, and in the same rounds as ours.

`make bench`, or `python -m benchmarks.server --rounds 5`.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.processes import Usage, measure

ROOT = Path(__file__).resolve().parent.parent
MOTO = "moto[server]==5.2.5"
CONNECTIONS = 32
START_LIMIT_S = 60.0
PROJECT = "projects/bench/locations/us-central1"
TUNED_MODEL = "bench"
GRPC = "gRPC GetTunedModel"
EXAMPLES = [{"textInput": str(number), "output": str(number + 1)} for number in range(1, 16)]


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to measure.

    Attributes:
        command: Starts it on a port in a folder for its data.
        health: Path whose first 200 means ready.
        create: Makes the jobs on a running server; answers the paths to GET, by name.
        headers: What each GET carries.
    """

    name: str
    command: Callable[[int, str], list[str]]
    health: str
    create: Callable[[str], dict[str, str]]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """One start of one peer and what its GETs cost: CPU µs by path name."""

    start: Usage
    get_cpu_us: dict[str, float]


def send(url: str, body: object | None = None, headers: dict[str, str] | None = None) -> bytes:
    """One request; a body makes it a POST, text is sent as it is. Any error answer ends the benchmark."""
    data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    known = {"Content-Type": "application/json", "Authorization": "Bearer bench", **(headers or {})}
    request = urllib.request.Request(url, data, known)  # noqa: S310 - loopback only
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        content: bytes = answer.read()
    return content


# --- ours


def start_ours(port: int, folder: str) -> list[str]:
    """The server as a user starts it, with the trainer that needs no torch."""
    command = [sys.executable, "-m", "tuning_emulator", "serve", "--port", str(port), "--data-dir", folder]
    return [*command, "--trainer", "scripted"]


def create_ours(address: str) -> dict[str, str]:
    """A finished tuning job of each API."""
    storage = json.loads(send(f"{address}/emulator/v1/health"))["storage"]["url"]
    paths = {"GET tunedModels/{id}": create_tuned_model(address), "GET tuningJobs/{id}": create_job(address, storage)}
    for path in paths.values():
        await_end(f"{address}{path}")
    return {**paths, GRPC: "/google.ai.generativelanguage.v1beta.ModelService/GetTunedModel"}


def create_tuned_model(address: str) -> str:
    """Tunes through the Gemini API; answers the path to GET."""
    task = {"trainingData": {"examples": {"examples": EXAMPLES}}}
    body = {"displayName": "bench", "baseModel": "models/gemini-1.5-flash-001-tuning", "tuningTask": task}
    send(f"{address}/v1beta/tunedModels?tunedModelId={TUNED_MODEL}", body)
    return f"/v1beta/tunedModels/{TUNED_MODEL}"


def create_job(address: str, storage: str) -> str:
    """Uploads a dataset and tunes through Vertex AI; answers the path to GET."""
    turns = [[("user", example["textInput"]), ("model", example["output"])] for example in EXAMPLES]
    rows = [{"contents": [{"role": role, "parts": [{"text": text}]} for role, text in turn]} for turn in turns]
    send(f"{storage}/storage/v1/b?project=bench", {"name": "bench"})
    lines = "\n".join(json.dumps(row) for row in rows)
    send(f"{storage}/upload/storage/v1/b/bench/o?uploadType=media&name=train.jsonl", lines)
    spec = {"trainingDatasetUri": "gs://bench/train.jsonl"}
    job = send(
        f"{address}/v1beta1/{PROJECT}/tuningJobs", {"baseModel": "gemini-2.5-flash", "supervisedTuningSpec": spec}
    )
    return f"/v1beta1/{json.loads(job)['name']}"


def await_end(url: str) -> None:
    """Waits until the job behind an address has succeeded."""
    deadline = time.monotonic() + START_LIMIT_S
    while (state := json.loads(send(url))["state"]) not in ("ACTIVE", "JOB_STATE_SUCCEEDED"):
        if "FAILED" in state or time.monotonic() > deadline:
            raise SystemExit(f"{url}: {state}")
        time.sleep(0.05)


OURS = Peer("tuning-emulator", start_ours, "/emulator/v1/health", create_ours, ("Authorization: Bearer bench",))

# --- moto

MOTO_KEY = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=x"


def make_moto() -> Path:
    """Installs moto into its own environment once; answers its bin folder."""
    folder = ROOT / "build" / "moto"
    stamp = folder / f".stamp-{MOTO}"
    if not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "-qq", MOTO], check=True)
        stamp.touch()
    return folder / "bin"


def start_moto(port: int, _folder: str) -> list[str]:
    """moto's own server program."""
    return [str(make_moto() / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]


def create_moto(address: str) -> dict[str, str]:
    """A Bedrock model customization job, of about the same size as a tuning job."""
    body = {
        "jobName": "bench",
        "customModelName": "bench",
        "roleArn": "arn:aws:iam::123456789012:role/bench",
        "baseModelIdentifier": "amazon.titan-text-lite-v1",
        "trainingDataConfig": {"s3Uri": "s3://bench/train.jsonl"},
        "outputDataConfig": {"s3Uri": "s3://bench/out/"},
        "hyperParameters": {"epochCount": "5", "batchSize": "4", "learningRate": "0.001"},
    }
    send(f"{address}/model-customization-jobs", body, {"Authorization": MOTO_KEY})
    return {"GET model-customization-jobs/{name}": "/model-customization-jobs/bench"}


MOTO_PEER = Peer("moto_server", start_moto, "/moto-api/", create_moto, (f"Authorization: {MOTO_KEY}",))

# --- measuring


def take_free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(peer: Peer, folder: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The peer's process, stopped at the end by its own id."""
    port = take_free_port()
    with (Path(folder) / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            peer.command(port, folder), cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        try:
            yield process, port
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_health(peer: Peer, process: subprocess.Popen[bytes], port: int) -> Usage:
    """What the peer had used when it first answered 200."""
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            send(f"http://127.0.0.1:{port}{peer.health}")
            return measure(process.pid)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.01)
    raise SystemExit(f"{peer.name}: no 200 from {peer.health} (exit code {process.poll()})")


def press(peer: Peer, port: int, path: str, requests: int) -> None:
    """Has the client process send the GETs, or make the calls; any failure ends the benchmark."""
    program = "benchmarks.grpc_load" if path.startswith("/google.") else "benchmarks.load"
    command = [sys.executable, "-m", program, "--port", str(port), "--path", path]
    command += ["--connections", str(CONNECTIONS), "--requests", str(requests)]
    if program == "benchmarks.grpc_load":
        command += ["--name", f"tunedModels/{TUNED_MODEL}"]
    else:
        command += [part for header in peer.headers for part in ("--header", header)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    said = json.loads(done.stdout)
    if said["failures"] or said["answers"] != requests:
        raise SystemExit(f"{peer.name}: {said['failures']} failures, first: {said['first_failure']}")


def run_round(peer: Peer, requests: int) -> Round:
    """Starts the peer, makes its jobs, and measures each GET after a warm-up of a twentieth."""
    with tempfile.TemporaryDirectory() as folder, running(peer, folder) as (process, port):
        start = await_health(peer, process, port)
        costs: dict[str, float] = {}
        for name, path in peer.create(f"http://127.0.0.1:{port}").items():
            press(peer, port, path, max(requests // 20, CONNECTIONS))
            before = measure(process.pid)
            press(peer, port, path, requests)
            costs[name] = (measure(process.pid).cpu_s - before.cpu_s) / requests * 1e6
        return Round(start, costs)


def format_spread(values: list[float], digits: int = 0) -> str:
    """`median (least-most)`."""
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def show(rounds: dict[str, list[Round]], requests: int) -> None:
    """Prints the table and the ratios."""
    count = len(next(iter(rounds.values())))
    title = f"median and range of {count} rounds; GETs: {requests:,} over {CONNECTIONS} connections"
    table = Table(title=title)
    for heading in ("server", "start CPU s", "start MiB", "what is read", "CPU µs per GET"):
        table.add_column(heading, justify="left" if heading in ("server", "what is read") else "right")
    medians: dict[str, list[float]] = {}
    for name, seen in rounds.items():
        for path in seen[0].get_cpu_us:
            costs = [each.get_cpu_us[path] for each in seen]
            if path != GRPC:
                medians.setdefault(name, []).append(statistics.median(costs))
            start = format_spread([each.start.cpu_s for each in seen], 2)
            table.add_row(
                name, start, format_spread([each.start.resident_mib for each in seen]), path, format_spread(costs)
            )
    Console(width=140).print(table)
    ratio = min(medians[MOTO_PEER.name]) / max(medians[OURS.name])
    print(f"a GET of a tuning job costs {ratio:.1f} times less CPU than moto's (our dearest against its cheapest)")


def main() -> None:
    """Runs the rounds, the peers taking turns, and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=10_000)
    asked = parser.parse_args()
    make_moto()
    rounds: dict[str, list[Round]] = {OURS.name: [], MOTO_PEER.name: []}
    for number in range(asked.rounds):
        for peer in (OURS, MOTO_PEER):
            rounds[peer.name].append(run_round(peer, asked.requests))
            print(f"round {number + 1} of {asked.rounds}: {peer.name} done", file=sys.stderr)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    show(rounds, asked.requests)
    subprocess.run([sys.executable, "-m", "benchmarks.transports", "--rounds", str(asked.rounds)], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
