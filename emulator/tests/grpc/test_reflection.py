"""Server reflection: what is served here, told to tools that have none of our files."""

from __future__ import annotations

import asyncio
import json
import ssl
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

from tests.grpc.wire import KEY
from tests.server_process import RunningServer, start_server, stop_server
from tuning_emulator.app import Emulator
from tuning_emulator.gemini.api import SCHEMAS as GEMINI
from tuning_emulator.middleware.faults import Fault
from tuning_emulator.middleware.journal import Filter
from tuning_emulator.schema.descriptors import Descriptors
from tuning_emulator.schema.proto import load_schemas, load_shared
from tuning_emulator.schema.schema import Schema
from tuning_emulator.vertex.api import SCHEMAS as VERTEX

reflection = pytest.importorskip("grpc_reflection.v1alpha.reflection", reason="grpcio-reflection is not installed")
reflection_pb2 = pytest.importorskip("grpc_reflection.v1alpha.reflection_pb2")
database = pytest.importorskip("grpc_reflection.v1alpha.proto_reflection_descriptor_database")

VERSIONS = ("v1", "v1alpha")
every_version = pytest.mark.parametrize("version", VERSIONS)
PACKAGES = (
    "google.ai.generativelanguage",
    "google.cloud.aiplatform",
    "google.cloud.resourcemanager",
    "google.cloudresourcemanager",
    "grpc.reflection",
)
SERVED = [schema for package in PACKAGES for schema in load_schemas(package).values()]
SHARED = ("google.cloud.location.Locations", "google.iam.v1.IAMPolicy", "google.longrunning.Operations")
REQUESTS: list[dict[str, Any]] = [
    {"list_services": ""},
    {"file_by_filename": "google/cloud/aiplatform/v1/tuning_job.proto"},
    {"file_by_filename": "google/protobuf/any.proto"},
    {"file_by_filename": "google/cloud/aiplatform/tuning_job.proto"},
    {"file_containing_symbol": "google.cloud.aiplatform.v1.GenAiTuningService"},
    {"file_containing_symbol": "google.ai.generativelanguage.v1beta.TunedModel"},
    {"file_containing_symbol": "google.ai.generativelanguage.v1beta.TunedModel.State"},
    {"file_containing_symbol": "google.ai.generativelanguage.v1beta.TunedModel.display_name"},
    {"file_containing_symbol": "google.ai.generativelanguage.v1beta.TunedModel.source_model"},
    {"file_containing_symbol": "google.rpc.BadRequest"},
    {"file_containing_symbol": "google.cloud.aiplatform.v1"},
    {"file_containing_symbol": "google.cloud.aiplatform.v1.Nobody"},
    {"file_containing_symbol": ""},
    {"file_containing_extension": {"containing_type": "google.rpc.Status", "extension_number": 5}},
    {"file_containing_extension": {"containing_type": "nobody", "extension_number": 5}},
    {"all_extension_numbers_of_type": "google.rpc.Status"},
    {"all_extension_numbers_of_type": "google.cloud.aiplatform.v1.JobState"},
    {"all_extension_numbers_of_type": "nobody"},
]


def make_request(**asked: Any) -> Any:
    """A request message; ``file_containing_extension`` as a dict."""
    return json_format.ParseDict(asked, reflection_pb2.ServerReflectionRequest())


def read_files(response: Any) -> list[FileDescriptorProto]:
    """The files of an answer."""
    return [FileDescriptorProto.FromString(one) for one in response.file_descriptor_response.file_descriptor_proto]


async def ask(channel: grpc.aio.Channel, version: str, requests: Sequence[Any]) -> list[Any]:
    """The answers to some requests on one stream."""
    path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    method = channel.stream_stream(
        path, lambda one: one.SerializeToString(), reflection_pb2.ServerReflectionResponse.FromString
    )
    return [one async for one in method(iter(requests), timeout=60)]


