"""Models are kept whole or not at all, under names that nothing else has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.models import write_llama
from tuning_emulator.models.added import AddedModels, MissingModelError, ModelError, find_weights, name_weights
from tuning_emulator.models.adding import add_model
from tuning_emulator.models.sources import describe_directory, find_source


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddedModels:
    """An empty folder, which is also where names are looked up."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return AddedModels()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A Hugging Face directory."""
    return write_llama(tmp_path / "llama")


def add(models: AddedModels, directory: Path, name: str = "mine") -> None:
    """Adds it, silently."""
    add_model(models, describe_directory(directory), str(directory), name, lambda _: None)


def test_a_directory_is_read_in_place(models: AddedModels, directory: Path) -> None:
    (directory / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# Model\n")
    (directory / "LICENSE").write_text("the licence")
    add(models, directory)
    (model,) = models.find_all()
    assert (model.name, model.kind, model.license, model.path) == ("mine", "directory", "apache-2.0", str(directory))
    assert model.parameters > 10_000
    assert models.verify(model) == []
    assert (models.folder / "mine" / "LICENSE").read_text() == "the licence"
    assert find_weights(name_weights("mine")) == str(directory)


def test_changes_are_found(models: AddedModels, directory: Path) -> None:
    add(models, directory)
    model = models.require("mine")
    content = bytearray((directory / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (directory / "model.safetensors").write_bytes(content)
    (directory / "tokenizer.json").unlink()
    changed, gone = models.verify(model)
    assert "has changed" in changed
    assert "cannot be read" in gone


def test_a_directory_that_is_gone_is_missed(models: AddedModels, directory: Path) -> None:
    add(models, directory)
    directory.rename(directory.with_name("elsewhere"))
    with pytest.raises(MissingModelError, match="where it was read in place, is gone"):
        find_weights("mine")
    assert "is gone" in models.verify(models.require("mine"))[0]


def test_removing_leaves_what_is_read_in_place(models: AddedModels, directory: Path) -> None:
    add(models, directory)
    models.remove("mine")
    assert models.find_all() == []
    assert (directory / "model.safetensors").exists()
    assert list(models.folder.iterdir()) == []
    with pytest.raises(MissingModelError, match="no model 'mine' on this machine"):
        models.remove("mine")


@pytest.mark.parametrize("name", ["", "Upper", "../x", "a/b", ".hidden", "embedded", "x" * 65, "a b"])
def test_names_that_cannot_be(name: str, models: AddedModels, directory: Path) -> None:
    with pytest.raises(ModelError, match="cannot be a model's name"):
        add(models, directory, name)
    assert models.find_all() == []


def test_a_name_is_taken_once(models: AddedModels, directory: Path) -> None:
    add(models, directory)
    with pytest.raises(ModelError, match="is there already"):
        add(models, directory)


def test_of_many_adding_at_once_one_wins(models: AddedModels, directory: Path) -> None:
    """All are in the middle of it before the first one ends."""
    barrier, lost = threading.Barrier(4), []

    def run() -> None:
        try:
            with models.adding("mine") as made:
                add_model_files(made, directory)
                barrier.wait(30)
        except ModelError as error:
            lost.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 3
    assert all("is there already" in text for text in lost)
    assert [path.name for path in models.folder.iterdir()] == ["mine"]


def add_model_files(made: Path, directory: Path) -> None:
    """Something to rename."""
    (made / "config.json").write_bytes((directory / "config.json").read_bytes())


def test_a_full_disk_leaves_nothing(models: AddedModels, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tuning_emulator.models.adding.write_record", refuse)
    with pytest.raises(OSError, match="No space left"):
        add(models, directory)
    assert list(models.folder.iterdir()) == []


KILLED = """
import os, sys
from tuning_emulator.models.added import AddedModels
with AddedModels().adding("mine") as made:
    (made / "model.safetensors").write_bytes(bytes(1000))
    print("here", flush=True)
    sys.stdin.read()
"""


@pytest.mark.process
def test_what_a_killed_process_left_goes_with_the_next_one(models: AddedModels, directory: Path) -> None:
    """What a living process makes stays where it is."""
    processes = [
        subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
    dead, living = processes
    os.kill(dead.pid, signal.SIGKILL)
    dead.wait()
    assert models.find_all() == []
    add(models, directory, "another")
    assert len(list(models.folder.glob(".*"))) == 1
    living.communicate()
    assert sorted(path.name for path in models.folder.iterdir()) == ["another", "mine"]
    for process in processes:
        assert process.stdout is not None
        process.stdout.close()


def test_weights_are_named_by_name_or_by_directory(models: AddedModels, directory: Path) -> None:
    """A name that has been added comes before a directory of that name; ``./`` says that a directory is meant."""
    assert name_weights(str(directory)) == str(directory)
    with pytest.raises(ModelError, match="no such directory"):
        name_weights("/nowhere")
    with pytest.raises(MissingModelError, match="`tuning-emulator models add smollm2` brings it"):
        name_weights("smollm2")
    add(models, directory, "llama")
    assert name_weights("llama") == "llama"


def test_records_that_cannot_be_read_are_left_out(models: AddedModels, directory: Path) -> None:
    add(models, directory)
    (models.folder / "stray").mkdir()
    (models.folder / "broken").mkdir()
    (models.folder / "broken" / "added.json").write_text("{}")
    (models.folder / "file").write_text("")
    assert [one.name for one in models.find_all()] == ["mine"]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_directory_without_a_part_is_refused(name: str, directory: Path) -> None:
    (directory / name).unlink()
    with pytest.raises(ModelError, match="holds no"):
        find_source(str(directory), {})


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, (10).to_bytes(8, "little") + b"nonsense  ", b"\x02{}"])
def test_a_file_that_is_no_safetensors_is_refused(content: bytes, models: AddedModels, directory: Path) -> None:
    (directory / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="is no safetensors file"):
        add(models, directory)
    assert list(models.folder.iterdir()) == []
