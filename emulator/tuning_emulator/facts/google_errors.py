"""What Google's servers say in front of either API: parser, transcoder, routing, lists, credentials, gRPC, outages.

Sources are public: reports and recordings by address, ``protobuf v3.21`` for the open-source parser that the
production front end still answers with, ``protobuf.dev`` and ``google.aip.dev`` for documented rules.
"""

from __future__ import annotations

from collections.abc import Mapping

from tuning_emulator.core.errors import (
    LOCALIZED_MESSAGE,
    Code,
    Detail,
    ErrorText,
    Fact,
    Grade,
    Row,
    error_info,
    help_link,
    name_rows,
)

_PARSER = "protobuf v3.21 src/google/protobuf/util/internal/json_stream_parser.cc"
_WRITER = "protobuf v3.21 src/google/protobuf/util/internal/protostream_objectwriter.cc"
_MASKS = "protobuf v3.21 src/google/protobuf/util/internal/field_mask_utility.cc"
_FIRESTORE = "recorded on firestore.googleapis.com (same front end), github.com/t-k/fireemu"


def _bad(text: str, source: str, grade: Grade, *details: Detail) -> ErrorText:
    return ErrorText(Code.INVALID_ARGUMENT, text, source, grade, details=details)


def _parser(text: str) -> ErrorText:
    return _bad(text, _PARSER, "documented")


def _writer(text: str) -> ErrorText:
    return _bad(text, _WRITER, "documented")


def _mask(text: str) -> ErrorText:
    return _bad(f"Invalid FieldMask '{{mask}}'. {text}", _MASKS, "documented")


def _filter(text: str) -> ErrorText:
    return _bad(text, "no recording; the syntax: google.aip.dev/160", "assumed")


# --- the JSON reader: reasons, and what they are said in ------------------------------------------------
JSON = _bad("Invalid JSON payload received. {reason}", _FIRESTORE, "recorded")
JSON_END = _bad("Unexpected end of string. {expected}", _FIRESTORE, "recorded")
JSON_TOKEN = _bad("Unexpected token.", _FIRESTORE, "recorded")
JSON_VALUE = _bad("Expected a value.", _FIRESTORE, "recorded")
JSON_AFTER_ENTRY = _bad(
    "Expected , or }} after key:value pair.", "github.com/googlecodelabs/feedback/issues/441", "recorded"
)
JSON_KEY = _parser("Expected an object key or }}.")
JSON_COLON = _parser("Expected : between key:value pair.")
JSON_AFTER_ELEMENT = _parser("Expected , or ] after array value.")
JSON_ELEMENT = _parser("Expected a value or ] within an array.")
JSON_REST = _parser("Parsing terminated before end of input.")
JSON_QUOTE = _parser("Closing quote expected in string.")
JSON_HEX = _parser("Illegal hex string.")
JSON_ESCAPE = _parser("Invalid escape sequence.")
JSON_CODE_POINT = _parser("Invalid unicode code point.")
JSON_SURROGATE_MISSING = _parser("Missing low surrogate.")
JSON_SURROGATE_INVALID = _parser("Invalid low surrogate.")
JSON_OCTAL = _parser("Octal/hex numbers are not valid JSON values.")
JSON_NUMBER = _parser("Unable to parse number.")
JSON_DOUBLE = _parser("Number exceeds the range of double.")
JSON_ENCODING = _parser("Encountered non UTF-8 code points.")
TOO_DEEP = _parser("Message too deep. Max recursion depth reached for key '{key}'")
MAX_DEPTH = Fact(100, _PARSER, "documented")

# --- JSON as a message: reasons, and what they are said in ----------------------------------------------
NAME_UNKNOWN = _bad(
    'Invalid JSON payload received. Unknown name "{name}"{at}: {reason}',
    "github.com/mnfst/llm-gateway/issues/1858",
    "recorded",
)
VALUE_INVALID = _bad(
    "Invalid value{at} ({type}), {value}", "github.com/microsoft/azure-devops-mcp/issues/139", "recorded"
)
FIELD_UNKNOWN = _bad("Cannot find field.", "github.com/mnfst/llm-gateway/issues/1858", "recorded")
FIELD_INVALID = _bad("Field '{key}', {reason}", _FIRESTORE, "recorded")
ROOT_INVALID = _bad("Root element must be a message.", "github.com/google-wallet/rest-samples/issues/22", "recorded")
ONEOF_TAKEN = _bad(
    "oneof field '{oneof}' is already set. Cannot set '{key}'",
    "github.com/googleapis/google-cloud-dart/issues/26",
    "recorded",
)
OBJECT_ON_SCALAR = _writer("Starting an object on a scalar field")
LIST_ON_SINGLE = _writer("Proto field is not repeating, cannot start list.")
LIST_ON_MAP = _writer("Cannot bind a list to map for field '{key}'.")
LIST_IN_MAP = _writer("Cannot have repeated items ('{key}') within a map.")
LIST_UNNAMED = _writer("Proto fields must have a name.")
MAP_KEY_REPEATED = _writer("Repeated map key: '{key}' is already set.")
ANY_UNTYPED = _writer("Missing @type for any field in {message}")

