"""What a program of langchain's does with a tuned model of either API: a prompt, the model, a parser in a chain."""

from __future__ import annotations

import os
import time
from typing import Any

from google import genai
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_google_genai import ChatGoogleGenerativeAI

project, location = os.environ["PROJECT"], "us-central1"


def tune() -> str:
    """The endpoint of a tuned model; langchain itself tunes nothing."""
    client = genai.Client(vertexai=True, project=project, location=location)
    dataset: Any = {"gcs_uri": "gs://client-data/train.jsonl"}
    job = client.tunings.tune(base_model="gemini-2.0-flash-001", training_dataset=dataset)
    while not job.has_ended:
        time.sleep(0.2)
        job = client.tunings.get(name=job.name)
    return str(job.tuned_model.endpoint)


prompt = ChatPromptTemplate.from_messages([("human", "{number}")])
model = ChatGoogleGenerativeAI(model=tune(), vertexai=True, project=project, location=location, temperature=0)
chain = prompt | model | StrOutputParser()
print(chain.batch([{"number": "1"}, {"number": "three"}, {"number": "3"}]))
print("".join(chain.stream({"number": "seven"})))
