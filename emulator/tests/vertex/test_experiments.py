"""The experiment of a job as Google's SDK reads it: contexts, the artifact of its run, and TensorBoard."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.vertex.serving import PREFERENCES, VALIDATION, Serving
from tests.vertex.tuned import name_board
from tuning_emulator.core.records import MetricPoint
from tuning_emulator.vertex.series import thin

SPEC = {"hyperParameters": {"epochCount": 2}, "validationDatasetUri": VALIDATION}


async def tune(serving: Serving, **fields: Any) -> tuple[Any, dict[str, str]]:
    """A job at its end, and where its metrics are."""
    job = await serving.tune(**{"spec": SPEC, **fields})
    return job, name_board(job)


async def delete(serving: Serving, name: str) -> int:
    """The status of a delete."""
    return (await serving.ask("DELETE", f"/v1/{name}")).status


# --- contexts and artifacts


async def test_the_experiment_is_what_clients_insist_on(serving: Serving) -> None:
    """schemaTitle system.Experiment, and its TensorBoard; one run below it, found by filter."""
    job, board = await tune(serving)
    context = await serving.get(job["experiment"])
    assert context["name"] == job["experiment"]
    assert context["schemaTitle"] == "system.Experiment"
    assert context["metadata"] == {"experiment_deleted": False, "backing_tensorboard_resource": board["board"]}
    store = job["experiment"].partition("/contexts/")[0]
    text = f'schema_title="system.ExperimentRun" AND parent_contexts:"{job["experiment"]}"'
    (run,) = (await serving.get(f"{store}/contexts", query=f"filter={quote(text)}"))["contexts"]
    assert run["parentContexts"] == [job["experiment"]]
    assert run["name"] == f"{job['experiment']}-{run['displayName']}"  # how clients find a run by name
    assert run["metadata"]["_params"]["epoch_count"] == 2
    assert run["metadata"]["_metrics"]["train_total_loss"] < 1
    assert run["metadata"]["_state"] == "COMPLETE"
    assert await serving.get(run["name"]) == run
    assert await serving.get(f"{job['experiment']}:queryContextLineageSubgraph") == {}


async def test_a_deleted_experiment_is_gone_and_its_job_shows_none(serving: Serving) -> None:
    """The notebooks delete it when they clean up."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    assert (await serving.ask("DELETE", f"/v1/{job['experiment']}")).json["done"] is True
    reply = await serving.ask("GET", f"/v1/{job['experiment']}")
    assert (reply.status, reply.message) == (404, f'context "{job["experiment"]}" not found')
    assert "experiment" not in await serving.get(job["name"])
    other = job["experiment"].replace("/default/", "/other/")
    assert "metadataStore" in (await serving.ask("GET", f"/v1/{other}")).message


async def test_a_run_is_deleted_alone(serving: Serving) -> None:
    """``ExperimentRun.delete()`` leaves the experiment, which is deleted after its runs."""
    job = await serving.tune(spec={"hyperParameters": {"epochCount": 1}})
    store, run = job["experiment"].partition("/contexts/")[0], f"{job['experiment']}-{job['name'].rpartition('/')[2]}"
    assert (await serving.ask("DELETE", f"/v1/{run}")).status == 200
    assert (await serving.ask("DELETE", f"/v1/{run}")).status == 404
    assert [one["name"] for one in (await serving.get(f"{store}/contexts"))["contexts"]] == [job["experiment"]]
    assert (await serving.get(job["name"]))["experiment"] == job["experiment"]
    assert (await serving.ask("DELETE", f"/v1/{job['experiment']}")).status == 200


async def test_no_executions_are_logged(serving: Serving) -> None:
    """``get_data_frame`` and ``ExperimentRun.list`` ask for executions with filters of their own; there are none."""
    job, _ = await tune(serving)
    store = job["experiment"].partition("/contexts/")[0]
    for text in (f'schema_title="system.Run" AND in_context("{job["experiment"]}")', ""):
        assert await serving.get(f"{store}/executions", query=f"filter={quote(text)}&pageSize=5") == {}
    reply = await serving.ask("GET", f"/v1/{store}/executions/one")
    assert (reply.status, reply.message) == (404, f'execution "{store}/executions/one" not found')


