"""What Google's HTTP/JSON front end (not a service behind it) says: parser, transcoder, routing, credentials.

Sources are public: reports and recordings by address, ``protobuf v3.21`` for the open-source parser that the
production front end still answers with, ``protobuf.dev`` and ``google.aip.dev`` for documented rules.
"""

from __future__ import annotations

from emulator.facts.fact import ErrorText, Fact, Grade

_PARSER = "protobuf v3.21 src/google/protobuf/util/internal/json_stream_parser.cc"
_WRITER = "protobuf v3.21 src/google/protobuf/util/internal/protostream_objectwriter.cc"
_FIRESTORE = "recorded on firestore.googleapis.com (same front end), github.com/t-k/fireemu"


def _bad(name: str, text: str, source: str, grade: Grade) -> ErrorText:
    return ErrorText(name, "INVALID_ARGUMENT", text, source, grade)


# --- values -----------------------------------------------------------------------------------------
TIMESTAMP_ZONE = _bad(
    "timestamp_zone",
    "Illegal timestamp format; timestamps must end with 'Z' or have a valid timezone offset.",
    _FIRESTORE,
    "recorded",
)
TIMESTAMP_RANGE = _bad("timestamp_range", "Timestamp value exceeds limits", _FIRESTORE, "recorded")
TIMESTAMP_FORMAT = _bad("timestamp_format", "Invalid time format: {value}", _WRITER, "documented")
TIMESTAMP_TYPE = _bad("timestamp_type", "Invalid data type for timestamp, value is {value}", _WRITER, "documented")
DURATION_SUFFIX = _bad("duration_suffix", "Illegal duration format; duration must end with 's'", _WRITER, "documented")
DURATION_SECONDS = _bad("duration_seconds", "Invalid duration format, failed to parse seconds", _WRITER, "documented")
DURATION_NANOS = _bad("duration_nanos", "Invalid duration format, failed to parse nano seconds", _WRITER, "documented")
DURATION_RANGE = _bad("duration_range", "Duration value exceeds limits", _WRITER, "documented")
DURATION_TYPE = _bad("duration_type", "Invalid data type for duration, value is {value}", _WRITER, "documented")
MASK_TYPE = _bad("mask_type", "Invalid data type for field mask, value is {value}", _WRITER, "documented")
BASE64 = _bad("base64", 'Base64 decoding failed for "{value}"', "github.com/danny-avila/LibreChat/issues/6593", "recorded")
TOO_DEEP = _bad("too_deep", "Message too deep. Max recursion depth reached for key '{key}'", _PARSER, "documented")
MAX_DEPTH = Fact("max_depth", 100, _PARSER, "documented")

# --- query ------------------------------------------------------------------------------------------
QUERY_UNKNOWN = _bad(
    "query_unknown",
    "Cannot bind query parameter. Field '{field}' could not be found in request message.",
    _FIRESTORE,
    "recorded",
)
QUERY_MESSAGE = _bad(
    "query_message",
    "Cannot bind query parameter. '{field}' is a message type. Parameters can only be bound to primitive types.",
    "reported for several Google APIs; not recorded on these two",
    "assumed",
)
