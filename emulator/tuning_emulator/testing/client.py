"""The control API from Python, and the buckets beside it: what tests command an emulator with.

Values go in and come out as the JSON that ``/emulator/docs`` describes.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from tuning_emulator import __version__
from tuning_emulator.storage.objects import BucketNotFoundError, HttpObjectStore, format_uri

TIMEOUT_S = 60.0
TOKEN_VARIABLE = "TUNING_EMULATOR_TOKEN"  # noqa: S105 a name
POLL_S = 0.01
"""How often a wait looks again."""

Json: TypeAlias = dict[str, Any]
Body: TypeAlias = bytes | IO[bytes] | None
Send: TypeAlias = Callable[[str, str, Body, Mapping[str, str]], tuple[int, IO[bytes]]]
"""Verb, path with query, body, headers → status, body."""


class NoAnswerError(ConnectionError):
    """Nothing usable answers at a URL. ``reason``: what happened instead."""

    def __init__(self, url: str, reason: str) -> None:
        parts = urlsplit(url)
        super().__init__(f"nothing answers at {parts.scheme}://{parts.netloc}: {reason}")
        self.reason = reason


@contextmanager
def answering(url: str) -> Iterator[None]:
    """Whatever keeps an answer from coming, or from coming whole, is a ``NoAnswerError``."""
    try:
        yield
    except NoAnswerError:
        raise
    except urllib.error.URLError as error:
        raise NoAnswerError(url, str(error.reason)) from error
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise NoAnswerError(url, str(error) or type(error).__name__) from error


def send_request(
    url: str, verb: str, body: Body, headers: Mapping[str, str], timeout_s: float = TIMEOUT_S
) -> tuple[int, IO[bytes]]:
    """One request over the network, past any proxy: those are for the world outside. Status and body.

    Raises:
        NoAnswerError: there is none.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with answering(url):
        try:
            request = urllib.request.Request(url, body, dict(headers), method=verb)  # noqa: S310 the user's URL
            answer = opener.open(request, timeout=timeout_s)
        except urllib.error.HTTPError as error:
            return error.code, error
        except ValueError as error:  # no URL at all
            raise NoAnswerError(url, str(error)) from error
        return answer.status, answer


def make_headers(token: str | None = None) -> dict[str, str]:
    """What every request to the control API carries; ``token``: see ``Control``."""
    token = os.environ.get(TOKEN_VARIABLE, "") if token is None else token
    return {"X-Tuning-Emulator": __version__} | ({"Authorization": f"Bearer {token}"} if token else {})


