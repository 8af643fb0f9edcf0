"""google-genai, synchronous. Argument: ``gemini`` or ``vertex``."""

from __future__ import annotations

import sys

from google import genai
from google.genai import errors, types
from story import (
    DATASET,
    EPOCHS,
    GEMINI_BASE,
    KEY,
    LOCATION,
    LONG_EPOCHS,
    PAIRS,
    PROJECT,
    QUESTION,
    URL,
    VERTEX_BASE,
    poll,
    tell,
    tell_refusal,
)

GEMINI = sys.argv[1] == "gemini"


def make_client() -> genai.Client:
    """As the documentation says, with the emulator's address."""
    if GEMINI:
        return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL))
    from google.oauth2.credentials import Credentials

    return genai.Client(
        vertexai=True,
        project=PROJECT,
        location=LOCATION,
        credentials=Credentials("anything"),
        http_options=types.HttpOptions(base_url=URL),
    )


client = make_client()


def tune(name: str, epochs: int) -> types.TuningJob:
    """Starts a job."""
    if GEMINI:
        examples = [types.TuningExample(text_input=one, output=other) for one, other in PAIRS]
        return client.tunings.tune(
            base_model=GEMINI_BASE,
            training_dataset=types.TuningDataset(examples=examples),
            config=types.CreateTuningJobConfig(
                tuned_model_display_name=name, epoch_count=epochs, batch_size=4, learning_rate=0.001
            ),
        )
    return client.tunings.tune(
        base_model=VERTEX_BASE,
        training_dataset=types.TuningDataset(gcs_uri=DATASET),
        config=types.CreateTuningJobConfig(tuned_model_display_name=name, epoch_count=epochs),
    )


def list_names() -> list[str]:
    """Names of the own jobs (tuned models, where the client lists no jobs)."""
    try:
        return [str(job.name) for job in client.tunings.list()]
    except ValueError:  # Gemini mode, from 1.74 on
        return [str(model.name) for model in client.models.list(config={"query_base": False})]


def main() -> None:
    """The whole way."""
    job = tune("next number", EPOCHS)
    tell("create", job.name)

    def look() -> tuple[str, bool]:
        found = client.tunings.get(name=job.name)
        return found.state.name, found.has_ended

    tell("poll", poll(look))
    done = client.tunings.get(name=job.name)
    tell("done", done.state.name)
    tell("list", job.name in list_names())
    model, endpoint = done.tuned_model.model, done.tuned_model.endpoint
    tell("get", client.models.get(model=model).display_name)
    tell("generate", client.models.generate_content(model=endpoint, contents=QUESTION).text)
    parts = [chunk.text for chunk in client.models.generate_content_stream(model=endpoint, contents=QUESTION)]
    tell("stream", "".join(part for part in parts if part))
    tell("count", client.models.count_tokens(model=endpoint, contents=QUESTION).total_tokens)
    changes = types.UpdateModelConfig(display_name="renamed", description="by google-genai")
    tell("update", client.models.update(model=model, config=changes).display_name)
    long = tune("to be cancelled", LONG_EPOCHS)
    if hasattr(client.tunings, "cancel"):
        try:
            client.tunings.cancel(name=long.name)
            state = poll(lambda: ((found := client.tunings.get(name=long.name)).state.name, found.has_ended))[-1]
            tell("cancel", state)
        except errors.APIError as error:
            tell_refusal("cancel", error.code)
    try:
        client.models.delete(model=model)
    except errors.APIError as error:  # Vertex AI: it is still deployed, and the client has nothing to undeploy it with
        tell_refusal("delete", error.code)
        return
    try:
        client.models.get(model=model)
    except errors.APIError as error:
        tell("delete", error.code)


main()
