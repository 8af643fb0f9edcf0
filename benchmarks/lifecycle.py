"""What the life of jobs costs the server: jobs per CPU second, whether reads slow down as jobs pile up, whether memory
grows.

`python -m benchmarks.lifecycle` prints one table and the figures that count: jobs from create to end, with every state
seen and all listed, per second of the server's CPU; CPU of each kind of read with 10,000 jobs beside 100 (1.0 is no
slower); resident memory after 100,000 mixed requests beside before. `--jobs`, `--many`, `--requests` make it smaller.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.processes import measure
from tuning_emulator.testing.process import start_emulator

PLACE = "projects/bench/locations/us-central1"
KEY = {"x-goog-api-key": "bench", "content-type": "application/json"}
TOKEN = {"authorization": "Bearer bench", "content-type": "application/json"}
PAIRS = [{"text_input": str(number), "output": str(number + 1)} for number in range(1, 16)]
LINES = "\n".join(
    json.dumps(
        {
            "contents": [
                {"role": r, "parts": [{"text": t}]} for r, t in zip(("user", "model"), pair.values(), strict=True)
            ]
        }
    )
    for pair in PAIRS
)
FEW = 100
VERTEX_STATES = ["PENDING", *["RUNNING"] * 4, "SUCCEEDED"]
"""What reads of a Vertex job at ``polls:1`` show, one after another. Gemini: twice CREATING, then ACTIVE."""


class Client:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, verb: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body of an answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = TOKEN if "/projects/" in path else KEY
        self._connection.request(verb, path, body=data, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def get(self, path: str) -> Any:
        """A resource that must be there."""
        status, body = self.ask("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body[:300]!r}")
        return json.loads(body)

    def post(self, path: str, body: Any) -> Any:
        """A request that must be granted."""
        status, answer = self.ask("POST", path, body)
        if status != 200:
            raise RuntimeError(f"POST {path}: {status} {answer[:300]!r}")
        return json.loads(answer)

    def create_job(self, name: str) -> str:
        """A new Vertex job's name."""
        spec = {"trainingDatasetUri": "gs://bench/train.jsonl"}
        body = {"baseModel": "gemini-2.5-flash", "tunedModelDisplayName": name, "supervisedTuningSpec": spec}
        return str(self.post(f"/v1/{PLACE}/tuningJobs", body)["name"])

    def create_model(self, name: str, identifier: str) -> str:
        """A new tuned model's name."""
        body = {
            "displayName": name,
            "baseModel": "models/gemini-1.5-flash-001-tuning",
            "tuningTask": {
                "hyperparameters": {"epochCount": 5, "batchSize": 4},
                "trainingData": {"examples": {"examples": PAIRS}},
            },
        }
        self.post(f"/v1beta/tunedModels?tunedModelId={identifier}", body)
        return f"tunedModels/{identifier}"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs, with the scripted trainer."""

    pid: int
    port: int

    def cpu_s(self) -> float:
        """CPU seconds so far."""
        return measure(self.pid).cpu_s

    def resident_mib(self) -> float:
        """Memory now."""
        return measure(self.pid).resident_mib


@contextmanager
def running_server(directory: Path, **settings: object) -> Iterator[Server]:
    """A server on a free port for the length of a block; its bucket ``bench`` holds the training file."""
    bucket = directory / "bench"
    bucket.mkdir(exist_ok=True)
    (bucket / "train.jsonl").write_text(LINES, encoding="utf-8")
    with start_emulator(trainer="scripted", buckets={"bench": bucket}, log_level="error", **settings) as running:
        yield Server(running.pid, int(running.url.rpartition(":")[2]))


# --- the life of jobs


def live(jobs: int, directory: Path) -> tuple[float, int]:
    """Creates jobs, reads each through all its states, lists all page by page; CPU seconds and requests."""
    with running_server(directory, pace="polls:1", jobs_per_project=jobs) as server:
        client = Client(server.port)
        client.get("/v1beta/tunedModels")
        before_s, requests = server.cpu_s(), 0
        names = [client.create_job(f"job {n}") for n in range(jobs // 2)]
        models = [client.create_model(f"model {n}", f"model-{n}") for n in range(jobs - jobs // 2)]
        for wanted in VERTEX_STATES:
            for name in names:
                expect(client.get(f"/v1/{name}")["state"], f"JOB_STATE_{wanted}", name)
        for wanted in ("CREATING", "CREATING", "ACTIVE"):
            for name in models:
                expect(client.get(f"/v1beta/{name}")["state"], wanted, name)
        requests = jobs + len(names) * len(VERTEX_STATES) + len(models) * 3
        for path, field, total in (
            (f"/v1/{PLACE}/tuningJobs?pageSize=50", "tuningJobs", len(names)),
            ("/v1beta/tunedModels?pageSize=50", "tunedModels", len(models)),
        ):
            pages = list(list_pages(client, path, field))
            expect(len({one["name"] for page in pages for one in page}), total, path)
            requests += len(pages)
        return server.cpu_s() - before_s, requests


def list_pages(client: Client, path: str, field: str) -> Iterator[list[Any]]:
    """Every page of a list."""
    token = ""
    while True:
        page = client.get(f"{path}&pageToken={token}" if token else path)
        yield page.get(field, [])
        token = page.get("nextPageToken", "")
        if not token:
            return


def expect(found: object, wanted: object, where: str) -> None:
    """Stops a run that measures something else than it says."""
    if found != wanted:
        raise RuntimeError(f"{where}: {found!r} where {wanted!r} was expected")


# --- few jobs beside many


def fill(directory: Path, jobs: int) -> None:
    """Brings a data directory to so many jobs, half of each API: copies of one real job of each."""
    from msgspec.structs import replace

    from tuning_emulator.core.records import Permission  # late: the measured server is another process
    from tuning_emulator.store.store import Store

    with running_server(directory, data_dir=directory / "data") as server:
        client = Client(server.port)
        names = [client.create_job("job 0"), client.create_model("model 0", "model-0")]
        while any(
            client.get(f"/v1beta1/{name}" if "/" in name[12:] else f"/v1beta/{name}")["state"]
            not in ("JOB_STATE_SUCCEEDED", "ACTIVE")
            for name in names
        ):
            pass
    store = Store(directory / "data")
    originals = [store.get_job_by_uid(uid) for uid in (1, 2)]
    with store.transaction():
        for number in range(1, jobs // 2):
            for job in originals:
                assert job is not None
                identifier = f"model-{number}" if job.api == "gemini" else str(10**17 + number)
                asked, progress = job.asked, replace(job.progress, experiment_id="")
                if job.api == "vertex":
                    labels = {"team": "one"}
                    asked = replace(asked, labels=labels, echoed={**asked.echoed, "labels": labels})
                copy = replace(job, id=identifier, display_name=f"{job.api} {number}", asked=asked, progress=progress)
                copy = store.insert_job(copy)
                store.add_metric_points(copy.uid, store.list_metric_points(job.uid))
                for one in store.list_permissions(job.uid):
                    store.put_permission(Permission(copy.uid, one.id, one.grantee_type, one.email, one.role))
    store.close()


def list_reads(jobs: int) -> dict[str, Callable[[], str]]:
    """Kinds of reads, each a maker of paths. A callback's name keeps an answer from being one remembered."""
    half, chance, number = jobs // 2, random.Random(7), count()
    hot = cycle([f"/v1beta/tunedModels/model-{n}" for n in range(1, 33)])
    vertex, gemini = f"/v1/{PLACE}/tuningJobs", "/v1beta/tunedModels"
    filtered = {
        "list by state": f"{vertex}?pageSize=20&filter=state%3D%22JOB_STATE_SUCCEEDED%22",
        "list by a state that none is in": f"{vertex}?pageSize=20&filter=state%3D%22JOB_STATE_FAILED%22",
        "list by a name": f"{vertex}?pageSize=20&filter=tunedModelDisplayName%3D%22vertex%207%22",
        "list by a label": f"{vertex}?pageSize=20&filter=labels.team%3Done",
        "list by a label that none has": f"{vertex}?pageSize=20&filter=labels.team%3Dtwo",
        "list, Vertex": f"{vertex}?pageSize=20",
        "list, Gemini": f"{gemini}?pageSize=20",
        "list, Gemini, one's own": f"{gemini}?pageSize=20&filter=owner%3Ame",
    }

    def any_job() -> str:
        return f"{vertex}/{10**17 + chance.randrange(1, half)}?callback=f{next(number)}"

    def any_model() -> str:
        return f"{gemini}/model-{chance.randrange(1, half)}?callback=f{next(number)}"

    def fresh(path: str) -> Callable[[], str]:
        return lambda: f"{path}&callback=f{next(number)}"

    return {
        "get, the same few": lambda: next(hot),
        "get, any job": any_job,
        "get, any model": any_model,
        **{name: fresh(path) for name, path in filtered.items()},
    }


