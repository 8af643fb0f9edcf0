"""`python -m tuning_trainer convert FILE.gguf TARGET`: a GGUF file as a Hugging Face directory.

The weights are written once, so that they need not be dequantised whenever a process starts. Tensors of one kind follow
each other layer by layer, in the order in which the decoder stacks them: what reads them can map whole stacks.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType
from numpy.typing import NDArray

from tuning_trainer.gguf_files.architectures import Part, list_parts, make_config, read_rows
from tuning_trainer.gguf_files.header import GgufError, Header, read_header
from tuning_trainer.gguf_files.vocabulary import read_tokenizer

CHUNK = 1 << 24
"""Values that are dequantised at once."""

EXACT = 1_000_000_000
"""Parameters up to which quantised weights are written as float32, just as they are dequantised. Above it bfloat16:
half the disk, and its rounding is finer than a quantised model's steps."""


def convert_file(path: Path, target: Path) -> dict[str, Any]:
    """Writes the model; ``target`` must be an empty directory. What the file says of itself comes back.

    Raises:
        GgufError: the file cannot be used. OSError: it cannot be read, or the target not be written.
    """
    header = read_header(path)
    config = make_config(header)
    parts = list_parts(header, config)
    tokenizer, settings, answers = read_tokenizer(header)
    if tokenizer.get_vocab_size() > config["vocab_size"]:
        raise GgufError(f"{path}: {tokenizer.get_vocab_size():,} tokens, but weights for {config['vocab_size']:,}")
    size = sum(math.prod(part.shape) for part in parts)
    kinds = {header.tensors[part.source].kind for part in parts if len(part.shape) > 1}
    precision = choose_precision(kinds, size)
    config["dtype"] = precision
    config |= {name: answers.get(name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    check_room(target, size * (4 if precision == "float32" else 2))
    write_weights(header, parts, target / "model.safetensors", precision)
    tokenizer.save(str(target / "tokenizer.json"))
    for name, values in (("config", config), ("tokenizer_config", settings), ("generation_config", answers)):
        (target / f"{name}.json").write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", "utf-8")
    texts = {name: header.metadata.get(f"general.{name}") for name in ("name", "license", "architecture")}
    return {
        **{name: text for name, text in texts.items() if isinstance(text, str)},
        "parameters": size,
        "quantization": ", ".join(sorted(kind.name for kind in kinds)),
        "precision": precision,
    }


def choose_precision(kinds: set[GGMLQuantizationType], size: int) -> str:
    """In what the weights are written: as they are, where they are of 16 bits; see ``EXACT`` for quantised ones."""
    if kinds == {GGMLQuantizationType.BF16}:
        return "bfloat16"
    if kinds == {GGMLQuantizationType.F16}:
        return "float16"
    return "float32" if size <= EXACT or GGMLQuantizationType.F32 in kinds else "bfloat16"


def check_room(target: Path, needed: int) -> None:
    """Raises OSError where the disk has not so many bytes, before any is written."""
    free = shutil.disk_usage(target).free
    if needed + (16 << 20) > free:
        raise OSError(f"{target.parent}: {needed / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are free")


_CODES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def write_weights(header: Header, parts: list[Part], target: Path, precision: str) -> None:
    """Writes a safetensors file, tensor after tensor in the order of ``parts``, a few rows in memory at a time.

    The library's own writer wants all tensors in memory, and orders them by name.
    Source: https://github.com/huggingface/safetensors#format
    """
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    place = 0
    for part in parts:
        kept = _find_precision(part, precision)
        end = place + math.prod(part.shape) * (4 if kept == "float32" else 2)
        entries[part.target] = {"dtype": _CODES[kept], "shape": part.shape, "data_offsets": [place, end]}
        place = end
    head = json.dumps(entries, separators=(",", ":")).encode()
    head += b" " * (-(8 + len(head)) % 64)
    with target.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for part in parts:
            for rows in _chunks(part):
                file.write(_encode(read_rows(header, part, rows), _find_precision(part, precision)))


def _find_precision(part: Part, precision: str) -> str:
    """Norms and biases are kept as float32, as in the files themselves: they are few, and their rounding is felt."""
    return precision if len(part.shape) > 1 else "float32"


def _chunks(part: Part) -> Iterator[slice]:
    """Rows that make at most ``CHUNK`` values, whole heads where the tensor has some."""
    if len(part.shape) == 1:
        yield slice(None)
        return
    unit = part.shape[0] // part.heads if part.heads else 1
    step = max(1, CHUNK // (unit * part.shape[1])) * unit
    for start in range(0, part.shape[0], step):
        yield slice(start, min(start + step, part.shape[0]))


def _encode(values: NDArray[np.float32], precision: str) -> bytes:
    if precision == "bfloat16":
        bits = np.ascontiguousarray(values).view(np.uint32)
        rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16  # to the nearest, halves to even
        return rounded.astype("<u2").tobytes()
    return values.astype("<f2" if precision == "float16" else "<f4").tobytes()


def main(file: Path, target: Path) -> int:
    """Command line; 0 when the directory is written, and one line of JSON about it; 1 when it cannot be."""
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise OSError(f"{target} is there already and not an empty directory; give another one")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as work:
            made = Path(work) / "model"
            made.mkdir()
            said = convert_file(file, made)
            if target.exists():
                target.rmdir()
            made.replace(target)
    except (GgufError, OSError) as error:
        sys.stderr.write(f"convert: {' '.join(str(error).split())}\n")
        return 1
    sys.stdout.write(json.dumps(said) + "\n")
    return 0
