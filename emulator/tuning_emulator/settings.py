"""Every setting, in one frozen object. Nothing else reads the environment.

A setting is one line of ``Settings``: its variable, its option of ``serve`` and its line in the README follow from it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

from tuning_emulator.core.ids import check_project_number
from tuning_emulator.core.job_control import format_pace, parse_pace
from tuning_emulator.proxy.hosts import PassHosts
from tuning_trainer.spec import DEVICES, Device

DEFAULT_PORT = 8790
DEFAULT_STORAGE_PORT = 8791
PREFIX = "TUNING_EMULATOR_"


class SettingsError(ValueError):
    """Settings cannot be met; the text names each with its value and says what would be right.

    Attributes:
        problems: (name of a setting, what is wrong with it); empty where a file that one names cannot be used.
    """

    def __init__(self, text: str, problems: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems)


# --- how values are read: text or not, errors with the value and what would be right

Parse = Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def _one_of(*choices: str) -> Parse:
    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return str(value)

    return parse


def _whole_number(least: int | None = None, most: int | None = None) -> Parse:
    limits = "" if least is None else f" of {least} or more" if most is None else f" from {least} to {most}"

    def parse(value: Any) -> int:
        wrong = ValueError(f"{value!r} is not a whole number{limits}")
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            raise wrong from None
        if isinstance(value, float) and value != number:
            raise wrong
        if (least is not None and number < least) or (most is not None and number > most):
            raise wrong
        return number

    return parse


def _seconds(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not number >= 0:
        raise ValueError(f"{value!r} is not a number of seconds, 0 or more")
    return number


def _size(value: Any) -> int:
    """Bytes; ``auto`` is 0. As a number it comes from other settings; whoever writes "0" means something else."""
    if value == "auto" or (value == 0 and isinstance(value, int)):
        return 0
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", str(value), re.IGNORECASE)
    number = float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2].lower() or " ") if found else 0
    if not 1 <= number < 1 << 60 or (found and found[3] and not found[2]):
        raise ValueError(f"{value!r} is no size like 512MiB or 4GB, nor `auto`")
    return int(number)


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < 1 << 20:
        raise ValueError(f"{name}={value}: not a number above 0")
    return number


def _resources(value: Any) -> dict[str, float]:
    """``NAME=NUMBER``, …: of cpus, gpus and memory."""
    pairs: dict[str, float] = {}
    for part in _list_items(value):
        name, _, number = (piece.strip() for piece in str(part).partition("="))
        if name not in ("cpus", "gpus", "memory"):
            raise ValueError(f"{part!r} is none of cpus=NUMBER, gpus=NUMBER, memory=SIZE")
        pairs[name] = _size(number) if name == "memory" else _number(name, number)
    return pairs


def _flag(value: Any) -> bool:
    found = {"1": True, "true": True, "yes": True, "on": True, "y": True, "t": True}
    found |= {"0": False, "false": False, "no": False, "off": False, "n": False, "f": False}
    try:
        return found[str(value).lower()]
    except KeyError:
        raise ValueError(f"{value!r} is neither true nor false") from None


def _path(value: Any) -> Path | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str | os.PathLike):
        raise ValueError(f"{value!r} is not a path")
    return Path(value)


def _file_to_read(value: Any) -> Path | None:
    path = _path(value)
    if path is not None and not path.is_file():
        raise ValueError(f"{path}: no such file")
    return path


def _file_to_write(value: Any) -> Path | None:
    path = _path(value)
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise ValueError(f"{path}: name a file in a directory that is there")
    return path


def _text_or_none(value: Any) -> str | None:
    return None if value is None or value == "" else _text(value)


def _pace(value: Any) -> str:
    return format_pace(parse_pace(_text(value)))


def _project(value: Any) -> str:
    if not re.fullmatch("[a-z][a-z0-9-]{4,28}[a-z0-9]", _text(value)):
        form = "6 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen"
        raise ValueError(f"{value!r} is not a project id: {form}")
    return str(value)


def _list_items(value: Any) -> list[Any]:
    """The items of a setting that has several: what stands between commas, or in a list; pairs of a mapping."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, Mapping):
        return [str(key) if one is None else f"{key}={one}" for key, one in value.items()]
    return list(value) if isinstance(value, Iterable) else [value]


