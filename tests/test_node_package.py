"""The npm package: packed as it would be published, installed elsewhere, and run against real emulators."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.node_package import SOURCE, pack
from scripts.typescript import CompilerError
from tuning_emulator import __version__
from tuning_emulator.testing.process import RunningEmulator, start_emulator

LIMIT_S = 90
NOWHERE = "/nowhere/python"
ASK = "fetch('https://generativelanguage.googleapis.com/v1beta/tunedModels?key=k').then((a) => console.log(a.status))"
ASK_POINTED = ASK.replace("'https://generativelanguage.googleapis.com", "process.env.GOOGLE_GEMINI_BASE_URL + '")


@dataclass(frozen=True, slots=True)
class Installed:
    """A folder where the package is installed, ``tarball`` what it was installed from."""

    folder: Path
    tarball: Path

    def run(self, *command: str, path: Path | None = None, **variables: str | None) -> subprocess.CompletedProcess[str]:
        """A command there. ``path``: the PATH's only folder; ``variables``: None unsets."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.make_environment(path, variables),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def npx(self, *words: str, path: Path | None = None, **variables: str | None) -> subprocess.CompletedProcess[str]:
        """``npx tuning-emulator``, by the file that npm has linked."""
        return self.run(str(self.folder / "node_modules/.bin/tuning-emulator"), *words, path=path, **variables)

    @staticmethod
    def make_environment(path: Path | None, variables: dict[str, str | None]) -> dict[str, str]:
        """Of this process, with the Python that runs these tests unless ``variables`` say something else."""
        own = {"TUNING_EMULATOR_PYTHON": sys.executable, "TUNING_EMULATOR_URL": None, "VIRTUAL_ENV": None}
        merged = {**os.environ, **own, **({"PATH": str(path)} if path else {}), **variables}
        return {name: value for name, value in merged.items() if value is not None}


