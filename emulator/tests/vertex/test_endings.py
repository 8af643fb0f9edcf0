"""The texts of Vertex AI that jobs end with."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.vertex.serving import TRAINING, Serving
from tuning_emulator.core.errors import ErrorRow
from tuning_emulator.facts import vertex_errors
from tuning_emulator.testing.storage_server import StorageServer


@pytest.fixture
def locked_storage_url() -> Iterator[str]:
    """A Cloud Storage that lets nobody read, as a bucket does for an account without a role."""

    class Locked(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Locked) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def end(serving: Serving, name: str) -> dict[str, Any]:
    """What a job of a queue that now starts ends with."""
    await serving.queue.start()
    ended = await serving.finish(name)
    job = await serving.get(name)
    await serving.queue.stop()
    assert ended.progress.error is not None
    return {"error": job["error"], "state": job["state"]}


def format_ending(row: ErrorRow, state: str, **values: object) -> dict[str, Any]:
    """The end that a row stands for."""
    return {"error": {"code": row.code.value, "message": row.format(**values)}, "state": f"JOB_STATE_{state}"}


async def test_a_job_that_is_cancelled_ends_with_its_text(waiting: Serving) -> None:
    """``job_cancelled``: code 1, also before the job ran."""
    job = await waiting.create()
    await waiting.post(f"{job['name']}:cancel")
    assert await end(waiting, job["name"]) == format_ending(vertex_errors.JOB_CANCELLED, "CANCELLED")


async def test_a_job_of_more_steps_than_can_be_counted_fails(waiting: Serving) -> None:
    """``job_too_long``: 15 examples, batches of 4, as many epochs as an int64 takes."""
    job = await waiting.create(spec={"hyperParameters": {"epochCount": str(2**63 - 1)}})
    steps = -(-15 * (2**63 - 1) // 4)
    expected = format_ending(vertex_errors.JOB_TOO_LONG, "FAILED", steps=steps, maximum=2**31 - 1)
    assert await end(waiting, job["name"]) == expected


async def test_a_dataset_that_is_gone_ends_its_job(waiting: Serving) -> None:
    """``dataset_not_found``: it was there when the job was created."""
    job = await waiting.create()
    with StorageServer() as empty:
        waiting.app.settings = replace(waiting.app.settings, storage=empty.base_url)
        expected = format_ending(vertex_errors.DATASET_NOT_FOUND, "FAILED", uri=TRAINING)
        assert await end(waiting, job["name"]) == expected


async def test_a_dataset_that_may_not_be_read_ends_its_job(locked_storage_url: str) -> None:
    """``dataset_access_denied``: create lets it pass, the job finds out (reported)."""
    serving = Serving(locked_storage_url)
    job = await serving.create()
    number = str(job["name"]).split("/")[1]
    account = f"service-{number}@gcp-sa-vertex-tune.iam.gserviceaccount.com"
    expected = format_ending(vertex_errors.DATASET_ACCESS_DENIED, "FAILED", service_account=account)
    assert await end(serving, job["name"]) == expected
    await serving.stop()
