"""Media in prompts of the Gemini API: what it says of those that it does not take, and a prompt's way past it."""

from __future__ import annotations

import re
from functools import partial

from msgspec import structs

from tuning_emulator.api.call import Call
from tuning_emulator.core.as_of import Day
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Api
from tuning_emulator.facts import gemini_errors
from tuning_emulator.facts.base_models import BaseModel
from tuning_emulator.facts.media import GEMINI_FETCHES_SINCE, LENGTH_UNITS, MediaKind
from tuning_emulator.gemini.prompts import ContentRequest
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.media.hints import note_unread
from tuning_emulator.media.parts import ReadContents
from tuning_emulator.media.replacing import has_media

MODALITIES: dict[MediaKind, str] = {"image": "Image", "audio": "Audio", "video": "Video", "document": "Document"}
_BROKEN = {"image": gemini_errors.IMAGE_INVALID, "document": gemini_errors.DOCUMENT_INVALID}
_FILE = re.compile(r"(?:https://generativelanguage\.googleapis\.com/v\w+/)?files/([^/]+)")


class GeminiWords:
    """See ``MediaWords``. Files that were uploaded by the Files API are none of this emulator's."""

    api: Api = "gemini"

    def __init__(self, model: str, day: Day) -> None:
        self._model, self._day = model, day

    def type_missing(self, field: str) -> ApiError | None:
        """Of a URI the type is found out; of bytes it is one that is not supported."""
        return None if field == "fileData" else gemini_errors.MIME_TYPE(mime_type="")

    def type_unknown(self, mime_type: str) -> ApiError:
        """The recorded words."""
        return gemini_errors.MIME_TYPE(mime_type=mime_type)

    def kind_refused(self, kind: MediaKind, model: BaseModel) -> ApiError:  # noqa: ARG002 the name asked for is told
        """Of models that take text alone, tuned ones among them."""
        return gemini_errors.INPUT_MODALITY(modality=MODALITIES[kind], model=self._model)

    def broken(self, kind: MediaKind) -> ApiError:
        """Images and documents have words of their own."""
        return _BROKEN.get(kind, gemini_errors.MEDIA_INVALID)()

    def uri_refused(self, uri: str) -> ApiError | None:
        """Files of the Files API; since 2026 objects of Cloud Storage, and what is public in the web."""
        if file := _FILE.fullmatch(uri):
            return gemini_errors.FILE_DENIED(id=file[1])
        if uri.startswith(("gs://", "https://", "http://")) and self._day.offers(GEMINI_FETCHES_SINCE.value, ""):
            return None
        return gemini_errors.FILE_URI(uri=uri)

    def denied(self, uri: str) -> ApiError:
        """An object's, as a file's: assumed."""
        return gemini_errors.FILE_DENIED(id=uri)

    def too_many(self, kind: MediaKind, count: int, limit: int) -> ApiError:
        """A guess."""
        return gemini_errors.MEDIA_COUNT(kind=kind, count=count, limit=limit)

    def too_large(self, kind: MediaKind, size: int, limit: int) -> ApiError:  # noqa: ARG002 the text names none
        """A guess."""
        return gemini_errors.MEDIA_SIZE(size=size, limit=limit)

    def too_long(self, kind: MediaKind, size: float, limit: int) -> ApiError:
        """A guess."""
        return gemini_errors.MEDIA_LENGTH(size=f"{size:.0f}", unit=LENGTH_UNITS[kind], limit=limit)


async def read_media(call: Call, backend: Backend, asked: ContentRequest) -> ReadContents:
    """The contents of a request with words in the place of media. Raises as ``PromptReader.read``."""
    note_unread(asked.contents, asked.base, call.notes)
    if not has_media(asked.contents):
        return ReadContents(asked.contents, asked.contents, {})
    words = GeminiWords(asked.model, asked.day)
    base = structs.replace(asked.base, modalities=("text",)) if asked.is_tuned else asked.base
    resolution = str(asked.config.get("media_resolution") or "")
    sees = backend.answering.sees(backend.answering.target_base(base.id, call.caller.project))
    look = partial(backend.media.read, asked.contents, base, words, resolution, sees=sees)
    read = await backend.media.reader.run(look)
    call.notes.extend(read.notes)
    return read
