"""The workers of a job each on the cluster: actors, placed by Ray, some of them kept warm."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayError

from tuning_trainer.cluster.actor import JobActor, list_versions
from tuning_trainer.cluster.placing import SMALLEST, Share

log = logging.getLogger(__name__)

LOOK_S = 10.0
"""How often it is said that a job waits for room."""

PLACE_TIMEOUT_S = 300.0
"""How long no node may be large enough for a job before it fails: autoscalers need minutes for a new one."""

LEAVE_TIMEOUT_S = 1.5
"""For an actor to end its worker and to remove its files, before it is killed."""

UNAVAILABLE_TIMEOUT_S = 90.0
"""How long an actor may be out of reach that nobody has seen die."""


class PlacementError(Exception):
    """No node can take the job; the text says why and what would help."""


@dataclass(eq=False, slots=True)
class Worker:
    """An actor that is placed. ``host``: of its node."""

    actor: Any
    share: Share
    host: str


class Pool:
    """Makes workers, keeps some, ends the others.

    Args:
        warm: How many are kept ready for jobs on small models.
        options: Of a worker of such a share, see ``tuning_trainer.worker``.
        changed: Called when there are more or fewer.
    """

    def __init__(self, warm: int, options: Callable[[Share], list[str]], changed: Callable[[], None]) -> None:
        self.busy = 0
        self._warm = warm
        self._waiting: list[tuple[Share, asyncio.Future[Worker]]] = []
        self._options = options
        self._changed = changed
        self._idle: list[asyncio.Task[Worker]] = []
        self._kind: Any = ray.remote(JobActor)

    @property
    def idle(self) -> int:
        """How many workers wait for a job."""
        return len(self._idle)

    def warm_up(self) -> None:
        """Begins to make the workers that are to be ready."""
        for _ in range(self._warm - len(self._idle)):
            placing = asyncio.create_task(self._place(SMALLEST))
            self._idle.append(placing)
            placing.add_done_callback(self._forget_failed)

    def _forget_failed(self, placing: asyncio.Task[Worker]) -> None:
        if not placing.cancelled() and (error := placing.exception()) is not None:
            log.warning("no warm worker: %s", error)
            if placing in self._idle:
                self._idle.remove(placing)
        self._changed()

    async def take(self, share: Share) -> Worker:
        """A worker of this share: a warm one, or a new one once there is room.

        Raises:
            PlacementError: there is none, and will be none. RayError: the cluster is in trouble.
        """
        while self._idle and share == SMALLEST:
            ready = next((one for one in self._idle if one.done()), self._idle[0])
            self._idle.remove(ready)
            with suppress(RayError, PlacementError, TimeoutError):
                worker = await ready
                await asyncio.wait_for(resolve(worker.actor.start.remote()), LOOK_S)
                return self._count(worker)
        await self.empty()  # what waits for small jobs must not keep a large one waiting
        return self._count(await self._wait(share))

    async def _wait(self, share: Share) -> Worker:
        """A new worker, or one that somebody gives back meanwhile."""
        handed: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        placing = asyncio.create_task(self._place(share))
        self._waiting.append((share, handed))
        try:
            await asyncio.wait([placing, handed], return_when=asyncio.FIRST_COMPLETED)
            return handed.result() if handed.done() else placing.result()
        finally:
            self._waiting.remove((share, handed))
            placing.cancel()  # which ends what it was placing

    async def give_back(self, worker: Worker) -> None:
        """Hands a worker that has done its job well to the next, keeps it, or ends it."""
        self.busy -= 1
        for share, handed in self._waiting:
            if share == worker.share and not handed.done():
                handed.set_result(worker)
                return
        if worker.share == SMALLEST and len(self._idle) < self._warm and not self._waiting:
            self._idle.append(asyncio.create_task(_keep(worker)))
        else:
            await end(worker.actor)
        self._changed()

    def lose(self, worker: Worker) -> None:
        """Ends a worker at once, of which nothing good is known."""
        self.busy -= 1
        ray.kill(worker.actor)
        self._changed()

    async def empty(self) -> None:
        """Ends the workers that wait for a job."""
        idle, self._idle = self._idle, []
        for one in idle:
            if not one.done():
                one.cancel()  # which ends what it was placing
        placed = await asyncio.gather(*idle, return_exceptions=True)
        await asyncio.gather(*(end(one.actor) for one in placed if isinstance(one, Worker)))

    def _count(self, worker: Worker) -> Worker:
        self.busy += 1
        self._changed()
        return worker

    async def _place(self, share: Share) -> Worker:
        actor = self._kind.options(
            num_cpus=share.cpus, num_gpus=share.gpus, memory=share.memory_bytes, max_restarts=0, max_task_retries=0
        ).remote(self._options(share))
        try:
            facts = await _wait_until_placed(resolve(actor.start.remote()), share)
            _check_versions(facts)
        except RayActorError as error:
            if "ModuleNotFoundError" not in str(error):
                raise
            wanted = ", ".join(f"{name} {version}" for name, version in list_versions().items())
            raise PlacementError(
                f"a node of the cluster lacks the trainer: install tuning-emulator[lora,ray] there ({wanted})"
            ) from error
        except BaseException:
            ray.kill(actor)
            raise
        return Worker(actor, share, facts["host"])


async def resolve(reference: Any) -> Any:
    """The value of a reference."""
    return await reference


async def call(method: Any, *arguments: Any) -> Any:
    """What an actor's method returns, asked again while the actor is out of reach and not known to be dead."""
    deadline_s = time.monotonic() + UNAVAILABLE_TIMEOUT_S
    while True:
        try:
            return await method.remote(*arguments)
        except ActorUnavailableError:
            if time.monotonic() > deadline_s:
                raise
            await asyncio.sleep(1)


def list_nodes() -> list[Mapping[str, Any]]:
    """Resources of the nodes that are alive."""
    nodes: list[Mapping[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's has no annotations
    return [node["Resources"] for node in nodes if node["Alive"]]


async def end(actor: Any) -> None:
    """Ends an actor that has nothing to do, with its worker and its files."""
    with suppress(RayError, TimeoutError):
        await asyncio.wait_for(resolve(actor.leave.remote()), LEAVE_TIMEOUT_S)
    ray.kill(actor)


async def _keep(worker: Worker) -> Worker:
    return worker


async def _wait_until_placed(start: Awaitable[Any], share: Share) -> Any:
    placing = asyncio.ensure_future(start)
    placing.add_done_callback(lambda one: one.cancelled() or one.exception())  # nobody may be left to hear of it
    began_s, seen_s = time.monotonic(), time.monotonic()
    while not (await asyncio.wait([placing], timeout=LOOK_S))[0]:
        nodes = await asyncio.to_thread(list_nodes)
        if any(share.fits(node) for node in nodes):
            seen_s = time.monotonic()
            log.info("a worker with %s has been waiting for room for %.0f s", share, seen_s - began_s)
        elif time.monotonic() - seen_s > PLACE_TIMEOUT_S:
            raise PlacementError(
                f"no node of the cluster has had {share} for {PLACE_TIMEOUT_S:.0f} s; add one, or ask for less "
                "(--ray-resources)"
            )
        else:
            log.warning("a worker waits for %s: no node of the cluster has so much", share)
    return placing.result()


def _check_versions(facts: Mapping[str, Any]) -> None:
    """Raises PlacementError where a node would train otherwise than the server."""
    for name, version in list_versions().items():
        there = facts["versions"].get(name)
        if there != version and name != "Python":
            raise PlacementError(
                f"{facts['host']} has {name} {there}, the server {version}: install the same on every node"
            )
