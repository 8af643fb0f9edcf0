"""What ``protoc`` understands of our files beside what the emulator reads in them, and the descriptors it makes.

``protoc`` knows nothing of versions: for each version of an API its descriptors are cut down here to what the options
leave, as the schema of that version must be.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

from tuning_emulator.schema.descriptors import Descriptors
from tuning_emulator.schema.proto import PROTO, load_schemas
from tuning_emulator.schema.schema import Behaviour, Schema

PACKAGES = (
    "google.ai.generativelanguage",
    "google.cloud.aiplatform",
    "google.cloud.resourcemanager",
    "google.cloudresourcemanager",
    "google.storage",
    "google.storage.control",
    "grpc.reflection",
)
SERVED = [(package, version) for package in PACKAGES for version in load_schemas(package)]
OPTIONS_ALONE = ("google/api/annotations.proto", "google/api/field_behavior.proto", "tuning_emulator/")


class Compiled:
    """The descriptors that protoc makes of all our files, with our options understood."""

    def __init__(self, data: bytes) -> None:
        pool = descriptor_pool.DescriptorPool()
        for file in FileDescriptorSet.FromString(data).file:
            pool.Add(file)
        self._pool = pool
        made: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FileDescriptorSet"))
        self.files = {file.name: file for file in made.FromString(data).file}

    def option(self, name: str, one: Any) -> Any:
        """The value of an option of a file, message, field, enum or method."""
        return one.options.Extensions[self._pool.FindExtensionByName(name)]

    def has(self, kind: str, one: Any, version: str) -> bool:
        """Whether a version has it."""
        versions = self.option(f"tuning_emulator.{kind}_versions", one)
        return not versions or version in versions


@pytest.fixture(scope="module")
def compiled(process: None, tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """All our files, compiled."""
    out = tmp_path_factory.mktemp("protoc") / "all.bin"
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    known = resources.files("grpc_tools") / "_proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{known}", "--include_imports"]
    done = subprocess.run(
        [*command, f"--descriptor_set_out={out}", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Compiled(out.read_bytes())


class Cutter:
    """Cuts descriptors of all versions down to those of one."""

    def __init__(self, compiled: Compiled, package: str, version: str) -> None:
        self._compiled, self._package, self._version = compiled, package, version

    def cut_file(self, file: Any) -> FileDescriptorProto:
        """The file as the version has it, without options."""
        cut = FileDescriptorProto(name=self.name_file(file.name), package=file.package, syntax=file.syntax)
        own = file.package == self._package
        cut.package = f"{file.package}.{self._version}" if own else file.package
        cut.dependency.extend(self.name_file(one) for one in file.dependency if not one.startswith(OPTIONS_ALONE))
        cut.message_type.extend(self.cut_messages(file.message_type))
        cut.enum_type.extend(self.cut_enums(file.enum_type))
        for service in file.service:
            methods = [one for one in service.method if self._compiled.has("method", one, self._version)]
            if methods:
                made = cut.service.add(name=service.name)
                for one in methods:
                    request, response = self.name_type(one.input_type), self.name_type(one.output_type)
                    added = made.method.add(name=one.name, input_type=request, output_type=response)
                    for stream in ("client_streaming", "server_streaming"):
                        if getattr(one, stream):
                            setattr(added, stream, True)
        return cut

    def name_file(self, name: str) -> str:
        """With the version in it."""
        folder, _, last = name.rpartition("/")
        return f"{folder}/{self._version}/{last}" if folder == self._package.replace(".", "/") else name

    def name_type(self, name: str) -> str:
        """With the version in it."""
        head = f".{self._package}."
        return f"{head}{self._version}.{name.removeprefix(head)}" if name.startswith(head) else name

    def cut_enums(self, enums: Any) -> list[Any]:
        """Those of the version."""
        kept = [one for one in enums if self._compiled.has("enum", one, self._version)]
        return [
            descriptor_pb2.EnumDescriptorProto(
                name=one.name, value=[{"name": value.name, "number": value.number} for value in one.value]
            )
            for one in kept
        ]

    def cut_messages(self, messages: Any) -> list[DescriptorProto]:
        """Those of the version."""
        return [self.cut_message(one) for one in messages if self._compiled.has("message", one, self._version)]

    def cut_message(self, message: Any) -> DescriptorProto:
        """The message with the fields of the version, and the oneofs and entries of maps that those need."""
        fields = [one for one in message.field if self._compiled.has("field", one, self._version)]
        cut = DescriptorProto(name=message.name)
        cut.nested_type.extend(self.cut_messages(one for one in message.nested_type if not one.options.map_entry))
        entries = [one for one in message.nested_type if one.options.map_entry]
        for entry in entries:
            if any(one.type_name.endswith(f".{message.name}.{entry.name}") for one in fields):
                added = cut.nested_type.add()
                added.CopyFrom(self.cut_message(entry))
                added.options.map_entry = True
        cut.enum_type.extend(self.cut_enums(message.enum_type))
        used = sorted({one.oneof_index for one in fields if one.HasField("oneof_index")})
        for field in sorted(fields, key=lambda one: int(one.number)):
            added_field = cut.field.add()
            added_field.MergeFromString(field.SerializeToString())
            added_field.ClearField("options")
            if field.options.deprecated:
                added_field.options.deprecated = True
            if field.type_name:
                added_field.type_name = self.name_type(field.type_name)
            if field.HasField("oneof_index"):
                added_field.oneof_index = used.index(field.oneof_index)
            renamed = self._compiled.option("tuning_emulator.field_name", field)
            if renamed:
                added_field.name, added_field.json_name = renamed, to_camel_case(renamed)
        for index in used:
            names = [one for one in fields if one.HasField("oneof_index") and one.oneof_index == index]
            renamed = self._compiled.option("tuning_emulator.field_name", names[0])
            cut.oneof_decl.add(name=f"_{renamed}" if renamed else message.oneof_decl[index].name)
        return cut


def to_camel_case(name: str) -> str:
    """``blocking_confidence`` as ``blockingConfidence``."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@pytest.mark.parametrize(("package", "version"), SERVED)
