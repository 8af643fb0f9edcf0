"""A teacher's answers become the training set: in order, kept over a crash, left out where there are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.records import make_job
from tuning_emulator.core.errors import ApiError, Code
from tuning_emulator.core.records import TuningJob, TuningMethod
from tuning_emulator.jobs.asking import BLOCK_PROMPTS
from tuning_emulator.jobs.dataset import DatasetPreparation
from tuning_emulator.jobs.distillation import ANSWERS_NAME, LABELLED_NAME, Distillation
from tuning_emulator.jobs.pacing import StoppedError
from tuning_emulator.jobs.scripted import ScriptedTrainer
from tuning_emulator.jobs.trainer import Answering, PromptRefusedError, TrainerUnavailableError
from tuning_emulator.media.reading import MediaReader
from tuning_emulator.storage.objects import HttpObjectStore
from tuning_emulator.store.store import Store
from tuning_emulator.testing.storage_server import StorageServer
from tuning_trainer.spec import Answer, Prompt, Reply

URI = "gs://prompts/p.jsonl"
COUNT = BLOCK_PROMPTS * 2 + 6


class Teacher(ScriptedTrainer):
    """Doubles numbers, as long as it lives."""

    def __init__(self, lives: int = 10**6) -> None:
        super().__init__()
        self.lives = lives
        self.asked: list[str] = []

    async def generate(self, prompt: Prompt) -> Reply:
        text = prompt.turns[-1].text
        self.asked.append(text)
        if len(self.asked) > self.lives:
            raise TrainerUnavailableError("its process ended")
        if text == "13":
            raise PromptRefusedError("13 is too long")
        return Reply(1, (Answer("" if text == "17" else str(int(text) * 2), 1),))


@pytest.fixture(scope="module")
def objects() -> Iterator[HttpObjectStore]:
    """Cloud Storage with prompts and no answers."""
    with StorageServer() as server:
        store = HttpObjectStore(server.base_url)
        lines = [{"contents": [{"role": "user", "parts": [{"text": str(n)}]}]} for n in range(COUNT)]
        store.write(URI, "\n".join(map(json.dumps, lines)).encode())
        yield store


def make_distillation(objects: HttpObjectStore, folder: Path, teacher: ScriptedTrainer) -> Distillation:
    answering = Answering({"t": teacher}, "t", folder, {})
    return Distillation(Store(), DatasetPreparation(lambda: objects, MediaReader()), answering)


def distillation_job(**teacher: str) -> TuningJob:
    taught = teacher or {"base_teacher": "gemini-2.5-flash"}
    return make_job(method=TuningMethod.DISTILLATION, training_uri=URI, **taught)


def go_on() -> None:
    """Nobody asks the job to stop."""


async def test_answers_become_examples_and_prompts_without_one_are_counted(
    objects: HttpObjectStore, tmp_path: Path
) -> None:
    """Numbers of dropped examples are those of the prompts, from 1."""
    distillation = make_distillation(objects, tmp_path, Teacher())
    files = tmp_path / "examples.jsonl", tmp_path / "validation.jsonl"
    prepared = await distillation(distillation_job(), *files, go_on)
    examples = [json.loads(line) for line in files[0].read_text().splitlines()]
    assert prepared.examples == len(examples) == COUNT - 2
    assert all(int(e["turns"][1]["text"]) == 2 * int(e["turns"][0]["text"]) for e in examples)
    assert prepared.statistics is not None
    assert (prepared.statistics.examples, prepared.statistics.dropped_count) == (COUNT, 2)
    assert [index for index, _ in prepared.statistics.dropped] == [14, 18]
    assert "13 is too long" in prepared.statistics.dropped[0][1]
    labelled = [json.loads(line) for line in (tmp_path / LABELLED_NAME).read_text().splitlines()]
    assert labelled[3]["contents"][1] == {"role": "model", "parts": [{"text": "6"}]}


async def test_prompts_with_images_and_calls_are_answered(objects: HttpObjectStore, tmp_path: Path) -> None:
    """The teacher reads the image as a word; what was called before stays a call in the labelled dataset."""
    image = {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/x.png"}}
    call, result = {"functionCall": {"name": "f", "args": {}}}, {"functionResponse": {"name": "f", "response": {}}}
    said = [("user", image), ("model", call), ("user", result)]
    line = {"contents": [{"role": role, "parts": [part]} for role, part in said]}
    uri = "gs://prompts/calls.jsonl"
    objects.write(uri, f"{json.dumps(line)}\n".encode())
    files = tmp_path / "examples.jsonl", tmp_path / "validation.jsonl"
    job = make_job(method=TuningMethod.DISTILLATION, training_uri=uri, base_teacher="gemini-2.5-flash")
    await make_distillation(objects, tmp_path, ScriptedTrainer())(job, *files, go_on)
    turns = json.loads(files[0].read_text())["turns"]
    assert [turn["role"] for turn in turns] == ["user", "call", "result", "model"]
    assert (turns[0]["text"], turns[1]["text"]) == ("[image]", "f {}")


async def test_a_job_that_was_interrupted_asks_for_what_is_missing(objects: HttpObjectStore, tmp_path: Path) -> None:
    """The teacher dies in the second block; a half line, as a kill leaves it, is asked for again."""
    files = tmp_path / "examples.jsonl", tmp_path / "validation.jsonl"
    dying = make_distillation(objects, tmp_path, Teacher(lives=BLOCK_PROMPTS + 3))
    with pytest.raises(ApiError, match="its process ended") as found:
        await dying(distillation_job(), *files, go_on)
    assert found.value.code == Code.UNAVAILABLE
    answers = tmp_path / ANSWERS_NAME
    assert answers.read_text().count("\n") == BLOCK_PROMPTS
    answers.write_text(answers.read_text() + '{"te')
    fresh = Teacher()
    await make_distillation(objects, tmp_path, fresh)(distillation_job(), *files, go_on)
    assert fresh.asked == [str(n) for n in range(BLOCK_PROMPTS, COUNT)]
    numbers = [int(json.loads(line)["turns"][0]["text"]) for line in files[0].read_text().splitlines()]
    assert numbers == [n for n in range(COUNT) if n not in (13, 17)]


async def test_a_cancel_ends_the_asking(objects: HttpObjectStore, tmp_path: Path) -> None:
    teacher = Teacher()

    def stop() -> None:
        if teacher.asked:
            raise StoppedError

    distillation = make_distillation(objects, tmp_path, teacher)
    with pytest.raises(StoppedError):
        await distillation(distillation_job(), tmp_path / "e.jsonl", tmp_path / "v.jsonl", stop)
    assert len(teacher.asked) <= BLOCK_PROMPTS


async def test_a_teacher_that_is_gone_fails_the_job(objects: HttpObjectStore, tmp_path: Path) -> None:
    distillation = make_distillation(objects, tmp_path, Teacher())
    job = distillation_job(tuned_teacher="projects/1/locations/l/models/2")
    with pytest.raises(ApiError, match="models/2 does not exist") as found:
        await distillation(job, tmp_path / "e.jsonl", tmp_path / "v.jsonl", go_on)
    assert found.value.code == Code.NOT_FOUND
