"""README and docs/ show what works: every command and program runs, page by page, with an emulator beside it.

What cannot be run here is listed with its reason, and with who runs it instead.
"""

from __future__ import annotations

import ast
import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from scripts.published import list_documents, read_repository, write_repository
from tuning_emulator.api.credentials_file import parse_credentials
from tuning_emulator.app import HEALTH_PATH
from tuning_emulator.cli import COMMANDS
from tuning_emulator.jobs.lora import missing_packages
from tuning_emulator.settings import DEFAULT_PORT
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import start_emulator

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LIMIT_S = 900
SHELLS = ("console", "sh", "bash")
NAMED = re.compile(r"(?:#|//) ([\w-]+\.\w+)(?: .*)?\n")
"""A first line that is the name of the file that a block is."""

_INSTALLED = "an environment of its own: tests/test_wheel.py installs the package"
_NODE = "a packed package: client_tests/test_node_package.py runs its README's programs"
_ENGINE = "a container engine: tests/test_image.py does the Dockerfile's steps"
_GPU = "a GPU"
_CLUSTER = "a cluster: emulator/tests/jobs/test_ray.py starts one"
NOT_RUN = {
    "make demo": "tests/test_demo.py",
    "make test": "is what runs this",
    "pip install": _INSTALLED,
    "uvx ": _INSTALLED,
    "npm install": _NODE,
    "npx tuning-emulator": _NODE,
    "docker ": _ENGINE,
    "tuning-emulator env --url http://127.0.0.1:49160": _ENGINE,
    "models add smollm2": "a registry: tests/test_smollm2.py, where it has been added",
    "serve --base-model smollm2": "the same",
    "serve --device cuda": _GPU,
    "serve --processes-per-job 2": _GPU,
    "--runner ray": _CLUSTER,
    "ollama create": "Ollama",
    "--gguf model.gguf": "a model of a family that GGUF knows: emulator/tests/cli/test_export_adapter.py",
    "gsutil ": "gsutil: client_tests has it in an environment of its own",
    "jupyter lab": "Jupyter",
    "exec -- pytest": "a test suite of one's own: the programs of the pytest page are tests/test_pytest_page.py",
    "pytest -W error": "the same",
    "tune pairs.jsonl": "no more than how-to/datasets.md, which runs it with another file",
    "rehearse pairs.jsonl": "the same",
}
"""Words of commands that are not run: what they need, and who does that instead."""

PARSED = {
    "how-to/containers.md": "a container engine",
    "reference/requests.md": "the client's package, and an endpoint: client_tests has a program for it",
}
"""Pages whose Python is read alone, and why."""

STATUS = {"validate broken.jsonl": 1}
"""Commands that are shown because they fail."""

TRAINED = {"how-to/datasets.md", "how-to/exports.md"}
"""Pages whose commands want a tuned model; they find ``tunedModels/next-number`` of the tutorial."""

TORCH = TRAINED | {"how-to/gpu.md"}
"""Pages that want the real trainer."""


class Block(NamedTuple):
    """What stands between two fences."""

    language: str
    code: str


def name_page(page: Path) -> str:
    """As the tables here call it."""
    return str(page.relative_to(ROOT)).removeprefix("docs/")


def list_blocks(page: Path) -> list[Block]:
    """In the order of the page."""
    return [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text("utf-8"), re.M | re.DOTALL)]


def find_blocks(*languages: str) -> list[tuple[str, str]]:
    """(page, code) of every block in one of the languages."""
    return [(name_page(page), one.code) for page in PAGES for one in list_blocks(page) if one.language in languages]


def list_commands(block: Block) -> Iterator[str]:
    """What is typed, command by command; of a console what follows a ``$``."""
    waiting = ""
    for line in block.code.splitlines():
        if block.language == "console" and not waiting and not line.startswith("$ "):
            continue
        waiting += line.removeprefix("$ ") if not waiting else f"\n{line}"
        if not waiting.endswith("\\") and is_whole(waiting):
            if waiting.strip():
                yield waiting
            waiting = ""
    assert not waiting, waiting


def is_whole(command: str) -> bool:
    """Whether every quote is closed."""
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


def find_reason(command: str) -> str | None:
    """The words of ``NOT_RUN`` that keep a command from being run; those of its comment do not."""
    typed = " ".join(shlex.split(command, comments=True))
    return next((words for words in NOT_RUN if words in f"{typed} "), None)


# --- a page's folder


def write_pair(question: int) -> dict[str, Any]:
    """An example of Vertex AI's form."""
    texts = (("user", str(question)), ("model", str(question + 1)))
    return {"contents": [{"role": role, "parts": [{"text": text}]} for role, text in texts]}


