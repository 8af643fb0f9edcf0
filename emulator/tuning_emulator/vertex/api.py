"""Vertex AI as the front end serves it: every method and who answers it."""

from __future__ import annotations

import re

from tuning_emulator.api.call import Api, Call, Handler
from tuning_emulator.api.exchange import PageError
from tuning_emulator.facts import vertex_errors
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.caching import Caches
from tuning_emulator.schema.proto import load_schemas
from tuning_emulator.vertex.batches import BatchPredictionJobs
from tuning_emulator.vertex.cached_contents import CachedContents
from tuning_emulator.vertex.chat import ChatCompletions
from tuning_emulator.vertex.convert import PACKAGE
from tuning_emulator.vertex.copies import Copies
from tuning_emulator.vertex.endpoints import Endpoints
from tuning_emulator.vertex.experiments import Experiments
from tuning_emulator.vertex.generation import Generation
from tuning_emulator.vertex.hints import Hints
from tuning_emulator.vertex.mixins import LOCATIONS, Locations, Policies
from tuning_emulator.vertex.models import Models, Publishers
from tuning_emulator.vertex.operations import Operations
from tuning_emulator.vertex.rewards import validate_reward
from tuning_emulator.vertex.tensorboards import Tensorboards
from tuning_emulator.vertex.tuning_jobs import TuningJobs

SCHEMAS = load_schemas(PACKAGE)
"""By version: ``v1``, ``v1beta1``."""

# --- Vertex AI's hosts

HOST = "aiplatform.googleapis.com"

_HOST = re.compile(
    r"(?:(?P<region>[a-z]+-[a-z]+\d+)-)?aiplatform\.googleapis\.com|aiplatform\.(?P<multi>us|eu)\.rep\.googleapis\.com"
)
_LOCATION = re.compile(r"projects/[^/]+/locations/([^/]+)")
_REP = ".rep.googleapis.com"
_ABOUT_LOCATIONS = "google.cloud.location."
_NAMED = (
    "parent",
    "name",
    "model",
    "endpoint",
    "context",
    "resource",
    "cached_content",
    "tensorboard",
    "tensorboard_time_series",
)
"""Request fields that hold the name that a call is about, or the resource that has it."""


EXPRESS = re.compile(
    r"/v\d\w*/(?:publishers/google/models|projects/[^/]+/locations/[^/]+/endpoints)/[^/:]+"
    r":(?:generateContent|streamGenerateContent|countTokens)"
)
"""Express mode: a key of its own asks base models, without a project. A tuned model's endpoint is not found so.

Sources: cloud.google.com/vertex-ai/generative-ai/docs/start/express-mode (the key);
github.com/googleapis/python-genai/issues/1706 (the endpoint).
"""


def has_host(host: str) -> bool:
    """Whether the service has such a host. Recorded: an unknown region's host answers the HTML page for 404."""
    return _HOST.fullmatch(host) is not None


def check_place(call: Call) -> None:
    """Whether what a call is about is in a location that exists, and that the host serves.

    Raises:
        ApiError: INVALID_ARGUMENT, a regional host is asked for another location.
        PageError: 404, there is no such location: the router knows none (recorded for inference; for the rest assumed).
    """
    match = _HOST.fullmatch(call.host) if call.host.endswith(HOST) or call.host.endswith(_REP) else None
    served = (match["region"] or match["multi"]) if match else None
    asked = find_location(call)
    if served and asked and served != asked:
        raise vertex_errors.LOCATION_MISMATCH(location=served)
    if asked and asked not in LOCATIONS and not call.method.name.startswith(_ABOUT_LOCATIONS):
        from difflib import get_close_matches  # only for this hint

        near = get_close_matches(asked, LOCATIONS, 1)
        call.notes.append(f"no location is called {asked}" + (f"; did you mean {near[0]}?" if near else ""))
        raise PageError(404)


def find_location(call: Call) -> str:
    """The location that a call is about, or ""."""
    for field in _NAMED:
        value = call.request.get(field)
        name = value.get("name") if isinstance(value, dict) else value
        found = _LOCATION.match(name) if isinstance(name, str) else None
        if found:
            return found[1]
    return ""


def create_vertex_api(backend: Backend) -> Api:
    """The API over these parts."""
    return Api(
        name="vertex",
        service=HOST,
        title="Vertex AI API",
        host_suffix=HOST,
        schemas=SCHEMAS,
        revision=backend.store.revision,
        handlers=list_handlers(backend),
        keys=False,
        server="ESF",
        has_host=has_host,
        check_place=check_place,
        hints=Hints(backend),
        express=EXPRESS,
    )


