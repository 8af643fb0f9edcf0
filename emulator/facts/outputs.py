"""Where a tuning job puts its results in the bucket of ``outputUri``."""

from __future__ import annotations

from emulator.facts.fact import Fact
from emulator.facts.limits import Limit

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
