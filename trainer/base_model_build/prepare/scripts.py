"""Makes ``data/scripts.json.gz``: names of countries, languages, weekdays and months in fifty languages.

    python -m base_model_build.prepare.scripts

From Unicode's CLDR, as Babel packs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from base_model_build.prepare.lexicon import write_data

LANGUAGES: Final = (
    "ru uk bg sr el he ar fa ur hi mr bn ta te gu th ja zh ko ka hy am my km lo ne si vi pt tr es fr de it pl cs hu "
    "ro sv fi nl da hr lt lv et az id"
).split()


def _is_short(text: object) -> bool:
    return isinstance(text, str) and 1 < len(text) <= 22 and "(" not in text and "\u200c" not in text


def describe_language(code: str) -> dict[str, Any]:
    """English name, pairs of English and own names of countries and languages, weekdays, months."""
    from babel import Locale  # an input of this script alone

    english, own = Locale("en"), Locale(code)
    pairs = {
        kind: sorted(
            (theirs[key], name)
            for key, name in mine.items()
            if len(key) == 2 and key in theirs and _is_short(name) and _is_short(theirs[key])
        )
        for kind, mine, theirs in (
            ("countries", own.territories, english.territories),
            ("languages", own.languages, english.languages),
        )
    }
    return {
        "name": english.languages[code],
        **pairs,
        "days": [own.days["stand-alone"]["wide"][day] for day in range(7)],
        "months": [own.months["stand-alone"]["wide"][month] for month in range(1, 13)],
    }


if __name__ == "__main__":
    scripts = {code: describe_language(code) for code in LANGUAGES}
    write_data(scripts, Path(__file__).parents[1] / "data" / "scripts.json.gz")
