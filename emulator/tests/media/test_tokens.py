"""Tokens of media as the services' documents count them."""

from __future__ import annotations

import pytest

from tuning_emulator.facts.media import GEMINI_2_MEDIA, GEMINI_3_MEDIA, MediaKind, MediaRules, find_kind
from tuning_emulator.media.medium import Clip, Medium
from tuning_emulator.media.tokens import PromptTokens, count_medium, count_tiles, read_clip, read_resolution

PICTURE, PAGES = Medium("", width=960, height=540), Medium("", pages=3)


@pytest.mark.parametrize(
    ("size", "tiles"),
    [((384, 384), 1), ((10, 10), 1), ((960, 540), 6), ((385, 385), 4), ((768, 768), 4), ((6144, 6144), 16)],
)
def test_larger_images_are_cut_into_tiles(size: tuple[int, int], tiles: int) -> None:
    """960 by 540 is the documents' own example: a unit of 360, three by two."""
    assert count_tiles(*size) == tiles


@pytest.mark.parametrize(
    ("rules", "kind", "medium", "resolution", "counted"),
    [
        (GEMINI_2_MEDIA, "image", PICTURE, "default", ("IMAGE", 6 * 258)),
        (GEMINI_2_MEDIA, "image", PICTURE, "low", ("IMAGE", 64)),
        (GEMINI_2_MEDIA, "image", Medium(""), "default", ("IMAGE", 258)),
        (GEMINI_2_MEDIA, "document", PAGES, "default", ("DOCUMENT", 3 * 258)),
        (GEMINI_2_MEDIA, "audio", Medium("", seconds=60), "default", ("AUDIO", 1920)),
        (GEMINI_2_MEDIA, "video", Medium("", seconds=10), "default", ("VIDEO", 2630)),
        (GEMINI_2_MEDIA, "video", Medium("", seconds=10), "low", ("VIDEO", 660)),
        (GEMINI_2_MEDIA, "video", Medium(""), "default", ("VIDEO", 263)),
        (GEMINI_3_MEDIA, "image", PICTURE, "default", ("IMAGE", 1120)),
        (GEMINI_3_MEDIA, "image", PICTURE, "ultra_high", ("IMAGE", 2240)),
        (GEMINI_3_MEDIA, "document", PAGES, "low", ("IMAGE", 3 * 280)),
        (GEMINI_3_MEDIA, "video", Medium("", seconds=10), "high", ("VIDEO", 2800)),
        (GEMINI_3_MEDIA, "audio", Medium("", seconds=1.01), "high", ("AUDIO", 33)),
    ],
)
def test_tokens_by_kind_resolution_and_generation(
    rules: MediaRules, kind: MediaKind, medium: Medium, resolution: str, counted: tuple[str, int]
) -> None:
    """What is not known of a file is taken for the least: a tile, a page, a second."""
    assert count_medium(rules, kind, medium, resolution, Clip()) == counted


def test_a_clip_is_counted_alone() -> None:
    """Its seconds, and as many frames of each as are asked for."""
    clip = read_clip({"video_metadata": {"start_offset": 2_000_000_000, "end_offset": 4_500_000_000}})
    film = Medium("", seconds=10)
    assert count_medium(GEMINI_2_MEDIA, "video", film, "default", clip) == ("VIDEO", 658)
    fast = read_clip({"video_metadata": {"fps": 2.0}})
    assert count_medium(GEMINI_3_MEDIA, "video", film, "default", fast) == ("VIDEO", 1400)
    assert read_clip({}) == Clip()


def test_names_of_resolutions_and_types() -> None:
    """Unknown ones are the default; parameters and case of a type do not matter, and each API has types of its own."""
    names = ("MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_UNSPECIFIED", None, 17)
    assert [read_resolution(name) for name in names] == ["low", "default", "default", "default"]
    assert find_kind("vertex", "Audio/PCM;rate=16000") == "audio"
    assert (find_kind("vertex", "audio/aiff"), find_kind("gemini", "audio/aiff")) == (None, "audio")
    assert (find_kind("gemini", "text/csv"), find_kind("gemini", "image/gif")) == ("document", None)


def test_a_prompts_tokens_add_up() -> None:
    """Modalities without tokens are not listed."""
    tokens = PromptTokens(7, {"IMAGE": 258})
    assert tokens.total == 265
    assert tokens.format_details() == [
        {"modality": "TEXT", "token_count": 7},
        {"modality": "IMAGE", "token_count": 258},
    ]
    assert PromptTokens(0).format_details() == []
