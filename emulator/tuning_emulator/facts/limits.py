"""Figures of the services: limits, page sizes, places. Those of one base model are in ``base_models``."""

from __future__ import annotations

from collections.abc import Mapping

from tuning_emulator.core.errors import Fact, Row, name_rows

_GEMINI_DOC = "ai.google.dev/gemini-api/docs/model-tuning (2025-02-25)"
_GEMINI_PROTO = "github.com/googleapis/googleapis google/ai/generativelanguage/v1beta"
_VERTEX_DISCOVERY = "aiplatform v1 discovery document of 2026-11-06"
_VERTEX_DOC = "docs.cloud.google.com/gemini-enterprise-agent-platform/models"
_RL_DOC = f"{_VERTEX_DOC}/tuning/reinforcement-tuning (hyperparameters)"
_NONE = "no public statement"
_LABELS = "the text of the row label_invalid of vertex_errors"


# --- Gemini API: tuned models -------------------------------------------------------------------------
GEMINI_MAX_DISPLAY_NAME_CHARACTERS = Fact(40, f"{_GEMINI_PROTO}/tuned_model.proto", "documented")
GEMINI_MAX_ID_CHARACTERS = Fact(40, f"{_GEMINI_PROTO}/model_service.proto", "documented")
GEMINI_ID_FILLED = Fact(
    True,
    "ids of github.com/google-gemini/cookbook quickstarts/Tuning.ipynb, May and June 2025; the day is assumed: an id "
    "of December 2024 is still shorter",
    "recorded",
    since="2025-01-01",
)
"""Ids made from a display name have exactly as many characters as an id may have."""
GEMINI_MAX_INPUT_CHARACTERS = Fact(40_000, _GEMINI_DOC, "documented")
GEMINI_MAX_OUTPUT_CHARACTERS = Fact(5_000, _GEMINI_DOC, "documented")
GEMINI_MAX_PROMPT_CHARACTERS = Fact(40_000, _GEMINI_DOC, "documented")
GEMINI_MAX_DATASET_BYTES = Fact(4 << 20, _GEMINI_DOC, "documented")
GEMINI_MAX_REQUEST_BYTES = Fact(
    4 << 20,
    "github.com/google-gemini/deprecated-generative-ai-android/issues/26 (generateContent, December 2023)",
    "recorded",
)
GEMINI_RECOMMENDED_MIN_EXAMPLES = Fact(20, _GEMINI_DOC, "documented")

GEMINI_MAX_STEPS = Fact(
    2**31 - 1,
    "generativelanguage v1beta discovery document: totalSteps is an int32; that more is refused is assumed",
    "documented",
)

# --- Gemini API: lists --------------------------------------------------------------------------------
GEMINI_TUNED_MODELS_PAGE_DEFAULT = Fact(10, f"{_GEMINI_PROTO}/model_service.proto", "documented")
GEMINI_MODELS_PAGE_DEFAULT = Fact(50, f"{_GEMINI_PROTO}/model_service.proto", "documented")
GEMINI_PERMISSIONS_PAGE_DEFAULT = Fact(10, f"{_GEMINI_PROTO}/permission_service.proto", "documented")
GEMINI_PAGE_MAX = Fact(1000, f"{_GEMINI_PROTO}/model_service.proto", "documented")

# --- Gemini API: generation ---------------------------------------------------------------------------
GEMINI_MAX_CANDIDATES = Fact(8, f"{_GEMINI_PROTO}/generative_service.proto", "documented")
GEMINI_MAX_STOP_SEQUENCES = Fact(5, f"{_GEMINI_PROTO}/generative_service.proto", "documented")

# --- cached contents, of both APIs --------------------------------------------------------------------
CACHE_TTL_S = Fact(
    3600,
    "documented by both APIs (…/context-cache/context-cache-overview; ai.google.dev/gemini-api/docs/caching); a create "
    "without ttl of gemini-3.5-flash-lite, 2026-09-07, in a public repository's probes of prompt caching",
    "recorded",
)
"""Where a create says nothing."""
CACHE_MIN_TTL_S = Fact(
    60, "cloud.google.com/vertex-ai/generative-ai/docs/context-cache/context-cache-overview, limits", "documented"
)
"""Of Vertex AI."""
CACHE_REMEMBERED_S = Fact(
    86_400,
    "that an expired one is collected some time later, and answered for in other words from then on: "
    "github.com/clawvisor/clawvisor/pull/360 and two other public clients; how much later is a guess",
    "assumed",
)
GEMINI_MAX_CACHE_NAME_CHARACTERS = Fact(128, f"{_GEMINI_PROTO}/cached_content.proto", "documented")
GEMINI_CACHES_PAGE_DEFAULT = Fact(50, f"{_GEMINI_PROTO}/cache_service.proto: some default; which is a guess", "assumed")

