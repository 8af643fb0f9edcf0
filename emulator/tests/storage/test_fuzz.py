"""Requests at random over HTTP. See ``fuzzing``; gRPC's are beside its other tests."""

from __future__ import annotations

import pytest

from tests.storage.asking import Asker
from tests.storage.fuzzing import fuzz_http


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_every_request_has_an_answer(ask: Asker, seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """4xx or better, and 501 for what is not served; no traceback."""
    fuzz_http(ask, 250, seed)
    assert not [record for record in caplog.records if record.exc_info], caplog.text