def test_descriptors_are_protocs(compiled: Compiled, package: str, version: str) -> None:
    """Every file of every version, and those that it imports: names, numbers, types, labels, oneofs, maps, services."""
    schema = load_schemas(package)[version]
    descriptors, cutter = Descriptors([schema]), Cutter(compiled, package, version)
    wanted = {one.name: one for one in map(cutter.cut_file, compiled.files.values())}
    for file in schema.files:
        assert FileDescriptorProto.FromString(descriptors.find_file_by_name(file.name)) == wanted[file.name], file.name
    own = [name for name, file in compiled.files.items() if file.package == package]
    assert {file.name for file in schema.files} >= {cutter.name_file(name) for name in own}


def list_messages(messages: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Every message with its full name."""
    for one in messages:
        yield f"{prefix}.{one.name}", one
        yield from list_messages(one.nested_type, f"{prefix}.{one.name}")


@pytest.mark.parametrize(("package", "version"), SERVED)
def test_field_behaviours_are_protocs(compiled: Compiled, package: str, version: str) -> None:
    """Required, optional, output only, …, deprecated: by the official names of the option's values."""
    schema, seen = load_schemas(package)[version], 0
    names = {value.number: value.name for value in compiled.files["google/api/field_behavior.proto"].enum_type[0].value}
    for file in compiled.files.values():
        own = file.package == package
        for name, message in list_messages(file.message_type, f"{package}.{version}" if own else file.package):
            for field in message.field:
                declared = schema.messages.get(name)
                found = [one for one in declared.fields if one.number == field.number] if declared else []
                if found and compiled.has("field", field, version):
                    said = {names[one] for one in compiled.option("google.api.field_behavior", field)}
                    said |= ({"DEPRECATED"} if field.options.deprecated else set()) | (
                        {"PRESENCE"} if field.proto3_optional else set()
                    )
                    behaviour = found[0].behaviour & ~Behaviour.ZERO_SHOWN  # an option of ours
                    assert {one.name for one in Behaviour if one & behaviour} == said, (name, field.name)
                    seen += 1
    assert seen == sum(len(one.fields) for one in schema.messages.values())


def list_rules(rule: Any, version: str, package: str) -> list[tuple[str, str, str]]:
    """Verb, path and body of an HTTP rule and its additional bindings, without the paths of other versions."""
    others = tuple(f"/{one}/" for one in load_schemas(package) if one != version)
    rules = []
    for one in (rule, *rule.additional_bindings):
        verb = one.WhichOneof("pattern")
        if verb and not getattr(one, verb).startswith(others):
            rules.append((verb.upper(), getattr(one, verb).replace("$version", version), one.body))
    return rules


def served_rules(schema: Schema) -> dict[str, list[tuple[str, str, str]]]:
    """The same of the schema, by full name of the method."""
    return {
        name: [
            (rule.verb, rule.template if rule.unversioned else f"/{schema.version}{rule.template}", rule.body)
            for rule in method.http
        ]
        for name, method in schema.methods.items()
    }


@pytest.mark.parametrize(("package", "version"), SERVED)
def test_bindings_are_protocs(compiled: Compiled, package: str, version: str) -> None:
    """Of the API's own methods and of those that many APIs share."""
    wanted: dict[str, list[tuple[str, str, str]]] = {}
    for file in compiled.files.values():
        if file.package == package:
            for service in file.service:
                for method in service.method:
                    if compiled.has("method", method, version):
                        rule = compiled.option("google.api.http", method)
                        wanted[f"{package}.{version}.{service.name}.{method.name}"] = list_rules(rule, version, package)
            for rule in compiled.option("tuning_emulator.http", file):
                wanted[rule.selector] = list_rules(rule, version, package)
    assert served_rules(load_schemas(package)[version]) == wanted


@pytest.mark.slow
def test_a_client_builds_all_messages_and_services() -> None:
    """A pool that is given nothing but our descriptors, each found by name, understands every service."""
    schemas = [schema for package in PACKAGES for schema in load_schemas(package).values()]
    descriptors, pool = Descriptors(schemas), descriptor_pool.DescriptorPool()

    def add(name: str) -> None:
        file = FileDescriptorProto.FromString(descriptors.find_file_by_name(name))
        for one in file.dependency:
            add(one)
        pool.Add(file)

    for service in descriptors.services:
        found = FileDescriptorProto.FromString(descriptors.find_file_containing_symbol(service))
        add(found.name)
        assert pool.FindServiceByName(service).methods
    for schema in schemas:
        for name, message in schema.messages.items():
            add(FileDescriptorProto.FromString(descriptors.find_file_containing_symbol(name)).name)
            fields = pool.FindMessageTypeByName(name).fields
            assert {one.name: one.json_name for one in fields} == {one.name: one.json_name for one in message.fields}


def test_what_is_not_declared_is_not_found() -> None:
    """Neither a file, nor a symbol."""
    descriptors = Descriptors(load_schemas("google.cloud.aiplatform").values())
    assert "google.longrunning.Operations" in descriptors.services
    for ask in (descriptors.find_file_by_name, descriptors.find_file_containing_symbol):
        with pytest.raises(KeyError):
            ask("google.cloud.aiplatform.v1.Nothing")
