"""The marker's options: what they take, and what is said of a wrong one."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from tuning_emulator.settings import name_variable
from tuning_emulator.testing.fixtures import Servers, choose_trainer
from tuning_emulator.testing.in_process import in_process
from tuning_emulator.testing.marker import MarkerError, Options, apply_options, read_options

NONE: tuple[Any, ...] = ()


def read(**kwargs: Any) -> Options:
    """Options of one marker."""
    return read_options([(NONE, kwargs)])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"paze": "manual"}, "paze='manual': there is no such option; there are pace, scenario, faults, as_of"),
        ({"pace": 3}, 'pace=3: it takes a pace: "training"'),
        ({"pace": "fast"}, "pace='fast': 'fast' is not a pace: training, time:SECONDS"),
        ({"pace": "polls:0"}, "pace='polls:0': polls: 0 is not between"),
        ({"pace": "time:x"}, "pace='time:x': 'time:x' is not a pace"),
        ({"scenario": ["a"]}, r"scenario=\['a'\]: it takes the name of a packaged scenario"),
        ({"faults": {"method": "x"}}, "faults={'method': 'x'}: it takes a list of mappings"),
        ({"faults": "x"}, "faults='x': it takes a list"),
        ({"as_of": "yesterday"}, "as_of='yesterday': it takes a date"),
        ({"as_of": datetime(2024, 8, 1)}, r"as_of=datetime.datetime\(2024, 8, 1, 0, 0\): it takes a date"),  # noqa: DTZ001
        ({"base_models": {"*": 3}}, r"base_models={'\*': 3}: it takes the name of weights"),
        ({"trainer": "auto"}, 'trainer=\'auto\': it takes "scripted" or "lora"'),
        ({"trainer": "scripted", "base_models": "smollm2"}, 'trainer="scripted": base_models are played by "lora"'),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, Any], text: str) -> None:
    """With its value and what would be right."""
    with pytest.raises(MarkerError, match=text):
        read(**given)


def test_an_argument_by_place_is_refused() -> None:
    """Nobody could tell what it stands for."""
    with pytest.raises(MarkerError, match="'manual': options have names; write NAME='manual' with pace, scenario"):
        read_options([(("manual",), {})])


def test_the_nearest_marker_wins_option_by_option() -> None:
    """A None takes back what a farther one says; of as_of it is a day like others."""
    module = (NONE, {"pace": "manual", "scenario": "many-models", "as_of": "today"})
    options = read_options([module, (NONE, {"pace": "polls-2", "scenario": None, "as_of": None})])
    assert options == Options(pace="polls:2", scenario=None, as_of=None)
    assert read_options([]) == Options()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (Options(scenario="nothing"), "scenario='nothing': scenario: name: 'nothing' is no scenario of the package"),
        (Options(scenario=Path("/nowhere.yaml")), r"scenario=PosixPath\('/nowhere.yaml'\): .*No such file"),
        (Options(faults=[{"methid": "x"}]), r"faults\[0\]={'methid': 'x'}: methid: Extra inputs are not permitted"),
        (Options(base_models="nothing"), "base_models='nothing': base_models: no model 'nothing' on this machine"),
    ],
)
def test_what_the_emulator_refuses_is_named_too(options: Options, text: str) -> None:
    """In its own words."""
    with in_process() as running, pytest.raises(MarkerError, match=text):
        apply_options(running.control, options)


def test_all_of_them_are_done() -> None:
    """The marker's pace beats the scenario's."""
    fault = {"method": "GetTunedModel", "code": "UNAVAILABLE"}
    options = Options("manual", "slow-training", [fault], date(2024, 8, 1), {"gemini-2.5-flash": "embedded"})
    with in_process() as running:
        apply_options(running.control, options)
        assert running.control.pace.get()["mode"] == "manual"
        assert fault.items() <= running.control.faults.list()[-1]["fault"].items()
        assert running.control.as_of.get()["date"] == "2024-08-01"
        assert running.control.base_models.get() == {"*": "embedded", "gemini-2.5-flash": "embedded"}


def test_the_scripted_trainer_runs_unless_another_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a setting, by the environment, or by weights that it alone can play; torch decides nothing."""
    monkeypatch.delenv(name_variable("trainer"), raising=False)
    assert choose_trainer({"seed": "3"}) == {"seed": "3", "trainer": "scripted"}
    assert choose_trainer({"trainer": "auto"})["trainer"] == "auto"
    assert choose_trainer({"base_models": "smollm2"})["trainer"] == "lora"
    assert read(base_models="smollm2").choose_trainer() == "lora"
    assert read(pace="manual").choose_trainer() is None
    monkeypatch.setenv(name_variable("trainer"), "lora")
    assert choose_trainer({})["trainer"] == "lora"
    assert choose_trainer({"trainer": "scripted"})["trainer"] == "scripted"


@pytest.mark.process
def test_an_emulator_of_somebody_elses_has_its_trainer() -> None:
    """A test that wants another is told so, and starts none."""
    with Servers({}) as own:
        url = own.find().url
        assert own.find("scripted") is own.find()
        with Servers({}, url) as shared:
            assert shared.find("scripted").url == url
            with pytest.raises(MarkerError, match=f'wants "lora", and the emulator at {url} runs "scripted"'):
                shared.find("lora")
            assert shared.find_neighbours(shared.find()) is None
