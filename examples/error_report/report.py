"""Says in a sentence why a tuning job failed, and what to do."""

from __future__ import annotations

from google.genai import types

ADVICE = {
    3: "Correct the dataset and start again.",
    8: "Wait for another job to end, or ask for more quota.",
    13: "Nothing is wrong with the job; start it again.",
}
"""By ``google.rpc.Code``."""


def describe(job: types.TuningJob) -> str:
    """A line for a chat channel."""
    title = job.tuned_model_display_name or job.name
    if job.state == types.JobState.JOB_STATE_SUCCEEDED:
        return f"{title}: ready."
    if job.state == types.JobState.JOB_STATE_CANCELLED:
        return f"{title}: cancelled by somebody."
    code = job.error.code if job.error else None
    text = job.error.message if job.error else "no reason given"
    return f"{title}: failed: {text} {ADVICE.get(code or 0, 'Ask an administrator.')}"
