"""What a Vertex job leaves behind: checkpoints, endpoints, model versions."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.records import MOMENT_NS, make_job, make_tuned_model
from tuning_emulator.core.clock import ManualClock
from tuning_emulator.core.ids import Ids
from tuning_emulator.core.records import Hyperparameters, ModelVersion, TuningJob
from tuning_emulator.facts.limits import home_location
from tuning_emulator.gemini.jobs import GeminiTuning
from tuning_emulator.jobs.registry import find_adapter
from tuning_emulator.store.store import Store
from tuning_emulator.vertex.jobs import VertexTuning, checkpoint_steps
from tuning_trainer.spec import Checkpoint


class Publisher:
    """A store with jobs that publish into it."""

    def __init__(self) -> None:
        self.store, self.ids, self.clock = Store(), Ids(7), ManualClock(MOMENT_NS)
        self.tuning = VertexTuning(self.store, self.ids)

    def insert(self, **changes: Any) -> TuningJob:
        return self.store.insert_job(make_job(**{"id": self.ids.number(), **changes}))

    def save(self, job: TuningJob, step: int, epoch: int, directory: str = "") -> None:
        event = Checkpoint(step, epoch, directory or f"jobs/{job.uid}/{step}")
        self.tuning.publish_checkpoint(job, event, self.clock.now_ns())

    def finish(self, job: TuningJob) -> ModelVersion:
        self.tuning.publish_model(job, self.clock.now_ns())
        version = self.store.get_model_version_of_job(job.uid)
        assert version is not None
        return version

    def tune(self, **changes: Any) -> ModelVersion:
        job = self.insert(**changes)
        self.save(job, 10, 1)
        self.save(job, 20, 2)
        return self.finish(job)


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ((19, 5, 15, 4), (4, 8, 12, 15, 19)),
        ((20, 2, 10, 1), (10, 20)),
        ((40, 40, 4, 4), (4, 8, 12, 16, 20, 24, 28, 32, 36, 40)),
        ((3, 40, 1, 16), (1, 2, 3)),
        ((1, 10, 1, 16), (1,)),
    ],
)
def test_checkpoints_are_one_an_epoch_up_to_ten_then_evenly_spread(
    arguments: tuple[int, int, int, int], steps: tuple[int, ...]
) -> None:
    assert checkpoint_steps(*arguments) == steps


def test_only_the_last_checkpoint_on_request() -> None:
    assert checkpoint_steps(19, 5, 15, 4, last_only=True) == (19,)


def test_a_count_below_one_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="epochs: 0"):
        checkpoint_steps(19, 0, 15, 4)


def test_each_checkpoint_gets_an_endpoint_while_the_job_runs_and_the_last_becomes_default() -> None:
    publisher = Publisher()
    job = publisher.insert()
    publisher.save(job, 10, 1)
    running = publisher.store.get_model_version_of_job(job.uid)
    assert running is not None
    assert running.default_checkpoint == ""
    publisher.save(job, 20, 2)
    version = publisher.finish(job)
    saved = publisher.store.list_checkpoints(job.uid)
    assert [(one.id, one.epoch, one.step) for one in saved] == [("1", 1, 10), ("2", 2, 20)]
    assert version.default_checkpoint == "2"
    endpoint = publisher.store.get_endpoint(job.project, "us-central1", saved[0].endpoint_id)
    assert endpoint is not None
    assert [(one.model_id, one.checkpoint_id) for one in endpoint.deployed] == [(version.model_id, "1")]
    assert list(endpoint.traffic.values()) == [100]
    assert saved[0].endpoint_id != saved[1].endpoint_id


def test_a_checkpoint_saved_again_after_a_resume_keeps_id_and_endpoint() -> None:
    publisher = Publisher()
    job = publisher.insert()
    publisher.save(job, 10, 1, "old")
    (before,) = publisher.store.list_checkpoints(job.uid)
    publisher.save(job, 10, 1, "new")
    assert publisher.store.list_checkpoints(job.uid) == [replace(before, adapter="new")]


def test_the_epoch_of_a_checkpoint_never_passes_the_epochs_asked_for() -> None:
    publisher = Publisher()
    job = publisher.insert(resolved=Hyperparameters(epochs=1, batch_size=4))
    publisher.save(job, 1, 4)
    assert publisher.store.list_checkpoints(job.uid)[0].epoch == 1


def test_models_carry_the_labels_by_which_clients_find_them() -> None:
    version = Publisher().tune(base_model="gemini-2.5-flash-lite", id="77", labels={"team": "one"})
    assert version.labels == {
        "team": "one",
        "google-vertex-llm-tuning-base-model-id": "gemini-2_5-flash-lite",
        "google-vertex-llm-tuning-job-id": "77",
        "tune-type": "sft",
    }


def test_continuing_a_model_makes_its_next_version_unless_the_display_name_differs() -> None:
    publisher = Publisher()
    first = publisher.tune()
    name = f"projects/{first.project}/locations/{first.location}/models/{first.model_id}"
    second = publisher.tune(source_model=name)
    other = publisher.tune(source_model=f"{name}@1", display_name="other")
    assert (second.model_id, second.version) == (first.model_id, 2)
    assert other.model_id != first.model_id
    assert other.version == 1


def test_models_of_the_newest_family_live_in_a_multi_region() -> None:
    version = Publisher().tune(base_model="gemini-3.5-flash", location="europe-west4")
    assert version.location == "eu"
    assert home_location(False, "europe-west4") == "europe-west4"


def test_the_adapter_is_found_by_version_alias_and_checkpoint() -> None:
    publisher = Publisher()
    version = publisher.tune()
    name = f"projects/{version.project}/locations/{version.location}/models/{version.model_id}"
    uid = version.job_uid
    assert find_adapter(publisher.store, name) == f"jobs/{uid}/20"
    assert find_adapter(publisher.store, f"{name}@default", "1") == f"jobs/{uid}/10"
    assert find_adapter(publisher.store, f"{name}@2") == ""
    assert find_adapter(publisher.store, "projects/x") == ""


def test_gemini_jobs_publish_nothing() -> None:
    """A tuned model is all that there is of it."""
    publisher = Publisher()
    job, tuning = publisher.store.insert_job(make_tuned_model()), GeminiTuning(publisher.store)
    tuning.publish_checkpoint(job, Checkpoint(10, 1, "jobs/1/10"), MOMENT_NS, deploy=True)
    tuning.publish_model(job, MOMENT_NS)
    assert publisher.store.list_checkpoints(job.uid) == []
    assert publisher.store.get_model_version_of_job(job.uid) is None
