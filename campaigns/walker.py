"""One client that does random things to jobs, models and objects of its own, and knows what must be there.

Every walker has a project, a bucket and display names that nobody else uses, and one request under way at most. So
whatever is there after a kill is what it knows, or that with the request under way as a whole.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from campaigns.connection import Connection
from tests.storage.model import SIZES, Model

DATASET_BUCKET = "numbers"
DATASET = f"gs://{DATASET_BUCKET}/train.jsonl"
PAIRS = [(str(number), str(number + 1)) for number in range(15)]
LINES = "".join(
    f'{{"contents": [{{"role": "user", "parts": [{{"text": "{text}"}}]}}, '
    f'{{"role": "model", "parts": [{{"text": "{output}"}}]}}]}}\n'
    for text, output in PAIRS
)
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
MOST_JOBS = 16
"""Of a walker: one that has more forgets them all."""

Api = Literal["gemini", "vertex"]


@dataclass(frozen=True)
class Known:
    """A job of either API, as its walker knows it.

    Attributes:
        epochs: That it was created with; 0: by a scenario.
        name: What the server calls it; "" until it has told.
        shared: (email, role) of its permissions but the owner's.
        cancelled: "", ``asked``, or ``acknowledged``.
        ended: The state that it was seen to have ended with.
    """

    api: Api
    epochs: int
    name: str = ""
    description: str = ""
    shared: frozenset[tuple[str, str]] = frozenset()
    cancelled: str = ""
    ended: str = ""

    @property
    def told(self) -> tuple[str, str, frozenset[tuple[str, str]]]:
        """What of it the server must tell in the same words."""
        return self.api, self.description, self.shared


@dataclass(frozen=True)
class Seen:
    """The same as the server tells it. ``state``: in the emulator's own words."""

    api: Api
    name: str
    description: str
    shared: frozenset[tuple[str, str]]
    state: str

    @property
    def told(self) -> tuple[str, str, frozenset[tuple[str, str]]]:
        """See ``Known``."""
        return self.api, self.description, self.shared


Jobs = dict[str, Known]
"""By display name, which nothing changes."""


@dataclass
class Flight:
    """What the request under way will have made of the jobs.

    Attributes:
        partly: Any part of it may have happened. bucket: Whether the bucket may be gone.
    """

    jobs: Jobs
    partly: bool = False
    bucket: bool = False


