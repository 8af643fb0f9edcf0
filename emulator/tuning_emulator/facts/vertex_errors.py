"""What Vertex AI says: tuning jobs, models, endpoints, operations, experiments, prompts, quotas.

Texts about datasets are in ``dataset_errors``, about credentials and projects in ``google_errors``.
"""

from __future__ import annotations

from tuning_emulator.core.errors import Code, ErrorText, Grade, name_rows

_ISSUE_2081 = "github.com/GoogleCloudPlatform/generative-ai/issues/2081 (2025-05-24)"
_ISSUE_908 = "github.com/googleapis/python-genai/issues/908 (2025-06-27)"
_PATTERN = "no recording; style of github.com/GoogleCloudPlatform/generative-ai/issues/2081"
_RULE = "the rule: aiplatform v1 discovery document of 2026-11-06, TuningJob; the text: a guess"
_NOTEBOOK = (
    "saved output of github.com/Tuminha/Goggle-Gen-AI-Course-with-Kaggle "
    "notebooks/01_whitepapers_exercises_fine_tuning.ipynb, cell 5 (2025-10-07)"
)
_SKILLS = "github.com/google/skills skills/cloud/agent-platform-tuning (2026-08)"
_OPERATOR = "an operator's public notes on tuning gemma-4-e2b-it, 2026-08-22"
_KCC = "github.com/GoogleCloudPlatform/k8s-config-connector pkg/test/resourcefixture/testdata/basic/vertexai"
_NONE = "no recording; worded after the other texts of this service"
_RESOURCE_RULE = "the rule: aiplatform discovery document, 2026-11-06; the text: a guess"
_BATCH_NOTES = "a public client's research note on this service's batches, captured 2026-09-02"
_BATCH_PAGE = "docs.cloud.google.com …/models/capabilities/batch-prediction-from-cloud-storage"
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
    "There can be no more than 64 labels attached to a single resource. Label keys and values can only contain "
    "lowercase letters, numbers, dashes and underscores. Label keys must start with a letter or number, must be less "
    "than 64 characters in length, and must be less that 128 bytes in length when encoded in UTF-8. Label values must "
    "be less than 64 characters in length, and must be less that 128 bytes in length when encoded in UTF-8.",
    "a saved notebook's call of persistentResources over gRPC (2024-07-02), two public READMEs on pipelines, and on "
    "models (model.labels): one validator of this host; that tuning jobs go through it, too, follows from its 'List of "
    "found errors'",
    "recorded",
)

# --- what a job may ask for, refused alone -------------------------------------------------------------
ADAPTER_SIZE_NOT_SUPPORTED = _bad("The adapter size is not supported for this base model.", _ISSUE_908, "recorded")
BASE_MODEL_NOT_SUPPORTED = _bad("Base model {base_model} is not supported.", _NOTEBOOK, "recorded")
OPEN_MODEL_NAME_INVALID = _bad(
    "Invalid open source publisher model resource name", f"{_SKILLS}, references/models.md", "recorded"
)
"""Of an open model without ``@version``."""
OUTPUT_URI_REQUIRED = _bad(
    "The output_uri field is required for this model.", f"{_SKILLS}, SKILL.md; {_OPERATOR}", "recorded"
)
RATE_MULTIPLIER_NOT_SUPPORTED = _bad(
    "Learning rate multiplier is not supported for base model {base_model}.",
    f"{_OPERATOR}: as far as 'for base model'; another's code comment quotes the beginning for qwen3-14b",
    "recorded",
)
RATE_NOT_SUPPORTED = _bad(
    "Learning rate is not supported for base model {base_model}.",
    "the rule: tuning_job.proto, learning_rate: only for open source models; the text: style of the row above",
)
BATCH_SIZE_NOT_SUPPORTED = _bad(
    "Batch size is not supported for base model {base_model}.",
    "the rule: aiplatform discovery document, SupervisedHyperParameters.batchSize: only for open source models; the "
    "text: style of the rows above",
)
RATE_TWICE = _bad(
    "learning_rate and learning_rate_multiplier are mutually exclusive.",
    "the rule: tuning_job.proto, learning_rate: mutually exclusive with learning_rate_multiplier; the text: a guess",
)
MODE_NOT_SUPPORTED = _bad(
    "Tuning mode {mode} is not supported for base model {base_model}.",
    "the rule: docs.cloud.google.com …/models/tuning/open-model-tuning (2026-09-25); the text: a guess",
)
CMEK_NOT_SUPPORTED = _bad(
    "Customer-managed encryption keys are not supported for base model {base_model}.",
    "the rule: docs.cloud.google.com …/models/tuning/supervised-tuning (2026-09-25); the text: a guess",
)
CMEK_NOT_GLOBAL = _state(
    "Customer-managed encryption keys are not supported in global.",
    f"the rule and the code: {_SKILLS}, SKILL.md; the text: a guess",
)
GLOBAL_NOT_ONBOARDED = _state(
    "The base model does not support global endpoint tuning.",
    f"the code, and what it says: {_SKILLS}, SKILL.md, paraphrased there",
)
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

