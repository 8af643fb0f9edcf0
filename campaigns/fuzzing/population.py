"""What the server holds before each round: one of everything, and names for it."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from campaigns.fuzzing.client import Client, Request
from tests.gemini.serving import make_model
from tests.vertex.serving import BUCKET, PLACE, TRAINING, format_examples, make_job
from tests.vertex.tuned import name_populated

KEY, TOKEN = ("x-goog-api-key", "key"), ("Authorization", "Bearer token")
JSON = ("Content-Type", "application/json")
END_S = 20.0
KEPT = 40
"""Names of what answers have made, to be asked about; older ones go."""

_NAME = re.compile(
    rb'"(?:name|tunedModel|endpoint|model|experiment|etag|nextPageToken|rewriteToken)": *"([^"]{1,200})"'
)


class PopulationError(Exception):
    """A good request was refused."""


@dataclass
class Population:
    """Names by what they stand for, see ``tests.vertex.tuned.populate``, and those that answers have told."""

    names: dict[str, str]
    archive: bytes
    told: list[str] = field(default_factory=list)

    @property
    def all(self) -> tuple[str, ...]:
        """To choose from."""
        return (*self.names.values(), *self.told, "tunedModels/none", "", "x/y", f"{PLACE}/models/1", "operations/x")

    def learn(self, body: bytes) -> None:
        """Names in an answer."""
        for found in _NAME.findall(body)[:4]:
            name = found.decode("utf-8", "replace")
            if name not in self.told:
                self.told.append(name)
        del self.told[:-KEPT]


class Populator:
    """Makes it over REST."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, verb: str, path: str, body: Any = None, status: int = 200) -> Any:
        """A request that is granted."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        reply = self._client.ask(Request("own", verb, path, (KEY, TOKEN, JSON), data))
        if reply.status != status:
            raise PopulationError(f"{verb} {path}: {reply.status} {reply.body[:500]!r}")
        return json.loads(reply.body) if "json" in reply.headers.get("content-type", "") else reply.body

    def populate(self) -> Population:
        """A project with one of everything; jobs that are created from now on stay as they are."""
        self.send("POST", "/storage/v1/b?project=my-project", {"name": BUCKET})
        self.send(
            "POST", f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=train.jsonl", format_examples(range(9))
        )
        self.send("POST", "/storage/v1/b?project=my-project", {"name": "my-bucket"})
        self.send("POST", "/upload/storage/v1/b/my-bucket/o?uploadType=media&name=x", b"hello")
        names = {**self._make_gemini(), **self._make_vertex()}
        return Population(names, self._client.ask(Request("own", "GET", "/emulator/v1/snapshot")).body)

    def restore(self, population: Population) -> None:
        """Everything as it was populated."""
        archive = ("Content-Type", "application/gzip")
        reply = self._client.ask(Request("own", "POST", "/emulator/v1/snapshot", [archive], population.archive))
        if reply.status != 200:
            raise PopulationError(f"the state does not come back: {reply.status} {reply.body[:500]!r}")

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def _make_gemini(self) -> dict[str, str]:
        self.send("POST", "/v1beta/tunedModels?tunedModelId=palm", make_model(baseModel="models/text-bison-001"))
        made = self.send("POST", "/v1beta/tunedModels?tunedModelId=mine", make_model())
        for name in ("tunedModels/mine", "tunedModels/palm"):
            self._await(f"/v1beta/{name}", "ACTIVE")
        self.send("POST", "/v1beta/tunedModels/mine/permissions", {"granteeType": "EVERYONE", "role": "READER"})
        return {"mine": "tunedModels/mine", "palm": "tunedModels/palm", "op": str(made["name"])}

    def _make_vertex(self) -> dict[str, str]:
        one = {"trainingDatasetUri": TRAINING, "hyperParameters": {"epochCount": 1}}
        first = self._tune(make_job(tunedModelDisplayName="numbers", spec=one))
        version = str(first["tunedModel"]["model"])
        more = make_job(baseModel=None, preTunedModel={"tunedModelName": version}, spec=one)
        second, third = self._tune(more), self._tune(more)
        lone = self._tune(make_job(tunedModelDisplayName="lone", spec=one))
        operation = ""
        for job in (first, third, lone):
            endpoint = job["tunedModel"]["endpoint"]
            deployed = self.send("GET", f"/v1/{endpoint}")["deployedModels"][0]["id"]
            operation = str(self.send("POST", f"/v1/{endpoint}:undeployModel", {"deployedModelId": deployed})["name"])
        endpoint = str(second["tunedModel"]["endpoint"])
        self.send("PUT", "/emulator/v1/pace", {"mode": "manual"})
        pending = self.send("POST", f"/v1/{PLACE}/tuningJobs", make_job())
        reference = {"tunedModelRef": {"tuningJob": first["name"]}}
        rebase = self.send("POST", f"/v1/{PLACE}/tuningJobs:rebaseTunedModel", reference)
        deployed = str(self.send("GET", f"/v1/{endpoint}")["deployedModels"][0]["id"])
        return name_populated(first, second, lone, str(pending["name"]), str(rebase["name"]), operation, deployed)

    def _tune(self, body: Any) -> Any:
        name = self.send("POST", f"/v1/{PLACE}/tuningJobs", body)["name"]
        return self._await(f"/v1/{name}", "JOB_STATE_SUCCEEDED")

    def _await(self, path: str, state: str) -> Any:
        until = time.monotonic() + END_S
        while time.monotonic() < until:
            found = self.send("GET", path)
            if found["state"] == state:
                return found
            time.sleep(0.005)
        raise PopulationError(f"GET {path}: {found['state']} after {END_S} s")
