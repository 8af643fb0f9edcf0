"""Files made from published packages by ``prepare``; ``README.md`` beside this one names them and their licences."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def read_data(name: str) -> Any:
    """The value in ``NAME.json.gz``."""
    return json.loads(gzip.decompress((Path(__file__).parent / f"{name}.json.gz").read_bytes()))
