"""What happens when somebody presses "cancel" on a tuning job."""

from __future__ import annotations

from google import genai
from google.genai import errors, types


def press(client: genai.Client, name: str) -> str:
    """Asks for the end of a job; a sentence for the person who pressed."""
    try:
        client.tunings.cancel(name=name)
    except errors.ClientError as error:
        if error.code != 400:
            raise
        return "This job has already ended."
    job = client.tunings.get(name=name)
    if job.state == types.JobState.JOB_STATE_CANCELLED:
        return "Cancelled."
    return "Cancelling; what was trained so far is thrown away."
