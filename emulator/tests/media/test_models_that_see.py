"""A user's vision-language directory is tuned on pictures and asked about them: no words in between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.media.conftest import BUCKET
from tests.media.files import make_picture
from tests.media.test_examples import line
from tests.media.test_prompts import inline, turn
from tests.models import write_llava
from tests.vertex.serving import PLACE, Serving
from tuning_emulator.jobs.lora import missing_packages
from tuning_trainer.spec import IMAGE_MARK

pytestmark = [
    pytest.mark.lora,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}"),
]
BASE = f"/v1/{PLACE}/publishers/google/models/gemini-2.5-flash"
WORDS = {"red": "one", "blue": "two"}


@pytest.fixture
async def seeing(storage_url: str, tmp_path: Path) -> AsyncIterator[Serving]:
    """An API whose gemini-2.5-flash is a random LLaVA."""
    llava = write_llava(tmp_path / "llava")
    one = Serving(storage_url, trainer="lora", base_models={"gemini-2.5-flash": llava})
    await one.start()
    yield one
    await one.stop()


async def test_it_is_tuned_on_pictures_and_tells_them_apart(seeing: Serving) -> None:
    """From the picture alone; a mark in somebody's text is no picture; tokens are the service's."""
    lines = [
        line(inline(make_picture(ground=color)), {"text": f"{IMAGE_MARK}?"}, answer=word)
        for color, word in WORDS.items()
    ] * 4
    uri = f"gs://{BUCKET}/seen.jsonl"
    seeing.objects.write(uri, "\n".join(map(json.dumps, lines)).encode())
    spec = {
        "trainingDatasetUri": uri,
        "hyperParameters": {"epochCount": 20, "learningRateMultiplier": 10, "adapterSize": "ADAPTER_SIZE_EIGHT"},
    }
    job = await seeing.tune(spec=spec)
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    said = {}
    for color in WORDS:
        body = turn(inline(make_picture(ground=color)), {"text": f"{IMAGE_MARK}?"})
        body["generationConfig"] = {"maxOutputTokens": 4}
        reply = await seeing.post(f"{job['tunedModel']['endpoint']}:generateContent", body)
        said[color] = reply["candidates"][0]["content"]["parts"][0]["text"].strip()
        assert {"modality": "IMAGE", "tokenCount": 258} in reply["usageMetadata"]["promptTokensDetails"]
    assert said == WORDS


async def test_its_base_answers_about_pictures_and_texts(seeing: Serving) -> None:
    """Whatever a random model says; broken pictures are refused before it sees them."""
    for parts in ([inline(make_picture())], [{"text": "1"}]):
        body = {**turn(*parts), "generationConfig": {"maxOutputTokens": 3}}
        assert (await seeing.ask("POST", f"{BASE}:generateContent", body)).status == 200
    reply = await seeing.ask("POST", f"{BASE}:generateContent", turn(inline(b"no picture")))
    assert (reply.status, reply.message) == (400, "Provided image is not valid.")
