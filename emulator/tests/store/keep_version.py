"""Keeps a store as today's program writes it, for the day when a later one reads it.

``python emulator/tests/store/keep_version.py FOLDER`` fills a server with one of everything, in every state that lasts,
and writes to FOLDER:

===================  =================================================================================================
``data.tar.xz``      its data directory
``archive.tar.gz``   a state archive of the same moment
``answers.json.xz``  what a server that is started anew on that directory answers to every read, and how its jobs end
                     when nothing holds them any more
===================  =================================================================================================

Run it before ``SCHEMA_VERSION`` goes up; ``test_migration.py`` reads what it leaves. It speaks HTTP alone, so that it
can fill any version: ``--server "python -m tuning_emulator"``.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import lzma
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

PLACE = "projects/kept/locations/us-central1"
BETA = f"/v1beta1/{PLACE}"
HERE = "projects/kept"
MODEL = "gemini-2.5-flash"
OPEN_MODEL = "qwen/qwen3@qwen3-4b"
KEY = {"x-goog-api-key": "key"}
TOKEN = {"authorization": "Bearer token"}
OPTIONS = ("--trainer", "scripted", "--jobs-per-project", "50", "--seed", "7", "--log-level", "warning")
"""Ids are the same in every run. They hold for whoever reads the store too."""

PATIENCE_S = 30.0
JOBS = "/emulator/v1/jobs?limit=1000"
PAIRS = [{"textInput": str(number), "output": str(number + 1)} for number in range(1, 9)]
HOLD = "[pace=manual]"


class Server:
    """A server that runs."""

    def __init__(self, process: subprocess.Popen[str], port: int, storage_port: int) -> None:
        self.process, self.port, self.storage_port = process, port, storage_port

    def ask(self, verb: str, path: str, body: Any = None, data: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2 * PATIENCE_S)
        content = data if body is None else json.dumps(body).encode()
        kind = {"content-type": "application/gzip" if data else "application/json"}
        headers = {**(TOKEN if "/projects/" in path else KEY), **kind, "x-tuning-emulator": "keep"}
        connection.request(verb, quote(path, safe="/:?=&@%*"), body=content, headers=headers)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def do(self, verb: str, path: str, body: Any = None, data: bytes | None = None) -> Any:
        """The answer to a request that must be granted."""
        status, answer = self.ask(verb, path, body, data)
        if status != 200:
            raise RuntimeError(f"{verb} {path}: {status} {answer[:500]!r}")
        return answer if answer.startswith(b"\x1f\x8b") else json.loads(answer)

    def control(self, verb: str, path: str, body: Any = None) -> Any:
        """Something of the control API."""
        return self.do(verb, f"/emulator/v1/{path}", body)


@contextmanager
def running(command: list[str], directory: Path, *options: str) -> Iterator[Server]:
    """A server on that data directory, for the length of a block."""
    arguments = [*command, "serve", "--port", "0", "--storage-port", "0", "--data-dir", str(directory), *OPTIONS]
    with subprocess.Popen([*arguments, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            text = ""
            while "Stop with" not in text:
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError(f"the server ended: {text}")
                text += line
            ports = dict(re.findall(r"export (\w+)=http://[^:]+:(\d+)", text))
            yield Server(process, int(ports["GOOGLE_GEMINI_BASE_URL"]), int(ports["STORAGE_EMULATOR_HOST"]))
        finally:
            process.terminate()


# --- one of everything


def write_datasets(folder: Path) -> None:
    """What jobs are tuned on."""
    folder.mkdir()

    def contents(text: str, answer: str) -> dict[str, Any]:
        return {"contents": [{"role": r, "parts": [{"text": t}]} for r, t in (("user", text), ("model", answer))]}

    pairs = [(str(number), str(number + 1)) for number in range(1, 13)]
    rows: dict[str, list[Any]] = {
        "train": [contents(*pair) for pair in pairs],
        "validation": [contents(*pair) for pair in pairs[:2]],
        "long": [*[contents(*pair) for pair in pairs], contents("ü" * 3, "so lang " * 140_000)],
        "broken": [*[contents(*pair) for pair in pairs[:3]], {"contents": []}],
        "prompts": [{"contents": contents(text, "")["contents"][:1]} for text, _ in pairs],
        "preference": [
            {
                "contents": contents(text, "")["contents"][:1],
                "completions": [
                    {"score": score, "completion": {"role": "model", "parts": [{"text": said}]}}
                    for score, said in ((1.0, answer), (0.0, "no"))
                ],
            }
            for text, answer in pairs
        ],
    }
    for name, lines in rows.items():
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


class Filler:
    """Puts one of everything into a server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def fill(self) -> None:
        """All of it."""
        ask = self._server.control
        ask("PUT", "clock", {"time": "2026-03-01T08:00:00.25Z", "frozen": True})
        self.gemini_ended()
        self.vertex_ended()
        self.resources()
        self.unfinished()
        ask("PUT", "projects/quick/pace", {"mode": "time", "seconds": 2.5})
        ask("PUT", "projects/kept/pace", {"mode": "polls", "polls": 2})
        ask("POST", "job-faults", {"kind": "internal_error", "at": 5, "project": "kept", "jobs": 2})
        ask("POST", "job-faults", {"kind": "quota_exhausted"})
        ask("POST", "faults", {"method": "ListModels", "code": "UNAVAILABLE", "nth": [100, 400]})

    # ------------------------------------------------------------ jobs that have ended

    def gemini_ended(self) -> None:
        """Tuned models of every kind and end."""
        do = self._server.do
        self.tuned_model("numbers", "numbers", {"epochCount": 3, "batchSize": 4, "learningRate": 0.002})
        self.tuned_model("halved", "halved", {"learningRateMultiplier": 0.5})
        self.finish()
        further = {"tunedModelSource": {"tunedModel": "tunedModels/numbers"}, "temperature": 0.25, "topP": 0, "topK": 7}
        self.tuned_model("further", "tuned further", {"epochCount": 2}, further)
        self.tuned_model("broken", "broken [fault=internal_error:3]", {"epochCount": 4})
        self.tuned_model("stopped", f"stopped {HOLD}", {})
        self.tuned_model("given-away", "given away", {})
        self.tuned_model("deleted", "deleted", {})
        self.finish()
        self._server.control("POST", "jobs/tunedModels/stopped:advance")
        name = do("GET", "/v1beta/tunedModels/stopped/operations")["operations"][0]["name"]
        do("POST", f"/v1beta/{name}:cancel", {})
        self._server.control("POST", "jobs/tunedModels/stopped:advance")
        do("DELETE", "/v1beta/tunedModels/deleted")
        edited = {"displayName": "Zahlen ☃", "description": "edited", "readerProjectNumbers": ["12", "13"]}
        do("PATCH", "/v1beta/tunedModels/numbers", edited)
        for permission in (
            {"granteeType": "USER", "emailAddress": "reader@example.com", "role": "READER"},
            {"granteeType": "GROUP", "emailAddress": "writers@example.com", "role": "WRITER"},
            {"granteeType": "EVERYONE", "role": "READER"},
        ):
            do("POST", "/v1beta/tunedModels/numbers/permissions", permission)
        do("POST", "/v1beta/tunedModels/given-away:transferOwnership", {"emailAddress": "heir@example.com"})

    def vertex_ended(self) -> None:
        """Tuning jobs of every method and end."""
        spec = {
            "trainingDatasetUri": "gs://kept/train.jsonl",
            "validationDatasetUri": "gs://kept/validation.jsonl",
            "hyperParameters": {"epochCount": "3", "learningRateMultiplier": 0.5, "adapterSize": "ADAPTER_SIZE_EIGHT"},
        }
        rest = {"labels": {"team": "zwölf", "stage": "test"}, "description": "of everything something"}
        self.tuning_job("supervised", {"supervisedTuningSpec": spec, **rest})
        few = {"hyperParameters": {"epochCount": 2}}
        last = {"trainingDatasetUri": "gs://kept/train.jsonl", "exportLastCheckpointOnly": True, **few}
        self.tuning_job("last checkpoint", {"supervisedTuningSpec": last})
        self.tuning_job("", {"supervisedTuningSpec": {"trainingDatasetUri": "gs://kept/train.jsonl"}})
        beta = {"trainingDatasetUri": "gs://kept/preference.jsonl", "hyperParameters": {"beta": 0.25, "epochCount": 2}}
        self.tuning_job("preference", {"preferenceOptimizationSpec": beta})
        long = {"trainingDatasetUri": "gs://kept/long.jsonl", **few}
        self.tuning_job("one dropped", {"supervisedTuningSpec": long}, version="v1beta1")
        self.tuning_job("unusable", {"supervisedTuningSpec": {"trainingDatasetUri": "gs://kept/broken.jsonl"}})
        self.tuning_job("no endpoint [fault=endpoint_creation_failed]", {"supervisedTuningSpec": last})
        self.tuning_job("stopped [fault=cancelled:4]", {"supervisedTuningSpec": last})
        teacher = {
            "promptDatasetUri": "gs://kept/prompts.jsonl",
            "baseTeacherModel": "publishers/google/models/gemini-2.5-pro",
            "hyperParameters": {"epochCount": "2", "learningRateMultiplier": 0.5},
        }
        self.tuning_job("distilled", {"distillationSpec": teacher}, version="v1beta1")
        full = {"trainingDatasetUri": "gs://kept/train.jsonl", "tuningMode": "TUNING_MODE_FULL", **few}
        self.tuning_job(
            "all weights",
            {"baseModel": OPEN_MODEL, "supervisedTuningSpec": full, "outputUri": "gs://kept/all"},
            version="v1beta1",
        )
        partner = {"trainingDatasetUri": "gs://kept/train.jsonl", "hyperParameters": {"epochs": 3, "note": "ours"}}
        self.tuning_job("partner", {"baseModel": "claude", "partnerModelTuningSpec": partner}, version="v1beta1")
        elsewhere = {"supervisedTuningSpec": last, "encryptionSpec": {"kmsKeyName": "projects/p/keys/1"}}
        self.tuning_job("elsewhere", elsewhere, place="projects/other/locations/europe-west4")
        again = {"supervisedTuningSpec": last, "preTunedModel": self.pre_tuned("1")}
        self.tuning_job("supervised", again, base="")  # of the same name: the second version of the same model
        self.tuning_job("another", again, base="")
        tuned = {**teacher, "tunedTeacherModelSource": self.model("supervised")}
        del tuned["baseTeacherModel"]
        self.tuning_job("taught by a tuned one", {"distillationSpec": tuned}, version="v1beta1")

    # ------------------------------------------------------------ what jobs have left behind

    def resources(self) -> None:
        """Models, endpoints, experiments and operations that somebody has worked on."""
        do = self._server.do
        model = self.model("supervised").partition("@")[0]
        edited = {"displayName": "kept", "labels": {"a": ""}}
        do("PATCH", f"/v1/{model}?updateMask=displayName,description,labels", edited)
        do("POST", f"/v1/{model}@2:mergeVersionAliases", {"versionAliases": ["best", "default", "v-two"]})
        do("PATCH", f"/v1/{model}@2?updateMask=versionDescription", {"versionDescription": "the second"})
        made = do("POST", f"/v1/{PLACE}/endpoints", {"displayName": "by hand", "labels": {"who": "me"}})
        endpoint = made["name"].partition("/operations/")[0]
        for number, share in ((1, 100), (2, 30)):
            split = {"0": share, **self.shares(endpoint, 100 - share)}
            deployed = {"model": f"{model}@{number}", "displayName": f"part {number}"}
            do("POST", f"/v1/{endpoint}:deployModel", {"deployedModel": deployed, "trafficSplit": split})
        do("PATCH", f"/v1/{endpoint}?updateMask=description", {"description": "two versions"})
        gone = do("POST", f"/v1/{PLACE}/endpoints", {"displayName": "gone"})["name"].partition("/operations/")[0]
        do("DELETE", f"/v1/{gone}")
        experiment = self.job("preference")["experiment"]
        do("DELETE", f"/v1/{experiment}")
        rebased = {"tunedModelRef": {"tunedModel": self.model("supervised")}}
        do("POST", f"/v1/{PLACE}/tuningJobs:rebaseTunedModel", rebased)
        self.finish()
        wanted = {"tunedModelDisplayName": f"rebased by hand {HOLD}", "description": "rebased"}
        do("POST", f"/v1/{PLACE}/tuningJobs:rebaseTunedModel", {**rebased, "tuningJob": wanted})

    def shares(self, endpoint: str, rest: int) -> dict[str, int]:
        """What is left of the traffic for what an endpoint serves already."""
        served = self._server.do("GET", f"/v1/{endpoint}").get("deployedModels", [])
        return {one["id"]: rest for one in served}

    # ------------------------------------------------------------ jobs that go on

    def unfinished(self) -> None:
        """Jobs that stand still, because of their paces, wherever a job can stand."""
        ask = self._server.control
        spec = {"trainingDatasetUri": "gs://kept/train.jsonl", "hyperParameters": {"epochCount": 2}}
        plain = {"supervisedTuningSpec": spec}
        self.tuned_model("waiting", f"waiting {HOLD}", {"epochCount": 2})
        self.tuned_model("creating", "creating [pace=time:300]", {"epochCount": 2, "batchSize": 2})
        names = {}
        for stage in ("WAITING_FOR_QUOTA", "PROCESSING_DATASET", "WAITING_FOR_CAPACITY", "TUNING", "POST_PROCESSING"):
            names[stage] = self.tuning_job(f"{stage.lower()} {HOLD}", plain)
        names["CANCELLING"] = self.tuning_job(f"cancelling {HOLD}", plain)
        self.tuning_job("stuck [fault=stuck_pending]", plain)
        self.tuning_job("halfway [pace=time:125]", plain)
        counted = self.tuning_job("counted [pace=polls:999]", plain)
        self.tuning_job("cancelled at once", plain, place="projects/other/locations/us-central1", cancel=True)
        prompts = {"promptDatasetUri": "gs://kept/prompts.jsonl", "hyperParameters": {"epochCount": 2}}
        taught = {**prompts, "tunedTeacherModelSource": self.model("supervised")}
        self.tuning_job(f"to be taught {HOLD}", {"distillationSpec": taught}, version="v1beta1")
        full = {**prompts, "baseTeacherModel": "gemini-2.5-pro", "tuningMode": "TUNING_MODE_FULL"}
        delivered = {"distillationSpec": full, "baseModel": OPEN_MODEL, "outputUri": "gs://kept/out/"}
        self.tuning_job(f"to be delivered {HOLD}", delivered, version="v1beta1")
        voice = {"replicatedVoiceConfig": {"voiceSampleAudio": base64.b64encode(b"\x00\xff").decode()}}
        odd = {"temperature": "NaN", "topP": 0.5, "speechConfig": {"voiceConfig": voice}}
        evaluated = {**spec, "evaluationConfig": self.evaluation(odd)}
        self.tuning_job(f"evaluated {HOLD}", {"supervisedTuningSpec": evaluated}, version="v1beta1")
        self.tuning_job(f"to be continued {HOLD}", {**plain, "preTunedModel": self.pre_tuned("")}, base="")
        for stage, name in names.items():
            if stage not in ("WAITING_FOR_QUOTA", "CANCELLING"):
                ask("POST", f"jobs/{name}:advance", {"to": stage})
        ask("POST", f"jobs/{names['CANCELLING']}:advance", {"to": "TUNING"})
        self._server.do("POST", f"/v1/{names['CANCELLING']}:cancel", {})
        for _ in range(4):
            ask("POST", "clock:advance", {"seconds": 88.5})
        for _ in range(7):
            self._server.do("GET", f"/v1/{counted}")
        settle(self._server)

    def evaluation(self, generation: dict[str, Any]) -> dict[str, Any]:
        """What a job would be evaluated by."""
        output = {"gcsDestination": {"outputUriPrefix": "gs://kept/evaluation"}}
        metrics = [{"bleuSpec": {"useEffectiveOrder": True}}]
        return {"metrics": metrics, "outputConfig": output, "inferenceGenerationConfig": generation}

    # ------------------------------------------------------------ inside

    def tuned_model(self, name: str, title: str, hyper: dict[str, Any], more: dict[str, Any] | None = None) -> None:
        source = {} if more else {"baseModel": "models/gemini-1.5-flash-001-tuning"}
        task = {"hyperparameters": hyper, "trainingData": {"examples": {"examples": PAIRS}}}
        body = {"displayName": title, "tuningTask": task, **source, **(more or {})}
        version = "v1alpha" if more else "v1beta"
        self._server.do("POST", f"/{version}/tunedModels?tunedModelId={name}", body)

    def tuning_job(
        self,
        name: str,
        body: dict[str, Any],
        base: str = MODEL,
        *,
        version: str = "v1",
        place: str = PLACE,
        cancel: bool = False,
    ) -> str:
        body = {"baseModel": base, **body} if base else body
        body = {**body, "tunedModelDisplayName": name} if name else body
        made = str(self._server.do("POST", f"/{version}/{place}/tuningJobs", body)["name"])
        if cancel:
            self._server.do("POST", f"/v1/{made}:cancel", {})
        if "[pace" not in name and "stuck" not in name:
            self.finish()
        return made

    def pre_tuned(self, checkpoint: str) -> dict[str, str]:
        named = {"tunedModelName": self.model("supervised")}
        return {**named, "checkpointId": checkpoint} if checkpoint else named

    def job(self, title: str) -> dict[str, Any]:
        """The first tuning job of that name."""
        listed = self._server.do("GET", f"{BETA}/tuningJobs?pageSize=100")["tuningJobs"]
        found: dict[str, Any] = [one for one in listed if one["tunedModelDisplayName"] == title][-1]
        return found

    def model(self, title: str) -> str:
        """The model that a tuning job has made."""
        return str(self.job(title)["tunedModel"]["model"])

    def finish(self) -> None:
        """Waits until all jobs have ended that nothing holds, then lets some time go by."""
        wait_until_ended(self._server, lambda job: job["pace"] == "training" and job["fault"] != "stuck_pending")
        self._server.control("POST", "clock:advance", {"seconds": 61.125})


