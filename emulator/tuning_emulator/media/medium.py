"""A file of a prompt: what is asked of it, what a reader finds in it, and how that fails."""

from __future__ import annotations

from msgspec import Struct

from tuning_emulator.facts.media import MediaKind


class BrokenMediumError(Exception):
    """The file is none of its kind, or damaged; the text says how its parser put it."""


class ReaderFailedError(Exception):
    """What reads files here gave up on one: it ran out of time or memory, or fell over. The file may be good."""


class Medium(Struct, frozen=True):
    """A file that was read, as far as it was.

    Attributes:
        words: What the model reads of it.
        width, height: Of an image, in pixels. pages: Of a document. seconds: Of a sound or a video.
        missing: The package whose absence is why ``words`` say no more than what it is; "": none is missing.
        note: What else ``words`` leave out; "": nothing.
    """

    words: str
    width: int = 0
    height: int = 0
    pages: int = 0
    seconds: float = 0.0
    missing: str = ""
    note: str = ""


PLACEHOLDERS = {"image": "[image]", "audio": "[audio]", "video": "[video]", "document": "[PDF document]"}
"""What stands for a file that nothing here reads, by its kind."""


class Clip(Struct, frozen=True):
    """The part of a video that is meant (``VideoMetadata``), in seconds; ``fps``: frames that are looked at in one."""

    start_s: float = 0.0
    end_s: float | None = None
    fps: float = 1.0

    def measure(self, seconds: float) -> float:
        """How long it is, of a video of so many seconds."""
        end = seconds if self.end_s is None else min(self.end_s, seconds)
        return max(end - self.start_s, 0.0)


class Source(Struct, frozen=True):
    """A file of a prompt, before it is fetched.

    Attributes:
        place: ``contents[0].parts[1]``. uri: "" for one that is in the request itself, as ``data``.
        resolution, clip: See ``media.tokens``.
    """

    place: str
    kind: MediaKind
    mime_type: str
    uri: str = ""
    data: bytes = b""
    resolution: str = "default"
    clip: Clip = Clip()


class ReadMedium(Struct, frozen=True):
    """A file that was read, and what it is counted as. ``data``: its bytes, None where they were not fetched."""

    source: Source
    medium: Medium
    modality: str
    tokens: int
    data: bytes | None = None
