"""What the services say of media: which types they take, how large, how many, and what they count for them in tokens.

Which kinds a base model takes is in its own row (``modalities``); which of these rules hold for it, in ``media``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from tuning_emulator.core.errors import Fact, Grade, Row, check_row, name_rows
from tuning_emulator.core.records import Api

MediaKind: TypeAlias = Literal["image", "document", "audio", "video"]
"""As in the rows of base models; ``document``: PDF and plain text."""
MEDIA_KINDS: tuple[MediaKind, ...] = ("image", "document", "audio", "video")
LENGTH_UNITS: Mapping[MediaKind, str] = {"document": "pages", "audio": "seconds", "video": "seconds"}
"""What the length of a file is told in."""

_MB = 1 << 20
_IMAGES = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/image-understanding"
_AUDIO = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/audio-understanding"
_VIDEO = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/video-understanding"
_DOCUMENTS = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/capabilities/document-understanding"
_GEMINI = "ai.google.dev/gemini-api/docs"
_RESOLUTION = f"{_GEMINI}/media-resolution"

# --- types ---------------------------------------------------------------------------------------------
VERTEX_IMAGE_TYPES = Fact(("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"), _IMAGES, "documented")
VERTEX_AUDIO_TYPES = Fact(
    (
        *("audio/x-aac", "audio/flac", "audio/mp3", "audio/m4a", "audio/mpeg", "audio/mpga", "audio/mp4", "audio/ogg"),
        *("audio/pcm", "audio/wav", "audio/webm"),
    ),
    _AUDIO,
    "documented",
)
VERTEX_VIDEO_TYPES = Fact(
    (
        *("video/x-flv", "video/quicktime", "video/mpeg", "video/mpegs", "video/mpg", "video/mp4", "video/webm"),
        *("video/wmv", "video/3gpp", "video/mov", "video/avi", "video/mpegps", "video/flv"),
    ),
    f"{_VIDEO}; the last four: cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference",
    "documented",
)
GEMINI_IMAGE_TYPES = Fact(VERTEX_IMAGE_TYPES.value, f"{_GEMINI}/image-understanding", "documented")
GEMINI_AUDIO_TYPES = Fact(
    (
        *("audio/wav", "audio/mp3", "audio/aiff", "audio/aac", "audio/ogg", "audio/flac"),
        *("audio/mpeg", "audio/m4a", "audio/mp4", "audio/pcm", "audio/webm", "audio/opus", "audio/x-wav"),
    ),
    f"{_GEMINI}/audio names the first six; that the others are taken is assumed, as clients send them",
    "documented",
)
GEMINI_VIDEO_TYPES = Fact(
    (
        *("video/mp4", "video/mpeg", "video/mov", "video/avi", "video/x-flv", "video/mpg", "video/webm", "video/wmv"),
        *("video/3gpp", "video/quicktime"),
    ),
    f"{_GEMINI}/video-understanding; the last one is assumed",
    "documented",
)
DOCUMENT_TYPES = Fact(("application/pdf", "text/plain"), _DOCUMENTS, "documented")
OTHER_TEXT_TYPES = Fact(
    ("text/html", "text/css", "text/csv", "text/xml", "text/rtf", "text/markdown", "text/javascript", "text/x-python"),
    f"{_GEMINI}/document-processing: other text is taken as plain text; that Vertex AI takes it is assumed",
    "documented",
)
GEMINI_FETCHES_SINCE = Fact(
    "2026-01-12",
    "blog.google, Increased file size limits and expanded inputs support in Gemini API: objects of Cloud Storage and "
    "URLs of others in fileUri; the day is assumed",
    "documented",
)

_TYPES: Mapping[Api, tuple[tuple[MediaKind, Fact[tuple[str, ...]]], ...]] = {
    "vertex": (("image", VERTEX_IMAGE_TYPES), ("audio", VERTEX_AUDIO_TYPES), ("video", VERTEX_VIDEO_TYPES)),
    "gemini": (("image", GEMINI_IMAGE_TYPES), ("audio", GEMINI_AUDIO_TYPES), ("video", GEMINI_VIDEO_TYPES)),
}
_KIND_OF: Mapping[Api, Mapping[str, MediaKind]] = {
    api: {
        **{mime_type: kind for kind, fact in table for mime_type in fact.value},
        **dict.fromkeys((*DOCUMENT_TYPES.value, *OTHER_TEXT_TYPES.value), "document"),
    }
    for api, table in _TYPES.items()
}


def find_kind(api: Api, mime_type: str) -> MediaKind | None:
    """What a type is, None where the API does not take it. Parameters (``audio/pcm;rate=16000``) do not matter."""
    return _KIND_OF[api].get(mime_type.partition(";")[0].strip().lower())


# --- tokens, and how much a prompt may hold ----------------------------------------------------------------

MAX_IMAGE_SIDE = Fact(3072, f"{_IMAGES}: larger images are scaled down to it", "documented")
ONE_TILE_SIDE = Fact(384, f"{_GEMINI}/tokens: an image no larger in both directions is one tile", "documented")
TILE_SIDES = Fact((256, 768), f"{_IMAGES}: least and largest side of a tile, the smaller side by 1.5", "documented")
AUDIO_TOKENS_PER_SECOND = Fact(32, f"{_GEMINI}/tokens and /audio", "documented")


class MediaLimits(Struct, frozen=True, kw_only=True):
    """How many files of a kind there may be, and how large and long each. 0: as many, as large as one likes.

    Attributes:
        pages: Of one document; in tuning of all of an example. inline_image_bytes: Of an image in the request itself.
        audio_s, video_s: Seconds. low_video_s: Of a video at the low media resolution.
    """

    images: int = 0
    image_bytes: int = 0
    inline_image_bytes: int = 0
    documents: int = 0
    document_bytes: int = 0
    pages: int = 0
    audios: int = 0
    audio_bytes: int = 0
    audio_s: int = 0
    videos: int = 0
    video_bytes: int = 0
    video_s: int = 0
    low_video_s: int = 0


class MediaRules(Struct, frozen=True, kw_only=True):
    """What holds for media in prompts of a generation of models.

    Attributes:
        image, page, frame: Tokens of an image, of a page of a document, of a frame of a video, by media resolution
            (``low``, ``medium``, ``high``, ``ultra_high``, and ``default`` where none is asked for).
        tiled: Whether ``image`` is for each tile of an image where the resolution is neither low nor medium.
        second: Tokens of a second of video at one frame a second, sound included, where no resolution is asked for;
            0: those of its frame.
        pages_as: The modality that pages are counted under. parts: Whether a part may have a resolution of its own.
    """

    limits: MediaLimits
    image: Mapping[str, int]
    page: Mapping[str, int]
    frame: Mapping[str, int]
    tiled: bool
    second: int = 0
    pages_as: str
    parts: bool
    source: str
    grade: Grade

    def __post_init__(self) -> None:
        check_row(self.pages_as, self.source, self.grade)


_COMMON = MediaLimits(
    images=3000,
    image_bytes=30 * _MB,
    inline_image_bytes=7 * _MB,
    documents=3000,
    document_bytes=50 * _MB,
    pages=1000,
    audios=1,
    audio_s=30_240,
    videos=10,
    video_s=3600,
)
GEMINI_2_MEDIA = MediaRules(
    limits=_COMMON,
    image={"default": 258, "low": 64, "medium": 256, "high": 258},
    page={"default": 258, "low": 64, "medium": 256, "high": 256},
    frame={"default": 258, "low": 66, "medium": 258, "high": 258},
    tiled=True,
    second=263,
    pages_as="DOCUMENT",
    parts=False,
    source=f"{_IMAGES}, {_DOCUMENTS}, {_AUDIO}, {_VIDEO}; tokens: {_GEMINI}/tokens, {_RESOLUTION}",
    grade="documented",
)
"""Of Gemini 1.5 to 2.5."""
_LEVELS_3 = {"default": 560, "low": 280, "medium": 560, "high": 1120, "ultra_high": 1120}
GEMINI_3_MEDIA = MediaRules(
    limits=MediaLimits(
        images=3000,
        image_bytes=30 * _MB,
        inline_image_bytes=7 * _MB,
        documents=3000,
        document_bytes=50 * _MB,
        pages=3000,
        audios=1000,
        audio_s=30_240,
        videos=10,
        video_s=3600,
    ),
    image={"default": 1120, "low": 280, "medium": 560, "high": 1120, "ultra_high": 2240},
    page=_LEVELS_3,
    frame={"default": 70, "low": 70, "medium": 70, "high": 280, "ultra_high": 280},
    tiled=False,
    pages_as="IMAGE",
    parts=True,
    source=f"{_IMAGES}, {_DOCUMENTS}, {_AUDIO}, {_VIDEO}; tokens, at most: {_RESOLUTION}; pages as images: "
    "docs.cloud.google.com …/models/start/get-started-with-gemini-3; which model has which limit is assumed",
    grade="documented",
)

# --- tuning --------------------------------------------------------------------------------------------
_TUNING = "docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning"
TUNING_MEDIA = Fact(
    MediaLimits(
        images=30,
        image_bytes=20 * _MB,
        inline_image_bytes=20 * _MB,
        documents=4,
        document_bytes=20 * _MB,
        pages=300,
        audios=1,
        audio_bytes=100 * _MB,
        audio_s=3600,
        videos=1,
        video_bytes=100 * _MB,
        video_s=300,
        low_video_s=1200,
    ),
    f"{_TUNING}/image, /document, /audio, /video (2026-09)",
    "documented",
)
"""Of one example."""
MAX_LONG_VIDEOS_SHARE = Fact(
    0.1, f"{_TUNING}/video: more examples than that dropped for the length of their videos fail the job", "documented"
)

ROWS: tuple[Row, ...] = name_rows(globals(), Row)
"""All rows, in this order; those of ``MediaRules`` are rows of the base models' table."""
