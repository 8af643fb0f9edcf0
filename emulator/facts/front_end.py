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
BASE64 = _bad(
    "base64", 'Base64 decoding failed for "{value}"', "github.com/danny-avila/LibreChat/issues/6593", "recorded"
)
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

# --- routing and sizes ------------------------------------------------------------------------------
BODY_TOO_LARGE = _bad(
    "body_too_large",
    "Request payload size exceeds the limit: {limit_bytes} bytes.",
    "github.com/google-gemini/deprecated-generative-ai-android/issues/26",
    "recorded",
)
NOT_IMPLEMENTED = ErrorText(
    "not_implemented",
    "UNIMPLEMENTED",
    "Operation is not implemented, or supported, or enabled.",
    "the front end's default text for UNIMPLEMENTED; not recorded on these two",
    "assumed",
)
INTERNAL = ErrorText("internal", "INTERNAL", "Internal error encountered.", "reported for many Google APIs", "recorded")
INVALID_ARGUMENT = _bad(
    "invalid_argument",
    "Request contains an invalid argument.",
    "github.com/google/google-api-javascript-client/issues/517",
    "recorded",
)
PROTO_INVALID = _bad(
    "proto_invalid", "Invalid PROTO payload received.", "in the style of the JSON text; not recorded", "assumed"
)
FIELDS_UNKNOWN = _bad(
    "fields_unknown",
    "Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'.",
    "github.com/google/google-api-javascript-client/issues/517",
    "recorded",
)
URL_LIMIT_BYTES = Fact("url_limit_bytes", 16_384, "reports name 8 to 16 KiB", "assumed")
CORS_MAX_AGE_S = Fact("cors_max_age_s", 3600, "seen on other Google APIs", "assumed")
CORS_HEADERS = Fact(
    "cors_headers",
    (
        "accept",
        "accept-language",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-language",
        "content-type",
        "x-goog-api-client",
        "x-goog-api-key",
        "x-goog-fieldmask",
        "x-goog-quota-user",
        "x-goog-request-params",
        "x-goog-user-project",
        "x-http-method-override",
        "x-requested-with",
        "x-server-timeout",
    ),
    "github.com/googleapis/js-genai/issues/1723: a header that is not on the list (api-revision) is refused; "
    "content-type, x-goog-api-key, x-goog-api-client and authorization are on it, the others are guessed",
    "assumed",
)
EXPOSED_HEADERS = Fact(
    "exposed_headers",
    ("vary", "vary", "vary", "content-encoding", "date", "server", "content-length"),
    "browser captures of generativelanguage.googleapis.com",
    "recorded",
)
LEGACY_REASONS: dict[int, str] = {
    400: "badRequest",
    401: "required",
    403: "forbidden",
    404: "notFound",
    409: "aborted",
    429: "rateLimitExceeded",
    499: "backendError",
    500: "backendError",
    501: "notImplemented",
    503: "backendError",
    504: "backendError",
}
"""``errors[].reason`` by HTTP status. Recorded: 401, 403, 429, 499 (github.com/danny-avila/LibreChat/issues/11761,
github.com/google-gemini/gemini-cli/issues/20309); the others are assumed."""

# --- credentials ------------------------------------------------------------------------------------
NO_CALLER = ErrorText(
    "no_caller",
    "PERMISSION_DENIED",
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API.",
    "github.com/PublicAffairs/openai-gemini/issues/92",
    "recorded",
)
_SIGN_IN = "See https://developers.google.com/identity/sign-in/web/devconsole-project."
NO_TOKEN = ErrorText(
    "no_token",
    "UNAUTHENTICATED",
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid "
    f"authentication credential. {_SIGN_IN}",
    "github.com/reactmore/morelab/issues/17",
    "recorded",
)
KEY_NOT_SUPPORTED = ErrorText(
    "key_not_supported",
    "UNAUTHENTICATED",
    "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials that "
    "assert a principal. See https://cloud.google.com/docs/authentication",
    "github.com/a2aproject/a2a-samples/issues/43",
    "recorded",
)

# --- lists ------------------------------------------------------------------------------------------
PAGE_SIZE_NEGATIVE = _bad(
    "page_size_negative",
    "Page size must be nonnegative.",
    "said by firestore.googleapis.com (github.com/t-k/fireemu); not recorded on these two",
    "assumed",
)
PAGE_TOKEN_INVALID = _bad(
    "page_token_invalid",
    "Invalid page token.",
    "said by firestore.googleapis.com (github.com/t-k/fireemu); not recorded on these two",
    "assumed",
)
FILTER_INVALID = _bad(
    "filter_invalid",
    "Invalid filter: {reason}",
    "google.aip.dev/160 asks for INVALID_ARGUMENT; the text is not recorded",
    "assumed",
)
MASK_PATH_UNKNOWN = _bad(
    "mask_path_unknown",
    "Invalid field mask: field '{path}' does not exist in {message}.",
    "google.aip.dev/161 asks for INVALID_ARGUMENT; the text is not recorded",
    "assumed",
)
