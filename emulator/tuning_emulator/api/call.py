"""What the front end hands to a service, and what a service declares to it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct, field

from tuning_emulator.core.errors import ApiError, ErrorText
from tuning_emulator.facts import google_errors
from tuning_emulator.schema.schema import Method, Schema, Value

Alt: TypeAlias = Literal["json", "sse", "proto", "media"]
Query: TypeAlias = tuple[tuple[str, str], ...]


class Parameters(Struct, frozen=True):
    """The system parameters of one request.

    Attributes:
        enum_as_int: Enums of the answer are numbers (``$alt=json;enum-encoding=int``).
        legacy_errors: Errors carry ``errors[]`` (``$.xgafv=1``).
        fields: What of the answer is wanted, as sent; "" is all of it.
        content_type: What the client says its body is, in place of the header (``$ct``).
        callback: Name of a JavaScript function to wrap the answer in.
        rest: The query without system parameters.
    """

    alt: Alt = "json"
    enum_as_int: bool = False
    pretty: bool = True
    legacy_errors: bool = False
    fields: str = ""
    content_type: str = ""
    callback: str = ""
    rest: Query = ()


class Caller(Struct, frozen=True):
    """Who calls.

    Attributes:
        principal: The account, an e-mail address.
        project: Id or number of the project that the call is billed to, "" when neither the credential nor a header
            names one (the path may).
        kind: What the caller proved himself with.
    """

    principal: str
    project: str
    kind: Literal["key", "token", "none"]


class NoRequests:
    """The stream of requests of a method that takes one alone: it has ended."""

    def __aiter__(self) -> NoRequests:
        return self

    async def __anext__(self) -> Value:
        raise StopAsyncIteration


NO_REQUESTS = NoRequests()


class Call(Struct):
    """One call of one method, as gRPC would deliver it.

    Attributes:
        request: The whole request message: path, query and body bound. The keys of ``request[body_field]`` are exactly
            those that the client sent, which is what PATCH without a mask updates. Empty where requests are streamed.
        headers: By lower-case name; the last one wins.
        host: The ``Host`` header in lower case, without port.
        query: The query as sent, decoded, system parameters included.
        given: Names of the fields that the body (or the field that the body is) came with. PATCH without a mask
            updates these; what the path adds to the request is not among them.
        repeatable: Whether the same GET may be answered from memory until a record changes; a handler says no where
            being asked is itself what changes the next answer.
        notes: Hints for the developer, to be added to; they end up in the journal, never in the answer.
        requests: Of a method whose requests are streamed: the messages, each once it is whole, to the end of what the
            client sends. It sends no more than about a window beyond what was taken from here. Raises ApiError where
            one cannot be read, or is too long.
    """

    api: Api
    schema: Schema
    version: str
    method: Method
    request: Value
    caller: Caller
    headers: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    query: Query = ()
    given: frozenset[str] = frozenset()
    repeatable: bool = True
    notes: list[str] = field(default_factory=list)
    requests: AsyncIterator[Value] = NO_REQUESTS


Handler: TypeAlias = Callable[[Call], "Value | Awaitable[Value] | AsyncIterator[Value]"]
"""Answers a call with a response message; a streaming method returns an async iterator of them.

Raises ``ApiError`` for every error that the service answers with.
"""


class Api(Struct, frozen=True):
    """One service behind the front end.

    Attributes:
        name: Our word: ``gemini`` or ``vertex``.
        service: Service name in error details: ``generativelanguage.googleapis.com``.
        title: Product name in error texts: ``Generative Language API``.
        host_suffix: Requests for a ``…googleapis.com`` host that ends so are for this API alone.
        schemas: By API version.
        handlers: By relative method name, ``ModelService.CreateTunedModel``; methods without one answer 501.
        keys: Whether API keys identify a caller; where not, they are refused.
        express: Paths that take a key where the API takes none: Vertex AI's express mode. None: there are none.
        server: Value of the ``Server`` header.
        server_timing: Whether answers carry ``Server-Timing``.
        body_limit_bytes: Largest request body. ``method_limits_bytes``: by relative method name, where smaller.
        internal_error: What is said of a failure inside the emulator.
        admin: It answers about the server itself, as gRPC's admin services do: it wants no credentials, middleware does
            not see its calls, and no host of Google's has it.
        anonymous: Whether it is open to everybody: nobody is asked who he is.
        revision: A number that changes whenever the answer to a GET may; None: it always may. While it stays the same,
            a GET asked again is answered from memory: clients poll.
        misnamed: What is said over gRPC of a request's field that holds a name which no path of the method leads to,
            given method and field; None: the handlers say it. Over REST there is no such path.
        has_host: Whether the real service has such a host (region); where not, nothing is found there.
        hints: What a developer should know of a refusal, beyond what the service says; for the notes of the call.
        check_place: Refuses a call that is about no place, or about one that the host it came to does not serve.
    """

    name: str
    service: str
    title: str
    host_suffix: str
    schemas: Mapping[str, Schema]
    handlers: Mapping[str, Handler]
    keys: bool = True
    server: str = "scaffolding on HTTPServer2"
    server_timing: bool = False
    body_limit_bytes: int = 20_971_520
    method_limits_bytes: Mapping[str, int] = field(default_factory=dict)
    internal_error: ErrorText = google_errors.INTERNAL
    misnamed: Callable[[Method, str], ApiError] | None = None
    has_host: Callable[[str], bool] | None = None
    check_place: Callable[[Call], None] | None = None
    express: re.Pattern[str] | None = None
    hints: Callable[[Call, ApiError], Iterable[str]] | None = None
    revision: Callable[[], int] | None = None
    admin: bool = False
    anonymous: bool = False


def relative_name(schema: Schema, method: Method) -> str:
    """``google.ai.generativelanguage.v1beta.ModelService.GetModel`` → ``ModelService.GetModel``.

    Names of other packages stay whole: ``google.longrunning.Operations.GetOperation``.
    """
    return method.name.removeprefix(f"{schema.package}.{schema.version}.")


def list_methods(api: Api) -> frozenset[tuple[str, bool]]:
    """Relative name of every method, and whether it answers with a stream."""
    return frozenset(
        (relative_name(schema, method), method.streaming)
        for schema in api.schemas.values()
        for method in schema.methods.values()
    )
