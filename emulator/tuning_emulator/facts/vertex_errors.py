"""What Vertex AI says about tuning jobs, and about tuned models' endpoints that cannot answer.

Texts of field violations stand alone here: the service prints them as ``List of found errors:\\t1.Field: …; Message:
…``, all of a request together. Texts about the registry, endpoints and prompts are in ``vertex_resource_errors``,
about datasets in ``dataset_errors``, about credentials and projects in ``google_errors``.
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


def _bad(text: str, source: str, grade: Grade = "assumed") -> ErrorText:
    return ErrorText(Code.INVALID_ARGUMENT, text, source, grade)


# --- violations of a field, printed together -----------------------------------------------------------
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
PRE_TUNED_MODEL_NOT_FOUND = ErrorText(Code.NOT_FOUND, 'model "{name}" not found', f"style of {_KCC}", "assumed")

# --- a job that is there or not ------------------------------------------------------------------------
TUNING_JOB_NOT_FOUND = ErrorText(
    Code.NOT_FOUND,
    "The TuningJob does not exist.",
    f"no recording; style of 'The Featurestore does not exist.' ({_KCC})",
    "assumed",
)
JOB_ENDED = ErrorText(
    Code.FAILED_PRECONDITION, "The tuning job cannot be cancelled: its state is {state}.", _NONE, "assumed"
)

# --- what a job ends with ------------------------------------------------------------------------------
JOB_TOO_LONG = ErrorText(
    Code.INVALID_ARGUMENT,
    "Tuning would take {steps} steps, more than the maximum of {maximum}.",
    "no recording",
    "assumed",
)
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
DATASET_NOT_FOUND = ErrorText(Code.NOT_FOUND, "The dataset {uri} does not exist.", _NONE, "assumed")

# --- endpoints and models that cannot answer -----------------------------------------------------------
ENDPOINT_NOT_FOUND = ErrorText(Code.NOT_FOUND, 'endpoint "{name}" not found', _KCC, "recorded")
"""Of the control plane: get, update, delete."""
PREDICTION_ENDPOINT_NOT_FOUND = ErrorText(
    Code.NOT_FOUND,
    "Endpoint `{name}` not found.",
    "github.com/googleapis/python-genai/issues/1706 (2025-11-15)",
    "recorded",
)
MODEL_NAME_MALFORMED = _bad(
    "The Model name {name} is malformed and it should be in form of "
    "projects/{{project}}/locations/{{location}}/publishers/google/models/{{model}}",
    "github.com/googleapis/python-genai/issues/1679",
    "recorded",
)
PUBLISHER_MODEL_NOT_FOUND = ErrorText(
    Code.NOT_FOUND,
    "Publisher Model `{name}` was not found or your project does not have access to it. Please ensure you are using a "
    "valid model version. For more information, see: "
    "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
    "github.com/truefoundry/models/pull/946, github.com/genkit-ai/genkit/issues/4688",
    "recorded",
)

ROWS = name_rows(globals(), ErrorText)
"""All rows, in this order."""
