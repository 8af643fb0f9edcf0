"""The store: one method per named statement, records in and out. `transition` is the only writer of state."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tuning_emulator.core.clock import to_microseconds
from tuning_emulator.core.ids import project_number
from tuning_emulator.core.lifecycle import ENDED, WITHIN, JobEvent, advance
from tuning_emulator.core.records import (
    Api,
    BatchJob,
    CachedContent,
    Checkpoint,
    Endpoint,
    Job,
    JobKind,
    MetricPoint,
    Model,
    ModelVersion,
    Operation,
    Permission,
    Reserved,
    TuningJob,
)
from tuning_emulator.store import database as rows
from tuning_emulator.store.controls import CONTROL_TABLES, Controls
from tuning_emulator.store.database import Database, Loaded, StoreError
from tuning_emulator.store.migration import make_blank, take_over

NEWEST = 2**62
"""A uid above every other: where a newest-first listing begins."""

FIXED = frozenset(("uid", "api", "project", "location", "id", "asked", "progress"))
"""What of a job ``update_job`` leaves: its name and what was asked for stay, its progress has writers of its own."""

R = TypeVar("R")
J = TypeVar("J", bound=Job)


class Only(Struct, frozen=True):
    """Which jobs of a place are listed, where an index can tell.

    Attributes:
        name: Of the label.
    """

    field: Literal["state", "display_name", "label"]
    value: str
    name: str = ""


class Chosen(Struct, frozen=True):
    """Which jobs are listed, whosever they are; "": any. ``words``: somewhere in display name or id."""

    state: str = ""
    api: str = ""
    base_model: str = ""
    words: str = ""


class Watcher(Protocol):
    """Who wants to know what changes, while the transaction lasts in which it does."""

    def on_job(self, job: Job) -> None:
        """A job is there, or has changed."""

    def on_step(self, uid: int, point: MetricPoint) -> None:
        """A job has a further point of its curve."""

    def on_forgotten(self) -> None:
        """Jobs are gone, or everything is another."""


class Store:
    """All records of one emulator. Used from the server's one thread.

    Attributes:
        watcher: Is told what changes; None: nobody looks.
    """

    watcher: Watcher | None = None

    def __init__(self, directory: Path | None = None) -> None:
        self._database = Database(directory)
        self._revised = 0
        try:
            take_over(self._database)
        except StoreError:
            self._database.close()
            raise
        self.controls = Controls(self._database)

    def revision(self) -> int:
        """A number that changes with every row written that an answer may show, and with each ``revise``."""
        return self._database.changes - self.controls.silent + self._revised

    def revise(self) -> None:
        """Says that answers are others from now on, though no row is: as of another day, for one."""
        self._revised += 1

    def close(self) -> None:
        """Closes the file."""
        self.controls.close()
        self._database.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Groups writes: all of them or none."""
        return self._database.transaction()

    def clear(self, projects: Collection[str]) -> None:
        """Forgets everything of some projects."""
        with self.transaction():
            for project in projects:
                for statement in (
                    "clear_cached_contents",
                    "clear_operations",
                    "clear_endpoints",
                    "clear_models",
                    "clear_jobs",
                ):
                    self._database.execute(statement, project)
        self._tell_forgotten()

    def forget_jobs(self, uids: Iterable[int]) -> None:
        """Forgets some jobs, with what they have published."""
        with self.transaction():
            for uid in uids:
                self.forget_published(uid)
                self.delete_job(uid)

    def list_projects(self) -> list[str]:
        """Every project that owns something, as its records have it: by id or number, "" for none."""
        return [str(row[0]) for row in self._database.execute("list_projects")]

    def find_places(self, identifier: str) -> list[tuple[str, str, str]]:
        """(collection, project, location) of all of Vertex AI's jobs, models and endpoints with that id."""
        return [(row[0], row[1], row[2]) for row in self._database.execute("find_places", identifier)]

    def list_job_keys(self, project: str | None = None) -> list[tuple[int, JobKind]]:
        """(uid, api) of every job, or of every job of one project."""
        return [(row[0], row[1]) for row in self._database.execute("list_job_keys", project)]

    def count_made(self) -> int:
        """How many jobs, models, endpoints and operations there have ever been."""
        return int(self._database.execute("count_made").fetchone()[0])

    def snapshot(self) -> sqlite3.Connection:
        """See ``Database.snapshot``."""
        return self._database.snapshot()

    def load(self, path: Path) -> Loaded:
        """What ``become`` takes, of a file that ``migration`` has found good or made. In any thread."""
        return self._database.load(path)

    def make_blank(self, path: Path) -> Loaded:
        """What ``become_blank`` takes: a new file, or nothing but memory if this store has no file. In any thread."""
        return make_blank(self._database, path)

    def become(self, loaded: Loaded, previous: Path) -> None:
        """Takes what was loaded in the place of everything: all of it or, on an error, nothing.

        Args:
            previous: Where the own file goes, on the same file system, if there is one.
        """
        self._database.become(loaded, previous)
        take_over(self._database)  # an import of an older program, cut short before it was in its place
        self.controls.reload()
        self._tell_forgotten()

    def become_blank(self, blank: Loaded, previous: Path) -> None:
        """Forgets everything but what ``controls`` keep; ``blank`` is of ``make_blank``. See ``become``."""
        self._database.become(blank, previous, CONTROL_TABLES)
        self._tell_forgotten()

    # ------------------------------------------------------------ jobs

    def insert_job(self, job: J) -> J:
        """Stores a new job and answers it with its uid.

        Raises:
            sqlite3.IntegrityError: the name is taken.
        """
        with self.transaction():
            uid = int(self._database.execute("insert_job", **rows.format_job(job)).lastrowid or 0)
            if isinstance(job, TuningJob) and job.asked.labels:
                labels = [(name, value, uid) for name, value in job.asked.labels.items()]
                self._database.execute_many("add_label", labels)
        made = replace(job, uid=uid)
        if self.watcher is not None:
            self.watcher.on_job(made)
        return made

    def get_job(self, api: Api, project: str, location: str, identifier: str) -> TuningJob | None:
        """The tuning job of that name."""
        return self._one(rows.parse_tuning_job, "get_job", api, project, location, identifier)

    def get_tuned_model(self, identifier: str) -> TuningJob | None:
        """Gemini's tuned model of that id; ids are global."""
        return self._one(rows.parse_tuning_job, "get_tuned_model", identifier)

    def get_batch(self, api: JobKind, project: str, location: str, identifier: str) -> BatchJob | None:
        """The batch of that name."""
        return self._one(rows.parse_batch, "get_job", api, project, location, identifier)

    def find_gemini_batch(self, identifier: str) -> BatchJob | None:
        """Gemini's batch of that id, whoever's."""
        return self._one(rows.parse_batch, "find_gemini_batch", identifier)

    def get_any_job(self, uid: int) -> Job | None:
        """The job of that uid."""
        return self._one(rows.parse_job, "get_job_by_uid", uid)

    def get_job_by_uid(self, uid: int) -> TuningJob | None:
        """The tuning job of that uid."""
        job = self.get_any_job(uid)
        return job if isinstance(job, TuningJob) else None

    def get_job_by_experiment(self, project: str, location: str, experiment_id: str) -> TuningJob | None:
        """The job whose metadata context has that id."""
        return self._one(rows.parse_tuning_job, "get_job_by_experiment", project, location, experiment_id)

    def list_jobs_newest_first(
        self, api: Api, project: str, location: str, before_uid: int, limit: int, only: Only | None = None
    ) -> list[TuningJob]:
        """Tuning jobs of a place older than ``before_uid`` (``NEWEST`` to begin with), or only some of them."""
        place = (api, project, location, before_uid)
        if only is None:
            return self._all(rows.parse_tuning_job, "list_jobs_newest_first", *place, limit)
        if only.field == "label":
            return self._all(rows.parse_tuning_job, "list_jobs_by_label", *place, only.name, only.value, limit)
        return self._all(rows.parse_tuning_job, f"list_jobs_by_{only.field}", *place, only.value, limit)

    def list_batches_newest_first(
        self, api: JobKind, project: str, location: str, before_uid: int, limit: int
    ) -> list[BatchJob]:
        """Batches of a place older than ``before_uid``."""
        return self._all(rows.parse_batch, "list_jobs_newest_first", api, project, location, before_uid, limit)

    def list_tuned_models_oldest_first(self, after_uid: int, limit: int) -> list[TuningJob]:
        """Gemini's tuned models newer than ``after_uid`` (0 to begin with), whoever may see them."""
        return self._all(rows.parse_tuning_job, "list_tuned_models_oldest_first", after_uid, limit)

    def list_tuned_models_for(self, principal: str, after_uid: int, limit: int) -> list[TuningJob]:
        """Gemini's tuned models newer than ``after_uid`` (0 to begin with) that an account may perhaps see.

        None is left out that it may; those shared with some project are there whatever the account's.
        """
        return self._all(rows.parse_tuning_job, "list_tuned_models_for", principal, after_uid, limit)

    def list_unfinished_jobs(self) -> list[Job]:
        """Jobs that have not ended, oldest first."""
        return self._all(rows.parse_job, "list_unfinished_jobs")

    def list_jobs_of_project(
        self, project: str | None, before_uid: int, limit: int, chosen: Chosen | None = None
    ) -> list[Job]:
        """Jobs of both APIs, newest first, of a project (id or number) or of all."""
        number = project_number(project) if project else project
        only = chosen or Chosen()
        values = (project, number, before_uid, only.state, only.api, only.base_model, only.words, limit)
        return self._all(rows.parse_job, "list_jobs_of_project", *values)

    def count_jobs_by_state(self) -> list[tuple[str, str, int]]:
        """(api, state, number of jobs)."""
        return [(row[0], row[1], row[2]) for row in self._database.execute("count_jobs_by_state")]

    def sum_steps_by_api(self) -> list[tuple[str, int]]:
        """(api, training steps done by its jobs)."""
        return [(row[0], row[1]) for row in self._database.execute("sum_steps_by_api")]

    def transition(self, uid: int, event: JobEvent, now_ns: int, **changes: Any) -> Job:
        """Moves a job as the lifecycle allows, with its times; the only writer of state and phase.

        ``changes`` are other fields of its progress that change with it. While a Gemini model is CREATING its update
        time stays its create time (recorded), so starting does not touch it.

        Raises:
            IllegalTransitionError: the job's state does not allow the event.
            KeyError: no such job.
        """
        now_ns = to_microseconds(now_ns)
        with self.transaction():
            job = self._require(uid)
            state, phase = advance(job.progress.state, job.progress.phase, event)
            if event in (JobEvent.START, JobEvent.RUN) and job.progress.started_ns is None:
                changes["started_ns"] = now_ns
            if state in ENDED:
                changes["ended_ns"] = now_ns
            if event not in WITHIN and (state in ENDED or job.api != "gemini"):
                changes["updated_ns"] = now_ns
            return self._replace(replace(job, progress=replace(job.progress, state=state, phase=phase, **changes)))

    def update_progress(self, uid: int, **changes: Any) -> Job:
        """Changes fields of a job's progress other than state and phase."""
        if changes.keys() & {"state", "phase"}:
            raise ValueError("state, phase: only `transition` writes them")
        with self.transaction():
            job = self._require(uid)
            return self._replace(replace(job, progress=replace(job.progress, **changes)))

    def update_job(self, uid: int, **changes: Any) -> TuningJob:
        """Changes what clients may change of a tuning job."""
        if fixed := changes.keys() & FIXED:
            raise ValueError(f"{', '.join(sorted(fixed))}: `update_job` does not change that")
        with self.transaction():
            return self._replace(replace(self._require_tuning(uid), **changes))

    def reserve(self, uid: int, identifier: str, reserved: Reserved) -> TuningJob:
        """Gives a job that has made nothing yet another id, and what it will make ids of its own.

        Raises:
            sqlite3.IntegrityError: the name is taken.
        """
        with self.transaction():
            self._database.execute("rename_job", identifier, uid)
            return self._replace(replace(self._require_tuning(uid), id=identifier, reserved=reserved))

    def add_progress(self, uid: int, point: MetricPoint) -> None:
        """Records one training step: its metrics and how far the job is."""
        with self.transaction():
            self.add_metric_points(uid, [point])
            self._database.execute("count_step", point.step, point.epoch, uid)

    def count_request(self, uid: int, completed: int, failed: int | None = None) -> None:
        """Records how many requests of a batch are answered; ``failed``: with an error, where that has changed."""
        with self.transaction():
            self._database.execute("count_step", completed, 0, uid)
            if failed is not None:
                self.update_progress(uid, failed_steps=failed)
            elif self.watcher is not None:
                self.watcher.on_job(self._require(uid))

    def delete_job(self, uid: int) -> None:
        """Forgets a job with its metrics, checkpoints, permissions and inline examples."""
        self._database.execute("delete_job", uid)
        self._tell_forgotten()

    def forget_published(self, job_uid: int) -> None:
        """Forgets the model version that a job has made, and the endpoints of its checkpoints."""
        version = self.get_model_version_of_job(job_uid)
        if version is None:
            return
        for checkpoint in self.list_checkpoints(job_uid):
            place = (version.project, version.location, checkpoint.endpoint_id)
            if (endpoint := self.get_endpoint(*place)) is not None:
                self.delete_endpoint(endpoint.uid)
        if len(self.list_model_versions(version.model_uid)) > 1:
            self.delete_model_version(version.model_uid, version.version)
        else:
            self.delete_model(version.model_uid)

    def put_inline_dataset(self, job_uid: int, lines: str) -> None:
        """Keeps the examples that came inside the request."""
        self._database.execute("put_inline_dataset", job_uid, lines)

    def get_inline_dataset(self, job_uid: int) -> str:
        """The examples that came inside the request, or ""."""
        row = self._database.execute("get_inline_dataset", job_uid).fetchone()
        return str(row[0]) if row else ""

    # ------------------------------------------------------------ metrics and checkpoints

    def add_metric_points(self, job_uid: int, points: Collection[MetricPoint]) -> None:
        """Appends metrics; a step reported again (after a resume) replaces the earlier one."""
        self._database.execute_many(
            "add_metric_point",
            [(job_uid, p.kind, p.step, p.epoch, p.mean_loss, p.computed_ns, p.predictions, p.correct) for p in points],
        )
        if self.watcher is not None:
            for point in points:
                self.watcher.on_step(job_uid, point)

    def list_metric_points(self, job_uid: int, kind: Literal["train", "eval"] = "train") -> list[MetricPoint]:
        """Metrics of a job by step."""
        return [MetricPoint(*row) for row in self._database.execute("list_metric_points", job_uid, kind)]

    def thin_metric_points(self, job_uid: int, kind: Literal["train", "eval"], limit: int) -> list[MetricPoint]:
        """About so many of them at most, by step: all, or of each stretch those with the least and greatest loss."""
        if not limit:
            return []
        number, first, last = self._database.execute("measure_metric_points", job_uid, kind).fetchone()
        if number <= limit:
            return self.list_metric_points(job_uid, kind)
        stretch = -(-2 * (last - first + 1) // max(limit - 4, 2))
        found = self._database.execute("thin_metric_points", job_uid, kind, stretch, first, last)
        return [MetricPoint(*row) for row in found]

    def count_metric_points(self, job_uid: int, kind: Literal["train", "eval"]) -> int:
        """How many there are."""
        return int(self._database.execute("measure_metric_points", job_uid, kind).fetchone()[0])

    def drop_metric_points_after(self, job_uid: int, step: int) -> None:
        """Forgets metrics of steps that a resumed job will do again."""
        self._database.execute("drop_metric_points_after", job_uid, step)

    def put_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keeps a checkpoint; one of the same job and step is replaced."""
        c = checkpoint
        self._database.execute("put_checkpoint", c.job_uid, c.id, c.epoch, c.step, c.adapter, c.endpoint_id)

    def list_checkpoints(self, job_uid: int) -> list[Checkpoint]:
        """Checkpoints of a job by step."""
        return [Checkpoint(*row) for row in self._database.execute("list_checkpoints", job_uid)]

    # ------------------------------------------------------------ models

    def insert_model(self, model: Model) -> Model:
        """Stores a new parent model and answers it with its uid."""
        cursor = self._database.execute("insert_model", model.project, model.location, model.id, model.created_ns)
        return replace(model, uid=int(cursor.lastrowid or 0))

    def get_model(self, project: str, location: str, identifier: str) -> Model | None:
        """The parent model of that name."""
        row = self._database.execute("get_model", project, location, identifier).fetchone()
        return Model(*row) if row else None

    def list_models_newest_first(self, project: str, location: str, before_uid: int, limit: int) -> list[Model]:
        """Parent models of a place older than ``before_uid``."""
        found = self._database.execute("list_models_newest_first", project, location, before_uid, limit)
        return [Model(*row) for row in found]

    def delete_model(self, uid: int) -> None:
        """Forgets a parent model and its versions."""
        self._database.execute("delete_model", uid)

    def insert_model_version(self, version: ModelVersion) -> None:
        """Stores a new version of a model."""
        self._database.execute("insert_model_version", **rows.format_model_version(version))

    def replace_model_version(self, version: ModelVersion) -> ModelVersion:
        """Writes a changed version; its revision (the etag) moves on."""
        changed = replace(version, revision=version.revision + 1)
        self._database.execute("replace_model_version", **rows.format_model_version(changed))
        return changed

    def list_model_versions(self, model_uid: int) -> list[ModelVersion]:
        """Versions of a model, first to last."""
        return self._all(rows.parse_model_version, "list_model_versions", model_uid)

    def get_model_version_of_job(self, job_uid: int) -> ModelVersion | None:
        """The model version that a job made."""
        return self._one(rows.parse_model_version, "get_model_version_of_job", job_uid)

    def delete_model_version(self, model_uid: int, version: int) -> None:
        """Forgets one version."""
        self._database.execute("delete_model_version", model_uid, version)

    # ------------------------------------------------------------ endpoints

    def insert_endpoint(self, endpoint: Endpoint) -> Endpoint:
        """Stores a new endpoint and answers it with its uid."""
        cursor = self._database.execute("insert_endpoint", **rows.format_endpoint(endpoint))
        return replace(endpoint, uid=int(cursor.lastrowid or 0))

    def replace_endpoint(self, endpoint: Endpoint) -> Endpoint:
        """Writes a changed endpoint; its revision (the etag) moves on."""
        changed = replace(endpoint, revision=endpoint.revision + 1)
        self._database.execute("replace_endpoint", **rows.format_endpoint(changed))
        return changed

    def get_endpoint(self, project: str, location: str, identifier: str) -> Endpoint | None:
        """The endpoint of that name."""
        return self._one(rows.parse_endpoint, "get_endpoint", project, location, identifier)

    def list_endpoints_newest_first(self, project: str, location: str, before_uid: int, limit: int) -> list[Endpoint]:
        """Endpoints of a place older than ``before_uid``."""
        return self._all(rows.parse_endpoint, "list_endpoints_newest_first", project, location, before_uid, limit)

    def delete_endpoint(self, uid: int) -> None:
        """Forgets an endpoint."""
        self._database.execute("delete_endpoint", uid)

    # ------------------------------------------------------------ operations and permissions

    def put_operation(self, operation: Operation) -> None:
        """Stores an operation, or how it stands now."""
        self._database.execute("put_operation", **rows.format_operation(operation))

    def get_operation(self, name: str) -> Operation | None:
        """The operation of that full name."""
        return self._one(rows.parse_operation, "get_operation", name)

    def list_operations_newest_first(self, project: str, location: str) -> list[Operation]:
        """Operations of a place."""
        return self._all(rows.parse_operation, "list_operations_newest_first", project, location)

    def delete_operation(self, name: str) -> None:
        """Forgets an operation."""
        self._database.execute("delete_operation", name)

    def put_permission(self, permission: Permission) -> None:
        """Stores a permission, or its new role."""
        p = permission
        self._database.execute("put_permission", p.job_uid, p.id, p.grantee_type, p.email, p.role)

    def get_permission(self, job_uid: int, identifier: str) -> Permission | None:
        """One permission of a tuned model."""
        row = self._database.execute("get_permission", job_uid, identifier).fetchone()
        return Permission(*row) if row else None

    def list_permissions(self, job_uid: int) -> list[Permission]:
        """Permissions of a tuned model, the owner's first."""
        return [Permission(*row) for row in self._database.execute("list_permissions", job_uid)]

    def delete_permission(self, job_uid: int, identifier: str) -> None:
        """Forgets a permission."""
        self._database.execute("delete_permission", job_uid, identifier)

    # ------------------------------------------------------------ cached contents

    def insert_cached_content(self, cached: CachedContent) -> CachedContent:
        """Stores what a client caches and answers it with its uid."""
        cursor = self._database.execute("insert_cached_content", **rows.format_cached_content(cached))
        return replace(cached, uid=int(cursor.lastrowid or 0))

    def replace_cached_content(self, cached: CachedContent) -> CachedContent:
        """Writes a changed one."""
        self._database.execute("replace_cached_content", **rows.format_cached_content(cached))
        return cached

    def get_cached_content(self, api: Api, project: str, location: str, identifier: str) -> CachedContent | None:
        """The cached content of that name, expired and deleted ones among them."""
        return self._one(rows.parse_cached_content, "get_cached_content", api, project, location, identifier)

    def list_cached_contents_newest_first(
        self, api: Api, project: str, location: str, before_uid: int, limit: int
    ) -> list[CachedContent]:
        """Those of a place older than ``before_uid``, expired and deleted ones among them."""
        place = (api, project, location, before_uid, limit)
        return self._all(rows.parse_cached_content, "list_cached_contents_newest_first", *place)

    def forget_cached_contents(self, before_ns: int) -> None:
        """Forgets those that had expired before a moment."""
        self._database.execute("delete_cached_contents_before", before_ns)

    # ------------------------------------------------------------ inside

    def _one(self, parse: Callable[[sqlite3.Row], R], statement: str, *values: Any) -> R | None:
        row = self._database.execute(statement, *values).fetchone()
        return parse(row) if row else None

    def _all(self, parse: Callable[[sqlite3.Row], R], statement: str, *values: Any) -> list[R]:
        return [parse(row) for row in self._database.execute(statement, *values)]

    def _require(self, uid: int) -> Job:
        job = self.get_any_job(uid)
        if job is None:
            raise KeyError(f"no job with uid {uid}")
        return job

    def _require_tuning(self, uid: int) -> TuningJob:
        job = self.get_job_by_uid(uid)
        if job is None:
            raise KeyError(f"no tuning job with uid {uid}")
        return job

    def _replace(self, job: J) -> J:
        self._database.execute("replace_job", **rows.format_job(job))
        if self.watcher is not None:
            self.watcher.on_job(job)
        return job

    def _tell_forgotten(self) -> None:
        if self.watcher is not None:
            self.watcher.on_forgotten()