@pytest.fixture(scope="module")
def installed(process: None, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package in a project of its own; no registry is asked, for it needs no other package."""
    folder = tmp_path_factory.mktemp("node-project")
    try:
        tarball = pack(tmp_path_factory.mktemp("node-package"))
    except CompilerError as error:
        if "on the PATH" in str(error) or "cannot be installed" in str(error):
            pytest.skip(str(error))
        raise
    (folder / "package.json").write_text('{"private": true}')
    command = ["npm", "install", "--offline", "--no-audit", "--no-fund", str(tarball)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=LIMIT_S)
    for file in (SOURCE / "tests").iterdir():
        shutil.copy(file, folder)
    return Installed(folder, tarball)


@pytest.fixture(scope="module")
def running(process: None) -> Iterator[RunningEmulator]:
    """An emulator that somebody else has started."""
    with start_emulator(trainer="scripted") as emulator:
        yield emulator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder for the PATH with Node and what shell scripts need, without Python, uvx and containers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("node", "env", "sh", "cat"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def write_program(folder: Path, name: str, text: str) -> None:
    """A shell script that stands in for a program that may not be on this machine."""
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


# --- the package


def test_the_version_is_that_of_the_emulator() -> None:
    """One version for both; what uvx is asked for is it too."""
    assert json.loads((SOURCE / "package.json").read_text("utf-8"))["version"] == __version__
    assert f'VERSION = "{__version__}"' in (SOURCE / "src/version.ts").read_text("utf-8")


@pytest.mark.process
def test_the_package_holds_what_it_needs_and_nothing_else(installed: Installed) -> None:
    """Each module for `import` and for `require`, with its types; licence and README; no dependency."""
    modules = {file.stem for file in (SOURCE / "src").glob("*.ts")}
    wanted = {"package.json", "README.md", "LICENSE", "dist/cli.js", "dist/cjs/package.json"}
    for place in ("dist", "dist/cjs"):
        wanted |= {f"{place}/{name}{end}" for name in modules - {"cli"} for end in (".js", ".d.ts")}
    with tarfile.open(installed.tarball) as archive:
        assert {name.removeprefix("package/") for name in archive.getnames()} == wanted
    manifest = json.loads((installed.folder / "node_modules/tuning-emulator/package.json").read_text())
    assert not {"dependencies", "devDependencies", "scripts"} & set(manifest)


@pytest.mark.process
@pytest.mark.parametrize("shared", [False, True], ids=["own emulator", "one that runs"])
def test_the_package_against_an_emulator(installed: Installed, running: RunningEmulator, shared: bool) -> None:
    """The package's own tests, under node:test."""
    url = running.url if shared else None
    done = installed.run("node", "--test", "control.test.mjs", TUNING_EMULATOR_URL=url)
    assert done.returncode == 0, done.stdout
    assert ("runs by Python environment" in done.stdout) is not shared


@pytest.mark.process
def test_programs_that_require_it(installed: Installed, running: RunningEmulator) -> None:
    """Tests under Jest do."""
    program = """
        const { startEmulator } = require("tuning-emulator");
        for (const part of ["vitest", "jest", "node-test"]) require("tuning-emulator/" + part);
        startEmulator().then((one) => one.health()).then((health) => console.log(health.status));
    """
    done = installed.run("node", "-e", program, TUNING_EMULATOR_URL=running.url)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


@pytest.mark.process
@pytest.mark.parametrize("module", ["vitest", "jest"])
def test_global_setup_leads_the_workers(installed: Installed, module: str) -> None:
    """A process that is started after it has the environment; the emulator ends with the runner, or before."""
    program = f"""
        import {{ execFileSync }} from "node:child_process";
        import * as setup from "tuning-emulator/{module}";
        await (setup.setup ?? setup.default)();
        const ask = {json.dumps(ASK_POINTED)};
        console.log(process.env.TUNING_EMULATOR_URL, execFileSync("node", ["-e", ask], {{ encoding: "utf8" }}).trim());
        await setup.teardown?.();
    """
    done = installed.run("node", "--input-type=module", "-e", program)
    assert done.returncode == 0, done.stderr
    url, status = done.stdout.split()
    assert status == "200"
    assert_ends(url)


@pytest.mark.process
def test_the_emulator_ends_with_a_process_that_is_killed(installed: Installed) -> None:
    """Nobody is left to end it: its standard input says so."""
    program = """
        import { startEmulator } from "tuning-emulator";
        console.log((await startEmulator()).url);
        setInterval(() => {}, 1000);
    """
    command = ["node", "--input-type=module", "-e", program]
    environment = installed.make_environment(None, {})
    with subprocess.Popen(
        command, cwd=installed.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http")
        process.send_signal(signal.SIGKILL)
    assert_ends(url)


def assert_ends(url: str) -> None:
    """Nothing answers any more, at once or soon."""
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        try:
            urllib.request.urlopen(f"{url}/emulator/v1/health", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            return
        time.sleep(0.05)
    pytest.fail(f"{url} still answers")


# --- what runs it

EXEC = ("exec", "--", "node", "-e", ASK)
POINTED = ("exec", "--", "node", "-e", ASK_POINTED)


@pytest.mark.process
def test_a_python_environment(installed: Installed) -> None:
    """The active one comes before the PATH; programs with Google's hosts in them are led; the exit status is theirs."""
    active = str(Path(sys.executable).parent.parent)
    options = ("exec", "--trainer", "scripted")
    done = installed.npx(*options, *EXEC[1:], TUNING_EMULATOR_PYTHON=None, VIRTUAL_ENV=active)
    assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr
    assert f"runs by Python environment ({active}/bin/python)" in done.stderr
    assert installed.npx(*options, "--", "sh", "-c", "exit 7").returncode == 7


@pytest.mark.process
def test_one_that_runs(installed: Installed, running: RunningEmulator, path: Path) -> None:
    """By its URL: led where there is a Python, by variables where there is none, which is said."""
    done = installed.npx(*EXEC, TUNING_EMULATOR_URL=running.url)
    assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr
    assert f"uses what runs at {running.url}" in done.stderr
    without = {"TUNING_EMULATOR_URL": running.url, "TUNING_EMULATOR_PYTHON": NOWHERE}
    done = installed.npx(*POINTED, path=path, **without)
    assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr
    assert "without Python, programs are led by GOOGLE_GEMINI_BASE_URL" in done.stderr
    assert installed.npx("exec", path=path, **without).returncode == 2
    done = installed.npx("exec", "--seed", "1", "--", "node", path=path, **without)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--seed 1 cannot change it" in done.stderr
    assert installed.npx("exec", "--", "nothing-like-it", path=path, **without).returncode == 127


@pytest.mark.process
def test_a_program_on_the_path(installed: Installed, path: Path) -> None:
    """What pipx has put there, past the command of this package itself, which has the same name."""
    beside = path.parent / "pipx"
    beside.mkdir()
    (path / "tuning-emulator").symlink_to(installed.folder / "node_modules/.bin/tuning-emulator")
    script = f"#!{sys.executable}\nfrom tuning_emulator.cli import main\nraise SystemExit(main())\n"
    (beside / "tuning-emulator").write_text(script)
    (beside / "tuning-emulator").chmod(0o755)
    done = installed.npx("--version", path=Path(f"{path}:{beside}"), TUNING_EMULATOR_PYTHON=NOWHERE)
    assert (done.returncode, done.stdout) == (0, f"tuning-emulator {__version__}\n"), done.stderr
    assert f"runs by program on the PATH ({beside}/tuning-emulator)" in done.stderr


@pytest.mark.process
def test_uvx(installed: Installed, path: Path) -> None:
    """Asked for this very version, or for what a variable names."""
    asks = f'if [ "$1" = --version ]; then echo 1; exit; fi\nshift 3\nexec {sys.executable} -P -m tuning_emulator "$@"'
    write_program(path, "uvx", asks)
    started = """
        const { startEmulator } = require("tuning-emulator");
        startEmulator().then((one) => one.health()).then((health) => console.log(health.status));
    """
    done = installed.run("node", "-e", started, path=path, TUNING_EMULATOR_PYTHON=NOWHERE)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    assert f"runs by uvx (tuning-emulator=={__version__})" in done.stderr
    done = installed.npx(
        "--version", path=path, TUNING_EMULATOR_PYTHON=NOWHERE, TUNING_EMULATOR_PACKAGE="/some/where.whl"
    )
    assert "runs by uvx (/some/where.whl)" in done.stderr


@pytest.mark.process
def test_a_container(installed: Installed, path: Path) -> None:
    """Reached by its mapped port, whatever the emulator believes to be its own address; it ends with the program."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    engine = f"""
case "$1" in
  image) exit 0 ;;
  port) echo "127.0.0.1:{port}" ;;
  run) shift 8; echo "$@" > {path}/given
       exec {sys.executable} -P -m tuning_emulator "$@" --host localhost --port {port} ;;
