"""Where models come from: files, directories, and the folders of other programs, whose files are read in place.

Sources: https://github.com/ollama/ollama/blob/main/docs/faq.mdx (OLLAMA_MODELS) and its manifests;
https://lmstudio.ai/docs/app/basics/import-model; https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from tuning_emulator.models.added import ModelError

_DIGEST = re.compile("sha256:([0-9a-f]{64})")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
FETCHED = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "*.safetensors",
    "*.safetensors.index.json",
    "LICENSE*",
    "README.md",
)
"""What is fetched of a repository: weights and tokenizer, no code, no pickles."""


class Source(Struct, frozen=True):
    """A model that lies somewhere: a GGUF file, or a Hugging Face directory.

    Attributes:
        name: What it would be called. license: As far as the place says. license_text: The text itself.
    """

    path: Path
    name: str
    license: str = ""
    license_text: str = ""


def find_source(text: str, environment: Mapping[str, str], *, download: bool = False) -> Source:
    """The model that a text means: a file, a directory, ``ollama:…``, ``lmstudio:…``, ``llama.cpp:…`` or ``hf:…``.

    Raises:
        ModelError: nothing is there.
    """
    kind, colon, rest = text.partition(":")
    if colon and kind in _PROGRAMS:
        if not rest or ".." in rest.split("/") or rest.startswith("/"):
            raise ModelError(f"{text}: a name must follow {kind}:")
        return _PROGRAMS[kind](rest, environment)
    if colon and kind == "hf":
        return _find_in_hub(rest, environment, download)
    path = Path(text)
    if path.is_dir():
        return describe_directory(path)
    if path.is_file():
        return Source(path, make_name(path.stem))
    raise ModelError(f"{text}: no such file or directory, nor a model that a package carries")


def make_name(text: str) -> str:
    """A name out of a file's or repository's."""
    return re.sub("[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:64] or "model"


def describe_directory(path: Path, name: str = "") -> Source:
    """A Hugging Face directory, if it can be used.

    Raises:
        ModelError: configuration, weights or tokenizer are missing.
    """
    missing = [file for file in ("config.json", "tokenizer.json") if not (path / file).is_file()]
    if not any(path.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise ModelError(
            f"{path}: holds no {', no '.join(missing)}; a model is a Hugging Face directory or a GGUF file"
        )
    text = next((file.read_text("utf-8", "replace") for file in sorted(path.glob("LICENSE*")) if file.is_file()), "")
    return Source(path, name or make_name(path.absolute().name), _read_card(path / "README.md"), text)


def _read_card(path: Path) -> str:
    """The licence that a model card states at its beginning."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            head = file.read(20_000)
    except OSError:
        return ""
    parts = head.split("---", 2)
    found = (
        re.search(r"^license:\s*(\S+)", parts[1], re.MULTILINE) if len(parts) == 3 and not parts[0].strip() else None
    )
    return found[1].strip("\"'") if found else ""


# --- other programs' folders


def _find_in_ollama(name: str, environment: Mapping[str, str]) -> Source:
    folder = Path(environment.get("OLLAMA_MODELS") or Path.home() / ".ollama" / "models")
    model, _, tag = name.partition(":")
    parts = model.split("/")
    parts = ["registry.ollama.ai", "library", *parts] if len(parts) == 1 else parts
    parts = ["registry.ollama.ai", *parts] if len(parts) == 2 else parts
    manifest = folder.joinpath("manifests", *parts, tag or "latest")
    try:
        layers = json.loads(manifest.read_bytes())["layers"]
        blobs = {str(one["mediaType"]).rpartition(".")[2]: str(one["digest"]) for one in layers}
    except FileNotFoundError:
        there = sorted(str(p.relative_to(folder / "manifests")) for p in (folder / "manifests").glob("*/*/*/*"))
        listed = ", ".join(there[:8]) or "none"
        raise ModelError(f"ollama:{name}: no manifest {manifest}; there: {listed} (`ollama pull {name}`)") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"ollama:{name}: {manifest} is no manifest of Ollama's: {error!r}") from error
    if "adapter" in blobs:
        raise ModelError(f"ollama:{name}: is an adapter on another model; add that one")
    text = _blob(folder, blobs["license"]) if "license" in blobs else None
    license_text = text.read_text("utf-8", "replace") if text is not None and text.is_file() else ""
    path = _blob(folder, blobs.get("model", ""))
    if not path.is_file():
        raise ModelError(f"ollama:{name}: its blob {path} is not there; `ollama pull {name}` brings it")
    return Source(path, make_name(f"{parts[-1]}-{tag}" if tag and tag != "latest" else parts[-1]), "", license_text)


