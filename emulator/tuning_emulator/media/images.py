"""An image in words: its size, how bright it is, its colours, and a coarse grid of them.

``[image 640x480 bright | red 55% blue 44% | red red blue / red blue blue / red red blue]``, the form that the embedded
model has been taught. Needs Pillow, which is imported when the first image is read.
"""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from typing import TYPE_CHECKING, Final

from tuning_emulator.media.medium import BrokenMediumError, Medium

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MOST_PIXELS: Final = 50_000_000
"""Larger images are not unpacked: a file of a few kilobytes can stand for gigabytes of pixels."""

_SIDE = 48
"""Of what is looked at; a cell of the grid is 16 by 16."""
_CELL = _SIDE // 3
_COLORS_SHOWN = 3
_BRIGHT, _DARK = 170, 85

Rgb = tuple[int, int, int]


def read_image(data: bytes) -> Medium:
    """An image file.

    Raises:
        BrokenMediumError: it is none.
        ImportError: Pillow is not installed.
    """
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the size is looked at here
    try:
        with Image.open(BytesIO(data)) as image:
            return describe_image(image)
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        TypeError,
        KeyError,
    ) as error:  # of Pillow's parsers
        raise BrokenMediumError(f"{type(error).__name__}: {error}") from error


def describe_image(image: Picture) -> Medium:
    """An image, unpacked only now. Raises as its parser does."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        note = f"{width} by {height} pixels are more than the {MOST_PIXELS:,} that are unpacked here"
        return Medium(f"[image {width}x{height}]", width=width, height=height, note=note)
    image.draft("RGB", (_SIDE * 4, _SIDE * 4))  # of a JPEG no more is unpacked than is looked at
    small = image.convert("RGBA") if "transparency" in image.info or image.mode in ("LA", "PA") else image
    small = small.resize((_SIDE, _SIDE), reducing_gap=2.0) if small.mode in ("RGB", "RGBA", "L") else small
    if small.mode == "RGBA":
        small = _put_on_white(small)
    data = small.convert("RGB").resize((_SIDE, _SIDE)).tobytes()
    pixels = list(zip(data[::3], data[1::3], data[2::3], strict=True))
    return Medium(_describe(width, height, pixels), width=width, height=height)


def _put_on_white(image: Picture) -> Picture:
    from PIL import Image

    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image)
    return ground


def _describe(width: int, height: int, pixels: list[Rgb]) -> str:
    names = [name_color(pixel) for pixel in pixels]
    light = sum((299 * r + 587 * g + 114 * b) // 1000 for r, g, b in pixels) / len(pixels)
    brightness = "bright" if light > _BRIGHT else "dark" if light < _DARK else "medium"
    grid = [_find_most(names, column, row) for row in range(3) for column in range(3)]
    counts = Counter(grid).most_common(_COLORS_SHOWN)
    shares = " ".join(f"{name} {count * 100 // len(grid)}%" for name, count in counts)
    rows = " / ".join(" ".join(grid[start : start + 3]) for start in (0, 3, 6))
    return f"[image {width}x{height} {brightness} | {shares} | {rows}]"


def _find_most(names: list[str], column: int, row: int) -> str:
    """The colour that a cell of the grid has most of."""
    cell = Counter[str]()
    for line in range(row * _CELL, (row + 1) * _CELL):
        cell.update(names[line * _SIDE + column * _CELL : line * _SIDE + (column + 1) * _CELL])
    return cell.most_common(1)[0][0]


_HUES: Final = (
    (15, "red"),
    (45, "orange"),
    (70, "yellow"),
    (165, "green"),
    (195, "cyan"),
    (255, "blue"),
    (320, "purple"),
    (345, "pink"),
    (361, "red"),
)
"""Degrees of the colour wheel, up to which a hue has the name."""


def name_color(pixel: Rgb) -> str:
    """One of twelve words for a colour."""
    red, green, blue = pixel
    most, least = max(pixel), min(pixel)
    spread = most - least
    if most < 50:
        return "black"
    if spread < 30 or spread * 6 < most:
        return "white" if most > 205 else "gray" if most > 65 else "black"
    if most == red:
        hue = 60 * (green - blue) / spread % 360
    elif most == green:
        hue = 60 * (blue - red) / spread + 120
    else:
        hue = 60 * (red - green) / spread + 240
    name = next(name for end, name in _HUES if hue < end)
    if most < 175 and (name == "orange" or (name == "red" and least > 30)):
        return "brown"
    return "pink" if name == "red" and least > 130 else name
