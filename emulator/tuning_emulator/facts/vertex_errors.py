"""What Vertex AI says: tuning jobs, models, endpoints, operations, experiments, prompts, quotas.

Texts about datasets are in ``dataset_errors``, about credentials and projects in ``google_errors``.
"""

from __future__ import annotations

from tuning_emulator.core.errors import Code, ErrorText, Grade, name_rows

_ISSUE_2081 = "github.com/GoogleCloudPlatform/generative-ai/issues/2081 (2025-05-24)"
_ISSUE_908 = "github.com/googleapis/python-genai/issues/908 (2025-06-27)"
_PATTERN = "no recording; style of github.com/GoogleCloudPlatform/generative-ai/issues/2081"
_RULE = "the rule: aiplatform v1 discovery document of 2026-11-06, TuningJob; the text: a guess"
_DEBUGGING = "quoted in three files of a public repository's debugging notes (periospot-mvp), 2025; a final . may lack"
_KCC = "github.com/GoogleCloudPlatform/k8s-config-connector pkg/test/resourcefixture/testdata/basic/vertexai"
_NONE = "no recording; worded after the other texts of this service"
_RESOURCE_RULE = "the rule: aiplatform discovery document, 2026-11-06; the text: a guess"
_DOC = "the rule: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference; the text: a guess"
_CLIENTS = "quoted in several public issues of client libraries; not re-found"
_LEARN_MORE = "Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"


def _bad(text: str, source: str = _NONE, grade: Grade = "assumed") -> ErrorText:
    return ErrorText(Code.INVALID_ARGUMENT, text, source, grade)


def _missing(text: str, source: str = _NONE, grade: Grade = "assumed") -> ErrorText:
    return ErrorText(Code.NOT_FOUND, text, source, grade)


def _state(text: str, source: str = _RESOURCE_RULE) -> ErrorText:
    return ErrorText(Code.FAILED_PRECONDITION, text, source, "assumed")


# --- violations of a field, printed together -----------------------------------------------------------
VIOLATIONS = _bad("List of found errors:{violations}\t", _ISSUE_2081, "recorded")
VIOLATION = _bad("\t{number}.Field: {field}; Message: {text}", _ISSUE_2081, "recorded")
NOT_JSONL_OBJECT = _bad("{field} should be a GCS object of type JSONL.", _ISSUE_2081, "recorded")
"""Recorded for URIs that were not shown and, by a second report, for a local path."""
REQUIRED_FIELD = _bad("Required field is not set.", "Vertex AI's validator on other services; not re-found for tuning")
HYPERPARAMETER_NOT_POSITIVE = _bad("{name} must be positive, but is {value}.", _PATTERN)
DISPLAY_NAME_TOO_LONG = _bad("The display name must be at most 128 characters long.", _RULE)
LABEL_INVALID = _bad(
    "Label keys and values must be at most 64 characters long and may only contain lowercase letters, numeric "
    "characters, underscores and dashes.",
    _RULE,
)

# --- what a job may ask for, refused alone -------------------------------------------------------------
ADAPTER_SIZE_NOT_SUPPORTED = _bad("The adapter size is not supported for this base model.", _ISSUE_908, "recorded")
BASE_MODEL_NOT_SUPPORTED = _bad("Base model {base_model} is not supported", _DEBUGGING, "documented")
REGION_NOT_SUPPORTED = _bad(
    "Base model {base_model} cannot be tuned in {location}. The supported regions are: {regions}.",
    "the rule: docs.cloud.google.com …/models/tuning/supervised-tuning (2026-09-25); the text: a guess",
)
LOCATION_MISMATCH = _bad(
    "The provided location ID doesn't match the endpoint. The valid location ID is `{location}`.",
    "the text: github.com/kubeflow/pipelines/pull/6011 (pipelines); that tuning jobs answer INVALID_ARGUMENT for a "
    "location mismatch: github.com/googleapis/python-genai/issues/810",
    "recorded",
)
"""A regional host asked for another region: ``us-central1-aiplatform.googleapis.com`` for ``europe-west4``."""
PRE_TUNED_MODEL_NOT_FOUND = _missing('model "{name}" not found', f"style of {_KCC}")

