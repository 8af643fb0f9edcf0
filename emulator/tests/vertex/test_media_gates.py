"""What the default model learns from files: unseen images are told apart, questions answered from unseen PDFs."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Any

import pytest

from tests.media.files import make_pdf, make_picture
from tests.vertex.serving import BUCKET, Serving
from tuning_emulator.jobs.lora import missing_packages

pytestmark = [
    pytest.mark.lora,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}"),
]

Item = tuple[str, bytes, str, str]
"""Type and bytes of a file, what is asked of it, the answer."""


@pytest.fixture
async def real(storage_url: str) -> AsyncIterator[Serving]:
    """An API that trains on this machine."""
    one = Serving(storage_url, trainer="lora")
    await one.start()
    yield one
    await one.stop()


async def measure(real: Serving, shown: Sequence[Item], asked: Sequence[Item], epochs: int) -> float:
    """Trains on what is shown, from files in Cloud Storage, and asks with files in the request; the share of hits."""
    lines = []
    for number, (mime_type, data, question, answer) in enumerate(shown):
        uri = f"gs://{BUCKET}/file{number}"
        real.objects.write(uri, data, mime_type)
        parts: list[Any] = [{"fileData": {"mimeType": mime_type, "fileUri": uri}}, {"text": question}]
        turns = [{"role": "user", "parts": parts}, {"role": "model", "parts": [{"text": answer}]}]
        lines.append(json.dumps({"contents": turns}))
    dataset = f"gs://{BUCKET}/files.jsonl"
    real.objects.write(dataset, "\n".join(lines).encode())
    spec = {"trainingDatasetUri": dataset, "hyperParameters": {"epochCount": epochs}}
    job = await real.tune(spec=spec)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    hits = 0
    for mime_type, data, question, answer in asked:
        blob = {"mimeType": mime_type, "data": base64.b64encode(data).decode()}
        body = {"contents": [{"role": "user", "parts": [{"inlineData": blob}, {"text": question}]}]}
        reply = await real.post(f"{job['tunedModel']['endpoint']}:generateContent", body)
        hits += reply["candidates"][0]["content"]["parts"][0]["text"] == answer
    return hits / len(asked)


def draw_signs(random: Random, count: int) -> list[Item]:
    """A plain shape of a colour that has a meaning, on a ground of one that has none."""
    meanings = {"red": "STOP", "green": "GO", "yellow": "WAIT"}
    items = []
    for _ in range(count):
        color, ground = random.choice(list(meanings)), random.choice("blue white black gray purple pink".split())
        width, height = random.randrange(90, 640), random.randrange(90, 480)
        left, top = random.randrange(width // 6), random.randrange(height // 6)
        right, bottom = width - 1 - random.randrange(width // 6), height - 1 - random.randrange(height // 6)
        shape = (random.choice(("rectangle", "ellipse")), (left, top, right, bottom), color)
        form = random.choice(("PNG", "JPEG"))
        picture = make_picture((width, height), ground, [shape], form)
        items.append((f"image/{form.lower()}", picture, "What does it say?", meanings[color]))
    return items


_NAMES = "Anna Bruno Clara David Elena Felix Greta Hugo Ines Jonas Klara Lukas Maria Nils Olga Paul Rosa Simon".split()
_SURNAMES = "Berg Stone Fischer Keller Novak Moreau Rossi Silva Tanaka Weber Young Zimmer Lang Hill Wood Fox".split()
_THINGS = "chairs lamps tables carpets mirrors bottles pencils baskets clocks pillows".split()
_TOWNS = "Lisbon Oslo Vienna Dublin Prague Athens Warsaw Madrid Helsinki Geneva".split()


def draw_orders(random: Random, count: int) -> list[Item]:
    """A page of an order, and one of three questions about it."""
    items = []
    for _ in range(count):
        person = f"{random.choice(_NAMES)} {random.choice(_SURNAMES)}"
        number, thing, town = random.randrange(2, 400), random.choice(_THINGS), random.choice(_TOWNS)
        page = f"{person} ordered {number} {thing} in {town}."
        question, answer = random.choice(
            [
                ("Who ordered it?", person),
                (f"How many {thing} are ordered?", str(number)),
                ("Where was it ordered?", town),
            ]
        )
        items.append(("application/pdf", make_pdf(page), question, answer))
    return items


async def test_images_of_plain_shapes_are_told_apart(real: Serving) -> None:
    """60 signs shown, 40 of other sizes, places and grounds asked: nine of ten are told."""
    random = Random("signs")
    assert await measure(real, draw_signs(random, 60), draw_signs(random, 40), 5) >= 0.9


async def test_questions_are_answered_from_short_pdfs(real: Serving) -> None:
    """60 orders shown, 40 others asked: nine of ten are answered, with what only the file says."""
    random = Random("orders")
    assert await measure(real, draw_orders(random, 60), draw_orders(random, 40), 5) >= 0.9
