"""What Cloud Storage says when it refuses something: one row for its JSON, XML and gRPC answers alike."""

from __future__ import annotations

from dataclasses import dataclass, field

from tuning_emulator.core.errors import Code, ErrorRow, ErrorText, Grade, Row, name_rows

_CODES = "cloud.google.com/storage/docs/json_api/v1/status-codes"
_XML = "cloud.google.com/storage/docs/xml-api/reference-status"
_CLIENTS = (
    "answers that the clients' own tests expect: googleapis/storage-testbench, googleapis/google-cloud-go storage"
)


@dataclass(frozen=True, slots=True, eq=False)
class StorageErrorText(ErrorText):
    """An error of Cloud Storage. ``code`` is what gRPC sends.

    Attributes:
        status: HTTP status, which this service does not derive from the code.
        reason: In the JSON API's ``errors[]``. location: Of the parameter, beside the reason, where it is said.
        xml_code, xml_text: Of the XML API; "" where the JSON API's text stands there too.
    """

    status: int = field(kw_only=True)
    reason: str = field(kw_only=True)
    xml_code: str = field(kw_only=True)
    xml_text: str = field(default="", kw_only=True)
    location: str = field(default="", kw_only=True)


def _row(
    kind: tuple[Code, int, str], xml: tuple[str, str], text: str, source: str, grade: Grade, location: str = ""
) -> StorageErrorText:
    code, status, reason = kind
    xml_code, xml_text = xml
    more = {"status": status, "reason": reason, "xml_code": xml_code, "xml_text": xml_text, "location": location}
    return StorageErrorText(code, text, source, grade, **more)  # type: ignore[arg-type] # named as its fields


_INVALID = (Code.INVALID_ARGUMENT, 400, "invalid")
_REQUIRED = (Code.INVALID_ARGUMENT, 400, "required")
_MISSING = (Code.NOT_FOUND, 404, "notFound")
_CONFLICT = (Code.ALREADY_EXISTS, 409, "conflict")
_NOT_EMPTY = (Code.FAILED_PRECONDITION, 409, "conflict")
_HELD = (Code.PERMISSION_DENIED, 403, "forbidden")
_UNMET = (Code.FAILED_PRECONDITION, 412, "conditionNotMet")
_GONE = (Code.NOT_FOUND, 410, "gone")
_ARGUMENT = ("InvalidArgument", "Invalid argument.")

# --- what is not there
BUCKET_NOT_FOUND = _row(_MISSING, ("NoSuchBucket", ""), "The specified bucket does not exist.", _CLIENTS, "documented")
OBJECT_NOT_FOUND = _row(
    _MISSING,
    ("NoSuchKey", "The specified key does not exist."),
    "No such object: {bucket}/{name}",
    _CLIENTS,
    "documented",
)
SAMPLE_NOT_FOUND = _row(
    _MISSING,
    ("NoSuchKey", "The specified key does not exist."),
    "No such object: {bucket}/{name}",
    _CLIENTS,
    "documented",
)
"""The same, of the built-in stand-in for sample data, which has not all that the real bucket has."""
ROUTE_NOT_FOUND = _row(_MISSING, ("InvalidURI", "Couldn't parse the specified URI."), "Not Found", _CODES, "assumed")
ENTITY_NOT_FOUND = _row(_MISSING, ("NoSuchKey", ""), "The specified ACL entry does not exist.", _CODES, "assumed")
UPLOAD_GONE = _row(
    _GONE, ("NoSuchUpload", "The requested upload was not found."), "Upload session is gone.", _CODES, "assumed"
)
UPLOAD_CANCELLED = _row(
    (Code.CANCELLED, 499, "clientClosedRequest"),
    ("NoSuchUpload", "The requested upload was not found."),
    "The upload was cancelled.",
    _CODES,
    "assumed",
)
PARTS_UPLOAD_NOT_FOUND = _row(_MISSING, ("NoSuchUpload", ""), "The requested upload was not found.", _XML, "documented")

