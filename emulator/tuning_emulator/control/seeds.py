"""Putting seeds where the services would: through the create methods of both APIs, so that records are as real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from msgspec.structs import replace

from tuning_emulator.api.auth import Presented, format_owner
from tuning_emulator.api.call import Api, Caller
from tuning_emulator.control.jobs import find_job
from tuning_emulator.control.scenario_file import PROJECT, EndpointSeed, ScenarioError, TunedModelSeed, TuningJobSeed
from tuning_emulator.control.seed_numbers import TakenError, refuse_taken
from tuning_emulator.control.state import ServerState, set_jobs_aside
from tuning_emulator.core.ids import project_number
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


@dataclass
class Made:
    """What a scenario has made so far. ``jobs``: of both APIs, by name; ``endpoints``: with their create operations."""

    jobs: list[str] = field(default_factory=list)
    endpoints: list[tuple[str, str]] = field(default_factory=list)


async def take_back(server: ServerState, made: Made) -> None:
    """Forgets all of it, with what the jobs have published, and nothing else."""
    jobs = [job for name in made.jobs if (job := find_job(server.store, name)) is not None]
    uids = [job.uid for job in jobs]
    async with server.forgetting(lambda: uids) as removed:
        with server.store.transaction():
            server.store.forget_jobs(uids)
            for name, operation in made.endpoints:
                _, project, _, location, _, identifier = name.split("/")
                if (endpoint := server.store.get_endpoint(project, location, identifier)) is not None:
                    server.store.delete_endpoint(endpoint.uid)
                server.store.delete_operation(operation)
        set_jobs_aside(server.directory, [f"{job.api}-{job.uid}" for job in jobs], removed)


class Seeder:
    """Creates what a scenario asks for.

    Args:
        project: Of everything that names none; "" for the plain account and ``PROJECT``.

    Attributes:
        made: So far.
    """

    def __init__(self, server: ServerState, project: str = "") -> None:
        self._world = server
        self._project = project
        self.made = Made()
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
        self.made.jobs.append(name)
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
        epochs = seed.epochs or len(seed.checkpoints)
        if epochs:
            spec["hyperParameters"] = {"epochCount": epochs}
        body = {"baseModel": seed.base_model, "supervisedTuningSpec": spec, "labels": seed.labels}
        if seed.display_name:
            body["tunedModelDisplayName"] = seed.display_name.replace("{number}", str(number))
        if seed.description:
            body["description"] = seed.description
        self._refuse_taken(seed, project)
        name = str((await self._post(f"/v1/projects/{project}/locations/{seed.location}/tuningJobs", body))["name"])
        name = self._reserve(name, seed)
        self.made.jobs.append(name)
        await self._bring(name, seed, seed.state)
        if seed.state == "SUCCEEDED" and seed.checkpoints:
            self._check_checkpoints(name, len(seed.checkpoints))
        return name

    async def create_endpoint(self, seed: EndpointSeed) -> str:
        """An endpoint; its name."""
        project = seed.project or self._project or PROJECT
        self._caller = Caller(format_owner(self._project), project, "token")
        body = {"displayName": seed.display_name}
        made = await self._post(f"/v1/projects/{project}/locations/{seed.location}/endpoints", body)
        operation = str(made["name"])
        name = operation.partition("/operations/")[0]
        self.made.endpoints.append((name, operation))
        return self._renumber_endpoint(name, operation, seed, project) if seed.id else name

    # ------------------------------------------------------------ inside

    def _renumber_endpoint(self, name: str, operation: str, seed: EndpointSeed, project: str) -> str:
        """The name of an endpoint that was created this moment, once it has the seed's number."""
        store, number = self._world.store, project_number(project)
        place, _, identifier = name.rpartition("/")
        endpoint = store.get_endpoint(number, seed.location, identifier)
        if store.get_endpoint(number, seed.location, seed.id) or endpoint is None:
            raise ScenarioError(f"id: {place}/{seed.id} is there already")
        store.delete_operation(operation)
        store.delete_endpoint(endpoint.uid)
        store.insert_endpoint(replace(endpoint, id=seed.id))
        self.made.endpoints[-1] = (f"{place}/{seed.id}", operation)
        return f"{place}/{seed.id}"

    def _refuse_taken(self, seed: TuningJobSeed, project: str) -> None:
        try:
            refuse_taken(self._world.store, project, seed.location, seed.base_model, seed.id, seed.reserved)
        except TakenError as error:
            raise ScenarioError(str(error)) from error

    def _reserve(self, name: str, seed: TuningJobSeed) -> str:
        """The name of a job that was created this moment, once it and what it will make have the seed's numbers."""
        job = find_job(self._world.store, name)
        assert job is not None
        identifier = seed.id or job.id
        self._world.store.reserve(job.uid, identifier, seed.reserved)
        return f"{name.rpartition('/')[0]}/{identifier}"

    def _check_checkpoints(self, name: str, wanted: int) -> None:
        job = find_job(self._world.store, name)
        saved = self._world.store.list_checkpoints(job.uid) if job else []
        if len(saved) != wanted:
            raise ScenarioError(f"checkpoints: the job saves {len(saved)}, not {wanted}; one an epoch, and at most 10")

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
