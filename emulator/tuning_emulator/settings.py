"""Every setting, in one frozen object. Nothing else reads the environment."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tuning_emulator.core.pace import format_pace, parse_pace
from tuning_emulator.proxy.hosts import PassHosts

DEFAULT_PORT = 8790
DEFAULT_STORAGE_PORT = 8791


def parse_pairs(value: Any) -> Any:
    """Reads ``NAME=DIRECTORY,NAME=DIRECTORY`` (or a list of such pairs) into a mapping."""
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        return value
    pairs: dict[str, str] = {}
    for part in value:
        name, equals, directory = str(part).partition("=")
        if not (name.strip() and equals and directory.strip()):
            raise ValueError(f"{part!r} is not NAME=DIRECTORY")
        pairs[name.strip()] = directory.strip()
    return pairs


def parse_days(value: Any) -> Any:
    """Reads ``DATE``, ``PROJECT=DATE`` (several with commas or as a list) into dates by project; ``*``: any other."""
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    elif isinstance(value, date):
        value = [value]
    if not isinstance(value, dict | list | tuple):
        return value
    pairs = value.items() if isinstance(value, dict) else [_split_day(part) for part in value]
    days: dict[str, date] = {}
    for project, day in pairs:
        if project in days:
            raise ValueError(f"two dates for {'all projects' if project == '*' else project}: {days[project]}, {day}")
        days[project] = _parse_day(day)
    return days


def _split_day(part: Any) -> tuple[str, Any]:
    project, equals, day = str(part).partition("=")
    return (project.strip(), day) if equals and project.strip() else ("*", part)


def _parse_day(value: Any) -> date:
    text = str(value).strip()
    if text == "today":
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date like 2024-08-01, nor `today`") from error


class Settings(BaseSettings):
    """How one emulator behaves. Each has a variable ``TUNING_EMULATOR_<NAME>`` and an option of ``serve``."""

    model_config = SettingsConfigDict(env_prefix="TUNING_EMULATOR_", frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535, description="Port of both APIs; 0 takes a free one.")
    storage_port: int = Field(
        default=DEFAULT_STORAGE_PORT,
        ge=0,
        le=65535,
        description="Port of the embedded Cloud Storage; 0 takes a free one.",
    )
    data_dir: Path | None = Field(
        default=None, description="Where jobs, models, adapters and buckets are kept; none: in memory, gone at the end."
    )
    trainer: Literal["auto", "lora", "scripted"] = Field(
        default="auto",
        description="What trains: `lora` really does, `scripted` pretends at once; `auto`: lora where it is installed.",
    )
    scripted_step_s: float = Field(default=0.0, ge=0, description="Seconds that the scripted trainer takes per step.")
    jobs_per_project: int = Field(
        default=1, ge=1, description="Jobs of one project that run at the same time; further ones wait."
    )
    pace: str = Field(
        default="training",
        description="When a job shows its next state: `training` (once it is reached), `time:SECONDS` in each by the "
        "emulator's clock, `polls:NUMBER` of reads of each, `manual` (when the control API says so).",
    )
    as_of: Annotated[dict[str, date], NoDecode] = Field(
        default_factory=dict,
        description="DATE or PROJECT=DATE,…: answer as the services did that day (`today`: as now), for all projects "
        "or for one; none: everything that ever worked still does.",
    )
    base_models: Annotated[dict[str, Path], NoDecode] = Field(
        default_factory=dict,
        description="MODEL=DIRECTORY,…: Hugging Face directories that play base models instead of the embedded one.",
    )
    default_dataset: Path | None = Field(
        default=None,
        description="JSON lines of {text_input, output} used when a Gemini create brings no examples "
        "(google-genai 1.47 and newer drop them).",
    )
    storage: str = Field(
        default="embedded",
        description="Where gs:// is: `embedded`, `cloud` (real credentials), or a storage emulator's URL.",
    )
    buckets: Annotated[dict[str, Path], NoDecode] = Field(
        default_factory=dict, description="NAME=DIRECTORY,…: buckets filled from directories at the start."
    )
    import_file: Path | None = Field(
        default=None,
        description="Snapshot to begin with, where the data directory is empty; a reset comes back to it.",
    )
    export_on_exit: Path | None = Field(default=None, description="Where a snapshot is left when the server stops.")
    scenario: str | None = Field(
        default=None,
        description="Scenario to begin with, where the data directory is empty: a name of the package's, or a file.",
    )
    credentials: Path | None = Field(
        default=None,
        description="JSON file of keys, tokens, projects and denials; none: every key and token is good.",
    )
    anonymous: bool = Field(
        default=False,
        description="Requests without credentials are taken as the owner's (else 401 and 403, as by the services).",
    )
    project: str = Field(
        default="tuning-emulator",
        pattern="^[a-z][a-z0-9-]{4,28}[a-z0-9]$",
        description="Project that the metadata server names to clients that are told none.",
    )
    pass_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default_factory=tuple,
        description="HOST,…: hosts (`example.com`, `*.example.com`, `*`; with `:PORT` if need be) that clients may "
        "reach through the emulator as their proxy; none: all but Google's, for which it stands in, are refused. "
        "Google's own are the real ones where named in full.",
    )
    seed: int = Field(default=0, description="Of ids that tests want to repeat (0: random ids) and of training.")
    journal_entries: int = Field(
        default=1000, ge=0, description="Requests that the journal remembers, without keys and data sets; 0: none."
    )
    log_requests: Literal["none", "errors", "all"] = Field(
        default="errors",
        description="Which requests are logged, one line each; `errors`: those refused, broken or worth a hint.",
    )
    log_format: Literal["text", "json"] = Field(default="text", description="Log lines for people or for machines.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")

    @field_validator("pace")
    @classmethod
    def _check_pace(cls, value: str) -> str:
        return format_pace(parse_pace(value))

    @field_validator("as_of", mode="before")
    @classmethod
    def _parse_days(cls, value: Any) -> Any:
        return parse_days(value)

    @field_validator("pass_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        return [host.strip() for host in value.split(",") if host.strip()] if isinstance(value, str) else value

    @field_validator("pass_hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        PassHosts(value)
        return value

    @field_validator("import_file")
    @classmethod
    def _check_import(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"{value}: no such file")
        return value

    @field_validator("export_on_exit")
    @classmethod
    def _check_export(cls, value: Path | None) -> Path | None:
        if value is not None and (value.is_dir() or not value.absolute().parent.is_dir()):
            raise ValueError(f"{value}: name a file in a directory that is there")
        return value

    @field_validator("base_models", "buckets", mode="before")
    @classmethod
    def _parse_pairs(cls, value: Any) -> Any:
        return parse_pairs(value)

    @field_validator("base_models", "buckets")
    @classmethod
    def _check_directories(cls, value: dict[str, Path]) -> dict[str, Path]:
        for name, directory in value.items():
            if not directory.is_dir():
                raise ValueError(f"{name}={directory}: no such directory")
        return value
