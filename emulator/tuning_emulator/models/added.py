"""The models that ``tuning-emulator models`` has added: a directory each, in the user's cache folder.

What a GGUF file held is kept there whole, as a Hugging Face directory; of a directory that was there already only the
record is kept, and it is read in place. A model appears under its name when all of it is there, and never in part.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from tuning_emulator.facts.packaged_models import PACKAGED_MODELS

RECORD = "added.json"
"""In a model's directory: what it is, and where it came from."""

NAME = re.compile("[a-z0-9][a-z0-9._-]{0,63}")
EMBEDDED = "embedded"
_UNFINISHED, _LOCK = ".adding-", ".lock"


class ModelError(Exception):
    """A model cannot be added, found or removed; the text says why and what would help."""


class MissingModelError(ModelError):
    """A model is not on this machine; the text says which command brings it."""


class File(msgspec.Struct, frozen=True):
    """A file of a model, as it was when the model was added."""

    name: str
    bytes: int
    sha256: str


class AddedModel(msgspec.Struct, frozen=True):
    """A record.

    Attributes:
        kind: ``gguf``, written down as a Hugging Face directory; ``directory``, read in place.
        origin: Where it came from, as it was asked for. path: Of a directory that is read in place, else "".
        parameters: How many. architecture: As ``config.json`` calls it. license: "" where nothing says.
        quantization: Of a GGUF file's weights. precision: What they are kept in.
        files: All that the model consists of. added: Day, UTC.
    """

    name: str
    kind: str
    origin: str
    parameters: int
    architecture: str
    files: tuple[File, ...]
    path: str = ""
    license: str = ""
    quantization: str = ""
    precision: str = ""
    added: str = ""

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


def default_folder() -> Path:
    """Where models are kept: ``tuning-emulator/models`` in the user's cache folder."""
    from platformdirs import user_cache_path  # a server without such models never asks

    return user_cache_path("tuning-emulator", appauthor=False) / "models"


class AddedModels:
    """The models in a folder, by name."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()

    def find_all(self) -> list[AddedModel]:
        """All of them, by name; what is no record of a model is left out."""
        if not self.folder.is_dir():
            return []
        names = sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("."))
        return [model for name in names if (model := self.get(name))]

    def get(self, name: str) -> AddedModel | None:
        """The model of that name."""
        if not NAME.fullmatch(name):
            return None
        try:
            return msgspec.json.decode((self.folder / name / RECORD).read_bytes(), type=AddedModel)
        except (OSError, msgspec.DecodeError):
            return None

    def require(self, name: str) -> AddedModel:
        """The model of that name.

        Raises:
            MissingModelError: there is none.
        """
        if model := self.get(name):
            return model
        others = ", ".join(one.name for one in self.find_all()) or "none"
        source = name if name in PACKAGED_MODELS else f"SOURCE --name {name}"
        raise MissingModelError(
            f"no model {name!r} on this machine (there: {others}); `tuning-emulator models add {source}` brings it"
        )

    def find_directory(self, model: AddedModel) -> Path:
        """Its Hugging Face directory.

        Raises:
            MissingModelError: it was read in place, and is not there any more.
        """
        if not model.path:
            return self.folder / model.name
        if not (Path(model.path) / "config.json").is_file():
            raise MissingModelError(
                f"{model.name}: {model.path}, where it was read in place, is gone; bring it back, or add it again with "
                f"`tuning-emulator models remove {model.name}` and `tuning-emulator models add {model.origin}`"
            )
        return Path(model.path)

    @contextmanager
    def adding(self, name: str) -> Iterator[Path]:
        """A directory to make a model in; without an error it gets its name at the end, else it is gone.

        Raises:
            ModelError: the name is taken, also by somebody who was faster, or is none.
        """
        self._check_free(name)
        with self.working() as place:
            made = place / "model"
            made.mkdir()
            yield made
            try:
                made.rename(self.folder / name)
            except OSError:
                self._check_free(name)
                raise

    @contextmanager
    def working(self) -> Iterator[Path]:
        """A directory beside the models that is gone after the block; a killed process's goes with the next one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            with self._alone():  # else it would be swept away before it is locked
                self._sweep()
                place = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self.folder))
                stack.callback(shutil.rmtree, place, ignore_errors=True)
                lock = stack.enter_context((place / _LOCK).open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX)  # whoever sweeps sees that this one is alive
            yield place

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time among all threads and processes."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def remove(self, name: str) -> AddedModel:
        """Forgets a model, and removes what is kept of it; a directory that is read in place stays.

        Raises:
            MissingModelError: there is none.
        """
        model = self.require(name)
        with self.working() as place:
            (self.folder / name).rename(place / "model")
        return model

    def verify(self, model: AddedModel) -> list[str]:
        """What is wrong with its files, a sentence each; nothing if they are as they were when it was added."""
        try:
            directory = self.find_directory(model)
        except MissingModelError as error:
            return [str(error)]
        return [trouble for file in model.files if (trouble := _verify_file(directory / file.name, file))]

    def _check_free(self, name: str) -> None:
        if not NAME.fullmatch(name) or name == EMBEDDED:
            form = "lower-case letters, digits, dots, hyphens and underscores, at most 64"
            raise ModelError(f"{name!r} cannot be a model's name ({form}); give another with --name")
        if (self.folder / name).exists():
            raise ModelError(
                f"{name} is there already; `tuning-emulator models remove {name}` removes it, --name gives another name"
            )

    def _sweep(self) -> None:
        """Removes what killed processes left behind."""
        for path in self.folder.glob(_UNFINISHED + "*"):
            with suppress(OSError), (path / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)


