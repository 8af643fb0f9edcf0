"""Every declared message, field, enum, HTTP binding and gRPC method against the official packages.

Those are in an environment of their own.
"""

from __future__ import annotations

import re

import pytest

from contract_tests.parity_environment import compare_schema, make_environment


@pytest.mark.process
def test_declarations_are_the_published_ones() -> None:
    """All files pass there with nothing skipped: a field that the services have and we do not fails them."""
    done = compare_schema(make_environment())
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    assert re.search(r"^\d+ passed in ", done.stdout, re.MULTILINE), done.stdout[-2000:]
