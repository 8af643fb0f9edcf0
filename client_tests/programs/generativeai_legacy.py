"""google-generativeai. Argument: ``rest`` or ``grpc``."""

from __future__ import annotations

import sys

import google.generativeai as genai
from google.api_core import exceptions
from story import EPOCHS, FRIEND, GEMINI_BASE, HOST, KEY, LONG_EPOCHS, PAIRS, QUESTION, URL, poll, tell

TRANSPORT = sys.argv[1]
ENDPOINT = URL if TRANSPORT == "rest" else f"localhost:{HOST.rpartition(':')[2]}"

genai.configure(api_key=KEY, transport=TRANSPORT, client_options={"api_endpoint": ENDPOINT})


def tune(name: str, epochs: int) -> genai.operations.CreateTunedModelOperation:
    """Starts a job."""
    return genai.create_tuned_model(
        source_model=GEMINI_BASE,
        training_data=[{"text_input": one, "output": other} for one, other in PAIRS],
        display_name=name,
        epoch_count=epochs,
        batch_size=4,
        learning_rate=0.001,
    )


def main() -> None:
    """The whole way."""
    operation = tune("next number", EPOCHS)
    name = operation.name.partition("/operations/")[0]
    tell("create", name)
    tell("poll", poll(lambda: ((state := genai.get_tuned_model(name).state.name), state != "CREATING")))
    operation.done()
    model = operation.result()
    tell("done", model.state.name)
    tell("list", name in [one.name for one in genai.list_tuned_models()])
    tell("get", genai.get_tuned_model(name).display_name)
    asked = genai.GenerativeModel(model_name=name)
    tell("generate", asked.generate_content(QUESTION).text)
    tell("stream", "".join(chunk.text for chunk in asked.generate_content(QUESTION, stream=True) if chunk.parts))
    if TRANSPORT == "grpc":
        tell("count", asked.count_tokens(QUESTION).total_tokens)
    genai.update_tuned_model(name, {"display_name": "renamed", "description": "by google-generativeai"})
    tell("update", genai.get_tuned_model(name).display_name)
    tell("permissions", share(genai.get_tuned_model(name)))
    long = tune("to be cancelled", LONG_EPOCHS)
    tell("cancel", long.cancel() or poll(lambda: (str(ended := long.done()), ended))[-1])
    genai.delete_tuned_model(name)
    try:
        genai.get_tuned_model(name)
    except exceptions.GoogleAPICallError as error:
        tell("delete", error.code)


def share(model: genai.types.TunedModel) -> list[str]:
    """Lets a friend read, then write, then nothing; the roles seen."""
    made = model.permissions.create(role="READER", grantee_type="USER", email_address=FRIEND)
    roles = [made.role.name]
    made.update({"role": "WRITER"})
    roles += [one.role.name for one in model.permissions.list() if one.email_address == FRIEND]
    made.delete()
    return [*roles, *(one.role.name for one in model.permissions.list() if one.email_address == FRIEND)]


main()
