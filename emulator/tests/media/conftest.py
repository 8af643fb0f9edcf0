"""Both APIs with a Cloud Storage that holds files, and a trainer that repeats what it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.gemini.serving import Serving as GeminiServing
from tests.media.files import make_film, make_pdf, make_picture, make_tone
from tests.vertex.serving import Serving as VertexServing
from tuning_emulator.storage.objects import HttpObjectStore
from tuning_emulator.testing.storage_server import StorageServer

RED_SQUARE = make_picture((96, 96), "red")
LETTER = make_pdf("Dear Anna", "Yours, Bert")
FILES = {
    "red.png": (RED_SQUARE, "image/png"),
    "letter.pdf": (LETTER, "application/pdf"),
    "tone.wav": (make_tone(440, 0.5, 2.0), "audio/wav"),
    "film.mp4": (make_film((0, 0, 255), 2), "video/mp4"),
    "notes.txt": (b"buy milk", "text/plain"),
    "broken.png": (b"no image", "image/png"),
}
BUCKET = "files"
RED = "[image 96x96 dark | red 100% | red red red / red red red / red red red]"


@pytest.fixture(scope="session")
def storage_url(process: None) -> Iterator[str]:
    """Cloud Storage with the files."""
    with StorageServer() as server:
        objects = HttpObjectStore(server.base_url)
        for name, (data, mime_type) in FILES.items():
            objects.write(f"gs://{BUCKET}/{name}", data, mime_type)
        yield server.base_url


@pytest.fixture
async def vertex(storage_url: str) -> AsyncIterator[VertexServing]:
    """Vertex AI."""
    one = VertexServing(storage_url)
    await one.start()
    yield one
    await one.stop()


@pytest.fixture
async def gemini(storage_url: str) -> AsyncIterator[GeminiServing]:
    """The Gemini API."""
    one = GeminiServing(storage=storage_url)
    await one.start()
    yield one
    await one.stop()
