"""Reads the ``.proto`` files, the one place where messages, enums, methods and HTTP bindings are declared.

The folder of a package declares an API in all its versions; ``proto/tuning_emulator/options.proto`` says how. Read is
as much of the language as our files use; in the tests ``protoc`` reads the same and has to understand the same.
Source: https://protobuf.dev/reference/protobuf/proto3-spec.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn, TypeAlias

from msgspec import Struct, field

from tuning_emulator.schema.cached import load_kept
from tuning_emulator.schema.schema import SCALARS, Behaviour, Enum, Field, File, HttpRule, Message, Method, Schema

PROTO = Path(__file__).resolve().parent.parent / "proto"
"""The folder from which ``.proto`` files are named."""

_SPACE = re.compile(r"(?:\s+|//.*)*+")
_STATEMENT = re.compile(
    rf"""{_SPACE.pattern}(?:
      (?:(?P<label>repeated|optional)\s+)?(?:map<(?P<key>\w+),\s*(?P<of>[\w.]+)>|(?P<type>[\w.]+))
        \s+(?P<name>\w+)\s*=\s*(?P<number>\d+)\s*(?:\[(?P<options>[^]]*)\])?;(?P<field>)
    | (?P<constant>\w+)\s*=\s*(?P<equals>-?\d+);(?P<value>)
    | \}}(?P<close>)
    | (?P<kind>message|enum|oneof|service)\s+(?P<block>\w+)\s*\{{(?P<open>)
    | rpc\s+(?P<rpc>\w+)\((?P<many>stream\s+)?(?P<request>[\w.]+)\)
        \s+returns\s+\((?P<stream>stream\s+)?(?P<response>[\w.]+)\)\s*(?P<then>[{{;])(?P<method>)
    | option\s+\((?P<said>[\w.]+)\)\s*=\s*
        (?:"(?P<text>[^"]*)"|(?P<tree>\{{(?://.*|"[^"]*"|\{{(?:"[^"]*"|[^"}}])*+\}}|[^"{{}}])*+\}}));(?P<option>)
    | (?:syntax\s*=\s*"proto3"|package\s+(?P<package>[\w.]+)|import\s+"(?P<import>[^"]+)");(?P<head>)
    | \Z(?P<end>)
    )""",
    re.VERBOSE,
)
_FIELD_OPTION = re.compile(r'([\w.]+)\)?\s*=\s*"?(\w+)')
_HTTP_ENTRY = re.compile(r'//.*|(\w+):\s*"([^"]*)"')
_VERBS = ("get", "put", "post", "delete", "patch")
_OPTIONS_ALONE = ("google/api/annotations.proto", "google/api/field_behavior.proto", "tuning_emulator/")
"""Files that declare options: what these mean is known here, and no message has a field of their types."""

Versions: TypeAlias = frozenset[str]
_EVERY: Versions = frozenset()


class DeclarationError(Exception):
    """A ``.proto`` file that cannot be read or contradicts itself; the text names file and line."""


class _Block(Struct):
    """A message, enum, oneof, service or method: what may stand between braces.

    Attributes:
        name: Full, without the API's version; of a oneof, the name alone.
        position: Where the text has it. around: The block that it stands in.
        versions: Those that its own option names; none: all that have what is around it.
        fields: Each with its versions and its position.
    """

    kind: str
    name: str
    position: int
    around: _Block | None = None
    versions: Versions = _EVERY
    fields: list[tuple[Field, Versions, int]] = field(default_factory=list)
    values: dict[str, int] = field(default_factory=dict)
    method: Method | None = None

    def is_in(self, version: str) -> bool:
        """Whether that version of the API has it."""
        return _has(self.versions, version) and (self.around is None or self.around.is_in(version))


class _Text(Struct):
    """A file as it stands, for all versions.

    Attributes:
        versions: Of the API, where this file says them. named_versions: Those of single declarations, and where.
        bindings: Where the API binds methods of other files, by their full names.
    """

    name: str
    text: str
    package: str = ""
    imports: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    named_versions: dict[str, int] = field(default_factory=dict)
    blocks: dict[str, list[_Block]] = field(default_factory=lambda: {"message": [], "enum": [], "method": []})
    bindings: dict[str, tuple[HttpRule, ...]] = field(default_factory=dict)

    def pick(self, kind: str, version: str) -> Iterator[_Block]:
        """The blocks of a kind that a version has."""
        return (one for one in self.blocks[kind] if one.is_in(version))

    def refuse(self, position: int, reason: str) -> NoReturn:
        """Raises DeclarationError about the statement that follows a position of the text."""
        start = _SPACE.match(self.text, position)
        line = self.text.count("\n", 0, start.end() if start else position) + 1
        raise DeclarationError(f"{self.name}:{line}: {reason}")


class _Reader:
    """Reads one file, statement by statement."""

    def __init__(self, name: str, text: str) -> None:
        self._file = _Text(name, text)
        self._around: _Block | None = None
        self._position = 0
        self._options: dict[tuple[str | None, str | None], tuple[Behaviour, Versions, str]] = {}

    def read(self) -> _Text:
        """The whole file.

        Raises:
            DeclarationError: see there.
        """
        steps: dict[str | None, Callable[[re.Match[str]], None]] = {
            "field": self._add_field,
            "value": self._add_value,
            "open": self._open,
            "close": self._close,
            "method": self._add_method,
            "option": self._take_option,
            "head": self._take_head,
        }
        match, text = _STATEMENT.match(self._file.text), self._file.text
        while match and match.lastgroup != "end":
            steps[match.lastgroup](match)
            self._position = match.end()
            match = _STATEMENT.match(text, self._position)
        if match is None or self._around:
            self._refuse("no statement that our files use begins here" if match is None else "a } is missing")
        return self._file

    def _refuse(self, reason: str) -> NoReturn:
        self._file.refuse(self._position, reason)

    def _expect(self, *kinds: str) -> _Block:
        """The block around the statement, which is of one of those kinds."""
        if self._around is None or self._around.kind not in kinds:
            self._refuse(f"this stands in no {' or '.join(kinds)}")
        return self._around

    def _take_head(self, match: re.Match[str]) -> None:
        if match["package"]:
            self._file.package = match["package"]
        elif match["import"] and not match["import"].startswith(_OPTIONS_ALONE):
            self._file.imports.append(match["import"])

    def _open(self, match: re.Match[str]) -> None:
        kind, name = match.group("kind", "block")
        if kind != "oneof":
            name = f"{self._around.name if self._around else self._file.package}.{name}"
        self._around = _Block(kind, name, self._position, self._around)
        if kind in self._file.blocks:
            self._file.blocks[kind].append(self._around)

    def _close(self, _match: re.Match[str]) -> None:
        self._around = self._expect("message", "enum", "oneof", "service", "method").around

    def _add_field(self, match: re.Match[str]) -> None:
        label, key, of, of_type, name, number, options = match.group(
            "label", "key", "of", "type", "name", "number", "options"
        )
        block, oneof = self._expect("message", "oneof"), ""
        if block.kind == "oneof" and block.around:
            block, oneof = block.around, block.name
        said = self._options.get((label, options))
        if said is None:
            said = self._options[label, options] = self._read_options(label, options)
        behaviour, versions, other_name = said
        one = Field(int(number), other_name or name, of or of_type, behaviour, label == "repeated", key or "", oneof)
        block.fields.append((one, versions, self._position))

    def _read_options(self, label: str | None, options: str | None) -> tuple[Behaviour, Versions, str]:
        """What is said of a field: behaviour, versions, and its name where the declared one stands in for it."""
        behaviour = Behaviour.PRESENCE if label == "optional" else Behaviour.NONE
        versions, name = _EVERY, ""
        for option, value in _FIELD_OPTION.findall(options or ""):
            if option == "google.api.field_behavior" and value in Behaviour.__members__:
                behaviour |= Behaviour[value]
            elif option == "deprecated" and value == "true":
                behaviour |= Behaviour.DEPRECATED
            elif option == "tuning_emulator.zero_shown" and value == "true":
                behaviour |= Behaviour.ZERO_SHOWN
            elif option == "tuning_emulator.field_versions":
                versions |= self._name_version(value)
            elif option == "tuning_emulator.field_name":
                name = value
            else:
                self._refuse(f"{option} = {value} is not read here")
        return behaviour, versions, name

    def _name_version(self, version: str) -> Versions:
        self._file.named_versions.setdefault(version, self._position)
        return frozenset((version,))

    def _add_value(self, match: re.Match[str]) -> None:
        self._expect("enum").values[match["constant"]] = int(match["equals"])

    def _add_method(self, match: re.Match[str]) -> None:
        service = self._expect("service")
        name = f"{service.name}.{match['rpc']}"
        block = _Block("method", name, self._position, service)
        streams = (bool(match["stream"]), bool(match["many"]))
        block.method = Method(name, match["request"], match["response"], (), *streams)
        self._file.blocks["method"].append(block)
        if match["then"] == "{":
            self._around = block

    def _take_option(self, match: re.Match[str]) -> None:
        option, text, tree = match.group("said", "text", "tree")
        around = self._around
        if around is None and option == "tuning_emulator.api_versions" and text:
            self._file.versions.append(text)
        elif around is None and option == "tuning_emulator.http" and tree:
            self._file.bindings.update([self._read_http(tree)])
        elif around and option == f"tuning_emulator.{around.kind}_versions" and text:
            around.versions |= self._name_version(text)
        elif around and around.method and option == "google.api.http" and tree:
            if around.method.client_streaming:
                self._refuse("a stream of requests has no path in HTTP")
            around.method = around.method._replace(http=self._read_http(tree)[1])
        else:
            self._refuse(f"{option} is not read here")

    def _read_http(self, tree: str) -> tuple[str, tuple[HttpRule, ...]]:
        """Selector and bindings of a ``google.api.HttpRule``; the paths as they are written."""
        selector = ""
        rules: list[HttpRule] = []
        for key, value in _HTTP_ENTRY.findall(tree):
            if key in _VERBS:
                rules.append(HttpRule(key.upper(), value))
            elif key == "body" and rules:
                rules[-1] = rules[-1]._replace(body=value)
            elif key == "selector":
                selector = value
            elif key:  # without one it is a comment
                self._refuse(f"{key} is not read here")
        return selector, tuple(rules)


class _Builder:
    """Makes the schema of one version of an API from its files and those that they import, own ones first."""

    def __init__(self, package: str, versions: Sequence[str], version: str, texts: Sequence[_Text]) -> None:
        self._package, self._versions, self._version, self._texts = package, versions, version, texts
        self._known: dict[str, str] = {}
        for text in texts:
            for block in (*text.pick("message", version), *text.pick("enum", version)):
                if block.name in self._known:
                    text.refuse(block.position, f"{block.name} is declared twice")
                self._known[block.name] = self._full_name(block.name)

    def build(self) -> Schema:
        """The schema.

        Raises:
            DeclarationError: see there.
        """
        files = tuple(map(self._make_file, self._texts))
        methods = {one.name: one for file in files for one in file.methods}
        served = {name: one for name, one in methods.items() if name.startswith(f"{self._package}.")}
        for text in self._texts:
            for name, rules in text.bindings.items():
                if name not in methods:
                    text.refuse(text.text.index(f'"{name}"'), f"nobody declares {name}")
                served[name] = methods[name]._replace(http=self._bind(rules))
        held = [one for one in files if one.package != "google.protobuf" or self._package == "google.protobuf"]
        messages = {one.name: one for file in held for one in file.messages}
        enums = {one.name: one for file in held for one in file.enums}
        return Schema(self._package, self._version, messages, enums, served, files)

    def _full_name(self, name: str) -> str:
        """``google.cloud.aiplatform.Model`` → ``google.cloud.aiplatform.v1.Model``; those of other packages stay."""
        own = self._version and name.startswith(f"{self._package}.")
        return f"{self._package}.{self._version}{name[len(self._package) :]}" if own else name

    def _make_file(self, text: _Text) -> File:
        version = self._version
        return File(
            self._name_file(text.name),
            self._full_name(f"{text.package}.")[:-1],
            tuple(map(self._name_file, text.imports)),
            tuple(self._make_message(text, one) for one in text.pick("message", version)),
            tuple(Enum(self._known[one.name], one.values) for one in text.pick("enum", version)),
            tuple(self._make_method(text, one) for one in text.pick("method", version)),
        )

    def _name_file(self, name: str) -> str:
        folder, _, last = name.rpartition("/")
        own = self._version and folder == self._package.replace(".", "/")
        return f"{folder}/{self._version}/{last}" if own else name

    def _make_message(self, text: _Text, block: _Block) -> Message:
        fields = [
            one
            if one.type in SCALARS
            else Field(one.number, one.name, self._find(text, position, block.name, one.type), *one[3:])
            for one, versions, position in block.fields
            if _has(versions, self._version)
        ]
        if not len(fields) == len({one.number for one in fields}) == len({one.name for one in fields}):
            text.refuse(block.position, f"{block.name} has a number or a name twice")
        return Message(self._known[block.name], tuple(sorted(fields)))

    def _make_method(self, text: _Text, block: _Block) -> Method:
        assert block.method is not None
        declared = block.method
        request, response = (
            self._find(text, block.position, block.name, one) for one in (declared.request, declared.response)
        )
        return declared._replace(
            name=self._full_name(declared.name), request=request, response=response, http=self._bind(declared.http)
        )

    def _find(self, text: _Text, position: int, scope: str, name: str) -> str:
        """The message or enum that a name means: it is looked for from the innermost scope outwards."""
        while scope:
            found = self._known.get(f"{scope}.{name}")
            if found:
                return found
            scope = scope.rpartition(".")[0]
        return self._known.get(name) or text.refuse(position, f"nobody declares {name} in {self._version}")

    def _bind(self, rules: Sequence[HttpRule]) -> tuple[HttpRule, ...]:
        """The bindings that the version has, their paths without it."""
        bound = []
        for rule in rules:
            first, _, rest = rule.template[1:].partition("/")
            if first in ("$version", self._version):
                bound.append(rule._replace(template=f"/{rest}"))
            elif first not in self._versions:
                bound.append(rule._replace(unversioned=True))
        return tuple(bound)


def _has(versions: Versions, version: str) -> bool:
    return not versions or version in versions


@cache
def load_schemas(package: str, root: Path = PROTO) -> Mapping[str, Schema]:
    """The schemas of an API by version, the default one first; "" is the version of a package that has none.

    Args:
        package: Without a version: ``google.cloud.aiplatform``.
        root: Where its folder is. What its files import may be one of the emulator's own files, too.

    Raises:
        DeclarationError: see there.
    """
    return load_kept(package, root, lambda: _read_package(package, root))


@cache
def load_shared() -> tuple[Schema, ...]:
    """What every codec knows besides its APIs: the types that message values hold natively, and error details."""
    return tuple(load_schemas(package)[""] for package in ("google.protobuf", "google.rpc"))


def _read_package(package: str, root: Path) -> tuple[Mapping[str, Schema], Iterator[Path]]:
    """The schemas of an API, and the files that they come from."""
    folder = package.replace(".", "/")
    waiting = [f"{folder}/{path.name}" for path in sorted((root / folder).glob("*.proto"))]
    texts: dict[str, _Text] = {}
    for name in waiting:  # grows while it is walked
        if name not in texts:
            texts[name] = _read_file(name, root)
            waiting += texts[name].imports
    versions = [version for text in texts.values() if text.package == package for version in text.versions] or [""]
    for text in texts.values():
        for version, position in text.named_versions.items():
            if version not in versions:
                text.refuse(position, f"{package} has no version {version}")
    schemas = {version: _Builder(package, versions, version, [*texts.values()]).build() for version in versions}
    return schemas, (_find_file(name, root) for name in texts)


@cache
def _read_file(name: str, root: Path) -> _Text:
    return _Reader(name, _find_file(name, root).read_text(encoding="utf-8")).read()


def _find_file(name: str, root: Path) -> Path:
    path = root / name
    return path if path.exists() else PROTO / name
