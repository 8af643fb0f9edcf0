"""Every campaign for less than a minute. `make campaign` runs them for an hour."""

from __future__ import annotations

import argparse
import importlib

import pytest

from campaigns import CampaignError
from campaigns.__main__ import SHARES, main
from campaigns.disk import why_impossible
from campaigns.walker import Known, Seen, Walker
from tuning_emulator.jobs.lora import missing_packages

SCRIPTED_KILLS = ["kills", "--kills=6", "--lora-kills=0", "--trainer-kills=0"]
LORA_KILLS = ["kills", "--kills=0", "--lora-kills=1", "--trainer-kills=2"]
LOAD = ["load", "--clients=32", "--jobs=150", "--minutes=0.17"]
DISKS = ["faults", "--full-disks=4", "--starved=0", "--clock-moves=0"]
MEMORY = ["faults", "--full-disks=0", "--starved=1", "--clock-moves=0"]
CLOCK = ["faults", "--full-disks=0", "--starved=0", "--clock-moves=30"]

lora = [pytest.mark.lora, pytest.mark.skipif(bool(missing_packages()), reason="needs the lora extra")]


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(SCRIPTED_KILLS, id="kills"),
        pytest.param(LORA_KILLS, id="lora kills", marks=lora),
        pytest.param(LOAD, id="load"),
        pytest.param(DISKS, id="disks"),
        pytest.param(MEMORY, id="memory", marks=lora),
        pytest.param(CLOCK, id="clock"),
    ],
)
def test_a_short_campaign_finds_no_fault(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """And ends with its line of figures."""
    if arguments is DISKS and (reason := why_impossible()):
        pytest.skip(reason)
    status = main(arguments)
    said = capsys.readouterr().out
    assert status == 0, said
    assert said.startswith(f"{arguments[0]}: ")
    assert said.count("\n") == 1


def test_a_fault_is_told_with_how_to_repeat_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 1, the seed, and a command that does the same again."""

    def find_fault(options: argparse.Namespace) -> str:
        raise CampaignError(f"seen after {options.kills} kills")

    monkeypatch.setattr("campaigns.kills.run", find_fault)
    assert main(["--seed", "7", "kills", "--kills", "3"]) == 1
    said = capsys.readouterr().out
    assert "FAULT: seen after 3 kills" in said
    assert "seed 7" in said
    assert "python -m campaigns kills --seed 7" in said
    assert "--kills 3" in said


def test_every_campaign_says_what_it_is() -> None:
    """Its module's first line is its help."""
    for name in SHARES:
        module = importlib.import_module(f"campaigns.{name}")
        assert (module.__doc__ or "").partition("\n")[0].endswith((".", ":"))


def make_seen(**changes: str) -> Seen:
    """The job ``w0-1`` as a server tells it."""
    told = {"name": "tunedModels/x", "description": "", "state": "RUNNING", **changes}
    return Seen("gemini", told["name"], told["description"], frozenset(), told["state"])


@pytest.mark.parametrize(
    "seen",
    [
        {},
        {"w0-1": make_seen(description="never given")},
        {"w0-1": make_seen(name="tunedModels/y")},
        {"w0-1": make_seen(state="FAILED")},
        {"w0-1": make_seen(), "w0-2": make_seen()},
    ],
    ids=["lost", "changed", "renamed", "failed", "from nowhere"],
)
def test_a_walker_sees_what_is_wrong(seen: dict[str, Seen]) -> None:
    """A campaign that finds nothing has looked."""
    walker = Walker(0, 1, (2,))
    walker.jobs = {"w0-1": Known("gemini", 2, "tunedModels/x")}
    walker.settle({"w0-1": make_seen()})
    with pytest.raises(AssertionError, match=r"w0-1|w0-2|tunedModels"):
        walker.settle(seen)
