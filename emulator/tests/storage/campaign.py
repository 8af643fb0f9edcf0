"""Two clients do random things to one bucket; a model in memory says what every answer must be.

``python -m tests.storage.campaign 100000`` in ``emulator`` walks that many steps in this process; a second argument is
how many times a server of its own is killed in the middle of a request, begun again and compared.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.storage.asking import UPLOAD, Answer, B, open_storage
from tuning_emulator.testing.process import start_emulator

Ask = Callable[..., Answer]
NAMES = ["a", "a/b", "a/c", "a/c/d", "b", "ü"]


@dataclass
class Known:
    """A live object, as the model has it."""

    data: bytes
    generation: str
    metageneration: int = 1
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class Model:
    """What must be there, and what each of the two clients has last seen of every name: its generation."""

    random: random.Random
    objects: dict[str, Known] = field(default_factory=dict)
    seen: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))

    def walk(self, ask: Ask) -> None:
        """One step of one client.

        Raises:
            AssertionError: an answer is not the model's.
        """
        client = self.random.choice(self.seen)
        name = self.random.choice(NAMES)
        often, others = [self._upload, self._resume, self._read, self._delete], [self._get, self._patch, self._copy]
        step = self.random.choice([*often, *often, *others, self._compose, self._move, self._list])
        step(ask, client, name)

    # --- what is asked ------------------------------------------------------------------------------

    def _conditions(self, client: dict[str, str], name: str, prefix: str = "if") -> tuple[str, Callable[[], int]]:
        """A query, and the status that it comes to at the moment of asking; 0: the request is carried out."""
        kind = self.random.randrange(6)
        generation = client.get(name, "1")
        metageneration = self.random.randrange(1, 4)
        found = self.objects.get(name)
        here = found.generation if found else "0"
        meta = found.metageneration if found else None
        cases: dict[int, tuple[str, bool, bool]] = {
            0: (f"&{prefix}GenerationMatch={generation}", here == generation, True),
            1: (f"&{prefix}GenerationMatch=0", here == "0", True),
            2: (f"&{prefix}GenerationNotMatch={generation}", here != generation, False),
            3: (f"&{prefix}MetagenerationMatch={metageneration}", meta == metageneration, True),
            4: (f"&{prefix}MetagenerationNotMatch={metageneration}", meta != metageneration, False),
        }
        if kind not in cases:
            return "", lambda: 0
        query, holds, positive = cases[kind]
        return query, lambda: 0 if holds else (412 if positive else 304)

    def _data(self) -> bytes:
        return self.random.randbytes(self.random.choice([0, 1, 10, 3000]))

    def _put(self, client: dict[str, str], name: str, answer: Answer, known: Known) -> None:
        made = answer.json
        assert int(made["generation"]) > max([0, *(int(one.generation) for one in self.objects.values())])
        assert (made["size"], made["metageneration"]) == (str(len(known.data)), "1")
        known.generation = made["generation"]
        self.objects[name] = known
        client[name] = known.generation

    def _upload(self, ask: Ask, client: dict[str, str], name: str) -> None:
        query, status = self._conditions(client, name)
        data = self._data()
        answer = ask("POST", f"{UPLOAD}?uploadType=media&name={quote(name, safe='')}{query}", data)
        assert answer.status == (412 if status() else 200), (query, answer.status)
        if not status():
            self._put(client, name, answer, Known(data, ""))

    def _resume(self, ask: Ask, client: dict[str, str], name: str) -> None:
        query, status = self._conditions(client, name)
        data = self._data()
        answer = ask("POST", f"{UPLOAD}?uploadType=resumable&name={quote(name, safe='')}{query}")
        assert answer.status == (412 if status() else 200)
        if status():
            return
        session = "/" + answer.headers["location"].split("/", 3)[3]
        end = ask("PUT", session, data, {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"} if data else {})
        assert end.status == 200, end.body
        self._put(client, name, end, Known(data, ""))

    def _read(self, ask: Ask, client: dict[str, str], name: str) -> None:
        query, status = self._conditions(client, name)
        answer = ask("GET", f"{B}/o/{quote(name, safe='')}?alt=media{query}")
        found = self.objects.get(name)
        assert answer.status == (404 if found is None else status() or 200), (query, answer.status)
        if answer.status == 200 and found is not None:
            assert answer.body == found.data
            client[name] = found.generation

    def _get(self, ask: Ask, client: dict[str, str], name: str) -> None:
        generation = f"?generation={client[name]}" if name in client and self.random.random() < 0.5 else ""
        answer = ask("GET", f"{B}/o/{quote(name, safe='')}{generation}")
        found = self.objects.get(name)
        there = found is not None and (not generation or found.generation == client[name])
        assert answer.status == (200 if there else 404)
        if found is not None and there:
            told = answer.json
            assert (told["generation"], told["metageneration"]) == (found.generation, str(found.metageneration))
            assert told.get("metadata", {}) == found.metadata
            client[name] = found.generation

    def _patch(self, ask: Ask, client: dict[str, str], name: str) -> None:
        query, status = self._conditions(client, name)
        key, value = self.random.choice("kl"), self.random.choice([None, "1", "2"])
        body = {"metadata": {key: value}}
        answer = ask("PATCH", f"{B}/o/{quote(name, safe='')}?x={query}", body)
        found = self.objects.get(name)
        assert answer.status == (404 if found is None else 412 if status() else 200)
        if answer.status == 200 and found is not None:
            found.metageneration += 1
            found.metadata.pop(key, None)
            if value is not None:
                found.metadata[key] = value

    def _delete(self, ask: Ask, client: dict[str, str], name: str) -> None:
        query, status = self._conditions(client, name)
        answer = ask("DELETE", f"{B}/o/{quote(name, safe='')}?x={query}")
        assert answer.status == (404 if name not in self.objects else 412 if status() else 204)
        if answer.status == 204:
            del self.objects[name]

    def _copy(self, ask: Ask, client: dict[str, str], name: str) -> None:
        to = self.random.choice(NAMES)
        query, status = self._conditions(client, to)
        source_query, source_status = self._conditions(client, name, "ifSource")
        verb = self.random.choice(["copyTo", "rewriteTo"])
        path = f"{B}/o/{quote(name, safe='')}/{verb}/b/my-bucket/o/{quote(to, safe='')}"
        answer = ask("POST", f"{path}?x={query}{source_query}")
        found = self.objects.get(name)
        assert answer.status == (404 if found is None else 412 if status() or source_status() else 200)
        if answer.status == 200 and found is not None:
            made = answer.json.get("resource", answer.json)
            self.objects[to] = Known(found.data, made["generation"], 1, dict(found.metadata))
            client[to] = made["generation"]

    def _compose(self, ask: Ask, client: dict[str, str], name: str) -> None:
        sources = self.random.choices(NAMES, k=self.random.randrange(1, 4))
        query, status = self._conditions(client, name)
        body = {"sourceObjects": [{"name": one} for one in sources]}
        answer = ask("POST", f"{B}/o/{quote(name, safe='')}/compose?x={query}", body)
        missing = any(one not in self.objects for one in sources)
        assert answer.status == (404 if missing else 412 if status() else 200)
        if answer.status == 200:
            data = b"".join(self.objects[one].data for one in sources)[:1_000_000]
            if len(data) == 1_000_000:  # a composition of compositions grows without end
                ask("DELETE", f"{B}/o/{quote(name, safe='')}")
                self.objects.pop(name, None)
            else:
                self._put(client, name, answer, Known(data, ""))

    def _move(self, ask: Ask, client: dict[str, str], name: str) -> None:
        to = self.random.choice([one for one in NAMES if one != name])
        query, status = self._conditions(client, to)
        answer = ask("POST", f"{B}/o/{quote(name, safe='')}/moveTo/o/{quote(to, safe='')}?x={query}")
        assert answer.status == (404 if name not in self.objects else 412 if status() else 200)
        if answer.status == 200:
            found = self.objects.pop(name)
            self.objects[to] = Known(found.data, answer.json["generation"], 1, found.metadata)

    def _list(self, ask: Ask, client: dict[str, str], name: str) -> None:
        prefix = self.random.choice(["", "a", "a/", "z"])
        shown: list[str] = []
        token = ""
        while True:
            page = ask("GET", f"{B}/o?prefix={quote(prefix)}&maxResults=2&pageToken={quote(token)}").json
            shown += [one["name"] for one in page.get("items", [])]
            token = page.get("nextPageToken", "")
            if not token:
                break
        assert shown == sorted(one for one in self.objects if one.startswith(prefix))

    def compare(self, ask: Ask) -> None:
        """Everything that is there beside everything that must be.

        Raises:
            AssertionError: they differ.
        """
        listed = {one["name"]: one["generation"] for one in ask("GET", f"{B}/o").json.get("items", [])}
        assert listed == {name: one.generation for name, one in self.objects.items()}
        for name, one in self.objects.items():
            assert ask("GET", f"{B}/o/{quote(name, safe='')}?alt=media").body == one.data


def walk_in_process(steps: int, seed: int) -> Model:
    """That many steps without a socket; every file at the end is one that a record names."""
    model = Model(random.Random(seed))
    with tempfile.TemporaryDirectory() as folder, open_storage(Path(folder) / "buckets") as ask:
        ask.bucket(softDeletePolicy={"retentionDurationSeconds": 0})
        for _ in range(steps):
            model.walk(ask)
        model.compare(ask)
        assert len(ask.embedded.store.contents.sizes()) <= len(model.objects)
    return model


class Remote:
    """A server in a process of its own that can be killed."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, verb: str, target: str, body: Any = b"", headers: dict[str, str] | None = None) -> Answer:
        """One request; status 0 where the connection broke."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        asked = urllib.request.Request(self._url + target, data or None, headers or {}, method=verb)
        if verb in ("POST", "PUT") and not data:
            asked.data = b""
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())
        except OSError:
            return Answer(0, {}, b"")


def walk_with_kills(kills: int, seed: int, steps: int = 30) -> int:
    """Kills a server while an upload is under way, as often as asked; answers how often the new object was there.

    Raises:
        AssertionError: what is there afterwards is neither the old state nor the new one.
    """
    model = Model(random.Random(seed))
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(kills):
            with start_emulator(trainer="scripted", data_dir=folder, port=0) as running:
                ask = Remote(running.url)
                if not number:
                    policy = {"softDeletePolicy": {"retentionDurationSeconds": 0}}
                    assert ask("POST", "/storage/v1/b?project=p", {"name": "my-bucket", **policy}).status == 200
                model.compare(ask)
                for _ in range(steps):
                    model.walk(ask)
                _kill_during_upload(running, ask, model)
            with start_emulator(trainer="scripted", data_dir=folder, port=0) as running:
                survived += _settle(Remote(running.url), model)
    return survived


def _kill_during_upload(running: Any, ask: Remote, model: Model) -> None:
    data = model.random.randbytes(2_000_000)
    killer = threading.Timer(model.random.random() * 0.03, lambda: running.process.send_signal(signal.SIGKILL))
    killer.start()
    answer = ask("POST", f"{UPLOAD}?uploadType=media&name=a", data)
    killer.join()
    running.process.wait()
    model.objects["in flight"] = Known(data, answer.json["generation"] if answer.status == 200 else "")


def _settle(ask: Remote, model: Model) -> int:
    flying = model.objects.pop("in flight")
    answer = ask("GET", f"{B}/o/a")
    old = model.objects.get("a")
    new = answer.status == 200 and (old is None or answer.json["generation"] != old.generation)
    assert new or not flying.generation, "an upload that was confirmed is gone"
    if new:
        model.objects["a"] = Known(flying.data, answer.json["generation"])
    model.compare(ask)
    return int(new)


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    steps, kills = (int(arguments[place]) if len(arguments) > place else 0 for place in (0, 1))
    began = time.perf_counter()
    walk_in_process(steps, seed=steps)
    print(f"{steps} steps, no difference, {time.perf_counter() - began:.0f} s")  # noqa: T201 a program's answer
    if kills:
        new = walk_with_kills(kills, seed=kills)
        print(f"{kills} kills in the middle of an upload: {new} new, {kills - new} old, none mixed")  # noqa: T201 as above


if __name__ == "__main__":
    main(sys.argv[1:])
