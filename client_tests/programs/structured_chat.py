"""Clients that want answers of a given form, on a tuned endpoint of Vertex AI: OpenAI's own, and those over it or over
``generateContent``. Argument: openai, pydantic-ai, instructor, langchain, pydantic-ai-google or langchain-google.

They tune nothing: google-genai, which is installed with them, makes the tuned model, on pairs whose answers are JSON.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from pydantic import BaseModel
from story import EPOCHS, LOCATION, OBJECTS, PROJECT, QUESTION, URL, VERTEX_BASE, poll, tell

KIND = sys.argv[1]
TOKEN = "anything"
WORDS = {"role": "user", "content": QUESTION}


class Following(BaseModel):
    """The number that follows."""

    word: str
    digits: int


def make_client() -> genai.Client:
    """google-genai, pointed at the emulator."""
    return genai.Client(
        vertexai=True,
        project=PROJECT,
        location=LOCATION,
        credentials=Credentials(TOKEN),
        http_options=types.HttpOptions(base_url=URL),
    )


def make_endpoint() -> str:
    """The endpoint of a tuned model."""
    client = make_client()
    job = client.tunings.tune(
        base_model=VERTEX_BASE,
        training_dataset=types.TuningDataset(gcs_uri=OBJECTS),
        config=types.CreateTuningJobConfig(tuned_model_display_name="next number", epoch_count=EPOCHS),
    )
    tell("create", job.name)
    tell("poll", poll(lambda: ((found := client.tunings.get(name=job.name)).state.name, found.has_ended)))
    done = client.tunings.get(name=job.name)
    tell("done", done.state.name)
    return str(done.tuned_model.endpoint)


def use_openai(endpoint: str) -> None:
    """The client itself."""
    from openai import BadRequestError, OpenAI
    from openai.types.chat.completion_create_params import CompletionCreateParamsBase

    client = OpenAI(base_url=f"{URL}/v1/{endpoint}", api_key=TOKEN, max_retries=0)
    answer = client.chat.completions.create(model="tuned", messages=[WORDS])
    tell("generate", answer.choices[0].message.content)
    chunks = client.chat.completions.create(model="tuned", messages=[WORDS], stream=True)
    tell("stream", "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices))
    parsed = client.chat.completions.parse(model="tuned", messages=[WORDS], response_format=Following)
    tell("structured", parsed.choices[0].message.parsed.model_dump())
    parameters = {"type": "object", "properties": {"word": {"type": "string", "enum": ["seven", "eight"]}}}
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {**parameters, "required": ["word"]}}}
    called = client.chat.completions.create(model="tuned", messages=[WORDS], tools=[tool], tool_choice="required")
    (call,) = called.choices[0].message.tool_calls[:1]
    result = {"role": "tool", "tool_call_id": call.id, "content": "a number"}
    first = called.choices[0].message.model_copy(update={"tool_calls": [call]})
    after = client.chat.completions.create(model="tuned", messages=[WORDS, first, result], tools=[tool])
    tell("call", call.function.name == "look_up" and after.choices[0].message.role == "assistant")
    try:
        client.chat.completions.create(model="tuned", messages=[WORDS], temperature=9)
    except BadRequestError as error:
        tell("refuse", error.status_code)
    tell("parameters", sorted([*CompletionCreateParamsBase.__annotations__, "stream"]))


def use_pydantic_ai(endpoint: str) -> None:
    """Over chat completions."""
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    run_agents(OpenAIChatModel("tuned", provider=OpenAIProvider(base_url=f"{URL}/v1/{endpoint}", api_key=TOKEN)))


def use_pydantic_ai_google(endpoint: str) -> None:
    """Over ``generateContent``."""
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google_cloud import GoogleCloudProvider

    run_agents(GoogleModel(endpoint, provider=GoogleCloudProvider(client=make_client())))


def run_agents(model: Any) -> None:
    """Agents whose output is a model, once as JSON and once as a call, their default."""
    from pydantic_ai import Agent, NativeOutput

    async def stream() -> str:
        async with Agent(model).run_stream(QUESTION) as run:
            return str(await run.get_output())

    tell("generate", Agent(model).run_sync(QUESTION).output)
    tell("stream", asyncio.run(stream()))
    with_json = Agent(model, output_type=NativeOutput(Following)).run_sync(QUESTION)
    tell("structured", with_json.output.model_dump())
    with_call = Agent(model, output_type=Following).run_sync(QUESTION)
    tell("call", isinstance(with_call.output, Following))


def use_instructor(endpoint: str) -> None:
    """A client that answers with models: by JSON schema, and by a call, its default."""
    import instructor
    from openai import OpenAI

    client = OpenAI(base_url=f"{URL}/v1/{endpoint}", api_key=TOKEN, max_retries=0)
    wanted: Any = {"model": "tuned", "messages": [WORDS], "response_model": Following}
    by_schema = instructor.from_openai(client, mode=instructor.Mode.JSON_SCHEMA)
    tell("structured", by_schema.chat.completions.create(**wanted).model_dump())
    by_call = instructor.from_openai(client)
    tell("call", isinstance(by_call.chat.completions.create(**wanted), Following))


def use_langchain(endpoint: str) -> None:
    """Over chat completions."""
    from langchain_openai import ChatOpenAI

    run_chat(ChatOpenAI(model="tuned", base_url=f"{URL}/v1/{endpoint}", api_key=TOKEN, max_retries=0))


def use_langchain_google(endpoint: str) -> None:
    """Over ``generateContent``."""
    from langchain_google_genai import ChatGoogleGenerativeAI

    place = {"project": PROJECT, "location": LOCATION, "base_url": URL}
    run_chat(ChatGoogleGenerativeAI(model=endpoint, vertexai=True, credentials=Credentials(TOKEN), **place))


def run_chat(chat: Any) -> None:
    """``with_structured_output``, by JSON schema, its default, and by a call."""
    tell("generate", chat.invoke(QUESTION).content)
    tell("stream", "".join(chunk.content for chunk in chat.stream(QUESTION)))
    tell("structured", chat.with_structured_output(Following).invoke(QUESTION).model_dump())
    by_call = chat.with_structured_output(Following, method="function_calling").invoke(QUESTION)
    tell("call", isinstance(by_call, Following))


USES = {
    "openai": use_openai,
    "pydantic-ai": use_pydantic_ai,
    "pydantic-ai-google": use_pydantic_ai_google,
    "instructor": use_instructor,
    "langchain": use_langchain,
    "langchain-google": use_langchain_google,
}

USES[KIND](make_endpoint())
