"""Runs an image as an engine would: `python -m scripts.image_run TREE CONFIG`, in namespaces of its own, see `images`.

As its user, with a root that cannot be written to, in a network of its own: its health is asked, a model is tuned and
asked, it is stopped. Prints JSON of what was seen: `Seen`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent
STEP_S, START_S, STOP_S = 1800, 60.0, 10.0
SPACES = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child")
"""Where images run: of what they mount and serve nothing is left."""


class ImageError(RuntimeError):
    """An image cannot be built or run here; the text says why."""

    @property
    def unreached(self) -> bool:
        """A registry does not answer, as pip and debootstrap say it."""
        said = str(self).lower()
        return any(
            words in said for words in ("could not find a version", "max retries", "cannot resolve", "retrieving")
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found out about an image that ran.

    Attributes:
        start_s: Until it answered. uid: Of its process. check: Exit status of HEALTHCHECK.
        trainer, state: Of a tuning job at its end. answer: Of the tuned model to "7".
        stopped: Exit status after SIGTERM.
        owned: Files of the environment that the server could change. uncompiled: Modules of the project without
            bytecode. Five of each at most.
    """

    start_s: float
    uid: int
    check: int
    trainer: str
    state: str
    answer: str
    stopped: int
    owned: list[str]
    uncompiled: list[str]


def call(*words: str | Path) -> str:
    """What a program prints.

    Raises:
        ImageError: it fails.
    """
    command = [str(word) for word in words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=STEP_S, check=False)
    if done.returncode:
        raise ImageError(f"{' '.join(command)}: exit {done.returncode}\n{(done.stdout + done.stderr).strip()[-4000:]}")
    return done.stdout


def try_out(tree: Path, config: dict[str, Any]) -> Seen:
    """The image's command as its user, in a tree that is read-only but for /data and /tmp."""
    call("ip", "link", "set", "lo", "up")
    with _mounted(tree, config) as root:
        variables = dict(pair.split("=", 1) for pair in config["Env"])

        def enter(words: list[str]) -> list[str]:
            user = f"--userspec={config['User']}:{config['User']}"
            return ["chroot", user, str(root), "sh", "-c", 'cd "$0" && exec "$@"', config["WorkingDir"], *words]

        begun = time.monotonic()
        command = ["unshare", "--pid", "--fork", "--kill-child", *enter([*config["Entrypoint"], *config["Cmd"]])]
        with (
            tempfile.TemporaryFile() as log,
            subprocess.Popen(command, env=variables, stdout=log, stderr=subprocess.STDOUT) as server,
        ):
            try:
                health = _await_health(server)
                start_s = time.monotonic() - begun
                check = subprocess.run(enter(config["Healthcheck"]["Test"][1:]), env=variables, check=False).returncode
                first = _find_child(root / "proc", server.pid)
                uid = (root / "proc" / str(first)).stat().st_uid
                state, answer = _tune()
            except (ImageError, OSError) as error:
                log.seek(0)
                raise ImageError(f"{error}; it said: {log.read().decode(errors='replace')[-4000:]}") from error
            finally:
                if server.poll() is None:
                    os.kill(_find_child(root / "proc", server.pid), signal.SIGTERM)
                stopped = server.wait(STOP_S)
    environment = tree / "opt"
    owned = [path for path in environment.rglob("*") if not path.is_symlink() and path.stat().st_uid == uid]
    sources = environment.rglob("tuning_*/**/*.py")
    bare = [path for path in sources if not list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))]
    named = [[str(path.relative_to(tree)) for path in paths[:5]] for paths in (owned, bare)]
    return Seen(start_s, uid, check, health["trainer"]["name"], state, answer, stopped, *named)


@contextmanager
def _mounted(tree: Path, config: dict[str, Any]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tuning-emulator-image-") as folder:
        root = Path(folder)
        call("mount", "--bind", tree, root)
        owner = (root / "data").stat()
        for place in ("proc", "dev", "tmp"):
            (root / place).mkdir(exist_ok=True)
        call("mount", "-o", "remount,bind,ro", root)
        call("mount", "-t", "proc", "proc", root / "proc")
        call("mount", "--rbind", "/dev", root / "dev")
        call("mount", "-t", "tmpfs", "tmpfs", root / "tmp")
        for volume in config["Volumes"]:
            call("mount", "-t", "tmpfs", "-o", f"uid={owner.st_uid},gid={owner.st_gid}", "tmpfs", f"{root}{volume}")
        try:
            yield root
        finally:
            call("umount", "--recursive", "--lazy", root)


def _find_child(proc: Path, pid: int) -> int:
    """The one child of a process: the container's first, which gets its signals."""
    return int((proc / str(pid) / "task" / str(pid) / "children").read_text())


def _await_health(server: subprocess.Popen[bytes]) -> dict[str, Any]:
    limit = time.monotonic() + START_S
    while True:
        if server.poll() is not None:
            raise ImageError(f"the image's command ended: {server.returncode}")
        try:
            with urlopen("http://127.0.0.1:8790/emulator/v1/health", timeout=2) as answer:
                return dict(json.load(answer))
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.02)


def _tune() -> tuple[str, str]:
    """State of a tuning job at its end, and the tuned model's answer to "7"."""
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
    asked = {"contents": [{"parts": [{"text": "7"}]}], "generationConfig": {"temperature": 0}}
    answer = _ask(f"{name}:generateContent", asked)
    return str(model["state"]), str(answer["candidates"][0]["content"]["parts"][0]["text"])


def _ask(path: str, body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"x-goog-api-key": "key", "content-type": "application/json"}
    with urlopen(Request(f"http://127.0.0.1:8790/v1beta/{path}", data, headers), timeout=60) as answer:
        return dict(json.load(answer))


def main() -> int:
    """Runs it."""
    tree, config = sys.argv[1:]
    try:
        print(json.dumps(asdict(try_out(Path(tree), json.loads(config)))))
    except ImageError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