# --- evaluation of checkpoints and rewards -------------------------------------------------------------
OUTPUT_PREFIX_INVALID = _bad(
    "{uri} is not a valid Google Cloud Storage URI prefix.",
    "the rule: github.com/googleapis/googleapis google/cloud/aiplatform/v1beta1/io.proto; the text: a guess",
)
EVALUATION_REGION = _bad(
    "Evaluation config is not supported in {location}. The supported regions are: us-central1.",
    "the rule: docs.cloud.google.com …/models/tuning/supervised-tuning/use, 'available in the us-central1 region'; the "
    "text: a guess",
)
ROUGE_TYPE_INVALID = _bad(
    "Rouge type {kind} is not supported. Supported rouge types are rougen[1-9], rougeL, and rougeLsum.",
    "the rule and its words: evaluation_service.proto, RougeSpec.rouge_type; that it is refused so: a guess",
)
_REWARD = "docs.cloud.google.com …/reference/rest/v1beta1/projects.locations.tuningJobs"
REWARD_NAME_TWICE = _bad(
    "Reward names must be unique.", f"the rule: {_REWARD}, SingleReinforcementTuningRewardConfig; the text: a guess"
)
REWARD_REGEX_INVALID = _bad(
    "Invalid regular expression {expression}: {reason}", f"the rule: {_REWARD}, MatchOperation; the text: a guess"
)
REWARD_GROUPS = _bad(
    "Regular expression {expression} has more than 1 capturing group.",
    "the rule: cloud.google.com/bigquery/docs/reference/standard-sql/string_functions, REGEXP_EXTRACT; the text: a "
    "guess",
)
REWARD_REFERENCE_MISSING = _bad(
    "The example has no reference {key}.", f"the rule: {_REWARD}, StringMatchExpression; the text: a guess"
)
REWARD_WEIGHTS_ZERO = _bad(
    "The weights of the rewards add up to 0.", f"the rule: {_REWARD}, WeightedRewardConfig.weight; the text: a guess"
)

# --- a job that is there or not ------------------------------------------------------------------------
JOB_NOT_FOUND = _missing(
    "The {kind} does not exist.",
    "of HyperparameterTuningJob and CustomJob, to get and cancel: github.com/cloud-custodian/cloud-custodian "
    "tools/c7n_gcp, flights vertexai_hp_tuning_job_cancel_and_delete, vertexai_custom_job_… (2026-07-08)",
    "recorded",
)
"""Jobs of this host are named after their message."""
JOB_ENDED = _state("The tuning job cannot be cancelled: its state is {state}.", _NONE)

# --- what a job ends with ------------------------------------------------------------------------------
JOB_TOO_LONG = _bad("Tuning would take {steps} steps, more than the maximum of {maximum}.", "no recording")
JOB_CANCELLED = ErrorText(
    Code.CANCELLED,
    "CANCELED",
    "recorded for hyperparameter tuning and batch prediction jobs of the same host: "
    "github.com/cloud-custodian/cloud-custodian tools/c7n_gcp, flights vertexai_hp_tuning_job_cancel_and_delete "
    "(2026-07-08), vertexai-batch-prediction-job-stop-and-delete; that tuning jobs share it is assumed",
    "assumed",
)
DATASET_ACCESS_DENIED = ErrorText(
    Code.PERMISSION_DENIED,
    "{service_account} does not have storage.objects.get access to the Google Cloud Storage object.",
    "quoted in a public course as coming minutes into the job; the ending: Cloud Storage's own text",
    "assumed",
)
DATASET_NOT_FOUND = _bad(
    "The input GCS object doesn't exist: {uri}",
    "recorded for batch prediction jobs of the same host: github.com/cloud-custodian/cloud-custodian tools/c7n_gcp, "
    "flight vertexai-batch-prediction-job-filtering (2026-02-26); that tuning jobs share it is assumed",
)
TEACHER_NOT_FOUND = _missing("The teacher model {name} does not exist.")

