"""The same cells with the Vertex AI SDK: `vertexai.init`, `sft.train`, `sft_tuning_job.refresh`.

Source: gemini/tuning/supervised_finetuning_using_gemini_qa.ipynb and its siblings of
github.com/GoogleCloudPlatform/generative-ai, for the calls and their order.
"""

from __future__ import annotations

import os
import time

import vertexai
from vertexai.generative_models import GenerativeModel
from vertexai.tuning import sft

vertexai.init(project=os.environ["PROJECT"], location="us-central1")
folder = "gs://cloud-samples-data/ai-platform/generative_ai/gemini-2_0/text"
sft_tuning_job = sft.train(
    source_model="gemini-2.0-flash-001",
    train_dataset=f"{folder}/sft_train_data.jsonl",
    validation_dataset=f"{folder}/sft_validation_data.jsonl",
    epochs=1,
    tuned_model_display_name="quick start",
)
while not sft_tuning_job.refresh().has_ended:
    time.sleep(0.2)
tuned_model = GenerativeModel(sft_tuning_job.tuned_model_endpoint_name)
print(bool(tuned_model.generate_content("Why is the sky blue?").text), sft_tuning_job.experiment.name != "")
print(sft_tuning_job.state.name)