def time_reads(directory: Path, jobs: int, repeats: int) -> dict[str, float]:
    """Server CPU µs of each kind of read with so many jobs; the best of three runs."""
    fill(directory, jobs)
    with running_server(directory, data_dir=directory / "data") as server:
        client = Client(server.port)
        tokens = {path: last_token(client, path) for path in (f"/v1/{PLACE}/tuningJobs", "/v1beta/tunedModels")}
        reads = list_reads(jobs)
        for (path, token), name in zip(tokens.items(), ("Vertex", "Gemini"), strict=True):
            numbers = count()
            reads[f"list, a late page, {name}"] = make_late(path, token, numbers)
        return {name: min(time_read(server, client, make, repeats) for _ in range(3)) for name, make in reads.items()}


def make_late(path: str, token: str, numbers: Iterator[int]) -> Callable[[], str]:
    """Paths of a page far behind the first."""
    return lambda: f"{path}?pageSize=20&pageToken={token}&callback=g{next(numbers)}"


def last_token(client: Client, path: str) -> str:
    """The token of the page of 20 that follows so many pages that few are left."""
    token = ""
    for page_token in iter_tokens(client, f"{path}?pageSize=20"):
        token = page_token
    return token


def iter_tokens(client: Client, path: str) -> Iterator[str]:
    """The tokens of all pages but the first and the last, which may be short."""
    page = client.get(path)
    while token := page.get("nextPageToken", ""):
        page = client.get(f"{path}&pageToken={token}")
        if page.get("nextPageToken"):
            yield token


