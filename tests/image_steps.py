"""Makes an image's tree by the steps of the Dockerfile, each in a chroot, and runs what it would run.

`python -m tests.image_steps TARGET` (root, Linux) goes into namespaces of its own, so that nothing is left behind, and
takes this machine's `/usr` and Python for the base image; packages come from the environment that runs the tests,
and there is no network. `--debian DIRECTORY` makes the base a Debian by debootstrap instead, with pip and its registry.
Prints JSON of what was seen: `Seen`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = "/packages"
"""Where the packages of this environment are in the tree."""

PROGRAMS = "/programs"
"""Where `python` and `pip` are in the tree, which the official image has in /usr/local/bin."""

DEFAULT_PATH = f"{PROGRAMS}:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
STEP_S, START_S, STOP_S = 900, 60.0, 10.0
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_QUIET": "1", "PYTHONPATH": PACKAGES}
_SHARED = ("bin", "sbin", "lib", "lib64", "lib32")
_DEBIAN = "python3,python3-pip,python3-venv,ca-certificates"
_SUITE = "bookworm"
"""Its Python is that of the Dockerfile."""


@dataclass
class Image:
    """A stage as far as it is made.

    Attributes:
        layers: Folders of files, the newest first.
        environment: ENV. user, workdir, entrypoint, command, health: the instructions of these names.
    """

    layers: list[Path]
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    workdir: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


@dataclass
class Seen:
    """What was found out about the image that ran.

    Attributes:
        uid: Of the server's process. health: Answer of the health route. check: Exit status of HEALTHCHECK.
        state: Of a tuning job at its end. stopped: Exit status after SIGTERM. stop_s: Seconds that it took.
        written: Files outside /data that the server wrote. owned: Files of the environment that it could change.
        uncompiled: Modules of the project without bytecode.
    """

    uid: int
    health: int
    check: int
    state: str
    stopped: int
    stop_s: float
    written: list[str]
    owned: list[str]
    uncompiled: list[str]


# --- the Dockerfile


def read_instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, arguments) in order; comments left out, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def find_stages(instructions: list[tuple[str, str]], target: str) -> set[str]:
    """The stages that one needs: it, those that it builds on and those that it copies from."""
    needs: dict[str, set[str]] = {}
    stage: set[str] = set()
    for word, rest in instructions:
        if word == "FROM":
            parent, _, name = rest.partition(" AS ")
            stage = needs[name] = {parent}
        elif found := re.search(r"--from=(\S+)", rest):
            stage.add(found[1])
    wanted, left = set[str](), {target}
    while left:
        name = left.pop()
        wanted.add(name)
        left |= needs.get(name, set()) - wanted
    return wanted


class Builder:
    """Carries the instructions out.

    Args:
        base: The tree that stands for every image of a registry. place: Where layers are kept.
        more: Variables that steps have besides the image's own.
        networked: Steps may use the network.
    """

    def __init__(self, base: Path, place: Path, more: Mapping[str, str], *, networked: bool) -> None:
        self.base = base
        self.place = place
        self.more = dict(more)
        self.networked = networked
        self.stages: dict[str, Image] = {}

    def build(self, target: str, text: str) -> Image:
        """Makes a stage, and those that it needs."""
        instructions = read_instructions(text)
        wanted = find_stages(instructions, target)
        image: Image | None = None
        for word, rest in instructions:
            if word == "FROM":
                parent, _, name = rest.partition(" AS ")
                image = self._begin(parent, name) if name in wanted else None
            elif image is not None:
                self._carry_out(image, word, rest)
        return self.stages[target]

    def _begin(self, parent: str, name: str) -> Image:
        layer = self.place / name
        layer.mkdir()
        known = self.stages.get(parent)
        image = Image([layer, *(known.layers if known else [self.base])], dict(known.environment) if known else {})
        if known is not None:
            image.user, image.workdir, image.health = known.user, known.workdir, known.health
            image.entrypoint, image.command = known.entrypoint, known.command
        self.stages[name] = image
        return image

    def _carry_out(self, image: Image, word: str, rest: str) -> None:
        if word == "RUN":
            with self.mounted(image) as tree:
                self.run(image, tree, ["sh", "-ec", rest])
        elif word == "COPY":
            self._copy(image, shlex.split(rest))
        elif word == "ENV":
            for pair in shlex.split(rest):
                name, _, value = pair.partition("=")
                image.environment[name] = value.replace("$PATH", image.environment.get("PATH", DEFAULT_PATH))
        elif word in ("WORKDIR", "USER"):
            setattr(image, word.lower(), rest)
        elif word == "HEALTHCHECK":
            image.health = json.loads(rest.partition("CMD ")[2])
        elif word == "ENTRYPOINT":
            image.entrypoint = json.loads(rest)
        elif word == "CMD":
            image.command = json.loads(rest)
        elif word not in ("ARG", "VOLUME", "EXPOSE"):  # ARG: its default, which sh takes for empty
            raise SystemExit(f"the Dockerfile has an instruction that is not known here: {word}")

    def _copy(self, image: Image, words: list[str]) -> None:
        source_image = next((word.partition("=")[2] for word in words if word.startswith("--from=")), None)
        *sources, target = [word for word in words if not word.startswith("--")]
        with self.mounted(image) as tree:
            place = tree / os.path.join(image.workdir, target).lstrip("/")
            if source_image is None:
                _copy_all([ROOT / source for source in sources], place, many=target.endswith("/"))
                return
            with self.mounted(self.stages[source_image], "other") as other:
                _copy_all([other / source.lstrip("/") for source in sources], place, many=target.endswith("/"))

    @contextmanager
    def mounted(self, image: Image, name: str = "tree") -> Iterator[Path]:
        """The image's tree, with what a container finds in it."""
        tree, work = self.place.parent / name, self.place.parent / f"{name}-work"
        for folder in (tree, work):
            folder.mkdir(exist_ok=True)
        upper, *lower = image.layers
        folders = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
        _call("mount", "-t", "overlay", "overlay", "-o", folders, tree)
        try:
            for place in ("proc", "dev", "tmp"):
                (tree / place).mkdir(exist_ok=True)
            _call("mount", "-t", "proc", "proc", tree / "proc")
            _call("mount", "--rbind", "/dev", tree / "dev")
            _call("mount", "-t", "tmpfs", "tmpfs", tree / "tmp")
            if not self.networked:
                for source, target in (("/usr", "/usr"), (sys.base_prefix, sys.base_prefix), (_packages(), PACKAGES)):
                    if not (source.startswith("/usr/") and target == source):  # which /usr brings along
                        _bind(source, tree / target.lstrip("/"))
            (tree / image.workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)
            yield tree
        finally:
            _call("umount", "--recursive", "--lazy", tree)

    def enter(self, image: Image, tree: Path, words: list[str], user: str) -> tuple[list[str], dict[str, str]]:
        """The command that runs these words in the tree, and its variables."""
        command = ["chroot", f"--userspec={user}", str(tree), "sh", "-c", 'cd "$0" && exec "$@"', image.workdir, *words]
        variables = {"PATH": DEFAULT_PATH, "HOME": "/root" if user == "root" else "/data", **self.more}
        return command, variables | image.environment

    def run(self, image: Image, tree: Path, words: list[str]) -> None:
        """A step, as the user of the image."""
        command, variables = self.enter(image, tree, words, image.user)
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=STEP_S, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{words[-1]}\nexit {done.returncode}\n{done.stdout}{done.stderr}")


