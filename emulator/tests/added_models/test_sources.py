"""Models in other programs' folders are found by the names that those programs give them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.models import write_llama
from tuning_emulator.models.added import ModelError
from tuning_emulator.models.sources import find_source, make_name


def write_ollama(folder: Path, name: str = "library/tiny/latest", **layers: bytes) -> dict[str, str]:
    """A model as Ollama keeps it; the environment that leads there."""
    manifest = folder / "manifests" / "registry.ollama.ai" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    (folder / "blobs").mkdir(exist_ok=True)
    rows = []
    for kind, content in layers.items():
        digest = hashlib.sha256(content).hexdigest()
        (folder / "blobs" / f"sha256-{digest}").write_bytes(content)
        rows.append({"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}", "size": 1})
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": rows}))
    return {"OLLAMA_MODELS": str(folder)}


def test_ollamas_blob_is_found_through_its_manifest(tmp_path: Path) -> None:
    environment = write_ollama(tmp_path, model=b"GGUF model", license=b"Be kind.")
    found = find_source("ollama:tiny", environment)
    assert found.path.read_bytes() == b"GGUF model"
    assert (found.name, found.license_text) == ("tiny", "Be kind.")
    assert find_source("ollama:tiny:latest", environment).path == found.path


def test_ollamas_tags_and_owners(tmp_path: Path) -> None:
    environment = write_ollama(tmp_path, "me/tiny/1b-q4", model=b"GGUF")
    assert find_source("ollama:me/tiny:1b-q4", environment).name == "tiny-1b-q4"
    with pytest.raises(ModelError, match=r"no manifest.*there: registry.ollama.ai/me/tiny/1b-q4.*ollama pull tiny"):
        find_source("ollama:tiny", environment)


@pytest.mark.parametrize(
    ("manifest", "wanted"),
    [
        ("not JSON", "is no manifest"),
        ("[]", "is no manifest"),
        ('{"layers": [{}]}', "is no manifest"),
        ('{"layers": []}', "names no blob"),
        (
            '{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../etc"}]}',
            "names no blob",
        ),
        (
            json.dumps({"layers": [{"mediaType": "x.image.model", "digest": "sha256:" + "0" * 64}]}),
            "its blob .* is not there",
        ),
        (
            json.dumps({"layers": [{"mediaType": "x.image.adapter", "digest": "sha256:" + "0" * 64}]}),
            "is an adapter on another model",
        ),
    ],
)
def test_manifests_that_lead_nowhere(manifest: str, wanted: str, tmp_path: Path) -> None:
    environment = write_ollama(tmp_path, model=b"GGUF")
    (tmp_path / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "latest").write_text(manifest)
    with pytest.raises(ModelError, match=wanted):
        find_source("ollama:tiny", environment)


@pytest.mark.parametrize("program", ["lmstudio", "llama.cpp"])
def test_files_are_found_by_path_or_by_part_of_it(program: str, tmp_path: Path) -> None:
    folder = tmp_path / ("models" if program == "lmstudio" else "")
    environment = {"LMSTUDIO_HOME" if program == "lmstudio" else "LLAMA_CACHE": str(tmp_path)}
    for name in ("me/tiny/tiny-Q4_K_M.gguf", "me/tiny/mmproj-tiny.gguf", "me/other/other.gguf", "me/other/more.gguf"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"GGUF")
    for text in ("me/tiny/tiny-Q4_K_M.gguf", "me/tiny/tiny-Q4_K_M", "me/tiny", "q4_k"):
        found = find_source(f"{program}:{text}", environment)
        assert (found.path, found.name) == (folder / "me/tiny/tiny-Q4_K_M.gguf", "tiny-q4_k_m")
    with pytest.raises(ModelError, match="several files are meant; there: me/other/more"):
        find_source(f"{program}:me/other", environment)
    with pytest.raises(ModelError, match="no such file; there: "):
        find_source(f"{program}:nothing", environment)


@pytest.mark.parametrize("text", ["ollama:", "ollama:../x", "lmstudio:/etc", "llama.cpp:a/../../b"])
def test_names_that_lead_out_of_the_folder(text: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a name must follow"):
        find_source(text, {"OLLAMA_MODELS": str(tmp_path)})


@pytest.mark.parametrize("variable", ["HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"])
def test_repositories_are_found_in_hugging_faces_cache(variable: str, tmp_path: Path) -> None:
    below = {"HF_HUB_CACHE": "", "HF_HOME": "hub", "XDG_CACHE_HOME": "huggingface/hub"}[variable]
    place = tmp_path / below / "models--Me--Tiny-1"
    write_llama(place / "snapshots" / "abc")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    found = find_source("hf:Me/Tiny-1", {variable: str(tmp_path)})
    assert (found.path, found.name) == (place / "snapshots" / "abc", "tiny-1")
    with pytest.raises(ModelError, match="--download fetches it"):
        find_source("hf:Me/Other", {variable: str(tmp_path)})


@pytest.mark.parametrize("text", ["hf:", "hf:tiny", "hf:a/b/c", "hf:../x"])
def test_repositories_have_two_names(text: str) -> None:
    with pytest.raises(ModelError, match="ORGANISATION/NAME"):
        find_source(text, {})


def test_what_is_nowhere() -> None:
    with pytest.raises(ModelError, match="no such file or directory, nor a model that a package carries"):
        find_source("smollm3", {})


@pytest.mark.parametrize(("text", "wanted"), [("A B!c", "a-b-c"), ("---", "model"), ("x" * 99, "x" * 64)])
def test_names_are_made_of_files(text: str, wanted: str) -> None:
    assert make_name(text) == wanted
