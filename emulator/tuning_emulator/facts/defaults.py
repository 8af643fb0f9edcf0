"""Hyperparameters that a service chooses when a request leaves them open.

Both services say that the choice follows the number of examples; neither says where it changes. The
thresholds are assumed; what was recorded on either side of them is in the rows' sources.
"""

from __future__ import annotations

from msgspec import Struct

from tuning_emulator.core.errors import Fact, Row, name_rows
from tuning_emulator.facts.model_row import BaseModel

_GEMINI_PROTO = (
    "github.com/googleapis/googleapis google/ai/generativelanguage/v1beta/tuned_model.proto, Hyperparameters"
)
_GEMINI_DOC = "ai.google.dev/gemini-api/docs/model-tuning (2025-02-25), table of defaults"
_DISCOVERY = "aiplatform v1beta1 discovery document of 2026-11-06"
_OPEN_DOC = "github.com/GoogleCloudPlatform/vertex-ai-samples skills/vertex-tuning/references/data_formatting.md"
_RL_DOC = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning/reinforcement-tuning"
_OURS = "not public; chosen so that the embedded base model learns"


# --- Gemini API ---------------------------------------------------------------------------------------
GEMINI_EPOCHS = Fact(5, _GEMINI_DOC, "documented")
GEMINI_SMALL_BATCH_SIZE = Fact(4, _GEMINI_PROTO, "documented")
GEMINI_LARGE_BATCH_SIZE = Fact(16, _GEMINI_PROTO, "documented")
GEMINI_SMALL_LEARNING_RATE = Fact(0.001, _GEMINI_PROTO, "documented")
GEMINI_LARGE_LEARNING_RATE = Fact(0.0002, _GEMINI_PROTO, "documented")
GEMINI_LARGE_DATASET_EXAMPLES = Fact(
    500,
    "the threshold is not public; recorded: batch 4 and rate 0.001 with 15 examples; recommended: 100 to 500",
    "assumed",
)

# --- Vertex AI ----------------------------------------------------------------------------------------
VERTEX_EPOCHS_FEW = Fact(
    40,
    "the threshold is not public; 166 examples of gemini-3.1-flash-lite resolved to 40 (a public README, 2026)",
    "assumed",
)
VERTEX_EPOCHS_SOME = Fact(
    10,
    "the threshold is not public; 500 examples of gemini-1.5-pro-002 resolved to 10 (recorded: "
    "github.com/mscraftsman/generative-ai src/Mscc.GenerativeAI/Types/Generative/TuningJob.cs)",
    "assumed",
)
VERTEX_EPOCHS_MANY = Fact(5, "no recording", "assumed")
VERTEX_EPOCHS_MOST = Fact(3, "no recording", "assumed")
VERTEX_EPOCHS = (
    (200, VERTEX_EPOCHS_FEW),
    (500, VERTEX_EPOCHS_SOME),
    (5000, VERTEX_EPOCHS_MANY),
    (0, VERTEX_EPOCHS_MOST),
)
"""(up to how many examples, epochs) in ascending order; 0: any number."""

VERTEX_LEARNING_RATE_MULTIPLIER = Fact(
    1.0,
    "recorded: github.com/mscraftsman/generative-ai src/Mscc.GenerativeAI/Types/Generative/TuningJob.cs",
    "recorded",
)
VERTEX_LEARNING_RATE = Fact(0.001, _OURS, "assumed")
"""What the multiplier multiplies."""
VERTEX_SMALL_BATCH_SIZE = Fact(4, _OURS, "assumed")
VERTEX_LARGE_BATCH_SIZE = Fact(16, _OURS, "assumed")
VERTEX_LARGE_DATASET_EXAMPLES = Fact(500, _OURS, "assumed")
VERTEX_BETA = Fact(0.1, "the example of the preference tuning page; 0.01 to 0.5 recommended", "assumed")

OPEN_EPOCHS = Fact(1, _OPEN_DOC, "documented")
OPEN_ADAPTER_LEARNING_RATE = Fact(1e-4, _OPEN_DOC, "documented")
OPEN_FULL_LEARNING_RATE = Fact(2e-5, _OPEN_DOC, "documented")