def _blob(folder: Path, digest: str) -> Path:
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise ModelError(f"Ollama's manifest names no blob, but {digest[:80]!r}")
    return folder / "blobs" / f"sha256-{found[1]}"


def _find_in_lm_studio(name: str, environment: Mapping[str, str]) -> Source:
    home = Path.home()
    folders = [Path(environment["LMSTUDIO_HOME"]) / "models"] if environment.get("LMSTUDIO_HOME") else []
    return _find_file(
        "lmstudio", name, [*folders, home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"]
    )


def _find_in_llama_cpp(name: str, environment: Mapping[str, str]) -> Source:
    home = Path.home()
    folders = [Path(environment["LLAMA_CACHE"])] if environment.get("LLAMA_CACHE") else []
    caches = Path(environment.get("XDG_CACHE_HOME") or home / ".cache"), home / "Library" / "Caches"
    return _find_file("llama.cpp", name, [*folders, *(one / "llama.cpp" for one in caches)])


def _find_file(program: str, name: str, folders: list[Path]) -> Source:
    """The one GGUF file whose path in one of the folders is the name, or holds it."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.gguf")) if folder.is_dir() else ():
            if not path.name.startswith("mmproj"):
                found.setdefault(path.relative_to(folder).as_posix(), path)
    exact = [path for key, path in found.items() if name in (key, key.removesuffix(".gguf"), key.rpartition("/")[0])]
    close = exact or [path for key, path in found.items() if name.lower() in key.lower()]
    if len(close) == 1:
        return Source(close[0], make_name(close[0].stem))
    what = ", ".join(key for key, path in found.items() if path in close or not close) or "none"
    why = "several files are meant" if close else "no such file"
    raise ModelError(f"{program}:{name}: {why}; there: {what} (in {', '.join(map(str, folders))})")


_PROGRAMS: dict[str, Callable[[str, Mapping[str, str]], Source]] = {
    "ollama": _find_in_ollama,
    "lmstudio": _find_in_lm_studio,
    "llama.cpp": _find_in_llama_cpp,
}


# --- Hugging Face


def _find_in_hub(repository: str, environment: Mapping[str, str], download: bool) -> Source:
    if not _REPOSITORY.fullmatch(repository):
        raise ModelError(f"hf:{repository}: a repository is called ORGANISATION/NAME")
    if download:
        return describe_directory(_download(repository), make_name(repository.rpartition("/")[2]))
    home = Path(
        environment.get("HF_HOME") or Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    )
    cache = Path(environment.get("HF_HUB_CACHE") or home / "hub")
    place = cache / f"models--{repository.replace('/', '--')}"
    try:
        revision = (place / "refs" / "main").read_text("utf-8").strip()
    except OSError:
        raise ModelError(f"hf:{repository}: not in {cache}; --download fetches it") from None
    return describe_directory(place / "snapshots" / revision, make_name(repository.rpartition("/")[2]))


def _download(repository: str) -> Path:
    """Fetches a repository's weights and tokenizer into Hugging Face's own cache.

    Raises:
        ModelError: the package is not there, or the hub does not give it.
    """
    try:
        import huggingface_hub  # nothing but this command needs it
    except ImportError:
        raise ModelError("--download needs huggingface_hub; install tuning-emulator[lora]") from None
    fetch: Any = huggingface_hub.snapshot_download
    try:
        return Path(fetch(repository, allow_patterns=list(FETCHED)))
    except (OSError, ValueError) as error:  # of the library's own errors all are one of these
        said = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"hf:{repository}: {said}") from error
    except Exception as error:  # of what its transport raises nothing is told
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpcore", "requests", "huggingface_hub"):
            raise
        raise ModelError(
            f"hf:{repository}: {os.environ.get('HF_ENDPOINT', 'the hub')} does not answer: {error}"
        ) from error