@pytest.fixture
async def port(emulator: Emulator) -> AsyncIterator[int]:
    """Where its gRPC answers."""
    listener = await asyncio.get_running_loop().create_server(emulator.create_grpc_protocol, "127.0.0.1", 0)
    yield listener.sockets[0].getsockname()[1]
    listener.close()


@pytest.fixture
async def channel(port: int) -> AsyncIterator[grpc.aio.Channel]:
    """A client without credentials."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as one:
        yield one


@pytest.fixture(scope="module")
def server(process: None) -> Iterator[RunningServer]:
    """The server as users start it."""
    one = start_server("--trainer", "scripted", "--anonymous")
    yield one
    stop_server(one)


# --- as a user's tool asks


@every_version
async def test_every_service_is_listed(channel: grpc.aio.Channel, emulator: Emulator, version: str) -> None:
    """Of every version of each API, the shared ones, Resource Manager's, and reflection itself."""
    (found,) = await ask(channel, version, [make_request(list_services="")])
    names = [one.name for one in found.list_services_response.service]
    assert names == sorted(names)
    assert {f"google.ai.generativelanguage.{one}.ModelService" for one in GEMINI} <= set(names)
    assert {f"google.cloud.aiplatform.{one}.GenAiTuningService" for one in VERTEX} <= set(names)
    assert {*SHARED, "google.cloud.resourcemanager.v3.Projects", "google.cloudresourcemanager.v1.Projects"} <= set(
        names
    )
    assert [one for one in names if one.startswith("grpc.")] == [
        f"grpc.reflection.{one}.ServerReflection" for one in VERSIONS
    ]
    assert emulator._grpc is not None
    router = emulator._grpc.calls.dispatcher.router
    served = {path for path, targets in router.rpcs.items() if any(target.handler for target in targets)}
    assert {path[1:].partition("/")[0] for path in served} == set(names)


def test_messages_of_every_version_are_built_and_used(server: RunningServer) -> None:
    """A pool that knows only the server builds all its messages and calls with them."""
    with grpc.insecure_channel(server.url.removeprefix("http://")) as channel:
        told = database.ProtoReflectionDescriptorDatabase(channel)
        pool = descriptor_pool.DescriptorPool(told)
        for name in told.get_services():
            service = pool.FindServiceByName(name)
            for method in service.methods:
                for kind in (method.input_type, method.output_type):
                    made = message_factory.GetMessageClass(kind)
                    assert made.FromString(made().SerializeToString()) == made()
        for schema in SERVED:
            for message in schema.messages.values():
                found = pool.FindMessageTypeByName(message.name)
                assert {(one.number, one.name) for one in found.fields} == {
                    (one.number, one.name) for one in message.fields
                }, message.name
                message_factory.GetMessageClass(found)
        created = call(pool, channel, "google.ai.generativelanguage.v1beta.ModelService.CreateTunedModel", CREATE)
        assert created["metadata"]["tunedModel"] == "tunedModels/by-reflection"
        listed = call(pool, channel, "google.ai.generativelanguage.v1alpha.ModelService.ListTunedModels", {})
        assert [one["name"] for one in listed["tunedModels"]] == ["tunedModels/by-reflection"]
        place = {"parent": "projects/p/locations/us-central1"}
        assert call(pool, channel, "google.cloud.aiplatform.v1beta1.GenAiTuningService.ListTuningJobs", place) == {}
        project = call(pool, channel, "google.cloud.resourcemanager.v3.Projects.GetProject", {"name": "projects/p"})
        assert project["projectId"] == "p"


CREATE = {
    "tunedModelId": "by-reflection",
    "tunedModel": {
        "baseModel": "models/gemini-1.5-flash-001-tuning",
        "tuningTask": {"trainingData": {"examples": {"examples": [{"textInput": "1", "output": "2"}]}}},
    },
}


def call(pool: descriptor_pool.DescriptorPool, channel: grpc.Channel, name: str, request: Any) -> Any:
    """Calls a method with messages that the pool has made; request and answer as JSON."""
    method = pool.FindMethodByName(name)
    asked = json_format.ParseDict(request, message_factory.GetMessageClass(method.input_type)())
    answer = message_factory.GetMessageClass(method.output_type)
    service, _, last = name.rpartition(".")
    send = channel.unary_unary(f"/{service}/{last}", lambda one: one.SerializeToString(), answer.FromString)
    return json_format.MessageToDict(send(asked, timeout=30), descriptor_pool=pool)


