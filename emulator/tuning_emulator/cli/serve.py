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
from tuning_emulator.proxy.variables import FORMATS, Places, Way, list_variables
from tuning_emulator.settings import SETTINGS, Setting, Settings, SettingsError, name_option

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
    add_settings(parser)
    parser.add_argument(
        "--until-eof", action="store_true", help="stop when standard input ends, so with whoever started it"
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The settings alone, as text; ``Settings`` reads them."""
    parser.argument_default = argparse.SUPPRESS
    for name, setting in SETTINGS.items():
        kind: dict[str, Any] = {"metavar": setting.metavar, "choices": setting.choices}
        if setting.default is False:
            kind = {"action": argparse.BooleanOptionalAction}
        elif setting.repeated:
            kind["action"] = "append"
        options = setting.options or (name_option(name),)
        parser.add_argument(*options, dest=name, help=_describe(setting), **kind)


def _describe(setting: Setting) -> str:
    """The help of an option: as in the README, in the form that options have."""
    text = setting.help.replace("`", "").replace("%", "%%").removesuffix(".")
    text = text if text[1].isupper() else text[0].lower() + text[1:]
    return text if setting.default in (None, ()) or setting.default is False else f"{text} ({setting.default})"


def read_given(parsed: argparse.Namespace) -> dict[str, Any]:
    """The settings among what was parsed."""
    return {name: value for name, value in vars(parsed).items() if name in SETTINGS}


def run(parsed: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    gc.disable()  # a fifth of the start would go into looking for garbage among what the imports make
    from tuning_emulator.server import ServerError, serve

    gc.enable()
    given = read_given(parsed)
    if given.get("port") == "0":
        given.setdefault("storage_port", 0)
    try:
        settings = Settings(**given)
    except SettingsError as error:
        for name, text in error.problems:
            print(f"tuning-emulator: {name_option(name)}: {text}", file=sys.stderr)
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
    except KeyboardInterrupt:  # everything has ended well by now: shells want to see what it ended by, and no more
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
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
    if "runner" in health["trainer"]:
        print("runner:  ray (jobs train on a cluster)")
    for model, weights in health["base_models"].items():
        if weights != "embedded" and trainer == "lora":
            print(f"model:   {weights} plays {'every base model' if model == '*' else model}")
    print(f"storage: {health['storage']['url'] or 'Google Cloud Storage'}")
    print(f"data:    {health['data_dir'] or 'in memory, gone when this stops'}")
    print()
    print("Point the SDKs at it with these variables (or: eval $(tuning-emulator env)):")
    for line in FORMATS["shell"](list_variables(Way.POINT, Places(health["url"], health["storage"]["url"]))):
        print(f"  {line}")
    print("Stop with Ctrl-C.", flush=True)
