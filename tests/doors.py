"""The five ways in, each walked as a new user would, from an empty environment to the first green result.

`python -m tests.doors` builds the wheel and the npm package and walks through all; `--wheel FILE --node FILE` takes
built ones, `--door NAME` walks through one. Prints how long each took and what it downloaded. Exit status 1: one is
shut.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts.node_package import pack
from scripts.release import build_wheel
from scripts.typescript import CompilerError
from tests.empty_environment import EmptyEnvironment, Spent, StepError

ROOT = Path(__file__).resolve().parent.parent
MEGABYTE = 1_000_000
MOST_BYTES = 120 * MEGABYTE
"""Of a door without torch."""


@dataclass(frozen=True, slots=True)
class Built:
    """What would be published: the wheel, and the npm package unless there is nothing to make it with."""

    wheel: Path
    node: Path | None


class ShutError(RuntimeError):
    """A door cannot be tried on this machine; the text says what is missing."""


# --- pytest

TEST = """
from google import genai


def test_the_tuned_model_counts(tuning_emulator):
    pairs = [(str(number), str(number + 1)) for number in range(20)]
    dataset = tuning_emulator.buckets.upload_pairs(tuning_emulator.bucket, "train.jsonl", pairs)
    client = genai.Client(vertexai=True, project=tuning_emulator.project, location=tuning_emulator.location)
    job = client.tunings.tune(base_model="gemini-2.5-flash", training_dataset={"gcs_uri": dataset})
    while not job.has_ended:
        job = client.tunings.get(name=job.name)
    assert client.models.generate_content(model=job.tuned_model.endpoint, contents="7").text == "8"
"""


def walk_pytest(place: EmptyEnvironment, built: Built) -> str:
    """The plugin, and Google's own client."""
    place.install(str(built.wheel), "pytest", "google-genai")
    place.write("test_app.py", TEST)
    return place.run("python", "-m", "pytest", "-q").splitlines()[-1]


# --- Node

NODE_TEST = """
import assert from "node:assert/strict";
import test from "node:test";
import { useEmulator } from "tuning-emulator/node-test";

const emulator = useEmulator();

test("nothing is tuned yet", async () => {
  const answer = await fetch(`${process.env.GOOGLE_GEMINI_BASE_URL}/v1beta/tunedModels`, {
    headers: { "x-goog-api-key": process.env.GEMINI_API_KEY },
  });
  assert.deepEqual(await answer.json(), {});
  assert.equal(await emulator().journal.count({ method: "ListTunedModels" }), 1);
});
"""


def walk_node(place: EmptyEnvironment, built: Built) -> str:
    """The npm package, which finds the Python package beside it."""
    if built.node is None:
        raise ShutError("the npm package cannot be built here")
    place.write("package.json", '{"private": true}')
    place.write("app.test.mjs", NODE_TEST)
    place.install(str(built.wheel))
    place.install_node(built.node)
    said = place.run("node", "--test", "app.test.mjs")
    return next(line[2:] for line in said.splitlines() if line.startswith(("# pass", "ℹ pass")))


# --- CI

CI_STEP = """
import json, os, urllib.request
url = os.environ["GOOGLE_GEMINI_BASE_URL"] + "/v1beta/tunedModels"
request = urllib.request.Request(url, headers={"x-goog-api-key": os.environ["GEMINI_API_KEY"]})
assert json.load(urllib.request.urlopen(request)) == {}
print("a step after the action is answered")
"""


