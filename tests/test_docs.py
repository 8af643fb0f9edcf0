"""What docs/ shows would work: options and inputs exist, snippets parse, ports and paths are the real ones."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.published import list_documents, read_repository, write_repository
from tuning_emulator.app import HEALTH_PATH
from tuning_emulator.cli import COMMANDS
from tuning_emulator.settings import DEFAULT_PORT

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))


def list_blocks(language: str) -> list[tuple[str, str]]:
    """(file, code) of every block in a language."""
    found = []
    for path in DOCS:
        found += [(path.name, code) for code in re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)]
    return found


def test_python_snippets_parse() -> None:
    """Syntax, and that the classes and ports are what the text says."""
    blocks = list_blocks("python")
    assert blocks
    for name, code in blocks:
        ast.parse(code, name)


@pytest.mark.process
def test_node_snippets_parse(tmp_path: Path) -> None:
    """As node reads an ES module."""
    blocks = list_blocks("javascript")
    assert blocks
    if not shutil.which("node"):
        pytest.skip("no node")
    for number, (_, code) in enumerate(blocks):
        file = tmp_path / f"snippet{number}.mjs"
        file.write_text(code)
        subprocess.run(["node", "--check", str(file)], check=True, timeout=30)


def test_java_snippets_are_balanced() -> None:
    """No compiler is wanted for it: every bracket is closed, every line ends as one does."""
    blocks = list_blocks("java")
    assert blocks
    for _, code in blocks:
        assert all(code.count(one) == code.count(other) for one, other in ("()", "{}", "[]"))
        assert all(line.rstrip()[-1] in ";{}" for line in code.splitlines() if line.strip())


def test_containers_use_the_emulators_ports_and_health() -> None:
    """Every snippet publishes the port; those that wait for health ask the path that there is."""
    blocks = [code for language in ("python", "java", "javascript") for _, code in list_blocks(language)]
    assert len(blocks) == 3
    for code in blocks:
        assert str(DEFAULT_PORT) in code
        assert HEALTH_PATH in code or "Stop with Ctrl-C" in code


def test_workflows_use_the_action_as_it_is() -> None:
    """Inputs and outputs that the workflow names are the action's."""
    action: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    blocks = list_blocks("yaml")
    assert blocks
    for _, code in blocks:
        steps = yaml.safe_load(code)["jobs"]["test"]["steps"]
        (ours,) = [step for step in steps if "tuning-emulator" in step.get("uses", "")]
        assert set(ours["with"]) <= set(action["inputs"])
        assert set(re.findall(r"outputs\.([\w-]+)", code)) <= set(action["outputs"])


def test_commands_exist() -> None:
    """Every `tuning-emulator …` that is typed is a command."""
    typed = [name for path in DOCS for name in re.findall(r"^\$ tuning-emulator (\S+)", path.read_text(), re.MULTILINE)]
    assert typed
    assert set(typed) <= set(COMMANDS)


def test_documents_name_the_one_repository() -> None:
    """Where the project is published is written in one place; `make docs` brings the documents up to it."""
    for path in list_documents():
        text = path.read_text("utf-8")
        assert write_repository(text) == text, path
    assert write_repository("uses: someone/tuning-emulator@COMMIT") == f"uses: {read_repository()}@COMMIT"
