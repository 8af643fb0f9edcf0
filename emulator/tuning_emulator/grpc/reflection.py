"""gRPC server reflection: tools ask what is served here, build its messages from the answer and call it.

``v1`` and ``v1alpha`` are the same under two names; grpcurl asks for one, then the other.
Source: github.com/grpc/grpc doc/server-reflection.md; what is left open there is as in the servers of grpc-go and
grpcio-reflection: a file comes with all that it imports, none twice on a stream, and what is not found is said of that
request, so that the stream goes on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cached_property

from tuning_emulator.api.call import Api, Call
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import emulator_errors
from tuning_emulator.schema.descriptors import Descriptors
from tuning_emulator.schema.proto import load_schemas, load_shared
from tuning_emulator.schema.schema import Schema, Value

PACKAGE = "grpc.reflection"


class Reflection:
    """Answers for the methods of some schemas; the descriptors are built when they are first asked for."""

    def __init__(self, schemas: Sequence[Schema]) -> None:
        self._schemas = schemas

    @cached_property
    def _descriptors(self) -> Descriptors:
        return Descriptors([*load_shared(), *self._schemas])  # clients also look into the details of errors

    async def get_info(self, call: Call) -> AsyncIterator[Value]:
        """``ServerReflectionInfo``: an answer to each request."""
        sent: set[str] = set()
        async for request in call.requests:
            try:
                found = self._find(request, sent)
            except ApiError as error:
                found = {"error_response": {"error_code": int(error.code), "error_message": error.message}}
            yield {"valid_host": request.get("host", ""), "original_request": request, **found}

    def _find(self, request: Value, sent: set[str]) -> Value:
        match request:
            case {"list_services": _}:
                names = sorted(self._descriptors.services)
                return {"list_services_response": {"service": [{"name": name} for name in names]}}
            case {"file_by_filename": name}:
                return self._find_files(name, sent)
            case {"file_containing_symbol": name}:
                return self._find_files(name, sent, symbol=True)
            case {"file_containing_extension": extension}:  # no message here has one
                raise emulator_errors.REFLECTION_NOT_FOUND(name=extension.get("containing_type", ""))
            case {"all_extension_numbers_of_type": name} if self._descriptors.declares_message(name):
                return {"all_extension_numbers_response": {"base_type_name": name}}
            case {"all_extension_numbers_of_type": name}:
                raise emulator_errors.REFLECTION_NOT_FOUND(name=name)
        raise emulator_errors.REFLECTION_ASKS_NOTHING()

    def _find_files(self, name: str, sent: set[str], *, symbol: bool = False) -> Value:
        descriptors = self._descriptors
        try:
            file = descriptors.find_file_name(name) if symbol else name
            needed = descriptors.list_needed(file)
        except KeyError:
            raise emulator_errors.REFLECTION_NOT_FOUND(name=name) from None
        missing = [one for one in needed if one == file or one not in sent]
        sent.update(missing)
        return {
            "file_descriptor_response": {"file_descriptor_proto": list(map(descriptors.find_file_by_name, missing))}
        }


def create_reflection_api(apis: Sequence[Api]) -> Api:
    """Reflection on these APIs and itself."""
    schemas = load_schemas(PACKAGE)
    reflection = Reflection(
        [schema for served in (*(api.schemas for api in apis), schemas) for schema in served.values()]
    )
    return Api(
        name="reflection",
        service=PACKAGE,
        title="Server Reflection",
        host_suffix="",
        schemas=schemas,
        handlers={"ServerReflection.ServerReflectionInfo": reflection.get_info},
        admin=True,
    )
