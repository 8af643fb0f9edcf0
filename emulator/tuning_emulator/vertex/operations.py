"""Long-running operations. Most are done when they are answered; a rebase follows the job that it started.

Types in an operation are those of the API version it was created through: generated clients insist on it.
"""

from __future__ import annotations

from contextlib import suppress

from tuning_emulator.api.call import Call
from tuning_emulator.core.lifecycle import ENDED, IllegalTransitionError
from tuning_emulator.core.records import JobState, Operation, TuningJob
from tuning_emulator.facts import vertex_errors
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.pacing import count_shown
from tuning_emulator.schema.schema import Value
from tuning_emulator.vertex.convert import PACKAGE, Place, describe_job, format_failure, parse_any_name
from tuning_emulator.vertex.listing import list_all

EMPTY = "google.protobuf.Empty"
UNPUBLISHED = frozenset(("tuning_job_metadata", "tuning_job_state"))
"""Fields of a job that published protos lack. Generated REST clients read an operation's response strictly (unlike
other answers) and fail on them: google-cloud-aiplatform 2.7.0, ``operations_v1`` of google-api-core."""

WAIT_S = 60.0
"""How long ``wait`` waits when the request names no timeout. Assumed; "the connection's deadline" is documented."""

MAX_WAIT_S = 600.0
"""How long it waits at most: the deadline of the generated clients."""


class Operations:
    """``google.longrunning.Operations`` at every place of this API."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    # ------------------------------------------------------------ for the other services

    def finish(
        self,
        call: Call,
        place: Place,
        parent: str,
        metadata_type: str,
        response_type: str = EMPTY,
        response: Value | None = None,
        shown_done: bool = True,
        metadata: Value | None = None,
    ) -> Value:
        """Stores an operation that is done and answers it.

        Args:
            parent: Resource that the operation's name begins with.
            shown_done: Deletions answer a finished operation; creating, deploying and undeploying answer one that
                still runs, finished when it is next asked for (recorded for endpoints).
            metadata: What the operation's metadata say beside the times.
        """
        now_ns = self._backend.clock.timestamp_ns()
        operation = Operation(
            name=f"{parent}/operations/{self._backend.ids.number()}",
            project=place.project,
            location=place.location,
            api_version=call.version,
            metadata_type=metadata_type,
            response_type=response_type,
            created_ns=now_ns,
            updated_ns=now_ns,
            done=True,
            response=response or {},
            metadata=metadata or {},
        )
        self._backend.store.put_operation(operation)
        value = self._format(operation)
        return value if shown_done else {name: value[name] for name in ("name", "metadata")}

    def follow(self, call: Call, job: TuningJob, metadata_type: str) -> Value:
        """Stores an operation that ends with a job and answers it."""
        operation = Operation(
            name=f"projects/{job.project}/locations/{job.location}/tuningJobs/{job.id}/operations/"
            + self._backend.ids.number(),
            project=job.project,
            location=job.location,
            api_version=call.version,
            metadata_type=metadata_type,
            response_type="TuningJob",
            created_ns=job.created_ns,
            updated_ns=job.created_ns,
            done=False,
            job_uid=job.uid,
        )
        self._backend.store.put_operation(operation)
        return self._format(operation)

    # ------------------------------------------------------------ methods

    async def get_operation(self, call: Call) -> Value:
        """As it stands now."""
        operation, pacing = self._require(call), self._backend.queue.pacing
        if operation.job_uid is None:
            return self._format(operation)
        if pacing.is_moved_by_reads(operation.job_uid):
            await pacing.settle([operation.job_uid])
        value = self._format(operation)
        count_shown(call, pacing, operation.job_uid)
        return value

    def list_operations(self, call: Call) -> Value:
        """Operations of a resource, newest first."""
        place, name = parse_any_name(call.request["name"])
        found = self._backend.store.list_operations_newest_first(place.project, place.location)
        found = [one for one in found if one.name.startswith(f"{name}/")]
        values = [self._format(one) for one in found]
        for one in found:
            count_shown(call, self._backend.queue.pacing, one.job_uid or 0)
        return list_all(call, values, "operations")

    def cancel_operation(self, call: Call) -> Value:
        """Asks the job of an operation to stop; an operation that is done stays as it is."""
        operation = self._require(call)
        if operation.job_uid is not None:
            with suppress(IllegalTransitionError, KeyError):  # best effort: it may have ended
                self._backend.queue.cancel(operation.job_uid)
        return {}

    def delete_operation(self, call: Call) -> Value:
        """Forgets an operation; what it does goes on."""
        self._backend.store.delete_operation(self._require(call).name)
        return {}

    async def wait_operation(self, call: Call) -> Value:
        """As it stands when it is done or the time is up."""
        operation = self._require(call)
        if operation.job_uid is not None:
            count_shown(call, self._backend.queue.pacing, operation.job_uid)
            timeout_s = call.request.get("timeout", WAIT_S * 1e9) / 1e9
            await self._backend.queue.wait_until_ended(operation.job_uid, min(max(timeout_s, 0.0), MAX_WAIT_S))
        return self._format(operation)

    # ------------------------------------------------------------ inside

    def _require(self, call: Call) -> Operation:
        parent, _, identifier = str(call.request["name"]).rpartition("/operations/")
        _, name = parse_any_name(parent)
        operation = self._backend.store.get_operation(f"{name}/operations/{identifier}")
        if operation is None:
            raise vertex_errors.OPERATION_NOT_FOUND(name=f"{name}/operations/{identifier}")
        return operation

    def _format(self, operation: Operation) -> Value:
        job = self._backend.store.get_job_by_uid(operation.job_uid) if operation.job_uid is not None else None
        times = {
            "create_time": operation.created_ns,
            "update_time": job.progress.updated_ns if job else operation.updated_ns,
        }
        value: Value = {
            "name": operation.name,
            "metadata": {
                "@type": _type_url(operation, operation.metadata_type),
                "generic_metadata": times,
                **operation.metadata,
            },
        }
        if job is not None and job.progress.state not in ENDED:
            return value
        value["done"] = True
        failure = operation.error or (job.progress.error if job else None)
        if failure is not None:
            value["error"] = format_failure(failure)
            return value
        response = dict(operation.response)
        if job is not None and job.progress.state is JobState.SUCCEEDED:
            described = describe_job(self._backend.store, job)
            response = {name: value for name, value in described.items() if name not in UNPUBLISHED}
        value["response"] = {"@type": _type_url(operation, operation.response_type), **response}
        return value


def _type_url(operation: Operation, name: str) -> str:
    full = name if name.startswith("google.") else f"{PACKAGE}.{operation.api_version}.{name}"
    return f"type.googleapis.com/{full}"
