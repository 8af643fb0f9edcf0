"""langchain-google-genai and langchain-google-vertexai on tuned models. Argument: ``gemini``, ``vertex`` or ``gapic``.

langchain tunes nothing: google-genai, which is installed with it, makes the tuned model.
"""

from __future__ import annotations

import sys
from typing import Any

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from story import DATASET, EPOCHS, GEMINI_BASE, KEY, LOCATION, PROJECT, QUESTION, URL, VERTEX_BASE, poll, tell

KIND = sys.argv[1]


def make_tuned_model() -> str:
    """A tuned model, or the endpoint of one."""
    options = types.HttpOptions(base_url=URL)
    if KIND == "gemini":
        client, base, dataset = genai.Client(api_key=KEY, http_options=options), GEMINI_BASE, types.TuningDataset()
    else:
        client = genai.Client(
            vertexai=True,
            project=PROJECT,
            location=LOCATION,
            credentials=Credentials("anything"),
            http_options=options,
        )
        base, dataset = VERTEX_BASE, types.TuningDataset(gcs_uri=DATASET)
    config = types.CreateTuningJobConfig(tuned_model_display_name="next number", epoch_count=EPOCHS)
    job = client.tunings.tune(base_model=base, training_dataset=dataset, config=config)
    poll(lambda: ((found := client.tunings.get(name=job.name)).state.name, found.has_ended))
    return str(client.tunings.get(name=job.name).tuned_model.endpoint)


def make_chat(name: str) -> Any:
    """As langchain's documentation says, with the emulator's address."""
    if KIND == "gapic":
        from langchain_google_vertexai import ChatVertexAI

        return ChatVertexAI(
            model_name=VERTEX_BASE,
            tuned_model_name=name,
            project=PROJECT,
            location=LOCATION,
            api_endpoint=URL,
            api_transport="rest",
            credentials=Credentials("anything"),
        )
    from langchain_google_genai import ChatGoogleGenerativeAI

    if KIND == "gemini":
        return ChatGoogleGenerativeAI(model=name, api_key=KEY, base_url=URL)
    return ChatGoogleGenerativeAI(
        model=name,
        vertexai=True,
        project=PROJECT,
        location=LOCATION,
        credentials=Credentials("anything"),
        base_url=URL,
    )


def main() -> None:
    """What langchain does with a model."""
    name = make_tuned_model()
    chat = make_chat(name)
    tell("generate", chat.invoke(QUESTION).content)
    tell("stream", "".join(chunk.content for chunk in chat.stream(QUESTION)))
    if KIND != "gapic":
        tell("count", chat.get_num_tokens(QUESTION))


main()