# --- batches: what is refused at once ------------------------------------------------------------------
BATCH_MODEL_NOT_FOUND = _missing("The PublisherModel {model} does not exist.", _BATCH_NOTES, "recorded")
BATCH_MODEL_ELSEWHERE = _bad(
    "The model {model} is not in location {location}: the model must share the ancestor location of the job.",
    "the rule: googleapis google/cloud/aiplatform batch_prediction_job.proto, model; the text: a guess",
)
BATCH_GLOBAL_TUNED = _bad(
    "Tuned models are not supported for batch prediction in location global.",
    f"the rule: {_BATCH_PAGE}; the text: a guess",
)
BATCH_SOURCE_TWICE = _bad(
    "Exactly one of model, unmanaged_container_model, or endpoint must be set.",
    "googleapis google/cloud/aiplatform batch_prediction_job.proto, endpoint; as a text a guess",
)
BATCH_FORMAT = _bad(
    "{value} is not a supported format. The supported formats are: jsonl, bigquery.",
    "the rule: docs.cloud.google.com …/reference/models/batch-prediction-api; the text: a guess",
)
BATCH_URI = _bad("{uri} is not a valid Cloud Storage URI.", _PATTERN)
BATCH_SETTING = _bad(
    "{setting} is not supported for batch prediction with Gemini models.",
    f"the rule, of service accounts and customer-managed keys: {_BATCH_PAGE}; the text: a guess",
)
BATCH_ENDED = _state(
    "The batch prediction job cannot be cancelled: its state is {state}.",
    f"the code, of a failed job: {_BATCH_NOTES}; the text: a guess",
)
BATCH_NOT_ENDED = _state(
    "The batch prediction job cannot be deleted: its state is {state}.",
    "the rule: batchPredictionJobs.delete, 'can only be called on jobs that already finished' (aiplatform discovery "
    "document); code and text: guesses",
)

# --- batches: what one ends with -----------------------------------------------------------------------
BATCH_BUCKET_NOT_FOUND = ErrorText(
    Code.FAILED_PRECONDITION,
    "Failed to get GCS bucket location for {bucket}. Please check that the bucket exists and permissions are set "
    "correctly.",
    f"of input and output alike: {_BATCH_NOTES}",
    "recorded",
)
BATCH_OUTPUT_FORBIDDEN = ErrorText(
    Code.PERMISSION_DENIED,
    'Service account {service_account} doesn\'t have sufficient permission "storage.objects.create" to write {uri}.',
    _BATCH_NOTES,
    "recorded",
)
_IMPORT = "Failed to import data. Please check 'Prepare input' section of the batch predictions documentation."
BATCH_INPUT_UNREADABLE = _bad(
    f"{_IMPORT} Error while reading data, error message: JSON parsing error in row starting at position {{position}}.",
    f"the first two sentences: {_BATCH_NOTES}; the rest: as BigQuery, which reads the input, says it",
)
BATCH_INPUT_EMPTY = _bad(
    f"{_IMPORT} The input is empty: {{uri}}.", f"the first two sentences: {_BATCH_NOTES}; the rest: a guess"
)

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
MODEL_DEPLOYED = ErrorText(
    Code.FAILED_PRECONDITION,
    "The Model is deployed or being deployed at the following Endpoint(s): {endpoints}. Please undeploy the model "
    "before retry.",
    "said through BigQuery ML: github.com/GoogleCloudPlatform/vertex-ai-samples/pull/788 (2022-08-17), and in 2026; "
    "github.com/googleapis/python-aiplatform/issues/2807",
    "recorded",
)
"""Recorded with one endpoint."""
LAST_MODEL_VERSION = _state('The version "{name}" is the last of its model; delete the model.')
DEFAULT_MODEL_VERSION = _state(
    'The version "{name}" is the default; give the alias "default" to another version first.'
)
MODEL_ID_INVALID = _bad(
    "The model ID must be up to 63 characters of [a-z0-9_-], and must not begin with a number or a hyphen.",
    "the rule: cloud.google.com …/v1/projects.locations.models/copy, modelId; the text: a guess",
)
MODEL_EXISTS = ErrorText(Code.ALREADY_EXISTS, 'model "{name}" already exists', _NONE, "assumed")
COPY_ACROSS_PROJECTS = _bad(
    "The source model {name} must be in the same project as the destination.",
    "the rule: cloud.google.com …/v1/projects.locations.models/copy; the text: a guess",
)
EXPORT_NOT_SUPPORTED = ErrorText(
    Code.FAILED_PRECONDITION,
    "Exporting artifact for model `{name}` in format `{format}` is not supported.",
    "github.com/googleapis/python-aiplatform/issues/194 (2021-01-28)",
    "recorded",
)
DEFAULT_ALIAS_REMOVED = _bad('The alias "default" cannot be removed; give it to another version.', _RESOURCE_RULE)