# --- Vertex AI: generation -----------------------------------------------------------------------------
VERTEX_MAX_STOP_SEQUENCES = Fact(
    5, "cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference, stopSequences", "documented"
)

# --- Vertex AI: tuning jobs ---------------------------------------------------------------------------
VERTEX_MAX_DISPLAY_NAME_CHARACTERS = Fact(128, f"{_VERTEX_DISCOVERY}, TuningJob.tunedModelDisplayName", "documented")
VERTEX_MAX_LABEL_CHARACTERS = Fact(63, f"{_LABELS}; the discovery document says no longer than 64", "recorded")
VERTEX_MAX_LABEL_BYTES = Fact(127, _LABELS, "recorded")
VERTEX_MAX_LABELS = Fact(64, _LABELS, "recorded")
VERTEX_CONCURRENT_JOBS = Fact(
    1, f"{_VERTEX_DOC}/tuning/supervised-tuning (2026-09-25): at least one job, all regions together", "documented"
)
VERTEX_MAX_CHECKPOINTS = Fact(10, f"{_VERTEX_DOC}/tuning/checkpoints", "documented")
VERTEX_MAX_STEPS = Fact(2**31 - 1, f"{_NONE}; the Gemini API's", "assumed")
VERTEX_DATASET_SAMPLES = Fact(
    3,
    "a whole recorded job: github.com/mscraftsman/generative-ai src/Mscc.GenerativeAI/Types/Generative/TuningJob.cs",
    "recorded",
)
VERTEX_SAMPLE_CHARACTERS = Fact(397, "the same recorded job; texts are cut and end in ...", "recorded")

# --- Vertex AI: reinforcement tuning ------------------------------------------------------------------
VERTEX_RL_MAX_STEPS = Fact(500, _RL_DOC, "documented")
VERTEX_RL_MAX_OUTPUT_TOKENS = Fact(32_768, _RL_DOC, "documented")
VERTEX_RL_MAX_SAMPLES_PER_STEP = Fact(8_192, _RL_DOC, "documented")

# --- Vertex AI: TensorBoard ---------------------------------------------------------------------------
_TENSORBOARD_PROTO = "github.com/googleapis/googleapis google/cloud/aiplatform/v1/tensorboard_service.proto"
VERTEX_SERIES_POINTS = Fact(1_000, f"{_TENSORBOARD_PROTO}, BatchRead and ReadTensorboardTimeSeriesData", "documented")
VERTEX_SERIES_POINTS_MAX = Fact(10_000, f"{_TENSORBOARD_PROTO}, max_data_points", "documented")

# --- Vertex AI: lists ---------------------------------------------------------------------------------
VERTEX_PAGE_DEFAULT = Fact(100, _NONE, "assumed")
VERTEX_PAGE_MAX = Fact(100, _NONE, "assumed")


# --- where a tuning job puts its results in the bucket of ``outputUri``

_OPEN_MODELS = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/open-model-tuning"
_DISTILLATION = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/distillation"

PREDICTIONS_NAME = Fact(
    "predictions.jsonl",
    "github.com/GoogleCloudPlatform/generative-ai gemini/batch-prediction/intro_batch_prediction.ipynb; paths in many "
    "public repositories, 2025 and 2026",
    "recorded",
)
PREDICTIONS_FOLDER = Fact(
    "prediction-model-",
    "as above: followed by a time of the job that is near its createTime, with microseconds "
    "(github.com/googleapis/java-genai/issues/760, github.com/googleapis/python-genai/issues/486); here its startTime",
    "recorded",
)
FINAL_FOLDER = Fact("postprocess/node-0/checkpoints/final", _OPEN_MODELS, "documented")
LABELLED_DATASET = Fact("distillation_labelled_dataset.jsonl", _OPEN_MODELS, "documented")
METRICS_FOLDER = Fact(
    "postprocess/node-0/metrics",
    "the field gcsMetricsUri: aiplatform discovery document of 2026-11-06; the folder, and that only jobs with an "
    "outputUri have one: guesses",
    "assumed",
)
PROMPTS_ONLY = Fact(
    "a prompt dataset holds no answers: the teacher's become the training set", _DISTILLATION, "documented"
)
TEACHER_SAMPLING = Fact(0, "no recording; greedy, so that a job can be repeated", "assumed")
TEACHER_MAX_TOKENS = Fact(512, "no recording", "assumed")


