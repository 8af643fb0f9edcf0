"""Trouble on demand: the emulator's faults say which call fails, how, and how often it did."""

from __future__ import annotations

import pytest
from google import genai
from google.genai import errors

from examples.retry.ask import ATTEMPTS, ask
from tuning_emulator.testing.fixtures import TestEmulator

MODEL = "gemini-2.5-flash"
METHOD = "GenerateContent"


@pytest.fixture
def client(tuning_emulator: TestEmulator) -> genai.Client:
    return genai.Client(api_key=tuning_emulator.api_key)


def test_an_overloaded_model_is_asked_again(tuning_emulator: TestEmulator, client: genai.Client) -> None:
    """Twice 503 in the service's own words, then an answer."""
    fault = tuning_emulator.faults.add(method=METHOD, code="UNAVAILABLE", times=2)
    slept: list[float] = []
    assert ask(client, MODEL, "five", slept.append) != ""
    assert slept == [1.0, 2.0]
    assert tuning_emulator.faults.get(fault["id"])["fired"] == 2


def test_it_waits_as_long_as_the_service_asks(tuning_emulator: TestEmulator, client: genai.Client) -> None:
    """RetryInfo counts for more than our own patience."""
    tuning_emulator.faults.add(method=METHOD, code="RESOURCE_EXHAUSTED", retry_delay_s=17, times=1)
    slept: list[float] = []
    ask(client, MODEL, "five", slept.append)
    assert slept == [17.0]


def test_it_stops_in_the_end(tuning_emulator: TestEmulator, client: genai.Client) -> None:
    """The last error reaches the caller, and no attempt was lost."""
    tuning_emulator.faults.add(method=METHOD, code="UNAVAILABLE")
    with pytest.raises(errors.ServerError):
        ask(client, MODEL, "five", lambda _: None)
    assert tuning_emulator.journal.count(method=f"*{METHOD}", status=503) == ATTEMPTS


def test_a_mistake_of_ours_is_not_repeated(client: genai.Client) -> None:
    """A model that does not exist will not exist in a second."""
    slept: list[float] = []
    with pytest.raises(errors.ClientError):
        ask(client, "tunedModels/no-such-model", "five", slept.append)
    assert slept == []
