"""The store keeps what it is given, in order, through restarts, and refuses what would lose something."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.records import MOMENT_NS, make_job, make_tuned_model
from tuning_emulator.core.lifecycle import IllegalTransitionError, JobEvent
from tuning_emulator.core.records import (
    Checkpoint,
    DatasetStatistics,
    DeployedModel,
    Distribution,
    Endpoint,
    Failure,
    Hyperparameters,
    JobState,
    MetricPoint,
    Model,
    ModelVersion,
    Operation,
    Permission,
)
from tuning_emulator.store.database import DATABASE_NAME, StoreError
from tuning_emulator.store.migration import SCHEMA_VERSION
from tuning_emulator.store.store import NEWEST, Store

COUNTS = Distribution(10, 1, 4, 2.5, 2.5, 1, 4, ((2, 1, 1), (2, 4, 4)))
FULL = {
    "resolved": Hyperparameters(2, 4, 1e-3, 1.0, 4, 0.1),
    "error": Failure(13, "It’s gone."),
    "statistics": DatasetStatistics(4, 20, COUNTS, COUNTS, COUNTS, 1, ((2, "too long"),), ({"role": "user"},), COUNTS),
    "temperature": 0.0,
    "top_k": 0,
    "reader_project_numbers": (12, 13),
}


@pytest.fixture
def store() -> Store:
    return Store()


def test_a_job_comes_back_as_it_went_in(store: Store, tmp_path: Path) -> None:
    """Every field survives, from the connection that wrote it and from the file."""
    kept = Store(tmp_path)
    job = kept.insert_job(make_job(**FULL))
    assert kept.get_job("vertex", job.project, job.location, job.id) == job
    kept.close()
    reopened = Store(tmp_path)
    assert reopened.get_job_by_uid(job.uid) == job
    assert reopened.get_job("vertex", job.project, job.location, job.id) == job


def test_names_are_unique_and_gemini_ids_are_global(store: Store) -> None:
    """A second job of one name is refused; so is a tuned model id in another project."""
    store.insert_job(make_job())
    store.insert_job(make_job(project="2"))
    store.insert_job(make_tuned_model())
    with pytest.raises(sqlite3.IntegrityError):
        store.insert_job(make_job())
    with pytest.raises(sqlite3.IntegrityError):
        store.insert_job(make_tuned_model(project="2"))


def test_a_transition_writes_state_and_times_or_nothing(store: Store) -> None:
    """Start and end are stamped once, in whole microseconds; an illegal event changes nothing."""
    job = store.insert_job(make_job())
    started = store.transition(job.uid, JobEvent.START, MOMENT_NS + 1_999)
    assert (started.progress.state, started.progress.started_ns, started.progress.updated_ns) == (
        JobState.RUNNING,
        MOMENT_NS + 1_000,
        MOMENT_NS + 1_000,
    )
    ended = store.transition(job.uid, JobEvent.FAIL, MOMENT_NS + 2_000, error=Failure(3, "no"))
    assert (ended.progress.ended_ns, ended.progress.updated_ns, ended.progress.error) == (
        MOMENT_NS + 2_000,
        MOMENT_NS + 2_000,
        Failure(3, "no"),
    )
    with pytest.raises(IllegalTransitionError):
        store.transition(job.uid, JobEvent.SUCCEED, MOMENT_NS + 3_000, device="x")
    assert store.get_job_by_uid(job.uid) == ended


def test_a_gemini_models_update_time_waits_for_its_end(store: Store) -> None:
    """Recorded: createTime equals updateTime while CREATING; at the end updateTime equals completeTime."""
    job = store.insert_job(make_tuned_model())
    assert store.transition(job.uid, JobEvent.START, MOMENT_NS + 1_000).progress.updated_ns == MOMENT_NS
    for event in (JobEvent.TUNE, JobEvent.TRAIN):
        assert store.transition(job.uid, event, MOMENT_NS + 1_000).progress.updated_ns == MOMENT_NS
    ended = store.transition(job.uid, JobEvent.SUCCEED, MOMENT_NS + 2_000)
    assert ended.progress.updated_ns == ended.progress.ended_ns == MOMENT_NS + 2_000


def test_only_transition_writes_state(store: Store) -> None:
    """The back doors are shut; and nobody changes what was asked for."""
    job = store.insert_job(make_job())
    with pytest.raises(ValueError, match="state"):
        store.update_progress(job.uid, state=JobState.SUCCEEDED)
    for fixed in ("progress", "asked", "id"):
        with pytest.raises(ValueError, match=fixed):
            store.update_job(job.uid, **{fixed: getattr(job, fixed)})


def test_a_rolled_back_change_is_not_read(store: Store) -> None:
    """All or nothing, for readers by name too."""
    job = store.insert_job(make_job())
    with pytest.raises(sqlite3.IntegrityError), store.transaction():
        store.insert_job(replace(store.update_job(job.uid, display_name="half done")))
    assert store.get_job("vertex", job.project, job.location, job.id) == job


def test_lists_page_by_uid_in_their_services_order(store: Store) -> None:
    """Vertex newest first within a place, Gemini oldest first."""
    uids = [store.insert_job(make_job(id=str(n))).uid for n in range(5)]
    store.insert_job(make_job(id="0", location="europe-west4"))
    page = store.list_jobs_newest_first("vertex", "646763706049", "us-central1", NEWEST, 2)
    assert [job.uid for job in page] == uids[:2:-1]
    rest = store.list_jobs_newest_first("vertex", "646763706049", "us-central1", page[-1].uid, 9)
    assert [job.uid for job in rest] == uids[2::-1]
    models = [store.insert_job(make_tuned_model(id=f"m{n}")).uid for n in range(3)]
    assert [job.uid for job in store.list_tuned_models_oldest_first(models[0], 9)] == models[1:]


def test_progress_moves_the_job_and_keeps_every_point(store: Store) -> None:
    """A step reported again after a resume replaces the earlier one."""
    job = store.insert_job(make_job())
    store.get_job("vertex", job.project, job.location, job.id)
    store.add_progress(job.uid, MetricPoint(1, 0, 2.5, 10))
    store.add_progress(job.uid, MetricPoint(2, 1, 1.5, 11))
    store.add_progress(job.uid, MetricPoint(2, 1, 1.25, 12))
    store.add_metric_points(job.uid, [MetricPoint(2, 1, 9.0, 12, "eval", 4, 3)])
    assert [point.mean_loss for point in store.list_metric_points(job.uid)] == [2.5, 1.25]
    assert store.list_metric_points(job.uid, "eval")[0].correct == 3
    for read in (store.get_job_by_uid(job.uid), store.get_job("vertex", job.project, job.location, job.id)):
        assert read is not None
        assert (read.progress.completed_steps, read.progress.completed_epochs) == (2, 1)
    store.drop_metric_points_after(job.uid, 1)
    assert len(store.list_metric_points(job.uid)) == 1
    assert store.list_metric_points(job.uid, "eval") == []


def test_deleting_a_tuned_model_takes_everything_of_it(store: Store) -> None:
    """Metrics, permissions and inline examples go with it, and the name is free again."""
    job = store.insert_job(make_tuned_model())
    store.put_inline_dataset(job.uid, '{"turns": []}')
    store.put_permission(Permission(job.uid, "1", "USER", "owner@example.com", "OWNER"))
    store.add_metric_points(job.uid, [MetricPoint(1, 0, 1.0, 1)])
    assert store.get_tuned_model(job.id) == job
    store.delete_job(job.uid)
    assert store.get_tuned_model(job.id) is None
    assert (store.list_permissions(job.uid), store.list_metric_points(job.uid)) == ([], [])
    assert store.get_inline_dataset(job.uid) == ""
    store.insert_job(make_tuned_model())


def test_the_owners_permission_comes_first(store: Store) -> None:
    """As in the recorded list."""
    job = store.insert_job(make_tuned_model())
    store.put_permission(Permission(job.uid, "101", "GROUP", "g@example.com", "READER"))
    store.put_permission(Permission(job.uid, "999", "USER", "owner@example.com", "OWNER"))
    store.put_permission(Permission(job.uid, "101", "GROUP", "g@example.com", "WRITER"))
    assert [(one.id, one.role) for one in store.list_permissions(job.uid)] == [("999", "OWNER"), ("101", "WRITER")]
    store.delete_permission(job.uid, "101")
    assert store.get_permission(job.uid, "101") is None


def test_models_versions_and_endpoints_come_back_as_they_went_in(store: Store) -> None:
    """A change moves the revision, which the etag is made of."""
    job = store.insert_job(make_job())
    model = store.insert_model(Model(0, "1", "us-central1", "77", MOMENT_NS))
    names = ("1", "us-central1", "77")
    version = ModelVersion(
        model.uid, *names, 1, ("default",), "d", "", {"a": "b"}, "", "gemini-2.5-flash", job.uid, "2", 1, 1, 0
    )
    store.insert_model_version(version)
    assert store.list_model_versions(model.uid) == [version] == [store.get_model_version_of_job(job.uid)]
    changed = store.replace_model_version(replace(version, display_name="e"))
    assert changed.revision == 1
    assert store.list_model_versions(model.uid) == [changed]
    deployed = (DeployedModel("5", "77", 1, "2", "d", 3),)
    endpoint = store.insert_endpoint(Endpoint(0, "1", "us-central1", "88", "d", "", {}, deployed, {"5": 100}, 1, 1, 0))
    assert store.get_endpoint("1", "us-central1", "88") == endpoint
    assert store.replace_endpoint(replace(endpoint, deployed=())).revision == 1
    store.put_checkpoint(Checkpoint(job.uid, "1", 1, 2, "a", ""))
    store.put_checkpoint(Checkpoint(job.uid, "1", 1, 2, "a", "88"))
    assert store.list_checkpoints(job.uid) == [Checkpoint(job.uid, "1", 1, 2, "a", "88")]
    store.delete_model(model.uid)
    assert store.get_model_version_of_job(job.uid) is None


def test_an_operation_ends_in_place(store: Store) -> None:
    """Stored once under its name; the end changes only what ends."""
    running = Operation("projects/1/operations/2", "1", "l", "v1", "M", "R", 1, 1, done=False)
    store.put_operation(running)
    ended = replace(running, done=True, updated_ns=2, response={"name": "x"})
    store.put_operation(ended)
    assert store.get_operation(running.name) == ended
    assert store.list_operations_newest_first("1", "l") == [ended]


def test_clearing_one_project_leaves_the_others(store: Store) -> None:
    """Isolation of parallel tests."""
    mine, theirs = store.insert_job(make_job()), store.insert_job(make_job(project="9"))
    store.clear([mine.project])
    assert store.get_job_by_uid(mine.uid) is None
    assert store.get_job_by_uid(theirs.uid) == theirs


def test_a_directory_in_use_is_refused(tmp_path: Path) -> None:
    """Two servers on one directory would undo each other's work."""
    first = Store(tmp_path)
    with pytest.raises(StoreError, match="in use"):
        Store(tmp_path)
    first.close()
    Store(tmp_path).close()


