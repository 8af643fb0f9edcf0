"""Random sequences of two clients against a model; servers killed in between. See ``campaigns.storage``."""

from __future__ import annotations

import pytest

from campaigns.storage import walk_with_kills
from tests.storage.model import walk_in_process


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_two_clients_and_a_model(seed: int) -> None:
    """Every answer is the model's, conditions included; no file is left over."""
    assert walk_in_process(700, seed).objects


@pytest.mark.process
def test_a_killed_server_has_the_old_state_or_the_new_one() -> None:
    """Never a mixture, and never less than it has confirmed, whatever was under way."""
    assert walk_with_kills(2, seed=1)["steps"]
