"""Vertex AI's methods and where HTTP finds them.

Bindings are the service's own in both versions unless a comment or ``versions`` says otherwise. Methods
of the services below that no tuning client calls are not declared: their paths are unknown here.
Sources: the discovery documents v1 and v1beta1 of 2026-11-06 and the generated REST transports of
google-cloud-aiplatform 2.7.0.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import HttpRule, Method
from tuning_emulator.vertex.versions import V1, V1BETA1

GET_OPERATION = "google.longrunning.Operations.GetOperation"
LIST_OPERATIONS = "google.longrunning.Operations.ListOperations"
CANCEL_OPERATION = "google.longrunning.Operations.CancelOperation"
DELETE_OPERATION = "google.longrunning.Operations.DeleteOperation"
WAIT_OPERATION = "google.longrunning.Operations.WaitOperation"

_EMPTY = "google.protobuf.Empty"
_OPERATION = "google.longrunning.Operation"

_LOCATION = "projects/*/locations/*"
_JOB = f"{_LOCATION}/tuningJobs/*"
_MODEL = f"{_LOCATION}/models/*"
_ENDPOINT = f"{_LOCATION}/endpoints/*"
_PUBLISHER_MODEL = f"{_LOCATION}/publishers/*/models/*"
_STORE = f"{_LOCATION}/metadataStores/*"
_CONTEXT = f"{_STORE}/contexts/*"

_TUNING: tuple[Method, ...] = (
    Method(
        "GenAiTuningService.CreateTuningJob",
        "CreateTuningJobRequest",
        "TuningJob",
        (HttpRule("POST", f"/{{parent={_LOCATION}}}/tuningJobs", "tuning_job"),),
    ),
    Method(
        "GenAiTuningService.GetTuningJob",
        "GetTuningJobRequest",
        "TuningJob",
        (HttpRule("GET", f"/{{name={_JOB}}}"),),
    ),
    Method(
        "GenAiTuningService.ListTuningJobs",
        "ListTuningJobsRequest",
        "ListTuningJobsResponse",
        (HttpRule("GET", f"/{{parent={_LOCATION}}}/tuningJobs"),),
    ),
    Method(
        "GenAiTuningService.CancelTuningJob",
        "CancelTuningJobRequest",
        _EMPTY,
        (HttpRule("POST", f"/{{name={_JOB}}}:cancel", "*"),),
    ),
    Method(
        "GenAiTuningService.RebaseTunedModel",
        "RebaseTunedModelRequest",
        _OPERATION,
        (HttpRule("POST", f"/{{parent={_LOCATION}}}/tuningJobs:rebaseTunedModel", "*"),),
    ),
    Method(
        "GenAiTuningService.OptimizePrompt",
        "OptimizePromptRequest",
        "OptimizePromptResponse",
        (HttpRule("POST", f"/{{parent={_LOCATION}}}/tuningJobs:optimizePrompt", "*"),),
        streaming=True,
        versions=V1BETA1,
    ),
    Method(
        "GenAiTuningService.ProcessData",
        "ProcessDataRequest",
        _OPERATION,
        (HttpRule("POST", f"/{{parent={_LOCATION}}}/tuningJobs:processData", "*"),),
        versions=V1BETA1,
    ),
    Method(
        "GenAiTuningService.ValidateReinforcementTuningReward",
        "ValidateReinforcementTuningRewardRequest",
        "ValidateReinforcementTuningRewardResponse",
        (HttpRule("POST", f"/{{parent={_LOCATION}}}/tuningJobs:validateReinforcementTuningReward", "*"),),
        versions=V1BETA1,
    ),
)

_MODELS: tuple[Method, ...] = (
    Method("ModelService.GetModel", "GetModelRequest", "Model", (HttpRule("GET", f"/{{name={_MODEL}}}"),)),
    Method(
        "ModelService.ListModels",
        "ListModelsRequest",
        "ListModelsResponse",
        (HttpRule("GET", f"/{{parent={_LOCATION}}}/models"),),
    ),
    Method(
        "ModelService.UpdateModel",
        "UpdateModelRequest",
        "Model",
        (HttpRule("PATCH", f"/{{model.name={_MODEL}}}", "model"),),
    ),
    Method("ModelService.DeleteModel", "DeleteModelRequest", _OPERATION, (HttpRule("DELETE", f"/{{name={_MODEL}}}"),)),
    Method(
        "ModelService.DeleteModelVersion",
        "DeleteModelVersionRequest",
        _OPERATION,
        (HttpRule("DELETE", f"/{{name={_MODEL}}}:deleteVersion"),),
    ),
    Method(
        "ModelService.ListModelVersions",
        "ListModelVersionsRequest",
        "ListModelVersionsResponse",
        (HttpRule("GET", f"/{{name={_MODEL}}}:listVersions"),),
    ),
    Method(
        "ModelService.ListModelVersionCheckpoints",
        "ListModelVersionCheckpointsRequest",
        "ListModelVersionCheckpointsResponse",
        (HttpRule("GET", f"/{{name={_MODEL}}}:listCheckpoints"),),
    ),
    Method(
        "ModelService.MergeVersionAliases",
        "MergeVersionAliasesRequest",
        "Model",
        (HttpRule("POST", f"/{{name={_MODEL}}}:mergeVersionAliases", "*"),),
    ),
)

_ENDPOINTS: tuple[Method, ...] = (
    Method(
        "EndpointService.CreateEndpoint",
        "CreateEndpointRequest",
        _OPERATION,
        (HttpRule("POST", f"/{{parent={_LOCATION}}}/endpoints", "endpoint"),),
    ),
    Method(
        "EndpointService.GetEndpoint",
        "GetEndpointRequest",
        "Endpoint",
        (HttpRule("GET", f"/{{name={_ENDPOINT}}}"),),
    ),
    Method(
        "EndpointService.ListEndpoints",
        "ListEndpointsRequest",
        "ListEndpointsResponse",
        (HttpRule("GET", f"/{{parent={_LOCATION}}}/endpoints"),),
    ),
    Method(
        "EndpointService.UpdateEndpoint",
        "UpdateEndpointRequest",
        "Endpoint",
        (HttpRule("PATCH", f"/{{endpoint.name={_ENDPOINT}}}", "endpoint"),),
    ),
    Method(
        "EndpointService.DeleteEndpoint",
        "DeleteEndpointRequest",
        _OPERATION,
        (HttpRule("DELETE", f"/{{name={_ENDPOINT}}}"),),
    ),
    Method(
        "EndpointService.DeployModel",
        "DeployModelRequest",
        _OPERATION,
        (HttpRule("POST", f"/{{endpoint={_ENDPOINT}}}:deployModel", "*"),),
    ),
    Method(
        "EndpointService.UndeployModel",
        "UndeployModelRequest",
        _OPERATION,
        (HttpRule("POST", f"/{{endpoint={_ENDPOINT}}}:undeployModel", "*"),),
    ),
)


def _on_models(field: str, verb: str) -> tuple[HttpRule, ...]:
    """Bindings of a method that endpoints and publishers' models answer, with and without a project."""
    places = (_ENDPOINT, _PUBLISHER_MODEL, "endpoints/*", "publishers/*/models/*")
    return tuple(HttpRule("POST", f"/{{{field}={place}}}:{verb}", "*") for place in places)


