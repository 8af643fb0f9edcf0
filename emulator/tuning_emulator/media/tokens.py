"""How many tokens the services count for media; their rules are ``facts.media``'s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import ceil
from typing import Any

from msgspec import Struct

from tuning_emulator.facts.media import (
    AUDIO_TOKENS_PER_SECOND,
    MAX_IMAGE_SIDE,
    ONE_TILE_SIDE,
    TILE_SIDES,
    MediaKind,
    MediaRules,
)
from tuning_emulator.media.medium import Clip, Medium
from tuning_emulator.schema.schema import Value

_MODALITIES: dict[MediaKind, str] = {"image": "IMAGE", "audio": "AUDIO", "video": "VIDEO", "document": "DOCUMENT"}
_NANOSECOND = 1e-9


class PromptTokens(Struct, frozen=True):
    """A prompt's: of text, in those of what plays the model; of media, by modality, as the services count them.

    Attributes:
        cached: Those of them that are of cached content.
    """

    text: int
    media: Mapping[str, int] = {}
    cached: PromptTokens | None = None

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + sum(self.media.values())

    def after(self, cached: int, media: Mapping[str, int]) -> PromptTokens:
        """Those of a prompt with cached content before this one: so many, among them those of its media."""
        kept = PromptTokens(cached - sum(media.values()), media)
        return PromptTokens(self.text + kept.text, Counter(self.media) + Counter(media), kept)

    def format_details(self) -> list[Value]:
        """A ``ModalityTokenCount`` for each modality that there is any of."""
        counts = {**({"TEXT": self.text} if self.text else {}), **self.media}
        return [{"modality": modality, "token_count": count} for modality, count in counts.items()]


def read_clip(part: dict[str, Any]) -> Clip:
    """The clip that a ``Part`` message asks for. Durations are nanoseconds."""
    found = part.get("video_metadata") or {}
    end = found.get("end_offset")
    return Clip(
        (found.get("start_offset") or 0) * _NANOSECOND,
        None if end is None else end * _NANOSECOND,
        found.get("fps") or 1.0,
    )


def read_resolution(value: Any) -> str:
    """``MEDIA_RESOLUTION_LOW`` as ``low``; ``default`` where none is asked for."""
    name = str(value or "").removeprefix("MEDIA_RESOLUTION_").lower()
    return name if name in ("low", "medium", "high", "ultra_high") else "default"


def count_tiles(width: int, height: int) -> int:
    """Tiles that an image is cut into."""
    longest = max(width, height)
    if longest <= ONE_TILE_SIDE.value:
        return 1
    scale = min(1.0, MAX_IMAGE_SIDE.value / longest)
    width, height = max(int(width * scale), 1), max(int(height * scale), 1)
    least, largest = TILE_SIDES.value
    side = min(max(int(min(width, height) / 1.5), least), largest)
    return ceil(width / side) * ceil(height / side)


def count_medium(rules: MediaRules, kind: MediaKind, medium: Medium, resolution: str, clip: Clip) -> tuple[str, int]:
    """The modality that a file is counted under, and its tokens.

    What is not known of a file that nothing here reads is taken for the least: a tile, a page, a second.
    """

    def choose(levels: Any) -> int:
        tokens: int = levels.get(resolution, levels["default"])
        return tokens

    if kind == "image":
        tiled = rules.tiled and resolution in ("default", "high", "ultra_high")
        tiles = count_tiles(medium.width, medium.height) if tiled and medium.width else 1
        return "IMAGE", choose(rules.image) * tiles
    if kind == "document":
        return rules.pages_as, choose(rules.page) * max(medium.pages, 1)
    if kind == "audio":
        return _MODALITIES[kind], ceil(AUDIO_TOKENS_PER_SECOND.value * (medium.seconds or 1.0))
    seconds = clip.measure(medium.seconds) if medium.seconds else 1.0
    if rules.second and resolution == "default" and clip.fps == 1.0:
        return _MODALITIES[kind], ceil(rules.second * seconds)
    return _MODALITIES[kind], ceil(choose(rules.frame) * seconds * clip.fps)
