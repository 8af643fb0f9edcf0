"""Which library of which language makes a request, so that hints can be in its words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

_NAMED = re.compile(r"(?:^|\s)(google-genai-sdk|genai-py|genai-js|model-builder|gapic|gdcl|gccl)/(\d[\w.]*)")
_LANGUAGE = re.compile(r"(?:^|\s)gl-([a-z]+)/")
_USER_AGENTS = (
    ("python-", "python"),
    ("grpc-python", "python"),
    ("node", "node"),
    ("grpc-node", "node"),
    ("google-api-nodejs", "node"),
    ("Go-http-client", "go"),
    ("grpc-go", "go"),
    ("google-api-go-client", "go"),
    ("Java", "java"),
    ("grpc-java", "java"),
    ("Google-HTTP-Java-Client", "java"),
    ("LangChain4j", "java"),
    ("tonic", "rust"),
    ("curl", "curl"),
)
"""Beginnings of ``User-Agent`` of programs that send no ``x-goog-api-client``."""

GENAI = "google-genai-sdk"
"""As google-genai of every language names itself: Python, Node (@google/genai), Go (google.golang.org/genai), Java."""


class Client(Struct, frozen=True):
    """A caller's library: its name, as far as it gives one, version, and language; "" where it does not say."""

    library: str = ""
    version: str = ""
    language: str = ""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version, comparable; () where none is given."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:3])


def read_client(headers: Mapping[str, str]) -> Client:
    """What ``x-goog-api-client`` says, or else ``User-Agent``.

    Source: recorded requests of the official clients of Python, Node, Go, Java and Rust.
    """
    said, agent = headers.get("x-goog-api-client", ""), headers.get("user-agent", "")
    language = _LANGUAGE.search(said) or _LANGUAGE.search(agent)
    library = _NAMED.search(said) or _NAMED.search(agent)
    spoken = language[1] if language else next((name for head, name in _USER_AGENTS if agent.startswith(head)), "")
    return Client(library[1], library[2], spoken) if library else Client("", "", spoken)
