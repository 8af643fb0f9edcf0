"""What a gateway like litellm does: Vertex AI over plain HTTP, with a token of google-auth's in every request.

A tuning job in the form of OpenAI's is turned into Vertex AI's, and a chat into `generateContent` of the endpoint.
"""

from __future__ import annotations

import os
import time
from typing import Any

import google.auth
import httpx
from google.auth.transport.requests import Request

project, location = os.environ["PROJECT"], "us-central1"
host = f"https://{location}-aiplatform.googleapis.com"
parent = f"projects/{project}/locations/{location}"


def make_headers() -> dict[str, str]:
    """A fresh token, as for every call."""
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(Request())
    return {"Authorization": f"Bearer {credentials.token}", "Content-Type": "application/json"}


def call(method: str, path: str, body: Any = None) -> Any:
    """One request, with an error for whatever is no 200."""
    answer = httpx.request(method, f"{host}/{path}", json=body, headers=make_headers(), timeout=60)
    answer.raise_for_status()
    return answer.json()


asked = {"model": "gemini-2.0-flash-001", "training_file": "gs://client-data/train.jsonl", "n_epochs": 4}
spec = {"trainingDatasetUri": asked["training_file"], "hyperParameters": {"epochCount": asked["n_epochs"]}}
job = call("POST", f"v1/{parent}/tuningJobs", {"baseModel": asked["model"], "supervisedTuningSpec": spec})
while job["state"] not in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
    time.sleep(0.2)
    job = call("GET", f"v1/{job['name']}")
listed = call("GET", f"v1/{parent}/tuningJobs")["tuningJobs"]
print(job["state"], [one["name"] for one in listed] == [job["name"]])

chat = {"messages": [{"role": "system", "content": "Count."}, {"role": "user", "content": "seven"}], "temperature": 0}
system, user = chat["messages"]
body = {
    "contents": [{"role": "user", "parts": [{"text": user["content"]}]}],
    "system_instruction": {"parts": [{"text": system["content"]}]},
    "generationConfig": {"temperature": chat["temperature"]},
}
said = call("POST", f"v1/{job['tunedModel']['endpoint']}:generateContent", body)
print(said["usageMetadata"]["totalTokenCount"] > 0)
print(said["candidates"][0]["content"]["parts"][0]["text"])
