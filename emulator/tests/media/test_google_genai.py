"""google-genai's own ways to send files, unmodified, to both APIs; and an AI SDK's form of them over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.media.conftest import LETTER, RED, RED_SQUARE
from tests.server_process import running_server

genai = pytest.importorskip("google.genai", reason="the official client is not installed: tuning-emulator[demo]")
fixed = pytest.importorskip("google.oauth2.credentials")
storage = pytest.importorskip("google.cloud.storage", reason="the official client is not installed: [demo]")
anonymous = pytest.importorskip("google.auth.credentials")
MODEL = "gemini-2.5-flash"


@pytest.fixture(scope="module")
def server(process: None) -> Iterator[dict[str, str]]:
    """The command line's server on free ports, with a picture in its Cloud Storage."""
    with running_server("--trainer", "scripted") as running:
        options = {"api_endpoint": running.environment["STORAGE_EMULATOR_HOST"]}
        client = storage.Client(
            project="my-project", credentials=anonymous.AnonymousCredentials(), client_options=options
        )
        bucket = client.create_bucket("pictures")
        bucket.blob("red.png").upload_from_string(RED_SQUARE, "image/png")
        yield running.environment


@pytest.fixture(params=["vertex", "gemini"])
def client(request: pytest.FixtureRequest, server: dict[str, str]) -> Any:
    """google-genai in each of its modes."""
    if request.param == "gemini":
        return genai.Client(api_key="key", http_options={"base_url": server["GOOGLE_GEMINI_BASE_URL"]})
    return genai.Client(
        vertexai=True,
        project="my-project",
        location="us-central1",
        credentials=fixed.Credentials("token"),
        http_options={"base_url": server["GOOGLE_VERTEX_BASE_URL"]},
    )


def test_bytes_and_uris(client: Any) -> None:
    """``Part.from_bytes`` and ``Part.from_uri``; tokens by modality, and as many as ``count_tokens`` says."""
    part = genai.types.Part
    contents = [
        part.from_bytes(data=RED_SQUARE, mime_type="image/png"),
        part.from_uri(file_uri="gs://pictures/red.png", mime_type="image/png"),
        part.from_bytes(data=LETTER, mime_type="application/pdf"),
        "What is it?",
    ]
    reply = client.models.generate_content(model=MODEL, contents=contents)
    assert reply.text == f"{RED}\n{RED}\nDear Anna\nYours, Bert\nWhat is it?"
    details = {one.modality.name: one.token_count for one in reply.usage_metadata.prompt_tokens_details}
    assert (details["IMAGE"], details["DOCUMENT"]) == (516, 516)
    counted = client.models.count_tokens(model=MODEL, contents=contents)
    assert counted.total_tokens == reply.usage_metadata.prompt_token_count == sum(details.values())


def test_grpc_carries_bytes(server: dict[str, str]) -> None:
    """The generated client of the Gemini API, over gRPC on the same port."""
    import grpc
    from google.ai import generativelanguage_v1beta as gl

    kind = gl.GenerativeServiceClient
    address = server["GOOGLE_GEMINI_BASE_URL"].removeprefix("http://")
    with grpc.insecure_channel(address) as channel:
        client = kind(transport=kind.get_transport_class("grpc")(channel=channel))
        part = gl.Part(inline_data=gl.Blob(mime_type="image/png", data=RED_SQUARE))
        contents = [gl.Content(role="user", parts=[part])]
        metadata = [("x-goog-api-key", "key")]
        reply = client.generate_content(model=f"models/{MODEL}", contents=contents, metadata=metadata)
    assert reply.candidates[0].content.parts[0].text == RED
    (image,) = (one for one in reply.usage_metadata.prompt_tokens_details if one.token_count)
    assert (image.modality.name, image.token_count) == ("IMAGE", 258)


def test_a_broken_picture_is_a_client_error(client: Any) -> None:
    """With the services' code."""
    broken = genai.types.Part.from_bytes(data=b"no picture", mime_type="image/png")
    with pytest.raises(genai.errors.ClientError) as caught:
        client.models.generate_content(model=MODEL, contents=[broken])
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


def test_the_log_names_what_is_not_fetched(client: Any, server: dict[str, str]) -> None:
    """And the answer is there all the same."""
    part = genai.types.Part.from_uri(file_uri="https://example.com/a.png", mime_type="image/png")
    reply = client.models.generate_content(model=MODEL, contents=[part, "What?"])
    assert reply.text == "[image]\nWhat?"