def walk_ci(place: EmptyEnvironment, built: Built) -> str:
    """The steps of the action, as a runner runs them, and a step after them."""
    steps = {step["name"]: step for step in yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"]}
    place.install(str(built.wheel))  # so that what it downloads is counted; the action's own pip finds it there
    place.write("step.py", CI_STEP)
    runner = {
        "RUNNER_TEMP": str(place.work),
        "GITHUB_PATH": "path",
        "GITHUB_ENV": "env",
        "GITHUB_OUTPUT": "output",
        "PACKAGE": str(built.wheel),
        "EXTRAS": "",
        "SOURCE": "",
        "PORT": "0",
        "STORAGE_PORT": "0",
        "ARGUMENTS": "--trainer scripted",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(place.wheels),
    }
    given = "".join(f"export {name}={json.dumps(value)}\n" for name, value in runner.items())
    read = (
        'export PATH="$(cat path):$PATH"\n',
        'set -a; . ./env; set +a\ntrap "kill $(sed -n s/^pid=//p output)" EXIT\n',
    )
    script = f"set -eo pipefail\n{given}{steps['Install']['run']}\n{read[0]}{steps['Start']['run']}\n{read[1]}"
    return place.run("bash", "--noprofile", "--norc", "-c", f"{script}python3 step.py").splitlines()[-1]


# --- my dataset

VALIDATED_FOR = ("--api", "gemini", "--model", "gemini-1.5-flash-001-tuning")


def walk_dataset(place: EmptyEnvironment, built: Built) -> str:
    """Torch for the CPU, the extra `lora`, a file of the user's: checked, tuned on, asked."""
    lines = (json.dumps({"text_input": str(n), "output": str(n + 1)}) for n in range(20, 60))
    place.write("data.jsonl", "\n".join(lines))
    install_cpu_torch(place)
    place.install(f"{built.wheel}[lora]")
    place.run("tuning-emulator", "validate", "data.jsonl", *VALIDATED_FOR)
    told = json.loads(place.run("tuning-emulator", "tune", "data.jsonl", "--prompt", "71", "--json"))
    (answer,) = told["answers"]
    return f"{answer['prompt']} -> {answer['after']}"


def install_cpu_torch(place: EmptyEnvironment) -> None:
    """As the documents advise; where PyTorch's own index cannot be reached, the same build from wherever pip is sent.

    Raises:
        ShutError: there is none.
    """
    pinned = next(line for line in (ROOT / "requirements.lock").read_text().splitlines() if line.startswith("torch=="))
    try:
        place.install(f"{pinned}+cpu")
    except StepError as error:
        if not error.unreached:
            raise
        try:
            place.install("torch", "--index-url", "https://download.pytorch.org/whl/cpu")
        except StepError as other:
            raise ShutError("torch for the CPU cannot be had here") from other


# --- an old program

OLD_PROGRAM = ROOT / "client_tests" / "programs" / "as_it_is" / "tutorial_2024.py"


def walk_old_program(place: EmptyEnvironment, built: Built) -> str:
    """A program of 2024 that knows nothing of the emulator, under `exec`."""
    place.write("tune.py", OLD_PROGRAM.read_text("utf-8"))
    place.install(str(built.wheel), "google-generativeai==0.8.6")
    return place.run("tuning-emulator", "exec", "--trainer", "scripted", "--", "python", "tune.py").splitlines()[-1]


@dataclass(frozen=True, slots=True)
class Door:
    """A way in.

    Attributes:
        green: What its result begins with. most_bytes: That it may download; 0: as much as it needs.
    """

    walk: Callable[[EmptyEnvironment, Built], str]
    green: str
    most_bytes: int = MOST_BYTES

    def is_open(self, said: str, spent: Spent) -> bool:
        """Whether it led to the green result, and light enough."""
        return said.startswith(self.green) and (not self.most_bytes or spent.downloaded <= self.most_bytes)


DOORS = {
    "pytest": Door(walk_pytest, "1 passed"),
    "node": Door(walk_node, "pass 1"),
    "ci": Door(walk_ci, "a step after the action"),
    "dataset": Door(walk_dataset, "71 -> 72", 0),
    "old-program": Door(walk_old_program, "8 eight"),
}


def try_door(door: Door, built: Built) -> tuple[str, Spent]:
    """The last line that the user sees, and what it cost.

    Raises:
        ShutError: this machine cannot try it. StepError: it does not open.
    """
    with tempfile.TemporaryDirectory(prefix="tuning-emulator-door-") as folder:
        place = EmptyEnvironment(Path(folder))
        said = door.walk(place, built)
        return said, place.spent


def build(folder: Path) -> Built:
    """Both packages, from this checkout."""
    try:
        node = pack(folder)
    except CompilerError as error:
        print(f"doors: {error}", file=sys.stderr)
        node = None
    return Built(build_wheel(folder), node)


def format_line(name: str, said: str, spent: Spent) -> str:
    """One line of the table."""
    times = f"{spent.download_s:7.1f} s {spent.install_s:7.1f} s {spent.use_s:7.1f} s"
    return f"{name:<12} {times} {spent.downloaded / MEGABYTE:8.1f} MB  {said}"


def main() -> int:
    """Tries the doors."""
    parser = argparse.ArgumentParser(prog="python -m tests.doors")
    parser.add_argument("--wheel", type=Path, help="a built wheel; without it one is built")
    parser.add_argument("--node", type=Path, help="a built npm package")
    parser.add_argument("--door", choices=DOORS, action="append", help="only this one; may come again")
    chosen = parser.parse_args()
    status = 0
    with tempfile.TemporaryDirectory(prefix="tuning-emulator-built-") as folder:
        built = (
            Built(chosen.wheel.absolute(), chosen.node and chosen.node.absolute())
            if chosen.wheel
            else build(Path(folder))
        )
        print(f"{'door':<12} {'download':>9} {'install':>9} {'use':>9} {'downloaded':>11}  result")
        for name in chosen.door or DOORS:
            try:
                said, spent = try_door(DOORS[name], built)
            except ShutError as error:
                print(f"{name:<12} not tried: {error}", flush=True)
                continue
            except StepError as error:
                print(f"{name:<12} {error}", flush=True)
                status = 1
                continue
            opened = DOORS[name].is_open(said, spent)
            print(format_line(name, said if opened else f"NOT GREEN: {said}", spent), flush=True)
            status |= not opened
    return status


if __name__ == "__main__":
    raise SystemExit(main())
