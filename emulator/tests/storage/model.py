"""Two clients do random things to one bucket; a model in memory says what every answer must be."""

from __future__ import annotations

import base64
import hashlib
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import google_crc32c

from tests.storage.asking import BUCKET, UPLOAD, Answer, B, open_storage

Ask = Callable[..., Answer]
NAMES = ["a", "a/b", "a/c", "a/c/d", "b", "ü"]
SIZES = (0, 1, 10, 3000)
LIMIT_BYTES = 1_000_000
"""A composition of compositions would grow without end: one of this size is deleted."""


@dataclass(frozen=True)
class Known:
    """A live object, as the model has it. ``generation``: "" until the server has told it."""

    data: bytes
    generation: str = ""
    metageneration: int = 1
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class Model:
    """What must be there, and what each of the two clients has last seen of every name: its generation.

    Attributes:
        flying: What the request under way will have changed, None: removed.
    """

    random: random.Random
    sizes: Sequence[int] = SIZES
    objects: dict[str, Known] = field(default_factory=dict)
    seen: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))
    flying: dict[str, Known | None] = field(default_factory=dict)
    steps: int = 0

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
        self.steps += 1

    # --- what is asked ------------------------------------------------------------------------------

    def _conditions(self, client: dict[str, str], name: str, prefix: str = "if") -> tuple[str, int]:
        """A query, and the status that it comes to; 0: the request is carried out."""
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
            return "", 0
        query, holds, positive = cases[kind]
        return query, 0 if holds else 412 if positive else 304

    def _data(self) -> bytes:
        return self.random.randbytes(self.random.choice(self.sizes))

    def _change(
        self, ask: Ask, client: dict[str, str], refused: int, change: dict[str, Known | None], *request: Any
    ) -> None:
        """A request that comes to a change, or is refused with a status."""
        self.flying = {} if refused else change
        answer = ask(*request)
        assert answer.status == (refused or (204 if request[0] == "DELETE" else 200)), (request, answer)
        if not refused:
            made = answer.json if answer.body else {}
            self._apply({name: made.get("resource", made) for name in change}, client)
        self.flying = {}

    def _apply(self, made: dict[str, Any], client: dict[str, str]) -> None:
        """The change under way has happened; ``made``: the resources that it has led to."""
        newest = max([0, *(int(one.generation) for one in self.objects.values())])
        for name, known in self.flying.items():
            if known is None:
                del self.objects[name]
                continue
            told = made[name]
            assert (told["size"], told["metageneration"]) == (str(len(known.data)), str(known.metageneration))
            assert told["generation"] == known.generation or (not known.generation and int(told["generation"]) > newest)
            self.objects[name] = replace(known, generation=told["generation"])
            client[name] = told["generation"]

    def _upload(self, ask: Ask, client: dict[str, str], name: str) -> None:
        query, status = self._conditions(client, name)
        data = self._data()
        target = f"{UPLOAD}?uploadType=media&name={quote(name, safe='')}{query}"
        self._change(ask, client, status and 412, {name: Known(data)}, "POST", target, data)

    def _resume(self, ask: Ask, client: dict[str, str], name: str) -> None:
        query, status = self._conditions(client, name)
        data = self._data()
        answer = ask("POST", f"{UPLOAD}?uploadType=resumable&name={quote(name, safe='')}{query}")
        assert answer.status == (412 if status else 200)
        if status:
            return
        session = "/" + answer.headers["location"].split("/", 3)[3]
        headers = {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"} if data else {}
        self._change(ask, client, 0, {name: Known(data)}, "PUT", session, data, headers)

    def _read(self, ask: Ask, client: dict[str, str], name: str) -> None:
        query, status = self._conditions(client, name)
        answer = ask("GET", f"{B}/o/{quote(name, safe='')}?alt=media{query}")
        found = self.objects.get(name)
        assert answer.status == (404 if found is None else status or 200), (query, answer.status)
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
        found = self.objects.get(name)
        change: dict[str, Known | None] = {}
        if found is not None:
            metadata = {one: text for one, text in {**found.metadata, key: value}.items() if text is not None}
            change[name] = replace(found, metageneration=found.metageneration + 1, metadata=metadata)
        refused = 404 if found is None else status and 412
        target = f"{B}/o/{quote(name, safe='')}?x={query}"
        self._change(ask, client, refused, change, "PATCH", target, {"metadata": {key: value}})

    def _delete(self, ask: Ask, client: dict[str, str], name: str) -> None:
        query, status = self._conditions(client, name)
        refused = 404 if name not in self.objects else status and 412
        self._change(ask, client, refused, {name: None}, "DELETE", f"{B}/o/{quote(name, safe='')}?x={query}")

    def _copy(self, ask: Ask, client: dict[str, str], name: str) -> None:
        to = self.random.choice(NAMES)
        query, status = self._conditions(client, to)
        source_query, source_status = self._conditions(client, name, "ifSource")
        verb = self.random.choice(["copyTo", "rewriteTo"])
        target = f"{B}/o/{quote(name, safe='')}/{verb}/b/{BUCKET}/o/{quote(to, safe='')}?x={query}{source_query}"
        found = self.objects.get(name)
        refused = 404 if found is None else 412 if status or source_status else 0
        change: dict[str, Known | None] = {} if found is None else {to: Known(found.data, metadata=found.metadata)}
        self._change(ask, client, refused, change, "POST", target)

    def _compose(self, ask: Ask, client: dict[str, str], name: str) -> None:
        sources = self.random.choices(NAMES, k=self.random.randrange(1, 4))
        query, status = self._conditions(client, name)
        path = f"{B}/o/{quote(name, safe='')}"
        refused = 404 if any(one not in self.objects for one in sources) else status and 412
        data = b"".join(self.objects[one].data for one in sources if one in self.objects)
        body = {"sourceObjects": [{"name": one} for one in sources]}
        self._change(ask, client, refused, {name: Known(data)}, "POST", f"{path}/compose?x={query}", body)
        if not refused and len(data) >= LIMIT_BYTES:
            self._change(ask, client, 0, {name: None}, "DELETE", path)

    def _move(self, ask: Ask, client: dict[str, str], name: str) -> None:
        to = self.random.choice([one for one in NAMES if one != name])
        query, status = self._conditions(client, to)
        target = f"{B}/o/{quote(name, safe='')}/moveTo/o/{quote(to, safe='')}?x={query}"
        found = self.objects.get(name)
        change: dict[str, Known | None] = {}
        if found is not None:
            change = {name: None, to: Known(found.data, metadata=found.metadata)}
        self._change(ask, client, 404 if found is None else status and 412, change, "POST", target)

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

    def settle(self, ask: Ask) -> str:
        """Compares everything that is there: a request that was cut off has happened as a whole or not at all.

        Returns:
            ``new`` or ``old``, which of both; ``idle`` where no change was under way.

        Raises:
            AssertionError: something else is there.
        """
        made, there = {}, {}
        for one in ask("GET", f"{B}/o").json.get("items", []):
            data = ask("GET", f"{B}/o/{quote(one['name'], safe='')}?alt=media").body
            hashes = _hash(data)
            assert (one.get("md5Hash", hashes[0]), one["crc32c"]) == hashes, (
                one["name"],
                "has other bytes than its record says",
            )
            made[one["name"]] = one
            there[one["name"]] = Known(data, one["generation"], int(one["metageneration"]), one.get("metadata", {}))
        outcome = "old" if self.flying else "idle"
        if self.flying and there != self.objects:
            outcome = "new"
            assert {name for name, known in self.flying.items() if known} <= {*made}
            self._apply(made, {})
        self.flying = {}
        assert there == self.objects
        return outcome


def _hash(data: bytes) -> tuple[str, str]:
    """md5 and crc32c as Cloud Storage tells them."""
    crc32c: int = google_crc32c.value(data)
    digests = hashlib.md5(data, usedforsecurity=False).digest(), crc32c.to_bytes(4, "big")
    return base64.b64encode(digests[0]).decode(), base64.b64encode(digests[1]).decode()


def walk_in_process(steps: int, seed: int) -> Model:
    """That many steps without a socket; every file at the end is one that a record names."""
    model = Model(random.Random(seed))
    with tempfile.TemporaryDirectory() as folder, open_storage(Path(folder) / "buckets") as ask:
        ask.bucket(softDeletePolicy={"retentionDurationSeconds": 0})
        for _ in range(steps):
            model.walk(ask)
        model.settle(ask)
        assert len(ask.embedded.store.contents.sizes()) <= len(model.objects)
    return model
