"""google-genai, from 1.47 on, in Gemini mode: it drops the examples, and the service refuses a job without any."""

from __future__ import annotations

from google import genai
from google.genai import errors, types
from story import GEMINI_BASE, KEY, PAIRS, URL, tell, tell_refusal

client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL))
examples = [types.TuningExample(text_input=one, output=other) for one, other in PAIRS]
try:
    job = client.tunings.tune(
        base_model=GEMINI_BASE,
        training_dataset=types.TuningDataset(examples=examples),
        config=types.CreateTuningJobConfig(tuned_model_display_name="next number"),
    )
    tell("create", job.name)
except errors.APIError as error:
    tell_refusal("create", error.code)
