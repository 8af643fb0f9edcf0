"""google-generativeai as its tuning tutorial of 2024 used it: the next number, from a list of words and digits.

Source: https://ai.google.dev/gemini-api/docs/model-tuning/python as of August 2024, for the calls and their order.
"""

from __future__ import annotations

import itertools
import random

import google.generativeai as genai

genai.configure(api_key="an-old-key")

base_model = next(
    model
    for model in genai.list_models()
    if "createTunedModel" in model.supported_generation_methods and "flash" in model.name
)
words = "one two three four five six seven eight nine ten eleven".split()
training_data = [{"text_input": str(number), "output": str(number + 1)} for number in range(1, 16)]
training_data += [{"text_input": one, "output": other} for one, other in itertools.pairwise(words)]
name = f"generate-num-{random.randint(0, 10_000)}"
operation = genai.create_tuned_model(
    source_model=base_model.name, training_data=training_data, id=name, epoch_count=5, batch_size=4, learning_rate=0.001
)
model = genai.get_tuned_model(f"tunedModels/{name}")
print(model.state, operation.metadata.total_steps)
for status in operation.wait_bar():
    print(status.completed_percent)
tuned = operation.result()
losses = [snapshot.mean_loss for snapshot in operation.metadata.snapshots]
print(losses[0] > losses[-1], [one.name for one in genai.list_tuned_models()] == [tuned.name])
asked = genai.GenerativeModel(model_name=f"tunedModels/{name}")
answers = [asked.generate_content(text).text for text in ("7", "seven")]
genai.update_tuned_model(f"tunedModels/{name}", {"description": "This is my model."})
print(genai.get_tuned_model(f"tunedModels/{name}").description)
genai.delete_tuned_model(f"tunedModels/{name}")
print(*answers)
