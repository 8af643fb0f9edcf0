"""What a developer should know of the files of a prompt: what of them is not read, and what has no effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tuning_emulator.facts import emulator_errors
from tuning_emulator.facts.model_row import BaseModel
from tuning_emulator.media.medium import ReadMedium
from tuning_emulator.media.reading import describe_missing
from tuning_emulator.media.replacing import MEDIA_FIELDS
from tuning_emulator.media.tokens import PromptTokens
from tuning_emulator.schema.schema import Value
from tuning_trainer.spec import Reply

_BESIDE_FILES: Final = frozenset((*MEDIA_FIELDS, "thought", "thought_signature"))


def note_unread(contents: Sequence[Value], model: BaseModel, notes: list[str]) -> None:
    """Hints for what has no effect: files that a function gave back, and what says how a file is to be looked at."""
    for index, content in enumerate(contents):
        for number, part in enumerate(content.get("parts") or ()):
            place = f"contents[{index}].parts[{number}]"
            if (part.get("function_response") or {}).get("parts"):
                notes.append(f"{place}.function_response.parts has no effect: of a result its response is read here")
            if any(field in part for field in MEDIA_FIELDS):
                notes += (f"{place}.{name} has no effect: {why}" for name, why in _list_inert(part, model))


def _list_inert(part: Value, model: BaseModel) -> Iterator[tuple[str, str]]:
    """The fields beside a file that have no effect, and why."""
    blob = next(part[field] for field in MEDIA_FIELDS if field in part) or {}
    for name in sorted(part.keys() - _BESIDE_FILES):
        if name == "video_metadata":
            if not str(blob.get("mime_type") or "").startswith("video/"):
                yield name, "the file is no video"
        elif name != "media_resolution":
            yield name, "what reads files here does not know it"
        elif not model.media.parts:
            yield name, "models before Gemini 3 have one resolution for a request"


def explain_rest(read: ReadMedium) -> str:
    """What of a file is not read, "" where it is read."""
    medium = read.medium
    if medium.missing:
        return describe_missing(read.source.kind, medium)
    return f"{read.source.place} ({read.source.mime_type}): {medium.note}" if medium.note else ""


def note_shortened(reply: Reply, tokens: PromptTokens, notes: list[str]) -> None:
    """A hint where a prompt with documents or with cached content was longer than what plays the model reads."""
    if reply.left_out:
        notes.append(emulator_errors.PROMPT_SHORTENED.format(count=reply.left_out))
    if tokens.cached is not None and reply.prompt_tokens < tokens.text:
        notes.append(
            f"the model here read the last {reply.prompt_tokens} of {tokens.text} tokens: it reads no more at once, "
            "and the beginning of what is cached was left out"
        )
