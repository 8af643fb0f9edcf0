"""An emulator in a process of its own lives as long as the block, and no longer than who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuning_emulator.settings import format_options
from tuning_emulator.testing.client import Control
from tuning_emulator.testing.process import StartError, start_emulator

LIMIT_S = 30


@pytest.mark.process
def test_it_answers_inside_the_block_and_is_gone_after_it() -> None:
    """Free ports, settings by keyword, an end without a trace."""
    with start_emulator(trainer="scripted", seed=7) as running:
        health = Control(running.url).health()
        assert health["trainer"]["name"] == "scripted"
        assert health["storage"]["url"] == running.storage_url
        assert running.log is not None
        assert "answers at" in running.log.read_text()
    assert not _lives(running.pid)
    with pytest.raises(OSError, match="refused"):
        Control(running.url).health()


@pytest.mark.process
def test_it_ends_with_whoever_started_it() -> None:
    """A test run that is killed leaves no server behind."""
    code = "import time; from tuning_emulator.testing.process import start_emulator\n"
    code += "with start_emulator(trainer='scripted') as one: print(one.pid, flush=True); time.sleep(100)"
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert _lives(pid)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    limit = time.monotonic() + LIMIT_S
    while _lives(pid) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not _lives(pid)


@pytest.mark.process
def test_what_it_said_is_in_the_error() -> None:
    """A bad value is named by the server itself."""
    with pytest.raises(StartError, match=r"(?s)log-level.*loud"), start_emulator(log_level="loud"):
        pass


def test_a_setting_that_is_none_is_named() -> None:
    """Before anything is started."""
    with pytest.raises(TypeError, match=r"no setting 'tariner'; there are .*trainer"):
        format_options({"tariner": "scripted"})


def test_settings_become_options() -> None:
    """One for each item of what has several, whatever is in it; None is left out."""
    given = {"buckets": {"a": "/x,y", "b": "/y"}, "pass_hosts": ("*", "a:1"), "as_of": "today", "data_dir": None}
    assert format_options({**given, "anonymous": True, "port": 0}) == [
        *("--bucket=a=/x,y", "--bucket=b=/y", "--pass-host=*", "--pass-host=a:1", "--as-of=today"),
        *("--anonymous", "--port=0"),
    ]


@pytest.mark.process
def test_settings_of_any_form_reach_the_server(tmp_path: Path) -> None:
    """Lists, mappings and directories with commas."""
    folder = tmp_path / "one, two"
    folder.mkdir()
    hosts = ("example.com", "*.example.org")
    with start_emulator(trainer="scripted", base_models={"m": folder}, pass_hosts=hosts) as running:
        control = Control(running.url)
        assert control.health()["base_models"]["m"] == str(folder)
        assert control.call("GET", "interception")["pass_hosts"] == list(hosts)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"
