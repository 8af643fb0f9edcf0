"""Makes ``data/numerals.json.gz``: the numbers 0 to 1000 in words of fifteen languages.

    python -m base_model_build.prepare.numerals

Fourteen are num2words' output; Turkish is spelled here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from base_model_build.prepare.lexicon import write_data

LANGUAGES: Final = {
    "french": "fr", "portuguese": "pt_BR", "spanish": "es", "german": "de", "italian": "it", "dutch": "nl",
    "polish": "pl", "swedish": "sv", "indonesian": "id", "romanian": "ro", "czech": "cs", "finnish": "fi",
    "danish": "da", "hungarian": "hu",
}  # fmt: skip
"""Name -> code of num2words."""

_ONES: Final = "sıfır bir iki üç dört beş altı yedi sekiz dokuz".split()
_TENS: Final = "- on yirmi otuz kırk elli altmış yetmiş seksen doksan".split()


def spell_turkish(number: int) -> str:
    """0 to 1000; ``121`` is ``yüz yirmi bir``."""
    if number == 1000:
        return "bin"
    parts = []
    if number >= 100:
        parts += [_ONES[number // 100]] * (number >= 200) + ["yüz"]
    if number % 100 >= 10:
        parts.append(_TENS[number % 100 // 10])
    if number % 10 or number == 0:
        parts.append(_ONES[number % 10])
    return " ".join(parts)


def make_numerals() -> dict[str, list[str]]:
    """language -> the words of 0, 1, … 1000."""
    from num2words import num2words  # an input of this script alone

    table = {name: [num2words(number, lang=code) for number in range(1001)] for name, code in LANGUAGES.items()}
    return table | {"turkish": [spell_turkish(number) for number in range(1001)]}


if __name__ == "__main__":
    write_data(make_numerals(), Path(__file__).parents[1] / "data" / "numerals.json.gz")