# --- endpoints ---------------------------------------------------------------------------------------
ENDPOINT_EXISTS = ErrorText(Code.ALREADY_EXISTS, 'endpoint "{name}" already exists', _NONE, "assumed")
ENDPOINT_NOT_EMPTY = ErrorText(
    Code.FAILED_PRECONDITION,
    "Endpoint has deployed or being-deployed DeployedModel(s)",
    "its beginning, 400, quoted by several public Terraform set-ups (2026-05); what follows is not known, nor the code",
    "recorded",
)
DEPLOYED_MODEL_NOT_FOUND = _missing('deployed model "{id}" not found on endpoint "{name}"')
DEPLOYED_MODEL_EXISTS = ErrorText(
    Code.ALREADY_EXISTS, 'deployed model "{id}" already exists on endpoint "{name}"', _NONE, "assumed"
)
DEPLOYED_MODEL_HAS_TRAFFIC = _state(
    'deployed model "{id}" has {share} percent of the traffic; assign it to others before undeploying.',
    "the rule: endpoint_service.proto, UndeployModelRequest.traffic_split; the text: a guess",
)
ENDPOINT_ID_INVALID = _bad(
    "The endpoint ID must be up to 10 digits, or up to 63 lowercase letters, digits and dashes that begin with a "
    "letter and end with a letter or digit.",
    _RESOURCE_RULE,
)
TRAFFIC_SPLIT_INVALID = _bad(
    "Traffic split must name deployed models and add up to 100; got {{{split}}}, deployed: {known}.", _RESOURCE_RULE
)
ENDPOINT_WITHOUT_TRAFFIC = ErrorText(
    Code.FAILED_PRECONDITION,
    "Endpoint {name} doesn't have traffic_split.",
    "github.com/GoogleCloudPlatform/explainable_ai_sdk/issues/3 (2022-04-22), of explain; that generateContent says so "
    "is assumed",
    "recorded",
)
"""Nothing is deployed there, or what is gets no traffic."""

# --- experiments -------------------------------------------------------------------------------------
METADATA_NOT_FOUND = _missing('{kind} "{name}" not found', f"style of {_KCC}")
"""An artifact, an execution, or a part of a TensorBoard."""
SERIES_POINTS_INVALID = _bad(
    "max_data_points must be -1 or between 1 and {maximum}, but is {value}.",
    "the rule: tensorboard_service.proto, ReadTensorboardTimeSeriesDataRequest.max_data_points; the text: a guess",
)
CONTEXT_NOT_FOUND = _missing('context "{name}" not found', f"style of {_KCC}")
METADATA_STORE_NOT_FOUND = _missing('metadataStore "{name}" not found', _KCC, "recorded")

