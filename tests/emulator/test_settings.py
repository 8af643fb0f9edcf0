"""Settings come from options and variables, and a bad one is named with its value."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from emulator.app import SettingsError, create_app
from emulator.cli import main
from emulator.settings import Settings


def test_every_setting_has_an_option_of_serve(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing can only be set through the environment."""
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    text = capsys.readouterr().out
    single = {"base_models": "base-model", "buckets": "bucket"}
    missing = [name for name in Settings.model_fields if f"--{single.get(name, name).replace('_', '-')} " not in text]
    assert missing == []


def test_variables_set_what_options_do_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TUNING_EMULATOR_<NAME>; pairs are separated by commas."""
    monkeypatch.setenv("TUNING_EMULATOR_TRAINER", "scripted")
    monkeypatch.setenv("TUNING_EMULATOR_PORT", "1234")
    monkeypatch.setenv("TUNING_EMULATOR_BUCKETS", f"one={tmp_path},two={tmp_path}")
    settings = Settings(port=0)
    assert (settings.trainer, settings.port, settings.buckets) == ("scripted", 0, {"one": tmp_path, "two": tmp_path})


def test_settings_cannot_change_later() -> None:
    """Frozen."""
    with pytest.raises(ValidationError):
        Settings().port = 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "70000"], ["--port", "70000"]),
        (["--jobs-per-project", "0"], ["--jobs-per-project", "0"]),
        (["--bucket", "no-directory"], ["--buckets", "no-directory", "NAME=DIRECTORY"]),
        (["--base-model", "m=/does/not/exist"], ["--base-models", "/does/not/exist", "no such directory"]),
    ],
)
def test_a_bad_option_is_named_with_its_value(
    arguments: list[str], named: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, and nothing starts."""
    assert main(["serve", *arguments]) == 2
    said = capsys.readouterr().err
    assert [word for word in named if word not in said] == []


@pytest.mark.parametrize("option", ["default_dataset", "credentials"])
def test_a_file_that_cannot_be_read_is_named(option: str, tmp_path: Path) -> None:
    """The setting's own check names the file, before anything runs."""
    file = tmp_path / "none.json"
    with pytest.raises(SettingsError, match=r"none\.json"):
        create_app(Settings.model_validate({"trainer": "scripted", "storage_port": 0, option: file}))