def test_a_file_of_another_version_is_refused_and_kept(tmp_path: Path) -> None:
    """Nothing a user stored is lost to a misreading."""
    Store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.commit()
    connection.close()
    size = (tmp_path / DATABASE_NAME).stat().st_size
    with pytest.raises(StoreError, match=str(SCHEMA_VERSION + 1)):
        Store(tmp_path)
    assert (tmp_path / DATABASE_NAME).stat().st_size == size


def test_tuned_models_of_an_account_are_found_among_those_of_others(store: Store) -> None:
    """Its own, whatever the letters' case; everybody's; those of any project; pages go on where the last one ended."""
    uids = [store.insert_job(make_tuned_model(id=f"m-{n}")).uid for n in range(6)]
    store.put_permission(Permission(uids[0], "1", "USER", "Owner@example.com", "OWNER"))
    store.put_permission(Permission(uids[1], "1", "USER", "other@example.com", "OWNER"))
    store.put_permission(Permission(uids[2], "everyone", "EVERYONE", "", "READER"))
    store.put_permission(Permission(uids[3], "1", "USER", "other@example.com", "OWNER"))
    store.put_permission(Permission(uids[4], "1", "USER", "owner@example.com", "OWNER"))
    store.update_job(uids[5], reader_project_numbers=(12,))
    found = [job.uid for job in store.list_tuned_models_for("owner@example.com", 0, 9)]
    assert found == [uids[0], uids[2], uids[4], uids[5]]
    first = store.list_tuned_models_for("owner@example.com", 0, 2)
    rest = store.list_tuned_models_for("owner@example.com", first[-1].uid, 9)
    assert [job.uid for job in [*first, *rest]] == found
    store.delete_permission(uids[2], "everyone")
    assert uids[2] not in {job.uid for job in store.list_tuned_models_for("owner@example.com", 0, 9)}