def list_handlers(backend: Backend) -> dict[str, Handler]:
    """Who answers each method."""
    operations = Operations(backend)
    jobs, models = TuningJobs(backend, operations), Models(backend, operations)
    endpoints, experiments = Endpoints(backend, operations), Experiments(backend, operations)
    boards, copies = Tensorboards(backend, operations), Copies(backend, operations)
    caches = Caches(backend, PACKAGE)
    generation, publishers = Generation(backend, caches), Publishers(backend)
    cached_contents = CachedContents(backend, caches, generation)
    batches = BatchPredictionJobs(backend, operations, generation)
    locations = Locations()
    policies = Policies({"models": models.get_model, "endpoints": endpoints.get_endpoint})
    return {
        "GenAiTuningService.CreateTuningJob": jobs.create_tuning_job,
        "GenAiTuningService.GetTuningJob": jobs.get_tuning_job,
        "GenAiTuningService.ListTuningJobs": jobs.list_tuning_jobs,
        "GenAiTuningService.CancelTuningJob": jobs.cancel_tuning_job,
        "GenAiTuningService.RebaseTunedModel": jobs.rebase_tuned_model,
        "GenAiTuningService.ValidateReinforcementTuningReward": validate_reward,
        "JobService.CreateBatchPredictionJob": batches.create_batch_prediction_job,
        "JobService.GetBatchPredictionJob": batches.get_batch_prediction_job,
        "JobService.ListBatchPredictionJobs": batches.list_batch_prediction_jobs,
        "JobService.CancelBatchPredictionJob": batches.cancel_batch_prediction_job,
        "JobService.DeleteBatchPredictionJob": batches.delete_batch_prediction_job,
        "ModelService.GetModel": models.get_model,
        "ModelService.ListModels": models.list_models,
        "ModelService.UpdateModel": models.update_model,
        "ModelService.DeleteModel": models.delete_model,
        "ModelService.DeleteModelVersion": models.delete_model_version,
        "ModelService.ListModelVersions": models.list_model_versions,
        "ModelService.ListModelVersionCheckpoints": models.list_model_version_checkpoints,
        "ModelService.MergeVersionAliases": models.merge_version_aliases,
        "ModelService.ExportModel": copies.export_model,
        "ModelService.CopyModel": copies.copy_model,
        "EndpointService.CreateEndpoint": endpoints.create_endpoint,
        "EndpointService.GetEndpoint": endpoints.get_endpoint,
        "EndpointService.ListEndpoints": endpoints.list_endpoints,
        "EndpointService.UpdateEndpoint": endpoints.update_endpoint,
        "EndpointService.UpdateEndpointLongRunning": endpoints.update_endpoint_long_running,
        "EndpointService.DeleteEndpoint": endpoints.delete_endpoint,
        "EndpointService.DeployModel": endpoints.deploy_model,
        "EndpointService.UndeployModel": endpoints.undeploy_model,
        "PredictionService.Predict": generation.predict,
        "PredictionService.RawPredict": generation.predict,
        "PredictionService.StreamRawPredict": generation.stream_raw_predict,
        "PredictionService.GenerateContent": generation.generate_content,
        "PredictionService.StreamGenerateContent": generation.stream_generate_content,
        "PredictionService.ChatCompletions": ChatCompletions(backend, generation).chat_completions,
        "PredictionService.CountTokens": generation.count_tokens,
        "LlmUtilityService.CountTokens": generation.count_tokens,
        "LlmUtilityService.ComputeTokens": generation.compute_tokens,
        "MetadataService.GetMetadataStore": experiments.get_metadata_store,
        "MetadataService.ListMetadataStores": experiments.list_metadata_stores,
        "GenAiCacheService.CreateCachedContent": cached_contents.create_cached_content,
        "GenAiCacheService.GetCachedContent": cached_contents.get_cached_content,
        "GenAiCacheService.ListCachedContents": cached_contents.list_cached_contents,
        "GenAiCacheService.UpdateCachedContent": cached_contents.update_cached_content,
        "GenAiCacheService.DeleteCachedContent": cached_contents.delete_cached_content,
        "MetadataService.GetContext": experiments.get_context,
        "MetadataService.ListContexts": experiments.list_contexts,
        "MetadataService.DeleteContext": experiments.delete_context,
        "MetadataService.GetExecution": experiments.get_execution,
        "MetadataService.ListExecutions": experiments.list_executions,
        "MetadataService.GetArtifact": experiments.get_artifact,
        "MetadataService.ListArtifacts": experiments.list_artifacts,
        "MetadataService.DeleteArtifact": experiments.delete_artifact,
        "MetadataService.QueryContextLineageSubgraph": experiments.query_context_lineage_subgraph,
        "TensorboardService.GetTensorboard": boards.get_tensorboard,
        "TensorboardService.ListTensorboards": boards.list_tensorboards,
        "TensorboardService.DeleteTensorboard": boards.delete_tensorboard,
        "TensorboardService.GetTensorboardExperiment": boards.get_tensorboard_experiment,
        "TensorboardService.ListTensorboardExperiments": boards.list_tensorboard_experiments,
        "TensorboardService.DeleteTensorboardExperiment": boards.delete_tensorboard_experiment,
        "TensorboardService.GetTensorboardRun": boards.get_tensorboard_run,
        "TensorboardService.ListTensorboardRuns": boards.list_tensorboard_runs,
        "TensorboardService.DeleteTensorboardRun": boards.delete_tensorboard_run,
        "TensorboardService.GetTensorboardTimeSeries": boards.get_tensorboard_time_series,
        "TensorboardService.ListTensorboardTimeSeries": boards.list_tensorboard_time_series,
        "TensorboardService.ReadTensorboardTimeSeriesData": boards.read_tensorboard_time_series_data,
        "TensorboardService.BatchReadTensorboardTimeSeriesData": boards.batch_read_tensorboard_time_series_data,
        "TensorboardService.ExportTensorboardTimeSeriesData": boards.export_tensorboard_time_series_data,
        "ModelGardenService.ListPublisherModels": publishers.list_publisher_models,
        "ModelGardenService.GetPublisherModel": publishers.get_publisher_model,
        "google.cloud.location.Locations.ListLocations": locations.list_locations,
        "google.cloud.location.Locations.GetLocation": locations.get_location,
        "google.iam.v1.IAMPolicy.GetIamPolicy": policies.get_iam_policy,
        "google.iam.v1.IAMPolicy.TestIamPermissions": policies.test_iam_permissions,
        "google.longrunning.Operations.GetOperation": operations.get_operation,
        "google.longrunning.Operations.ListOperations": operations.list_operations,
        "google.longrunning.Operations.CancelOperation": operations.cancel_operation,
        "google.longrunning.Operations.DeleteOperation": operations.delete_operation,
        "google.longrunning.Operations.WaitOperation": operations.wait_operation,
    }