def wait_until_ended(server: Server, wanted: Any = lambda job: True) -> None:
    """Waits until all wanted jobs have ended."""
    end = time.monotonic() + PATIENCE_S
    while True:
        jobs = [job for job in list_jobs(server) if wanted(job)]
        if all(job["state"] in ("SUCCEEDED", "FAILED", "CANCELLED") for job in jobs):
            return
        if time.monotonic() > end:
            raise RuntimeError(f"still not ended: {[job['name'] for job in jobs]}")
        time.sleep(0.05)


def settle(server: Server) -> None:
    """Waits until no job has moved for a while: those that go by a clock that stands still, too."""
    before: Any = None
    while before != (now := list_jobs(server)):
        before = now
        time.sleep(0.5)


def list_jobs(server: Server) -> list[dict[str, Any]]:
    """All jobs, as the control API sees them."""
    jobs: list[dict[str, Any]] = server.do("GET", JOBS)["jobs"]
    return jobs


# --- every read


def read_everything(server: Server) -> dict[str, Any]:
    """What is answered to every read, by path: first the lists, then each thing in them and what is below it."""
    answers: dict[str, Any] = {}

    def get(path: str, field: str = "") -> list[Any]:
        status, body = server.ask("GET", path)
        answers[path] = {"status": status, "body": json.loads(body)}
        return answers[path]["body"].get(field, []) if field else []

    for path in ("pace", "job-faults"):
        get(f"/emulator/v1/{path}")
    for job in get(JOBS, "jobs"):
        get(f"/emulator/v1/jobs/{job['name']}")
    read_gemini(get)
    for project in ("kept", "other"):
        for location in ("us-central1", "europe-west4"):
            read_vertex(get, f"projects/{project}/locations/{location}")
    return answers


