"""Adapter sizes: the enum that Vertex AI speaks of, and the LoRA rank that each value stands for."""

from __future__ import annotations

from collections.abc import Mapping

SOURCE = "github.com/googleapis/googleapis google/cloud/aiplatform/v1/tuning_job.proto"
GRADE = "documented"

ADAPTER_SIZES: Mapping[str, int] = {
    "ADAPTER_SIZE_ONE": 1,
    "ADAPTER_SIZE_TWO": 2,
    "ADAPTER_SIZE_FOUR": 4,
    "ADAPTER_SIZE_EIGHT": 8,
    "ADAPTER_SIZE_SIXTEEN": 16,
    "ADAPTER_SIZE_THIRTY_TWO": 32,
}
"""Rank by name. ``ADAPTER_SIZE_UNSPECIFIED`` is none of them: the service chooses."""

_NAMES: Mapping[int, str] = {rank: name for name, rank in ADAPTER_SIZES.items()}


def adapter_size_rank(name: str | int) -> int:
    """Rank of an enum value, or 0 when it is unspecified, unknown or only a number."""
    return ADAPTER_SIZES.get(name, 0) if isinstance(name, str) else 0


def adapter_size_name(rank: int) -> str:
    """Enum value of a rank.

    Raises:
        ValueError: no value stands for that rank.
    """
    if rank not in _NAMES:
        raise ValueError(f"adapter size: {rank} is not one of {', '.join(map(str, _NAMES))}")
    return _NAMES[rank]