# --- values -----------------------------------------------------------------------------------------
TIMESTAMP_ZONE = _bad(
    "Illegal timestamp format; timestamps must end with 'Z' or have a valid timezone offset.", _FIRESTORE, "recorded"
)
TIMESTAMP_RANGE = _bad("Timestamp value exceeds limits", _FIRESTORE, "recorded")
TIMESTAMP_FORMAT = _writer("Invalid time format: {value}")
TIMESTAMP_TYPE = _writer("Invalid data type for timestamp, value is {value}")
DURATION_SUFFIX = _writer("Illegal duration format; duration must end with 's'")
DURATION_SECONDS = _writer("Invalid duration format, failed to parse seconds")
DURATION_NANOS = _writer("Invalid duration format, failed to parse nano seconds")
DURATION_RANGE = _writer("Duration value exceeds limits")
DURATION_TYPE = _writer("Invalid data type for duration, value is {value}")
MASK_TYPE = _writer("Invalid data type for field mask, value is {value}")
BASE64 = _bad('Base64 decoding failed for "{value}"', "github.com/danny-avila/LibreChat/issues/6593", "recorded")
MASK_UNOPENED = _mask("Cannot find matching '(' for all ')'.")
MASK_UNCLOSED = _mask("Cannot find matching ')' for all '('.")
MASK_KEY_FORM = _mask('Map keys should be represented as ["some_key"].')
MASK_KEY_UNCLOSED = _mask("Cannot find matching ']' for all '['.")
MASK_KEY_PLACE = _mask("Map keys should be at the end of a path segment.")

# --- query ------------------------------------------------------------------------------------------
QUERY_UNKNOWN = _bad(
    "Cannot bind query parameter. Field '{field}' could not be found in request message.", _FIRESTORE, "recorded"
)
QUERY_MESSAGE = _bad(
    "Cannot bind query parameter. '{field}' is a message type. Parameters can only be bound to primitive types.",
    "reported for several Google APIs; not recorded on these two",
    "assumed",
)