def read_gemini(get: Callable[[str, str], list[Any]]) -> None:
    """The tuned models of the caller."""
    for model in get("/v1beta/tunedModels?pageSize=1000", "tunedModels"):
        get(f"/v1beta/{model['name']}", "")
        get(f"/v1beta/{model['name']}/permissions", "")
        for one in get(f"/v1beta/{model['name']}/operations", "operations"):
            get(f"/v1beta/{one['name']}", "")


def read_vertex(get: Callable[[str, str], list[Any]], place: str) -> None:
    """Everything of one place."""
    for collection, field in (
        ("tuningJobs", "tuningJobs"),
        ("models", "models"),
        ("endpoints", "endpoints"),
        ("metadataStores/default/contexts", "contexts"),
    ):
        for one in get(f"/v1beta1/{place}/{collection}?pageSize=100", field):
            get(f"/v1/{one['name']}", "")
            for operation in get(f"/v1/{one['name']}/operations", "operations"):
                get(f"/v1/{operation['name']}", "")
            if collection == "models":
                for version in get(f"/v1/{one['name']}:listVersions", "models"):
                    get(f"/v1/{version['name']}", "")
                    get(f"/v1/{version['name']}:listCheckpoints", "")
    get(f"/v1/{place}/operations", "")
    for text in ('state="JOB_STATE_SUCCEEDED"', "labels.team=zwölf", 'tunedModelDisplayName="preference"'):
        get(f"/v1/{place}/tuningJobs?filter={quote(text)}", "")


