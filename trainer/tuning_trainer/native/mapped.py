"""Weights that are used where they lie: stacks that a safetensors file holds in one piece are mapped, not read.

``gguf_files.convert`` writes such files. Nothing is copied then: a process is ready at once, and all of them share the
pages that the system keeps of the file anyway. Files whose tensors lie in another order are loaded as ever.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

_CODES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}
_MAX_HEADER = 100_000_000
"""Bytes, as the format's library has it."""


class MappedFile:
    """A safetensors file that the system pages in where it is looked at; changes to it stay in this process."""

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            self._entries = json.loads(file.read(length)) if length <= min(size, _MAX_HEADER) else {}
        self._begin = 8 + length
        self._path, self._size = path, size
        self._bytes: Tensor | None = None

    def find_stack(self, names: Iterable[str], shape: tuple[int, ...], dtype: torch.dtype) -> Tensor | None:
        """Tensors that follow each other as one; None where they do not, or are of another kind or number of values."""
        entries = [self._entries.get(name) for name in names]
        place = start = entries[0]["data_offsets"][0] if entries and entries[0] else -1
        for entry in entries:
            if entry is None or entry["dtype"] != _CODES.get(dtype) or entry["data_offsets"][0] != place:
                return None
            place = entry["data_offsets"][1]
        width, begin = dtype.itemsize, self._begin + start
        if start < 0 or place - start != math.prod(shape) * width or begin % width or self._begin + place > self._size:
            return None
        if self._bytes is None:
            self._bytes = torch.from_file(str(self._path), shared=False, size=self._size, dtype=torch.uint8)
        return self._bytes[begin : self._begin + place].view(dtype).view(shape)
