"""`python -m tuning_trainer --help`: the commands, and a job's fields as ``spec`` declares them."""

from __future__ import annotations

import argparse
import dataclasses
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tuning_trainer.spec import (
    DEVICES,
    METHODS,
    OUTTYPES,
    Cancelled,
    Checkpoint,
    Done,
    Evaluation,
    Failed,
    Job,
    Started,
    Step,
)
from tuning_trainer.spec import Example as ExampleLine

EXIT_CODES = """exit codes:
  0    done
  1    the job failed, or nothing could be written
  2    wrong use, or a job that cannot be read
  130  stopped with Ctrl-C, after the step in progress; the same command continues the job"""

_WIDTH = 100
_CHOICES = {"Method": ", ".join(METHODS), "Device": ", ".join(DEVICES)}
_EVENTS: tuple[type[Any], ...] = (Started, Step, Evaluation, Checkpoint, Done, Failed, Cancelled)


COMMANDS = ("merge", "gguf", "convert", "devices", "rehearse")
"""Words that name no file."""


def make_parser() -> argparse.ArgumentParser:
    """What can be asked for. A job alone, ``worker`` and ``child`` are taken before it."""
    parser = argparse.ArgumentParser(
        prog="python -m tuning_trainer",
        description="Tunes a language model with LoRA: one job alone, or many for a server.",
        epilog=f"{EXIT_CODES}\n\n{describe_job()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="JOB.json | COMMAND", dest="command", required=True)
    commands.add_parser("JOB.json", help="train one job: JSON lines, in a terminal a progress bar")
    commands.add_parser("worker", help="train and answer on request, JSON lines in and out [--no-fork]", add_help=False)
    commands.add_parser("cluster", help="train on a Ray cluster on request, JSON lines in and out", add_help=False)
    merge = commands.add_parser("merge", help="a tuned model as one directory: weights, configuration, tokenizer")
    merge.add_argument("adapter", type=Path, metavar="ADAPTER", help="a checkpoint's directory")
    merge.add_argument("target", type=Path, metavar="TARGET", help="where to; must not exist, or be empty")
    gguf = commands.add_parser("gguf", help="a tuned model as one GGUF file, with a Modelfile for Ollama beside it")
    gguf.add_argument("adapter", type=Path, metavar="ADAPTER", help="a checkpoint's directory, or a whole model's")
    gguf.add_argument("file", type=Path, metavar="FILE", help="where to; must not exist, nor a Modelfile beside it")
    gguf.add_argument("--outtype", default="f16", choices=OUTTYPES, help="precision of the matrices (f16)")
    convert = commands.add_parser("convert", help="a GGUF file as a directory of weights, configuration and tokenizer")
    convert.add_argument("file", type=Path, metavar="FILE.gguf")
    convert.add_argument("target", type=Path, metavar="TARGET", help="where to; must not exist, or be empty")
    devices = commands.add_parser("devices", help="what this machine computes on, and which models where; JSON")
    devices.add_argument("models", nargs="*", type=Path, metavar="DIRECTORY", help="beside the embedded base model")
    devices.add_argument("--device", default="auto", choices=DEVICES, help="as a job asks for it (auto)")
    rehearse = commands.add_parser(
        "rehearse", help="try a tuning on a small model; `tuning-emulator rehearse` asks for it"
    )
    rehearse.add_argument("request", type=Path, metavar="REQUEST.json")
    for command in (merge, gguf):
        command.add_argument("--base-model", help="directory, or 'embedded' (the one that the adapter names)")
    return parser


def describe_job() -> str:
    """A job's file, its examples and its events, out of their declarations."""
    lines = ["JOB.json, one object:"]
    meanings = dict(_read_attributes(Job))
    for field in dataclasses.fields(Job):
        kind = _CHOICES.get(str(field.type), str(field.type).replace(" | None", ""))
        told = "required" if field.default is dataclasses.MISSING else f"{_show(field.default)}"
        lines += _indent(f"  {field.name}", f"{meanings.get(field.name, '')} [{kind}; {told}]")
    lines += ["", "examples and validation, one object a line:"]
    lines += [f"  {line}".rstrip() for line in (ExampleLine.__doc__ or "").replace("``", "").splitlines()[2:] if line]
    lines += ["", "events on standard output and in DIRECTORY/events.jsonl, one object a line:"]
    for event in _EVENTS:
        fields = [field for field in dataclasses.fields(event) if field.name != "event"]
        said = (event.__doc__ or "").split("\n\n")[0].replace("``", "").replace("\n", " ")
        lines += _indent(
            f"  {event.__name__.lower()}", f"{' '.join(said.split())} [{', '.join(f.name for f in fields)}]"
        )
    lines += ["", "DIRECTORY/tensorboard has the same figures for TensorBoard once the job is done."]
    return "\n".join(lines)


def _show(value: object) -> str:
    return "none" if value is None or value == () else str(value)


def _indent(name: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{name:<26}", subsequent_indent=" " * 26)


def _read_attributes(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """The fields that a docstring describes below ``Attributes:``, each with its text."""
    text = textwrap.dedent((kind.__doc__ or "").partition("Attributes:")[2]).replace("``", "")
    for name, said in re.findall(r"^ *(\w+): (.*(?:\n {4,}.*)*)", text, re.MULTILINE):
        yield name, " ".join(said.split())