_PREDICTION: tuple[Method, ...] = (
    Method(
        "PredictionService.GenerateContent",
        "GenerateContentRequest",
        "GenerateContentResponse",
        _on_models("model", "generateContent"),
    ),
    Method(
        "PredictionService.StreamGenerateContent",
        "GenerateContentRequest",
        "GenerateContentResponse",
        _on_models("model", "streamGenerateContent"),
        streaming=True,
    ),
    Method(
        "PredictionService.CountTokens",
        "CountTokensRequest",
        "CountTokensResponse",
        _on_models("endpoint", "countTokens"),
        versions=V1BETA1,
    ),
    Method(
        "LlmUtilityService.CountTokens",
        "CountTokensRequest",
        "CountTokensResponse",
        _on_models("endpoint", "countTokens"),
        versions=V1,
    ),
    Method(
        "LlmUtilityService.ComputeTokens",
        "ComputeTokensRequest",
        "ComputeTokensResponse",
        _on_models("endpoint", "computeTokens"),
    ),
)

_EXPERIMENTS: tuple[Method, ...] = (
    Method("MetadataService.GetContext", "GetContextRequest", "Context", (HttpRule("GET", f"/{{name={_CONTEXT}}}"),)),
    Method(
        "MetadataService.ListContexts",
        "ListContextsRequest",
        "ListContextsResponse",
        (HttpRule("GET", f"/{{parent={_STORE}}}/contexts"),),
    ),
    Method(
        "MetadataService.DeleteContext",
        "DeleteContextRequest",
        _OPERATION,
        (HttpRule("DELETE", f"/{{name={_CONTEXT}}}"),),
    ),
    Method(
        "MetadataService.QueryContextLineageSubgraph",
        "QueryContextLineageSubgraphRequest",
        "LineageSubgraph",
        (HttpRule("GET", f"/{{context={_CONTEXT}}}:queryContextLineageSubgraph"),),
    ),
)