class ControlError(Exception):
    """The emulator refused; the text is its own.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Control:
    """One emulator's controls. Every call raises ``NoAnswerError`` where nothing answers.

    Args:
        url: Where it answers.
        project: What ``clock`` and the like cannot be limited to but faults, pace, journal and reset can: a test that
            shares the emulator gives its own project, and touches nobody else's.
        send: How requests get there; None: over the network.
        timeout_s: How long to wait for an answer there.
        token: A token or key of its credentials file; None: what ``TUNING_EMULATOR_TOKEN`` holds.
    """

    def __init__(
        self,
        url: str,
        project: str = "",
        send: Send | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        token: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.project = project
        self._send = send or self._send_http
        self._timeout_s = timeout_s
        self._own_headers = make_headers(token)
        self.clock = Clock(self)
        self.pace = Pace(self)
        self.as_of = AsOf(self)
        self.base_models = BaseModels(self)
        self.jobs = Jobs(self)
        self.faults = Faults(self)
        self.job_faults = JobFaults(self)
        self.journal = Journal(self)
        self.scenarios = Scenarios(self)

    def health(self) -> Json:
        """What runs there."""
        return self.call("GET", "health")

    def reset(self) -> Json:
        """Ends running jobs and forgets everything; of the own project alone where there is one."""
        return self.call("POST", "reset", {"project": self.project} if self.project else {})

    def set_project_number(self, project: str, number: str) -> Json:
        """Gives a project id the number that names in answers carry, before anything is made in the project."""
        return self.call("PUT", f"projects/{quote(project, safe='')}/number", {"number": number})

    def export_snapshot(self, file: Path) -> None:
        """Writes the whole state into an archive, which has its name only once it is whole."""
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-", delete=False) as unfinished:
            try:
                self.receive("snapshot", unfinished)
                unfinished.flush()
                Path(unfinished.name).replace(file)
            finally:
                Path(unfinished.name).unlink(missing_ok=True)

    def import_snapshot(self, file: Path) -> Json:
        """Replaces the whole state by an archive's."""
        with file.open("rb") as archive:
            headers = {"Content-Type": "application/gzip", "Content-Length": str(file.stat().st_size)}
            answer: Json = json.loads(self._exchange("POST", "snapshot", archive, headers))
        return answer

    def call(self, verb: str, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> Json:
        """One call of the control API, by its path below ``/emulator/v1``.

        Raises:
            ControlError: it was refused.
        """
        data = None if body is None else json.dumps(body).encode()
        said = self.send(verb, _add_query(path, query), data)
        try:
            answer: Json = json.loads(said or b"{}")
        except ValueError as error:
            raise NoAnswerError(self.url, f"{said[:60]!r} is not JSON") from error
        return answer

    def send(self, verb: str, path: str, data: bytes | None = None, media: str = "application/json") -> bytes:
        """The same with bytes both ways."""
        return self._exchange(verb, path, data, {} if data is None else {"Content-Type": media})

    def receive(self, path: str, target: IO[bytes], **query: Any) -> None:
        """A GET whose answer is as large as it likes.

        Raises:
            ControlError: it was refused.
        """
        with self._open("GET", _add_query(path, query), None, {}) as answer, answering(self.url):
            shutil.copyfileobj(answer, target)
            if missing := getattr(answer, "length", None):  # http.client says nothing when it reads in blocks
                raise NoAnswerError(self.url, f"it broke off {missing} bytes before the end")

    def _exchange(self, verb: str, path: str, body: Body, headers: Mapping[str, str]) -> bytes:
        with self._open(verb, path, body, headers) as answer, answering(self.url):
            return answer.read()

    def _open(self, verb: str, path: str, body: Body, headers: Mapping[str, str]) -> IO[bytes]:
        status, answer = self._send(verb, f"/emulator/v1/{path}", body, {**self._own_headers, **headers})
        if status < 300:
            return answer
        with answer, answering(self.url):
            said = answer.read()
        if said.lstrip().startswith(b"<"):
            raise NoAnswerError(self.url, f"HTTP {status} and a page for people; that is no emulator")
        raise ControlError(status, _read_detail(said))

    def _send_http(self, verb: str, path: str, body: Body, headers: Mapping[str, str]) -> tuple[int, IO[bytes]]:
        return send_request(self.url + path, verb, body, headers, self._timeout_s)


class Clock:
    """The time that the emulator tells."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def now(self) -> datetime:
        """Its time, UTC."""
        return datetime.fromisoformat(self._control.call("GET", "clock")["time"])

    def set(self, time: datetime | str, *, frozen: bool | None = None) -> Json:
        """Sets it to a time with a zone, running or frozen."""
        text = time if isinstance(time, str) else time.isoformat()
        return self._control.call("PUT", "clock", {"time": text} | ({} if frozen is None else {"frozen": frozen}))

    def advance(self, seconds: float) -> Json:
        """Moves it forward; whatever was due meanwhile happens."""
        return self._control.call("POST", "clock:advance", {"seconds": seconds})

    def freeze(self) -> Json:
        """Lets it stand still."""
        return self._control.call("POST", "clock:freeze", {})

    def resume(self) -> Json:
        """Lets it run on."""
        return self._control.call("POST", "clock:resume", {})


class Pace:
    """How fast jobs go through their states: ``training``, ``time:60``, ``polls:2`` or ``manual``."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def get(self) -> Json:
        """Of the own project, or of all."""
        return self._control.call("GET", self._path)

    def set(self, pace: str) -> Json:
        """For jobs created from now on."""
        return self._control.call("PUT", self._path, parse_pace(pace))

    def clear(self) -> Json:
        """Back to what holds otherwise."""
        return self._control.call("DELETE", self._path)

    @property
    def _path(self) -> str:
        project = self._control.project
        return f"projects/{quote(project, safe='')}/pace" if project else "pace"


class AsOf:
    """The day as of which the services are played: of the own project, or of all that have none of their own."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def get(self) -> Json:
        """How it stands; ``date`` is None where everything that ever worked still does."""
        return self._control.call("GET", self._path)

    def set(self, day: date | str | None) -> Json:
        """Until the next reset; ``today``, or None for everything that ever worked."""
        return self._control.call("PUT", self._path, {"date": day.isoformat() if isinstance(day, date) else day})

    def clear(self) -> Json:
        """Back to the setting."""
        return self._control.call("DELETE", self._path)

    @property
    def _path(self) -> str:
        project = self._control.project
        return f"projects/{quote(project, safe='')}/as-of" if project else "as-of"


class BaseModels:
    """Which weights play which base model, ``*`` for all others."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def get(self) -> Json:
        """As it stands."""
        return self._control.call("GET", "base-models")

    def set(self, **weights: str) -> Json:
        """For everybody, from now on; ``set(**{"*": "smollm2"})``."""
        return self._control.call("PUT", "base-models", {"base_models": weights})

    def clear(self) -> Json:
        """Back to what the emulator was started with."""
        return self._control.call("DELETE", "base-models")


class Jobs:
    """Tuning jobs of both APIs, by the names that the APIs give them."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def list(self) -> list[Json]:
        """Of the own project, or all; newest first."""
        jobs: list[Json] = []
        before: int | None = None
        while True:
            page = self._control.call("GET", "jobs", project=self._control.project, before=before)
            jobs += page["jobs"]
            before = page["next"]
            if before is None:
                return jobs

    def get(self, name: str) -> Json:
        """One job with each step's loss."""
        return self._control.call("GET", _job(name))

    def wait(self, name: str, timeout_s: float = 60.0) -> Json:
        """The job once it has ended.

        Raises:
            TimeoutError: it has not.
        """
        limit = time.monotonic() + timeout_s
        while (job := self.get(name))["state"] not in ("SUCCEEDED", "FAILED", "CANCELLED"):
            if time.monotonic() > limit:
                raise TimeoutError(f"{name} is {job['state']} after {timeout_s} s")
            time.sleep(POLL_S)
        return job

    def advance(self, name: str, to: str | None = None) -> Json:
        """Takes a job of pace ``manual`` to its next state, or to the named one."""
        return self._control.call("POST", f"{_job(name)}:advance", {"to": to} if to else {})

    def cancel(self, name: str) -> Json:
        """Cancels it as somebody else would."""
        return self._control.call("POST", f"{_job(name)}:cancel", {})

    def set_pace(self, name: str, pace: str) -> Json:
        """Of one job, from now on."""
        return self._control.call("PUT", f"{_job(name)}:pace", parse_pace(pace))

    def set_fault(self, name: str, kind: str, at: int | None = None) -> Json:
        """Lets something happen to one job that has not ended."""
        return self._control.call("PUT", f"{_job(name)}:fault", {"kind": kind} | ({} if at is None else {"at": at}))


def _job(name: str) -> str:
    return f"jobs/{quote(name)}"


class Faults:
    """Trouble for requests."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(self, **fault: Any) -> Json:
        """Arms one: ``add(method="GetTunedModel", code="UNAVAILABLE", times=2)``. The own project is filled in."""
        if self._control.project:
            fault.setdefault("project", self._control.project)
        return self._control.call("POST", "faults", fault)

    def get(self, identifier: str) -> Json:
        """One with its counters: ``matched``, ``fired``, ``remaining``."""
        return self._control.call("GET", f"faults/{quote(identifier, safe='')}")

    def list(self) -> list[Json]:
        """All that are armed."""
        faults: list[Json] = self._control.call("GET", "faults")["faults"]
        return faults

    def remove(self, identifier: str) -> Json:
        """Disarms one."""
        return self._control.call("DELETE", f"faults/{quote(identifier, safe='')}")

    def clear(self) -> Json:
        """Disarms those of the own project, or all."""
        return self._control.call("DELETE", "faults", project=self._control.project)


class JobFaults:
    """Trouble for jobs that are yet to be created."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(self, **fault: Any) -> Json:
        """For the next jobs of the own project: ``add(kind="internal_error", at=5, jobs=1)``."""
        if self._control.project:
            fault.setdefault("project", self._control.project)
        return self._control.call("POST", "job-faults", fault)

    def list(self) -> list[Json]:
        """All, with their counters."""
        faults: list[Json] = self._control.call("GET", "job-faults")["job_faults"]
        return faults

    def clear(self) -> Json:
        """Takes all away."""
        return self._control.call("DELETE", "job-faults")


class Journal:
    """Every request that the emulator had, with its answer."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def list(self, **filters: Any) -> list[Json]:
        """The latest first: by ``method``, ``client``, ``test``, ``status``; of the own project or all."""
        filters.setdefault("project", self._control.project)
        entries: list[Json] = self._control.call("GET", "journal", **filters)["entries"]
        return entries

    def count(self, **filters: Any) -> int:
        """How many there were."""
        filters.setdefault("project", self._control.project)
        return int(self._control.call("GET", "journal:count", **filters)["count"])

    def get(self, identifier: str | int) -> Json:
        """One entry, with bodies."""
        return self._control.call("GET", f"journal/{identifier}")

    def clear(self) -> Json:
        """Forgets those of the own project, or all."""
        return self._control.call("DELETE", "journal", project=self._control.project)


class Scenarios:
    """Prepared states."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def list(self) -> list[Json]:
        """Those that come with the package."""
        scenarios: list[Json] = self._control.call("GET", "scenarios")["scenarios"]
        return scenarios

    def load(self, scenario: str | Path | Mapping[str, Any]) -> Json:
        """Loads a packaged one by name, one from a YAML file, or one that is spelt out; for the own project, if any."""
        project = self._control.project
        path = f"scenarios:load?{urlencode({'project': project})}" if project else "scenarios:load"
        if isinstance(scenario, Path):
            answer: Json = json.loads(self._control.send("POST", path, scenario.read_bytes(), "application/yaml"))
            return answer
        return self._control.call("POST", path, {"name": scenario} if isinstance(scenario, str) else scenario)


def parse_pace(text: str) -> Json:
    """``polls:2`` as the control API takes it; what is wrong with it the emulator says."""
    mode, _, amount = text.partition(":")
    field = {"time": "seconds", "polls": "polls"}.get(mode)
    if not field or not amount:
        return {"mode": mode}
    try:
        return {"mode": mode, field: float(amount) if field == "seconds" else int(amount)}
    except ValueError:
        return {"mode": mode, field: amount}


def _add_query(path: str, query: Mapping[str, Any]) -> str:
    wanted = {name: value for name, value in query.items() if value not in (None, "")}
    return path + (f"?{urlencode(wanted)}" if wanted else "")


def _read_detail(answer: bytes) -> str:
    """What a refusal says."""
    try:
        detail = json.loads(answer)["detail"]
    except (ValueError, KeyError, TypeError):
        return answer[:300].decode("utf-8", "replace")
    return detail if isinstance(detail, str) else json.dumps(detail)


class Buckets:
    """Buckets of an embedded storage. These uploads make them where they are not there yet."""

    def __init__(self, storage_url: str) -> None:
        self._objects = HttpObjectStore(storage_url, token=os.environ.get(TOKEN_VARIABLE, ""))

    def upload(self, bucket: str, name: str, data: bytes | str) -> str:
        """Stores an object; its ``gs://`` address."""
        uri = format_uri(bucket, name)
        content = data.encode() if isinstance(data, str) else data
        try:
            self._objects.write(uri, content)
        except BucketNotFoundError:
            self.create(bucket)
            self._objects.write(uri, content)
        return uri

    def create(self, bucket: str, project: str = "") -> None:
        """Makes an empty bucket, of a project or of nobody.

        Raises:
            StorageError: the name is none, or taken.
        """
        self._objects.create_bucket(bucket, project)

    def upload_lines(self, bucket: str, name: str, lines: Iterable[Mapping[str, Any]]) -> str:
        """Stores values as JSON lines, which is what datasets are; their ``gs://`` address."""
        return self.upload(bucket, name, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))

    def upload_pairs(self, bucket: str, name: str, pairs: Iterable[tuple[str, str]]) -> str:
        """Stores prompts with their answers as a dataset of supervised tuning; its ``gs://`` address."""
        return self.upload_lines(bucket, name, map(_format_pair, pairs))

    def read(self, uri: str) -> list[bytes]:
        """The lines of an object.

        Raises:
            StorageError: it is not there.
        """
        return list(self._objects.lines(uri))


def _format_pair(pair: tuple[str, str]) -> dict[str, Any]:
    prompt, answer = pair
    turns = (("user", prompt), ("model", answer))
    return {"contents": [{"role": role, "parts": [{"text": text}]} for role, text in turns]}
