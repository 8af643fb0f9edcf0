"""What stands before the weights in a GGUF file: metadata, and where each tensor lies.

The ``gguf`` package's reader believes the lengths and offsets that a file states; a file from anywhere can state
anything. So the header is read here, every count held against the bytes that there are, and the package is asked for
what the numbers mean (types, block sizes, dequantisation) alone. Nothing is read beyond the header; tensors stay in the
mapped file until one is asked for.

Source of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType
from numpy.typing import NDArray

MAX_NAME = 1024
"""Bytes of a tensor's name; the format says 64. Of a key it says 65,535."""

MAX_ITEMS = 4_000_000
"""Items of all arrays together: the largest vocabularies have 300,000 tokens and twice as many merges."""

MAX_HEADER = 256 << 20
MAX_TENSORS = 20_000
MAX_KEYS = 10_000

Value: TypeAlias = Any
"""int, float, bool, str, or an array: a list of str, an NDArray of numbers."""


class GgufError(ValueError):
    """A file is no GGUF that can be used; the text says what is wrong with it, in one line."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where a tensor lies. ``shape``: as in Hugging Face's files, the last one contiguous. ``start``: in bytes."""

    name: str
    shape: tuple[int, ...]
    kind: GGMLQuantizationType
    start: int
    size: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row, that is of the last dimension."""
        block, block_bytes = GGML_QUANT_SIZES[self.kind]
        return self.shape[-1] // block * block_bytes


@dataclass(frozen=True, slots=True)
class Header:
    """The whole header of a file."""

    path: Path
    metadata: Mapping[str, Value]
    tensors: Mapping[str, TensorInfo]


_NUMBERS = {
    GGUFValueType.UINT8: "<u1",
    GGUFValueType.INT8: "<i1",
    GGUFValueType.UINT16: "<u2",
    GGUFValueType.INT16: "<i2",
    GGUFValueType.UINT32: "<u4",
    GGUFValueType.INT32: "<i4",
    GGUFValueType.FLOAT32: "<f4",
    GGUFValueType.BOOL: "<u1",
    GGUFValueType.UINT64: "<u8",
    GGUFValueType.INT64: "<i8",
    GGUFValueType.FLOAT64: "<f8",
}


class _Reader:
    """A place in the mapped file that only moves forward, never past the end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self.place, self._end = data, 0, min(len(data), MAX_HEADER)
        self._items = 0

    def _take(self, count: int, what: str) -> int:
        start = self.place
        if count > self._end - start:
            limit = "the file ends" if self._end == len(self._data) else "no header is larger than 256 MiB"
            raise GgufError(f"{what} at byte {start:,} has {count:,} bytes, but {limit}")
        self.place += count
        return start

    def number(self, code: str, what: str) -> int:
        value: int = struct.unpack_from(code, self._data, self._take(struct.calcsize(code), what))[0]
        return value

    def text(self, what: str, limit: int | None = None) -> str:
        length = self.number("<Q", what)
        if limit is not None and length > limit:
            raise GgufError(f"{what} at byte {self.place:,} has {length:,} bytes, more than {limit:,}")
        start = self._take(length, what)
        try:
            return str(self._data[start : start + length], "utf-8")
        except UnicodeDecodeError:
            raise GgufError(f"{what} at byte {start:,} is not UTF-8") from None

    def value(self, kind: int, what: str) -> Value:
        if kind == GGUFValueType.STRING:
            return self.text(what)
        if kind == GGUFValueType.ARRAY:
            return self._array(what)
        form = np.dtype(self._form(kind, what))
        start = self._take(form.itemsize, what)
        found = np.frombuffer(self._data, form, 1, start)[0].item()
        return bool(found) if kind == GGUFValueType.BOOL else found

    def _array(self, what: str) -> Value:
        kind, count = self.number("<I", what), self.number("<Q", what)
        if count > MAX_ITEMS - self._items:
            raise GgufError(f"{what} has {count:,} items; all arrays together may have {MAX_ITEMS:,}")
        self._items += count
        if kind == GGUFValueType.STRING:
            if count * 8 > self._end - self.place:
                raise GgufError(f"{what} has {count:,} texts, more than the file has room for")
            return [self.text(what) for _ in range(count)]
        form = np.dtype(self._form(kind, what))
        start = self._take(count * form.itemsize, what)
        return np.frombuffer(self._data, form, count, start).copy()

    @staticmethod
    def _form(kind: int, what: str) -> str:
        try:
            return _NUMBERS[GGUFValueType(kind)]
        except (ValueError, KeyError):
            raise GgufError(f"{what} has the unknown type {kind}") from None