async def test_an_artifact_says_where_the_metrics_are(serving: Serving) -> None:
    """Found by its name, by the run's context, and from there; clients check its schema and label."""
    job, board = await tune(serving)
    await tune(serving)
    artifact = await serving.get(board["artifact"])
    assert artifact["schemaTitle"] == "google.VertexTensorboardRun"
    assert artifact["metadata"] == {"resourceName": board["board_run"], "vertex_experiment_tracking": True}
    store, run = job["experiment"].partition("/contexts/")[0], board["artifact"].rpartition("/")[2][: -len("-tb-run")]
    text = f'schema_title="google.VertexTensorboardRun" AND in_context("{store}/contexts/{run}")'
    assert (await serving.get(f"{store}/artifacts", query=f"filter={quote(text)}"))["artifacts"] == [artifact]
    assert len((await serving.get(f"{store}/artifacts"))["artifacts"]) == 2
    lineage = await serving.get(f"{store}/contexts/{run}:queryContextLineageSubgraph")
    assert lineage == {"artifacts": [artifact]}
    assert await delete(serving, board["artifact"]) == 200
    assert await delete(serving, board["artifact"]) == 404
    assert await serving.get(f"{store}/contexts/{run}:queryContextLineageSubgraph") == {}
    assert await serving.get(board["board_run"])


# --- TensorBoard


async def read_series(serving: Serving, run: str) -> dict[str, Any]:
    """The series of a run by their names."""
    listed = (await serving.get(f"{run}/timeSeries"))["tensorboardTimeSeries"]
    return {one["displayName"]: one for one in listed}


async def test_a_run_has_the_documented_series(serving: Serving) -> None:
    """Training, and validation where there is any; every step of the loss curve is a point."""
    job, board = await tune(serving)
    assert len(await read_series(serving, board["board_run"])) == 3  # the scripted trainer validates nothing
    uid = serving.find(job["name"]).uid
    serving.store.add_metric_points(uid, [MetricPoint(8, 1, 0.5, 10**18, "eval", predictions=4, correct=3)])
    series = await read_series(serving, board["board_run"])
    kinds = ("total_loss", "fraction_of_correct_next_step_preds", "num_predictions")
    assert list(series) == [f"/{part}_{kind}" for part in ("train", "eval") for kind in kinds]
    names = [one["name"] for one in series.values()]
    query = "&".join(f"timeSeries={quote(name)}" for name in names)
    data = (await serving.get(f"{board['board']}:batchRead", query=query))["timeSeriesData"]
    assert [one["tensorboardTimeSeriesId"] for one in data] == [name.rpartition("/")[2] for name in names]
    points = serving.store.list_metric_points(uid)
    assert [one["values"][0]["scalar"]["value"] for one in data[3:]] == [0.5, 0.75, 4]
    losses, fractions = data[0]["values"], data[1]["values"]
    assert [int(one["step"]) for one in losses] == [point.step for point in points]
    assert [one["scalar"]["value"] for one in losses] == [point.mean_loss for point in points]
    assert all(0 <= one["scalar"].get("value", 0) <= 1 for one in fractions)
    assert series["/train_total_loss"]["metadata"]["maxStep"] == losses[-1]["step"]
    assert {one["valueType"] for one in data} == {"SCALAR"}


async def test_preference_tuning_has_series_of_its_own(serving: Serving) -> None:
    """No accuracy is measured there."""
    spec = {"trainingDatasetUri": PREFERENCES, "hyperParameters": {"epochCount": 1}}
    _, board = await tune(serving, spec={}, supervisedTuningSpec=None, preferenceOptimizationSpec=spec)
    assert list(await read_series(serving, board["board_run"])) == ["/preference_optimization_train_loss"]


