"""What a reader finds in a file, and how it fails."""

from __future__ import annotations

from msgspec import Struct


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