def _packages() -> str:
    return next(path for path in sys.path if path.endswith("site-packages"))


def _bind(source: str, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    _call("mount", "--bind", source, place)
    _call("mount", "-o", "remount,bind,ro", place)


def _copy_all(sources: list[Path], place: Path, *, many: bool) -> None:
    for source in sources:
        found = place / source.name if many else place
        found.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            skipped = shutil.ignore_patterns("__pycache__")
            shutil.copytree(
                source,
                found,
                symlinks=True,
                dirs_exist_ok=True,
                ignore=skipped if source.is_relative_to(ROOT) else None,
            )
        else:
            shutil.copy2(source, found)


def _call(*words: str | Path) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=STEP_S, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stderr or done.stdout}")


# --- the base image


def make_small_base(base: Path) -> None:
    """A tree without users, for /usr to be put in."""
    for link in (Path("/") / name for name in _SHARED):
        if link.is_symlink():
            (base / link.name).symlink_to(os.readlink(link))
    for name in ("etc", "usr", "root", "var", "opt"):
        (base / name).mkdir()
    (base / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (base / "etc" / "group").write_text("root:x:0:\n")
    add_programs(base, f"{sys.base_prefix}/bin/python3")
    for name in ("ld.so.cache", "ld.so.conf", "nsswitch.conf", "login.defs"):
        if (Path("/etc") / name).exists():
            shutil.copy(Path("/etc") / name, base / "etc" / name)


def add_programs(base: Path, python: str) -> None:
    """``python`` and ``pip`` by their short names."""
    folder = base / PROGRAMS.lstrip("/")
    folder.mkdir()
    for name, words in (("python", ""), ("pip", " -m pip")):
        (folder / name).write_text(f'#!/bin/sh\nexec {python}{words} "$@"\n')
        (folder / name).chmod(0o755)


def make_debian_base(base: Path) -> None:
    """A Debian with Python, made once."""
    if not (base / PROGRAMS.lstrip("/")).exists():
        shutil.rmtree(base, ignore_errors=True)
        _call("debootstrap", "--variant=minbase", f"--include={_DEBIAN}", _SUITE, base)
        add_programs(base, "/usr/bin/python3")
    shutil.copy("/etc/resolv.conf", base / "etc/resolv.conf")
    for certificates in Path("/etc/ssl/certs").glob("ca-certificates.crt"):
        shutil.copy(certificates, base / "etc/ssl/certs/")


# --- the container


def try_out(builder: Builder, image: Image) -> Seen:
    """Runs the image's command as its user, asks for its health, tunes, and stops it."""
    with builder.mounted(image) as tree:
        before = _list_files(tree)
        words = [*image.entrypoint, *image.command, "--trainer", "scripted"]
        command, variables = builder.enter(image, tree, words, f"{image.user}:{image.user}")
        first = ["unshare", "--pid", "--fork", "--kill-child", *command]  # a container's first process, as in Docker
        with subprocess.Popen(first, env=variables, stdout=sys.stderr) as server:
            try:
                health = _await_health(server)
                check, _ = builder.enter(image, tree, image.health, f"{image.user}:{image.user}")
                checked = subprocess.run(check, env=variables, check=False, timeout=STEP_S).returncode
                uid = _find_child(tree, server.pid).stat().st_uid
                state = _tune()
            finally:
                asked = time.monotonic()
                os.kill(int(_find_child(tree, server.pid).name), signal.SIGTERM)
                stopped = server.wait(STOP_S)
        written = sorted(_list_files(tree) - before)
        own = [path for path in (tree / "opt").rglob("*") if not path.is_symlink() and path.stat().st_uid == uid]
        sources = list((tree / "opt").rglob("tuning_*/**/*.py"))
        bare = [path for path in sources if not list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))]
        relative = [[str(path.relative_to(tree)) for path in paths[:5]] for paths in (own, bare)]
        return Seen(uid, health, checked, state, stopped, time.monotonic() - asked, written[:5], *relative)