# --- routing and sizes ------------------------------------------------------------------------------
BODY_TOO_LARGE = _bad(
    "Request payload size exceeds the limit: {limit_bytes} bytes.",
    "github.com/google-gemini/deprecated-generative-ai-android/issues/26",
    "recorded",
)
DISCOVERY_NOT_FOUND = ErrorText(
    Code.NOT_FOUND,
    "Discovery document not found for API service: {service} format: rest version: {version}",
    "google-api-javascript-client's tests ($discovery/rest?version=v99 of tasks.googleapis.com); "
    "github.com/jimbuck/node-google-api/issues/10",
    "recorded",
)
NOT_IMPLEMENTED = ErrorText(
    Code.UNIMPLEMENTED,
    "Operation is not implemented, or supported, or enabled.",
    "the front end's default text for UNIMPLEMENTED; not recorded on these two",
    "assumed",
)
INTERNAL = ErrorText(Code.INTERNAL, "Internal error encountered.", "reported for many Google APIs", "recorded")
INVALID_ARGUMENT = _bad(
    "Request contains an invalid argument.", "github.com/google/google-api-javascript-client/issues/517", "recorded"
)
PROTO_INVALID = _bad("Invalid PROTO payload received.", "in the style of the JSON text; not recorded", "assumed")
GZIP_INVALID = _bad(
    "Invalid gzip payload received.",
    "in the style of the JSON text; what the service does with a broken gzip body is not recorded",
    "assumed",
)
FIELDS_UNKNOWN = _bad(
    "Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'.",
    "github.com/google/google-api-javascript-client/issues/517",
    "recorded",
)
URL_LIMIT_BYTES = Fact(16_384, "reports name 8 to 16 KiB", "assumed")
CORS_MAX_AGE_S = Fact(3600, "seen on other Google APIs", "assumed")
CORS_HEADERS = Fact(
    tuple(
        "accept accept-language authorization cache-control content-encoding content-language content-type "
        "x-goog-api-client x-goog-api-key x-goog-fieldmask x-goog-quota-user x-goog-request-params x-goog-user-project "
        "x-http-method-override x-requested-with x-server-timeout".split()
    ),
    "github.com/googleapis/js-genai/issues/1723: a header that is not on the list (api-revision) is refused; "
    "content-type, x-goog-api-key, x-goog-api-client and authorization are on it, the others are guessed",
    "assumed",
)
EXPOSED_HEADERS = Fact(
    ("vary", "vary", "vary", "content-encoding", "date", "server", "content-length"),
    "browser captures of generativelanguage.googleapis.com",
    "recorded",
)
_LIBRECHAT = "github.com/danny-avila/LibreChat/issues/11761"
_CLI_20309 = "github.com/google-gemini/gemini-cli/issues/20309"
_AS_RECORDED = "in the style of the recorded ones"
LEGACY_REASON: Mapping[int, Fact[str]] = {
    400: Fact("badRequest", _LIBRECHAT, "recorded"),
    401: Fact("required", "github.com/google-gemini/gemini-cli/issues/14831", "recorded"),
    403: Fact("forbidden", _LIBRECHAT, "recorded"),
    404: Fact("notFound", _AS_RECORDED, "assumed"),
    409: Fact("aborted", _AS_RECORDED, "assumed"),
    429: Fact("rateLimitExceeded", _CLI_20309, "recorded"),
    499: Fact("backendError", _CLI_20309, "recorded"),
    500: Fact("backendError", _AS_RECORDED, "assumed"),
    501: Fact("notImplemented", _AS_RECORDED, "assumed"),
    503: Fact("backendError", _AS_RECORDED, "assumed"),
    504: Fact("backendError", _AS_RECORDED, "assumed"),
}
"""``errors[].reason`` by HTTP status, for ``$.xgafv=1``."""

# --- lists ------------------------------------------------------------------------------------------
PAGE_SIZE_NEGATIVE = _bad(
    "Page size must be nonnegative.",
    "said by firestore.googleapis.com (github.com/t-k/fireemu); not recorded on these two",
    "assumed",
)
PAGE_TOKEN_INVALID = _bad(
    "Invalid page token.",
    "said by firestore.googleapis.com (github.com/t-k/fireemu); not recorded on these two",
    "assumed",
)
FILTER_INVALID = _bad(
    "Invalid filter: {reason}", "google.aip.dev/160 asks for INVALID_ARGUMENT; the text is not recorded", "assumed"
)
FILTER_TEXT = _filter("unexpected text at position {position}")
FILTER_WORD = _filter("unexpected '{word}'")
FILTER_END = _filter("unexpected end")
FILTER_BRACKET = _filter("a bracket is not closed")
FILTER_DEPTH = _filter("nested too deep")
FILTER_OPERATOR = _filter("'{path}' is not followed by an operator")
FILTER_ARGUMENT = _filter("'{path}{compare}' has no value")
FILTER_PATH = _filter("'{path}' is not a field")
FILTER_FIELD = _filter("unknown field '{path}'")
FILTER_SCALAR = _filter("'{path}' has no fields")
FILTER_MAP = _filter("'{path}' is a map: use ':' or name a key")
FILTER_REPEATED = _filter("'{path}' is repeated: use ':'")
FILTER_ORDER = _filter("'{path}' has no order: use '=' or '!='")
FILTER_VALUE = _filter("'{argument}' is not a value of '{path}'")

# --- credentials ------------------------------------------------------------------------------------
_SIGN_IN = "See https://developers.google.com/identity/sign-in/web/devconsole-project."


def _denied(text: str, source: str, *details: Detail) -> ErrorText:
    return ErrorText(Code.PERMISSION_DENIED, text, source, "recorded", details=details)


def _key(text: str, source: str) -> ErrorText:
    return _bad(text, source, "recorded", error_info("API_KEY_INVALID", service="{service}"), LOCALIZED_MESSAGE)


def _blocked(reason: str) -> Detail:
    return error_info(reason, service="{service}", consumer="projects/{project}")


