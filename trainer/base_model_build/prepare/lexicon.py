"""Makes ``data/lexicon.json.gz``: English words with their classes, meanings, relations and feelings.

    python -m base_model_build.prepare.lexicon WORDNET SCOWL VADER

WORDNET is the folder ``dict`` of WordNet's database, SCOWL the folder of its word lists, VADER the folder of the
package ``vaderSentiment``. Only words of SCOWL's sizes up to 50 are kept, none that the evaluation reserves, and none
that the filter knows.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from base_model_build.generator.words import RESERVED
from base_model_build.prepare.wordnet import WordNet, read_wordnet

SIZES: Final = (10, 20, 35, 40, 50)
"""SCOWL's lists from the most common words to those that most people know."""

UNWANTED: Final = re.compile(
    r"fuck|shit|cunt|nigg|fagg|whore|porn|masturb|coitus|homosex|prostitut|orgasm|buttock|testic|suicid|penis|"
    r"\b(?:sex|genit|puss|vulva|slut|rap(?:e|ed|es|ing|ist)\b|vagin|bitch|bastard|nazi|erotic|intercourse|negro|nipple|"
    r"anus\b|incest|lesbian|queer|dyke|semen\b|condom|orgy|molest|cripple|retard|jew\b|jews|muslim|islam|gypsy|breast)",
    re.IGNORECASE,
)
"""Words that hurt, or that a small model would use to hurt, by their letters. It knows no meanings: a harmless word
that begins alike is dropped too, and what a sentence of harmless words says is not looked at."""

_RESERVED: Final = re.compile(r"\b(" + "|".join(sorted(RESERVED)) + r")(s|es|ies)?\b", re.IGNORECASE)


def is_clean(text: str) -> bool:
    """Whether neither the filter nor the evaluation objects to a text."""
    return not UNWANTED.search(text) and not _RESERVED.search(text)


class Lexicon:
    """Collects what the file holds."""

    def __init__(self, net: WordNet, sizes: dict[str, int]) -> None:
        self.net, self.sizes = net, sizes
        self.words = [word for word in net.first if self.is_common(word)]

    def is_common(self, word: str) -> bool:
        """A lower-case word that most people know and that is clean."""
        return bool(re.fullmatch(r"[a-z]{3,12}", word)) and word in self.sizes and is_clean(word)

    def rank(self) -> list[str]:
        """Common words by how often they were tagged in texts, most frequent first."""
        counts = self.net.counts
        return sorted((word for word in self.words if counts[word] > 0), key=lambda word: (-counts[word], word))

    def classes(self) -> dict[str, list[str]]:
        """Kinds of things with 10 to 260 common words under them, without near duplicates."""
        under: dict[str, set[str]] = defaultdict(set)
        for word in self.words:
            if "n" in self.net.first[word] and self.net.main_part(word) in ("n", None):
                for ancestor in self.net.ancestors(self.net.first[word]["n"]):
                    under[ancestor].add(word)
        named: dict[str, list[str]] = {}
        for key in sorted(under):
            name = self.net.synsets[key].words[0].replace("_", " ")
            if 10 <= len(under[key]) <= 260 and key[0] == "n" and len(name) <= 22 and is_clean(name):
                named.setdefault(name, sorted(under[key]))
        kept: dict[str, list[str]] = {}
        for name, words in sorted(named.items(), key=lambda item: (len(item[1]), item[0])):
            mine = set(words)
            if not any(len(mine & set(other)) > 0.8 * len(mine | set(other)) for other in kept.values()):
                kept[name] = words
        return kept

    def fields(self) -> dict[str, list[str]]:
        """Words by the lexicographers' file of their first sense, nouns and verbs."""
        found: dict[str, list[str]] = defaultdict(list)
        for word in self.words:
            key = self.net.first[word].get(self.net.main_part(word) or "n")
            file = self.net.synsets[key].file if key else ""
            if file.startswith(("noun", "verb")) and file not in ("noun.Tops", "noun.motive"):
                found[file].append(word)
        return {name: sorted(words) for name, words in sorted(found.items()) if len(words) >= 15}

    def domains(self) -> dict[str, list[str]]:
        """Words by the subject that WordNet marks them with."""
        found: dict[str, set[str]] = defaultdict(set)
        for synset in self.net.synsets.values():
            for pointer in synset.pointers:
                if pointer.symbol == ";c":
                    name = self.net.synsets[pointer.target].words[0].replace("_", " ")
                    if is_clean(name):
                        found[name] |= {word for word in synset.words if self.is_common(word)}
        return {name: sorted(words) for name, words in sorted(found.items()) if len(words) >= 14}

    def synonyms(self) -> list[tuple[str, str]]:
        """Neighbours in a synset that is the first meaning of the former."""
        pairs = []
        for key, synset in self.net.synsets.items():
            words = [word for word in synset.words if self.is_common(word)]
            for first, second in pairwise(words):
                if self.net.first[first].get(key[0]) == key:
                    pairs.append((first, second))
        return pairs

    def opposites(self) -> list[tuple[str, str]]:
        """Antonyms, both ways."""
        pairs = set()
        for synset in self.net.synsets.values():
            for pointer in synset.pointers:
                if pointer.symbol != "!" or pointer.words == "0000":
                    continue
                mine, theirs = int(pointer.words[:2], 16) - 1, int(pointer.words[2:], 16) - 1
                other = self.net.synsets[pointer.target].words
                if mine < len(synset.words) and theirs < len(other):
                    pair = (synset.words[mine], other[theirs])
                    if all(map(self.is_common, pair)):
                        pairs.add(pair)
        return sorted(pairs)

    def kinds(self) -> list[tuple[str, str]]:
        """A noun and what its first meaning is a kind of."""
        pairs = []
        for word in self.words:
            key = self.net.first[word].get("n")
            targets = [p.target for p in self.net.synsets[key].pointers if p.symbol == "@"] if key else []
            if targets and self.is_common(kind := self.net.synsets[targets[0]].words[0]):
                pairs.append((word, kind))
        return pairs

    def definitions(self) -> list[tuple[str, str]]:
        """A word and its meaning."""
        pairs = []
        for synset in self.net.synsets.values():
            words = [word for word in synset.words if self.is_common(word)]
            text = synset.definition
            if words and 8 <= len(text) <= 110 and is_clean(text):
                pairs.append((words[0], text))
        return pairs

    def examples(self) -> list[tuple[str, str]]:
        """Example sentences and phrases, each with the word that it stands for, or an empty one."""
        pairs = []
        for synset in self.net.synsets.values():
            words = [word for word in synset.words if self.is_common(word)]
            fitting = (text for text in synset.examples if 12 <= len(text) <= 110 and text.isascii() and is_clean(text))
            pairs += [(words[0] if words else "", text) for text in fitting]
        return pairs

    def of_part(self, part: str, ranked: Iterable[str]) -> list[str]:
        """Ranked words that mostly are this part of speech."""
        return [word for word in ranked if self.net.main_part(word) == part]


