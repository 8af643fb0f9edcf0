"""google-ai-generativelanguage, the generated client. Argument: ``rest``, ``grpc`` (over TLS) or ``plain`` (gRPC)."""

from __future__ import annotations

import sys
from typing import Any

import grpc
from google.ai import generativelanguage_v1beta as glm
from google.api_core import exceptions
from google.protobuf import field_mask_pb2
from story import EPOCHS, FRIEND, GEMINI_BASE, HOST, KEY, LONG_EPOCHS, PAIRS, QUESTION, URL, poll, tell

TRANSPORT = sys.argv[1]
ENDPOINT = URL if TRANSPORT == "rest" else f"localhost:{HOST.rpartition(':')[2]}"


def make_client(kind: Any) -> Any:
    """A client of a service."""
    if TRANSPORT == "plain":
        return kind(transport=kind.get_transport_class("grpc")(channel=grpc.insecure_channel(HOST)))
    return kind(transport=TRANSPORT, client_options={"api_endpoint": ENDPOINT, "api_key": KEY})


models = make_client(glm.ModelServiceClient)
permissions = make_client(glm.PermissionServiceClient)
generation = make_client(glm.GenerativeServiceClient)


def tune(name: str, epochs: int) -> object:
    """Starts a job; its operation."""
    examples = [glm.TuningExample(text_input=one, output=other) for one, other in PAIRS]
    task = glm.TuningTask(
        training_data=glm.Dataset(examples=glm.TuningExamples(examples=examples)),
        hyperparameters=glm.Hyperparameters(epoch_count=epochs, batch_size=4, learning_rate=0.001),
    )
    model = glm.TunedModel(display_name=name, base_model=GEMINI_BASE, tuning_task=task)
    return models.create_tuned_model(tuned_model=model)


def share(name: str) -> list[str]:
    """Lets a friend read, then write, then nothing; the roles seen."""
    kind = glm.Permission.GranteeType.USER
    wanted = glm.Permission(role=glm.Permission.Role.READER, grantee_type=kind, email_address=FRIEND)
    made = permissions.create_permission(glm.CreatePermissionRequest(parent=name, permission=wanted))
    roles = [made.role.name]
    made.role = glm.Permission.Role.WRITER
    permissions.update_permission(permission=made, update_mask=field_mask_pb2.FieldMask(paths=["role"]))
    roles.append(permissions.get_permission(name=made.name).role.name)
    permissions.delete_permission(name=made.name)
    listed = permissions.list_permissions(glm.ListPermissionsRequest(parent=name))
    return [*roles, *(one.role.name for one in listed if one.email_address == FRIEND)]


def main() -> None:
    """The whole way."""
    operation = tune("next number", EPOCHS)
    name = operation.metadata.tuned_model
    tell("create", name)
    tell("poll", poll(lambda: ((state := models.get_tuned_model(name=name).state.name), state != "CREATING")))
    tell("done", operation.result().state.name)
    tell("list", name in [one.name for one in models.list_tuned_models()])
    tell("get", models.get_tuned_model(name=name).display_name)
    contents = [glm.Content(role="user", parts=[glm.Part(text=QUESTION)])]
    asked = glm.GenerateContentRequest(model=name, contents=contents)
    tell("generate", generation.generate_content(asked).candidates[0].content.parts[0].text)
    chunks = generation.stream_generate_content(asked)
    tell("stream", "".join(part.text for chunk in chunks for part in chunk.candidates[0].content.parts))
    if TRANSPORT != "rest":
        tell("count", generation.count_tokens(model=name, contents=contents).total_tokens)
    changed = glm.TunedModel(name=name, display_name="renamed")
    models.update_tuned_model(tuned_model=changed, update_mask=field_mask_pb2.FieldMask(paths=["display_name"]))
    tell("update", models.get_tuned_model(name=name).display_name)
    tell("permissions", share(name))
    if TRANSPORT != "rest":
        long = tune("to be cancelled", LONG_EPOCHS)
        long.cancel()
        tell("cancel", poll(lambda: ((ended := long.done()) and str(long.cancelled()), ended))[-1])
    models.delete_tuned_model(name=name)
    try:
        models.get_tuned_model(name=name)
    except exceptions.GoogleAPICallError as error:
        tell("delete", error.code)


main()