NO_CALLER = _denied(
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API.",
    "github.com/PublicAffairs/openai-gemini/issues/92",
)
NO_TOKEN = ErrorText(
    Code.UNAUTHENTICATED,
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid "
    f"authentication credential. {_SIGN_IN}",
    "github.com/reactmore/morelab/issues/17",
    "recorded",
    details=(error_info("CREDENTIALS_MISSING", method="{method}", service="{service}"),),
)
KEY_NOT_SUPPORTED = ErrorText(
    Code.UNAUTHENTICATED,
    "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials that "
    "assert a principal. See https://cloud.google.com/docs/authentication",
    "github.com/a2aproject/a2a-samples/issues/43",
    "recorded",
    details=(error_info("CREDENTIALS_MISSING", service="{service}", method="{method}"),),
)
KEYLESS_TUNING = Fact(
    r"ModelService\.\w+TunedModels?|PermissionService\.\w+|.*\.Operations\.\w+",
    "ai.google.dev/gemini-api/docs/model-tuning (2025-02-25): from 30 September 2024 on OAuth is not required; "
    "github.com/google/generative-ai-go/issues/103 (refused, May 2024); which methods exactly is assumed",
    "documented",
    until="2024-09-30",
)
"""Methods of the Gemini API that took tokens alone.

A key could ask models all the same, but stood for nobody: tuned models that were not shared with everyone refused it
(recorded: github.com/google-gemini/deprecated-generative-ai-js/issues/100 and 240).
"""
LOCALIZED = Fact(
    True,
    "github.com/continuedev/continue/issues/8516 (2025) has LocalizedMessage details; "
    "github.com/google-gemini/deprecated-generative-ai-python/issues/481 (July 2024) has none; the day is assumed",
    "recorded",
    since="2025-01-01",
)
"""Refusals of credentials repeat their text in a LocalizedMessage, and say more of a disabled service."""
KEY_INVALID = _key("API key not valid. Please pass a valid API key.", "github.com/continuedev/continue/issues/8516")
KEY_NOT_FOUND = _key(
    "API Key not found. Please pass a valid API key.", "github.com/google-gemini/gemini-cli/issues/25198"
)
KEY_EXPIRED = _key("API key expired. Please renew the API key.", "github.com/continuedev/continue/issues/11336")
KEY_LEAKED = ErrorText(
    Code.PERMISSION_DENIED,
    "Your API key was reported as leaked. Please use another API key.",
    "public reports quote 'reported as leaked'; the rest and the absence of details are not confirmed",
    "assumed",
)
_BLOCKED_SERVICE = {"consumer": "projects/{project}", "service": "{service}", "apiName": "{service}"}
KEY_SERVICE_BLOCKED = _denied(
    "Requests to this API {service} method {method} are blocked.",
    "github.com/continuedev/continue/issues/12781",
    error_info("API_KEY_SERVICE_BLOCKED", **_BLOCKED_SERVICE, methodName="{method}"),
    LOCALIZED_MESSAGE,
)
KEY_REFERRER_BLOCKED = _denied(
    "Requests from referer {referer} are blocked.",
    "github.com/YouCount/youcount.github.io/issues/14",
    _blocked("API_KEY_HTTP_REFERRER_BLOCKED"),
)
KEY_ADDRESS_BLOCKED = _denied(
    "The provided API key has an IP address restriction. The originating IP address of the call ({address}) violates "
    "this restriction.",
    "github.com/firebase/quickstart-android/issues/1008",
    _blocked("API_KEY_IP_ADDRESS_BLOCKED"),
)
KEY_ANDROID_BLOCKED = _denied(
    "Requests from this Android client application {package} are blocked.",
    "github.com/googleapis/google-cloud-java/issues/1697",
    _blocked("API_KEY_ANDROID_APP_BLOCKED"),
)
_CONSUMER = {"consumer": "projects/{project}", "containerInfo": "{project}", "service": "{service}"}
_ACTIVATE = help_link("Google developers console API activation", "{url}")
SERVICE_DISABLED = _denied(
    "{title} has not been used in project {project} before or it is disabled. Enable it by visiting {url} then retry. "
    "If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
    "FirebaseExtended/vertexai-sdk-test-data unary-failure-firebasevertexai-api-not-enabled.json",
    error_info("SERVICE_DISABLED", serviceTitle="{title}", **_CONSUMER, activationUrl="{url}"),
    LOCALIZED_MESSAGE,
    _ACTIVATE,
)
SERVICE_DISABLED_2024 = ErrorText(
    Code.PERMISSION_DENIED,
    SERVICE_DISABLED.text,
    "github.com/google-gemini/deprecated-generative-ai-python/issues/481 (July 2024)",
    "recorded",
    until=LOCALIZED.since,
    details=(_ACTIVATE, error_info("SERVICE_DISABLED", service="{service}", consumer="projects/{project}")),
)
ACTIVATION_URL = Fact(
    "https://console.developers.google.com/apis/api/{service}/overview?project={project}",
    "github.com/google-gemini/gemini-cli/issues/1343",
    "recorded",
)
TOKEN_INVALID = ErrorText(
    Code.UNAUTHENTICATED,
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    f"authentication credential. {_SIGN_IN}",
    "github.com/mscraftsman/generative-ai/issues/51 (on CreateTunedModel)",
    "recorded",
)
SCOPE_INSUFFICIENT = _denied(
    "Request had insufficient authentication scopes.",
    "github.com/googleapis/js-genai/issues/569",
    error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", service="{service}", method="{method}"),
)
IAM_DENIED = _denied(
    "Permission '{permission}' denied on resource '//{service}/{resource}' (or it may not exist).",
    "FirebaseExtended/vertexai-sdk-test-data unary-failure-iam-permission-denied.json",
    error_info("IAM_PERMISSION_DENIED", "{service}", permission="{permission}", resource="{resource}"),
)
PROJECT_INVALID = _denied(
    "Permission denied on resource project {project}.",
    "github.com/GoogleCloudPlatform/training-data-analyst/issues/1811",
    error_info("CONSUMER_INVALID", containerInfo="{project}", service="{service}", consumer="projects/{project}"),
    LOCALIZED_MESSAGE,
    help_link("Google developers console", "https://console.developers.google.com"),
)
USER_PROJECT_DENIED = _denied(
    "Caller does not have required permission to use project {project}. Grant the caller the "
    "roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission, by "
    "visiting {url} and then retry. Propagation of the new permission may take a few minutes.",
    "github.com/lbjlaq/Antigravity-Manager/issues/3050",
    error_info(
        "USER_PROJECT_DENIED",
        containerInfo="{project}",
        consumer="projects/{project}",
        consoleUrl="{url}",
        service="{service}",
    ),
    LOCALIZED_MESSAGE,
    help_link("Google developer console IAM admin", "{url}"),
)
QUOTA_PROJECT_MISSING = _denied(
    "Your application is authenticating by using local Application Default Credentials. The {service} API requires a "
    "quota project, which is not set by default. To learn how to set your quota project, see "
    "https://cloud.google.com/docs/authentication/adc-troubleshooting/user-creds .",
    "github.com/GoogleCloudPlatform/dlp-pdf-redaction/issues/25",
    error_info("SERVICE_DISABLED", service="{service}", consumer="projects/764086051850"),
)
"""The consumer is gcloud's own project."""
PROJECT_NAME_MISSING = _bad("The project name is missing.", "no recording; of Resource Manager's GetProject", "assumed")
LOCATION_UNSUPPORTED = ErrorText(
    Code.FAILED_PRECONDITION,
    "User location is not supported for the API use.",
    "FirebaseExtended/vertexai-sdk-test-data",
    "recorded",
)