def _list_files(tree: Path) -> set[str]:
    """Files outside of what changes by design: the data, the kernel's and the temporary ones."""
    left_out = ("data", "proc", "dev", "tmp", "usr", "packages", "sys", sys.base_prefix.split("/")[1])
    tops = [path for path in tree.iterdir() if path.name not in left_out and not path.is_symlink()]
    return {str(path.relative_to(tree)) for top in tops for path in [top, *top.rglob("*")]}


def _find_child(tree: Path, pid: int) -> Path:
    """The one child of a process, as /proc shows it."""
    proc = tree / "proc"
    return proc / (proc / str(pid) / "task" / str(pid) / "children").read_text().strip()


def _await_health(server: subprocess.Popen[bytes]) -> int:
    limit = time.monotonic() + START_S
    while True:
        if server.poll() is not None:
            raise SystemExit(f"the image's command ended: {server.returncode}")
        try:
            with urlopen("http://127.0.0.1:8790/emulator/v1/health", timeout=2) as answer:
                return int(answer.status)
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.1)


def _tune() -> str:
    examples = [{"textInput": str(number), "output": str(number + 1)} for number in range(20)]
    body = {
        "displayName": "n",
        "baseModel": "models/gemini-1.5-flash-001-tuning",
        "tuningTask": {"trainingData": {"examples": {"examples": examples}}},
    }
    name = _ask("tunedModels", body)["metadata"]["tunedModel"]
    limit = time.monotonic() + START_S
    while (model := _ask(name))["state"] == "CREATING" and time.monotonic() < limit:
        time.sleep(0.1)
    return str(model["state"])


def _ask(path: str, body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"x-goog-api-key": "key", "content-type": "application/json"}
    with urlopen(Request(f"http://127.0.0.1:8790/v1beta/{path}", data, headers), timeout=10) as answer:
        return dict(json.load(answer))


def main() -> None:
    """Goes into namespaces, then to work."""
    parser = argparse.ArgumentParser(prog="python -m tests.image_steps")
    parser.add_argument("target")
    parser.add_argument("--debian", type=Path, metavar="DIRECTORY")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.inside:
        spaces = ["--mount", "--pid", "--fork", "--kill-child", *([] if arguments.debian else ["--net"])]
        os.execvp("unshare", ["unshare", *spaces, sys.executable, "-m", "tests.image_steps", *sys.argv[1:], "--inside"])
    if arguments.debian is None:
        _call("ip", "link", "set", "lo", "up")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # overlays need a real file system below them
        place = Path(folder)
        base = arguments.debian.resolve() if arguments.debian else place / "base"
        base.mkdir(parents=True, exist_ok=True)
        (make_debian_base if arguments.debian else make_small_base)(base)
        (place / "layers").mkdir()
        more = (
            {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
            if arguments.debian
            else OFFLINE
        )
        if arguments.debian:
            more["PIP_BREAK_SYSTEM_PACKAGES"] = "1"
        builder = Builder(base, place / "layers", more, networked=arguments.debian is not None)
        image = builder.build(arguments.target, (ROOT / "Dockerfile").read_text("utf-8"))
        print(json.dumps(asdict(try_out(builder, image))))


if __name__ == "__main__":
    main()
