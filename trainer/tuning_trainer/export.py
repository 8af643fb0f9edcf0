"""A tuned model for other tools.

`python -m tuning_trainer merge ADAPTER TARGET`: one directory in Hugging Face's layout.
`python -m tuning_trainer gguf ADAPTER FILE`: one GGUF file with a Modelfile beside it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tuning_trainer.data.chat import UnsupportedTokenizerError
from tuning_trainer.gguf_files.written_vocabulary import UnsupportedGgufError
from tuning_trainer.native.architecture import UnsupportedModelError
from tuning_trainer.native.lora import InvalidAdapterError
from tuning_trainer.spec import OUTTYPES, InvalidJobError


class TargetTakenError(ValueError):
    """Where to write to there is something already."""


MODELFILE = "Modelfile"


def merge_adapter(adapter: Path, target: Path, base_model: str | None = None) -> None:
    """Writes base and adapter as one model: weights, configuration, tokenizer. The weights are float32.

    Args:
        adapter: Directory of a PEFT adapter, or of a fully tuned model, which is only copied.
        target: Must not exist, or be empty.
        base_model: Directory, or ``embedded``; the one that the adapter names unless given.

    Raises:
        TargetTakenError, InvalidAdapterError, InvalidJobError (there is no such base model), UnsupportedModelError.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TargetTakenError(f"{target} is there already and not an empty directory; give another one")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as work:
        made = Path(work) / "model"
        _write_model(adapter, made, base_model)
        if target.exists():
            target.rmdir()
        made.replace(target)


def export_gguf(adapter: Path, file: Path, outtype: str = "f16", base_model: str | None = None) -> None:
    """Writes base and adapter as one GGUF file, and a Modelfile for Ollama beside it.

    Args:
        adapter, base_model: As for ``merge_adapter``.
        outtype: Precision of the matrices, one of ``spec.OUTTYPES``.

    Raises:
        TargetTakenError, UnsupportedGgufError, ImportError (without the package gguf), and as ``merge_adapter``.
    """
    from tuning_trainer.durable import sync
    from tuning_trainer.gguf_files.modelfile import write_modelfile
    from tuning_trainer.gguf_files.writing import write_gguf

    modelfile = file.with_name(MODELFILE)
    for taken in (file, modelfile):
        if taken.exists():
            raise TargetTakenError(f"{taken} is there already; give another one")
    chosen = next((one for one in OUTTYPES if one == outtype), None)
    if chosen is None:
        raise UnsupportedGgufError(f"outtype: {outtype!r} is not one of {', '.join(OUTTYPES)}")
    import gguf  # noqa: F401 that it is missing is said before anything is merged

    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{file.name}-", dir=file.parent) as work:
        model = Path(work) / "model"
        merge_adapter(adapter, model, base_model)
        text = write_modelfile(model, file)
        whole, told = Path(work) / file.name, Path(work) / MODELFILE
        write_gguf(model, whole, chosen)
        told.write_text(text, "utf-8")
        told.replace(modelfile)
        whole.replace(file)  # last: who finds it finds the Modelfile too
        sync(file.parent)


def _write_model(adapter: Path, target: Path, base_model: str | None) -> None:
    from tuning_trainer.model import is_native, model_directory

    if (adapter / "config.json").exists():
        shutil.copytree(adapter, target)
        return
    base = model_directory(base_model or named_base_model(adapter))
    if is_native(base):
        from tuning_trainer.native.tuned import merge_native

        merge_native(adapter, base, target)
        return
    from tuning_trainer.huggingface.tuned import merge_huggingface

    merge_huggingface(adapter, base, target)


def named_base_model(adapter: Path) -> str:
    """The base model that an adapter says it was made for.

    Raises:
        InvalidAdapterError: it is no adapter, or names none.
    """
    file = adapter / "adapter_config.json"
    if not file.exists():
        raise InvalidAdapterError(f"{adapter}: holds neither adapter_config.json nor config.json")
    name = json.loads(file.read_text("utf-8")).get("base_model_name_or_path")
    if not name:
        raise InvalidAdapterError(f"{file}: names no base model; give --base-model")
    return str(name)


_FAILURES = (
    TargetTakenError,
    InvalidAdapterError,
    InvalidJobError,
    UnsupportedModelError,
    UnsupportedTokenizerError,
    UnsupportedGgufError,
    OSError,
)


def merge(chosen: argparse.Namespace) -> int:
    """Command line of ``merge``; 0 when the model is written, 1 when it cannot be."""
    return _report("merge", lambda: merge_adapter(chosen.adapter, chosen.target, chosen.base_model))


def gguf(chosen: argparse.Namespace) -> int:
    """Command line of ``gguf``; 0 when the file is written, 1 when it cannot be."""
    return _report("gguf", lambda: export_gguf(chosen.adapter, chosen.file, chosen.outtype, chosen.base_model))


def _report(name: str, export: Callable[[], None]) -> int:
    try:
        export()
    except _FAILURES as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{name}: {error.name} is not installed; install tuning-emulator[gguf]\n")
        return 1
    return 0