_CLOUD = "https://www.googleapis.com/auth/cloud-platform"
_LANGUAGE = "https://www.googleapis.com/auth/generative-language"
_GEMINI = "generativelanguage.googleapis.com"
_VERTEX = "aiplatform.googleapis.com"
_TUNING_PAGE = "ai.google.dev/api/tuning"
_DISCOVERY = "discovery document of aiplatform.googleapis.com"
_TUNING = f"{_LANGUAGE}.tuning"
_RETRIEVER = f"{_LANGUAGE}.retriever"
SCOPES_TRANSFER_OWNERSHIP = Fact(
    (_CLOUD, _LANGUAGE, _TUNING, f"{_TUNING}.readonly", _RETRIEVER, f"{_RETRIEVER}.readonly"),
    _TUNING_PAGE,
    "documented",
)
SCOPES_READ_TUNING = Fact((_CLOUD, _TUNING, f"{_TUNING}.readonly"), _TUNING_PAGE, "documented")
SCOPES_WRITE_TUNING = Fact((_CLOUD, _TUNING), _TUNING_PAGE, "documented")
SCOPES_GENERATE = Fact(
    (_CLOUD, _LANGUAGE, _RETRIEVER, _TUNING),
    "which scopes inference takes is not documented per method",
    "assumed",
)
SCOPES_READ_VERTEX = Fact((_CLOUD, f"{_CLOUD}.read-only"), _DISCOVERY, "documented")
SCOPES_VERTEX = Fact((_CLOUD,), _DISCOVERY, "documented")
SCOPES: tuple[tuple[str, str, Fact[tuple[str, ...]]], ...] = (
    (_GEMINI, "TransferOwnership", SCOPES_TRANSFER_OWNERSHIP),
    (_GEMINI, r"(Get|List)(TunedModel|Permission|Operation)s?", SCOPES_READ_TUNING),
    (_GEMINI, r"(Create|Update|Delete|Cancel)\w+", SCOPES_WRITE_TUNING),
    (_GEMINI, r"\w+", SCOPES_GENERATE),
    (_VERTEX, r"(Get|List)\w+", SCOPES_READ_VERTEX),
    (_VERTEX, r"\w+", SCOPES_VERTEX),
)
"""Service, method (a pattern, the first that matches) and the scopes of which a token needs one."""


