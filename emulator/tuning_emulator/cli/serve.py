"""``tuning-emulator serve``: the emulator in the foreground."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from tuning_emulator import __version__
from tuning_emulator.cli.env import format_environment

# --- how log lines look: for people, or one JSON object each


def set_up_logging(level: str, form: str) -> None:
    """Sends all log lines to standard error, in the form of the setting ``log_format``."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter() if form == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class JsonFormatter(logging.Formatter):
    """``time`` (RFC 3339, real time), ``level``, ``logger``, ``message``; of requests also their fields, by name."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": record.levelname.lower(), "logger": record.name}
        fields = getattr(record, "fields", None)
        line |= fields or {"message": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every setting as an option; what is not given is left to the environment and the defaults."""
    parser.argument_default = argparse.SUPPRESS
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="port of both APIs; 0 takes a free one (8790)")
    parser.add_argument("--storage-port", type=int, help="port of the embedded Cloud Storage (8791; 0 with --port 0)")
    parser.add_argument("--data-dir", help="keep everything here; without it nothing outlives the server")
    parser.add_argument("--trainer", choices=["auto", "lora", "scripted"], help="what trains (auto)")
    parser.add_argument("--scripted-step-s", type=float, help="seconds per step of the scripted trainer (0)")
    parser.add_argument("--jobs-per-project", type=int, help="jobs of a project that run at the same time (1)")
    parser.add_argument(
        "--as-of",
        action="append",
        metavar="[PROJECT=]DATE",
        help="answer as the services did that day, `today` as now (everything that ever worked works)",
    )
    parser.add_argument(
        "--base-model", action="append", dest="base_models", metavar="MODEL=DIRECTORY", help="weights for a base model"
    )
    parser.add_argument("--default-dataset", help="examples for Gemini creates that bring none")
    parser.add_argument("--storage", help="embedded, cloud, or the URL of a storage emulator (embedded)")
    parser.add_argument(
        "--bucket", action="append", dest="buckets", metavar="NAME=DIRECTORY", help="fill a bucket from a directory"
    )
    parser.add_argument("--import", "--import-file", metavar="FILE", dest="import_file", help="snapshot to begin with")
    parser.add_argument("--export-on-exit", metavar="FILE", help="where to leave a snapshot at the end")
    parser.add_argument("--scenario", metavar="NAME|FILE", help="scenario to begin with")
    parser.add_argument("--credentials", help="file of keys, tokens, projects and denials")
    parser.add_argument("--anonymous", action="store_true", help="take requests without credentials too")
    parser.add_argument("--project", help="what the metadata server calls the project (tuning-emulator)")
    parser.add_argument(
        "--pass-host",
        action="append",
        dest="pass_hosts",
        metavar="HOST",
        help="let clients that use the emulator as their proxy through to this host",
    )
    parser.add_argument("--pace", help="when jobs show their next state: training, time:SECONDS, polls:NUMBER, manual")
    parser.add_argument("--seed", type=int, help="repeatable ids and training")
    parser.add_argument("--journal-entries", type=int, help="requests that the journal remembers (1000; 0: none)")
    parser.add_argument("--log-requests", choices=["none", "errors", "all"], help="requests with a log line (errors)")
    parser.add_argument("--log-format", choices=["text", "json"], help="log lines for people or for machines (text)")
    parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"], help="how much is logged (info)")
    parser.add_argument(
        "--until-eof", action="store_true", help="stop when standard input ends, so with whoever started it"
    )


def run(parsed: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    gc.disable()  # a fifth of the start would go into looking for garbage among what the imports make
    from pydantic import ValidationError

    # gone
    from tuning_emulator.server import ServerError, serve
    from tuning_emulator.settings import Settings

    gc.enable()
    given = {name: value for name, value in vars(parsed).items() if name not in ("run", "until_eof")}
    if given.get("port") == 0:
        given.setdefault("storage_port", 0)
    try:
        settings = Settings(**given)
    except ValidationError as error:
        for problem in error.errors():
            name = "--" + str(problem["loc"][0]).replace("_", "-")
            print(f"tuning-emulator: {name}: {problem['msg']} (got {problem['input']!r})", file=sys.stderr)
        return 2
    set_up_logging(settings.log_level, settings.log_format)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its start and stop are ours to announce
    if "until_eof" in parsed:
        threading.Thread(target=_stop_at_eof, name="until-eof", daemon=True).start()
    try:
        serve(settings, announce=lambda health: _announce(dict(health)))
    except ServerError as error:
        print(f"tuning-emulator: {error}", file=sys.stderr)
        return 1
    return 0


def _stop_at_eof() -> None:
    """Ends the server as Ctrl-C would once nothing can write to its standard input any more."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


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