REINFORCEMENT_BATCH_SIZE = Fact(32, _RL_DOC, "documented")
REINFORCEMENT_SAMPLES_PER_PROMPT = Fact(16, _RL_DOC, "documented")
REINFORCEMENT_MAX_EPOCHS = Fact(10, _RL_DOC, "documented")
REINFORCEMENT_PASSES = Fact(110, f"{_RL_DOC}: batches seen by default", "documented")
REINFORCEMENT_ADAPTER_SIZE = Fact(16, _RL_DOC, "documented")
VEO_DATA_MIXTURE_RATIO = Fact(0.1, f"{_DISCOVERY}, VeoHyperParameters", "documented")

ROWS: tuple[Row, ...] = name_rows(globals(), Row)
"""All rows."""


class Defaults(Struct, frozen=True):
    """What a job uses when its request says nothing. ``adapter_size`` 0: the model takes no adapter.

    ``packed``: ``batch_size`` is how many examples fill a step's sequences, and nobody's choice.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    learning_rate_multiplier: float = 1.0
    adapter_size: int = 4
    beta: float = 0.1
    packed: bool = False


def gemini_defaults(examples: int) -> Defaults:
    """Defaults of a tuned model with so many training examples."""
    large = examples > GEMINI_LARGE_DATASET_EXAMPLES.value
    return Defaults(
        epochs=GEMINI_EPOCHS.value,
        batch_size=(GEMINI_LARGE_BATCH_SIZE if large else GEMINI_SMALL_BATCH_SIZE).value,
        learning_rate=(GEMINI_LARGE_LEARNING_RATE if large else GEMINI_SMALL_LEARNING_RATE).value,
    )


def vertex_defaults(
    model: BaseModel | None, method: str, examples: int, tokens: int = 0, sequences: int = 0
) -> Defaults:
    """Defaults of a tuning job with so many training examples.

    Args:
        model: Row of the base model; None when the table has none.
        method: Value of ``core.records.TuningMethod``.
        tokens: Of all examples; 0: not known, then nothing is packed.
        sequences: How many a step takes, where the request says so.
    """
    adapter_size = model.default_adapter_size if model else 4
    large = examples > VERTEX_LARGE_DATASET_EXAMPLES.value
    batch_size = (VERTEX_LARGE_BATCH_SIZE if large else VERTEX_SMALL_BATCH_SIZE).value
    if method == "reinforcement":
        return _reinforcement_defaults(examples)
    if model is not None and model.open:
        rate = OPEN_FULL_LEARNING_RATE if method == "full" or not adapter_size else OPEN_ADAPTER_LEARNING_RATE
        packed = bool(tokens and model.limits and model.limits.packed_sequences)
        if packed:
            batch_size = pack_examples(model, examples, tokens, sequences)
        return Defaults(OPEN_EPOCHS.value, batch_size, rate.value, adapter_size=adapter_size, packed=packed)
    return Defaults(
        epochs=vertex_epochs(examples),
        batch_size=batch_size,
        learning_rate=VERTEX_LEARNING_RATE.value,
        learning_rate_multiplier=VERTEX_LEARNING_RATE_MULTIPLIER.value,
        adapter_size=adapter_size,
        beta=VERTEX_BETA.value,
    )


def pack_examples(model: BaseModel, examples: int, tokens: int, sequences: int) -> int:
    """Examples a step of a model whose examples are packed: evenly spread over the steps that its tokens fill."""
    assert model.limits is not None
    in_step = model.limits.max_tokens_per_example * (sequences or model.limits.packed_sequences)
    steps = -(-tokens // in_step)
    return max(1, -(-examples // steps))


def vertex_epochs(examples: int) -> int:
    """Epochs for so many training examples."""
    return next(row.value for up_to, row in VERTEX_EPOCHS if not up_to or examples <= up_to)


def _reinforcement_defaults(examples: int) -> Defaults:
    batch_size = REINFORCEMENT_BATCH_SIZE.value
    epochs = REINFORCEMENT_PASSES.value * batch_size / max(examples, 1)
    return Defaults(
        epochs=max(1, int(min(epochs, REINFORCEMENT_MAX_EPOCHS.value))),
        batch_size=batch_size,
        learning_rate=VERTEX_LEARNING_RATE.value,
        adapter_size=REINFORCEMENT_ADAPTER_SIZE.value,
    )
