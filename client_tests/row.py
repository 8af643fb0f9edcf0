"""One row of the matrix: a client, a version, a transport, and how they are pointed at the emulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from client_tests.environments import read_versions

STEPS: Mapping[str, tuple[str, ...]] = {
    "gemini": (
        *("create", "poll", "done", "list", "get", "generate", "stream", "count"),
        *("update", "permissions", "cancel", "delete"),
    ),
    "vertex": (
        *("create", "poll", "done", "list", "get", "generate", "stream", "count"),
        *("update", "cancel", "delete"),
    ),
    "chat": ("create", "poll", "done", "generate", "stream", "structured", "call", "refuse", "parameters"),
    "storage": ("create", "upload", "resumable", "download", "list", "get", "once", "delete"),
}
"""What is walked through, by service. Vertex AI's tuning jobs have no permissions. ``chat`` is of clients that want
answers of a given form."""


@dataclass(frozen=True, slots=True)
class Row:
    """One program in one environment.

    Attributes:
        name: Unique; also the project whose account the program uses.
        package: Whose version the table shows. environment: Where it is installed.
        api: Whose steps it walks. program, arguments: What is run.
        pointing: How a reader of the table points the client at the emulator; URL and PORT stand for the emulator's.
        settings: Of the emulator, beyond those of all.
        variables: Further variables of the program; ``{ca}`` is the emulator's certificate authority.
        lacks: Steps that the client does not have, and why. refused: Steps that the emulator refuses as the service
            does: status, and why.
        alone: The program's calls name no project: it gets an emulator to itself, so that they can be told apart.
    """

    name: str
    package: str
    environment: str
    api: Literal["gemini", "vertex", "chat", "storage"]
    transport: str
    program: str
    arguments: tuple[str, ...]
    pointing: str
    settings: Mapping[str, object] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    alone: bool = False

    @property
    def version(self) -> str:
        """The version of the package that is installed."""
        return read_versions(self.environment)[self.package]

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that the program takes, in order; refused ones too."""
        return tuple(step for step in STEPS[self.api] if step not in self.lacks)