# --- where tuned models live

_PAGE = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning (2026-09-25)"

MULTI_REGIONS: Fact[tuple[str, ...]] = Fact(("us-:us", "europe-:eu"), _PAGE, "documented")
"""Prefix of a job's region, and the multi-region that its tuned model is in, where the model has one (its row)."""

GLOBAL_REGION = Fact(
    "us-central1",
    "global picks a region with room, at present us-central1 or europe-west4, and models and experiments live there: "
    "github.com/google/skills skills/cloud/agent-platform-tuning (2026-08); here always the first",
    "assumed",
)


def home_location(multi_region: bool, location: str) -> str:
    """Location of the model and the endpoints that a job in ``location`` makes. ``multi_region``: see ``BaseModel``."""
    if location == "global":
        location = GLOBAL_REGION.value
    if multi_region:
        for pair in MULTI_REGIONS.value:
            prefix, _, home = pair.partition(":")
            if location.startswith(prefix):
                return home
    return location


# --- locations and policies


REGIONS = Fact(
    (
        *("africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3"),
        *("asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "asia-southeast3"),
        *("australia-southeast1", "australia-southeast2", "europe-central2", "europe-north1", "europe-north2"),
        *("europe-southwest1", "europe-west1", "europe-west10", "europe-west12", "europe-west15", "europe-west2"),
        *("europe-west3", "europe-west4", "europe-west6", "europe-west8", "europe-west9", "me-central1", "me-central2"),
        *("me-west1", "northamerica-northeast1", "northamerica-northeast2", "southamerica-east1", "southamerica-west1"),
        *("us-central1", "us-central2", "us-east1", "us-east4", "us-east5", "us-east7", "us-south1", "us-west1"),
        *("us-west2", "us-west3", "us-west4", "us-west8"),
    ),
    f"{_VERTEX_DISCOVERY}, endpoints",
    "documented",
)
"""Where Vertex AI has a host of its own."""

WIDER_LOCATIONS = Fact(
    ("eu", "global", "us"),
    f"eu, us: {_VERTEX_DISCOVERY}, endpoints; global: google-cloud-aiplatform 2.7.0, SUPPORTED_REGIONS; that "
    "locations.list has them, and without the region's label: guesses",
    "assumed",
)

NO_POLICY_ETAG = Fact(
    "ACAB",
    "github.com/googleapis/python-api-core tests/unit/test_iam.py; Cloud Run, KMS and Compute Engine answer it for "
    "resources without a policy; Vertex AI's answer is not recorded",
    "assumed",
)


# --- what tuning costs; the prices are in the rows of ``base_models``

TRAINING_TOKENS_TIMES_EPOCHS = Fact(
    True, "a course's model card with the bill checked: 27,353 billable tokens, 3 epochs, billed as 82,059", "recorded"
)
"""What is paid for: ``totalBillableTokenCount`` counts the dataset once, the bill once per epoch."""

ROWS: tuple[Row, ...] = name_rows(globals(), Row)
"""All rows, in this order."""


# --- adapter sizes

SOURCE = "github.com/googleapis/googleapis google/cloud/aiplatform/v1/tuning_job.proto"
GRADE = "documented"

ADAPTER_SIZES: Mapping[str, int] = {
    "ADAPTER_SIZE_ONE": 1,
    "ADAPTER_SIZE_TWO": 2,
    "ADAPTER_SIZE_FOUR": 4,
    "ADAPTER_SIZE_EIGHT": 8,
    "ADAPTER_SIZE_SIXTEEN": 16,
    "ADAPTER_SIZE_THIRTY_TWO": 32,
}
"""Rank by name. ``ADAPTER_SIZE_UNSPECIFIED`` is none of them: the service chooses."""

_NAMES: Mapping[int, str] = {rank: name for name, rank in ADAPTER_SIZES.items()}


def adapter_size_name(rank: int) -> str:
    """Enum value of a rank.

    Raises:
        ValueError: no value stands for that rank.
    """
    if rank not in _NAMES:
        raise ValueError(f"adapter size: {rank} is not one of {', '.join(map(str, _NAMES))}")
    return _NAMES[rank]
