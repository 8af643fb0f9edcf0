"""The quick-start cells of Google's notebook on supervised tuning, with google-genai: Google's own data set, no file.

Source: gemini/tuning/sft_gemini_2_0_flash_text_classification.ipynb and its siblings of
github.com/GoogleCloudPlatform/generative-ai, for the calls and their order.
"""

from __future__ import annotations

import os
import time

from google import genai
from google.genai import types

client = genai.Client(vertexai=True, project=os.environ["PROJECT"], location="us-central1")
folder = "gs://cloud-samples-data/ai-platform/generative_ai/gemini-2_0/text"
job = client.tunings.tune(
    base_model="gemini-2.5-flash",
    training_dataset=types.TuningDataset(gcs_uri=f"{folder}/sft_train_data.jsonl"),
    config=types.CreateTuningJobConfig(
        epoch_count=1,
        tuned_model_display_name="quick start",
        validation_dataset=types.TuningValidationDataset(gcs_uri=f"{folder}/sft_validation_data.jsonl"),
    ),
)
running = {"JOB_STATE_PENDING", "JOB_STATE_QUEUED", "JOB_STATE_RUNNING"}
while job.state.name in running:
    job = client.tunings.get(name=job.name)
    time.sleep(0.2)
answer = client.models.generate_content(model=job.tuned_model.endpoint, contents="Why is the sky blue?")
print(bool(answer.text), [one.name for one in client.tunings.list()] == [job.name])
print(job.state.name)
