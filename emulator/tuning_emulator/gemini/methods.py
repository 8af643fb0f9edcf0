"""The Gemini API's methods and where HTTP finds them.

Bindings without a comment are the service's own in v1beta (and v1alpha); those marked *lenient* exist
here alone, or are older than the newest documents, because official clients use them.
Sources: https://github.com/googleapis/googleapis google/ai/generativelanguage (protos and
generativelanguage_*.yaml), the generated REST transports of google-ai-generativelanguage 0.12.1.
"""

from __future__ import annotations

from tuning_emulator.schema.schema import HttpRule, Method

GET_OPERATION = "google.longrunning.Operations.GetOperation"
LIST_OPERATIONS = "google.longrunning.Operations.ListOperations"
CANCEL_OPERATION = "google.longrunning.Operations.CancelOperation"
DELETE_OPERATION = "google.longrunning.Operations.DeleteOperation"
WAIT_OPERATION = "google.longrunning.Operations.WaitOperation"

_EMPTY = "google.protobuf.Empty"
_OPERATION = "google.longrunning.Operation"

# Lenient: v1 has none of these but GetModel and ListModels, yet google-genai 3.4 sends them all to v1.
_MODELS: tuple[Method, ...] = (
    Method("ModelService.GetModel", "GetModelRequest", "Model", (HttpRule("GET", "/{name=models/*}"),)),
    Method("ModelService.ListModels", "ListModelsRequest", "ListModelsResponse", (HttpRule("GET", "/models"),)),
    Method(
        "ModelService.GetTunedModel",
        "GetTunedModelRequest",
        "TunedModel",
        (HttpRule("GET", "/{name=tunedModels/*}"),),
    ),
    Method(
        "ModelService.ListTunedModels",
        "ListTunedModelsRequest",
        "ListTunedModelsResponse",
        (HttpRule("GET", "/tunedModels"),),
    ),
    Method(
        "ModelService.CreateTunedModel",
        "CreateTunedModelRequest",
        _OPERATION,
        (HttpRule("POST", "/tunedModels", "tuned_model"),),
    ),
    Method(
        "ModelService.UpdateTunedModel",
        "UpdateTunedModelRequest",
        "TunedModel",
        (HttpRule("PATCH", "/{tuned_model.name=tunedModels/*}", "tuned_model"),),
    ),
    Method(
        "ModelService.DeleteTunedModel",
        "DeleteTunedModelRequest",
        _EMPTY,
        (HttpRule("DELETE", "/{name=tunedModels/*}"),),
    ),
)

# Lenient: v1 has no permissions. The bindings of corpora are left out: there are no corpora here.
_PERMISSIONS: tuple[Method, ...] = (
    Method(
        "PermissionService.CreatePermission",
        "CreatePermissionRequest",
        "Permission",
        (HttpRule("POST", "/{parent=tunedModels/*}/permissions", "permission"),),
    ),
    Method(
        "PermissionService.GetPermission",
        "GetPermissionRequest",
        "Permission",
        (HttpRule("GET", "/{name=tunedModels/*/permissions/*}"),),
    ),
    Method(
        "PermissionService.ListPermissions",
        "ListPermissionsRequest",
        "ListPermissionsResponse",
        (HttpRule("GET", "/{parent=tunedModels/*}/permissions"),),
    ),
    Method(
        "PermissionService.UpdatePermission",
        "UpdatePermissionRequest",
        "Permission",
        (HttpRule("PATCH", "/{permission.name=tunedModels/*/permissions/*}", "permission"),),
    ),
    Method(
        "PermissionService.DeletePermission",
        "DeletePermissionRequest",
        _EMPTY,
        (HttpRule("DELETE", "/{name=tunedModels/*/permissions/*}"),),
    ),
    Method(
        "PermissionService.TransferOwnership",
        "TransferOwnershipRequest",
        "TransferOwnershipResponse",
        (HttpRule("POST", "/{name=tunedModels/*}:transferOwnership", "*"),),
    ),
)

_GENERATION: tuple[Method, ...] = (
    Method(
        "GenerativeService.GenerateContent",
        "GenerateContentRequest",
        "GenerateContentResponse",
        (
            HttpRule("POST", "/{model=models/*}:generateContent", "*"),
            HttpRule("POST", "/{model=tunedModels/*}:generateContent", "*"),
        ),
    ),
    Method(
        "GenerativeService.StreamGenerateContent",
        "GenerateContentRequest",
        "GenerateContentResponse",
        (
            HttpRule("POST", "/{model=models/*}:streamGenerateContent", "*"),
            HttpRule("POST", "/{model=tunedModels/*}:streamGenerateContent", "*"),
        ),
        streaming=True,
    ),
    Method(
        "GenerativeService.CountTokens",
        "CountTokensRequest",
        "CountTokensResponse",
        (
            HttpRule("POST", "/{model=models/*}:countTokens", "*"),
            # Lenient: no version binds it to tuned models, yet google-genai and the fetch clients call it.
            HttpRule("POST", "/{model=tunedModels/*}:countTokens", "*"),
        ),
    ),
    # Lenient: v1beta alone has it.
    Method(
        "TextService.GenerateText",
        "GenerateTextRequest",
        "GenerateTextResponse",
        (
            HttpRule("POST", "/{model=models/*}:generateText", "*"),
            HttpRule("POST", "/{model=tunedModels/*}:generateText", "*"),
        ),
    ),
)

_OPERATIONS: tuple[Method, ...] = (
    Method(
        GET_OPERATION,
        "google.longrunning.GetOperationRequest",
        _OPERATION,
        (HttpRule("GET", "/{name=tunedModels/*/operations/*}"),),
    ),
    Method(
        LIST_OPERATIONS,
        "google.longrunning.ListOperationsRequest",
        "google.longrunning.ListOperationsResponse",
        (
            HttpRule("GET", "/{name=tunedModels/*}/operations"),
            HttpRule("GET", "/{name=operations}"),  # v1 alone; lenient elsewhere
        ),
    ),
    Method(
        CANCEL_OPERATION,
        "google.longrunning.CancelOperationRequest",
        _EMPTY,
        (HttpRule("POST", "/{name=tunedModels/*/operations/*}:cancel", "*"),),  # v1 alone; lenient elsewhere
    ),
    Method(
        DELETE_OPERATION,
        "google.longrunning.DeleteOperationRequest",
        _EMPTY,
        (HttpRule("DELETE", "/{name=operations/**}"),),  # v1 alone; lenient elsewhere
    ),
    # gRPC alone: no version binds it to a path.
    Method(WAIT_OPERATION, "google.longrunning.WaitOperationRequest", _OPERATION, ()),
)

METHODS: tuple[Method, ...] = (*_MODELS, *_PERMISSIONS, *_GENERATION, *_OPERATIONS)
"""All methods; every version has them all."""
