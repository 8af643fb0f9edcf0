"""Llama 3's scaled rotary positions, as GGUF files have them: as what each angle is divided by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def llama3_divisors(scaling: Mapping[str, Any], size: int, theta: float) -> NDArray[np.float64]:
    """Long waves are divided by the factor, short ones by 1, between them smoothly: (head size / 2,).

    Source: Llama 3.1's model card and ``rope_type: llama3`` of transformers.

    Args:
        scaling: ``rope_scaling`` of a ``config.json``. size: Of a head. theta: Base of the angles.
    """
    half = size // 2
    waves = 2 * np.pi * theta ** (np.arange(half) / half)
    low, high = float(scaling["low_freq_factor"]), float(scaling["high_freq_factor"])
    smooth = np.clip((float(scaling["original_max_position_embeddings"]) / waves - low) / (high - low), 0, 1)
    divisors: NDArray[np.float64] = 1 / ((1 - smooth) / float(scaling["factor"]) + smooth)
    return divisors
