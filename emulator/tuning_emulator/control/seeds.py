"""Putting seeds where the services would: through the create methods of both APIs, so that records are as real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from tuning_emulator.api.auth import Presented, format_owner
from tuning_emulator.api.call import Api, Caller
from tuning_emulator.control.jobs import find_job
from tuning_emulator.control.scenario_file import PROJECT, EndpointSeed, ScenarioError, TunedModelSeed, TuningJobSeed
from tuning_emulator.control.state import ServerState
from tuning_emulator.core.job_control import (
    TRAINING,
    FaultKind,
    JobFault,
    Pace,
    PaceMode,
    parse_pace,
)
from tuning_emulator.core.lifecycle import ENDED
from tuning_emulator.core.records import JobState, Phase, TuningJob
from tuning_emulator.rest.app import create_rest_app
from tuning_emulator.schema.schema import Method

MANUAL = Pace(PaceMode.MANUAL)
END_TIMEOUT_S = 60.0
"""How long a seed may take to its state; the scripted trainer does it at once."""

_STAGES = 12
_TRAINER = "scripted"


class Seeder:
    """Creates what a scenario asks for.

    Args:
        project: Of everything that names none; "" for the plain account and ``PROJECT``.
    """

    def __init__(self, server: ServerState, project: str = "") -> None:
        self._world = server
        self._project = project
        self._caller = Caller("", "", "token")
        self._rest = create_rest_app(server.apis, self)

    def identify(self, api: Api, method: Method, path: str, presented: Presented) -> Caller:  # noqa: ARG002 the seam's
        """The account of the seed that is being created; nobody else calls here."""
        return self._caller

    # ------------------------------------------------------------ seeds

    async def create_tuned_model(self, seed: TunedModelSeed, number: int) -> str:
        """A tuned model in its state; its name."""
        project = seed.project or self._project
        self._caller = Caller(seed.owner or format_owner(project), project, "token")
        given = {"epochCount": seed.epochs, "batchSize": seed.batch_size, "learningRate": seed.learning_rate}
        examples = [{"textInput": text, "output": output} for text, output in seed.examples]
        body = {
            "displayName": seed.display_name.replace("{number}", str(number)),
            "description": seed.description,
            "baseModel": seed.base_model,
            "tuningTask": {
                "hyperparameters": {name: value for name, value in given.items() if value is not None},
                "trainingData": {"examples": {"examples": examples}},
            },
        }
        query = urlencode({"tunedModelId": seed.id.replace("{number}", str(number))}) if seed.id else ""
        made = await self._post("/v1beta/tunedModels", body, query)
        name = str(made["metadata"]["tunedModel"])
        await self._bring(name, seed, "RUNNING" if seed.state == "CREATING" else seed.state)
        for permission in seed.permissions:
            wanted: dict[str, Any] = {"role": permission.role, "granteeType": permission.grantee_type}
            wanted |= {"emailAddress": permission.email_address} if permission.email_address else {}
            await self._post(f"/v1beta/{name}/permissions", wanted)
        return name

    async def create_tuning_job(self, seed: TuningJobSeed, number: int) -> str:
        """A tuning job in its state; its name."""
        project = seed.project or self._project or PROJECT
        self._caller = Caller(format_owner(self._project), project, "token")
        spec: dict[str, Any] = {"trainingDatasetUri": seed.training_dataset.replace("{project}", project)}
        if seed.validation_dataset:
            spec["validationDatasetUri"] = seed.validation_dataset.replace("{project}", project)
        if seed.epochs:
            spec["hyperParameters"] = {"epochCount": seed.epochs}
        body = {"baseModel": seed.base_model, "supervisedTuningSpec": spec, "labels": seed.labels}
        if seed.display_name:
            body["tunedModelDisplayName"] = seed.display_name.replace("{number}", str(number))
        if seed.description:
            body["description"] = seed.description
        name = str((await self._post(f"/v1/projects/{project}/locations/{seed.location}/tuningJobs", body))["name"])
        await self._bring(name, seed, seed.state)
        return name

    async def create_endpoint(self, seed: EndpointSeed) -> str:
        """An endpoint; its name."""
        project = seed.project or self._project or PROJECT
        self._caller = Caller(format_owner(self._project), project, "token")
        body = {"displayName": seed.display_name}
        made = await self._post(f"/v1/projects/{project}/locations/{seed.location}/endpoints", body)
        return str(made["name"]).partition("/operations/")[0]

    # ------------------------------------------------------------ inside

    async def _post(self, path: str, body: dict[str, Any], query: str = "") -> Any:
        data = json.dumps(body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(data))}
        answer = await self._rest.answer("POST", path, query, headers, data)
        value = json.loads(answer.body)
        if answer.status != 200:
            raise ScenarioError(f"the service refuses it: {value['error']['message']}")
        return value

    async def _bring(self, name: str, seed: TunedModelSeed | TuningJobSeed, wanted: str) -> None:
        """Takes a job that was created this moment, and has not run yet, to a state."""
        job = find_job(self._world.store, name)
        assert job is not None
        self._world.store.update_progress(job.uid, trainer=_TRAINER)
        gate = self._world.queue.pacing.get(job.uid)
        assert gate is not None
        fault = seed.find_fault()
        if wanted == "FAILED" and fault is None:
            fault = JobFault(FaultKind.INTERNAL_ERROR, 1)
        if wanted in ("PENDING", "RUNNING", "CANCELLED"):
            gate.change(MANUAL, fault)
        else:
            gate.change(TRAINING, fault)
        if wanted == "CANCELLED":
            self._world.queue.cancel(job.uid)
        elif wanted == "RUNNING":
            await self._advance(job.uid, lambda job: job.progress.phase is Phase.TUNING)
        if wanted in ("PENDING", "RUNNING"):
            gate.change(parse_pace(seed.pace), fault)
            return
        timeout_s = 0.0 if self._world.queue.waits_for_hand(job) else END_TIMEOUT_S  # it would wait for ever
        ended = await self._world.queue.wait_until_ended(job.uid, timeout_s)
        self._check(ended, "SUCCEEDED" if wanted == "ACTIVE" else wanted)

    async def _advance(self, uid: int, arrived: Callable[[TuningJob], bool]) -> None:
        """Lets a job go from stage to stage until it is there."""
        pacing = self._world.queue.pacing
        for _ in range(_STAGES):
            await pacing.settle([uid])
            job = self._world.store.get_job_by_uid(uid)
            if job is None or job.progress.state in ENDED or arrived(job):
                break
            gate = pacing.get(uid)
            if gate is not None:
                gate.advance()
        self._check(self._world.store.get_job_by_uid(uid), "RUNNING")

    def _check(self, job: TuningJob | None, wanted: str) -> None:
        if job is None or job.progress.state is not JobState(wanted):
            state = job.progress.state.value if job else "gone"
            error = job.progress.error if job else None
            why = f": {error.message}" if error else ""
            hint = "; another job of its project runs, see jobs_per_project" if state == "PENDING" else ""
            raise ScenarioError(f"state: it should be {wanted} and is {state}{why}{hint}")
