"""Every name by which a tuned model goes leads to its adapter, or to a reason why there is none."""

from __future__ import annotations

import pytest

from tests.records import MOMENT_NS, make_job, make_tuned_model
from tuning_emulator.core.ids import Ids, project_number
from tuning_emulator.core.records import TuningJob
from tuning_emulator.jobs.registry import NoAdapterError, find_tuned
from tuning_emulator.store.store import Store
from tuning_emulator.vertex.jobs import VertexTuning
from tuning_trainer.spec import Checkpoint

PLACE = "projects/my-project/locations/us-central1"


def tune_vertex() -> tuple[Store, TuningJob]:
    """A Vertex job with two checkpoints."""
    store = Store()
    tuning = VertexTuning(store, Ids(7))
    project = project_number("my-project")
    job = store.insert_job(make_job(project=project, trainer="lora"))
    for step in (10, 20):
        tuning.publish_checkpoint(job, Checkpoint(step, step // 10, f"jobs/vertex-1/{step}"), MOMENT_NS)
    tuning.publish_model(job, MOMENT_NS)
    return store, job


def test_job_model_and_endpoint_lead_to_the_checkpoint_that_serves() -> None:
    store, job = tune_vertex()
    version = store.get_model_version_of_job(job.uid)
    assert version is not None
    first, last = store.list_checkpoints(job.uid)
    for name in (f"tuningJobs/{job.id}", f"models/{version.model_id}", f"models/{version.model_id}@1"):
        assert find_tuned(store, f"{PLACE}/{name}").adapter == last.adapter
        assert find_tuned(store, f"{PLACE}/{name}", "1").adapter == first.adapter
    assert find_tuned(store, f"{PLACE}/endpoints/{first.endpoint_id}").adapter == first.adapter
    assert find_tuned(store, f"{PLACE}/endpoints/{last.endpoint_id}").adapter == last.adapter


def test_a_tuned_model_of_the_gemini_api_has_one_adapter() -> None:
    store = Store()
    store.insert_job(make_tuned_model(id="x", trainer="lora", adapter="jobs/gemini-1/checkpoint-19"))
    assert find_tuned(store, "tunedModels/x").adapter == "jobs/gemini-1/checkpoint-19"
    with pytest.raises(NoAdapterError, match="have none"):
        find_tuned(store, "tunedModels/x", "1")


@pytest.mark.parametrize("name", ["x", "tunedModels/y", f"{PLACE}/tuningJobs/1", f"{PLACE}/endpoints/1", "models/1"])
def test_an_unknown_name_is_repeated_with_the_forms_that_there_are(name: str) -> None:
    with pytest.raises(NoAdapterError, match=r"nothing tuned is called .*tunedModels/\{id\}") as found:
        find_tuned(Store(), name)
    assert not found.value.known


def test_reasons_for_no_adapter() -> None:
    """A job that has not trained yet, the scripted trainer, a checkpoint that does not exist."""
    store, job = tune_vertex()
    with pytest.raises(NoAdapterError, match="has no '7'; it has 1, 2"):
        find_tuned(store, f"{PLACE}/tuningJobs/{job.id}", "7")
    store.insert_job(make_tuned_model(id="early"))
    with pytest.raises(NoAdapterError, match="is PENDING and has no adapter yet"):
        find_tuned(store, "tunedModels/early")
    store.insert_job(make_tuned_model(id="played", trainer="scripted", adapter="jobs/gemini-3/checkpoint-19"))
    with pytest.raises(NoAdapterError, match="only pretends") as found:
        find_tuned(store, "tunedModels/played")
    assert found.value.known