def describe_files(directory: Path) -> tuple[File, ...]:
    """The files that make a model out of a directory, each with its sum."""
    names = sorted(path.name for path in directory.iterdir() if path.is_file() and _belongs(path.name))
    return tuple(File(name, (directory / name).stat().st_size, hash_file(directory / name)) for name in names)


def _belongs(name: str) -> bool:
    known = (".safetensors", ".json", ".jinja", ".model")
    return name != RECORD and not name.startswith(".") and name.endswith(known)


def write_record(directory: Path, model: AddedModel) -> None:
    """Writes what a model is beside it."""
    text = msgspec.json.format(msgspec.json.encode(model), indent=2)
    with (directory / RECORD).open("wb") as file:
        file.write(text + b"\n")
        file.flush()
        os.fsync(file.fileno())


def hash_file(path: Path) -> str:
    """SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify_file(path: Path, file: File) -> str:
    try:
        size = path.stat().st_size
        if size != file.bytes:
            return f"{path} has {size:,} bytes, not {file.bytes:,}"
        return "" if hash_file(path) == file.sha256 else f"{path} has changed: its SHA-256 is not {file.sha256}"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"


# --- how settings and jobs name weights


def name_weights(text: str) -> str:
    """What a setting means: an added model's name, ``embedded``, or a directory, which becomes absolute.

    Raises:
        ModelError: it is neither.
    """
    if text == EMBEDDED:
        return text
    models = AddedModels()
    if NAME.fullmatch(text) and (model := models.get(text)):
        models.find_directory(model)
        return text
    if Path(text).is_dir():
        return str(Path(text).absolute())
    if NAME.fullmatch(text):
        models.require(text)
    raise ModelError(f"{text}: no such directory")


def check_weights(played: dict[str, str]) -> dict[str, str]:
    """What is to play which base model, each named as ``name_weights`` does; ``embedded`` stays.

    Raises:
        ValueError: weights are nowhere, or a base model has no name.
    """
    try:
        named = {model: name_weights(one) for model, one in played.items()}
    except ModelError as error:
        raise ValueError(str(error)) from error
    if "" in named:
        raise ValueError('"" is no base model; `*` stands for all of them')
    return named


def find_weights(name: str) -> str:
    """The directory of what ``name_weights`` has named; ``embedded`` stays.

    Raises:
        MissingModelError: an added model is not here.
    """
    if name == EMBEDDED or os.sep in name:
        return name
    models = AddedModels()
    return str(models.find_directory(models.require(name)))
