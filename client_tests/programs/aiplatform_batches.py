"""google-cloud-aiplatform's batches. Arguments: ``rest`` or ``grpc``, and where a bucket holds the requests."""

from __future__ import annotations

import sys

import vertexai
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform
from story import HOST, LOCATION, PROJECT, URL, poll, tell
from vertexai.batch_prediction import BatchPredictionJob

TRANSPORT, BUCKET = sys.argv[1:]
MODEL = "gemini-2.5-flash"
REST = TRANSPORT == "rest"
vertexai.init(
    project=PROJECT,
    location=LOCATION,
    api_endpoint=URL if REST else f"localhost:{HOST.rpartition(':')[2]}",
    api_transport=TRANSPORT,
    credentials=AnonymousCredentials(),
)


def look(job: BatchPredictionJob) -> tuple[str, bool]:
    """Where a job is now."""
    job.refresh()
    return job.state.name, job.has_ended


def main() -> None:
    """Both ways to a batch: the generative module's, and that of the jobs of all models."""
    job = BatchPredictionJob.submit(
        source_model=MODEL, input_dataset=f"{BUCKET}/requests.jsonl", output_uri_prefix=f"{BUCKET}/submitted"
    )
    tell("submit", job.resource_name)
    tell("poll", poll(lambda: look(job)))
    tell("output", job.output_location)
    tell("list", [one.resource_name for one in BatchPredictionJob.list()] == [job.resource_name])
    made = aiplatform.BatchPredictionJob.create(
        job_display_name="created",
        model_name=f"publishers/google/models/{MODEL}",
        instances_format="jsonl",
        predictions_format="jsonl",
        gcs_source=f"{BUCKET}/requests.jsonl",
        gcs_destination_prefix=f"{BUCKET}/created",
        sync=False,
    )
    made.wait_for_resource_creation()
    tell("create", made.resource_name)
    found = aiplatform.BatchPredictionJob.list(filter='display_name="created"')
    tell("filter", [one.resource_name for one in found] == [made.resource_name])
    made.wait_for_completion()
    tell("stats", made.completion_stats.successful_count)
    try:
        made.cancel()
    except exceptions.BadRequest as error:
        tell("cancel", error.code)
    made.delete()
    job.delete()
    tell("delete", aiplatform.BatchPredictionJob.list() == [])


main()
