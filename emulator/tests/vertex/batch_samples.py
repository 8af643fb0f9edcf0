"""A request for every text that batches of Vertex AI are refused with at once."""

from __future__ import annotations

from typing import Any

from tests.vertex.sample import Sample
from tests.vertex.serving import PLACE, PREDICTIONS, REQUESTS, make_batch


def batch(values: dict[str, Any] | None = None, path: str = "", place: str = "us-central1", **fields: Any) -> Sample:
    """A batch that differs from a good one in these fields; ``path`` is the field that is reported."""
    parent = f"projects/my-project/locations/{place}"
    where = f"batch_prediction_job.{path}" if path else ""
    return Sample("POST", f"{parent}/batchPredictionJobs", make_batch(**fields), "", values or {}, where)


def read_from(**config: Any) -> dict[str, Any]:
    """An ``inputConfig``."""
    return {"instancesFormat": "jsonl", "gcsSource": {"uris": [REQUESTS]}, **config}


def write_to(**config: Any) -> dict[str, Any]:
    """An ``outputConfig``."""
    return {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": PREDICTIONS}, **config}


BATCHES: dict[str, Sample] = {
    "required_field/batch_name": batch(path="display_name", displayName=""),
    "display_name_too_long/batch": batch(path="display_name", displayName="x" * 129),
    "required_field/batch_model": batch(path="model", model=None),
    "batch_source_twice": batch(path="model", unmanagedContainerModel={"artifactUri": "gs://b/model"}),
    "required_field/batch_input": batch(path="input_config", inputConfig=None),
    "required_field/batch_input_format": batch(
        path="input_config.instances_format", inputConfig=read_from(instancesFormat="")
    ),
    "required_field/batch_source": batch(path="input_config.gcs_source", inputConfig={"instancesFormat": "jsonl"}),
    "required_field/batch_uris": batch(path="input_config.gcs_source.uris", uris=[]),
    "batch_format": batch(
        {"value": "csv"}, "input_config.instances_format", inputConfig=read_from(instancesFormat="csv")
    ),
    "batch_format/output": batch(
        {"value": "csv"}, "output_config.predictions_format", outputConfig=write_to(predictionsFormat="csv")
    ),
    "batch_uri": batch({"uri": "requests.jsonl"}, "input_config.gcs_source.uris", uris=["requests.jsonl"]),
    "batch_uri/output": batch(
        {"uri": "/tmp/out"}, "output_config.gcs_destination.output_uri_prefix", output="/tmp/out"
    ),
    "required_field/batch_output": batch(path="output_config", outputConfig=None),
    "required_field/batch_output_format": batch(
        path="output_config.predictions_format", outputConfig=write_to(predictionsFormat="")
    ),
    "required_field/batch_destination": batch(
        path="output_config.gcs_destination", outputConfig={"predictionsFormat": "jsonl"}
    ),
    "required_field/batch_prefix": batch(path="output_config.gcs_destination.output_uri_prefix", output=""),
    "batch_setting": batch({"setting": "A custom service account"}, "service_account", serviceAccount="a@b.c"),
    "batch_setting/key": batch(
        {"setting": "A customer-managed encryption key"}, "encryption_spec", encryptionSpec={"kmsKeyName": "k"}
    ),
    "label_invalid/batch": batch(path="labels", labels={"A": "b"}),
    "batch_container": batch(model=None, unmanagedContainerModel={"artifactUri": "gs://b/model"}),
    "batch_not_storage": batch(
        {"field": "input_config.bigquery_source"},
        inputConfig={"instancesFormat": "bigquery", "bigquerySource": {"inputUri": "bq://p.d.t"}},
    ),
    "batch_not_storage/output": batch(
        {"field": "output_config.bigquery_destination"},
        outputConfig={"predictionsFormat": "bigquery", "bigqueryDestination": {"outputUri": "bq://p.d.t"}},
    ),
    "batch_not_storage/format": batch(
        {"field": "input_config.instances_format"}, inputConfig=read_from(instancesFormat="bigquery")
    ),
    "batch_model_not_found": batch({"model": "gemini-9"}, model="publishers/google/models/gemini-9"),
    "batch_global_tuned": batch(place="global", model="projects/my-project/locations/global/models/1"),
    "batch_model_elsewhere": batch(
        {"model": "projects/my-project/locations/us-east1/models/1", "location": "us-central1"},
        model="projects/my-project/locations/us-east1/models/1",
    ),
    "model_not_found/batch": batch({"name": f"{PLACE}/models/1"}, model=f"{PLACE}/models/1"),
    "model_name_malformed/batch": batch({"name": "$endpoint"}, model="$endpoint"),
    "batch_ended": Sample("POST", "$batch:cancel", {}, values={"state": "JOB_STATE_SUCCEEDED"}),
    "batch_not_ended": Sample("DELETE", "$waiting", values={"state": "JOB_STATE_PENDING"}),
    "job_not_found/batch": Sample("GET", f"{PLACE}/batchPredictionJobs/1", values={"kind": "BatchPredictionJob"}),
}
"""By name of the row; behind a slash, what is special where a row has several samples."""
