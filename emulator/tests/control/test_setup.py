"""What the page shows of the emulator itself: variables, packages, settings; and what can be made to go wrong."""

from __future__ import annotations

from pathlib import Path

from tests.control.running import ServerState, open_world
from tuning_emulator.core.job_control import FaultKind
from tuning_emulator.proxy.variables import Places, Way, list_variables
from tuning_emulator.settings import SETTINGS


async def test_the_setup_is_that_of_this_server(tmp_path: Path) -> None:
    """Every setting with its value; those that were given stand out; what leads SDKs here is what `env` prints."""
    async with open_world(tmp_path, pace="polls:2", pass_hosts="*.example.com,example.org") as server:
        setup = await server.control("GET", "setup")
        places = Places(server.emulator.url, server.emulator.storage_url())
        leading = list_variables(Way.POINT, places, {})
        assert setup["variables"] == {name: value for name, value in leading.items() if value is not None}
        assert setup["unset"] == [name for name, value in leading.items() if value is None]
        settings = {one["name"]: one for one in setup["settings"]}
        assert list(settings) == list(SETTINGS)
        assert settings["pace"]["value"] == "polls:2"
        assert settings["pass_hosts"]["value"] == "*.example.com,example.org"
        assert settings["buckets"]["value"] == f"numbers={tmp_path / 'numbers'}"
        changed = {name for name, one in settings.items() if one["changed"]}
        assert changed == {"pace", "pass_hosts", "buckets", "seed", "storage_port", "trainer"}
        assert (settings["data_dir"]["variable"], settings["data_dir"]["option"]) == (
            "TUNING_EMULATOR_DATA_DIR",
            "--data-dir",
        )
        assert setup["directory"] == str(server.emulator.directory)
        assert (setup["durable"], setup["free_bytes"] > 0) == (False, True)
        assert setup["health"]["trainer"]["name"] == "scripted"
        assert setup["packages"]["pillow"]


async def test_whatever_may_go_wrong_can_be_chosen(server: ServerState) -> None:
    """Each choice is taken as it is offered."""
    choices = await server.control("GET", "faults:choices")
    assert [one["kind"] for one in choices["jobs"]] == list(FaultKind)
    assert {"api": "gemini", "method": "GenerateContent", "streaming": False} in choices["methods"]
    faults = [{"name": one["name"]} for one in choices["named"]]
    faults += [{"code": code} for code in choices["codes"]]
    faults += [{"method": one["method"], "api": one["api"], "wait_s": 1} for one in choices["methods"]]
    for fault in faults:
        await server.control("POST", "faults", fault)
    for one in choices["jobs"]:
        await server.control("POST", "job-faults", {"kind": one["kind"], **({"at": 2} if one["counted"] else {})})
    assert len((await server.control("GET", "faults"))["faults"]) == len(faults)
