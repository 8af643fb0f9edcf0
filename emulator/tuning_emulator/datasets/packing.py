"""What the first bytes of a file say: how it is packed and encoded, or that it is no text at all."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Literal, TypeAlias, cast

import msgspec

HEAD_BYTES = 1 << 16
"""So much of a file is looked at."""

_PIECE_BYTES = 256

Packing: TypeAlias = Literal["", "gzip", "bzip2", "xz", "zip"]

_PACKINGS: tuple[tuple[bytes, Packing], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
)
_PANDAS = 'python -c \'import pandas as p; p.{read}("{{name}}").to_json("rows.jsonl", orient="records", lines=True)\''
_PARQUET, _EXCEL, _FEATHER = (_PANDAS.format(read=one) for one in ("read_parquet", "read_excel", "read_feather"))
_UNPACK = "unpack it"
_FORMATS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"PAR1", "Parquet", _PARQUET),
    (0, b"ARROW1", "an Arrow (Feather) file", _FEATHER),
    (0, b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)", _EXCEL),
    (0, b"%PDF", "a PDF document", "tuning wants a file of examples"),
    (0, b"SQLite format 3\0", "an SQLite database", "export its rows as CSV"),
    (0, b"Obj\x01", "Avro", "write its rows as JSON lines"),
    (0, b"ORC", "ORC", "write its rows as JSON lines"),
    (0, b"\x28\xb5\x2f\xfd", "packed with zstd", "unzstd {name}"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (0, b"PK\x05\x06", "an empty zip archive", "pack it again, or give the file itself"),
    (0, b"\x93NUMPY", "a NumPy array", "write its rows as JSON lines"),
    (0, b"\x89PNG", "a PNG image", "tuning wants a file of examples; images are named in it by gs://"),
    (0, b"\xff\xd8\xff", "a JPEG image", "tuning wants a file of examples; images are named in it by gs://"),
    (257, b"ustar", "a tar archive", "tar -xf {name}"),
)
"""(where, the bytes there, what it is, what to do) of files that are no text."""

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8 with a byte order mark"),
    (b"\xff\xfe\0\0", "utf-32", "UTF-32"),
    (b"\0\0\xfe\xff", "utf-32", "UTF-32"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)


class Packed(msgspec.Struct, frozen=True):
    """How a file's text is to be had.

    Attributes:
        packing: "" where it lies there openly.
        encoding: Python's name; "" where it is no text.
        names: What is unusual about it, in words, outermost first.
        advice: What to do with a file that cannot be converted here; ``{name}`` stands for its name.
        text: Its beginning.
    """

    packing: Packing
    encoding: str
    names: tuple[str, ...]
    advice: str
    text: str


def look(head: bytes) -> Packed:
    """What the first ``HEAD_BYTES`` of a file say."""
    packing: Packing = next((name for magic, name in _PACKINGS if head.startswith(magic)), "")
    names: tuple[str, ...] = ()
    if packing == "zip" and (b"xl/" in head or b"[Content_Types].xml" in head):
        return Packed("", "", ("an Excel workbook (.xlsx)",), _EXCEL, "")
    if packing:
        names = (f"packed with {packing}",)
        head = _unpack_head(packing, head)
    for at, magic, what, advice in _FORMATS:
        if head[at : at + len(magic)] == magic:
            return Packed(packing, "", (*names, what), advice, "")
    encoding, described = find_encoding(head)
    if not encoding:
        return Packed(packing, "", (*names, "binary data"), "tuning wants JSON lines in UTF-8", "")
    text = head.decode(encoding, "replace").removesuffix("\ufffd").removeprefix("\ufeff")
    return Packed(packing, encoding, (*names, described) if described else names, "", text)


def find_encoding(head: bytes) -> tuple[str, str]:
    """Python's name of the encoding, and what is to be said of it; "" for UTF-8, and ("", "") for no text."""
    for mark, encoding, described in _MARKS:
        if head.startswith(mark):
            return encoding, described
    zeros = head.count(0)
    if zeros:
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) < len(head) // 5 or min(even, odd) > max(even, odd) // 4:
            return "", ""
        return ("utf-16-le" if odd > even else "utf-16-be"), "UTF-16 without a byte order mark"
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not just a character that the head has cut
            return _find_one_byte_encoding(head)
    return "utf-8", ""


def _find_one_byte_encoding(head: bytes) -> tuple[str, str]:
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    if controls:
        return "", ""
    try:
        head.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1", "not UTF-8, perhaps Latin-1"
    return "cp1252", "not UTF-8 but Latin-1 (Windows-1252)"


def _unpack_head(packing: Packing, head: bytes) -> bytes:
    if packing == "gzip":
        return _unpack_pieces(zlib.decompressobj(31).decompress, head)
    if packing == "bzip2":
        return _unpack_pieces(bz2.BZ2Decompressor().decompress, head)
    if packing == "xz":
        return _unpack_pieces(lzma.LZMADecompressor().decompress, head)
    start = 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    stored = int.from_bytes(head[8:10], "little") == 0
    return head[start:] if stored else _unpack_pieces(zlib.decompressobj(-15).decompress, head[start:])


def _unpack_pieces(unpack: Callable[[bytes], bytes], head: bytes) -> bytes:
    """As far as it goes: bytes that were read as lines have lost some of their line ends."""
    unpacked = bytearray()
    for at in range(0, len(head), _PIECE_BYTES):
        try:
            unpacked += unpack(head[at : at + _PIECE_BYTES])
        except (zlib.error, OSError, EOFError, lzma.LZMAError):
            break
        if len(unpacked) > HEAD_BYTES:
            break
    return bytes(unpacked[:HEAD_BYTES])


class UnpackError(ValueError):
    """A packed file cannot be unpacked here; the text says why."""


@contextmanager
def open_text(stream: BinaryIO, packed: Packed) -> Iterator[io.TextIOWrapper]:
    """The text of a file from its beginning, line ends as they are.

    Bytes that are not of the encoding become lone surrogates, which no good text has.

    Raises:
        UnpackError: an archive has not exactly one file in it, or is read from a pipe.
    """
    with _unpack(stream, packed.packing) as plain:
        errors = "surrogateescape" if packed.encoding.startswith("utf-8") else "replace"
        text = io.TextIOWrapper(plain, packed.encoding, errors, newline="")
        try:
            yield text
        finally:
            text.detach()


@contextmanager
def _unpack(stream: BinaryIO, packing: Packing) -> Iterator[BinaryIO]:
    if packing == "gzip":
        with gzip.GzipFile(fileobj=stream) as plain:
            yield cast("BinaryIO", plain)
    elif packing == "bzip2":
        with bz2.BZ2File(stream) as bzipped:
            yield cast("BinaryIO", bzipped)
    elif packing == "xz":
        with lzma.LZMAFile(stream) as zipped:
            yield cast("BinaryIO", zipped)
    elif packing == "zip":
        if not stream.seekable():
            raise UnpackError("a zip archive cannot be read from a pipe; give the file's name")
        with zipfile.ZipFile(stream) as archive:
            inside = [one for one in archive.namelist() if not one.endswith("/") and not one.startswith("__MACOSX")]
            if len(inside) != 1:
                raise UnpackError(f"the zip archive has {len(inside)} files; unpack it and convert each")
            with archive.open(inside[0]) as member:
                yield cast("BinaryIO", member)
    else:
        yield stream