def join(rows: list[dict[str, Any]]) -> str:
    """JSON lines."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)


ROWS = 12
CSV = "question,answer\n" + "".join(f"{number},{number + 1}\n" for number in range(ROWS)) + "alone,\n"
ASK = 'import urllib.request\nprint(urllib.request.urlopen("https://{host}").read())\n'
TUNED_MODELS = "generativelanguage.googleapis.com/v1beta/tunedModels?key=any"
FILES = {
    "train.jsonl": join([write_pair(number) for number in range(ROWS)]),
    "broken.jsonl": join([write_pair(1), write_pair(2), {"content": []}]),
    "chats.csv": CSV,
    "data/train.jsonl": join([write_pair(1)]),
    "my_program.py": ASK.format(host="storage.googleapis.com/storage/v1/b/my-bucket/o/train.jsonl"),
    "tutorial.py": ASK.format(host=TUNED_MODELS),
    "create_and_poll.sh": f"curl -sf 'https://{TUNED_MODELS}'\n",
    "credentials.json": json.dumps({"tokens": [{"token": "good", "principal": "me@example.com"}]}),
}
"""What the pages take for granted in the folder where one stands."""

PROGRAM = """\
#!{python}
import sys
from tuning_emulator import settings
settings.DEFAULT_PORT = {port}
from tuning_emulator.cli import main
from tuning_emulator.testing.process import run_server
if sys.argv[1:2] == ["serve"]:
    with run_server(*sys.argv[2:], "--port", "0", "--storage-port", "0"):
        raise SystemExit
