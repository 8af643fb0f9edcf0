"""The TensorBoard of a place, where the experiments of its tuning jobs show their metrics, step by step.

A job has one experiment there, named as its metadata context, with one run, named as the job. The board is there as
soon as a job has an experiment; its id follows from the place.

Sources: the reads of Google's notebook gemini/tuning/sft_gemini_summarization.ipynb
(github.com/GoogleCloudPlatform/generative-ai). That it is one board for all jobs of a place is assumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from tuning_emulator.api.call import Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.core.records import MetricPoint, TuningJob
from tuning_emulator.facts import vertex_errors
from tuning_emulator.facts.limits import VERTEX_SERIES_POINTS, VERTEX_SERIES_POINTS_MAX
from tuning_emulator.jobs.backend import Backend
from tuning_emulator.schema.schema import Value
from tuning_emulator.store.store import NEWEST, Store
from tuning_emulator.vertex.convert import Place, format_etag, parse_name, parse_place, place_of
from tuning_emulator.vertex.listing import list_all, read_filter
from tuning_emulator.vertex.operations import Operations
from tuning_emulator.vertex.series import Series, format_data, format_series, list_series, list_values, thin

COLLECTIONS = ("tensorboards", "experiments", "runs", "timeSeries")
KINDS = ("tensorboard", "tensorboardExperiment", "tensorboardRun", "tensorboardTimeSeries")
EXPERIMENT, RUN = "tensorboard_experiment", "tensorboard_run"
"""Among what clients have deleted, see ``Progress.deleted``."""

JOBS_AT_ONCE = 500


# --- names


def format_tensorboard_name(place: Place) -> str:
    """``projects/…/locations/…/tensorboards/2718281828459045235``."""
    digest = int.from_bytes(hashlib.sha256(str(place).encode()).digest()[:8], "big")
    return f"{place}/tensorboards/{10**18 + digest % (8 * 10**18)}"


def format_run_name(job: TuningJob) -> str:
    """The run of a job: ``…/experiments/{experiment}/runs/{job}``."""
    return f"{_format_experiment_name(job)}/runs/{job.id}"


def _format_experiment_name(job: TuningJob) -> str:
    return f"{format_tensorboard_name(place_of(job))}/experiments/{job.progress.experiment_id}"


def walk_jobs(store: Store, place: Place) -> Iterator[TuningJob]:
    """Jobs of a place that have, or had, an experiment, newest first."""
    before = NEWEST
    while jobs := store.list_jobs_newest_first("vertex", place.project, place.location, before, JOBS_AT_ONCE):
        yield from (job for job in jobs if job.progress.experiment_id)
        before = jobs[-1].uid


class Tensorboards:
    """``TensorboardService``, to read and to delete."""

    def __init__(self, backend: Backend, operations: Operations) -> None:
        self._store = backend.store
        self._operations = operations

    # ------------------------------------------------------------ boards

    def get_tensorboard(self, call: Call) -> Value:
        """The board of a place."""
        place, _ = self._parse(call.request["name"], 1)
        jobs = list(self._walk_board(place))
        if not jobs:
            raise _miss(format_tensorboard_name(place), 1)
        return _format_tensorboard(place, jobs)

    def list_tensorboards(self, call: Call) -> Value:
        """The board of a place, if it is there."""
        place = parse_place(call.request["parent"])
        jobs = list(self._walk_board(place))
        return list_all(call, [_format_tensorboard(place, jobs)] if jobs else [], "tensorboards", "Tensorboard")

    def delete_tensorboard(self, call: Call) -> Value:
        """Forgets all experiments of a board; the next job brings the board back."""
        place, _ = self._parse(call.request["name"], 1)
        jobs = list(self._walk_board(place))
        if not jobs:
            raise _miss(format_tensorboard_name(place), 1)
        with self._store.transaction():
            for job in jobs:
                self._forget(job, EXPERIMENT)
        return self._finish(call, place)

    # ------------------------------------------------------------ experiments

    def get_tensorboard_experiment(self, call: Call) -> Value:
        """The experiment of one job."""
        return _format_experiment(self._require(call.request["name"], 2))

    def list_tensorboard_experiments(self, call: Call) -> Value:
        """Experiments of a board, newest first."""
        place, _ = self._parse(call.request["parent"], 1)
        values = [_format_experiment(job) for job in self._walk_board(place)]
        return list_all(call, values, "tensorboard_experiments", "TensorboardExperiment")

    def delete_tensorboard_experiment(self, call: Call) -> Value:
        """Forgets the experiment of one job here; its metadata context stays."""
        job = self._require(call.request["name"], 2)
        self._forget(job, EXPERIMENT)
        return self._finish(call, place_of(job))

    # ------------------------------------------------------------ runs

    def get_tensorboard_run(self, call: Call) -> Value:
        """The run of one job."""
        return _format_run(self._require(call.request["name"], 3))

    def list_tensorboard_runs(self, call: Call) -> Value:
        """The one run of an experiment, if it is there."""
        job = self._require(call.request["parent"], 2)
        values = [] if RUN in job.progress.deleted else [_format_run(job)]
        return list_all(call, values, "tensorboard_runs", "TensorboardRun")

    def delete_tensorboard_run(self, call: Call) -> Value:
        """Forgets the metrics of one job here; nothing else of the job."""
        job = self._require(call.request["name"], 3)
        self._forget(job, RUN)
        return self._finish(call, place_of(job))

    # ------------------------------------------------------------ time series

    def get_tensorboard_time_series(self, call: Call) -> Value:
        """One metric of a run."""
        return self._format_series(*self._require_series(call.request["name"]))

    def list_tensorboard_time_series(self, call: Call) -> Value:
        """The metrics of a run."""
        job = self._require(call.request["parent"], 3)
        values = [self._format_series(job, *one) for one in self._list_series(job)]
        return list_all(call, values, "tensorboard_time_series", "TensorboardTimeSeries")

    def read_tensorboard_time_series_data(self, call: Call) -> Value:
        """The values of one metric."""
        _, identifier, series, points = self._require_series(call.request["tensorboard_time_series"])
        keep = read_filter(call, "TimeSeriesDataPoint")
        wanted = call.request.get("max_data_points", 0) or VERTEX_SERIES_POINTS.value
        if wanted != -1 and not 1 <= wanted <= VERTEX_SERIES_POINTS_MAX.value:
            raise vertex_errors.SERIES_POINTS_INVALID(value=wanted, maximum=VERTEX_SERIES_POINTS_MAX.value)
        values = [value for value in list_values(series, points) if keep(value)]
        return {"time_series_data": format_data(identifier, thin(values, wanted))}

    def batch_read_tensorboard_time_series_data(self, call: Call) -> Value:
        """The values of several metrics of a board."""
        self._parse(call.request["tensorboard"], 1)
        found = [self._require_series(name) for name in call.request.get("time_series", ())]
        data = [
            format_data(identifier, thin(list_values(series, points), VERTEX_SERIES_POINTS.value))
            for _, identifier, series, points in found
        ]
        return {"time_series_data": data}

    def export_tensorboard_time_series_data(self, call: Call) -> Value:
        """The values of one metric, all of them, in pages."""
        _, _, series, points = self._require_series(call.request["tensorboard_time_series"])
        return list_all(call, list_values(series, points), "time_series_data_points", "TimeSeriesDataPoint")

    # ------------------------------------------------------------ inside

    def _walk_board(self, place: Place) -> Iterator[TuningJob]:
        return (job for job in walk_jobs(self._store, place) if EXPERIMENT not in job.progress.deleted)

    def _parse(self, name: str, depth: int) -> tuple[Place, list[str]]:
        """The place of a name, and the ids below its board."""
        place, (board, *identifiers) = parse_name(name, *COLLECTIONS[:depth])
        known = format_tensorboard_name(place)
        if f"{place}/tensorboards/{board}" != known:
            raise _miss(f"{place}/tensorboards/{board}", 1)
        return place, identifiers

    def _require(self, name: str, depth: int) -> TuningJob:
        """The job of an experiment or a run. A run is also found by its context's id, as older notebooks name it."""
        place, (experiment, *run) = self._parse(name, depth)
        job = self._store.get_job_by_experiment(place.project, place.location, experiment)
        if job is None or EXPERIMENT in job.progress.deleted:
            raise _miss(f"{format_tensorboard_name(place)}/experiments/{experiment}", 2)
        if run and (run[0].removeprefix(f"{experiment}-") != job.id or RUN in job.progress.deleted):
            raise _miss(f"{_format_experiment_name(job)}/runs/{run[0]}", 3)
        return job

    def _require_series(self, name: str) -> tuple[TuningJob, str, Series, Sequence[MetricPoint]]:
        """A metric by its full name: its job, id and points."""
        head, _, identifier = str(name).rpartition("/timeSeries/")
        parse_name(name, *COLLECTIONS)
        job = self._require(head, 3)
        for one, series, points in self._list_series(job):
            if one == identifier:
                return job, one, series, points
        raise _miss(f"{format_run_name(job)}/timeSeries/{identifier}", 4)

    def _list_series(self, job: TuningJob) -> list[tuple[str, Series, Sequence[MetricPoint]]]:
        points = self._store.list_metric_points(job.uid), self._store.list_metric_points(job.uid, "eval")
        return list_series(job.asked.method, *points)

    def _format_series(self, job: TuningJob, identifier: str, series: Series, points: Sequence[MetricPoint]) -> Value:
        name = f"{format_run_name(job)}/timeSeries/{identifier}"
        return format_series(name, series, points, format_etag(name, len(points)))

    def _forget(self, job: TuningJob, what: str) -> None:
        self._store.update_progress(job.uid, deleted=tuple(dict.fromkeys((*job.progress.deleted, what))))

    def _finish(self, call: Call, place: Place) -> Value:
        return self._operations.finish(call, place, str(place), "DeleteOperationMetadata")


def _miss(name: str, depth: int) -> ApiError:
    return vertex_errors.METADATA_NOT_FOUND(kind=KINDS[depth - 1], name=name)


def _format_tensorboard(place: Place, jobs: Sequence[TuningJob]) -> Value:
    name = format_tensorboard_name(place)
    return {
        "name": name,
        "display_name": "Tuning",
        "run_count": sum(RUN not in job.progress.deleted for job in jobs),
        "create_time": jobs[-1].progress.started_ns or jobs[-1].created_ns,
        "update_time": max(job.progress.updated_ns for job in jobs),
        "etag": format_etag(name, len(jobs)),
        "is_default": True,
    }


def _format_experiment(job: TuningJob) -> Value:
    return _format_part(_format_experiment_name(job), job.progress.experiment_id, job)


def _format_run(job: TuningJob) -> Value:
    return _format_part(format_run_name(job), job.id, job)


def _format_part(name: str, display_name: str, job: TuningJob) -> Value:
    created_ns = job.progress.started_ns or job.created_ns
    return {
        "name": name,
        "display_name": display_name,
        "create_time": created_ns,
        "update_time": job.progress.updated_ns,
        "etag": format_etag(name, 1),
    }
