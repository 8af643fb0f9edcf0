"""What Google's HTTP/JSON front end (not a service behind it) says: parser, transcoder, routing, credentials.

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
_FIRESTORE = "recorded on firestore.googleapis.com (same front end), github.com/t-k/fireemu"


def _bad(text: str, source: str, grade: Grade, details: tuple[Detail, ...] = ()) -> ErrorText:
    return ErrorText(Code.INVALID_ARGUMENT, text, source, grade, details=details)


# --- values -----------------------------------------------------------------------------------------
TIMESTAMP_ZONE = _bad(
    "Illegal timestamp format; timestamps must end with 'Z' or have a valid timezone offset.", _FIRESTORE, "recorded"
)
TIMESTAMP_RANGE = _bad("Timestamp value exceeds limits", _FIRESTORE, "recorded")
TIMESTAMP_FORMAT = _bad("Invalid time format: {value}", _WRITER, "documented")
TIMESTAMP_TYPE = _bad("Invalid data type for timestamp, value is {value}", _WRITER, "documented")
DURATION_SUFFIX = _bad("Illegal duration format; duration must end with 's'", _WRITER, "documented")
DURATION_SECONDS = _bad("Invalid duration format, failed to parse seconds", _WRITER, "documented")
DURATION_NANOS = _bad("Invalid duration format, failed to parse nano seconds", _WRITER, "documented")
DURATION_RANGE = _bad("Duration value exceeds limits", _WRITER, "documented")
DURATION_TYPE = _bad("Invalid data type for duration, value is {value}", _WRITER, "documented")
MASK_TYPE = _bad("Invalid data type for field mask, value is {value}", _WRITER, "documented")
BASE64 = _bad('Base64 decoding failed for "{value}"', "github.com/danny-avila/LibreChat/issues/6593", "recorded")
TOO_DEEP = _bad("Message too deep. Max recursion depth reached for key '{key}'", _PARSER, "documented")
MAX_DEPTH = Fact(100, _PARSER, "documented")

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


# --- credentials ------------------------------------------------------------------------------------
_DENIED = Code.PERMISSION_DENIED
_SIGN_IN = "See https://developers.google.com/identity/sign-in/web/devconsole-project."
_BAD_KEY = (error_info("API_KEY_INVALID", service="{service}"), LOCALIZED_MESSAGE)


def _blocked(reason: str) -> tuple[Detail]:
    return (error_info(reason, service="{service}", consumer="projects/{project}"),)


NO_CALLER = ErrorText(
    _DENIED,
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
    "form of API consumer identity to call this API.",
    "github.com/PublicAffairs/openai-gemini/issues/92",
    "recorded",
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
KEY_INVALID = _bad(
    "API key not valid. Please pass a valid API key.",
    "github.com/continuedev/continue/issues/8516",
    "recorded",
    _BAD_KEY,
)
KEY_NOT_FOUND = _bad(
    "API Key not found. Please pass a valid API key.",
    "github.com/google-gemini/gemini-cli/issues/25198",
    "recorded",
    _BAD_KEY,
)
KEY_EXPIRED = _bad(
    "API key expired. Please renew the API key.", "github.com/continuedev/continue/issues/11336", "recorded", _BAD_KEY
)
KEY_LEAKED = ErrorText(
    _DENIED,
    "Your API key was reported as leaked. Please use another API key.",
    "public reports quote 'reported as leaked'; the rest and the absence of details are not confirmed",
    "assumed",
)
_BLOCKED_SERVICE = {"consumer": "projects/{project}", "service": "{service}", "apiName": "{service}"}
KEY_SERVICE_BLOCKED = ErrorText(
    _DENIED,
    "Requests to this API {service} method {method} are blocked.",
    "github.com/continuedev/continue/issues/12781",
    "recorded",
    details=(error_info("API_KEY_SERVICE_BLOCKED", **_BLOCKED_SERVICE, methodName="{method}"), LOCALIZED_MESSAGE),
)
KEY_REFERRER_BLOCKED = ErrorText(
    _DENIED,
    "Requests from referer {referer} are blocked.",
    "github.com/YouCount/youcount.github.io/issues/14",
    "recorded",
    details=_blocked("API_KEY_HTTP_REFERRER_BLOCKED"),
)
KEY_ADDRESS_BLOCKED = ErrorText(
    _DENIED,
    "The provided API key has an IP address restriction. The originating IP address of the call ({address}) violates "
    "this restriction.",
    "github.com/firebase/quickstart-android/issues/1008",
    "recorded",
    details=_blocked("API_KEY_IP_ADDRESS_BLOCKED"),
)
KEY_ANDROID_BLOCKED = ErrorText(
    _DENIED,
    "Requests from this Android client application {package} are blocked.",
    "github.com/googleapis/google-cloud-java/issues/1697",
    "recorded",
    details=_blocked("API_KEY_ANDROID_APP_BLOCKED"),
)
_CONSUMER = {"consumer": "projects/{project}", "containerInfo": "{project}", "service": "{service}"}
_ACTIVATE = help_link("Google developers console API activation", "{url}")
SERVICE_DISABLED = ErrorText(
    _DENIED,
    "{title} has not been used in project {project} before or it is disabled. Enable it by visiting {url} then retry. "
    "If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
    "FirebaseExtended/vertexai-sdk-test-data unary-failure-firebasevertexai-api-not-enabled.json",
    "recorded",
    details=(
        error_info("SERVICE_DISABLED", serviceTitle="{title}", **_CONSUMER, activationUrl="{url}"),
        LOCALIZED_MESSAGE,
        _ACTIVATE,
    ),
)
SERVICE_DISABLED_2024 = ErrorText(
    _DENIED,
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
SCOPE_INSUFFICIENT = ErrorText(
    _DENIED,
    "Request had insufficient authentication scopes.",
    "github.com/googleapis/js-genai/issues/569",
    "recorded",
    details=(error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", service="{service}", method="{method}"),),
)
IAM_DENIED = ErrorText(
    _DENIED,
    "Permission '{permission}' denied on resource '//{service}/{resource}' (or it may not exist).",
    "FirebaseExtended/vertexai-sdk-test-data unary-failure-iam-permission-denied.json",
    "recorded",
    details=(error_info("IAM_PERMISSION_DENIED", "{service}", permission="{permission}", resource="{resource}"),),
)
PROJECT_INVALID = ErrorText(
    _DENIED,
    "Permission denied on resource project {project}.",
    "github.com/GoogleCloudPlatform/training-data-analyst/issues/1811",
    "recorded",
    details=(
        error_info("CONSUMER_INVALID", containerInfo="{project}", service="{service}", consumer="projects/{project}"),
        LOCALIZED_MESSAGE,
        help_link("Google developers console", "https://console.developers.google.com"),
    ),
)
USER_PROJECT_DENIED = ErrorText(
    _DENIED,
    "Caller does not have required permission to use project {project}. Grant the caller the "
    "roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission, by "
    "visiting {url} and then retry. Propagation of the new permission may take a few minutes.",
    "github.com/lbjlaq/Antigravity-Manager/issues/3050",
    "recorded",
    details=(
        error_info(
            "USER_PROJECT_DENIED",
            containerInfo="{project}",
            consumer="projects/{project}",
            consoleUrl="{url}",
            service="{service}",
        ),
        LOCALIZED_MESSAGE,
        help_link("Google developer console IAM admin", "{url}"),
    ),
)
QUOTA_PROJECT_MISSING = ErrorText(
    _DENIED,
    "Your application is authenticating by using local Application Default Credentials. The {service} API requires a "
    "quota project, which is not set by default. To learn how to set your quota project, see "
    "https://cloud.google.com/docs/authentication/adc-troubleshooting/user-creds .",
    "github.com/GoogleCloudPlatform/dlp-pdf-redaction/issues/25",
    "recorded",
    details=(error_info("SERVICE_DISABLED", service="{service}", consumer="projects/764086051850"),),
)
"""The consumer is gcloud's own project."""
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
GRPC_CONNECTION_FULL = ErrorText(
    Code.RESOURCE_EXHAUSTED,
    "The unfinished requests of this connection are too long together.",
    "the emulator's own limit",
    "assumed",
)

GRPC_MAX_METADATA_BYTES = Fact(16_384, "github.com/googleapis/google-auth-library-python/issues/1539", "recorded")
GRPC_MAX_STREAMS = Fact(100, "what Google's front ends announce to HTTP/2 clients", "assumed")

ROWS: tuple[Row, ...] = name_rows(globals(), Row)
"""All rows, in this order."""
