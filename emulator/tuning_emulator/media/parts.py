"""The media among the parts of a prompt: checked, fetched, read, and replaced by their words."""

from __future__ import annotations

import mimetypes
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from msgspec import Struct, structs

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Api
from tuning_emulator.facts import emulator_errors
from tuning_emulator.facts.media import MediaKind, MediaLimits, MediaRules, find_kind
from tuning_emulator.facts.model_row import BaseModel
from tuning_emulator.media.hints import explain_rest
from tuning_emulator.media.medium import (
    PLACEHOLDERS,
    BrokenMediumError,
    Medium,
    ReaderFailedError,
    ReadMedium,
    Source,
)
from tuning_emulator.media.reading import MediaReader
from tuning_emulator.media.replacing import MEDIA_FIELDS, MOST_SHOWN_BYTES, list_media, replace_media, show_images
from tuning_emulator.media.tokens import count_medium, read_clip, read_resolution
from tuning_emulator.schema.schema import Value
from tuning_emulator.storage.objects import ObjectForbiddenError, ObjectNotFoundError, ObjectStore, StorageError

MOST_SECONDS: Final = 60
MOST_CHARACTERS: Final = 1_000_000
"""For all files of a request together; one alone has bounds of its own."""
LARGEST_BYTES: Final = 100 << 20
"""Of a file that is read here at all."""
_OWN_HOST = re.compile(r"(?:(?P<bucket>[a-z0-9._-]+)\.)?storage\.(?:googleapis|cloud\.google)\.com")
NOT_FETCHED: Final = "this emulator fetches nothing from the Internet; gs:// and inlineData are read"


class MediaWords(Protocol):
    """What an API says of media that it does not take."""

    api: Api

    def type_missing(self, field: str) -> ApiError | None:
        """A file without a type; None: the type is found out."""

    def type_unknown(self, mime_type: str) -> ApiError:
        """A type that no model takes."""

    def kind_refused(self, kind: MediaKind, model: BaseModel) -> ApiError:
        """A kind that the model does not take."""

    def broken(self, kind: MediaKind) -> ApiError:
        """A file that is none of its kind."""

    def uri_refused(self, uri: str) -> ApiError | None:
        """A URI that is none; None for one that may be read, or fetched by the real service."""

    def denied(self, uri: str) -> ApiError:
        """An object that is not there, or not for this caller."""

    def too_many(self, kind: MediaKind, count: int, limit: int) -> ApiError:
        """More files of a kind than a prompt may hold."""

    def too_large(self, kind: MediaKind, size: int, limit: int) -> ApiError:
        """A larger file than is taken, in bytes."""

    def too_long(self, kind: MediaKind, size: float, limit: int) -> ApiError:
        """More pages, or seconds, than are taken."""


class ReadContents(Struct, frozen=True):
    """The contents of a prompt with words in the place of media.

    Attributes:
        contents: What the model reads.
        counted: What is counted in the model's own tokens: the same without media, but for plain text.
        tokens: Of media, by modality.
        notes: What is not, or not wholly, read; for log and journal.
        has_documents: Whether it holds documents, which may be longer than what plays the model here reads.
        images: For a model that sees: its images in Base64, each in the place of an ``IMAGE_MARK``.
    """

    contents: list[Value]
    counted: list[Value]
    tokens: dict[str, int]
    notes: tuple[str, ...] = ()
    has_documents: bool = False
    images: tuple[str, ...] = ()