esac"""
    write_program(path, "podman", engine)
    command = (
        "exec",
        "--seed",
        "7",
        "--trainer",
        "scripted",
        "--",
        "node",
        "-e",
        f"{ASK_POINTED}; console.log(process.env.TUNING_EMULATOR_URL)",
    )
    done = installed.npx(*command, path=path, TUNING_EMULATOR_PYTHON=NOWHERE)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == ["200", f"http://127.0.0.1:{port}"]
    assert "runs by container (podman, tuning-emulator)" in done.stderr
    assert (path / "given").read_text().split()[:2] == ["serve", "--until-eof"]
    assert_ends(f"http://127.0.0.1:{port}")
    refused = installed.npx("journal", path=path, TUNING_EMULATOR_PYTHON=NOWHERE)
    assert (refused.returncode, "only exec and serve run in a container" in refused.stderr) == (1, True)


@pytest.mark.process
def test_nothing_to_run_it(installed: Installed, path: Path) -> None:
    """What to install is said in the first line, what was tried below."""
    done = installed.npx("exec", "--", "true", path=path, TUNING_EMULATOR_PYTHON=NOWHERE)
    assert done.returncode == 1
    first, *tried = done.stderr.splitlines()
    assert first == (
        "tuning-emulator: nothing here runs tuning-emulator; install it with `pip install tuning-emulator` "
        "(Python 3.11 or newer), or install uv or Docker"
    )
    assert [line.split()[-1] for line in tried] == [NOWHERE, "PATH", "PATH", "PATH"]
