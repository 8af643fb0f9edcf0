"""What both services say when the trouble is theirs: quotas, overload, time-outs. For faults made on purpose.

Other details (``RetryInfo``) are left to who makes the fault; without them the texts are those of calls that had
none. No answer with a ``Retry-After`` header has been recorded.
"""

from __future__ import annotations

from tuning_emulator.core.errors import Code, ErrorText, Fact, Row, help_link, name_rows

_QUOTA_403 = "github.com/ogkalu2/comic-translate/issues/403 (2026)"

# --- Gemini API ---------------------------------------------------------------------------------------
GEMINI_EXHAUSTED = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "Resource has been exhausted (e.g. check quota).",
    "github.com/googleapis/python-genai/issues/2065",
    "recorded",
)
GEMINI_QUOTA_HELP = Fact(
    ("Learn more about Gemini API quotas", "https://ai.google.dev/gemini-api/docs/rate-limits"),
    _QUOTA_403,
    "recorded",
)
"""Description and address of the ``Help`` that goes with the next row."""
GEMINI_QUOTA = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, head to: "
    "https://ai.dev/rate-limit. \n* Quota exceeded for metric: generativelanguage.googleapis.com/{metric}, "
    "limit: {limit}, model: {model}\nPlease retry in {retry_s}s.",
    _QUOTA_403,
    "recorded",
    since="2026-01-01",
    details=(
        help_link(*GEMINI_QUOTA_HELP.value),
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [
                {
                    "quotaMetric": "generativelanguage.googleapis.com/{metric}",
                    "quotaId": "{id}",
                    "quotaDimensions": {"location": "global", "model": "{model}"},
                    "quotaValue": "{limit}",
                }
            ],
        },
    ),
)
"""Its details come in any order, and RetryInfo with them."""
GEMINI_OVERLOADED = ErrorText(
    Code.UNAVAILABLE,
    "The model is overloaded. Please try again later.",
    "reported on this host, 2024 and 2025; github.com/google-gemini/deprecated-generative-ai-python/issues/691 "
    "saw the code when tuning",
    "recorded",
    until="2026-01-01",
)
GEMINI_HIGH_DEMAND = ErrorText(
    Code.UNAVAILABLE,
    "This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later.",
    "reported on this host many times, 2026",
    "recorded",
    since="2026-01-01",
)
GEMINI_INTERNAL = ErrorText(
    Code.INTERNAL,
    "An internal error has occurred. Please retry or report in "
    "https://developers.generativeai.google/guide/troubleshooting",
    "reported on this host many times",
    "recorded",
)

# --- Vertex AI ----------------------------------------------------------------------------------------
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

# --- both ---------------------------------------------------------------------------------------------
DEADLINE_EXPIRED = ErrorText(
    Code.DEADLINE_EXCEEDED,
    "Deadline expired before operation could complete.",
    "github.com/googleapis/python-genai/issues/1808 (there with UNAVAILABLE)",
    "recorded",
)
OPERATION_CANCELLED = ErrorText(
    Code.CANCELLED, "The operation was cancelled.", "github.com/google-gemini/gemini-cli/issues/20309", "recorded"
)

# --- whatever has no text of its own: what Google's APIs say by default, here only on purpose ---------


def _default(code: Code, text: str) -> ErrorText:
    source = "what many Google APIs answer with this code when they say nothing of their own; not recorded on these two"
    return ErrorText(code, text, source, "assumed")


DEFAULT_UNKNOWN = _default(Code.UNKNOWN, "Unknown Error.")
DEFAULT_NOT_FOUND = _default(Code.NOT_FOUND, "Requested entity was not found.")
DEFAULT_ALREADY_EXISTS = _default(Code.ALREADY_EXISTS, "Requested entity already exists")
DEFAULT_PERMISSION_DENIED = _default(Code.PERMISSION_DENIED, "The caller does not have permission")
DEFAULT_FAILED_PRECONDITION = _default(Code.FAILED_PRECONDITION, "Precondition check failed.")
DEFAULT_ABORTED = _default(Code.ABORTED, "The operation was aborted.")
DEFAULT_OUT_OF_RANGE = _default(Code.OUT_OF_RANGE, "Client specified an invalid range.")
DEFAULT_DATA_LOSS = _default(Code.DATA_LOSS, "Unrecoverable data loss or data corruption.")

ROWS: tuple[Row, ...] = name_rows(globals(), Row)
"""All rows, in this order."""