class Walker:
    """See the module.

    Args:
        number: Tells it from others.
        epochs: What its jobs are created with.

    Attributes:
        may_fail: Whether its jobs may: somebody else looks why.
        loads: Whether it loads scenarios.
    """

    def __init__(self, number: int, seed: float, epochs: tuple[int, ...]) -> None:
        self.project = f"walker-{number}"
        self.bucket_name = f"walker-{number}-bucket"
        self.jobs: Jobs = {}
        self.flight: Flight | None = None
        self.bucket: Model | None = None
        self.steps = 0
        self.may_fail, self.loads = False, True
        self._random = random.Random(seed)
        self._epochs, self._prefix, self._count = epochs, f"w{number}-", 0

    # ------------------------------------------------------------ what is asked

    def walk(self, ask: Connection) -> None:
        """One step.

        Raises:
            AssertionError: an answer is not what it has to be. CutError: there was none.
        """
        if self.bucket is None:
            self._make_bucket(ask)
        elif len(self.jobs) > MOST_JOBS:
            self._reset(ask)
        else:
            jobs = [self.create_model, self.create_job, self._describe, self._share, self._change_role, self._unshare]
            rare = [self._delete, self._cancel, self._ask, *([self.load, self._load_badly] if self.loads else [])]
            step = self._random.choice([*jobs * 2, *rare, *[self._walk_bucket] * 10])
            step(ask)
        self.steps += 1

    def _walk_bucket(self, ask: Connection) -> None:
        assert self.bucket is not None
        self.bucket.walk(ask)

    def _make_bucket(self, ask: Connection) -> None:
        body = {"name": self.bucket_name, "softDeletePolicy": {"retentionDurationSeconds": 0}}
        answer = ask("POST", f"/storage/v1/b?project={self.project}", body)
        assert answer.status == 200, answer
        self.bucket = Model(random.Random(self._random.random()), (*SIZES, 200_000))

    def _send(self, ask: Connection, verb: str, target: str, body: Any = b"", *, may: tuple[int, ...] = ()) -> Any:
        """One request of this walker; its answer as a value, None where it is a status that it may be."""
        own = f"projects/{self.project}"
        who = {"authorization": f"Bearer {own}"} if "/projects/" in target else {"x-goog-api-key": own}
        answer = ask(verb, target, body, {**who, "x-tuning-emulator": "1"})
        if answer.status in may:
            return None
        assert answer.status == 200, (verb, target, answer.status, answer.body)
        return answer.json

    def _change(self, jobs: Jobs, *request: Any, **flight: bool) -> Any:
        """A request that makes the jobs something else."""
        self.flight = Flight(jobs, **flight)
        told = self._send(*request)
        self.jobs, self.flight = jobs, None
        return told

    def _name(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"

    def _choose(self, api: Api | None = None, *, wanted: Callable[[Known], bool] = lambda _: True) -> str:
        """The display name of one of its jobs, "": there is none of that kind."""
        found = [name for name, one in self.jobs.items() if api in (None, one.api) and wanted(one)]
        return self._random.choice(found) if found else ""

    def create_model(self, ask: Connection, epochs: int = 0) -> None:
        """A tuned model of the Gemini API."""
        display, epochs = self._name(), epochs or self._random.choice(self._epochs)
        body = make_model(display, epochs)
        jobs = {**self.jobs, display: Known("gemini", epochs)}
        told = self._change(jobs, ask, "POST", "/v1beta/tunedModels", body)
        self.jobs[display] = replace(self.jobs[display], name=told["metadata"]["tunedModel"])

    def create_job(self, ask: Connection, epochs: int = 0) -> None:
        """A tuning job of Vertex AI."""
        display, epochs = self._name(), epochs or self._random.choice(self._epochs)
        jobs = {**self.jobs, display: Known("vertex", epochs)}
        told = self._change(jobs, ask, "POST", f"/v1/{self._place}/tuningJobs", make_job(display, epochs))
        self.jobs[display] = replace(self.jobs[display], name=told["name"])

    @property
    def _place(self) -> str:
        return f"projects/{self.project}/locations/us-central1"

    def _describe(self, ask: Connection) -> None:
        if not (display := self._choose("gemini")):
            return
        known = replace(self.jobs[display], description=f"description {self._random.random()}")
        body = {"description": known.description}
        target = f"/v1beta/{known.name}?updateMask=description"
        self._change({**self.jobs, display: known}, ask, "PATCH", target, body)

    def _share(self, ask: Connection) -> None:
        if not (display := self._choose("gemini", wanted=lambda one: len(one.shared) < 4)):
            return
        known, email = self.jobs[display], f"u{self._random.randrange(10**9)}@example.com"
        role = self._random.choice(["READER", "WRITER"])
        body = {"granteeType": "USER", "emailAddress": email, "role": role}
        changed = replace(known, shared=known.shared | {(email, role)})
        self._change({**self.jobs, display: changed}, ask, "POST", f"/v1beta/{known.name}/permissions", body)

    def _find_permission(self, ask: Connection) -> tuple[str, str, str]:
        """(display name of a shared model, email, name of the permission); empty where nothing is shared."""
        if not (display := self._choose("gemini", wanted=lambda one: bool(one.shared))):
            return "", "", ""
        known = self.jobs[display]
        email, _ = self._random.choice(sorted(known.shared))
        listed = self._send(ask, "GET", f"/v1beta/{known.name}/permissions")["permissions"]
        (name,) = [one["name"] for one in listed if one.get("emailAddress") == email]
        return display, email, name

    def _change_role(self, ask: Connection) -> None:
        display, email, name = self._find_permission(ask)
        if display:
            others = {one for one in self.jobs[display].shared if one[0] != email}
            changed = replace(self.jobs[display], shared=frozenset({*others, (email, "WRITER")}))
            target = f"/v1beta/{name}?updateMask=role"
            self._change({**self.jobs, display: changed}, ask, "PATCH", target, {"role": "WRITER"})

    def _unshare(self, ask: Connection) -> None:
        display, email, name = self._find_permission(ask)
        if display:
            others = frozenset(one for one in self.jobs[display].shared if one[0] != email)
            jobs = {**self.jobs, display: replace(self.jobs[display], shared=others)}
            self._change(jobs, ask, "DELETE", f"/v1beta/{name}")

    def _delete(self, ask: Connection) -> None:
        if display := self._choose("gemini"):
            jobs = {name: one for name, one in self.jobs.items() if name != display}
            self._change(jobs, ask, "DELETE", f"/v1beta/{self.jobs[display].name}")

    def _cancel(self, ask: Connection) -> None:
        """Of a job that may have ended meanwhile: then it is refused, and nothing has changed."""
        if not (display := self._choose("vertex", wanted=lambda one: not one.cancelled and not one.ended)):
            return
        self.jobs[display] = replace(self.jobs[display], cancelled="asked")
        told = self._send(ask, "POST", f"/v1/{self.jobs[display].name}:cancel", may=(400,))
        done = "" if told is None else "acknowledged"
        self.jobs[display] = replace(self.jobs[display], cancelled=done)

    def _ask(self, ask: Connection) -> None:
        """A tuned model answers, once it is ACTIVE."""
        if display := self._choose("gemini", wanted=lambda one: one.ended == "SUCCEEDED"):
            body = {"contents": [{"parts": [{"text": "7"}]}], "generationConfig": {"maxOutputTokens": 4}}
            told = self._send(ask, "POST", f"/v1beta/{self.jobs[display].name}:generateContent", body)
            assert told["candidates"], told

    def load(self, ask: Connection) -> None:
        """A scenario of one model and one job that have ended, for this project."""
        names: dict[Api, str] = {"gemini": self._name(), "vertex": self._name()}
        job = {"training_dataset": DATASET, "state": "SUCCEEDED", "epochs": 1}
        body = {
            "version": 1,
            "tuned_models": [{"display_name": names["gemini"], "state": "ACTIVE"}],
            "tuning_jobs": [{"display_name": names["vertex"], **job}],
        }
        jobs = {**self.jobs, **{name: Known(api, 0) for api, name in names.items()}}
        target = f"/emulator/v1/scenarios:load?project={self.project}"
        told = self._change(jobs, ask, "POST", target, body, partly=True)
        for display, (name,) in ((names["gemini"], told["tuned_models"]), (names["vertex"], told["tuning_jobs"])):
            self.jobs[display] = replace(self.jobs[display], name=name, ended="SUCCEEDED")

    def _load_badly(self, ask: Connection) -> None:
        """A scenario whose last part is refused: nothing of it stays, and nothing of others goes."""
        display = self._name()
        models = [{"display_name": display, "state": "ACTIVE"}, {"display_name": "none", "base_model": "models/none"}]
        self.flight = Flight({**self.jobs, display: Known("gemini", 0)}, partly=True)
        target = f"/emulator/v1/scenarios:load?project={self.project}"
        told = self._send(ask, "POST", target, {"version": 1, "tuned_models": models}, may=(422,))
        assert told is None, told
        self.flight = None

    def _reset(self, ask: Connection) -> None:
        self._change({}, ask, "POST", "/emulator/v1/reset", {"project": self.project}, bucket=True)
        self.bucket = None

    # ------------------------------------------------------------ what is there

    def look(self, ask: Connection) -> dict[str, Seen]:
        """Every job of this walker by its display name, as the APIs tell it."""
        found: dict[str, Seen] = {}
        for model in self._pages(ask, "/v1beta/tunedModels", "tunedModels"):
            if model["displayName"].startswith(self._prefix):
                shared = self._send(ask, "GET", f"/v1beta/{model['name']}/permissions?pageSize=100")["permissions"]
                said = frozenset((one["emailAddress"], one["role"]) for one in shared if one["role"] != "OWNER")
                state = {"CREATING": "RUNNING", "ACTIVE": "SUCCEEDED"}.get(model["state"], model["state"])
                one = Seen("gemini", model["name"], model.get("description", ""), said, state)
                assert model["displayName"] not in found, f"{model['displayName']} is there twice"
                found[model["displayName"]] = one
        for job in self._pages(ask, f"/v1/{self._place}/tuningJobs", "tuningJobs"):
            display = job["tunedModelDisplayName"]
            assert display not in found, f"{display} is there twice"
            state = job["state"].removeprefix("JOB_STATE_")
            found[display] = Seen("vertex", job["name"], job.get("description", ""), frozenset(), state)
        return found

    def _pages(self, ask: Connection, path: str, field: str) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            page = self._send(ask, "GET", f"{path}?pageSize=100&pageToken={token}")
            yield from page.get(field, [])
            token = page.get("nextPageToken", "")
            if not token:
                return

    def fits(self, seen: Mapping[str, Seen], jobs: Jobs) -> bool:
        """Whether that is what it knows."""
        return {name: one.told for name, one in seen.items()} == {name: one.told for name, one in jobs.items()}

    def settle(self, seen: dict[str, Seen]) -> str:
        """Compares what is there with what it knows, and with what the request under way will have made of it.

        Returns:
            ``new`` or ``old``, which of both; ``idle`` where no change was under way.

        Raises:
            AssertionError: something else is there.
        """
        flight, outcome = self.flight, "old" if self.flight else "idle"
        if not self.fits(seen, self.jobs):
            assert flight is not None, _differ(seen, self.jobs)
            jobs, outcome = flight.jobs, "new"
            if flight.partly:
                jobs = {name: one for name, one in jobs.items() if name in seen or name in self.jobs}
            assert self.fits(seen, jobs), f"{_differ(seen, self.jobs)}; or {_differ(seen, jobs)}"
            self.jobs = jobs
        self.flight = None
        self.note(seen)
        return outcome

    def note(self, seen: Mapping[str, Seen]) -> None:
        """Holds what states are seen against what is known of them.

        Raises:
            AssertionError: a job has another name, another end, or has forgotten that it was cancelled.
        """
        for display, one in seen.items():
            known = self.jobs[display]
            assert known.name in ("", one.name), (known, one)
            assert known.ended in ("", one.state), (known, one)
            failed = {"FAILED"} if self.may_fail else set()
            if known.cancelled == "acknowledged":
                assert one.state in {"CANCELLING", "CANCELLED", "SUCCEEDED"} | failed, (known, one)
            if one.state in ENDED:
                allowed = {"SUCCEEDED"} | ({"CANCELLED"} if known.cancelled else set())
                assert one.state in allowed | failed, (known, one)
            self.jobs[display] = replace(known, name=one.name, ended=one.state if one.state in ENDED else "")

    def settle_bucket(self, ask: Connection, may_be_gone: bool) -> None:
        """The same for its objects.

        Raises:
            AssertionError: an object is torn, or neither the old nor the new one.
        """
        there = ask("GET", f"/storage/v1/b/{self.bucket_name}").status == 200
        if self.bucket is None:  # making it may have been under way
            self.bucket = Model(random.Random(self._random.random()), (*SIZES, 200_000)) if there else None
        elif not there:
            assert may_be_gone, f"bucket {self.bucket_name} is gone"
            self.bucket = None
        if self.bucket is not None:
            self.bucket.settle(ask)


def _differ(seen: Mapping[str, Seen], jobs: Jobs) -> str:
    there, known = ({name: one.told for name, one in some.items()} for some in (seen, jobs))
    wrong = {name for name in {*there, *known} if there.get(name) != known.get(name)}
    return "; ".join(f"{name} is {there.get(name)}, should be {known.get(name)}" for name in sorted(wrong))


def make_model(display: str, epochs: int) -> dict[str, Any]:
    """The body that creates a Gemini tuned model."""
    examples = [{"textInput": text, "output": output} for text, output in PAIRS]
    return {
        "displayName": display,
        "baseModel": "models/gemini-1.5-flash-001-tuning",
        "tuningTask": {
            "hyperparameters": {"epochCount": epochs, "batchSize": 4},
            "trainingData": {"examples": {"examples": examples}},
        },
    }


def make_job(display: str, epochs: int) -> dict[str, Any]:
    """The body that creates a Vertex AI tuning job."""
    spec = {"trainingDatasetUri": DATASET, "hyperParameters": {"epochCount": epochs}}
    return {"baseModel": "gemini-2.5-flash", "tunedModelDisplayName": display, "supervisedTuningSpec": spec}
