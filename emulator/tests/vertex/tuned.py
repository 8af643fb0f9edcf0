"""A project with one of everything, and names for it: what requests of tests are about."""

from __future__ import annotations

from typing import Any

from tests.cached import keep
from tests.vertex.serving import PLACE, Serving

CACHED = {"cached": 11, "expired": 12, "dropped": 13}
ONE_EPOCH = {"hyperParameters": {"epochCount": 1}}


async def populate(serving: Serving) -> dict[str, str]:
    """Fills a project and stops its queue: jobs that are created from now on stay PENDING.

    Returns:
        Names by what they stand for: ``job`` a finished one and ``pending`` one that waits; ``model`` with three
        versions, the default first and the last deployed nowhere and the second (``deployed``) at ``endpoint``;
        ``lone``, a model with one version that is deployed nowhere; ``empty``, an endpoint; ``operation`` and
        ``rebase``, one that is done and one that follows a waiting job; ``context``, an experiment; ``cached``,
        ``expired`` and ``dropped``, cached contents.
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
    await serving.queue.stop()
    pending = await serving.create()
    reference = {"tunedModelRef": {"tuningJob": first["name"]}}
    rebase = await serving.post(f"{PLACE}/tuningJobs:rebaseTunedModel", reference)
    deployed = str((await serving.get(endpoint))["deployedModels"][0]["id"])
    names = name_populated(first, second, lone, pending["name"], rebase["name"], operation, deployed)
    _, project, _, location = names["place"].split("/")
    keep(serving.store, "vertex", project, "11", location)
    keep(serving.store, "vertex", project, "12", location, expires_ns=1_700_000_000_000_000_001)
    keep(serving.store, "vertex", project, "13", location, expires_ns=1_700_000_000_000_000_001, deleted=True)
    return names


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
        **{name: f"{place}/cachedContents/{number}" for name, number in CACHED.items()},
    }