# --- cached contents ---------------------------------------------------------------------------------
_DEAD_CACHES = (
    "the three ways in which Vertex AI says that a cached content is gone, in the sources and tests of several public "
    "clients, 2026"
)
CACHED_CONTENT_NOT_FOUND = _missing(
    "Cached content {id} is not found.", f"{_DEAD_CACHES}: of update, and of the other methods (2026-10)", "recorded"
)
"""To get, update and delete."""
CACHED_METADATA_NOT_FOUND = _missing(
    "Not found: cached content metadata for {id}.", f"{_DEAD_CACHES}: of a name that was never there", "recorded"
)
"""To a prompt, as the next two."""
CACHED_CONTENT_EXPIRED = _bad(
    "Cache content {id} is expired.", "github.com/clawvisor/clawvisor/pull/360 (2026-05-09) and others", "recorded"
)
CACHED_CONTENT_DELETED = _bad(
    "Invalid resource state for cache content {id}.",
    f"{_DEAD_CACHES}: of one that was deleted; one of them (2026-10) quotes the status FAILED_PRECONDITION, the others "
    "INVALID_ARGUMENT",
    "recorded",
)
CACHED_CONTENT_ALONE = _bad(
    "Tool config, tools and system instruction should not be set in the request when using cached content.",
    "github.com/googleapis/python-genai/issues/348 (2025-02-14); measured again 2026-03 and 2026-08",
    "recorded",
)
CACHED_CONTENT_OF_OTHER_MODEL = _bad(
    "Model used by GenerateContent request (models/{asked}) and CachedContent (models/{cached}) has to be the same.",
    "recorded on the Gemini API; github.com/BerriAI/litellm/pull/19193 calls it Vertex AI's; github.com/googleapis/"
    "python-aiplatform/issues/5271 saw an older client pass with another model",
)
_EXPLICIT_SINCE = "2026-08-01"
"""Seen on 2026-08-30 first."""
CACHED_CONTENT_SMALL = ErrorText(
    Code.INVALID_ARGUMENT,
    "The cached content is of {count} tokens. The minimum token count to start caching is {minimum}.",
    "discuss.ai.google.dev/t/real-explicit-cache-limit/134499, and quoted in the tests of several public clients",
    "recorded",
    until=_EXPLICIT_SINCE,
)
CACHED_CONTENT_SMALL_2026 = ErrorText(
    Code.INVALID_ARGUMENT,
    "The cached content is of {count} tokens. The minimum token count to start explicit caching is {minimum}.",
    "measured by several public clients, 2026-08-30 and 2026-09-27",
    "recorded",
    _EXPLICIT_SINCE,
)
CACHED_CONTENT_SMALL_TEXTS = (CACHED_CONTENT_SMALL, CACHED_CONTENT_SMALL_2026)
"""One after the other."""
CACHED_CONTENT_LARGE = _bad(
    "The cached content is of {count} tokens. The maximum token count is {maximum}.",
    "the limit: …/context-cache/context-cache-overview, the model's own; the text: style of the rows above",
)
CACHED_CONTENT_TUNED = ErrorText(
    Code.UNIMPLEMENTED,
    "Explicit cache is not supported for fined tuned `{name}`.",
    "github.com/googleapis/python-genai/issues/1693 (2025-11-14), of whatever base model; cached_content.proto agrees, "
    "although …/context-cache/context-cache-for-tuned-gemini has it for gemini-2.0-flash-001",
    "recorded",
)
CACHED_CONTENT_MODEL = _bad(
    "Explicit cache is not supported for model `{name}`.",
    "which models have it: …/context-cache/context-cache-overview; the text: style of the row above",
)
CACHED_CONTENT_ENDS_WITH_MODEL = _bad(
    "Requests ending with a model turn are not supported.",
    "github.com/BerriAI/litellm/pull/35172 (2026-07-30), of cachedContents",
    "recorded",
)
CACHED_CONTENT_TTL = _bad(
    "The cached content must live for at least {least} seconds from now on.",
    "the least: …/context-cache/context-cache-overview, limits; the text: a guess",
)
CACHED_CONTENT_MASK = _bad(
    "Only expire_time or ttl can be updated.", "the rule: gen_ai_cache_service.proto, UpdateCachedContentRequest"
)