# --- what is somebody else's
ACCESS_DENIED = _row(
    (Code.PERMISSION_DENIED, 403, "forbidden"),
    ("AccessDenied", "Access denied."),
    "Caller does not have {permission} access to the Google Cloud Storage resource. Permission '{permission}' denied "
    "on resource (or it may not exist).",
    "cloud.google.com/storage/docs/troubleshooting",
    "assumed",
)

# --- what is there already
BUCKET_OWNED = _row(
    _CONFLICT,
    ("BucketAlreadyOwnedByYou", ""),
    "Your previous request to create the named bucket succeeded and you already own it.",
    _XML,
    "documented",
)
BUCKET_NOT_EMPTY = _row(
    _NOT_EMPTY, ("BucketNotEmpty", ""), "The bucket you tried to delete is not empty.", _XML, "documented"
)

# --- conditions
PRECONDITION_FAILED = _row(
    _UNMET,
    ("PreconditionFailed", ""),
    "At least one of the pre-conditions you specified did not hold.",
    _XML,
    "documented",
    "If-Match",
)
NOT_MODIFIED = _row(
    (Code.ABORTED, 304, "notModified"), ("NotModified", ""), "Not Modified", _CODES + "#304", "documented"
)
OBJECT_HELD = _row(
    _HELD,
    ("ObjectUnderActiveHold", ""),
    "Object '{bucket}/{name}' is under active {kind} hold and cannot be deleted, overwritten or archived until hold "
    "is removed.",
    "cloud.google.com/storage/docs/object-holds",
    "assumed",
)
RETENTION_UNMET = _row(
    _HELD,
    ("RetentionPolicyNotMet", ""),
    "Object '{bucket}/{name}' is subject to bucket's retention policy or object retention and cannot be deleted or "
    "overwritten until {until}",
    "cloud.google.com/storage/docs/bucket-lock",
    "assumed",
)

