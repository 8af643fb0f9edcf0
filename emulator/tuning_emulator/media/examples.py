"""The files of a training example: read under the rules of tuning, and what is said of those that it does not take."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import Api
from tuning_emulator.datasets.check import ReadExample
from tuning_emulator.facts import dataset_errors, emulator_errors
from tuning_emulator.facts.base_models import BaseModel, find_base_model
from tuning_emulator.facts.media import LENGTH_UNITS, TUNING_MEDIA, MediaKind, MediaLimits
from tuning_emulator.media.hints import explain_rest
from tuning_emulator.media.medium import ReadMedium, Source
from tuning_emulator.media.parts import PromptReader, check_counts, find_source
from tuning_emulator.media.replacing import list_media, replace_media, show_images
from tuning_emulator.schema.schema import Value

_SNAKE = {
    "fileData": "file_data",
    "inlineData": "inline_data",
    "videoMetadata": "video_metadata",
    "mediaResolution": "media_resolution",
    "mimeType": "mime_type",
    "fileUri": "file_uri",
    "startOffset": "start_offset",
    "endOffset": "end_offset",
}
_FIELDS = ("file_data", "inline_data", "video_metadata", "media_resolution")
_SECOND_NS = 1_000_000_000


class TuningWords:
    """See ``MediaWords``: why an example is left out, each a reason of ``truncatedExampleIndices``."""

    api: Api = "vertex"

    def type_missing(self, field: str) -> ApiError | None:  # noqa: ARG002 the text names none
        """As an unknown one."""
        return self.type_unknown("")

    def type_unknown(self, mime_type: str) -> ApiError:
        """See ``MediaWords``."""
        return dataset_errors.MEDIA_TYPE(mime_type=mime_type)

    def kind_refused(self, kind: MediaKind, model: BaseModel) -> ApiError:  # noqa: ARG002 the dataset's check has said it
        """See ``MediaWords``."""
        return dataset_errors.MEDIA_INVALID(kind=kind)

    def broken(self, kind: MediaKind) -> ApiError:
        """See ``MediaWords``."""
        return dataset_errors.MEDIA_INVALID(kind=kind)

    def uri_refused(self, uri: str) -> ApiError | None:
        """Objects of Cloud Storage, and what is public in the web (documented)."""
        return None if uri.startswith(("gs://", "https://", "http://")) else self.denied(uri)

    def denied(self, uri: str) -> ApiError:
        """See ``MediaWords``."""
        return dataset_errors.MEDIA_MISSING(uri=uri)

    def too_many(self, kind: MediaKind, count: int, limit: int) -> ApiError:
        """See ``MediaWords``."""
        return dataset_errors.MEDIA_COUNT(kind=kind, count=count, limit=limit)

    def too_large(self, kind: MediaKind, size: int, limit: int) -> ApiError:
        """See ``MediaWords``."""
        return dataset_errors.MEDIA_SIZE(kind=kind, size=size, limit=limit)

    def too_long(self, kind: MediaKind, size: float, limit: int) -> ApiError:
        """See ``MediaWords``."""
        return dataset_errors.MEDIA_LENGTH(kind=kind, size=f"{size:.0f}", unit=LENGTH_UNITS[kind], limit=limit)


WORDS = TuningWords()
_REASONS = frozenset(
    row.name
    for row in (
        dataset_errors.MEDIA_TYPE,
        dataset_errors.MEDIA_INVALID,
        dataset_errors.MEDIA_MISSING,
        dataset_errors.MEDIA_COUNT,
        dataset_errors.MEDIA_SIZE,
        dataset_errors.MEDIA_LENGTH,
    )
)


class ExampleReader(Struct, frozen=True):
    """Reads the files of examples; see ``datasets.check.MediaReading``.

    Attributes:
        sees: Whether what plays the base model sees images itself.
    """

    reader: PromptReader
    base_model: str
    sees: bool = False

    def __call__(self, values: dict[str, Any]) -> ReadExample:
        """A line of a data set with words in the place of its files.

        Raises:
            ApiError: Cloud Storage does not answer.
        """
        contents = [_read_content(content) for content in values["contents"]]
        config = values.get("generationConfig") or values.get("generation_config") or {}
        resolution = str(config.get("mediaResolution") or config.get("media_resolution") or "")
        sources: dict[tuple[int, int], Source] = {}
        try:
            read = self._read(contents, resolution, sources)
        except ApiError as error:
            if error.rule not in _REASONS:
                raise
            videos = any(source.kind == "video" for source in sources.values())
            long = videos and error.rule == dataset_errors.MEDIA_LENGTH.name
            return ReadExample(values, dropped=error.message, long_video=long)
        given: Sequence[Value] = contents
        images: tuple[str, ...] = ()
        if self.sees:
            given, read, images = show_images(contents, read)
        replaced = replace_media(given, {place: one.medium.words for place, one in read.items()})
        reduced = (
            emulator_errors.MEDIUM_IN_PART.format(kind=one.source.kind, reason=reason)
            for one in read.values()
            if (reason := one.medium.note or explain_rest(one))
        )
        tokens = sum(_count(one) for one in read.values())
        return ReadExample({**values, "contents": replaced}, tokens, tuple(dict.fromkeys(reduced)), images=images)

    def _read(
        self, contents: Sequence[Value], resolution: str, sources: dict[tuple[int, int], Source]
    ) -> dict[tuple[int, int], ReadMedium]:
        model = find_base_model("vertex", self.base_model)
        assert model is not None  # else the job would have been refused
        rules, limits = model.media, TUNING_MEDIA.value
        for place, part in list_media(contents):
            sources[place] = find_source(part, f"contents[{place[0]}]", WORDS, model, resolution)
        check_counts(sources.values(), limits, WORDS)
        read = {
            place: self.reader.read_source(source, rules, limits, WORDS, lenient=True, keep=self.sees)
            for place, source in sources.items()
        }
        _check_pages(read.values(), limits)
        return read


def _check_pages(read: Any, limits: MediaLimits) -> None:
    """The pages of all documents together."""
    pages = sum(one.medium.pages for one in read)
    if pages > limits.pages:
        raise WORDS.too_long("document", pages, limits.pages)


def _count(read: ReadMedium) -> int:
    """Plain text is counted as text, by the same approximation as the rest of the example."""
    from tuning_emulator.datasets.statistics import count_tokens

    return count_tokens(read.medium.words) if read.modality == "TEXT" else read.tokens


def _read_content(content: dict[str, Any]) -> Value:
    """A content of a line with its files as a message has them; all else stays as it is."""
    parts = content.get("parts")
    listed = [parts] if isinstance(parts, dict) else parts or []
    return {**content, "parts": [_read_part(part) for part in listed]}


def _read_part(part: dict[str, Any]) -> Value:
    if not any(_SNAKE.get(key, key) in ("file_data", "inline_data") for key in part):
        return part
    made: Value = {name: _rename(value) for key, value in part.items() if (name := _SNAKE.get(key, key)) in _FIELDS}
    for name in ("start_offset", "end_offset"):
        clip = made.get("video_metadata") or {}
        if isinstance(clip.get(name), str):
            clip[name] = _parse_duration(clip[name])
    blob = made.get("inline_data")
    if isinstance(blob, dict) and isinstance(blob.get("data"), str):
        blob["data"] = _decode(blob["data"])
    return made


def _rename(value: Any) -> Any:
    return {_SNAKE.get(key, key): one for key, one in value.items()} if isinstance(value, dict) else {}


def _parse_duration(text: str) -> int:
    """``1.5s`` in nanoseconds; 0 for what is none."""
    try:
        return int(float(text.removesuffix("s")) * _SECOND_NS)
    except ValueError:
        return 0


def _decode(text: str) -> bytes:
    """Base64 of either alphabet; what is none is no file either."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/") + "==")
    except (binascii.Error, ValueError):
        return b""
