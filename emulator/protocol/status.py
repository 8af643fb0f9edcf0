"""Errors as gRPC sends them: code, message and the ``google.rpc.Status`` of the trailer.

Clients require the status in the trailer to have the call's own code and message.
Source: google.aip.dev/193; python-api-core ``exceptions.from_grpc_error``.
"""

from __future__ import annotations

from dataclasses import dataclass

from emulator.core.errors import ApiError
from emulator.protocol.operations import build_status
from emulator.schema.binary import BinaryCodec

STATUS_TRAILER = "grpc-status-details-bin"
_CODEC = BinaryCodec(())


@dataclass(frozen=True, slots=True)
class GrpcStatus:
    """What a failed gRPC call ends with.

    Attributes:
        code: ``grpc-status``. message: ``grpc-message``, not yet percent-encoded.
        trailers: Binary trailers beside them; ``google.rpc.Status`` where there are details.
    """

    code: int
    message: str
    trailers: tuple[tuple[str, bytes], ...]


def format_status(error: ApiError) -> GrpcStatus:
    """The same code, message and details as the REST envelope of that error."""
    if not error.details:
        return GrpcStatus(int(error.code), error.message, ())
    data = _CODEC.encode(build_status(error), "google.rpc.Status")
    return GrpcStatus(int(error.code), error.message, ((STATUS_TRAILER, data),))
