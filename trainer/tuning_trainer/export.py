"""`python -m tuning_trainer merge ADAPTER TARGET`: a tuned model as one Hugging Face directory."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from tuning_trainer.architecture import UnsupportedModelError
from tuning_trainer.lora import InvalidAdapterError
from tuning_trainer.spec import InvalidJobError


class TargetTakenError(ValueError):
    """The directory to write to holds something already."""


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


def _write_model(adapter: Path, target: Path, base_model: str | None) -> None:
    from tuning_trainer.model import is_native, model_directory

    if (adapter / "config.json").exists():
        shutil.copytree(adapter, target)
        return
    base = model_directory(base_model or named_base_model(adapter))
    if is_native(base):
        from tuning_trainer.native import merge_native

        merge_native(adapter, base, target)
        return
    from tuning_trainer.huggingface import merge_huggingface

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


def main(arguments: list[str]) -> int:
    """Command line; 0 when the model is written, 1 when it cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m tuning_trainer merge", description="Merges an adapter into its base."
    )
    parser.add_argument("adapter", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--base-model", help="directory, or 'embedded' (the one that the adapter names)")
    chosen = parser.parse_args(arguments)
    try:
        merge_adapter(chosen.adapter, chosen.target, chosen.base_model)
    except (TargetTakenError, InvalidAdapterError, InvalidJobError, UnsupportedModelError, OSError) as error:
        sys.stderr.write(f"merge: {error}\n")
        return 1
    return 0
