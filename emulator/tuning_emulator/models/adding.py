"""Adding a model: looked at where it lies, written down as a Hugging Face directory if it is a GGUF file, recorded."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tuning_emulator.models.added import AddedModel, AddedModels, ModelError, describe_files, write_record
from tuning_emulator.models.sources import Source

NEEDED = ("gguf", "tokenizers", "numpy")
"""Packages that read a GGUF file; the extras ``gguf`` and ``lora`` bring them."""

MAX_HEADER = 100_000_000
"""Bytes of a safetensors header, as the format's library has it."""


def add_model(models: AddedModels, source: Source, origin: str, name: str, say: Callable[[str], None]) -> AddedModel:
    """Adds a model under a name.

    Raises:
        ModelError: the name is taken, or the model cannot be used. OSError: the disk is full, say.
    """
    with models.adding(name) as made:
        if source.path.is_dir():
            model = _describe_directory(source, origin, name, say)
        else:
            say(f"reading {source.path}")
            model = _convert(source, made, origin, name)
        if source.license_text:
            (made / "LICENSE").write_text(source.license_text, "utf-8")
        write_record(made, model)
    return model


def _describe_directory(source: Source, origin: str, name: str, say: Callable[[str], None]) -> AddedModel:
    """The record of a directory that is read in place."""
    path = source.path.absolute()
    config = _read_json(path / "config.json")
    shapes = [tensor for file in sorted(path.glob("*.safetensors")) for tensor in read_shapes(file)]
    say(f"reading {path}")
    return AddedModel(
        name,
        "directory",
        origin,
        sum(math.prod(shape) for shape, _ in shapes),
        str(next(iter(config.get("architectures") or ()), config.get("model_type", ""))),
        describe_files(path),
        path=str(path),
        license=source.license,
        precision=", ".join(sorted({kind for _, kind in shapes})),
        added=datetime.now(UTC).date().isoformat(),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path}: holds no object")
    return values


def read_shapes(path: Path) -> list[tuple[list[int], str]]:
    """Shape and kind of every tensor of a safetensors file.

    Raises:
        ModelError: it is none.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(MAX_HEADER, path.stat().st_size):
                raise ValueError(f"a header of {length:,} bytes")
            tensors = json.loads(file.read(length))
        found = [(one["shape"], str(one["dtype"])) for key, one in tensors.items() if key != "__metadata__"]
        if not all(isinstance(size, int) and size >= 0 for shape, _ in found for size in shape):
            raise ValueError("a shape that is none")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no safetensors file: {error}") from error
    return found


def _convert(source: Source, made: Path, origin: str, name: str) -> AddedModel:
    """Writes a GGUF file as a directory, in a process that has what reads it."""
    if missing := [package for package in NEEDED if find_spec(package) is None]:
        raise ModelError(f"reading GGUF needs {', '.join(missing)}; install tuning-emulator[lora,gguf]")
    command = [sys.executable, "-P", "-m", "tuning_trainer", "convert", str(source.path.absolute()), str(made)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 our own module
        try:
            said, wrong = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        last = wrong.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
        raise ModelError(last[0].removeprefix("convert: "))
    found = json.loads(said)
    return AddedModel(
        name,
        "gguf",
        origin,
        found["parameters"],
        str(_read_json(made / "config.json")["architectures"][0]),
        describe_files(made),
        license=source.license or found.get("license", ""),
        quantization=found["quantization"],
        precision=found["precision"],
        added=datetime.now(UTC).date().isoformat(),
    )