def _weights(value: Any) -> dict[str, str]:
    """``MODEL=NAME|DIRECTORY,…``, or without ``MODEL=`` for every base model (``*``)."""
    pairs: dict[str, str] = {}
    for part in _list_items(value):
        from tuning_emulator.models.added import ModelError, name_weights  # most servers have no such setting

        model, equals, weights = (piece.strip() for piece in str(part).partition("="))
        if not equals:
            model, weights = "*", model
        if not (model and weights):
            raise ValueError(f"{part!r} is neither NAME, DIRECTORY nor MODEL=NAME or MODEL=DIRECTORY")
        if model in pairs:
            raise ValueError(f"{part!r}: {'every base model' if model == '*' else model} is given twice")
        try:
            pairs[model] = name_weights(weights)
        except ModelError as error:
            raise ValueError(f"{part}: {error}" if equals else str(error)) from error
    return pairs


def _project_numbers(value: Any) -> dict[str, str]:
    """``ID=NUMBER``, …."""
    pairs: dict[str, str] = {}
    for part in _list_items(value):
        project, equals, number = (piece.strip() for piece in str(part).partition("="))
        if not equals:
            raise ValueError(f"{part!r} is not ID=NUMBER")
        check_project_number(project, number)
        if project in pairs or number in pairs.values():
            raise ValueError(f"{project}={number}: the project or the number is there twice")
        pairs[project] = number
    return pairs


def _buckets(value: Any) -> dict[str, Path | None]:
    """``NAME`` or ``NAME=DIRECTORY``, …."""
    from tuning_emulator.storage.records import is_bucket_name  # most servers have no such setting

    pairs: dict[str, Path | None] = {}
    for part in _list_items(value):
        name, _, directory = (piece.strip() for piece in str(part).partition("="))
        if not name or "/" in name:
            raise ValueError(f"{part!r} is neither NAME nor NAME=DIRECTORY")
        if not is_bucket_name(name):
            raise ValueError(f"{name!r} is no bucket's name: 3 to 63 of a-z, 0-9, -, _ and .")
        if directory and not Path(directory).is_dir():
            raise ValueError(f"{name}={directory}: no such directory")
        pairs[name] = Path(directory) if directory else None
    return pairs


def parse_days(value: Any) -> dict[str, date]:
    """Reads ``DATE``, ``PROJECT=DATE`` (several with commas or as a list) into dates by project; ``*``: any other.

    Raises:
        ValueError: one is no date, or there are two for the same project.
    """
    days: dict[str, date] = {}
    for part in _list_items(value):
        project, equals, day = (piece.strip() for piece in str(part).partition("="))
        if not (project and equals):
            project, day = "*", str(part)
        if project in days:
            raise ValueError(f"two dates for {'all projects' if project == '*' else project}: {days[project]}, {day}")
        days[project] = _parse_day(day)
    return days


def _parse_day(text: str) -> date:
    if text == "today":
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date like 2024-08-01, nor `today`") from error


def _hosts(value: Any) -> tuple[str, ...]:
    hosts = tuple(_text(host) for host in _list_items(value))
    PassHosts(hosts)
    return hosts