class PromptReader(Struct, frozen=True):
    """Reads the media of prompts and of examples.

    Attributes:
        open_objects: Cloud Storage as it is reached now.
    """

    reader: MediaReader
    open_objects: Callable[[], ObjectStore]

    def read(
        self, contents: Sequence[Value], model: BaseModel, words: MediaWords, resolution: str, *, sees: bool = False
    ) -> ReadContents:
        """The contents of a prompt. Blocks while files are fetched and read.

        Args:
            resolution: The request's ``mediaResolution``.
            sees: Whether what plays the model sees images itself.

        Raises:
            ApiError: a file is not taken, not there, or cannot be read.
        """
        sources = {
            place: find_source(part, f"contents[{place[0]}].parts[{place[1]}]", words, model, resolution)
            for place, part in list_media(contents)
        }
        check_counts(sources.values(), model.media.limits, words)
        read: dict[tuple[int, int], ReadMedium] = {}
        late_s, room, shown = monotonic() + MOST_SECONDS, MOST_CHARACTERS, 0
        for place, source in sources.items():
            if monotonic() > late_s:
                reason = f"the files of one request are read for {MOST_SECONDS} s at most"
                raise emulator_errors.MEDIUM_UNREADABLE(place=source.place, reason=reason)
            keep = sees and shown < MOST_SHOWN_BYTES
            one = self.read_source(source, model.media, model.media.limits, words, keep=keep)
            read[place] = one = _fit_words(one, room)
            room -= len(one.medium.words)
            shown += len(one.data or b"")
        contents, read, images = show_images(contents, read) if sees else (contents, read, ())
        tokens = Counter[str]()
        for one in read.values():
            tokens[one.modality] += one.tokens
        found = {place: one.medium.words for place, one in read.items()}
        plain = {place: words for place, words in found.items() if read[place].modality == "TEXT"}
        return ReadContents(
            replace_media(contents, found),
            replace_media(contents, plain),
            {modality: count for modality, count in tokens.items() if modality != "TEXT"},
            tuple(dict.fromkeys(note for one in read.values() if (note := explain_rest(one)))),
            any(source.kind == "document" for source in sources.values()),
            images,
        )

    def read_source(
        self,
        source: Source,
        rules: MediaRules,
        limits: MediaLimits,
        words: MediaWords,
        *,
        lenient: bool = False,
        keep: bool = False,
    ) -> ReadMedium:
        """One file.

        Args:
            lenient: Where its reader gives up, its kind alone is read, instead of refusing it.
            keep: Whether an image's bytes are wanted.
        """
        data: bytes | None = source.data
        if source.uri:
            data = self._fetch(source, limits, words)
        else:
            _check_size(source, len(source.data), limits, words)
        if data is None:
            medium = Medium(PLACEHOLDERS[source.kind], note=NOT_FETCHED)
        else:
            try:
                medium = self.reader.read(source.kind, source.mime_type, data)
            except BrokenMediumError as error:
                raise words.broken(source.kind) from error
            except ReaderFailedError as error:
                if not lenient:
                    raise emulator_errors.MEDIUM_UNREADABLE(place=source.place, reason=error) from error
                medium = Medium(PLACEHOLDERS[source.kind], note=f"it cannot be read here, good or not: {error}")
        check_length(source, medium, limits, words)
        if source.kind == "document" and not source.mime_type.startswith("application/pdf"):
            return ReadMedium(source, medium, "TEXT", 0)
        counted = count_medium(rules, source.kind, medium, source.resolution, source.clip)
        return ReadMedium(source, medium, *counted, data if keep and source.kind == "image" else None)

    def _fetch(self, source: Source, limits: MediaLimits, words: MediaWords) -> bytes | None:
        """The bytes of a file that a URI names; None where it is elsewhere in the Internet."""
        uri = find_object(source.uri)
        if uri is None:
            return None
        try:
            return fetch_object(self.open_objects(), uri, lambda size: _check_size(source, size, limits, words))
        except (ObjectNotFoundError, ObjectForbiddenError, ValueError) as error:
            raise words.denied(source.uri) from error
        except StorageError as error:
            raise emulator_errors.STORAGE_UNAVAILABLE(reason=error) from error


def _fit_words(read: ReadMedium, room: int) -> ReadMedium:
    """A file of which no more is read than so many characters."""
    if len(read.medium.words) <= room:
        return read
    note = f"the files of one request are read up to {MOST_CHARACTERS:,} characters"
    words = read.medium.words[:room] or PLACEHOLDERS[read.source.kind]
    return structs.replace(read, medium=structs.replace(read.medium, words=words, note=note))


