"""The table of the variables that lead programs here, and the ways in which it is written down."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tuning_emulator.proxy.variables import FORMATS, VARIABLES, Environment, Places, Way, apply, list_variables

PLACES = Places("http://127.0.0.1:8790", "http://127.0.0.1:8790")
ODD: Environment = {"ONE": 'it\'s "two" $words `and` \\ more', "GONE": None}


def test_every_variable_says_who_reads_it() -> None:
    """Once each."""
    names = [one.name for one in VARIABLES]
    assert len(names) == len(set(names))
    assert all(one.readers and one.way for one in VARIABLES)


def test_pointing_leaves_the_rest_of_the_network_alone() -> None:
    """No proxy, no roots: what a shell or a workflow keeps must not stand between it and its package index."""
    names = set(list_variables(Way.POINT, PLACES, {}))
    assert names.isdisjoint({"HTTPS_PROXY", "SSL_CERT_FILE", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "CLOUDSDK_CONFIG"})
    assert {"GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "GCE_METADATA_HOST"} <= names


def test_leading_sets_no_base_urls() -> None:
    """google-genai forgets project and location of its environment where it finds one."""
    assert not [name for name in list_variables(Way.LEAD, PLACES, {}) if name.endswith("_BASE_URL")]


def test_what_has_no_value_is_unset() -> None:
    """A storage that is Google's own has no variable, and a real account's file is out of the way."""
    found = list_variables(Way.POINT, Places("http://127.0.0.1:8790"), {})
    assert found["STORAGE_EMULATOR_HOST"] is None
    environment = {"STORAGE_EMULATOR_HOST": "http://other", "GOOGLE_APPLICATION_CREDENTIALS": "/real", "MINE": "1"}
    made = apply(found, environment)
    assert "STORAGE_EMULATOR_HOST" not in made
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in made
    assert made["MINE"] == "1"


def test_a_key_of_the_users_is_left_alone() -> None:
    """The SDKs warn where both are set."""
    assert "GEMINI_API_KEY" not in list_variables(Way.POINT, PLACES, {"GOOGLE_API_KEY": "mine"})
    assert list_variables(Way.POINT, PLACES, {"GOOGLE_API_KEY": ""})["GEMINI_API_KEY"] == "emulator"


def test_options_of_the_users_stay() -> None:
    places = Places("http://[::1]:80", directory="/d", preload="/a b.cjs", direct=(".corp", "::2"))
    found = list_variables(Way.LEAD, places, {"JAVA_TOOL_OPTIONS": "-Xmx1g", "NODE_OPTIONS": ""})
    assert (found["JAVA_TOOL_OPTIONS"] or "").startswith("-Xmx1g -Dhttps.proxyHost=::1 -Dhttps.proxyPort=80 ")
    assert "nonProxyHosts=localhost|127.0.0.1|[::1]|*.corp|[::2] " in (found["JAVA_TOOL_OPTIONS"] or "")
    assert found["NODE_OPTIONS"] == '--require "/a b.cjs"'
    assert found["NO_PROXY"] == "localhost,127.0.0.1,::1,.corp,::2"


@pytest.mark.process
def test_a_shell_reads_what_is_written() -> None:
    """Quotes, dollars and what has to be unset included."""
    script = "\n".join([*FORMATS["shell"](ODD), f'exec {sys.executable} -c "import os; print(dict(os.environ))"'])
    said = subprocess.run(["sh", "-c", script], env={**os.environ, "GONE": "x"}, capture_output=True, check=True)
    assert repr(ODD["ONE"]) in said.stdout.decode()
    assert "'GONE'" not in said.stdout.decode()


def test_the_other_formats() -> None:
    assert json.loads("".join(FORMATS["json"](ODD))) == ODD
    assert [*FORMATS["dotenv"]({"ONE": "http://a", "GONE": None})] == ["ONE=http://a", "GONE="]
    first, second = FORMATS["powershell"](ODD)
    assert first == "$Env:ONE = 'it''s \"two\" $words `and` \\ more'"
    assert second.startswith("Remove-Item Env:GONE ")


@pytest.mark.process
@pytest.mark.skipif(shutil.which("pwsh") is None, reason="needs PowerShell")
def test_powershell_reads_what_is_written() -> None:
    script = "\n".join([*FORMATS["powershell"](ODD), "Write-Output $Env:ONE"])
    said = subprocess.run(["pwsh", "-NoProfile", "-Command", script], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ODD["ONE"]