async def test_one_series_is_read_with_a_filter_and_a_limit_or_exported(serving: Serving) -> None:
    """The first and the last point are always among the ones that are left."""
    _, board = await tune(serving)
    name = (await read_series(serving, board["board_run"]))["/train_total_loss"]["name"]
    whole = (await serving.get(f"{name}:read"))["timeSeriesData"]["values"]
    few = (await serving.get(f"{name}:read", query="maxDataPoints=3"))["timeSeriesData"]["values"]
    assert len(whole) > 3 == len(few)
    assert (few[0], few[-1]) == (whole[0], whole[-1])
    late = (await serving.get(f"{name}:read", query=f"filter={quote('step > 2')}"))["timeSeriesData"]["values"]
    assert late == whole[2:]
    exported = await serving.post(f"{name}:exportTensorboardTimeSeries", {"pageSize": 2})
    assert exported["timeSeriesDataPoints"] == whole[:2]
    rest = {"pageSize": 2, "pageToken": exported["nextPageToken"]}
    assert (await serving.post(f"{name}:exportTensorboardTimeSeries", rest))["timeSeriesDataPoints"] == whole[2:4]


@pytest.mark.parametrize(
    ("count", "limit", "kept"), [(5, 5, [0, 1, 2, 3, 4]), (5, 2, [0, 4]), (5, 1, [4]), (3, -1, [0, 1, 2])]
)
def test_points_are_thinned_evenly(count: int, limit: int, kept: list[int]) -> None:
    """-1 takes all."""
    assert [one["step"] for one in thin([{"step": n} for n in range(count)], limit)] == kept


async def test_boards_experiments_and_runs_are_listed(serving: Serving) -> None:
    """One board for all jobs of a place, none before the first; another place has another board."""
    place = "projects/my-project/locations/us-central1"
    assert await serving.get(f"{place}/tensorboards") == {}
    (_, first), (_, second) = await tune(serving), await tune(serving)
    assert first["board"] == second["board"]
    (board,) = (await serving.get(f"{place}/tensorboards"))["tensorboards"]
    assert (board["name"], board["runCount"]) == (first["board"], 2)
    assert await serving.get(first["board"]) == board
    listed = (await serving.get(f"{first['board']}/experiments"))["tensorboardExperiments"]
    assert [one["name"] for one in listed] == [second["board_experiment"], first["board_experiment"]]
    (run,) = (await serving.get(f"{first['board_experiment']}/runs"))["tensorboardRuns"]
    assert run["name"] == first["board_run"]
    older = f"{first['board_experiment']}/runs/{first['artifact'].rpartition('/')[2][: -len('-tb-run')]}"
    assert (await serving.get(older))["name"] == first["board_run"]  # as older notebooks name it
    elsewhere = first["board"].replace("us-central1", "us-east1")
    reply = await serving.ask("GET", f"/v1/{elsewhere}")
    assert (reply.status, reply.message) == (404, f'tensorboard "{elsewhere}" not found')


async def test_what_is_deleted_is_gone_alone(serving: Serving) -> None:
    """A run, an experiment, a board: what is above it and other jobs' stay, and so does the context."""
    (job, first), (_, second) = await tune(serving), await tune(serving)
    assert await delete(serving, first["board_run"]) == 200
    assert [await delete(serving, first[one]) for one in ("board_run", "artifact", "artifact")] == [404, 200, 404]
    assert await serving.get(f"{first['board_experiment']}/runs") == {}
    assert await delete(serving, first["board_experiment"]) == 200
    assert await delete(serving, first["board_experiment"]) == 404
    context = await serving.get(job["experiment"])
    assert context["metadata"] == {"experiment_deleted": False}
    assert (await serving.get(second["board"]))["runCount"] == 1
    assert await delete(serving, second["board"]) == 200
    assert [await delete(serving, second[one]) for one in ("board", "board_run")] == [404, 404]


async def test_metrics_outlive_the_context_of_their_run(serving: Serving) -> None:
    """``Experiment.delete()`` leaves TensorBoard's runs unless it is told not to."""
    job, board = await tune(serving)
    assert await delete(serving, job["experiment"]) == 200
    assert "experiment" not in await serving.get(job["name"])
    assert (await serving.get(board["board_run"]))["name"] == board["board_run"]
    assert await delete(serving, board["artifact"]) == 200
