"""Requests to the control API, made from its own OpenAPI document, and scenarios and archives that are nearly right."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from typing import Any
from urllib.parse import quote

import yaml

from campaigns.fuzzing.client import Request
from campaigns.fuzzing.mutation import LEAVES, WORDS, make_query, mutate, write_json
from campaigns.fuzzing.population import JSON, Population
from tuning_emulator.control.scenario_file import read_packaged

SCENARIO = "one-of-each-state"
SLOW = ("scenarios:load", "/snapshot", "/reset")
"""Routes that take a while: asked less often than the others."""

HEADERS = (
    *(
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/yaml"),
        ("Content-Type", ""),
        ("Origin", "http://x.y"),
    ),
    *(("Sec-Fetch-Site", "cross-site"), ("X-Tuning-Emulator", "1"), ("Host", "evil.example"), ("Accept", "x")),
)
_MOST_DEPTH = 6


class Control:
    """Makes requests of the routes in the document.

    Args:
        document: As ``/emulator/openapi.json`` answers it.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._schemas: dict[str, Any] = document.get("components", {}).get("schemas", {})
        self._routes = [
            (verb.upper(), path, operation)
            for path, operations in document["paths"].items()
            for verb, operation in operations.items()
        ]
        self._text = read_packaged(SCENARIO).decode()
        self._scenario = yaml.safe_load(self._text)

    def make(self, chosen: random.Random, population: Population) -> Request:
        """One request."""
        verb, path, operation = chosen.choice(self._routes)
        if any(word in path for word in SLOW) and chosen.random() < 0.85:
            verb, path, operation = chosen.choice(self._routes)
        for parameter in operation.get("parameters", ()):
            words = (*WORDS, *population.all, "fault-1", "1")
            path = path.replace(f"{{{parameter['name']}}}", quote(chosen.choice(words), safe="/%:@"))
        names = tuple(one["name"] for one in operation.get("parameters", ()) if one["in"] == "query")
        query = make_query(chosen, (*names, "x")) if chosen.random() < 0.4 or names else ""
        headers = [JSON] if chosen.random() < 0.95 else []
        body = self._make_body(chosen, path, operation, population)
        if verb == "POST" and path.endswith("/snapshot"):
            headers = [("Content-Type", "application/gzip")]
        if chosen.random() < 0.08:
            headers.append(chosen.choice(HEADERS))
        return Request("control", verb, f"{path}?{query}" if query else path, headers, body)

    def _make_body(self, chosen: random.Random, path: str, operation: Any, population: Population) -> bytes:
        content = operation.get("requestBody", {}).get("content")
        if content is None:
            return b"" if chosen.random() < 0.8 else write_json(chosen, chosen.choice(LEAVES))
        if path.endswith("/snapshot"):
            return spoil_archive(chosen, population.archive)
        if path.endswith("scenarios:load"):
            return self._spoil_scenario(chosen)
        schema = next(iter(content.values())).get("schema", {})
        tree = self.write(chosen, schema)
        for _ in range(chosen.choice((0, 0, 1, 2))):
            tree = mutate(chosen, tree)
        return write_json(chosen, tree)

    def _spoil_scenario(self, chosen: random.Random) -> bytes:
        if chosen.random() < 0.3:
            place = chosen.randrange(len(self._text))
            piece = chosen.choice(("{", "- ", "\t", "&a ", "*a", "!!python/object:os.system ", ": ", "\x00", "? "))
            return (self._text[:place] + piece + self._text[place:]).encode()
        tree = self._scenario
        for _ in range(chosen.randrange(1, 4)):
            tree = mutate(chosen, tree)
        return write_json(chosen, tree)

    def write(self, chosen: random.Random, schema: dict[str, Any], depth: int = 0) -> Any:
        """A value of a JSON schema, now and then another one."""
        if depth > _MOST_DEPTH or chosen.random() < 0.08:
            return chosen.choice(LEAVES)
        if "$ref" in schema:
            return self.write(chosen, self._schemas[schema["$ref"].rpartition("/")[2]], depth)
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                return self.write(chosen, chosen.choice(schema[word]), depth + 1)
        if "enum" in schema:
            return chosen.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        return self._write_plain(chosen, schema, depth)

    def _write_plain(self, chosen: random.Random, schema: dict[str, Any], depth: int) -> Any:
        kind = schema.get("type")
        if kind == "object":
            required = schema.get("required", ())
            members = schema.get("properties", {}).items()
            return {
                name: self.write(chosen, one, depth + 1)
                for name, one in members
                if chosen.random() < (0.95 if name in required else 0.4)
            }
        if kind == "array":
            return [self.write(chosen, schema.get("items", {}), depth + 1) for _ in range(chosen.randrange(3))]
        if kind == "integer":
            return chosen.choice((0, 1, -1, 3, 200, 503, 2**63, 10**30))
        if kind == "number":
            return chosen.choice((0, 0.001, -1.5, 1e18, 1e308, 9_000_000_000))
        if kind == "boolean":
            return chosen.random() < 0.5
        if kind == "null":
            return None
        texts = (
            "manual",
            "training",
            "polls:2",
            "time:1",
            "time:1e400",
            "internal_error:1",
            "2030-01-01T00:00:00Z",
            "my-project",
        )
        return chosen.choice((*texts, *WORDS))


def spoil_archive(chosen: random.Random, archive: bytes) -> bytes:
    """A state archive with bytes changed, cut off, or packed again with odd members."""
    kind = chosen.randrange(5)
    if kind == 0:
        return archive[: chosen.randrange(len(archive))]
    if kind == 1:
        place = chosen.randrange(len(archive))
        return archive[:place] + bytes([chosen.randrange(256)]) + archive[place + 1 :]
    if kind == 2:
        return chosen.randbytes(chosen.randrange(200))
    plain = gzip.decompress(archive)
    if kind == 3:
        place = chosen.randrange(len(plain))
        return gzip.compress(plain[:place] + chosen.randbytes(chosen.randrange(1, 9)) + plain[place + 4 :], 1)
    return _pack_oddly(chosen, plain)


def _pack_oddly(chosen: random.Random, plain: bytes) -> bytes:
    """The members with one renamed, linked, changed, doubled, or with another manifest."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(plain)) as source,
        tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as target,
    ):
        members = source.getmembers()
        odd = chosen.randrange(len(members))
        for number, member in enumerate(members):
            stream = source.extractfile(member)
            data = stream.read() if stream else b""
            if number == odd and member.name.endswith(".json"):
                data = write_json(chosen, mutate(chosen, json.loads(data)))
                member.size = len(data)
            elif number == odd:
                names = ("../x", "/etc/x", "jobs/gemini-1/\x01", "buckets/a/b/c/d/e", "x" * 200, member.name)
                member.name = chosen.choice(names)
                member.type = chosen.choice((tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.FIFOTYPE))
            target.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return packed.getvalue()
