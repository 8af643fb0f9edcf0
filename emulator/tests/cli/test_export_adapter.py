"""An adapter leaves the emulator as files that PEFT and transformers load, and answers there as it does here."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import RunningServer, start_server, stop_server
from tuning_emulator.jobs.lora import missing_packages

pytestmark = pytest.mark.process

lora = pytest.mark.skipif(bool(missing_packages()), reason=f"lora needs {', '.join(missing_packages())}")
NUMBERS = range(1, 16)


def ask(url: str, path: str, body: Any = None) -> Any:
    """One request of the Gemini API."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"x-goog-api-key": "key", "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}{path}", data, headers), timeout=60) as answer:
        return json.load(answer)


def tune(url: str) -> str:
    """Name of a model tuned on the next numbers."""
    examples = [{"textInput": str(n), "output": str(n + 1)} for n in NUMBERS]
    model = {
        "baseModel": "models/gemini-1.5-flash-001-tuning",
        "tuningTask": {"trainingData": {"examples": {"examples": examples}}},
    }
    name = str(ask(url, "/v1beta/tunedModels?tunedModelId=next-number", model)["metadata"]["tunedModel"])
    for _ in range(600):
        if ask(url, f"/v1beta/{name}")["state"] == "ACTIVE":
            return name
        time.sleep(0.1)
    raise AssertionError("not ACTIVE within a minute")


def say(url: str, name: str, text: str) -> str:
    """What the emulator answers, greedily."""
    body = {"contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": {"temperature": 0}}
    return str(ask(url, f"/v1beta/{name}:generateContent", body)["candidates"][0]["content"]["parts"][0]["text"])


def export(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuning_emulator", "export-adapter", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[RunningServer]:
    running = start_server("--data-dir", str(data))
    yield running
    stop_server(running)


@pytest.fixture(scope="module")
def name(server: RunningServer) -> str:
    return tune(server.url)


def answer_by_transformers(model: Any, tokenizer: Any, text: str) -> str:
    """The greedy answer, through the directory's own chat template and ``generate``."""
    messages = [{"role": "user", "content": text}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=False)
    out = model.generate(ids, max_new_tokens=16, do_sample=False)
    return str(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))


@lora
@pytest.mark.lora
@pytest.mark.parametrize("merged", [False, True])
def test_other_tools_give_the_emulators_answers(merged: bool, server: RunningServer, name: str, tmp_path: Path) -> None:
    """peft loads the adapter by the base model that it names, transformers the merged directory alone."""
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tuning_trainer.spec import embedded_base_model

    done = export(name, tmp_path / "out", "--url", server.url, *(["--merged"] if merged else []))
    assert done.returncode == 0, done.stderr
    loader: Any = AutoModelForCausalLM if merged else AutoPeftModelForCausalLM
    tokenizers: Any = AutoTokenizer
    model = loader.from_pretrained(tmp_path / "out", dtype=torch.float32)
    tokenizer = tokenizers.from_pretrained(tmp_path / "out" if merged else embedded_base_model())
    for text in ("7", "41", "twenty"):
        assert answer_by_transformers(model, tokenizer, text) == say(server.url, name, text)


def export_gguf(folder: Path, *arguments: object) -> tuple[subprocess.CompletedProcess[str], Path]:
    file = folder / "out" / "tuned.gguf"
    return export(*arguments, "--gguf", file), file


@lora
@pytest.mark.lora
def test_what_cannot_be_a_gguf_file_is_refused_in_one_line(server: RunningServer, name: str, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    done, file = export_gguf(tmp_path, name, "--url", server.url)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "readers of GGUF have no name" in done.stderr
    assert list(file.parent.iterdir()) == []


def fetch(url: str, name: str, query: str) -> tuple[int, bytes]:
    """What the control API hands out, and with which status."""
    try:
        with urllib.request.urlopen(f"{url}/emulator/v1/adapters/{name}?{query}", timeout=120) as answer:
            data = answer.read()
            assert int(answer.headers["content-length"]) == len(data)
            return answer.status, data
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@lora
@pytest.mark.lora
def test_the_control_api_makes_whole_models_and_says_why_not(server: RunningServer, name: str, tmp_path: Path) -> None:
    """The merged directory is the command's, file by file; what cannot be GGUF is refused in the same words."""
    pytest.importorskip("gguf")
    assert export(name, tmp_path / "out", "--merged", "--url", server.url).returncode == 0
    status, data = fetch(server.url, name, "form=merged")
    assert status == 200
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "fetched", filter="data")
    for file in (tmp_path / "out").iterdir():
        assert (tmp_path / "fetched" / file.name).read_bytes() == file.read_bytes()
    status, data = fetch(server.url, name, "form=gguf&outtype=q8_0")
    assert (status, json.loads(data)["detail"].startswith("gguf: tokenizer.json: it splits text by")) == (409, True)
    assert "readers of GGUF have no name" in json.loads(data)["detail"]


