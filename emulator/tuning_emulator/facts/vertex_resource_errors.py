"""What Vertex AI says about models, endpoints, operations, experiments and prompts; and what only this emulator says.

Texts about tuning jobs themselves are in ``vertex_errors``.
"""

from __future__ import annotations

from tuning_emulator.core.errors import ErrorText

_NONE = "no recording; worded after the other texts of this service"
_KCC = "github.com/GoogleCloudPlatform/k8s-config-connector pkg/test/resourcefixture/testdata/basic/vertexai"
_RULE = "the rule: aiplatform discovery document, 2026-11-06; the text: a guess"
_OWN = "not a text of the service: a limit of this emulator"
_DOC = "the rule: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference; the text: a guess"


def _bad(name: str, text: str, source: str = _NONE) -> ErrorText:
    return ErrorText(name, "INVALID_ARGUMENT", text, source, "assumed")


def _missing(name: str, text: str, source: str = _NONE) -> ErrorText:
    return ErrorText(name, "NOT_FOUND", text, source, "assumed")


def _state(name: str, text: str, source: str = _RULE) -> ErrorText:
    return ErrorText(name, "FAILED_PRECONDITION", text, source, "assumed")


# --- names and updates -------------------------------------------------------------------------------
MALFORMED_NAME = _bad("malformed_name", 'Invalid resource name "{name}"; expected {form}.')
MASK_UNKNOWN_FIELD = _bad("mask_unknown_field", "Invalid field in update mask: {path}.")
ETAG_MISMATCH = ErrorText(
    "etag_mismatch",
    "ABORTED",
    "The etag in the request does not match the etag of the resource.",
    "the code: google.aip.dev/154; the text: a guess",
    "assumed",
)

# --- locations and policies --------------------------------------------------------------------------
LOCATION_UNKNOWN = ErrorText(
    "location_unknown",
    "PERMISSION_DENIED",
    "Location {location} is not found or access is unauthorized.",
    "other services: github.com/dstackai/gpuhunt/issues/98 (TPU), "
    "github.com/crossplane-contrib/provider-upjet-gcp/issues/163 (Notebooks)",
    "assumed",
)
POLICY_VERSION_INVALID = _bad(
    "policy_version_invalid", "The policy version must be 0, 1 or 3, but is {version}.", _RULE
)
PERMISSION_INVALID = _bad("permission_invalid", "Permission {permission} is not valid for this resource.", _RULE)

# --- operations --------------------------------------------------------------------------------------
OPERATION_NOT_FOUND = _missing("operation_not_found", 'operation "{name}" not found')
REBASE_SOURCE_NOT_FOUND = _missing("rebase_source_not_found", 'tuned model "{name}" not found')
REBASE_NOT_TRAINED = _state(
    "rebase_not_trained", "The tuning job {name} has not succeeded; only its result can be rebased."
)
REBASE_SAME_ENDPOINT = ErrorText(
    "rebase_same_endpoint",
    "UNIMPLEMENTED",
    "deploy_to_same_endpoint is not supported by this emulator; deploy the new model with endpoints.deployModel.",
    _OWN,
    "assumed",
)

# --- models ------------------------------------------------------------------------------------------
MODEL_NOT_FOUND = _missing("model_not_found", 'model "{name}" not found')
CHECKPOINT_NOT_FOUND = _bad("checkpoint_not_found", 'Checkpoint "{id}" does not exist; the model has: {known}.')
MODEL_DEPLOYED = _state("model_deployed", 'The model "{name}" is deployed to an endpoint; undeploy it first.')
LAST_MODEL_VERSION = _state("last_model_version", 'The version "{name}" is the last of its model; delete the model.')
DEFAULT_MODEL_VERSION = _state(
    "default_model_version", 'The version "{name}" is the default; give the alias "default" to another version first.'
)
DEFAULT_ALIAS_REMOVED = _bad(
    "default_alias_removed", 'The alias "default" cannot be removed; give it to another version.', _RULE
)

