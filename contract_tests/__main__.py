"""The contract tests alone: ``python -m contract_tests [pytest's own arguments]``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    sys.exit(pytest.main([str(Path(__file__).resolve().parent), "-q", *sys.argv[1:]]))
