"""What the services say over gRPC alone: calls that never reach a method, and the limits of a connection."""

from __future__ import annotations

from emulator.facts.fact import ErrorText, Fact

_SPEC = "github.com/grpc/grpc doc/PROTOCOL-HTTP2.md and doc/compression.md say the code; the text is a guess"

METHOD_UNKNOWN = ErrorText(
    "grpc_method_unknown",
    "UNIMPLEMENTED",
    "GRPC target method can't be resolved.",
    "github.com/googleapis/gapic-generator-python/issues/489",
    "recorded",
)
METADATA_TOO_LARGE = ErrorText(
    "grpc_metadata_too_large",
    "RESOURCE_EXHAUSTED",
    "received metadata size exceeds soft limit ({size} vs. {limit})",
    "github.com/googleapis/google-auth-library-python/issues/1539",
    "recorded",
)
REQUEST_MISSING = ErrorText("grpc_request_missing", "INTERNAL", "The request has no message.", _SPEC, "assumed")
REQUEST_REPEATED = ErrorText(
    "grpc_request_repeated", "INTERNAL", "The request has {count} messages; the method takes one.", _SPEC, "assumed"
)
REQUEST_CUT = ErrorText("grpc_request_cut", "INTERNAL", "The request ends inside a message.", _SPEC, "assumed")
COMPRESSION_UNKNOWN = ErrorText(
    "grpc_compression_unknown",
    "UNIMPLEMENTED",
    "Compression algorithm '{name}' is not supported.",
    _SPEC,
    "assumed",
)
COMPRESSION_UNNAMED = ErrorText(
    "grpc_compression_unnamed",
    "INTERNAL",
    "The message is compressed, but grpc-encoding names no compression.",
    _SPEC,
    "assumed",
)
TIMEOUT_INVALID = ErrorText(
    "grpc_timeout_invalid", "INTERNAL", "grpc-timeout is '{value}'; not a number and a unit.", _SPEC, "assumed"
)
CONNECTION_FULL = ErrorText(
    "grpc_connection_full",
    "RESOURCE_EXHAUSTED",
    "The unfinished requests of this connection are too long together.",
    "the emulator's own limit",
    "assumed",
)

MAX_METADATA_BYTES = Fact(
    "grpc_max_metadata_bytes", 16_384, "github.com/googleapis/google-auth-library-python/issues/1539", "recorded"
)
MAX_STREAMS = Fact("grpc_max_streams", 100, "what Google's front ends announce to HTTP/2 clients", "assumed")
