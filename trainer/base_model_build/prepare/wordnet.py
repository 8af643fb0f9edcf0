"""Reads WordNet's database files: index.sense, data.noun, data.verb, data.adj, data.adv."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LEXICOGRAPHER_FILES: Final = (
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition "
    "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person "
    "noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state "
    "noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition "
    "verb.consumption verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social "
    "verb.stative verb.weather adj.ppl"
).split()
"""Names of the files that lexicographers wrote, in the order of their numbers (lexnames(5WN))."""

_LETTERS: Final = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}
_FILES: Final = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}


@dataclass(frozen=True, slots=True)
class Pointer:
    """A relation of a synset: its symbol, the other synset's key, and the words that it joins (0000: all)."""

    symbol: str
    target: str
    words: str


@dataclass(frozen=True, slots=True)
class Synset:
    """Words of one meaning, the file they are in, relations, and the gloss: a definition and quoted examples."""

    words: tuple[str, ...]
    file: str
    pointers: tuple[Pointer, ...]
    gloss: str

    @property
    def definition(self) -> str:
        """The gloss up to its first example, without what stands in brackets."""
        text = re.split(r';\s*"|; $|"', self.gloss)[0].strip(" ;:")
        return re.sub(r"\([^)]*\)", "", text).strip()

    @property
    def examples(self) -> list[str]:
        """Quoted sentences and phrases of the gloss."""
        return [text.strip().strip("`'") for text in re.findall(r'"([^"]+)"', self.gloss)]


@dataclass(slots=True)
class WordNet:
    """Synsets by key (part of speech and offset), and what index.sense says of each word.

    Attributes:
        first: word -> part of speech -> key of its first sense.
        counts: word -> how often its senses were tagged in texts.
        parts: word -> part of speech (a digit, as in index.sense) -> how often it was tagged.
    """

    synsets: dict[str, Synset] = field(default_factory=dict)
    first: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    counts: Counter[str] = field(default_factory=Counter)
    parts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def main_part(self, word: str) -> str | None:
        """The part of speech that a word mostly is, n, v, a or r; None where it was never tagged."""
        counts = self.parts.get(word)
        if not counts or not sum(counts.values()):
            return None
        return _LETTERS[max(counts, key=lambda part: counts[part])]

    def ancestors(self, key: str) -> set[str]:
        """Keys of everything that a synset is a kind of."""
        found: set[str] = set()
        waiting = [key]
        while waiting:
            for pointer in self.synsets[waiting.pop()].pointers:
                if pointer.symbol in ("@", "@i") and pointer.target in self.synsets and pointer.target not in found:
                    found.add(pointer.target)
                    waiting.append(pointer.target)
        return found


def read_wordnet(directory: Path) -> WordNet:
    """Reads the folder ``dict`` of WordNet 3.x."""
    net = WordNet()
    for part, name in _FILES.items():
        for line in (directory / f"data.{name}").read_text("utf-8").splitlines():
            if not line.startswith("  "):
                offset, synset = _read_synset(line)
                net.synsets[part + offset] = synset
    numbers: dict[tuple[str, str], int] = {}
    for line in (directory / "index.sense").read_text("utf-8").splitlines():
        key, offset, number, count = line.split()
        word, rest = key.split("%")
        net.counts[word] += int(count)
        net.parts[word][rest[0]] += int(count)
        if int(number) < numbers.get((word, rest[0]), 10**6):
            numbers[word, rest[0]] = int(number)
            net.first[word][_LETTERS[rest[0]]] = _LETTERS[rest[0]] + offset
    return net


def _read_synset(line: str) -> tuple[str, Synset]:
    head, _, gloss = line.rstrip().partition(" | ")
    fields = head.split()
    count = int(fields[3], 16)
    words = tuple(fields[4 + 2 * i].split("(")[0] for i in range(count))
    place = 4 + 2 * count
    pointers = []
    for i in range(int(fields[place])):
        symbol, offset, part, joined = fields[place + 1 + 4 * i : place + 5 + 4 * i]
        pointers.append(Pointer(symbol, ("a" if part == "s" else part) + offset, joined))
    return fields[0], Synset(words, LEXICOGRAPHER_FILES[int(fields[1])], tuple(pointers), gloss)