def test_over_tls(server: RunningServer, tmp_path: Path) -> None:
    """On the same port."""
    address = server.url.removeprefix("http://")
    port = int(address.rpartition(":")[2])
    known_later = ssl._create_unverified_context()
    answer = urllib.request.urlopen(f"https://localhost:{port}/emulator/v1/ca.pem", context=known_later, timeout=30)
    credentials = grpc.ssl_channel_credentials(answer.read())
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        services = database.ProtoReflectionDescriptorDatabase(channel).get_services()
    assert "google.cloud.aiplatform.v1.GenAiTuningService" in services


# --- as the reference server does


@pytest.fixture(scope="module")
def reference() -> Iterator[int]:
    """The port of grpcio-reflection's own server with the same descriptors."""
    descriptors = Descriptors([*load_shared(), *SERVED])
    pool = descriptor_pool.DescriptorPool()
    for name in list_files(SERVED):
        pool.AddSerializedFile(descriptors.find_file_by_name(name))
    server = grpc.server(futures.ThreadPoolExecutor(1))
    reflection.enable_server_reflection(descriptors.services, server, pool)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None)


def list_files(schemas: Sequence[Schema]) -> list[str]:
    """Names of all files, each after those that it imports."""
    files = {file.name: file for schema in (*load_shared(), *schemas) for file in schema.files}
    found: dict[str, None] = {}

    def add(name: str) -> None:
        for one in files[name].imports:
            add(one)
        found.setdefault(name)

    for name in files:
        add(name)
    return list(found)


@pytest.mark.parametrize("asked", REQUESTS, ids=json.dumps)
async def test_answers_are_those_of_the_reference_server(channel: grpc.aio.Channel, reference: int, asked: Any) -> None:
    """The same services, files, numbers and codes; the words of an error are our own."""
    request = make_request(host="here", **asked)
    (ours,) = await ask(channel, "v1alpha", [request])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{reference}") as other:
        (theirs,) = await ask(other, "v1alpha", [request])
    assert ours.original_request == theirs.original_request == request
    assert ours.valid_host == "here"
    kind = theirs.WhichOneof("message_response")
    assert ours.WhichOneof("message_response") == kind
    if kind == "file_descriptor_response":
        first, *rest = read_files(ours)
        assert first == read_files(theirs)[0]
        assert sorted(one.name for one in rest) == sorted(one.name for one in read_files(theirs)[1:])
    elif kind == "error_response":
        assert ours.error_response.error_code == theirs.error_response.error_code == 5
        assert ours.error_response.error_message.startswith("Not found: ")
    else:
        assert getattr(ours, kind) == getattr(theirs, kind)


def test_our_file_declares_what_the_reference_does() -> None:
    """Messages, numbers, types and the method; the package names the version."""
    for version in VERSIONS:
        data = Descriptors([load_schemas("grpc.reflection")[version]]).find_file_by_name(
            f"grpc/reflection/{version}/reflection.proto"
        )
        ours, theirs = FileDescriptorProto.FromString(data), FileDescriptorProto()
        reflection_pb2.DESCRIPTOR.CopyToProto(theirs)
        text = str(list(theirs.service)).replace("v1alpha", version)
        assert str(list(ours.service)) == text
        assert list_fields(ours.message_type) == [
            (*one[:-1], one[-1].replace("v1alpha", version)) for one in list_fields(theirs.message_type)
        ]


def list_fields(messages: Sequence[DescriptorProto]) -> list[tuple[Any, ...]]:
    """Every field of messages, by message and number."""
    return sorted(
        (
            message.name,
            field.number,
            field.name,
            field.label,
            field.type,
            field.HasField("oneof_index"),
            field.type_name,
        )
        for message in messages
        for field in message.field
    )


# --- on the stream