raise SystemExit(main())
"""
"""``tuning-emulator`` with the port of the emulator that runs beside the page; ``serve`` ends once it answers."""


def prepare(folder: Path, page: Path, port: str) -> dict[str, str]:
    """Writes what a page's commands find; answers the environment that they run in."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    if page.name == "datasets.md":  # which makes it
        (folder / "train.jsonl").unlink()
    (folder / "chats.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    for block in list_blocks(page):
        if named := NAMED.match(block.code):
            (folder / named[1]).write_text(block.code, "utf-8")
    program = folder / "bin" / "tuning-emulator"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable, port=port), "utf-8")
    program.chmod(0o755)
    (folder / "home").mkdir()
    path = os.pathsep.join((str(program.parent), str(Path(sys.executable).parent), os.environ["PATH"]))
    return {"PATH": path, "HOME": str(folder / "home"), "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}


def list_steps(page: Path) -> Iterator[str]:
    """A page's commands and programs, from top to bottom, as lines of bash; named ones are files."""
    for block in list_blocks(page):
        if block.language in SHELLS:
            yield from (write_command(one) for one in list_commands(block) if find_reason(one) is None)
        elif block.language in ("python", "py") and name_page(page) not in PARSED and not NAMED.match(block.code):
            program = "-m pytest -q -p no:cacheprovider" if "def test_" in block.code else ""
            yield f"cat > test_snippet.py <<'PROGRAM'\n{block.code}PROGRAM\npython {program} test_snippet.py\n"


def write_command(command: str) -> str:
    """Says what is run, and wants its status."""
    status = next((code for words, code in STATUS.items() if words in command), 0)
    wanted = f"said=0\n{command.partition('#')[0]} || said=$?\n[ $said = {status} ]" if status else command
    return f"echo {shlex.quote('### ' + command)}\n{wanted}\n"


SHOWN = [
    pytest.param(page, id=name_page(page), marks=[pytest.mark.lora] if name_page(page) in TORCH else [])
    for page in PAGES
    if any(list_steps(page))
]


@pytest.mark.process
@pytest.mark.parametrize("page", SHOWN)
def test_a_page_runs(page: Path, tmp_path: Path) -> None:
    """From top to bottom, as somebody would type it who reads it."""
    trained = name_page(page) in TRAINED
    if name_page(page) in TORCH and missing_packages():
        pytest.skip(f"needs {', '.join(missing_packages())}")
    with start_emulator(trainer="lora" if trained else "scripted", anonymous=not trained) as running:
        port = running.url.rpartition(":")[2]
        environment = prepare(tmp_path, page, port)
        script = ['eval "$(tuning-emulator env)"\n'] if page.name == "exec.md" or trained else []
        if trained:
            first = list_blocks(ROOT / "docs" / "tutorial" / "first-job.md")
            script += [next(one.code for one in first if one.language == "bash"), wait_for("next-number")]
        script += [one.replace(f"127.0.0.1:{DEFAULT_PORT}", f"127.0.0.1:{port}") for one in list_steps(page)]
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "".join(script)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def wait_for(model: str) -> str:
    """Bash that waits until a tuned model is there."""
    address = f'"$GOOGLE_GEMINI_BASE_URL/v1beta/tunedModels/{model}" -H "x-goog-api-key: $GEMINI_API_KEY"'
    return f"until curl -sf {address} | grep -q ACTIVE; do sleep 0.1; done\n"


def test_nothing_is_excused_in_vain() -> None:
    """Each entry of the lists keeps something from being run."""
    blocks = [block for page in PAGES for block in list_blocks(page) if block.language in SHELLS]
    commands = [one for block in blocks for one in list_commands(block)]
    reasons = {find_reason(command) for command in commands}
    assert reasons == {None, *NOT_RUN}
    assert all(any(words in command for command in commands) for words in STATUS)
    assert set(PARSED) <= {name for name, _ in find_blocks("py", "python")}


def test_every_language_has_somebody_who_reads_it() -> None:
    """A block in another would be run by nobody."""
    known = {*SHELLS, "python", "py", "js", "javascript", "java", "yaml", "ini", "json", "text"}
    assert {one.language for page in PAGES for one in list_blocks(page)} <= known


@pytest.mark.process
def test_scenarios_load() -> None:
    """Every one, into an emulator of its own."""
    scenarios = [code for _, code in find_blocks("yaml") if code.startswith("version:")]
    assert scenarios
    with start_emulator(trainer="scripted") as running:
        control = Control(running.url)
        for text in scenarios:
            control.send("POST", "scenarios:load", text.encode(), "application/yaml")
            assert control.jobs.list()
            control.reset()


def test_python_parses() -> None:
    """What is not run as well."""
    blocks = find_blocks("python", "py")
    assert blocks
    for name, code in blocks:
        ast.parse(code, name)


@pytest.mark.process
def test_node_snippets_parse(tmp_path: Path) -> None:
    """As node reads an ES module."""
    blocks = find_blocks("javascript", "js")
    assert blocks
    if not shutil.which("node"):
        pytest.skip("no node")
    for number, (_, code) in enumerate(blocks):
        file = tmp_path / f"snippet{number}.mjs"
        file.write_text(code)
        subprocess.run(["node", "--check", str(file)], check=True, timeout=30)


def test_java_snippets_are_balanced() -> None:
    """No compiler is wanted for it: every bracket is closed, every line ends as one does."""
    blocks = find_blocks("java")
    assert blocks
    for _, code in blocks:
        assert all(code.count(one) == code.count(other) for one, other in ("()", "{}", "[]"))
        assert all(line.rstrip()[-1] in ";{}" for line in code.splitlines() if line.strip())


def test_containers_use_the_emulators_ports_and_health() -> None:
    """Every snippet publishes the port; those that wait for health ask the path that there is."""
    blocks = [code for name, code in find_blocks("python", "java", "javascript") if name == "how-to/containers.md"]
    assert len(blocks) == 3
    for code in blocks:
        assert str(DEFAULT_PORT) in code
        assert HEALTH_PATH in code or "Stop with Ctrl-C" in code


def test_workflows_use_the_action_as_it_is() -> None:
    """Inputs and outputs that the workflow names are the action's."""
    action: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    blocks = [code for _, code in find_blocks("yaml") if not code.startswith("version:")]
    assert blocks
    for code in blocks:
        steps = yaml.safe_load(code)["jobs"]["test"]["steps"]
        (ours,) = [step for step in steps if "tuning-emulator" in step.get("uses", "")]
        assert set(ours["with"]) <= set(action["inputs"])
        assert set(re.findall(r"outputs\.([\w-]+)", code)) <= set(action["outputs"])


def test_commands_in_sentences_exist() -> None:
    """Every `tuning-emulator …` between backticks is a command."""
    typed = {
        name
        for page in PAGES
        for name in re.findall(r"`(?:\$ |npx )?tuning-emulator ([a-z][a-z-]*)", page.read_text("utf-8"))
    }
    assert typed
    assert typed <= set(COMMANDS)


def test_credentials_files_are_some(tmp_path: Path) -> None:
    """Every JSON that is shown is one."""
    blocks = find_blocks("json")
    assert [name for name, _ in blocks] == ["reference/settings.md"]
    for _, code in blocks:
        (tmp_path / "credentials.json").write_text(code, "utf-8")
        assert parse_credentials(tmp_path / "credentials.json").tokens


def test_extras_that_are_installed_exist() -> None:
    """Of every `pip install '.[…]'`, also in sentences."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = {
        one
        for page in PAGES
        for found in re.findall(r"(?:\.|tuning-emulator)\[([\w,]+)\]", page.read_text("utf-8"))
        for one in found.split(",")
    }
    assert named
    assert named <= set(extras)


def test_documents_name_the_one_repository() -> None:
    """Where the project is published is written in one place; `make docs` brings the documents up to it."""
    for path in list_documents():
        text = path.read_text("utf-8")
        assert write_repository(text) == text, path
    assert write_repository("uses: someone/tuning-emulator@COMMIT") == f"uses: {read_repository()}@COMMIT"