# --- what the services say over gRPC alone

_SPEC = "github.com/grpc/grpc doc/PROTOCOL-HTTP2.md and doc/compression.md say the code; the text is a guess"

GRPC_METHOD_UNKNOWN = ErrorText(
    Code.UNIMPLEMENTED,
    "GRPC target method can't be resolved.",
    "github.com/googleapis/gapic-generator-python/issues/489",
    "recorded",
)
GRPC_METADATA_TOO_LARGE = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "received metadata size exceeds soft limit ({size} vs. {limit})",
    "github.com/googleapis/google-auth-library-python/issues/1539",
    "recorded",
)
GRPC_REQUEST_MISSING = ErrorText(Code.INTERNAL, "The request has no message.", _SPEC, "assumed")
GRPC_REQUEST_REPEATED = ErrorText(
    Code.INTERNAL, "The request has {count} messages; the method takes one.", _SPEC, "assumed"
)
GRPC_REQUEST_CUT = ErrorText(Code.INTERNAL, "The request ends inside a message.", _SPEC, "assumed")
GRPC_COMPRESSION_UNKNOWN = ErrorText(
    Code.UNIMPLEMENTED, "Compression algorithm '{name}' is not supported.", _SPEC, "assumed"
)
GRPC_COMPRESSION_UNNAMED = ErrorText(
    Code.INTERNAL, "The message is compressed, but grpc-encoding names no compression.", _SPEC, "assumed"
)
GRPC_TIMEOUT_INVALID = ErrorText(Code.INTERNAL, "grpc-timeout is '{value}'; not a number and a unit.", _SPEC, "assumed")

GRPC_MAX_METADATA_BYTES = Fact(16_384, "github.com/googleapis/google-auth-library-python/issues/1539", "recorded")
GRPC_MAX_STREAMS = Fact(100, "what Google's front ends announce to HTTP/2 clients", "assumed")

# --- outages, and what Google's APIs say by default when a fault is made on purpose -------------------------
DEADLINE_EXPIRED = ErrorText(
    Code.DEADLINE_EXCEEDED,
    "Deadline expired before operation could complete.",
    "github.com/googleapis/python-genai/issues/1808 (there with UNAVAILABLE)",
    "recorded",
)
OPERATION_CANCELLED = ErrorText(Code.CANCELLED, "The operation was cancelled.", _CLI_20309, "recorded")


def _default(code: Code, text: str) -> ErrorText:
    source = "what many Google APIs answer with this code when they say nothing of their own; not recorded on these two"
    return ErrorText(code, text, source, "assumed")


DEFAULT_UNKNOWN = _default(Code.UNKNOWN, "Unknown Error.")
DEFAULT_NOT_FOUND = _default(Code.NOT_FOUND, "Requested entity was not found.")
DEFAULT_ALREADY_EXISTS = _default(Code.ALREADY_EXISTS, "Requested entity already exists")
DEFAULT_PERMISSION_DENIED = _default(Code.PERMISSION_DENIED, "The caller does not have permission")
DEFAULT_FAILED_PRECONDITION = _default(Code.FAILED_PRECONDITION, "Precondition check failed.")
DEFAULT_ABORTED = _default(Code.ABORTED, "The operation was aborted.")
DEFAULT_OUT_OF_RANGE = _default(Code.OUT_OF_RANGE, "Client specified an invalid range.")
DEFAULT_DATA_LOSS = _default(Code.DATA_LOSS, "Unrecoverable data loss or data corruption.")

ROWS: tuple[Row, ...] = name_rows(globals(), Row)
"""All rows, in this order."""