# --- the settings


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a setting beside its name and type.

    Attributes:
        default: As one would give it. help: What it does.
        parse: Reads a value; raises ValueError with the value and what would be right.
        options: How ``serve`` calls it where that is not its name. metavar: What follows the option, for the help.
        choices: The only values. repeated: The option is given once for each item.
    """

    default: Any
    help: str
    parse: Parse
    options: tuple[str, ...] = ()
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    repeated: bool = False


def _set(default: Any, description: str, parse: Parse, options: str = "", **more: Any) -> Any:
    return field(
        default=default, metadata={"setting": Setting(default, description, parse, tuple(options.split()), **more)}
    )


def _choose(default: str, description: str, *choices: str) -> Any:
    return _set(default, description, _one_of(*choices), choices=choices)


_PORT = _whole_number(0, 65535)


@dataclass(frozen=True, slots=True, init=False)
class Settings:
    """How one emulator behaves. Each has a variable ``TUNING_EMULATOR_<NAME>`` and an option of ``serve``.

    What is not given is read from the environment, else it is the default.

    Raises:
        SettingsError: values are bad. TypeError: there is no such setting.
    """

    host: str = _set("127.0.0.1", "Address to listen on.", _text)
    port: int = _set(DEFAULT_PORT, "Port of both APIs; 0 takes a free one.", _PORT)
    storage_port: int = _set(
        DEFAULT_STORAGE_PORT,
        "Deprecated: a port on which Cloud Storage alone answers; it is on `port` with the others now. "
        "0 takes a free one.",
        _PORT,
    )
    data_dir: Path | None = _set(
        None, "Where jobs, models, adapters and buckets are kept; none: in memory, gone at the end.", _path
    )
    trainer: Literal["auto", "lora", "scripted"] = _choose(
        "auto",
        "What trains: `lora` really does, `scripted` pretends at once; `auto`: lora where it is installed.",
        *("auto", "lora", "scripted"),
    )
    device: Device = _choose(
        "auto",
        "Where `lora` trains and answers: `cpu`, `cuda`; `auto`: CUDA for base models that are faster there.",
        *DEVICES,
    )
    processes_per_job: int = _set(
        1,
        "Processes that train one job of `lora` together (data parallel), each on a GPU of its own where it goes to "
        "GPUs; 1: each job has one, and jobs are spread over the GPUs.",
        _whole_number(1),
    )
    activation_memory: int = _set(
        "auto",
        "Memory that the activations of a step of `lora` may take, `512MiB` say: a batch goes through in parts, "
        "checkpointed where it must; `auto`: a share of what is free.",
        _size,
    )
    runner: Literal["local", "ray"] = _choose(
        "local",
        "Where `lora` trains: `local`, on this machine; `ray`, on a Ray cluster (extra `ray`). Answers are made here.",
        *("local", "ray"),
    )
    ray_address: str | None = _set(
        None,
        "The Ray cluster, as `HOST:PORT`; `auto`: the one that this machine is a node of; none: one of its own, on "
        "this machine.",
        _text_or_none,
        metavar="HOST:PORT|auto",
    )
    ray_resources: dict[str, float] = _set(
        (),
        "NAME=NUMBER,…: what a job takes of the Ray cluster: `cpus`, `gpus`, `memory`; what is not said follows from "
        "its base model and what there is.",
        _resources,
        "--ray-resource",
        metavar="NAME=NUMBER",
        repeated=True,
    )
    ray_warm_workers: int = _set(
        1, "Workers of a Ray cluster that are kept ready for jobs on small models.", _whole_number(0)
    )
    scripted_step_s: float = _set(0.0, "Seconds that the scripted trainer takes per step.", _seconds)
    jobs_per_project: int = _set(
        1, "Jobs of one project that run at the same time; further ones wait.", _whole_number(1)
    )
    pace: str = _set(
        "training",
        "When a job shows its next state: `training` (once it is reached), `time:SECONDS` in each by the "
        "emulator's clock, `polls:NUMBER` of reads of each, `manual` (when the control API says so).",
        _pace,
    )
    as_of: dict[str, date] = _set(
        (),
        "DATE or PROJECT=DATE,…: answer as the services did that day (`today`: as now), for all projects "
        "or for one; none: everything that ever worked still does.",
        parse_days,
        metavar="[PROJECT=]DATE",
        repeated=True,
    )
    base_models: dict[str, str] = _set(
        (),
        "[MODEL=]NAME,…: language models that play base models instead of the embedded one, every base model where "
        "none is said: names of `tuning-emulator models list`, or Hugging Face directories.",
        _weights,
        "--base-model",
        metavar="[MODEL=]NAME|DIRECTORY",
        repeated=True,
    )
    default_dataset: Path | None = _set(
        None,
        "JSON lines of {text_input, output} used when a Gemini create brings no examples "
        "(google-genai 1.47 and newer drop them).",
        _path,
    )
    storage: str = _set(
        "embedded", "Where gs:// is: `embedded`, `cloud` (real credentials), or a storage emulator's URL.", _text
    )
    buckets: dict[str, Path | None] = _set(
        (),
        "NAME,NAME=DIRECTORY,…: buckets that are there from the start, filled from directories.",
        _buckets,
        "--bucket",
        metavar="NAME[=DIRECTORY]",
        repeated=True,
    )
    auto_create_buckets: bool = _set(
        False, "Uploads create the buckets that they name (else 404, as by Cloud Storage).", _flag
    )
    import_file: Path | None = _set(
        None,
        "State archive to begin with, where the data directory is empty; a reset comes back to it.",
        _file_to_read,
        "--import --import-file",
        metavar="FILE",
    )
    export_on_exit: Path | None = _set(
        None, "Where a state archive is left when the server stops.", _file_to_write, metavar="FILE"
    )
    scenario: str | None = _set(
        None,
        "Scenario to begin with, where the data directory is empty: a name of the package's, or a file.",
        _text_or_none,
        metavar="NAME|FILE",
    )
    credentials: Path | None = _set(
        None, "JSON file of keys, tokens, projects and denials; none: every key and token is good.", _path
    )
    anonymous: bool = _set(
        False, "Requests without credentials are taken as the owner's (else 401 and 403, as by the services).", _flag
    )
    project: str = _set(
        "tuning-emulator", "Project that the metadata server names to clients that are told none.", _project
    )
    project_numbers: dict[str, str] = _set(
        (),
        "ID=NUMBER,…: numbers of projects, as names in answers carry them; a project that is given none has one "
        "that is made of its id.",
        _project_numbers,
        "--project-number",
        metavar="ID=NUMBER",
        repeated=True,
    )
    pass_hosts: tuple[str, ...] = _set(
        (),
        "HOST,…: hosts (`example.com`, `*.example.com`, `*`; with `:PORT` if need be) that clients may "
        "reach through the emulator as their proxy; none: all but Google's, for which it stands in, are refused. "
        "Google's own are the real ones where named in full.",
        _hosts,
        "--pass-host",
        metavar="HOST",
        repeated=True,
    )
    allowed_hosts: tuple[str, ...] = _set(
        (),
        "HOST,…: names by which the emulator is reached, and hosts of web pages that may use it, besides loopback and "
        "its own (`example.com`, `*.example.com`, `*`; with `:PORT` if need be). All others are refused.",
        _hosts,
        "--allowed-host",
        metavar="HOST",
        repeated=True,
    )
    seed: int = _set(0, "Of ids that tests want to repeat (0: random ids) and of training.", _whole_number())
    journal_entries: int = _set(
        1000, "Requests that the journal remembers, without keys and data sets; 0: none.", _whole_number(0)
    )
    log_requests: Literal["none", "errors", "all"] = _choose(
        "errors",
        "Which requests are logged, one line each; `errors`: those refused, broken or worth a hint.",
        *("none", "errors", "all"),
    )
    log_format: Literal["text", "json"] = _choose("text", "Log lines for people or for machines.", "text", "json")
    log_level: Literal["debug", "info", "warning", "error"] = _choose(
        "info", "How much is logged.", "debug", "info", "warning", "error"
    )

    def __init__(self, **given: Any) -> None:
        check_names(given)
        found = {**read_environment(), **given}
        problems: list[tuple[str, str]] = []
        for name, setting in SETTINGS.items():
            try:
                object.__setattr__(self, name, setting.parse(found.get(name, setting.default)))
            except ValueError as error:
                problems.append((name, str(error)))
        if problems:
            raise SettingsError("\n".join(f"{name}: {text}" for name, text in problems), problems)


SETTINGS: Mapping[str, Setting] = {one.name: one.metadata["setting"] for one in fields(Settings)}
"""All of them, by name."""


def read_environment() -> dict[str, str]:
    """The settings that have a variable, as it stands there."""
    variables = {name.upper(): value for name, value in os.environ.items()}
    return {name: variables[name_variable(name)] for name in SETTINGS if name_variable(name) in variables}


def name_variable(name: str) -> str:
    """``TUNING_EMULATOR_PORT`` of ``port``."""
    return PREFIX + name.upper()


def name_option(name: str) -> str:
    """``--data-dir`` of ``data_dir``."""
    return next(iter(SETTINGS[name].options), "--" + name.replace("_", "-"))


def check_names(given: Iterable[str]) -> None:
    """Raises TypeError for what is no setting."""
    for name in given:
        if name not in SETTINGS:
            raise TypeError(f"no setting {name!r}; there are {', '.join(sorted(SETTINGS))}")


def format_options(given: Mapping[str, Any]) -> list[str]:
    """Settings as options of ``serve``, which unlike variables may hold commas; what is None is left out.

    Raises:
        TypeError: there is no such setting.
    """
    check_names(given)
    options: list[str] = []
    for name, value in given.items():
        option = name_option(name)
        if value is None:
            continue
        if SETTINGS[name].parse is _flag:
            options.append(option if _flag(value) else option.replace("--", "--no-", 1))
        else:
            options += [f"{option}={one}" for one in (_list_items(value) if SETTINGS[name].repeated else [value])]
    return options


def format_setting(value: Any) -> str:
    """A setting as a variable would have it; "" for none."""
    if isinstance(value, Mapping):
        return ",".join(name if one is None else f"{name}={one}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
