"""Words, and images for models that see, in the place of the files of a prompt."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import structs

from tuning_emulator.media.medium import ReadMedium
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import IMAGE_MARK

MEDIA_FIELDS: Final = ("inline_data", "file_data")
MOST_SHOWN_BYTES: Final = 24 << 20
"""Of all images of a prompt, or of an example, that a model sees; the others are words for it."""


def has_media(contents: Sequence[Value]) -> bool:
    """Whether any part is a file."""
    return any(field in part for content in contents for part in content.get("parts") or () for field in MEDIA_FIELDS)


def list_media(contents: Sequence[Value]) -> Iterator[tuple[tuple[int, int], Value]]:
    for index, content in enumerate(contents):
        for number, part in enumerate(content.get("parts") or ()):
            if any(field in part for field in MEDIA_FIELDS):
                yield (index, number), part


def show_images(
    contents: Sequence[Value], read: dict[tuple[int, int], ReadMedium]
) -> tuple[Sequence[Value], dict[tuple[int, int], ReadMedium], tuple[str, ...]]:
    """Puts marks in the place of images' words; the contents without marks of their own, and the images in order."""
    shown = {}
    images: list[str] = []
    room = MOST_SHOWN_BYTES
    for place, one in read.items():
        medium, data = one.medium, one.data or b""
        if one.source.kind == "image" and not medium.note and not medium.missing:
            if data and len(data) <= room:
                images.append(base64.b64encode(data).decode())
                room -= len(data)
                medium = structs.replace(medium, words=IMAGE_MARK)
            else:
                medium = structs.replace(medium, note=f"the model sees images of {MOST_SHOWN_BYTES:,} bytes together")
        shown[place] = structs.replace(one, medium=medium, data=None)
    return [{**one, "parts": [_unmark(part) for part in one.get("parts") or ()]} for one in contents], shown, (*images,)


def _unmark(part: Value) -> Value:
    text = part.get("text")
    return {**part, "text": text.replace(IMAGE_MARK, "")} if text and IMAGE_MARK in text else part


def replace_media(contents: Sequence[Value], words: dict[tuple[int, int], str]) -> list[Value]:
    """The contents with the words of media, which stand on lines of their own; media without words are left out."""
    return [
        {**content, "parts": _replace_parts(content.get("parts") or [], index, words)}
        for index, content in enumerate(contents)
    ]


def _replace_parts(parts: Sequence[Value], index: int, words: dict[tuple[int, int], str]) -> list[Value]:
    made: list[Value] = []
    open_line = after_words = False
    for number, part in enumerate(parts):
        if any(field in part for field in MEDIA_FIELDS):
            if (index, number) in words:
                made.append({"text": ("\n" if open_line else "") + words[index, number]})
                open_line = after_words = True
        elif text := part.get("text") or "":
            broken = after_words and not text.startswith("\n")
            made.append({**part, "text": f"\n{text}"} if broken else part)
            open_line, after_words = not text.endswith("\n"), False
        else:
            made.append(part)
            open_line = after_words = after_words and "text" in part
    return made or [{"text": ""}]