def fetch_object(objects: ObjectStore, uri: str, check_size: Callable[[int], None]) -> bytes:
    """An object's bytes. Raises StorageError, and what ``check_size`` raises of a size."""
    found = objects.stat(uri)
    if found is None:
        raise ObjectNotFoundError(f"{uri}: no such object")
    check_size(found.size_bytes)
    data = bytearray()
    for block in objects.blocks(uri):
        data += block
        check_size(len(data))
    return bytes(data)


def find_object(uri: str) -> str | None:
    """The ``gs://`` of a URI that means an object of Cloud Storage; None for one that does not."""
    if uri.startswith("gs://"):
        return uri
    parts = urlsplit(uri)
    host = _OWN_HOST.fullmatch(parts.netloc)
    if host is None:
        return None
    path = unquote(parts.path).lstrip("/")
    return f"gs://{host['bucket']}/{path}" if host["bucket"] else f"gs://{path}"


def find_source(part: Value, place: str, words: MediaWords, model: BaseModel, resolution: str) -> Source:
    """The file of a part. Raises ApiError where it is of a type or kind that is not taken."""
    field = next(name for name in MEDIA_FIELDS if name in part)
    blob = part[field] or {}
    uri = blob.get("file_uri") or ""
    mime_type = blob.get("mime_type") or ""
    if not mime_type and (refusal := words.type_missing("inlineData" if field == "inline_data" else "fileData")):
        raise refusal
    if field == "file_data" and (refusal := words.uri_refused(uri)):
        raise refusal
    mime_type = mime_type or mimetypes.guess_type(urlsplit(uri).path)[0] or ""
    kind = find_kind(words.api, mime_type)
    if kind is None:
        raise words.type_unknown(mime_type)
    if kind not in model.prompt_kinds:
        raise words.kind_refused(kind, model)
    own = (part.get("media_resolution") or {}).get("level") if model.media.parts else None
    data = blob.get("data") or b""
    return Source(place, kind, mime_type, uri, data, read_resolution(own or resolution), read_clip(part))


def check_counts(sources: Iterable[Source], limits: MediaLimits, words: MediaWords) -> None:
    """Refuses more files of a kind than there may be."""
    counts = Counter(source.kind for source in sources)
    allowed: dict[MediaKind, int] = {
        "image": limits.images,
        "document": limits.documents,
        "audio": limits.audios,
        "video": limits.videos,
    }
    for kind, count in counts.items():
        if allowed[kind] and count > allowed[kind]:
            raise words.too_many(kind, count, allowed[kind])


def _check_size(source: Source, size: int, limits: MediaLimits, words: MediaWords) -> None:
    allowed = {
        "image": limits.image_bytes if source.uri else limits.inline_image_bytes,
        "document": limits.document_bytes,
        "audio": limits.audio_bytes,
        "video": limits.video_bytes,
    }[source.kind]
    if allowed and size > allowed:
        raise words.too_large(source.kind, size, allowed)
    if size > LARGEST_BYTES:
        raise emulator_errors.MEDIUM_UNREADABLE(
            place=source.place, reason=f"of files of more than {LARGEST_BYTES:,} bytes nothing is read here"
        )


def check_length(source: Source, medium: Medium, limits: MediaLimits, words: MediaWords) -> None:
    """Refuses a document, a sound or a video that is longer than they may be."""
    if source.kind == "document" and limits.pages and medium.pages > limits.pages:
        raise words.too_long("document", medium.pages, limits.pages)
    if source.kind == "audio" and limits.audio_s and medium.seconds > limits.audio_s:
        raise words.too_long("audio", medium.seconds, limits.audio_s)
    longest = limits.low_video_s if source.resolution == "low" and limits.low_video_s else limits.video_s
    if source.kind == "video" and longest and source.clip.measure(medium.seconds) > longest:
        raise words.too_long("video", source.clip.measure(medium.seconds), longest)
