"""What a tool like Kiln does: the data set into a bucket of its own, a tuning job, its state again and again, a model.

The calls are those of google-cloud-storage and of `vertexai.tuning.sft`; credentials are whatever google-auth finds.
"""

from __future__ import annotations

import json
import os
import time

import vertexai
from google.cloud import storage
from vertexai.generative_models import GenerativeModel
from vertexai.tuning import sft

project, location = os.environ["PROJECT"], "us-central1"
vertexai.init(project=project, location=location)

bucket = storage.Client(project=project).create_bucket(f"{project}-kiln-like", location=location)
lines = [
    {
        "systemInstruction": {"role": "system", "parts": [{"text": "Answer with the next number."}]},
        "contents": [
            {"role": "user", "parts": [{"text": str(number)}]},
            {"role": "model", "parts": [{"text": str(number + 1)}]},
        ],
    }
    for number in range(1, 21)
]
for name, part in (("train.jsonl", lines[:16]), ("validation.jsonl", lines[16:])):
    bucket.blob(name).upload_from_string("\n".join(json.dumps(line) for line in part))

job = sft.train(
    source_model="gemini-2.0-flash-001",
    train_dataset=f"gs://{bucket.name}/train.jsonl",
    validation_dataset=f"gs://{bucket.name}/validation.jsonl",
    tuned_model_display_name="next number",
    epochs=4,
    labels={"source": "tool"},
)
found = sft.SupervisedTuningJob(job.resource_name)
while not found.has_ended:
    time.sleep(0.2)
    found.refresh()
print(found.state.name, found.has_succeeded, found.error)
model = GenerativeModel(found.tuned_model_endpoint_name, system_instruction="Answer with the next number.")
print(model.generate_content("7").text)