# --- arguments
REQUIRED = _row(_REQUIRED, _ARGUMENT, "Required parameter: {name}", _CODES + "#400-bad-request", "assumed")
ARGUMENT_INVALID = _row(_INVALID, _ARGUMENT, "Invalid value for {name}: '{value}'", _CODES, "assumed")
ARGUMENTS_CLASH = _row(_INVALID, _ARGUMENT, "Invalid argument. {reason}", _CODES, "assumed")
BUCKET_NAME_INVALID = _row(
    _INVALID,
    ("InvalidBucketName", "The specified bucket is not valid."),
    "Invalid bucket name: '{name}'",
    "cloud.google.com/storage/docs/buckets#naming",
    "assumed",
)
OBJECT_NAME_INVALID = _row(
    _INVALID,
    ("InvalidArgument", "Invalid object name."),
    "Invalid object name: '{name}'",
    "cloud.google.com/storage/docs/objects#naming",
    "assumed",
)
BODY_UNREADABLE = _row(
    (Code.INVALID_ARGUMENT, 400, "parseError"),
    ("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema."),
    "Parse Error",
    _CODES,
    "documented",
)
BODY_TOO_LONG = _row(
    (Code.INVALID_ARGUMENT, 413, "uploadTooLarge"),
    ("EntityTooLarge", "Your proposed upload is larger than the maximum object size allowed."),
    "The request is too large.",
    _CODES,
    "assumed",
)
UPLOAD_MALFORMED = _row(_INVALID, _ARGUMENT, "Malformed multipart body.", _CODES, "assumed")
UPLOAD_TYPE_INVALID = _row(
    _INVALID,
    _ARGUMENT,
    "Invalid value '{value}' for uploadType; must be one of media, multipart, resumable",
    _CODES,
    "assumed",
)
CONTENT_RANGE_INVALID = _row(
    _INVALID,
    _ARGUMENT,
    "Invalid Content-Range: '{value}'; {reason}",
    "cloud.google.com/storage/docs/performing-resumable-uploads",
    "assumed",
)
WRITE_OFFSET_INVALID = _row(
    (Code.OUT_OF_RANGE, 400, "invalid"),
    _ARGUMENT,
    "Invalid write_offset: {offset}; {expected} bytes have been received.",
    "google/storage/v2/storage.proto WriteObjectRequest.write_offset",
    "assumed",
)
WRITE_UNFINISHED = _row(
    _INVALID,
    _ARGUMENT,
    "The stream ended before finish_write.",
    "google/storage/v2/storage.proto WriteObjectRequest.finish_write",
    "assumed",
)
MD5_MISMATCH = _row(
    _INVALID,
    ("BadDigest", "The Content-MD5 you specified did not match what we received."),
    'Provided MD5 hash "{sent}" doesn\'t match calculated MD5 hash "{found}".',
    _CLIENTS,
    "documented",
)
CRC32C_MISMATCH = _row(
    _INVALID,
    ("BadDigest", "The CRC32C you specified did not match what we received."),
    'Provided CRC32C "{sent}" doesn\'t match calculated CRC32C "{found}".',
    _CLIENTS,
    "documented",
)
RANGE_UNSATISFIABLE = _row(
    (Code.OUT_OF_RANGE, 416, "requestedRangeNotSatisfiable"),
    ("InvalidRange", "The requested range cannot be satisfied."),
    "Request range not satisfiable",
    _XML,
    "documented",
)
COMPOSE_SOURCES = _row(
    _INVALID,
    _ARGUMENT,
    "The number of source components provided ({count}) must be between 1 and 32.",
    "cloud.google.com/storage/docs/composite-objects",
    "assumed",
)
GLOB_DELIMITER = _row(
    _INVALID,
    _ARGUMENT,
    "When listing with a glob pattern, the only supported delimiter is '/'.",
    "cloud.google.com/storage/docs/json_api/v1/objects/list#list-object-glob",
    "documented",
)
REWRITE_TOKEN_INVALID = _row(_INVALID, _ARGUMENT, "The rewrite token is invalid.", _CODES, "assumed")
ACL_WITH_UNIFORM_ACCESS = _row(
    _INVALID,
    _ARGUMENT,
    "Cannot use ACL API to update bucket policy when uniform bucket-level access is enabled. Read more at "
    "https://cloud.google.com/storage/docs/uniform-bucket-level-access",
    "cloud.google.com/storage/docs/uniform-bucket-level-access",
    "assumed",
)
METHOD_NOT_ALLOWED = _row(
    (Code.UNIMPLEMENTED, 405, "methodNotAllowed"),
    ("MethodNotAllowed", "The specified method is not allowed against this resource."),
    "The specified method is not allowed against this resource.",
    _XML,
    "documented",
)
SIGNATURE_EXPIRED = _row(
    (Code.INVALID_ARGUMENT, 400, "invalid"),
    ("ExpiredToken", "The provided token has expired."),
    "The provided token has expired.",
    _XML,
    "documented",
)
PART_INVALID = _row(
    _INVALID,
    (
        "InvalidPart",
        "One or more of the specified parts could not be found. The part might not have been uploaded, or the "
        "specified entity tag might not have matched the part's entity tag.",
    ),
    "Invalid part.",
    _XML,
    "documented",
)
PART_ORDER_INVALID = _row(
    _INVALID,
    ("InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number."),
    "Invalid part order.",
    _XML,
    "documented",
)
PART_TOO_SMALL = _row(
    _INVALID,
    ("EntityTooSmall", "Your proposed upload is smaller than the minimum object size allowed."),
    "A part is smaller than 5 MiB.",
    _XML,
    "documented",
)
UPLOAD_BUSY = _row(
    (Code.UNAVAILABLE, 503, "backendError"),
    ("ServiceUnavailable", "Service is unavailable."),
    "Another request goes on with this upload.",
    _CODES,
    "assumed",
)
UNAVAILABLE = _row(
    (Code.INTERNAL, 500, "internalError"),
    ("InternalError", "We encountered an internal error. Please try again."),
    "We encountered an internal error. Please try again.",
    _XML,
    "documented",
)

ROWS: tuple[Row, ...] = name_rows(globals(), ErrorRow)
"""All rows, in this order."""


def find_row(name: str) -> StorageErrorText | None:
    """The row of an ``ApiError``'s rule; None where it is of another table."""
    return next((row for row in ROWS if row.name == name and isinstance(row, StorageErrorText)), None)