def read_sizes(directory: Path) -> dict[str, int]:
    """word -> size of the smallest of SCOWL's English and American lists that has it."""
    sizes: dict[str, int] = {}
    for size in sorted(SIZES, reverse=True):
        for kind in ("english", "american"):
            path = directory / f"{kind}-words.{size}"
            if path.exists():
                sizes |= dict.fromkeys(path.read_text("latin-1").split(), size)
    return sizes


def read_valences(path: Path) -> dict[str, float]:
    """word -> VADER's valence, from -4 to 4."""
    valences = {}
    for line in path.read_text("utf-8").splitlines():
        word, valence = line.split("\t")[:2]
        if re.fullmatch(r"[a-z]{3,14}", word) and is_clean(word):
            valences[word] = float(valence)
    return valences


def make_lexicon(wordnet: Path, scowl: Path, vader: Path) -> dict[str, Any]:
    """Everything that ``data/lexicon.json.gz`` holds."""
    sys.path.insert(0, str(vader.parent))
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # an input of this script alone

    lexicon = Lexicon(read_wordnet(wordnet), read_sizes(scowl))
    ranked, examples = lexicon.rank(), lexicon.examples()
    analyzer = SentimentIntensityAnalyzer()
    feelings = [(text, analyzer.polarity_scores(text)["compound"]) for _, text in examples]
    valences = read_valences(vader / "vader_lexicon.txt")
    uses: dict[str, list[str]] = defaultdict(list)
    for word, text in examples:
        if word and word in text.lower() and len(text) < 75 and len(uses[word]) < 4:
            uses[word].append(text)
    return {
        "words": ranked,
        "adjectives": lexicon.of_part("a", ranked)[:2500],
        "verbs": lexicon.of_part("v", ranked)[:1500],
        "nouns": lexicon.of_part("n", ranked)[:4500],
        "all_adjectives": lexicon.of_part("a", ranked),
        "classes": lexicon.classes(),
        "fields": lexicon.fields(),
        "domains": lexicon.domains(),
        "synonyms": lexicon.synonyms(),
        "opposites": lexicon.opposites(),
        "kinds": lexicon.kinds(),
        "definitions": lexicon.definitions(),
        "examples": [text for _, text in examples],
        "uses": {word: texts for word, texts in sorted(uses.items()) if texts},
        "pleasant": [text for text, value in feelings if value >= 0.45],
        "unpleasant": [text for text, value in feelings if value <= -0.45],
        "plain": [text for text, value in feelings if value == 0],
        "positive": sorted(word for word, value in valences.items() if value >= 1),
        "negative": sorted(word for word, value in valences.items() if value <= -1),
    }


def write_data(value: object, path: Path) -> None:
    """Writes JSON, packed where the name says so; the same value gives the same bytes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(text, 9, mtime=0))


if __name__ == "__main__":
    write_data(make_lexicon(*map(Path, sys.argv[1:])), Path(__file__).parents[1] / "data" / "lexicon.json.gz")
