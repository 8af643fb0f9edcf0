"""A project with one of everything, and names for it: what requests of tests are about."""

from __future__ import annotations

from typing import Any

from tests.cached import keep
from tests.vertex.serving import PLACE, Serving
from tuning_emulator.vertex.convert import Place
from tuning_emulator.vertex.tensorboards import format_tensorboard_name

CACHED = {"cached": 11, "expired": 12, "dropped": 13}
ONE_EPOCH = {"hyperParameters": {"epochCount": 1}}


async def populate(serving: Serving) -> dict[str, str]:
    """Fills a project and stops its queue: jobs that are created from now on stay PENDING.

    Returns:
        Names by what they stand for: ``job`` a finished one and ``pending`` one that waits; ``model`` with three
        versions, the default first and the last deployed nowhere and the second (``deployed``) at ``endpoint``;
        ``lone``, a model with one version that is deployed nowhere; ``empty``, an endpoint; ``operation`` and
        ``rebase``, one that is done and one that follows a waiting job; ``context``, an experiment; ``artifact``, that
        of its run; ``board``, ``board_experiment`` and ``board_run``, where TensorBoard has its metrics; ``batch``, one
        that has ended, and ``waiting``, one that waits; ``cached``, ``expired`` and ``dropped``, cached contents.
    """
    first = await serving.tune(tunedModelDisplayName="numbers", spec=ONE_EPOCH)
    version = str(first["tunedModel"]["model"])
    second = await serving.tune(baseModel=None, preTunedModel={"tunedModelName": version}, spec=ONE_EPOCH)
    third = await serving.tune(baseModel=None, preTunedModel={"tunedModelName": version}, spec=ONE_EPOCH)
    lone = await serving.tune(tunedModelDisplayName="lone", spec=ONE_EPOCH)
    operation = ""
    for job in (first, third, lone):
        endpoint = job["tunedModel"]["endpoint"]
        body = {"deployedModelId": (await serving.get(endpoint))["deployedModels"][0]["id"]}
        operation = str((await serving.post(f"{endpoint}:undeployModel", body))["name"])
    endpoint = str(second["tunedModel"]["endpoint"])
    batch = await serving.run_batch()
    await serving.queue.stop()
    waiting = await serving.create_batch()
    pending = await serving.create()
    reference = {"tunedModelRef": {"tuningJob": first["name"]}}
    rebase = await serving.post(f"{PLACE}/tuningJobs:rebaseTunedModel", reference)
    deployed = str((await serving.get(endpoint))["deployedModels"][0]["id"])
    names = name_populated(first, second, lone, pending["name"], rebase["name"], operation, deployed)
    _, project, _, location = names["place"].split("/")
    keep(serving.store, "vertex", project, "11", location)
    keep(serving.store, "vertex", project, "12", location, expires_ns=1_700_000_000_000_000_001)
    keep(serving.store, "vertex", project, "13", location, expires_ns=1_700_000_000_000_000_001, deleted=True)
    return names | {"batch": str(batch["name"]), "waiting": str(waiting["name"])}


async def add_own(serving: Serving, names: dict[str, str]) -> dict[str, str]:
    """What requests that are refused are about: an endpoint and a model of the id ``mine``, and one of two models.

    Returns:
        ``both``, an endpoint whose traffic goes to ``8`` and ``9``.
    """
    both = f"{names['place']}/endpoints/both"
    for identifier in ("mine", "both"):
        await serving.ask("POST", f"/v1/{PLACE}/endpoints", {"displayName": "x"}, query=f"endpointId={identifier}")
    await serving.post(f"{PLACE}/models:copy", {"sourceModel": names["model"], "modelId": "mine"})
    for identifier, split in (("8", {"0": 100}), ("9", {"8": 60, "0": 40})):
        deployed = {"model": f"{names['place']}/models/mine", "id": identifier}
        await serving.post(f"{both}:deployModel", {"deployedModel": deployed, "trafficSplit": split})
    return {"both": both}


def name_board(job: Any) -> dict[str, str]:
    """Where the metrics of a job are, and the artifact that says so."""
    place, _, identifier = str(job["name"]).partition("/tuningJobs/")
    store, _, experiment = str(job["experiment"]).rpartition("/contexts/")
    _, project, _, location = place.split("/")
    board = format_tensorboard_name(Place(project, location))
    return {
        "board": board,
        "board_experiment": f"{board}/experiments/{experiment}",
        "board_run": f"{board}/experiments/{experiment}/runs/{identifier}",
        "artifact": f"{store}/artifacts/{experiment}-{identifier}-tb-run",
    }


def name_populated(
    first: Any, second: Any, lone: Any, pending: str, rebase: str, operation: str, deployed: str
) -> dict[str, str]:
    """Names by what they stand for, see ``populate``: of the jobs that have ended, and of what else there is."""
    place = str(first["name"]).partition("/tuningJobs/")[0]
    return {
        "place": place,
        "job": str(first["name"]),
        "pending": pending,
        "model": str(first["tunedModel"]["model"]).partition("@")[0],
        "lone": str(lone["tunedModel"]["model"]).partition("@")[0],
        "endpoint": str(second["tunedModel"]["endpoint"]),
        "endpoint_number": str(second["tunedModel"]["endpoint"]).rpartition("/")[2],
        "empty": str(lone["tunedModel"]["endpoint"]),
        "deployed": deployed,
        "operation": operation,
        "rebase": rebase,
        "context": str(first["experiment"]),
        **name_board(first),
        **{name: f"{place}/cachedContents/{number}" for name, number in CACHED.items()},
    }
