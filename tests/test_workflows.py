"""Action and example workflows hold what zizmor asks for: pinned actions, least permissions, no injection."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parent.parent
ZIZMOR = Path(sys.executable).with_name("zizmor")
EXAMPLE = ROOT / "examples" / "ci_quality" / "workflow.yaml"


def audit(*files: Path) -> subprocess.CompletedProcess[str]:
    """zizmor's word on some files; it asks nobody."""
    command = [str(ZIZMOR), "--offline", "--quiet", "--color=never", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def read_snippet() -> str:
    """The workflow of docs/how-to/ci.md, with a commit in the place of the one that its reader puts there."""
    (code,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "how-to" / "ci.md").read_text("utf-8"), re.DOTALL)
    return str(code).replace("@COMMIT", f"@{'0' * 40}")


def test_action_and_workflows_are_clean(tmp_path: Path) -> None:
    """What is in the repository, and what its documents show."""
    shown = tmp_path / "shown.yaml"
    shown.write_text(read_snippet())
    done = audit(ROOT / "action.yml", EXAMPLE, shown)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("No findings")


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (r"@[0-9a-f]{40} # v[\d.]+", "@v4", "unpinned-uses"),
        (r"permissions:\n  contents: read\n", "", "excessive-permissions"),
        (r"persist-credentials: false", "fetch-depth: 1", "artipacked"),
        (r"pytest ", "echo ${{ github.head_ref }}; pytest ", "template-injection"),
    ],
)
def test_each_fault_would_be_found(tmp_path: Path, old: str, new: str, finding: str) -> None:
    """The same workflow without one of its precautions."""
    worse, count = re.subn(old, new, EXAMPLE.read_text("utf-8"))
    assert count
    (tmp_path / "worse.yaml").write_text(worse)
    done = audit(tmp_path / "worse.yaml")
    assert done.returncode != 0
    assert finding in done.stdout


def test_the_same_commits_everywhere() -> None:
    """An action is used at one commit, and its version stands beside it."""
    texts = [path.read_text("utf-8") for path in (ROOT / "docs" / "how-to" / "ci.md", EXAMPLE, ROOT / "action.yml")]
    uses = {found for text in texts for found in re.findall(r"uses: (actions/\S+@\S+) # (v\d+\.\d+\.\d+)$", text, re.M)}
    assert len(uses) == len({name.partition("@")[0] for name, _ in uses}) == 2
