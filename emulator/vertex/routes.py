"""Vertex AI as the front end serves it: every method and who answers it."""

from __future__ import annotations

from collections.abc import Callable

from emulator.core.calendar import Calendar
from emulator.core.clock import Clock
from emulator.core.names import Ids
from emulator.datasets.objects import ObjectStore
from emulator.protocol.call import Api, Handler
from emulator.run.answering import Answering
from emulator.run.queue import Queue
from emulator.store.store import Store
from emulator.vertex import methods
from emulator.vertex.endpoints import Endpoints
from emulator.vertex.experiments import Experiments
from emulator.vertex.generation import Generation
from emulator.vertex.hosts import HOST, is_place, keep_to_region
from emulator.vertex.models import Models
from emulator.vertex.operations import Operations
from emulator.vertex.parts import Parts
from emulator.vertex.publishers import Publishers
from emulator.vertex.schemas import SCHEMAS
from emulator.vertex.tuning_jobs import TuningJobs


def create_vertex_api(
    store: Store,
    clock: Clock,
    ids: Ids,
    queue: Queue,
    answering: Answering,
    *,
    objects: Callable[[], ObjectStore],
    calendar: Calendar | None = None,
) -> Api:
    """The API over these parts.

    Args:
        objects: Opens Cloud Storage. calendar: As of which day each project is answered; None: leniently.
    """
    handlers = list_handlers(Parts(store, clock, ids, queue, answering, objects, calendar or Calendar()))
    return Api(
        name="vertex",
        service=HOST,
        title="Vertex AI API",
        host_suffix=HOST,
        schemas=SCHEMAS,
        revision=lambda: store.revision,
        handlers={name: keep_to_region(handler) for name, handler in handlers.items()},
        keys=False,
        server="ESF",
        places=is_place,
    )


def list_handlers(parts: Parts) -> dict[str, Handler]:
    """Who answers each method."""
    operations = Operations(parts)
    jobs, models = TuningJobs(parts, operations), Models(parts, operations)
    endpoints, experiments = Endpoints(parts, operations), Experiments(parts, operations)
    generation, publishers = Generation(parts), Publishers(parts)
    return {
        "GenAiTuningService.CreateTuningJob": jobs.create_tuning_job,
        "GenAiTuningService.GetTuningJob": jobs.get_tuning_job,
        "GenAiTuningService.ListTuningJobs": jobs.list_tuning_jobs,
        "GenAiTuningService.CancelTuningJob": jobs.cancel_tuning_job,
        "GenAiTuningService.RebaseTunedModel": jobs.rebase_tuned_model,
        "ModelService.GetModel": models.get_model,
        "ModelService.ListModels": models.list_models,
        "ModelService.UpdateModel": models.update_model,
        "ModelService.DeleteModel": models.delete_model,
        "ModelService.DeleteModelVersion": models.delete_model_version,
        "ModelService.ListModelVersions": models.list_model_versions,
        "ModelService.ListModelVersionCheckpoints": models.list_model_version_checkpoints,
        "ModelService.MergeVersionAliases": models.merge_version_aliases,
        "EndpointService.CreateEndpoint": endpoints.create_endpoint,
        "EndpointService.GetEndpoint": endpoints.get_endpoint,
        "EndpointService.ListEndpoints": endpoints.list_endpoints,
        "EndpointService.UpdateEndpoint": endpoints.update_endpoint,
        "EndpointService.DeleteEndpoint": endpoints.delete_endpoint,
        "EndpointService.DeployModel": endpoints.deploy_model,
        "EndpointService.UndeployModel": endpoints.undeploy_model,
        "PredictionService.GenerateContent": generation.generate_content,
        "PredictionService.StreamGenerateContent": generation.stream_generate_content,
        "PredictionService.CountTokens": generation.count_tokens,
        "LlmUtilityService.CountTokens": generation.count_tokens,
        "LlmUtilityService.ComputeTokens": generation.compute_tokens,
        "MetadataService.GetContext": experiments.get_context,
        "MetadataService.ListContexts": experiments.list_contexts,
        "MetadataService.DeleteContext": experiments.delete_context,
        "MetadataService.QueryContextLineageSubgraph": experiments.query_context_lineage_subgraph,
        "ModelGardenService.ListPublisherModels": publishers.list_publisher_models,
        "ModelGardenService.GetPublisherModel": publishers.get_publisher_model,
        methods.GET_OPERATION: operations.get_operation,
        methods.LIST_OPERATIONS: operations.list_operations,
        methods.CANCEL_OPERATION: operations.cancel_operation,
        methods.DELETE_OPERATION: operations.delete_operation,
        methods.WAIT_OPERATION: operations.wait_operation,
    }