def read_header(path: Path) -> Header:
    """Reads and checks the header of a file.

    Raises:
        GgufError: it is no GGUF of version 2 or 3, or states something that cannot be. OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise GgufError(f"{path}: not a GGUF file (it does not begin with GGUF)")
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _read(path, data)
        except GgufError as error:
            raise GgufError(f"{path}: {error}") from None


def _read(path: Path, data: mmap.mmap) -> Header:
    reader = _Reader(data)
    reader.place = 4
    version = reader.number("<I", "the version")
    if version not in (2, 3):
        raise GgufError(f"version {version} is neither 2 nor 3 of the format (little-endian)")
    tensor_count, key_count = reader.number("<Q", "the tensor count"), reader.number("<Q", "the key count")
    for count, limit, what in ((tensor_count, MAX_TENSORS, "tensors"), (key_count, MAX_KEYS, "keys")):
        if count > limit:
            raise GgufError(f"it states {count:,} {what}, more than {limit:,}")
    metadata: dict[str, Value] = {}
    for _ in range(key_count):
        key = reader.text("a key", 65535)
        if key in metadata:
            raise GgufError(f"the key {key!r} is there twice")
        metadata[key] = reader.value(reader.number("<I", f"the type of {key!r}"), f"{key!r}")
    stated = [_read_tensor(reader) for _ in range(tensor_count)]
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or not 8 <= alignment <= 65536 or alignment & (alignment - 1):
        raise GgufError(f"general.alignment: {alignment!r} is not a power of two from 8 to 65,536")
    return Header(path, metadata, _place(stated, -(-reader.place // alignment) * alignment, alignment, len(data)))


def _read_tensor(reader: _Reader) -> TensorInfo:
    """One line of the table; ``start`` is still relative to where the tensors begin."""
    name = reader.text("a tensor's name", MAX_NAME)
    dimensions = reader.number("<I", f"the dimensions of {name!r}")
    if not 1 <= dimensions <= 4:
        raise GgufError(f"tensor {name!r} has {dimensions:,} dimensions, not 1 to 4")
    shape = tuple(reader.number("<Q", f"the shape of {name!r}") for _ in range(dimensions))[::-1]
    number, start = reader.number("<I", f"the type of {name!r}"), reader.number("<Q", f"the offset of {name!r}")
    try:
        kind = GGMLQuantizationType(number)
        block, block_bytes = GGML_QUANT_SIZES[kind]
    except (ValueError, KeyError):
        raise GgufError(f"tensor {name!r} has the unknown type {number}") from None
    if 0 in shape or shape[-1] % block:
        raise GgufError(f"tensor {name!r} has the shape {shape}; rows of {kind.name} have a multiple of {block} values")
    return TensorInfo(name, shape, kind, start, math.prod(shape) // block * block_bytes)


def _place(stated: list[TensorInfo], start: int, alignment: int, end: int) -> dict[str, TensorInfo]:
    """The tensors by name, with their places in the file."""
    placed: dict[str, TensorInfo] = {}
    for one in stated:
        if one.name in placed:
            raise GgufError(f"the tensor {one.name!r} is there twice")
        if one.start % alignment:
            raise GgufError(f"tensor {one.name!r} begins at {one.start:,}, no multiple of {alignment}")
        if start + one.start + one.size > end:
            raise GgufError(f"tensor {one.name!r} ends at byte {start + one.start + one.size:,} of {end:,}: cut off?")
        placed[one.name] = TensorInfo(one.name, one.shape, one.kind, start + one.start, one.size)
    ordered = sorted(placed.values(), key=lambda one: one.start)
    for first, second in pairwise(ordered):
        if first.start + first.size > second.start:
            raise GgufError(f"the tensors {first.name!r} and {second.name!r} overlap")
    return placed


def map_tensor(header: Header, name: str) -> NDArray[np.uint8]:
    """The stored bytes of a tensor, (rows, bytes of a row), mapped and not read."""
    info = header.tensors[name]
    rows = math.prod(info.shape[:-1])
    mapped: NDArray[np.uint8] = np.memmap(header.path, np.uint8, "r", info.start, (rows, info.row_bytes))
    return mapped
