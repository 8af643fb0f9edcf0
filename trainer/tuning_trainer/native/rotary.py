"""Rotary positions: the angles by which queries and keys are turned, as tables of cosines and sines."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tuning_trainer.native.architecture import Rope


class Rotation(NamedTuple):
    """Cosine and signed sine of the rotary angles, (positions, turned size) or (batch, 1, positions, turned size)."""

    cos: Tensor
    sin: Tensor


def frequencies(rope: Rope, head_size: int, long: bool = False) -> Tensor:
    """Angle of each pair of values per position, float32 (turned size / 2,); ``long``: see ``Rope.long_factors``."""
    size = int(head_size * rope.share)
    steps = torch.arange(0, size, 2, dtype=torch.float32) / size
    found = rope.theta**-steps
    if rope.kind == "linear":
        return found / rope.factor
    if rope.kind == "longrope":
        return found / torch.tensor(rope.long_factors if long else rope.short_factors)
    if rope.kind == "llama3":
        turns = rope.original_positions * found / (2 * math.pi)  # within the first training
        smooth = (turns - rope.low_frequency) / (rope.high_frequency - rope.low_frequency)
        return torch.lerp(found / rope.factor, found, smooth.clamp(0.0, 1.0))
    return found


_tables: dict[tuple[Rope, int, str, bool], Rotation] = {}


def rotary_table(rope: Rope, head_size: int, length: int, device: str = "cpu", long: bool = False) -> Rotation:
    """Angles of the positions 0 to at least ``length``, kept and grown by doubling.

    The sine of the first half is negated, so that a rotation is ``x·cos + roll(x)·sin``.
    """
    key = (rope, head_size, device, long)
    table = _tables.get(key)
    if table is None or table.cos.shape[0] < length:
        size = max(2048, 1 << (length - 1).bit_length())
        # A table born in inference mode could never be used in training.
        with torch.inference_mode(False), torch.no_grad():
            angles = torch.outer(torch.arange(size, dtype=torch.float32), frequencies(rope, head_size, long))
            cos, sin = angles.cos(), angles.sin()
            if rope.amplitude != 1:
                cos, sin = cos * rope.amplitude, sin * rope.amplitude
            table = Rotation(torch.cat((cos, cos), -1).to(device), torch.cat((-sin, sin), -1).to(device))
        _tables[key] = table
    return table


def rotation(
    rope: Rope, head_size: int, time: int, device: str = "cpu", past: int = 0, lengths: Tensor | None = None
) -> Rotation:
    """Angles of ``time`` positions after ``past`` ones.

    Args:
        lengths: Tokens of each row (batch,), where that is fewer than positions because padding ends it. What a text's
            length decides (``longrope``) is decided row by row, whatever a row's company.
    """
    end = past + time
    if rope.kind == "longrope" and lengths is not None:
        short, long = (_cut(rotary_table(rope, head_size, end, device, kind), past, end) for kind in (False, True))
        chosen = (lengths > rope.original_positions)[:, None, None, None]
        return Rotation(torch.where(chosen, long.cos, short.cos), torch.where(chosen, long.sin, short.sin))
    table = rotary_table(rope, head_size, end, device, rope.kind == "longrope" and end > rope.original_positions)
    return _cut(table, past, end)


def _cut(table: Rotation, begin: int, end: int) -> Rotation:
    return Rotation(table.cos[begin:end], table.sin[begin:end])


def rotate(heads: Tensor, angles: Rotation) -> Tensor:
    """Turns queries or keys (…, positions, head size); what lies behind the turned size stays as it is."""
    size = angles.cos.shape[-1]
    if size < heads.shape[-1]:
        first, rest = heads.split_with_sizes((size, heads.shape[-1] - size), -1)
        return torch.cat((rotate(first, angles), rest.to(angles.cos.dtype)), -1)
    return torch.addcmul(heads * angles.cos, torch.roll(heads, size // 2, -1), angles.sin)