# --- prompts -----------------------------------------------------------------------------------------
CONTENTS_REQUIRED = _bad(
    f"Unable to submit request because at least one contents field is required. {_LEARN_MORE}",
    "quoted whole in public issues of client libraries, up to 2026",
    "recorded",
)
PARTS_REQUIRED = _bad(
    "Unable to submit request because it must include at least one parts field, which describes the prompt input. "
    f"{_LEARN_MORE}",
    "github.com/QuantumNous/new-api/pull/1260 (2025-06-19), github.com/anomalyco/opencode/issues/17519",
    "recorded",
)
PROMPT_INVALID_ROLE = _bad(
    "Please use a valid role: user, model.",
    "a whole body in a public repository's note on its VisionPage (2025-11-09), and in others' up to 2026-09",
    "recorded",
)
LAST_TURN_IS_MODEL = _bad(
    "Please ensure that multiturn requests ends with a user role or a function response.",
    "recorded on the Gemini API (github.com/google-gemini/deprecated-generative-ai-js, several issues); that Vertex AI "
    "says the same is assumed",
)
THINKING_OFF = _bad(
    "The model does not support setting thinking_budget to 0.",
    "github.com/earendil-works/pi/issues/3460; measured on Vertex AI in several public repositories, 2026-08",
    "recorded",
)
THINKING_BUDGET_RANGE = _bad(
    "Unable to submit request because thinking_budget is out of range; supported values are integers from {low} to "
    f"{{high}}. {_LEARN_MORE}",
    "github.com/lbjlaq/Antigravity-Manager/issues/1384, /issues/1355 (2026-01); github.com/su-kaka/gcli2api/issues/108",
    "recorded",
)
THINKING_NOT_SUPPORTED = _bad(
    f"Unable to submit request because thinking is not supported by this model. {_LEARN_MORE}",
    "a public probe of gemini-2.0-flash, 2026-02-23: its middle; the rest as in the row above",
    "recorded",
)
THINKING_LEVEL = _bad(
    f"Unable to submit request because thinking_level is not supported by this model. {_LEARN_MORE}",
    "quoted with prefix and without in many public repositories, 2026; the last sentence as in the row above",
    "recorded",
)
THINKING_LEVEL_UNKNOWN = _bad(
    "Thinking level is unsupported: THINKING_LEVEL_{level}",
    "github.com/earendil-works/pi/issues/9535 (2026-09-12), MINIMAL of Gemini 3.7 and 3.8 Flash, and many others",
    "recorded",
)
THINKING_BOTH = _bad(
    f"Unable to submit request because thinking_budget and thinking_level are not supported together. {_LEARN_MORE}",
    "quoted as far as 'together' in the sources and notes of many public clients, 2025 and 2026; the rest as above",
    "recorded",
)
THOUGHTS_WITHOUT_THINKING = _bad(
    "Unable to submit request because Thinking_config.include_thoughts is only enabled when thinking is enabled.. "
    f"{_LEARN_MORE}",
    "github.com/lobehub/lobehub/pull/8223 (2025-06-18)",
    "recorded",
)
GENERATION_CONFIG_RANGE = _bad(
    "Unable to submit request because it has a {name} value of {value} but the supported range is from {low} "
    "(inclusive) to {high} (exclusive). Update the value and try again.",
    "github.com/stackblitz-labs/bolt.diy/issues/955 (8193), github.com/BerriAI/litellm/issues/10548; 65537 in several "
    "repositories, 2026; temperature, 2.0001: README of github.com/cuioss/pr-agent-settings (2026-08)",
    "recorded",
)
MIME_TYPE_EMPTY = _bad(
    "Unable to submit request because it has an empty mimeType parameter in {field}. Add a value to the parameter and "
    f"try again. {_LEARN_MORE}",
    "github.com/GoogleCloudPlatform/generative-ai/issues/1390, github.com/pollinations/pollinations/issues/5413",
    "recorded",
)
MIME_TYPE_NOT_SUPPORTED = _bad(
    "Unable to submit request because it has a mimeType parameter with value {mime_type}, which is not supported. "
    f"Update the mimeType and try again. {_LEARN_MORE}",
    "github.com/agno-agi/agno/issues/3964 (2025-07-24), and many public repositories up to 2026",
    "recorded",
)
MEDIA_NOT_SUPPORTED = _bad(
    f"Unable to submit request because {{kind}} input is not supported by this model. {_LEARN_MORE}",
    "no recording; style of the rows above",
)
IMAGE_INVALID = _bad(
    "Provided image is not valid.",
    "github.com/google-gemini/gemini-cli/issues/5882 (2025-08-09), github.com/lumina-ai-inc/chunkr/issues/341",
    "recorded",
)
DOCUMENT_INVALID = _bad(
    "The document has no pages.", "quoted in the code and notes of several public clients, 2025 and 2026", "documented"
)
MEDIA_INVALID = _bad(
    "Request contains an invalid argument.",
    "github.com/googleapis/python-genai/issues/536 (a video, without its text); that broken sounds and videos are "
    "answered so is assumed",
)
FILE_URI_NOT_SUPPORTED = _bad(
    "Unsupported file uri: {uri}", "github.com/BerriAI/litellm/issues/11529 (2025-06-08), of another URI", "documented"
)
FILE_DENIED = ErrorText(
    Code.PERMISSION_DENIED,
    "Permission denied while accessing input file.",
    "github.com/googleapis/js-genai/issues/666 (2025-06-05), where an address to learn more follows; that an object "
    "which is not there is answered alike is assumed",
    "recorded",
)
MEDIA_COUNT = _bad(
    "Unable to submit request because it has {count} {kind} files, but the maximum is {limit}. Remove some and try "
    f"again. {_LEARN_MORE}",
    "no recording; style of the rows above",
)
MEDIA_SIZE = _bad(
    "Unable to submit request because it has {kind} file of {size} bytes, but the maximum is {limit}. Reduce its size "
    f"and try again. {_LEARN_MORE}",
    "no recording; style of the rows above",
)
MEDIA_LENGTH = _bad(
    "Unable to submit request because it has {kind} file of {size} {unit}, but the maximum is {limit}. Shorten it and "
    f"try again. {_LEARN_MORE}",
    "no recording; style of the rows above",
)
NOT_FOR_PREDICT = ErrorText(
    Code.FAILED_PRECONDITION,
    "Gemini cannot be accessed through Vertex Predict/RawPredict API. Please follow "
    "https://cloud.google.com/vertex-ai/docs/generative-ai/start/quickstarts/quickstart-multimodal for Gemini usage.",
    "github.com/BerriAI/litellm/issues/5678 (a tuned endpoint), github.com/langchain-ai/langchainjs/issues/3884; the "
    "code: github.com/googleapis/google-cloud-dotnet/issues/11576",
    "recorded",
)


