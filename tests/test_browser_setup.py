"""`make test` has a browser, or says why not: apt-get is asked as a stranger's machine would have it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts import browser

ROOT = Path(__file__).resolve().parent.parent


def write_program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what the test puts there, for root on a Debian."""
    monkeypatch.setenv("PATH", f"{tmp_path}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(Path, "exists", lambda _: True)
    return tmp_path


def test_a_browser_that_is_there_is_taken(programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By any of its names, and nothing is said or installed."""
    write_program(programs, "google-chrome", "exit 0")
    browser.main()
    assert browser.find_browser() == str(programs / "google-chrome")
    assert capsys.readouterr().err == ""


@pytest.mark.process
def test_debians_is_installed(programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Quietly, without questions and without what is only recommended."""
    write_program(programs, "apt-get", f'echo "$DEBIAN_FRONTEND $@" >> {programs}/asked; echo > {programs}/chromium')
    browser.main()
    update, install = (programs / "asked").read_text().splitlines()
    assert update.startswith("noninteractive update -qq")
    assert install.startswith("noninteractive install -y --no-install-recommends -qq")
    assert install.endswith(" chromium")
    assert capsys.readouterr().err.splitlines() == [
        "browser: installing Debian's chromium for the browser tests (once)"
    ]


@pytest.mark.process
@pytest.mark.parametrize(
    ("script", "reason"),
    [("echo 'E: no such host' >&2; exit 100", "E: no such host"), ("exec /bin/sleep 60", "timed out")],
)
def test_what_cannot_be_installed_is_said_in_one_line(
    programs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    """No network, or one that hangs; the command goes on."""
    monkeypatch.setattr(browser.install_browser, "__defaults__", (0.5,))
    write_program(programs, "apt-get", script)
    browser.main()
    said = capsys.readouterr().err.splitlines()[1:]
    assert len(said) == 1
    assert said[0].startswith("browser: no Chromium, so the browser tests are skipped: ")
    assert reason in said[0]


def test_others_are_asked_for_nothing(
    programs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is not root, or has no Debian, gets the reason."""
    browser.main()
    assert "only Debian's is installed by itself" in capsys.readouterr().err
    write_program(programs, "apt-get", "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    browser.main()
    assert "only root may install it" in capsys.readouterr().err


def test_only_the_tests_ask_for_it() -> None:
    """Not the demo, nor the environment."""
    lines = (ROOT / "Makefile").read_text("utf-8").splitlines()
    users = [
        line.partition(":")[0] for line in lines if " browser" in line.partition("##")[0] and not line.startswith(".")
    ]
    assert users == ["test"]
