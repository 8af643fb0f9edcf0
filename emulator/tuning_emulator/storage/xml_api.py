"""The XML API: buckets by path or by host, objects behind them, signed URLs, multipart uploads.

Sources: cloud.google.com/storage/docs/xml-api/reference-methods, multipart-uploads, access-control/signed-urls.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tuning_emulator.core.clock import SECOND_NS
from tuning_emulator.core.errors import ApiError
from tuning_emulator.facts import emulator_errors, storage_errors
from tuning_emulator.storage.access import expand_predefined
from tuning_emulator.storage.downloads import describe, download
from tuning_emulator.storage.listing import AFTER_ALL, PAGE_SIZE, Wanted, format_token, list_page, parse_token
from tuning_emulator.storage.objects import DEFAULT_TYPE
from tuning_emulator.storage.records import DEFAULT_CLASS, Conditions, StoredObject
from tuning_emulator.storage.request import Reply, StorageRequest, decode, read_hashes, read_tags
from tuning_emulator.storage.resources import OBJECT_FIELDS, format_time, present_bucket, read_fields
from tuning_emulator.storage.sessions import Sessions, verify
from tuning_emulator.storage.store import Source, Storage
from tuning_emulator.storage.uploads import continue_session, save, write_all

SUBRESOURCES = frozenset(
    "acl billing compose cors defaultObjectAcl delete encryption encryptionConfig lifecycle logging policy "
    "requestPayment retention storageClass tagging versioning versions website".split()
)
"""What a query may ask for instead of the bucket or the object itself; none of it is served."""

_DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>"
_NAMESPACE = "xmlns='http://doc.s3.amazonaws.com/2006-03-01'"
_PARTS_NAMESPACE = "xmlns='http://s3.amazonaws.com/doc/2006-03-01/'"
"""Of multipart uploads, whose answers are those of S3: google-cloud-storage for Python looks for it."""

_HEADER_FIELDS = {
    "cache-control": "cacheControl",
    "content-disposition": "contentDisposition",
    "content-encoding": "contentEncoding",
    "content-language": "contentLanguage",
    "content-type": "contentType",
    "x-goog-custom-time": "customTime",
    "x-goog-storage-class": "storageClass",
}
_ANSWERED = frozenset(
    "ETag X-Goog-Generation X-Goog-Metageneration X-Goog-Hash X-Goog-Stored-Content-Length "
    "X-Goog-Stored-Content-Encoding".split()
)
_META = "x-goog-meta-"
_XML_TYPE = "application/xml; charset=UTF-8"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def format_xml_error(error: ApiError) -> bytes:
    """The body of an error."""
    row = storage_errors.find_row(error.rule)
    code = row.xml_code if row else "NotImplemented"
    message = (row and row.xml_text) or error.message
    details = _tag("Details", error.message) if row and row.xml_text else ""
    return f"{_DECLARATION}<Error>{_tag('Code', code)}{_tag('Message', message)}{details}</Error>".encode()


class XmlApi:
    """The methods over one storage."""

    def __init__(self, storage: Storage, sessions: Sessions) -> None:
        self.storage = storage
        self.sessions = sessions

    async def answer(self, request: StorageRequest, bucket: str = "") -> Reply:
        """Any request.

        Args:
            bucket: In front of the host; "": the path begins with it.
        """
        path = request.path[1:]
        if not bucket:
            first, _, path = path.partition("/")
            bucket = decode(first)
        name = decode(path)
        request.resource = f"{bucket}/{name}" if name else bucket
        self._check_signature(request)
        for asked in request.query:
            if asked in SUBRESOURCES:
                request.method = f"xml.{asked}"
                raise emulator_errors.STORAGE_METHOD_MISSING(method=f"?{asked} of the XML API")
        if not bucket:
            return self._list_buckets(request)
        if not name:
            return await self._answer_bucket(request, bucket)
        return await self._answer_object(request, bucket, name)

    def _check_signature(self, request: StorageRequest) -> None:
        """Signatures are taken as given; what they say of time is not.

        Raises:
            ApiError: it has expired.
        """
        query, now = request.query, datetime.fromtimestamp(self.storage.now_ns() / 1e9, UTC)
        try:
            if (date := query.get("X-Goog-Date")) is not None and "X-Goog-Signature" in query:
                begin = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                end = begin + timedelta(seconds=int(query.get("X-Goog-Expires", "")))
            elif "Expires" in query and "Signature" in query:
                end = datetime.fromtimestamp(int(query["Expires"]), UTC)
            else:
                return
        except (ValueError, OverflowError, OSError) as error:
            raise storage_errors.ARGUMENT_INVALID(name="X-Goog-Expires", value=query.get("X-Goog-Expires")) from error
        if end < now:
            raise storage_errors.SIGNATURE_EXPIRED()

    # --- buckets ------------------------------------------------------------------------------------

    def _list_buckets(self, request: StorageRequest) -> Reply:
        request.method = "xml.listBuckets"
        if request.verb not in ("GET", "HEAD"):
            raise storage_errors.METHOD_NOT_ALLOWED()
        found = self.storage.list_buckets(request.headers.get("x-goog-project-id", ""))
        listed = "".join(
            f"<Bucket>{_tag('Name', one.name)}{_tag('CreationDate', format_time(one.created_ns))}</Bucket>"
            for one in found
        )
        return _xml(f"<ListAllMyBucketsResult {_NAMESPACE}><Buckets>{listed}</Buckets></ListAllMyBucketsResult>")

    async def _answer_bucket(self, request: StorageRequest, bucket: str) -> Reply:
        verb = request.verb
        if verb == "PUT":
            request.method = "xml.createBucket"
            return await self._create_bucket(request, bucket)
        found = self.storage.get_bucket(bucket)
        if verb == "DELETE":
            request.method = "xml.deleteBucket"
            self.storage.delete_bucket(bucket, read_conditions(request))
            return Reply(204)
        if verb == "HEAD":
            request.method = "xml.headBucket"
            return Reply(200, [("X-Goog-Metageneration", str(found.metageneration))])
        if verb != "GET":
            request.method = "xml.postBucket"
            raise emulator_errors.STORAGE_METHOD_MISSING(method=f"{verb} on a bucket of the XML API")
        if "location" in request.query:
            request.method = "xml.getLocation"
            place = present_bucket(found, request.base_url)["location"]
            return _xml(_tag("LocationConstraint", place))
        request.method = "xml.listObjects"
        return self._list_objects(request, bucket)

    async def _create_bucket(self, request: StorageRequest, bucket: str) -> Reply:
        fields: dict[str, Any] = {}
        root = _parse(await request.body.read())
        for tag, field in (("LocationConstraint", "location"), ("StorageClass", "storageClass")):
            if root is not None and (text := _find_text(root, tag)):
                fields[field] = text
        self.storage.create_bucket(bucket, request.headers.get("x-goog-project-id", ""), fields)
        return Reply(200)

    def _list_objects(self, request: StorageRequest, bucket: str) -> Reply:
        query = request.query
        second = query.get("list-type") == "2"
        limit = request.integer("max-keys")
        if limit is not None and limit < 0:
            raise storage_errors.ARGUMENT_INVALID(name="max-keys", value=limit)
        limit = min(PAGE_SIZE if limit is None else limit, PAGE_SIZE)
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        marker = query.get("start-after" if second else "marker", "")
        after = (marker + AFTER_ALL if delimiter and marker.endswith(delimiter) else marker, 0)
        if second and query.get("continuation-token"):
            after = parse_token(query["continuation-token"])
        page = list_page(
            self.storage, bucket, Wanted(prefix=prefix, delimiter=delimiter, limit=max(1, limit), after=after)
        )
        encode = quote if query.get("encoding-type") == "url" else str
        parts = [_tag("Name", bucket), _tag("Prefix", encode(prefix))]
        if delimiter:
            parts.append(_tag("Delimiter", encode(delimiter)))
        parts += [_tag("MaxKeys", limit), _tag("IsTruncated", str(page.next is not None).lower())]
        if second:
            parts.append(_tag("KeyCount", len(page.objects) + len(page.prefixes)))
        else:
            parts.append(_tag("Marker", encode(marker)))
        if page.next is not None:
            token = format_token(page.next) or ""
            parts.append(
                _tag("NextContinuationToken", token)
                if second
                else _tag("NextMarker", encode(page.next[0].removesuffix(AFTER_ALL)))
            )
        parts += [_format_contents(one, encode(one.name)) for one in page.objects]
        parts += [f"<CommonPrefixes>{_tag('Prefix', encode(one))}</CommonPrefixes>" for one in page.prefixes]
        return _xml(f"<ListBucketResult {_NAMESPACE}>{''.join(parts)}</ListBucketResult>")

    # --- objects ------------------------------------------------------------------------------------

    async def _answer_object(self, request: StorageRequest, bucket: str, name: str) -> Reply:
        verb, query = request.verb, request.query
        if verb in ("GET", "HEAD"):
            if "uploadId" in query:
                request.method = "xml.listParts"
                return self._list_parts(query["uploadId"])
            request.method = "xml.getObject"
            return self._get_object(request, bucket, name)
        if verb == "DELETE":
            request.method = "xml.deleteObject"
            return await self._delete(request, bucket, name)
        if verb == "PUT":
            request.method = "xml.putObject"
            return await self._put(request, bucket, name)
        if verb == "POST":
            request.method = "xml.postObject"
            return await self._post(request, bucket, name)
        raise storage_errors.METHOD_NOT_ALLOWED()

    def _get_object(self, request: StorageRequest, bucket: str, name: str) -> Reply:
        conditions = read_conditions(request)
        found, stream = self.storage.open_object(bucket, name, request.generation, conditions)
        try:
            _check_dates(request.headers, found)
        except BaseException:
            stream.close()
            raise
        return download(request, found, stream, etag=f'"{found.xml_etag}"')

    async def _delete(self, request: StorageRequest, bucket: str, name: str) -> Reply:
        if "uploadId" in request.query:
            session, _ = self.sessions.list_parts(request.query["uploadId"])
            self.sessions.drop(session)
        elif "upload_id" in request.query:
            await asyncio.to_thread(self.sessions.cancel, request.query["upload_id"])
            return Reply(499)
        else:
            self.storage.delete_object(bucket, name, request.generation, read_conditions(request))
        return Reply(204)

    async def _put(self, request: StorageRequest, bucket: str, name: str) -> Reply:
        query, headers = request.query, request.headers
        if "upload_id" in query:
            done = await continue_session(self.sessions, request)
            return done if isinstance(done, Reply) else _stored(done)
        if "uploadId" in query:
            return await self._put_part(request)
        if "x-goog-copy-source" in headers:
            return self._copy(request, bucket, name)
        fields = read_header_fields(request)
        conditions = read_conditions(request)
        self.storage.get_bucket(bucket, filling=True)
        blocks = request.body.blocks()  # gzip stays packed
        return _stored(await save(self.storage, blocks, bucket, name, fields, conditions, read_hashes(headers)))

    def _copy(self, request: StorageRequest, bucket: str, name: str) -> Reply:
        headers = request.headers
        place = headers["x-goog-copy-source"].removeprefix("/")
        from_bucket, slash, from_name = place.partition("/")
        if not slash:
            raise storage_errors.ARGUMENT_INVALID(name="x-goog-copy-source", value=place)
        conditions = Conditions(
            generation=_read_number(headers, "x-goog-copy-source-if-generation-match"),
            metageneration=_read_number(headers, "x-goog-copy-source-if-metageneration-match"),
            match=read_tags(headers, "x-goog-copy-source-if-match"),
            none_match=read_tags(headers, "x-goog-copy-source-if-none-match"),
        )
        generation = _read_number(headers, "x-goog-copy-source-generation") or 0
        source = Source(decode(from_bucket), decode(from_name), generation, conditions)
        replaced = headers.get("x-goog-metadata-directive", "COPY").upper() == "REPLACE"
        fields = read_header_fields(request) if replaced else None
        made = self.storage.copy(source, bucket, name, fields, read_conditions(request))
        time, etag = _tag("LastModified", format_time(made.updated_ns)), _tag("ETag", f'"{made.xml_etag}"')
        reply = _xml(f"<CopyObjectResult>{time}{etag}</CopyObjectResult>")
        reply.headers += _stored(made).headers
        return reply

    async def _post(self, request: StorageRequest, bucket: str, name: str) -> Reply:
        if "uploads" in request.query:
            return self._start_parts(request, bucket, name)
        if "uploadId" in request.query:
            return await self._complete_parts(request, bucket, name)
        if "upload_id" in request.query:
            done = await continue_session(self.sessions, request)
            return done if isinstance(done, Reply) else _stored(done)
        if request.headers.get("x-goog-resumable", "").lower() == "start":
            return self._start_session(request, bucket, name)
        raise emulator_errors.STORAGE_METHOD_MISSING(method="POST on an object of the XML API")

    def _start_session(self, request: StorageRequest, bucket: str, name: str) -> Reply:
        fields = read_header_fields(request)
        length = request.headers.get("x-upload-content-length", "")
        session = self.sessions.create(
            *(bucket, name, fields, read_conditions(request), read_hashes(request.headers)),
            total_bytes=int(length) if length.isdigit() else None,
        )
        path = request.path if request.path.startswith("/") else f"/{request.path}"
        location = f"{request.base_url}{path}?upload_id={session.id}"
        return Reply(201, [("Location", location), ("X-GUploader-UploadID", session.id)])

    # --- multipart uploads --------------------------------------------------------------------------

    def _start_parts(self, request: StorageRequest, bucket: str, name: str) -> Reply:
        fields = read_header_fields(request)
        session = self.sessions.create(bucket, name, fields, read_conditions(request), parts=True)
        named = f"{_tag('Bucket', bucket)}{_tag('Key', name)}{_tag('UploadId', session.id)}"
        return _xml(f"<InitiateMultipartUploadResult {_PARTS_NAMESPACE}>{named}</InitiateMultipartUploadResult>")

    async def _put_part(self, request: StorageRequest) -> Reply:
        number = request.integer("partNumber")
        if number is None or not 1 <= number <= 10_000:
            raise storage_errors.ARGUMENT_INVALID(name="partNumber", value=request.query.get("partNumber"))
        identifier = request.query["uploadId"]
        self.sessions.list_parts(identifier)
        with self.storage.spooling() as spool:
            await write_all(spool, request.body.blocks())
            content = await asyncio.to_thread(lambda: spool.finish(sync=self.storage.durable))
            verify(read_hashes(request.headers), content)
            self.sessions.put_part(identifier, number, content)
        headers = [("ETag", f'"{base64.b64decode(content.md5).hex()}"')]
        headers += [("X-Goog-Hash", f"crc32c={content.crc32c}"), ("X-Goog-Hash", f"md5={content.md5}")]
        return Reply(200, headers)

    def _list_parts(self, identifier: str) -> Reply:
        session, parts = self.sessions.list_parts(identifier)
        listed = "".join(
            f"<Part>{_tag('PartNumber', one.number)}{_tag('LastModified', format_time(one.created_ns))}"
            f"{_tag('ETag', _quoted_md5(one.content.md5))}{_tag('Size', one.content.size_bytes)}</Part>"
            for one in parts
        )
        named = f"{_tag('Bucket', session.bucket)}{_tag('Key', session.name)}{_tag('UploadId', session.id)}"
        ends = _tag("IsTruncated", "false")
        return _xml(f"<ListPartsResult {_PARTS_NAMESPACE}>{named}{ends}{listed}</ListPartsResult>")

    async def _complete_parts(self, request: StorageRequest, bucket: str, name: str) -> Reply:
        root = _parse(await request.body.read())
        if root is None:
            raise storage_errors.BODY_UNREADABLE()
        wanted = [_read_part(one) for one in root.iter() if _local(one.tag) == "Part"]
        conditions = read_conditions(request)
        made = await asyncio.to_thread(self.sessions.complete, request.query["uploadId"], wanted, conditions)
        location = f"{request.base_url}/{quote(bucket)}/{quote(name)}"
        named = f"{_tag('Location', location)}{_tag('Bucket', bucket)}{_tag('Key', name)}"
        etag = _tag("ETag", f'"{made.xml_etag}"')
        reply = _xml(f"<CompleteMultipartUploadResult {_PARTS_NAMESPACE}>{named}{etag}</CompleteMultipartUploadResult>")
        reply.headers += [header for header in _stored(made).headers if header[0] != "Content-Type"]
        return reply


# --- reading


def read_conditions(request: StorageRequest) -> Conditions:
    """The conditions of the headers; of a signed URL they may be in the query.

    Raises:
        ApiError: one is no number.
    """
    headers = {**{key.lower(): value for key, value in request.query.items()}, **request.headers}
    return Conditions(
        generation=_read_number(headers, "x-goog-if-generation-match"),
        not_generation=_read_number(headers, "x-goog-if-generation-not-match"),
        metageneration=_read_number(headers, "x-goog-if-metageneration-match"),
        not_metageneration=_read_number(headers, "x-goog-if-metageneration-not-match"),
        match=read_tags(request.headers, "if-match"),
        none_match=read_tags(request.headers, "if-none-match"),
    )


def _read_number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    if text is None or text == "":
        return None
    if not text.isdigit() or len(text) > 19:
        raise storage_errors.ARGUMENT_INVALID(name=name, value=text)
    return int(text)


def _check_dates(headers: Mapping[str, str], found: StoredObject) -> None:
    """``If-Modified-Since`` and its opposite, where no other condition has gone before. Source: RFC 9110 13.1."""
    updated_s = found.updated_ns // SECOND_NS
    since = _read_date(headers.get("if-modified-since"))
    if since is not None and "if-none-match" not in headers and updated_s <= since:
        raise storage_errors.NOT_MODIFIED()
    since = _read_date(headers.get("if-unmodified-since"))
    if since is not None and "if-match" not in headers and updated_s > since:
        raise storage_errors.PRECONDITION_FAILED()


def _read_date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None


def read_header_fields(request: StorageRequest) -> dict[str, Any]:
    """What the headers set of an object."""
    headers = request.headers
    body = {field: headers[header] for header, field in _HEADER_FIELDS.items() if headers.get(header)}
    metadata = {name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)}
    fields = read_fields({"contentType": DEFAULT_TYPE, **body}, OBJECT_FIELDS, request.notes)
    if metadata:
        fields["metadata"] = metadata
    if headers.get("x-goog-acl"):
        first, *rest = headers["x-goog-acl"].split("-")
        fields["acl"] = expand_predefined(first + "".join(part.capitalize() for part in rest), request.notes)
    return fields


def _parse(data: bytes) -> ElementTree.Element | None:
    """A document without declarations of its own; None where there is none.

    Raises:
        ApiError: it is not well-formed.
    """
    if not data.strip():
        return None
    if b"<!" in data:
        raise storage_errors.BODY_UNREADABLE()
    try:
        return ElementTree.fromstring(data)  # noqa: S314 no document type, so no entities
    except (ElementTree.ParseError, ValueError) as error:
        raise storage_errors.BODY_UNREADABLE() from error


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _find_text(root: ElementTree.Element, tag: str) -> str:
    return next((one.text or "" for one in root.iter() if _local(one.tag) == tag), "").strip()


def _read_part(part: ElementTree.Element) -> tuple[int, str]:
    """Number and MD5 in base64 of a part that is wanted."""
    number, etag = _find_text(part, "PartNumber"), _find_text(part, "ETag").strip('"')
    try:
        return int(number), base64.b64encode(bytes.fromhex(etag)).decode()
    except ValueError as error:
        raise storage_errors.BODY_UNREADABLE() from error


# --- printing


def _tag(name: str, value: object) -> str:
    return f"<{name}>{escape(_CONTROL.sub('', str(value)))}</{name}>"


def _xml(text: str) -> Reply:
    return Reply(200, [("Content-Type", _XML_TYPE)], (_DECLARATION + text).encode("utf-8", "replace"))


def _quoted_md5(md5: str) -> str:
    return f'"{base64.b64decode(md5).hex()}"'


def _stored(made: StoredObject) -> Reply:
    """The answer to an upload: what became of it, in headers."""
    return Reply(200, [header for header in describe(made, f'"{made.xml_etag}"') if header[0] in _ANSWERED])


def _format_contents(one: StoredObject, key: str) -> str:
    return (
        f"<Contents>{_tag('Key', key)}{_tag('Generation', one.generation)}"
        f"{_tag('MetaGeneration', one.metageneration)}{_tag('LastModified', format_time(one.updated_ns))}"
        f"{_tag('ETag', _quoted(one.xml_etag))}{_tag('Size', one.size_bytes)}"
        f"{_tag('StorageClass', one.fields.get('storageClass') or DEFAULT_CLASS)}</Contents>"
    )


def _quoted(text: str) -> str:
    return f'"{text}"'
