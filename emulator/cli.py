"""The command line: ``tuning-emulator serve``, ``env`` and ``rules``."""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import logging
import os
import shlex
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from emulator import __version__

HEALTH_TIMEOUT_S = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        0 on success, 1 when the command failed, 2 when its arguments are wrong.
    """
    parser = argparse.ArgumentParser(
        prog="tuning-emulator", description="A local Gemini tunedModels and Vertex AI tuningJobs service."
    )
    parser.add_argument("--version", action="version", version=f"tuning-emulator {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_env(commands)
    _add_rules(commands)
    parsed = parser.parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


# ---------------------------------------------------------------- serve


def _add_serve(commands: Any) -> None:
    serve = commands.add_parser("serve", help="start the emulator", argument_default=argparse.SUPPRESS)
    serve.add_argument("--host", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, help="port of both APIs; 0 takes a free one (8790)")
    serve.add_argument("--storage-port", type=int, help="port of the embedded Cloud Storage (8791; 0 with --port 0)")
    serve.add_argument("--data-dir", help="keep everything here; without it nothing outlives the server")
    serve.add_argument("--trainer", choices=["auto", "lora", "scripted"], help="what trains (auto)")
    serve.add_argument("--scripted-step-s", type=float, help="seconds per step of the scripted trainer (0)")
    serve.add_argument("--jobs-per-project", type=int, help="jobs of a project that run at the same time (1)")
    serve.add_argument(
        "--as-of",
        action="append",
        metavar="[PROJECT=]DATE",
        help="answer as the services did that day, `today` as now (everything that ever worked works)",
    )
    serve.add_argument(
        "--base-model", action="append", dest="base_models", metavar="MODEL=DIRECTORY", help="weights for a base model"
    )
    serve.add_argument("--default-dataset", help="examples for Gemini creates that bring none")
    serve.add_argument("--storage", help="embedded, cloud, or the URL of a storage emulator (embedded)")
    serve.add_argument(
        "--bucket", action="append", dest="buckets", metavar="NAME=DIRECTORY", help="fill a bucket from a directory"
    )
    serve.add_argument("--credentials", help="file of keys, tokens, projects and denials")
    serve.add_argument("--seed", type=int, help="repeatable ids and training")
    serve.add_argument("--log-level", choices=["debug", "info", "warning", "error"], help="how much is logged (info)")
    serve.set_defaults(run=_serve)


def _serve(parsed: argparse.Namespace) -> int:
    gc.disable()  # a fifth of the start would go into looking for garbage among what the imports make
    from pydantic import ValidationError

    from emulator.server import ServerError, serve
    from emulator.settings import Settings

    gc.enable()
    given = {name: value for name, value in vars(parsed).items() if name != "run"}
    if given.get("port") == 0:
        given.setdefault("storage_port", 0)
    try:
        settings = Settings(**given)
    except ValidationError as error:
        for problem in error.errors():
            name = "--" + str(problem["loc"][0]).replace("_", "-")
            print(f"tuning-emulator: {name}: {problem['msg']} (got {problem['input']!r})", file=sys.stderr)
        return 2
    logging.basicConfig(level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its start and stop are ours to announce
    try:
        serve(settings, announce=lambda health: _announce(dict(health)))
    except ServerError as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return 1
    return 0


def _announce(health: dict[str, Any]) -> None:
    trainer = health["trainer"]["name"]
    note = "really trains" if trainer == "lora" else "pretends; install tuning-emulator[lora] for real training"
    print(f"tuning-emulator {__version__} answers at {health['url']}")
    print(f"trainer: {trainer} ({note})")
    print(f"storage: {health['storage']['url'] or 'Google Cloud Storage'}")
    print(f"data:    {health['data_dir'] or 'in memory, gone when this stops'}")
    print()
    print("Point the SDKs at it with these variables (or: eval $(tuning-emulator env)):")
    for line in format_environment(health):
        print(f"  {line}")
    print("Stop with Ctrl-C.", flush=True)


# ---------------------------------------------------------------- env


def _add_env(commands: Any) -> None:
    from emulator.core.ports import DEFAULT_PORT

    env = commands.add_parser("env", help="print the variables that point each SDK at a running emulator")
    env.add_argument("--url", default=f"http://127.0.0.1:{DEFAULT_PORT}", help="where it runs (%(default)s)")
    env.set_defaults(run=_env)


def _env(parsed: argparse.Namespace) -> int:
    try:
        with urllib.request.urlopen(f"{parsed.url}/emulator/v1/health", timeout=HEALTH_TIMEOUT_S) as answer:  # noqa: S310 the user names it
            health = json.load(answer)
    except (OSError, ValueError) as error:
        print(f"tuning-emulator: nothing answers at {parsed.url}: {error}; start it or give --url", file=sys.stderr)
        return 1
    print("\n".join(format_environment(health)))
    return 0


def format_environment(health: dict[str, Any]) -> list[str]:
    """Shell lines that point the SDKs at the emulator.

    google-genai reads the two base URLs and the key, google-cloud-storage its emulator's host. No project is set:
    with GOOGLE_CLOUD_PROJECT in the environment the vertexai package asks a public host for the project's id.
    """
    variables = {
        "GOOGLE_GEMINI_BASE_URL": health["url"],
        "GOOGLE_VERTEX_BASE_URL": health["url"],
        "GEMINI_API_KEY": "emulator",
    }
    if health["storage"]["url"]:
        variables["STORAGE_EMULATOR_HOST"] = health["storage"]["url"]
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


# ---------------------------------------------------------------- rules


def _add_rules(commands: Any) -> None:
    rules = commands.add_parser("rules", help="list what the real services say and do, with source and grade")
    rules.add_argument("--grade", choices=["recorded", "documented", "assumed"], help="only rows of this grade")
    rules.add_argument("--json", action="store_true", help="one JSON object a line")
    rules.set_defaults(run=_rules)


def _rules(parsed: argparse.Namespace) -> int:
    from emulator.facts.catalogue import count_by_grade, list_entries

    entries = list_entries()
    for entry in entries:
        if parsed.grade in (None, entry.grade):
            if parsed.json:
                print(json.dumps(dataclasses.asdict(entry), ensure_ascii=False))
            else:
                print(f"{entry.where}: {entry.name} [{entry.grade}] {entry.kind}{entry.days}")
                print(f"    {entry.text!r}")
                print(f"    {entry.source}")
    counts = count_by_grade(entries)
    print(", ".join(f"{number} {grade}" for grade, number in counts.items()), file=sys.stderr)
    return 0