@lora
@pytest.mark.lora
def test_a_data_directory_hands_out_the_same_files(
    server: RunningServer, name: str, data: Path, tmp_path: Path
) -> None:
    """While the server runs the directory is its own; afterwards it answers as the server did."""
    assert export(name, tmp_path / "served", "--url", server.url).returncode == 0
    locked = export(name, tmp_path / "locked", "--data-dir", data)
    assert locked.returncode == 1
    assert "--data-dir" in locked.stderr
    assert not (tmp_path / "locked").exists()
    stop_server(server)
    assert export(name, tmp_path / "kept", "--data-dir", data).returncode == 0
    for file in (tmp_path / "served").iterdir():
        assert file.read_bytes() == (tmp_path / "kept" / file.name).read_bytes()
    assert {file.name for file in (tmp_path / "kept").iterdir()} >= {"adapter_config.json", "adapter_model.safetensors"}


def test_a_scripted_model_has_no_adapter_and_unknown_names_are_refused(tmp_path: Path) -> None:
    """Nothing is pretended: the text says what made it and what would help; nothing is written."""
    server = start_server("--trainer", "scripted")
    try:
        done = export(tune(server.url), tmp_path / "out", "--url", server.url)
        assert done.returncode == 1
        assert "made by the scripted trainer" in done.stderr
        done = export("tunedModels/other", tmp_path / "out", "--url", server.url)
        assert done.returncode == 1
        assert "nothing tuned is called 'tunedModels/other'" in done.stderr
    finally:
        stop_server(server)
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_and_a_silent_server_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = export("tunedModels/x", tmp_path)
    assert (done.returncode, [file.name for file in tmp_path.iterdir()]) == (1, ["notes.txt"])
    assert "not an empty directory" in done.stderr
    done = export("tunedModels/x", tmp_path / "new", "--url", "http://127.0.0.1:9")
    assert "nothing usable answers at http://127.0.0.1:9" in done.stderr
    done = export("tunedModels/x", tmp_path / "new", "--data-dir", tmp_path)
    assert "holds no emulator.sqlite3" in done.stderr


@lora
@pytest.mark.lora
def test_a_tuned_model_becomes_a_gguf_file_from_a_server_and_from_a_data_directory(tmp_path: Path) -> None:
    """With the answers' tokenizer and a Modelfile; the same bytes both ways."""
    pytest.importorskip("gguf")
    from gguf import GGUFReader

    from tests.models import write_llama

    base, data = (
        write_llama(tmp_path / "base", special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
        tmp_path / "data",
    )
    server = start_server("--data-dir", str(data), "--base-model", f"gemini-1.5-flash-001-tuning={base}")
    try:
        name = tune(server.url)
        done, file = export_gguf(tmp_path / "one", name, "--url", server.url, "--outtype", "f32")
        status, fetched = fetch(server.url, name, "form=gguf&outtype=f32")
    finally:
        stop_server(server)
    assert (done.returncode, done.stdout) == (0, f"{name} is in {file}\n"), done.stderr
    reader: Any = GGUFReader(file)
    assert reader.fields["general.architecture"].contents() == "llama"
    assert len(reader.fields["tokenizer.ggml.tokens"].contents()) == 304
    assert "FROM ./tuned.gguf" in (file.parent / "Modelfile").read_text()
    assert status == 200
    with tarfile.open(fileobj=io.BytesIO(fetched)) as archive:
        assert sorted(archive.getnames()) == ["Modelfile", "next-number.gguf"]
        archive.extractall(tmp_path / "fetched", filter="data")
    same: Any = GGUFReader(tmp_path / "fetched" / "next-number.gguf")
    assert [(one.name, one.data.tobytes()) for one in same.tensors] == [
        (one.name, one.data.tobytes()) for one in reader.tensors
    ]
    again, other = export_gguf(tmp_path / "two", name, "--data-dir", data, "--outtype", "f32")
    assert again.returncode == 0, again.stderr
    assert other.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give either DIR or --gguf FILE"),
        (["out", "--gguf", "x.gguf"], "give either DIR or --gguf FILE"),
        (["--gguf", "x.gguf", "--merged"], "--merged: a GGUF file is one whole model already"),
        (["out", "--outtype", "f32"], "--outtype: it is the precision of a GGUF file"),
    ],
)
def test_options_that_do_not_go_together_are_told(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = export("tunedModels/x", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
