"""Named limits and page sizes, each with its source. Limits of one base model are in its row of ``models``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tuning_emulator.core.errors import Fact

_GEMINI_DOC = "ai.google.dev/gemini-api/docs/model-tuning (2025-02-25)"
_GEMINI_PROTO = "github.com/googleapis/googleapis google/ai/generativelanguage/v1beta"
_VERTEX_DISCOVERY = "aiplatform v1 discovery document of 2026-11-06"
_VERTEX_DOC = "docs.cloud.google.com/gemini-enterprise-agent-platform/models"
_RL_DOC = f"{_VERTEX_DOC}/tuning/reinforcement-tuning (hyperparameters)"
_NONE = "no public statement"


@dataclass(frozen=True, slots=True)
class Limit(Fact):
    """A limit that is a whole number; its name says the unit."""

    value: int


# --- Gemini API: tuned models -------------------------------------------------------------------------
GEMINI_MAX_DISPLAY_NAME_CHARACTERS = Limit(
    "gemini_max_display_name_characters", 40, f"{_GEMINI_PROTO}/tuned_model.proto", "documented"
)
GEMINI_MAX_ID_CHARACTERS = Limit("gemini_max_id_characters", 40, f"{_GEMINI_PROTO}/model_service.proto", "documented")
GEMINI_ID_FILLED = Fact(
    "gemini_id_filled",
    True,
    "ids of github.com/google-gemini/cookbook quickstarts/Tuning.ipynb, May and June 2025; the day is assumed: an id "
    "of December 2024 is still shorter",
    "recorded",
    since="2025-01-01",
)
"""Ids made from a display name have exactly as many characters as an id may have."""
GEMINI_MAX_INPUT_CHARACTERS = Limit("gemini_max_input_characters", 40_000, _GEMINI_DOC, "documented")
GEMINI_MAX_OUTPUT_CHARACTERS = Limit("gemini_max_output_characters", 5_000, _GEMINI_DOC, "documented")
GEMINI_MAX_PROMPT_CHARACTERS = Limit("gemini_max_prompt_characters", 40_000, _GEMINI_DOC, "documented")
GEMINI_MAX_DATASET_BYTES = Limit("gemini_max_dataset_bytes", 4 << 20, _GEMINI_DOC, "documented")
GEMINI_MAX_REQUEST_BYTES = Limit(
    "gemini_max_request_bytes",
    4 << 20,
    "github.com/google-gemini/deprecated-generative-ai-android/issues/26 (generateContent, December 2023)",
    "recorded",
)
GEMINI_RECOMMENDED_MIN_EXAMPLES = Limit("gemini_recommended_min_examples", 20, _GEMINI_DOC, "documented")

GEMINI_MAX_STEPS = Limit(
    "gemini_max_steps",
    2**31 - 1,
    "generativelanguage v1beta discovery document: totalSteps is an int32; that more is refused is assumed",
    "documented",
)

# --- Gemini API: lists --------------------------------------------------------------------------------
GEMINI_TUNED_MODELS_PAGE_DEFAULT = Limit(
    "gemini_tuned_models_page_default", 10, f"{_GEMINI_PROTO}/model_service.proto", "documented"
)
GEMINI_MODELS_PAGE_DEFAULT = Limit(
    "gemini_models_page_default", 50, f"{_GEMINI_PROTO}/model_service.proto", "documented"
)
GEMINI_PERMISSIONS_PAGE_DEFAULT = Limit(
    "gemini_permissions_page_default", 10, f"{_GEMINI_PROTO}/permission_service.proto", "documented"
)
GEMINI_PAGE_MAX = Limit("gemini_page_max", 1000, f"{_GEMINI_PROTO}/model_service.proto", "documented")

# --- Gemini API: generation ---------------------------------------------------------------------------
GEMINI_MAX_CANDIDATES = Limit("gemini_max_candidates", 8, f"{_GEMINI_PROTO}/generative_service.proto", "documented")
GEMINI_MAX_STOP_SEQUENCES = Limit(
    "gemini_max_stop_sequences", 5, f"{_GEMINI_PROTO}/generative_service.proto", "documented"
)

# --- Vertex AI: tuning jobs ---------------------------------------------------------------------------
VERTEX_MAX_DISPLAY_NAME_CHARACTERS = Limit(
    "vertex_max_display_name_characters", 128, f"{_VERTEX_DISCOVERY}, TuningJob.tunedModelDisplayName", "documented"
)
VERTEX_MAX_LABEL_CHARACTERS = Limit(
    "vertex_max_label_characters", 64, f"{_VERTEX_DISCOVERY}, TuningJob.labels", "documented"
)
VERTEX_MAX_LABELS = Limit("vertex_max_labels", 64, "general rule of Google Cloud labels", "assumed")
VERTEX_CONCURRENT_JOBS = Limit(
    "vertex_concurrent_jobs",
    1,
    f"{_VERTEX_DOC}/tuning/supervised-tuning (2026-09-25): at least one job, all regions together",
    "documented",
)
VERTEX_MAX_CHECKPOINTS = Limit("vertex_max_checkpoints", 10, f"{_VERTEX_DOC}/tuning/checkpoints", "documented")
VERTEX_MAX_STEPS = Limit("vertex_max_steps", 2**31 - 1, f"{_NONE}; the Gemini API's", "assumed")
VERTEX_DATASET_SAMPLES = Limit(
    "vertex_dataset_samples",
    3,
    "a whole recorded job: github.com/mscraftsman/generative-ai src/Mscc.GenerativeAI/Types/Generative/TuningJob.cs",
    "recorded",
)
VERTEX_SAMPLE_CHARACTERS = Limit(
    "vertex_sample_characters", 397, "the same recorded job; texts are cut and end in ...", "recorded"
)

# --- Vertex AI: reinforcement tuning ------------------------------------------------------------------
VERTEX_RL_MAX_STEPS = Limit("vertex_rl_max_steps", 500, _RL_DOC, "documented")
VERTEX_RL_MAX_OUTPUT_TOKENS = Limit("vertex_rl_max_output_tokens", 32_768, _RL_DOC, "documented")
VERTEX_RL_MAX_SAMPLES_PER_STEP = Limit("vertex_rl_max_samples_per_step", 8_192, _RL_DOC, "documented")

# --- Vertex AI: lists ---------------------------------------------------------------------------------
VERTEX_PAGE_DEFAULT = Limit("vertex_page_default", 100, _NONE, "assumed")
VERTEX_PAGE_MAX = Limit("vertex_page_max", 100, _NONE, "assumed")

LIMITS: tuple[Limit, ...] = tuple(row for row in globals().values() if isinstance(row, Limit))
"""All rows, in this order."""


# --- where a tuning job puts its results in the bucket of ``outputUri``

_OPEN_MODELS = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/open-model-tuning"
_DISTILLATION = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/distillation"

FINAL_FOLDER = Fact("final_folder", "postprocess/node-0/checkpoints/final", _OPEN_MODELS, "documented")
LABELLED_DATASET = Fact("labelled_dataset", "distillation_labelled_dataset.jsonl", _OPEN_MODELS, "documented")
METRICS_FOLDER = Fact(
    "metrics_folder",
    "postprocess/node-0/metrics",
    "the field gcsMetricsUri: aiplatform discovery document of 2026-11-06; the folder, and that only jobs with an "
    "outputUri have one: guesses",
    "assumed",
)
PROMPTS_ONLY = Fact(
    "prompts_only",
    "a prompt dataset holds no answers: the teacher's become the training set",
    _DISTILLATION,
    "documented",
)
TEACHER_SAMPLING = Fact("teacher_sampling", 0, "no recording; greedy, so that a job can be repeated", "assumed")
TEACHER_MAX_TOKENS = Limit("teacher_max_tokens", 512, "no recording", "assumed")


# --- where tuned models live

_PAGE = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/supervised-tuning (2026-09-25)"

MULTI_REGION_FAMILIES = Fact("multi_region_families", ("gemini-3.", "gemini-3-"), _PAGE, "documented")
"""Base models whose tuned models are served from a multi-region only."""

MULTI_REGIONS = Fact("multi_regions", ("us-:us", "europe-:eu"), _PAGE, "documented")
"""Prefix of a job's region, and the multi-region that its tuned model is in."""


