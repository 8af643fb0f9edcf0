"""A fresh Cloud Storage for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.asking import Asker, open_storage


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Asker]:
    """One with an empty bucket; its clock stands still."""
    with open_storage(tmp_path / "buckets") as asker:
        asker.bucket()
        yield asker