def let_go(server: Server) -> dict[str, Any]:
    """How all jobs end when nothing holds them any more, and what is in the bucket then."""
    server.control("PUT", "clock", {"frozen": False})
    server.control("DELETE", "projects/kept/pace")
    for job in list_jobs(server):
        if job["state"] not in ("SUCCEEDED", "FAILED", "CANCELLED"):
            server.control("DELETE", f"jobs/{job['name']}:fault")
            server.control("PUT", f"jobs/{job['name']}:pace", {"mode": "training"})
    wait_until_ended(server)
    kept = ("name", "state", "phase", "error", "completed_steps", "total_steps", "completed_epochs", "trainer")
    connection = http.client.HTTPConnection("127.0.0.1", server.storage_port, timeout=PATIENCE_S)
    connection.request("GET", "/storage/v1/b/kept/o")
    listed = json.loads(connection.getresponse().read())["items"]
    connection.close()
    return {
        "jobs": [{name: job[name] for name in kept} for job in list_jobs(server)],
        "objects": sorted(one["name"] for one in listed),
    }


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--server", default=f"{sys.executable} -m tuning_emulator", help="the command of the version")
    given = parser.parse_args()
    command = shlex.split(given.server)
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        data, bucket = Path(name) / "data", Path(name) / "bucket"
        write_datasets(bucket)
        with running(command, data, "--bucket", f"kept={bucket}") as server:
            Filler(server).fill()
            archive = server.do("GET", "/emulator/v1/snapshot")
        (given.folder / "archive.tar.gz").write_bytes(archive)
        pack(data, given.folder / "data.tar.xz")
        found = []
        for imported in (False, True):
            directory = Path(name) / f"again-{imported}"
            if not imported:
                shutil.copytree(data, directory)
            with running(command, directory) as server:
                if imported:
                    server.do("POST", "/emulator/v1/snapshot", data=archive)
                settle(server)
                found.append({"reads": read_everything(server), "after": let_go(server)})
        if found[0] != found[1]:
            raise RuntimeError("a server that takes the archive answers otherwise than one that is started anew")
        text = json.dumps(found[0], ensure_ascii=False, sort_keys=True)
        (given.folder / "answers.json.xz").write_bytes(lzma.compress(text.encode()))


def pack(directory: Path, target: Path) -> None:
    """What a data directory holds, without what is made anew at every start."""
    with tarfile.open(target, "w:xz") as tar:
        for path in sorted(directory.iterdir()):
            if path.name not in ("lock", "tls"):
                tar.add(path, path.name)


if __name__ == "__main__":
    main()