_PUBLISHERS: tuple[Method, ...] = (
    Method(
        "ModelGardenService.ListPublisherModels",
        "ListPublisherModelsRequest",
        "ListPublisherModelsResponse",
        (HttpRule("GET", "/{parent=publishers/*}/models"),),
        versions=V1BETA1,
    ),
    Method(
        "ModelGardenService.GetPublisherModel",
        "GetPublisherModelRequest",
        "PublisherModel",
        (HttpRule("GET", "/{name=publishers/*/models/*}"),),
    ),
)

_OPERATED = (_LOCATION, _JOB, _MODEL, _ENDPOINT, _STORE, _CONTEXT)


def _on_operations(http_verb: str, suffix: str, body: str = "") -> tuple[HttpRule, ...]:
    """Bindings of an operation's method at every place that has operations here.

    Under ``/ui/`` too: generated REST clients poll there, without an API version.
    """
    templates = [f"/{{name={place}/operations/*}}{suffix}" for place in _OPERATED]
    return tuple(
        rule
        for template in templates
        for rule in (
            HttpRule(http_verb, template, body),
            HttpRule(http_verb, f"/ui{template}", body, unversioned=True),
        )
    )


def _on_operation_lists() -> tuple[HttpRule, ...]:
    """Bindings of ``operations.list`` at every place that has operations here."""
    templates = [f"/{{name={place}}}/operations" for place in _OPERATED]
    return tuple(
        rule
        for template in templates
        for rule in (HttpRule("GET", template), HttpRule("GET", f"/ui{template}", unversioned=True))
    )


# Lenient: v1beta1's discovery document lacks operations.list under tuningJobs, its REST transport has it.
# The service takes no body with :cancel and :wait; a body "*" here lets clients send {}.
_OPERATIONS: tuple[Method, ...] = (
    Method(GET_OPERATION, "google.longrunning.GetOperationRequest", _OPERATION, _on_operations("GET", "")),
    Method(
        LIST_OPERATIONS,
        "google.longrunning.ListOperationsRequest",
        "google.longrunning.ListOperationsResponse",
        _on_operation_lists(),
    ),
    Method(
        CANCEL_OPERATION,
        "google.longrunning.CancelOperationRequest",
        _EMPTY,
        _on_operations("POST", ":cancel", "*"),
    ),
    Method(DELETE_OPERATION, "google.longrunning.DeleteOperationRequest", _EMPTY, _on_operations("DELETE", "")),
    Method(WAIT_OPERATION, "google.longrunning.WaitOperationRequest", _OPERATION, _on_operations("POST", ":wait", "*")),
)

METHODS: tuple[Method, ...] = (
    *_TUNING,
    *_MODELS,
    *_ENDPOINTS,
    *_PREDICTION,
    *_EXPERIMENTS,
    *_PUBLISHERS,
    *_OPERATIONS,
)