# --- a job that is there or not ------------------------------------------------------------------------
TUNING_JOB_NOT_FOUND = _missing(
    "The TuningJob does not exist.", f"no recording; style of 'The Featurestore does not exist.' ({_KCC})", "assumed"
)
JOB_ENDED = _state("The tuning job cannot be cancelled: its state is {state}.", _NONE)

# --- what a job ends with ------------------------------------------------------------------------------
JOB_TOO_LONG = _bad("Tuning would take {steps} steps, more than the maximum of {maximum}.", "no recording")
JOB_CANCELLED = ErrorText(
    Code.CANCELLED,
    "The tuning job has been cancelled.",
    "the code: docs.cloud.google.com …/reference/models/tuning; the text: a guess",
    "assumed",
)
DATASET_ACCESS_DENIED = ErrorText(
    Code.PERMISSION_DENIED,
    "{service_account} does not have storage.objects.get access to the Google Cloud Storage object.",
    "quoted in a public course as coming minutes into the job; the ending: Cloud Storage's own text",
    "assumed",
)
DATASET_NOT_FOUND = _missing("The dataset {uri} does not exist.")
TEACHER_NOT_FOUND = _missing("The teacher model {name} does not exist.")

# --- endpoints and models that cannot answer -----------------------------------------------------------
ENDPOINT_NOT_FOUND = _missing('endpoint "{name}" not found', _KCC, "recorded")
"""Of the control plane: get, update, delete."""
PREDICTION_ENDPOINT_NOT_FOUND = _missing(
    "Endpoint `{name}` not found.", "github.com/googleapis/python-genai/issues/1706 (2025-11-15)", "recorded"
)
MODEL_NAME_MALFORMED = _bad(
    "The Model name {name} is malformed and it should be in form of "
    "projects/{{project}}/locations/{{location}}/publishers/google/models/{{model}}",
    "github.com/googleapis/python-genai/issues/1679",
    "recorded",
)
PUBLISHER_MODEL_NOT_FOUND = _missing(
    "Publisher Model `{name}` was not found or your project does not have access to it. Please ensure you are using a "
    "valid model version. For more information, see: "
    "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
    "github.com/truefoundry/models/pull/946, github.com/genkit-ai/genkit/issues/4688",
    "recorded",
)

# --- names and updates -------------------------------------------------------------------------------
MALFORMED_NAME = _bad('Invalid resource name "{name}"; expected {form}.')
MASK_UNKNOWN_FIELD = _bad("Invalid field in update mask: {path}.")
ETAG_MISMATCH = ErrorText(
    Code.ABORTED,
    "The etag in the request does not match the etag of the resource.",
    "the code: google.aip.dev/154; the text: a guess",
    "assumed",
)

# --- locations and policies --------------------------------------------------------------------------
LOCATION_UNKNOWN = ErrorText(
    Code.PERMISSION_DENIED,
    "Location {location} is not found or access is unauthorized.",
    "other services: github.com/dstackai/gpuhunt/issues/98 (TPU), "
    "github.com/crossplane-contrib/provider-upjet-gcp/issues/163 (Notebooks)",
    "assumed",
)
POLICY_VERSION_INVALID = _bad("The policy version must be 0, 1 or 3, but is {version}.", _RESOURCE_RULE)
PERMISSION_INVALID = _bad("Permission {permission} is not valid for this resource.", _RESOURCE_RULE)

# --- operations --------------------------------------------------------------------------------------
OPERATION_NOT_FOUND = _missing('operation "{name}" not found')
REBASE_SOURCE_NOT_FOUND = _missing('tuned model "{name}" not found')
REBASE_NOT_TRAINED = _state("The tuning job {name} has not succeeded; only its result can be rebased.")

# --- models ------------------------------------------------------------------------------------------
MODEL_NOT_FOUND = _missing('model "{name}" not found')
CHECKPOINT_NOT_FOUND = _bad('Checkpoint "{id}" does not exist; the model has: {known}.')
MODEL_DEPLOYED = _state('The model "{name}" is deployed to an endpoint; undeploy it first.')
LAST_MODEL_VERSION = _state('The version "{name}" is the last of its model; delete the model.')
DEFAULT_MODEL_VERSION = _state(
    'The version "{name}" is the default; give the alias "default" to another version first.'
)
DEFAULT_ALIAS_REMOVED = _bad('The alias "default" cannot be removed; give it to another version.', _RESOURCE_RULE)

