"""What a running batch means to Vertex AI: its lines answered one by one, and where they go."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from tuning_emulator.api.call import Api, Call, Caller
from tuning_emulator.api.errors import to_envelope
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.core.job_control import FaultKind, JobFault
from tuning_emulator.core.records import BatchJob, Job
from tuning_emulator.facts import google_errors, vertex_errors
from tuning_emulator.facts.limits import PREDICTIONS_FOLDER
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.batch_files import Result
from tuning_emulator.jobs.caching import Caches
from tuning_emulator.jobs.registry import find_named_version
from tuning_emulator.jobs.tuning_api import Stage
from tuning_emulator.protojson.codec import Codec
from tuning_emulator.protojson.printer import format_timestamp
from tuning_emulator.vertex.batches import format_batch_name
from tuning_emulator.vertex.convert import PACKAGE
from tuning_emulator.vertex.generation import ENDPOINT, PUBLISHED, Generation, Speaker

ATTEMPTS = 3
"""How often a request is asked whose model is not there at the moment. Assumed."""


class VertexBatches:
    """See ``BatchApi``.

    A line of the input is ``{"request": …}`` and whatever else the client has put there, which comes back; one of the
    output says ``status``, ``processed_time``, ``request`` and, where it was answered, ``response``. Keys of both are
    in the order of the alphabet, as BigQuery, which the service has between, leaves them (recorded).

    Sources: docs.cloud.google.com …/batch-prediction-from-cloud-storage, its example of a failed row;
    github.com/GoogleCloudPlatform/generative-ai gemini/batch-prediction/intro_batch_prediction.ipynb.

    Args:
        api: Vertex AI as it is served.
    """

    stages = frozenset({Stage.PENDING, Stage.RUNNING, Stage.CANCELLING})

    def __init__(self, backend: Backend, api: Api) -> None:
        self._backend = backend
        self._api = api
        self._generation = Generation(backend, Caches(backend, PACKAGE))
        self._codec = Codec(api.schemas.values())

    def format_name(self, job: Job) -> str:
        """See ``JobApi``."""
        return format_batch_name(job)

    def explain(self, fault: JobFault) -> ApiError:
        """See ``JobApi``."""
        match fault.kind:
            case FaultKind.DATASET_REJECTED:
                return vertex_errors.BATCH_INPUT_UNREADABLE(position=0)
            case FaultKind.QUOTA_EXHAUSTED:
                return vertex_errors.VERTEX_EXHAUSTED()
            case _:
                return google_errors.INTERNAL()

    def name_output(self, job: BatchJob) -> str:
        """``prefix/prediction-model-2026-09-02T20:06:30.166279Z``: a moment near the job's creation (recorded)."""
        started = format_timestamp(job.progress.started_ns or job.created_ns)
        return f"{job.asked.output_uri.rstrip('/')}/{PREDICTIONS_FOLDER.value}{started}"

    def has_failed(self, result: Result) -> bool:
        """Whether its status says so."""
        return bool(result["status"])

    async def answer(self, job: BatchJob, request: bytes) -> Result:
        """See ``BatchApi``."""
        line = json.loads(request)
        asked = line.pop("request", None)
        result: Result = {**line, "status": "", "processed_time": "", "request": _sort(asked)}
        try:
            result["response"] = _sort(await self._ask(job, asked))
        except ApiError as error:
            result["status"] = format_status(error)
        result["processed_time"] = format_moment(self._backend.clock.now_ns())
        return result

    async def _ask(self, job: BatchJob, asked: Any) -> dict[str, Any]:
        version = job.api_version
        message, method = (f"{PACKAGE}.{version}.{name}" for name in ("GenerateContentRequest", "PredictionService"))
        body = json.dumps(asked if isinstance(asked, dict) else {}).encode()
        request = self._codec.parse(body, message)
        schema = self._api.schemas[version]
        speaker = self._find_speaker(job)
        caller = Caller(job.owner, job.project, "token")
        call = Call(self._api, schema, version, schema.methods[f"{method}.GenerateContent"], request, caller)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = await self._generation.generate_content(call, speaker)
            except ApiError as error:
                if error.code is not Code.UNAVAILABLE or attempt == ATTEMPTS:
                    raise
            else:
                break
        response["model_version"] = f"{response['model_version']}@default"
        return self._codec.to_json(response, f"{PACKAGE}.{version}.GenerateContentResponse")

    def _find_speaker(self, job: BatchJob) -> Speaker:
        name = job.asked.model
        if (match := PUBLISHED.fullmatch(name)) is not None:
            speaker = self._generation.find_base(match["id"], job.project)
            if speaker is None:
                raise vertex_errors.BATCH_MODEL_NOT_FOUND(model=match["id"])
            return speaker
        if ENDPOINT.fullmatch(name) is not None:
            return self._generation.find_endpoint(name)
        version = find_named_version(self._backend.store, name)
        if version is None:
            raise vertex_errors.MODEL_NOT_FOUND(name=name)
        return self._generation.find_tuned(name, version)


def format_status(error: ApiError) -> str:
    """``Bad Request: {"error": {"code": 400, …}}`` (documented)."""
    return f"{HTTPStatus(error.code.http_status).phrase}: {json.dumps(to_envelope(error), ensure_ascii=False)}"


def format_moment(time_ns: int) -> str:
    """``2025-07-09T19:57:43.558+00:00`` (documented)."""
    return datetime.fromtimestamp(time_ns // 1_000_000 / 1000, UTC).isoformat(timespec="milliseconds")


def _sort(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sort(value[name]) for name in sorted(value)}
    return [_sort(one) for one in value] if isinstance(value, list) else value
