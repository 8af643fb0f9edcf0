"""Media in prompts of Vertex AI: what it says of those that it does not take, and a prompt's way past it."""

from __future__ import annotations

from functools import partial

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Api
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.base_models import BaseModel
from tuning_emulator.facts.media import LENGTH_UNITS, MediaKind
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.jobs.trainer import Target
from tuning_emulator.media.hints import note_unread
from tuning_emulator.media.parts import ReadContents
from tuning_emulator.media.replacing import has_media
from tuning_emulator.schema.schema import Value

_BROKEN = {"image": vertex_errors.IMAGE_INVALID, "document": vertex_errors.DOCUMENT_INVALID}
_WITH_ARTICLE: dict[MediaKind, str] = {
    "image": "an image",
    "audio": "an audio",
    "video": "a video",
    "document": "a document",
}


class VertexWords:
    """See ``MediaWords``."""

    api: Api = "vertex"

    def type_missing(self, field: str) -> ApiError | None:
        """Types are never found out."""
        return vertex_errors.MIME_TYPE_EMPTY(field=field)

    def type_unknown(self, mime_type: str) -> ApiError:
        """The recorded words."""
        return vertex_errors.MIME_TYPE_NOT_SUPPORTED(mime_type=mime_type)

    def kind_refused(self, kind: MediaKind, model: BaseModel) -> ApiError:  # noqa: ARG002 the text names none
        """Of models that take text, or text and images."""
        return vertex_errors.MEDIA_NOT_SUPPORTED(kind=kind)

    def broken(self, kind: MediaKind) -> ApiError:
        """Images and documents have words of their own."""
        return _BROKEN.get(kind, vertex_errors.MEDIA_INVALID)()

    def uri_refused(self, uri: str) -> ApiError | None:
        """Objects of Cloud Storage, and what is public in the web."""
        known = uri.startswith(("gs://", "https://", "http://"))
        return None if known else vertex_errors.FILE_URI_NOT_SUPPORTED(uri=uri)

    def denied(self, uri: str) -> ApiError:  # noqa: ARG002 the text names none
        """The recorded words."""
        return vertex_errors.FILE_DENIED()

    def too_many(self, kind: MediaKind, count: int, limit: int) -> ApiError:
        """A guess."""
        return vertex_errors.MEDIA_COUNT(kind=kind, count=count, limit=limit)

    def too_large(self, kind: MediaKind, size: int, limit: int) -> ApiError:
        """A guess."""
        return vertex_errors.MEDIA_SIZE(kind=_WITH_ARTICLE[kind], size=size, limit=limit)

    def too_long(self, kind: MediaKind, size: float, limit: int) -> ApiError:
        """A guess."""
        return vertex_errors.MEDIA_LENGTH(
            kind=_WITH_ARTICLE[kind], size=f"{size:.0f}", unit=LENGTH_UNITS[kind], limit=limit
        )


WORDS = VertexWords()


async def read_media(
    call: Call, backend: Backend, contents: list[Value], model: BaseModel, target: Target
) -> ReadContents:
    """The contents of a request with words in the place of media. Raises as ``PromptReader.read``."""
    note_unread(contents, model, call.notes)
    if not has_media(contents):
        return ReadContents(contents, contents, {})
    resolution = (call.request.get("generation_config") or {}).get("media_resolution") or ""
    sees = backend.answering.sees(target)
    look = partial(backend.media.read, contents, model, WORDS, str(resolution), sees=sees)
    read = await backend.media.reader.run(look)
    call.notes.extend(read.notes)
    return read
