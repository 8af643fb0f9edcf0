"""A file by its kind: whose reader is asked, and what stands for a file that none reads."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from tuning_emulator.facts.media import MediaKind
from tuning_emulator.media.images import MOST_PIXELS, describe_image, read_image
from tuning_emulator.media.medium import PLACEHOLDERS, BrokenMediumError, Medium
from tuning_emulator.media.sounds import read_sound, reads_type

MOST_CHARACTERS: Final = 100_000
"""Of a document; the rest is not read."""
_ISO_MARK: Final = b"ftyp"
"""At the beginning of every file in the ISO base media format."""
MOST_PAGES_READ: Final = 100
"""Of a PDF; the others are counted."""


def read_medium(kind: MediaKind, mime_type: str, data: bytes) -> Medium:
    """A file of a kind.

    Raises:
        BrokenMediumError: it is none of that kind.
    """
    try:
        match kind:
            case "image":
                return _read_image(data, mime_type)
            case "audio":
                return _read_audio(data, mime_type)
            case "video":
                return read_film(data, kind)
        return read_pdf(data)
    except ImportError as error:
        package = {"PIL": "Pillow"}.get(error.name or "", error.name or "a reader")
        return Medium(PLACEHOLDERS[kind], missing=package)


def _read_image(data: bytes, mime_type: str) -> Medium:
    """An image; of HEIC and HEIF, which Pillow does not read, no more than that it looks like one."""
    try:
        return read_image(data)
    except BrokenMediumError:
        if mime_type in ("image/heic", "image/heif") and data[4:8] == _ISO_MARK:
            return Medium(PLACEHOLDERS["image"], note="HEIC and HEIF are not read here")
        raise


def _read_audio(data: bytes, mime_type: str) -> Medium:
    """A sound by what knows its type, and else by what knows most."""
    if not reads_type(mime_type):
        return read_film(data, "audio")
    try:
        return read_sound(data, mime_type)
    except BrokenMediumError as error:
        try:
            return read_film(data, "audio")  # many a file has another format than its type says
        except ImportError:
            raise error from None


def read_text(data: bytes) -> Medium:
    """A document of plain text, which wants no reader."""
    text = data.decode("utf-8-sig", "replace").strip()
    return Medium(text[:MOST_CHARACTERS] or "[text document]", note=_note_rest(len(text)))


def _note_rest(characters: int) -> str:
    return f"the first {MOST_CHARACTERS:,} of its characters are read" if characters > MOST_CHARACTERS else ""


def read_pdf(data: bytes) -> Medium:
    """The text of a PDF's pages.

    Raises:
        BrokenMediumError: it is no PDF, has no pages, or is locked.
        ImportError: pypdf is not installed.
    """
    from pypdf import PdfReader

    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise BrokenMediumError("it is locked with a password")
        pages = len(reader.pages)
        texts: list[str] = []
        size = 0
        for page in reader.pages:
            if len(texts) == MOST_PAGES_READ or size > MOST_CHARACTERS:
                break
            texts.append(page.extract_text().strip())
            size += len(texts[-1])
    except BrokenMediumError:
        raise
    except Exception as error:  # whatever a parser of files of all ages falls over
        raise BrokenMediumError(f"{type(error).__name__}: {error}") from error
    if not pages:
        raise BrokenMediumError("it has no pages")
    text = "\n".join(text for text in texts if text)
    note = _note_rest(len(text)) or (f"{len(texts)} of its {pages} pages are read" if len(texts) < pages else "")
    if not text:
        return Medium(PLACEHOLDERS["document"], pages=pages, note="it holds no text, only what looks like it")
    return Medium(text[:MOST_CHARACTERS], pages=pages, note=note)


def read_film(data: bytes, kind: MediaKind) -> Medium:
    """The length of a video and its first frame, or of a sound in such a container its length.

    Raises:
        BrokenMediumError: it is none.
        ImportError: av is not installed, or Pillow.
    """
    import av

    try:
        with av.open(BytesIO(data), "r", metadata_errors="ignore") as film:
            seconds = (film.duration or 0) / av.time_base
            if kind == "audio":
                if not film.streams.audio:
                    raise BrokenMediumError("it holds no sound")
                return Medium(f"[sound {round(seconds, 1)}s]", seconds=seconds, note="of its format the length is read")
            if not film.streams.video:
                raise BrokenMediumError("it holds no pictures")
            stream = film.streams.video[0]
            if (stream.width or 0) * (stream.height or 0) > MOST_PIXELS:
                raise BrokenMediumError(f"its frames have more than {MOST_PIXELS:,} pixels")
            frame: Any = next(film.decode(stream))
            seen = describe_image(frame.to_image())
    except BrokenMediumError:
        raise
    except (av.FFmpegError, StopIteration, ValueError, OSError) as error:
        raise BrokenMediumError(f"{type(error).__name__}: {error}") from error
    words = f"[video {round(seconds, 1)}s]\n{seen.words}"
    return Medium(
        words, width=seen.width, height=seen.height, seconds=seconds, note="its length and first frame are read"
    )
