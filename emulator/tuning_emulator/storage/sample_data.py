"""``gs://cloud-samples-data``, on whose files Google's samples tune: their names, and rows of our own in their form.

Sources of the names: the pages on text and image tuning below
docs.cloud.google.com/vertex-ai/generative-ai/docs/models; GoogleCloudPlatform/python-docs-samples genai/tuning;
googleapis/python-genai google/genai/tests/tunings; apache/airflow providers/google. Of the forms: the same pages, and
for ``peft_…``, which tuning refuses ever since Gemini 1.0, reports of just that ("Missing required `contents` field").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

SAMPLE_BUCKET = "cloud-samples-data"
GENERATIVE = "ai-platform/generative_ai"
TRAINING_URI = f"gs://{SAMPLE_BUCKET}/{GENERATIVE}/gemini/text/sft_train_data.jsonl"
"""What the samples of today tune on."""

STAND_IN = (
    f"gs://{SAMPLE_BUCKET} is a built-in stand-in: its tuning data sets have rows of the emulator's own in the "
    f"published form; for the real files start with --bucket {SAMPLE_BUCKET}=DIRECTORY"
)
MISSING = (
    f"the built-in stand-in for gs://{SAMPLE_BUCKET} has data sets for tuning alone; for other files start with "
    f"--bucket {SAMPLE_BUCKET}=DIRECTORY"
)

Pair: TypeAlias = tuple[str, str]

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TASK = "Name what comes next. Answer with that alone."
_DESCRIBE = "Describe this image."
_IMAGES = 25
_VALIDATED = 10
"""Every so many rows go to the validation file."""


def _list_pairs() -> list[Pair]:
    numbers = [(str(number), str(number + 1)) for number in range(1, 1001)]
    words = [(one, other) for ring in (_MONTHS, _DAYS) for one, other in zip(ring, ring[1:] + ring[:1], strict=True)]
    return [*numbers, *words, *pairwise(_ONES)]


def _to_contents(pair: Pair) -> dict[str, Any]:
    text, answer = pair
    return {
        "systemInstruction": {"role": "system", "parts": [{"text": _TASK}]},
        "contents": [{"role": "user", "parts": [{"text": text}]}, {"role": "model", "parts": [{"text": answer}]}],
    }


def _to_messages(pair: Pair) -> dict[str, Any]:
    """The form of Gemini 1.0."""
    spoken = (("system", _TASK), ("user", pair[0]), ("model", pair[1]))
    return {"messages": [{"role": role, "content": text} for role, text in spoken]}


def _to_texts(pair: Pair) -> dict[str, Any]:
    """The form of PaLM."""
    return {"input_text": pair[0], "output_text": pair[1]}


def _to_image(folder: str, number: int) -> dict[str, Any]:
    uri = f"gs://{SAMPLE_BUCKET}/{_name_image(folder, number)}"
    asked = [{"fileData": {"mimeType": "image/jpeg", "fileUri": uri}}, {"text": _DESCRIBE}]
    answer = [{"text": f"A square of plain grey, number {number} of {_IMAGES}."}]
    return {"contents": [{"role": "user", "parts": asked}, {"role": "model", "parts": answer}]}


def _name_image(folder: str, number: int) -> str:
    return f"{folder}/longcap100/{number}.jpeg"


def _write(rows: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def _divide(names: Pair, rows: list[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """Training and validation file."""
    kept = [row for place, row in enumerate(rows) if place % _VALIDATED]
    yield names[0], _write(kept)
    yield names[1], _write(rows[::_VALIDATED])


_FORMS: Mapping[str, Callable[[Pair], dict[str, Any]]] = {
    f"{GENERATIVE}/gemini/text/sft_{{}}_data.jsonl": _to_contents,
    f"{GENERATIVE}/gemini-2_0/text/sft_{{}}_data.jsonl": _to_contents,
    f"{GENERATIVE}/gemini-1_5/text/sft_{{}}_data.jsonl": _to_contents,
    f"{GENERATIVE}/sft_{{}}_data.jsonl": _to_messages,
    "vertex-ai/model-evaluation/gemini_pro_peft_{}_sample.jsonl": _to_messages,
    "vertex-ai/model-evaluation/peft_{}_sample.jsonl": _to_texts,
}
"""Names of the text files, with a place for which of the two it is, and how their rows are written."""

_IMAGE_FOLDERS = (f"{GENERATIVE}/gemini-2_0/image", f"{GENERATIVE}/gemini-1_5/image")

GREY_JPEG = (
    b"\xff\xd8\xff\xdb\x00\x43\x00" + b"\x01" * 64 + b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"
    b"\xff\xc4\x00\x14\x00\x01" + bytes(16) + b"\xff\xc4\x00\x14\x10\x01" + bytes(16) + b"\xff\xda\x00\x08\x01\x01\x00"
    b"\x00\x3f\x00\x3f\xff\xd9"
)
"""Eight by eight pixels of one grey, baseline: a table of quantizers, two codes of one bit, and both of them."""


def list_samples() -> Iterator[tuple[str, bytes, str]]:
    """Name, bytes and content type of every object."""
    pairs = _list_pairs()
    for pattern, form in _FORMS.items():
        second = "eval" if "peft" in pattern else "validation"
        names = (pattern.format("train"), pattern.format(second))
        for name, data in _divide(names, [form(pair) for pair in pairs]):
            yield name, data, "application/jsonl"
    for folder in _IMAGE_FOLDERS:
        rows = [_to_image(folder, number) for number in range(1, _IMAGES + 1)]
        for name, data in _divide((f"{folder}/sft_train_data.jsonl", f"{folder}/sft_validation_data.jsonl"), rows):
            yield name, data, "application/jsonl"
        for number in range(1, _IMAGES + 1):
            yield _name_image(folder, number), GREY_JPEG, "image/jpeg"