# --- endpoints ---------------------------------------------------------------------------------------
ENDPOINT_EXISTS = ErrorText(Code.ALREADY_EXISTS, 'endpoint "{name}" already exists', _NONE, "assumed")
ENDPOINT_NOT_EMPTY = _state('The endpoint "{name}" has deployed models; undeploy them before deleting it.')
DEPLOYED_MODEL_NOT_FOUND = _missing('deployed model "{id}" not found on endpoint "{name}"')
DEPLOYED_MODEL_EXISTS = ErrorText(
    Code.ALREADY_EXISTS, 'deployed model "{id}" already exists on endpoint "{name}"', _NONE, "assumed"
)
ENDPOINT_ID_INVALID = _bad(
    "The endpoint ID must be up to 10 digits, or up to 63 lowercase letters, digits and dashes that begin with a "
    "letter and end with a letter or digit.",
    _RESOURCE_RULE,
)
TRAFFIC_SPLIT_INVALID = _bad(
    "Traffic split must name deployed models and add up to 100; got {{{split}}}, deployed: {known}.", _RESOURCE_RULE
)
ENDPOINT_SERVES_NOTHING = _state("Endpoint `{name}` has no deployed model to answer with.", _NONE)

# --- experiments -------------------------------------------------------------------------------------
METADATA_NOT_FOUND = _missing('{kind} "{name}" not found', f"style of {_KCC}")
"""An artifact or execution: the emulator keeps none."""
CONTEXT_NOT_FOUND = _missing('context "{name}" not found', f"style of {_KCC}")
METADATA_STORE_NOT_FOUND = _missing('metadataStore "{name}" not found', _KCC, "recorded")

# --- prompts -----------------------------------------------------------------------------------------
CONTENTS_REQUIRED = _bad(
    f"Unable to submit request because at least one contents field is required. {_LEARN_MORE}", _CLIENTS
)
PARTS_REQUIRED = _bad(
    "Unable to submit request because it must include at least one parts field, which describes the prompt input. "
    f"{_LEARN_MORE}",
    _CLIENTS,
)
PROMPT_INVALID_ROLE = _bad("Please use a valid role: user, model.", _CLIENTS)
LAST_TURN_IS_MODEL = _bad(
    "Please ensure that multiturn requests end with a user role or a function response.", _CLIENTS
)
GENERATION_CONFIG_RANGE = _bad(
    "Unable to submit request because it has a {name} value of {value} but the supported range is from {low} "
    "(inclusive) to {high} (inclusive). Update the value and try again.",
    _DOC,
)


# --- quotas and outages: for faults made on purpose --------------------------------------------------------
VERTEX_EXHAUSTED = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "Resource exhausted. Please try again later. Please refer to "
    "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
    "reported on this host many times, 2025",
    "recorded",
)
VERTEX_QUOTA = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "Quota exceeded for aiplatform.googleapis.com/{metric} with base model: {model}. Please submit a quota increase "
    "request. https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai.",
    "reported on this host many times, 2024",
    "recorded",
)
VERTEX_UNAVAILABLE = ErrorText(
    Code.UNAVAILABLE,
    "The service is currently unavailable.",
    "github.com/firebase/firebase-js-sdk/issues/8232",
    "recorded",
)

VERTEX_CONCURRENT_JOBS = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "The following quota metrics exceed quota limits: aiplatform.googleapis.com/global_concurrent_tuning_jobs",
    "the sentence: recorded for another metric in a public issue of stable-diffusion-on-gcp (12); the metric's name "
    "from public scripts; the service is documented to let jobs wait",
    "assumed",
)
ENDPOINT_CREATION_FAILED = ErrorText(
    Code.INTERNAL,
    "Failed to create endpoint. Tuned model is uploaded and can be accessed through Model Registry.",
    "github.com/mscraftsman/generative-ai src/Mscc.GenerativeAI/Types/Generative/TuningJob.cs (2024-11)",
    "recorded",
)
"""What a tuning job ends with whose model was registered."""

ROWS = name_rows(globals(), ErrorText)
"""All rows, in this order."""
