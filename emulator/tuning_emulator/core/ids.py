"""Ids as the services make them.

Sources: fidelity of generated ids was read off recorded answers; the rules are inferred and fit all of them.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar

TUNED_MODEL_ID = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
"""Source: googleapis google/ai/generativelanguage/v1beta/model_service.proto, tuned_model_id."""

NOBODY = "-"
"""Stands for no project where "" means something else: whose key or token names none."""

MAX_TUNED_MODEL_ID = 40
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_PROJECT_NUMBER = re.compile("[1-9][0-9]{0,18}")


class Ids:
    """Makes ids. Seeded, it makes the same ones in the same order.

    Args:
        made: How many an earlier process has made in the same place: those are not made again.
    """

    def __init__(self, seed: int | None = None, made: int = 0) -> None:
        self._seed = seed
        self._random = random.Random(f"{seed}/{made}" if made and seed is not None else seed)

    def reset(self) -> None:
        """Begins again; without a seed with other ids."""
        self._random.seed(self._seed)

    def save(self) -> list[int]:
        """Where it stands, for ``restore``."""
        return list(self._random.getstate()[1])

    def restore(self, state: list[int]) -> None:
        """Goes on from where another one stood.

        Raises:
            ValueError, TypeError: ``save`` has not made it.
        """
        self._random.setstate((3, tuple(state), None))

    def number(self) -> str:
        """A Vertex id: 18 or 19 digits, like the recorded ``1715586718876303360`` and ``391725756406824960``."""
        return str(self._random.randrange(10**17, 2**63))

    def base36(self, length: int) -> str:
        """Random lower-case letters and digits."""
        return "".join(self._random.choice(_BASE36) for _ in range(length))

    def operation(self) -> str:
        """A Gemini operation id: 12 base-36 characters in every recording."""
        return self.base36(12)

    def uuid(self) -> str:
        """A random UUID (version 4)."""
        digits = list(f"{self._random.getrandbits(128):032x}")
        digits[12] = "4"
        digits[16] = "89ab"[int(digits[16], 16) % 4]
        text = "".join(digits)
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def tuned_model(self, display_name: str, *, filled: bool = True) -> str:
        """A Gemini tuned model id from its display name.

        Lower-case, only letters, digits and spaces stay, spaces become hyphens, then a random part that fills the id
        up to exactly 40 characters (recorded May and June 2025). Not ``filled``, the random part is a number below
        2**62, 11 or 12 characters, cut where the id would be longer than 40 (recorded 2023 to 2024).
        A slug that does not start with a letter, or none at all, gets the letter ``t`` in front (assumed).
        """
        kept = re.sub(r"[^a-z0-9 ]", "", display_name.lower()).strip()
        slug = re.sub(r" +", "-", kept)
        if not slug[:1].isalpha():
            slug = f"t{slug}"
        slug = slug[: MAX_TUNED_MODEL_ID - 7].rstrip("-")
        room = MAX_TUNED_MODEL_ID - len(slug) - 1
        return f"{slug}-{self.base36(room) if filled else self._base36_number()[:room]}"

    def _base36_number(self) -> str:
        """A number of 62 bits, without leading zeros; smaller ones than of 11 characters are not worth their chance."""
        number, digits = self._random.randrange(36**10, 2**62), ""
        while number:
            number, digit = divmod(number, 36)
            digits = _BASE36[digit] + digits
        return digits


def tuned_model_slug_fits(identifier: str) -> bool:
    """Whether a client's own tuned model id is well-formed."""
    return TUNED_MODEL_ID.fullmatch(identifier) is not None


# --- projects


class _Numbers(dict[str, str]):
    """Numbers by project id; those that nobody gave are made when they are asked for. In any thread."""

    def __missing__(self, project: str) -> str:
        digest = hashlib.sha256(project.encode()).digest()
        made = str(10**11 + int.from_bytes(digest[:8], "big") % (9 * 10**11))
        number = project if project.isdigit() else made
        return self.setdefault(project, number) if len(self) < _REMEMBERED else number


_NUMBERS = _Numbers()
_REMEMBERED = 4096

project_number: Callable[[str], str] = _NUMBERS.__getitem__
"""The number of a project, as Vertex answers carry it: numbers stay, an id has the one that it was given.

An id that was given none has a stable one of 12 digits. Recorded answers name ``projects/649241623633/…`` for requests
that gave the project's id.
"""


class GivenNumbers:
    """The numbers that an emulator's projects were given; all others have one that is made of their id.

    All emulators of a process share what ``project_number`` says: for an id with two numbers, that of the later one.

    Attributes:
        numbers: By project id.
    """

    all: ClassVar[Mapping[str, str]] = {}
    """Of every emulator here."""

    forget: ClassVar[list[Callable[[], None]]] = []
    """Called with every change, by whoever remembers what follows from a number."""

    _books: ClassVar[list[GivenNumbers]] = []

    def __init__(self) -> None:
        self.numbers: Mapping[str, str] = {}

    def replace(self, numbers: Mapping[str, str]) -> None:
        """Has these from now on, and no others; none once the emulator has ended."""
        self.numbers = dict(numbers)
        books = [book for book in self._books if book is not self] + ([self] if numbers else [])
        GivenNumbers._books = books
        GivenNumbers.all = {project: number for book in books for project, number in book.numbers.items()}
        _NUMBERS.clear()
        _NUMBERS.update(GivenNumbers.all)
        for forget in self.forget:
            forget()


def find_project_id(number: str) -> str:
    """The id of the project that was given a number; "" where none was."""
    return next((project for project, given in GivenNumbers.all.items() if given == number), "")


def check_project_number(project: str, number: str) -> None:
    """Refuses what is no id and number of a project.

    Raises:
        ValueError: the text names the value.
    """
    if not project or project.isdigit() or "/" in project:
        raise ValueError(f"{project!r} is no project id")
    if not _PROJECT_NUMBER.fullmatch(number) or int(number) >= 2**63:
        raise ValueError(f"{number!r} is no project number; those have digits alone, most of them 12")


def experiment_id(now_ns: int) -> str:
    """Id of a job's metadata context: the moment with microseconds, in US Pacific time.

    Recorded: ``tuning-experiment-20241103131117085279`` for a job created 2024-11-03T21:08:07Z.
    """
    from zoneinfo import ZoneInfo  # only jobs need the time zone database; the server's start does not

    moment = datetime.fromtimestamp(now_ns // 1_000_000_000, ZoneInfo("America/Los_Angeles"))
    return f"tuning-experiment-{moment:%Y%m%d%H%M%S}{now_ns // 1000 % 1_000_000:06d}"