def home_location(base_model: str, location: str) -> str:
    """Location of the model and the endpoints that a job in ``location`` makes."""
    families = MULTI_REGION_FAMILIES.value
    if isinstance(families, tuple) and base_model.startswith(families):
        for pair in MULTI_REGIONS.value if isinstance(MULTI_REGIONS.value, tuple) else ():
            prefix, _, home = pair.partition(":")
            if location.startswith(prefix):
                return home
    return location


# --- locations and policies


@dataclass(frozen=True, slots=True)
class Names(Fact):
    """Several names."""

    value: tuple[str, ...]


REGIONS = Names(
    "regions",
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

WIDER_LOCATIONS = Names(
    "wider_locations",
    ("eu", "global", "us"),
    f"eu, us: {_VERTEX_DISCOVERY}, endpoints; global: google-cloud-aiplatform 2.7.0, SUPPORTED_REGIONS; that "
    "locations.list has them, and without the region's label: guesses",
    "assumed",
)

NO_POLICY_ETAG = Fact(
    "no_policy_etag",
    "ACAB",
    "github.com/googleapis/python-api-core tests/unit/test_iam.py; Cloud Run, KMS and Compute Engine answer it for "
    "resources without a policy; Vertex AI's answer is not recorded",
    "assumed",
)


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


def adapter_size_rank(name: str | int) -> int:
    """Rank of an enum value, or 0 when it is unspecified, unknown or only a number."""
    return ADAPTER_SIZES.get(name, 0) if isinstance(name, str) else 0


def adapter_size_name(rank: int) -> str:
    """Enum value of a rank.

    Raises:
        ValueError: no value stands for that rank.
    """
    if rank not in _NAMES:
        raise ValueError(f"adapter size: {rank} is not one of {', '.join(map(str, _NAMES))}")
    return _NAMES[rank]