# --- endpoints ---------------------------------------------------------------------------------------
ENDPOINT_EXISTS = ErrorText("endpoint_exists", "ALREADY_EXISTS", 'endpoint "{name}" already exists', _NONE, "assumed")
ENDPOINT_NOT_EMPTY = _state(
    "endpoint_not_empty", 'The endpoint "{name}" has deployed models; undeploy them before deleting it.'
)
DEPLOYED_MODEL_NOT_FOUND = _missing("deployed_model_not_found", 'deployed model "{id}" not found on endpoint "{name}"')
DEPLOYED_MODEL_EXISTS = ErrorText(
    "deployed_model_exists",
    "ALREADY_EXISTS",
    'deployed model "{id}" already exists on endpoint "{name}"',
    _NONE,
    "assumed",
)
ENDPOINT_ID_INVALID = _bad(
    "endpoint_id_invalid",
    "The endpoint ID must be up to 10 digits, or up to 63 lowercase letters, digits and dashes that begin with a "
    "letter and end with a letter or digit.",
    _RULE,
)
TRAFFIC_SPLIT_INVALID = _bad(
    "traffic_split_invalid",
    "Traffic split must name deployed models and add up to 100; got {{{split}}}, deployed: {known}.",
    _RULE,
)
ENDPOINT_SERVES_NOTHING = _state(
    "endpoint_serves_nothing", "Endpoint `{name}` has no deployed model to answer with.", _NONE
)

# --- experiments -------------------------------------------------------------------------------------
CONTEXT_NOT_FOUND = _missing("context_not_found", 'context "{name}" not found', f"style of {_KCC}")
METADATA_STORE_NOT_FOUND = ErrorText(
    "metadata_store_not_found", "NOT_FOUND", 'metadataStore "{name}" not found', _KCC, "recorded"
)

# --- prompts -----------------------------------------------------------------------------------------
CONTENTS_REQUIRED = _bad(
    "contents_required",
    "Unable to submit request because at least one contents field is required. "
    "Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini",
    "quoted in several public issues of client libraries; not re-found",
)
PARTS_REQUIRED = _bad(
    "parts_required",
    "Unable to submit request because it must include at least one parts field, which describes the prompt input. "
    "Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini",
    "quoted in several public issues of client libraries; not re-found",
)
INVALID_ROLE = _bad(
    "prompt_invalid_role",
    "Please use a valid role: user, model.",
    "quoted in several public issues of client libraries; not re-found",
)
LAST_TURN_IS_MODEL = _bad(
    "last_turn_is_model",
    "Please ensure that multiturn requests end with a user role or a function response.",
    "quoted in several public issues of client libraries; not re-found",
)
GENERATION_CONFIG_RANGE = _bad(
    "generation_config_range",
    "Unable to submit request because it has a {name} value of {value} but the supported range is from {low} "
    "(inclusive) to {high} (inclusive). Update the value and try again.",
    _DOC,
)
PART_NOT_TEXT = ErrorText(
    "part_not_text",
    "UNIMPLEMENTED",
    "The models of this emulator read text only; the request has a part with {kind}.",
    _OWN,
    "assumed",
)
RESPONSE_SCHEMA_UNSUPPORTED = ErrorText(
    "response_schema_unsupported",
    "UNIMPLEMENTED",
    "The models of this emulator cannot be held to a response schema.",
    _OWN,
    "assumed",
)
TRAINER_UNAVAILABLE = ErrorText(
    "trainer_unavailable", "UNAVAILABLE", "The model cannot answer now: {reason}", _OWN, "assumed"
)
PROMPT_REFUSED = ErrorText(
    "prompt_refused", "INVALID_ARGUMENT", "The model cannot answer this prompt: {reason}", _OWN, "assumed"
)
STORAGE_UNAVAILABLE = ErrorText(
    "storage_unavailable", "UNAVAILABLE", "Cloud Storage cannot be read: {reason}", _OWN, "assumed"
)

ERRORS: tuple[ErrorText, ...] = tuple(row for row in globals().values() if isinstance(row, ErrorText))
"""All rows, in this order."""
