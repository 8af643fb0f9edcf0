"""``tuning-emulator export-adapter``: what tuning made, for other tools."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
from pathlib import Path
from typing import IO

from tuning_emulator.cli.values import add_url, describe_error
from tuning_emulator.testing.client import Control, ControlError, NoAnswerError
from tuning_trainer.spec import OUTTYPES


class ExportError(Exception):
    """Nothing was written; the text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, where to, and where from."""
    parser.add_argument("name", metavar="NAME", help="tunedModels/x, or projects/…/tuningJobs|models|endpoints/id")
    parser.add_argument("directory", metavar="DIR", type=Path, nargs="?", help="where to; must not exist, or be empty")
    parser.add_argument("--merged", action="store_true", help="one whole model: base and adapter together, tokenizer")
    parser.add_argument(
        "--gguf", metavar="FILE", type=Path, help="one whole model for llama.cpp, and beside it a Modelfile for Ollama"
    )
    parser.add_argument("--outtype", choices=OUTTYPES, help="precision of the GGUF file's matrices (f16)")
    parser.add_argument("--checkpoint", default="", metavar="ID", help="of a Vertex model (its default checkpoint)")
    parser.add_argument("--json", action="store_true", help="say where it is as one JSON object")
    origin = parser.add_mutually_exclusive_group()
    add_url(origin)
    origin.add_argument("--data-dir", type=Path, help="data directory of an emulator that does not run")


def run(parsed: argparse.Namespace) -> int:
    """Writes what was asked for, all of it or nothing. 0: it is there, 1: it is not, 2: it is not clear what."""
    if problem := find_contradiction(parsed):
        print(f"tuning-emulator: {problem}", file=sys.stderr)
        return 2
    target: Path = parsed.gguf or parsed.directory
    try:
        if parsed.gguf is None:
            check_target(target)
        elif target.exists():
            raise ExportError(f"--gguf: {target} is there already; give another file")
        with tempfile.TemporaryDirectory(prefix="adapter-") as work:
            adapter = Path(work) / "adapter"
            adapter.mkdir()
            fetch_adapter(parsed, adapter)
            if parsed.gguf is None:
                write_target(adapter, target, parsed.merged)
            else:
                run_trainer(
                    "--gguf", "gguf", str(adapter), str(target.absolute()), "--outtype", parsed.outtype or "f16"
                )
    except (ExportError, OSError) as error:
        print(f"tuning-emulator: {describe_error(error)}", file=sys.stderr)
        return 1
    print(json.dumps({"name": parsed.name, "path": str(target)}) if parsed.json else f"{parsed.name} is in {target}")
    return 0


def find_contradiction(parsed: argparse.Namespace) -> str:
    """What is wrong with the options together; "" for nothing."""
    if (parsed.directory is None) == (parsed.gguf is None):
        return "give either DIR or --gguf FILE"
    if parsed.gguf is not None and parsed.merged:
        return "--merged: a GGUF file is one whole model already; leave it out"
    if parsed.gguf is None and parsed.outtype:
        return "--outtype: it is the precision of a GGUF file; give --gguf FILE too"
    return ""


def check_target(target: Path, name: str = "DIR") -> None:
    """Raises ExportError where something would be overwritten."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ExportError(f"{name}: {target} is there already and not an empty directory; give another one")


def fetch_adapter(parsed: argparse.Namespace, target: Path) -> None:
    """Brings the adapter's files from the server or the data directory.

    Raises:
        ExportError: there is none, or where it should come from cannot be reached.
    """
    from tuning_emulator.jobs.output import unpack_adapter

    with tempfile.TemporaryFile() as archive:
        if parsed.data_dir is not None:
            _pack_from_directory(parsed, archive)
        else:
            _fetch_from_server(parsed, archive)
        archive.seek(0)
        try:
            unpack_adapter(archive, target)
        except tarfile.TarError as error:
            raise ExportError(_describe_silence(parsed.url, error)) from error


def _fetch_from_server(parsed: argparse.Namespace, archive: IO[bytes]) -> None:
    name = urllib.parse.quote(parsed.name)
    try:
        Control(parsed.url).receive(f"adapters/{name}", archive, checkpoint=parsed.checkpoint)
    except ControlError as error:
        raise ExportError(str(error)) from error
    except NoAnswerError as error:
        raise ExportError(_describe_silence(parsed.url, error.reason)) from error


def _describe_silence(url: str, reason: object) -> str:
    return f"nothing usable answers at {url}: {reason}; start it, or give --url or --data-dir"


def _pack_from_directory(parsed: argparse.Namespace, archive: IO[bytes]) -> None:
    from tuning_emulator.jobs.output import pack_adapter
    from tuning_emulator.jobs.registry import NoAdapterError, find_tuned
    from tuning_emulator.store.database import DATABASE_NAME, StoreError
    from tuning_emulator.store.store import Store

    if not (parsed.data_dir / DATABASE_NAME).exists():
        raise ExportError(f"--data-dir: {parsed.data_dir} holds no {DATABASE_NAME}; give an emulator's data directory")
    try:
        store = Store(parsed.data_dir)
    except StoreError as error:
        raise ExportError(f"--data-dir: {error}") from error
    try:
        pack_adapter(parsed.data_dir / find_tuned(store, parsed.name, parsed.checkpoint).adapter, archive)
    except NoAdapterError as error:
        raise ExportError(str(error)) from error
    finally:
        store.close()


def write_target(adapter: Path, target: Path, merged: bool) -> None:
    """Moves the files to where they were asked for, or merges them there in a process that has torch."""
    if not merged:
        target.mkdir(parents=True, exist_ok=True)
        for file in adapter.iterdir():
            (target / file.name).write_bytes(file.read_bytes())
        return
    run_trainer("--merged", "merge", str(adapter), str(target.absolute()))


def run_trainer(option: str, *arguments: str) -> None:
    """Lets the trainer write, in a process that has torch.

    Raises:
        ExportError: it is not installed, or says why it does not.
    """
    from tuning_emulator.jobs.lora import explain_missing, missing_packages

    if missing := missing_packages():
        raise ExportError(f"{option} {explain_missing(missing)}")
    command = [sys.executable, "-P", "-m", "tuning_trainer", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 our own module
    if done.returncode:
        raise ExportError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{option}: it failed")