@every_version
async def test_a_stream_goes_on_after_an_error(channel: grpc.aio.Channel, version: str) -> None:
    """Many requests are answered in their order, those that cannot be among them."""
    requests = [make_request(**asked) for asked in REQUESTS] + [make_request(host="nothing asked")]
    answers = await ask(channel, version, requests * 3)
    assert [one.original_request for one in answers] == requests * 3
    assert answers[-1].error_response.error_code == 3


async def test_no_file_comes_twice_unless_it_is_asked_for(channel: grpc.aio.Channel) -> None:
    """A stream remembers what it has sent; another stream does not."""
    job, model = (f"google/cloud/aiplatform/v1/{one}.proto" for one in ("tuning_job", "model_service"))
    requests = [make_request(file_by_filename=name) for name in (job, model, job)]
    first, second, third = ([one.name for one in read_files(each)] for each in await ask(channel, "v1", requests))
    assert (first[0], second[0], third) == (job, model, [job])
    assert {"google/protobuf/any.proto", "google/rpc/status.proto"} <= set(first)
    assert set(first) & set(second) == set()
    (again,) = await ask(channel, "v1", requests[:1])
    assert [one.name for one in read_files(again)] == first


@pytest.mark.slow
async def test_many_tools_at_once(channel: grpc.aio.Channel) -> None:
    """More streams than a connection has."""
    requests = [make_request(**asked) for asked in REQUESTS]
    for answers in await asyncio.gather(*(ask(channel, VERSIONS[one % 2], requests) for one in range(120))):
        assert [one.original_request for one in answers] == requests


@pytest.mark.slow
async def test_every_symbol_leads_to_its_file(channel: grpc.aio.Channel) -> None:
    """Messages, enums, services, methods, fields and values; the pool of the reference knows no methods."""
    names: dict[str, str] = {}
    for file in {file.name: file for schema in SERVED for file in schema.files}.values():
        declared = [one.name for one in file.messages] + [one.name for one in file.enums]
        declared += [name for one in file.methods for name in (one.name, one.name.rpartition(".")[0])]
        declared += [f"{one.name}.{field.name}" for one in file.messages for field in one.fields]
        declared += [f"{one.name.rpartition('.')[0]}.{value}" for one in file.enums for value in one.values]
        names.update(dict.fromkeys(declared, file.name))
    answers = await ask(channel, "v1", [make_request(file_containing_symbol=name) for name in names])
    wrong = {
        name: found.error_response.error_message
        for name, found in zip(names, answers, strict=True)
        if not (files := read_files(found)) or files[0].name != names[name]
    }
    assert wrong == {}


# --- beside the APIs


@every_version
@pytest.mark.parametrize(
    "host",
    [
        "generativelanguage.googleapis.com",
        "aiplatform.googleapis.com",
        "us-central1-aiplatform.googleapis.com:443",
        "aiplatform.eu.rep.googleapis.com",
        "cloudresourcemanager.googleapis.com",
        "storage.googleapis.com",
    ],
)
async def test_google_has_no_reflection(port: int, host: str, version: str) -> None:
    """Under Google's names the method is unknown, as it is there."""
    options = [("grpc.default_authority", host)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask(channel, version, [make_request(list_services="")])
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == "GRPC target method can't be resolved."


async def test_tools_disturb_nobody(channel: grpc.aio.Channel, emulator: Emulator) -> None:
    """No fault is used up by a tool, and neither journal nor counters have its calls; those of the APIs they have."""
    emulator.middleware.faults.add(Fault(code="UNAVAILABLE", times=1, before_credentials=True))
    assert len(await ask(channel, "v1", [make_request(list_services="")])) == 1
    assert list(emulator.middleware.journal.list(Filter())) == []
    assert emulator.middleware.counters.durations == {}
    get = channel.unary_unary("/google.ai.generativelanguage.v1beta.ModelService/ListTunedModels")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await get(b"", metadata=KEY)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert [one.exchange.api for one in emulator.middleware.journal.list(Filter())] == ["gemini"]