def time_read(server: Server, client: Client, make: Callable[[], str], repeats: int) -> float:
    """CPU µs of the server for one of these reads."""
    before_s = server.cpu_s()
    for _ in range(repeats):
        status, body = client.ask("GET", make())
        if status != 200:
            raise RuntimeError(f"{status} {body[:300]!r}")
    return (server.cpu_s() - before_s) / repeats * 1e6


# --- memory


def mix(client: Client, requests: int, number: Iterator[int], names: Sequence[str]) -> None:
    """Gets, lists, refusals, and of every fifty requests one create and one delete."""
    for turn in range(requests // 50):
        fresh = f"short-{next(number)}"
        model = client.create_model("short", fresh)
        for step in range(24):
            client.ask("GET", names[(turn + step) % len(names)])
            client.ask("GET", f"/v1beta/{model}?callback=c{turn}{step}")
        client.ask("GET", f"/v1/{PLACE}/tuningJobs?pageSize=5&callback=c{turn}")
        client.ask("POST", "/v1beta/tunedModels", {"displayName": "x" * 50, "wrong": turn})
        client.ask("GET", f"/v1/{PLACE}/tuningJobs/{turn}")
        client.ask("DELETE", f"/v1beta/{model}")


def watch_memory(requests: int, directory: Path) -> list[float]:
    """Resident MiB after warming up, then after each tenth of the requests."""
    with running_server(directory) as server:
        client, number = Client(server.port), count()
        names = [f"/v1/{client.create_job(f'job {n}')}" for n in range(20)]
        mix(client, requests // 5, number, names)
        seen = [server.resident_mib()]
        for _ in range(10):
            mix(client, requests // 10, number, names)
            seen.append(server.resident_mib())
        return seen


# --- all of it


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="that are lived through")
    parser.add_argument("--many", type=int, default=10_000, help="that reads are timed with, beside 100")
    parser.add_argument("--repeats", type=int, default=200, help="of each read")
    parser.add_argument("--requests", type=int, default=100_000, help="that memory is watched over")
    given = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        cpu_s, requests = live(given.jobs, make(name, "life"))
        console.print(f"{given.jobs} jobs, {requests} requests: {given.jobs / cpu_s:.0f} jobs per CPU second")
        few, many = (time_reads(make(name, str(jobs)), jobs, given.repeats) for jobs in (FEW, given.many))
        table = Table("read", f"CPU µs, {FEW} jobs", f"{given.many} jobs", "ratio")
        for read, few_us in few.items():
            table.add_row(read, f"{few_us:.0f}", f"{many[read]:.0f}", f"{many[read] / few_us:.2f}")
        console.print(table)
        seen = watch_memory(given.requests, make(name, "memory"))
        console.print(
            f"memory over {given.requests} requests: {seen[0]:.1f} → {seen[-1]:.1f} MiB, "
            f"at most {max(seen) / seen[0]:.3f} of where it began"
        )


def make(directory: str, name: str) -> Path:
    """A new directory."""
    path = Path(directory) / name
    path.mkdir()
    return path


if __name__ == "__main__":
    main()
