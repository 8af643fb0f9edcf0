"""Handing out what tuning made: the files of an adapter, as other tools read them."""

from __future__ import annotations

import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import IO

from trainer.spec import EMBEDDED, embedded_base_model

ADAPTER_CONFIG = "adapter_config.json"
MODEL_CONFIG = "config.json"
"""Present in a fully tuned model, which is a base model itself and has no adapter."""


def pack_adapter(directory: Path, target: IO[bytes]) -> None:
    """Writes the files of an adapter, or of a fully tuned model, as a tar archive without folders.

    The base model that ships with the trainer is named by its directory on this machine, so that
    ``AutoPeftModelForCausalLM`` finds it.

    Raises:
        FileNotFoundError: the directory is not there any more.
    """
    with tarfile.open(fileobj=target, mode="w") as archive:
        for file in sorted(directory.iterdir()):
            if file.name == ADAPTER_CONFIG:
                _add_bytes(archive, file.name, _name_base_model(file.read_text("utf-8")))
            elif file.is_file():
                archive.add(file, file.name)


def unpack_adapter(source: IO[bytes], target: Path) -> None:
    """Writes the files of such an archive to a directory.

    Raises:
        tarfile.TarError: it is none, or holds something else than plain files.
    """
    with tarfile.open(fileobj=source, mode="r|") as archive:
        archive.extractall(target, filter="data")


def _name_base_model(text: str) -> bytes:
    values = json.loads(text)
    if values.get("base_model_name_or_path") == EMBEDDED:
        values["base_model_name_or_path"] = str(embedded_base_model())
    return json.dumps(values, indent=2).encode() + b"\n"


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, BytesIO(data))