# --- chat completions ------------------------------------------------------------------------------------
_CHAT = "no recording; style of the text for a malformed publisher model"
CHAT_MODEL_MALFORMED = _bad(
    "Malformed publisher model (`model`: '{model}') for the 'openapi' request endpoint ID; expected "
    "'<publisher>/<model>'.",
    "measured on 2026-09-14 and quoted whole by two public repositories; github.com/Ikalus1988/MisakaNet/issues/1472",
    "recorded",
)
"""All errors of this route come as a list of one; recorded with this text."""
CHAT_NOT_AN_OBJECT = _bad(
    "Expected a valid JSON object in the request",
    "recorded as a list of one, for a call whose arguments are no JSON, in several public repositories, 2026",
    "recorded",
)
CHAT_FIELD_INVALID = _bad("Malformed `{field}`: {value}; expected {wanted}.", _CHAT)

# --- schemas of answers and of functions -------------------------------------------------------------------
_LEARN_SCHEMA = " Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/control-generated-output"
_LEARN_CALLS = " Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling"
RESPONSE_SCHEMA_TYPE = _bad(
    "Unable to submit request because one or more response schemas didn't specify the schema type field."
    + _LEARN_SCHEMA,
    "quoted in the tests of a public client, 2025, and measured by another, 2026-08",
)
RESPONSE_SCHEMA_ANY_OF = _bad(
    "Unable to submit request because one or more response schemas specified other fields alongside any_of. When "
    "using any_of, it must be the only field set." + _LEARN_SCHEMA,
    "github.com/googleapis/python-genai/issues/625",
)
RESPONSE_SCHEMA_UNREADABLE = ErrorText(
    Code.INVALID_ARGUMENT,
    "Unable to submit request because the response JSON schema is invalid: {reason}." + _LEARN_SCHEMA,
    "no recording; worded after the other texts of this service",
    "assumed",
)
RESPONSE_SCHEMA_MIME_TYPE = ErrorText(
    Code.INVALID_ARGUMENT,
    "Unable to submit request because a response schema is not supported with the response mime type '{mime_type}'."
    + _LEARN_SCHEMA,
    "that application/json or text/x.enum is needed: "
    "cloud.google.com/vertex-ai/generative-ai/docs/multimodal/control-generated-output; the text: a guess",
    "assumed",
)
FUNCTION_SCHEMA_TYPE = _bad(
    "Unable to submit request because `{name}` functionDeclaration `{path}` schema didn't specify the schema type "
    "field." + _LEARN_CALLS,
    "github.com/agentscope-ai/CoPaw/issues/5543 and the notes of several public clients, 2026",
)
FUNCTION_SCHEMA_ANY_OF = _bad(
    "Unable to submit request because `{name}` functionDeclaration `{path}` schema specified other fields alongside "
    "any_of. When using any_of, it must be the only field set." + _LEARN_CALLS,
    "github.com/anomalyco/opencode/issues/15795 and github.com/google/adk-python/issues/3281",
)
FUNCTION_SCHEMA_OBJECT = _bad(
    "Unable to submit request because `{name}` functionDeclaration parameters schema should be of type OBJECT."
    + _LEARN_CALLS,
    "quoted in the notes of a public project, 2026",
)
FUNCTION_DUPLICATE = _bad(
    "Duplicate function declaration found: {name}", "quoted in the sources of a public client of Vertex AI, 2026"
)
FUNCTION_RESPONSES = _bad(
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn.",
    "quoted by several public clients of Vertex AI, 2025 and 2026",
)
FUNCTION_CALL_PLACE = _bad(
    "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
    "quoted by several public clients of Vertex AI, 2025 and 2026",
)
SEARCH_WITH_SCHEMA = _bad(
    "Unable to submit request because controlled generation is not supported with {tool} tool.",
    "github.com/googleapis/python-genai/issues/665, and the notes of several public clients of 2.x, 2026",
)
SEARCH_RETRIEVAL_OLD = _bad(
    "Unable to submit request because google_search_retrieval is not supported; please use google_search field "
    f"instead. {_LEARN_MORE}",
    "a saved notebook's call over gRPC, and quoted by several public projects, 2025",
    "recorded",
)
TOOL_NOT_SUPPORTED = _bad(
    f"Unable to submit request because {{tool}} is not supported by this model. {_LEARN_MORE}",
    "which models have it: their pages, capabilities; the text: style of the rows around",
)
TOOLS_NOT_TOGETHER = _bad(
    "Multiple tools are supported only when they are all search tools.",
    "a public lab's expected output, and the notes of many public projects, 2025 and 2026; that gemini-3 takes them "
    "together: cloud.google.com/vertex-ai/generative-ai/docs/start/get-started-with-gemini-3",
    "recorded",
)
MODEL_ARMOR_AND_SAFETY = _bad(
    f"Unable to submit request because safety_settings cannot be set with model_armor_config. {_LEARN_MORE}",
    "the rule: prediction_service.proto, GenerateContentRequest.model_armor_config; the text: style of the rows around",
)
MODEL_ARMOR_TEMPLATE = _bad(
    "Unable to submit request because the Model Armor template name {name} is not of the form "
    "projects/{{project}}/locations/{{location}}/templates/{{template}}.",
    "the form: cloud.google.com/security-command-center/docs/model-armor-vertex-integration; the text: a guess",
)
STOP_SEQUENCES = _bad(
    "Unable to submit request because it has {length} stop sequences but at most {limit} are supported. "
    f"{_LEARN_MORE}",
    "the limit: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference; the text: style of the rows "
    "around",
)
LOGPROBS_UNASKED = ErrorText(
    Code.INVALID_ARGUMENT,
    "Unable to submit request because logprobs is not supported unless response_logprobs is set to true.",
    "told, not quoted: github.com/langchain-ai/langchainjs/issues/7509",
    "assumed",
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

VERTEX_OUT_OF_CAPACITY = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "Unable to submit request because the service is temporarily out of capacity. Try again later.",
    "github.com/googleapis/google-cloud-java/issues/11054, /issues/11195, /issues/10983 (2024)",
    "recorded",
)
VERTEX_PROVISIONED_THROUGHPUT = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "Too many requests. Exceeded the Provisioned Throughput.",
    "cloud.google.com/vertex-ai/generative-ai/docs/provisioned-throughput/error-code-429",
    "documented",
)
"""Of a project whose Provisioned Throughput is used up and that wants no overages."""
SERVICE_AGENTS_PROVISIONED = ErrorText(
    Code.FAILED_PRECONDITION,
    "Service agents are being provisioned "
    "(https://cloud.google.com/vertex-ai/docs/general/access-control#service-agents). Service agents are needed to "
    "read the Cloud Storage file provided. So please try again in a few minutes.",
    "github.com/GoogleCloudPlatform/generative-ai/issues/1308",
    "recorded",
)
"""In a project that has not used Cloud Storage with Vertex AI before."""
REGION_WITHOUT_CAPACITY = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "The tuning job could not be started because of high demand in this region. Please try again later.",
    f"a job that failed, and was not charged, over 'high demand in this region': {_OPERATOR}; the rest and the code: "
    "guesses",
    "assumed",
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
