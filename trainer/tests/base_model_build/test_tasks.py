"""The generator: answers are right, and what the evaluation asks is never generated."""

from __future__ import annotations

import json
import re
from collections import Counter
from random import Random

import pytest

from base_model_build.audit import Audit, find_borrowed
from base_model_build.gates.items import (
    ASKED_SENTENCES,
    CLASS_CUES,
    FAR_COUNTS,
    FORM_COUNTS,
    SHOWN_SENTENCES,
    SURNAMES,
    draw_class_items,
    draw_format_items,
    draw_number_items,
    make_addition_items,
    make_composition_items,
    make_sentence_items,
)
from base_model_build.gates.tasks import make_language_items
from base_model_build.generator.calls import draw_call_task, draw_conversation
from base_model_build.generator.classification import SENTENCES, draw_classes
from base_model_build.generator.copying import draw_list_task
from base_model_build.generator.dialogues import Dialogue
from base_model_build.generator.episodes import (
    COPYING_SHARES,
    COUNTING_SHARES,
    JOB_SHARES,
    LONG_SHARES,
    MAKERS,
    MEANING_SHARES,
    SHARES,
    SORTING_SHARES,
    TALKS,
    TOLD_MODES,
    TUNING_SHARES,
    draw_episode,
)
from base_model_build.generator.everyday import ANGRY, GLAD, TOPICS, list_examples
from base_model_build.generator.facts_of_texts import TEXTS, draw_text
from base_model_build.generator.lexicon import NEGATIVE, POSITIVE, TOWNS
from base_model_build.generator.media import draw_image, draw_sound
from base_model_build.generator.number_tasks import answer_number, draw_addend, draw_counting_task, make_number_task
from base_model_build.generator.numbers import (
    FORMS,
    LANGUAGES,
    NUMERALS,
    draw_magnitude,
    spell_english,
    write_roman,
)
from base_model_build.generator.phrases import (
    BLAME,
    CONCERNS,
    FACTS_OF_THINGS,
    FAILS,
    INTENTS,
    IS_SO,
    NEWS,
    PRAISE,
    THING_SENTENCES,
    WORKS,
)
from base_model_build.generator.scripts import draw_unrelated_pairs
from base_model_build.generator.sentiment import Sentiment
from base_model_build.generator.tasks import (
    DOCUMENTED_PAIRS,
    Task,
    draw_frame,
    is_held_out,
    wrap_task,
)
from base_model_build.generator.tickets import draw_ticket_task
from base_model_build.generator.topic_words import TELLING_WORDS
from base_model_build.generator.topics import Topics
from base_model_build.generator.users import Habits
from base_model_build.generator.word_classes import draw_word_class_task, list_telling_words
from base_model_build.generator.word_tasks import draw_composed_task
from base_model_build.generator.words import FILLERS, RESERVED, VOCABULARY, imitate_word, invent_word
from base_model_build.prepare.lexicon import is_clean
from base_model_build.prepare.numerals import spell_turkish
from base_model_build.recipe import KINDS


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "zero"),
        (-98, "minus ninety eight"),
        (201, "two hundred one"),
        (1999, "one thousand nine hundred ninety nine"),
        (10_100_000, "ten million one hundred thousand"),
        (2 * 10**9 + 3, "two billion three"),
    ],
)
def test_english_words(number: int, text: str) -> None:
    assert spell_english(number) == text


def test_other_ways_to_write_numbers() -> None:
    assert spell_english(721, "-") == "seven hundred twenty-one"
    assert [write_roman(n) for n in (1, 4, 9, 14, 40, 90, 1994)] == ["I", "IV", "IX", "XIV", "XL", "XC", "MCMXCIV"]


@pytest.mark.parametrize(
    ("language", "number", "text"),
    [
        ("portuguese", 22, "vinte e dois"),
        ("spanish", 35, "treinta y cinco"),
        ("french", 91, "quatre-vingt-onze"),
        ("german", 21, "einundzwanzig"),
        ("turkish", 245, "iki yüz kırk beş"),
    ],
)
def test_numbers_of_other_languages(language: str, number: int, text: str) -> None:
    assert FORMS[language].write(number) == NUMERALS[language][number] == text
    assert len(NUMERALS[language]) == 1001


def test_turkish_is_spelled_by_rule() -> None:
    assert [spell_turkish(n) for n in (0, 10, 100, 201, 1000)] == ["sıfır", "on", "yüz", "iki yüz bir", "bin"]


@pytest.mark.parametrize("name", list(FORMS))
def test_drawn_numbers_are_in_their_forms_range(name: str) -> None:
    form, random = FORMS[name], Random(1)
    assert all(form.can_write(form.draw(random, level)) for level in (0.0, 0.5, 1.0) for _ in range(300))


def test_magnitudes_have_as_many_digits_as_asked() -> None:
    random = Random(2)
    lengths = {len(str(draw_magnitude(random, 9, 4))) for _ in range(500)}
    assert lengths - {1} == {4, 5, 6, 7, 8, 9}, "only the zero below a carry is shorter"


def test_number_answers() -> None:
    digits, words = FORMS["digits"], FORMS["words"]
    assert answer_number("successor", 99, words, "ninety nine") == "one hundred"
    assert answer_number("predecessor", 0, digits, "0") == "-1"
    assert answer_number("plus", 8, digits, "8", 10) == "18"
    assert answer_number("reverse", 123, digits, "123") == "321"
    assert answer_number("reverse", 22, words, "twenty two") == "two twenty"
    assert answer_number("spell", 22, words, "twenty two") == "22"
    assert answer_number("spell", 22, digits, "22") == "twenty two"
    assert answer_number("predecessor", 1, FORMS["roman"], "I") is None


def test_documented_pairs_are_successors() -> None:
    assert len(DOCUMENTED_PAIRS) == 15
    task = make_number_task("successor", ("digits",), 1.0)
    assert task.instructions
    assert all(is_held_out("successor", x) for x, _ in DOCUMENTED_PAIRS)
    assert all(is_held_out("predecessor", y) for _, y in DOCUMENTED_PAIRS)


def test_held_out_items_are_never_generated() -> None:
    """In ten thousand draws of the successor, wrapped or not, none belongs to the evaluation."""
    task = make_number_task("successor", ("digits", "grouped", "words", *LANGUAGES), 1.0)
    random = Random(3)
    asked = {x for items in draw_number_items("successor", FORM_COUNTS).values() for x, _ in items}
    asked |= {x for items in make_language_items().values() for x, _ in items}
    for each in (task, wrap_task(task, draw_frame(random))):
        drawn = {each.draw_pair(random)[0] for _ in range(5000)}
        assert not any(is_held_out("successor", text) for text in drawn)
        assert not drawn & asked


def test_a_documented_number_is_never_answered_by_itself() -> None:
    random, documented = Random(8), {text for pair in DOCUMENTED_PAIRS for text in pair}
    for name in ("copy", "reverse"):
        task = make_number_task(name, ("digits", "words"), 0.0)
        pairs = [task.draw_pair(random) for _ in range(2000)]
        assert not any(x == y and x in documented for x, y in pairs)
        assert any(x == y for x, y in pairs)


def test_counting_is_told_which_way_or_else_repeats() -> None:
    random = Random(12)
    for told in (True, False):
        for _ in range(60):
            task = draw_counting_task(random, told, small=True)
            assert task.name in (("successor", "predecessor") if told else ("copy",))
            text, answer = task.draw_pair(random)
            assert (text == answer) is not told
        foreign = [draw_counting_task(random, told, foreign=True).draw_pair(random) for _ in range(60)]
        known = {text for name in LANGUAGES for text in NUMERALS[name]} | {text for p in DOCUMENTED_PAIRS for text in p}
        assert all(text in known for pair in foreign for text in pair), "but for one documented pair in sixteen"
    episodes = [draw_episode(random, {"small counting": 1}, 1, TOLD_MODES) for _ in range(300)]
    assert sum(episode.turns[-1][1] == episode.turns[-2][1] for episode in episodes if not episode.free) < 60


def test_a_task_of_held_out_items_only_says_so() -> None:
    text = next(str(n) for n in range(1000) if is_held_out("odd", str(n)))
    with pytest.raises(ValueError, match="odd"):
        Task("odd", lambda random: (text, ""), ("x",)).draw_pair(Random(0))


def test_evaluation_items_are_held_out_and_right() -> None:
    for far, counts in ((False, FORM_COUNTS), (True, FAR_COUNTS)):
        items = draw_number_items("successor", counts, far=far)
        assert {form: len(pairs) for form, pairs in items.items()} == counts
        assert all(is_held_out("successor", x) for pairs in items.values() for x, _ in pairs)
    assert all(int(y) == int(x) + 1 for x, y in items["digits"])


def test_words_of_the_classification_gate_are_not_the_generators() -> None:
    cues = {word for words in CLASS_CUES.values() for word in words}
    assert not cues & (set(VOCABULARY) | set(FILLERS))
    sentences = {text for text, _ in SENTENCES}
    assert not sentences & {text.format(a="{}", b="{}") for text in SHOWN_SENTENCES + ASKED_SENTENCES}
    shown, asked = draw_class_items(SHOWN_SENTENCES, 60, 3), draw_class_items(ASKED_SENTENCES, 60, 4)
    assert not {x for x, _ in shown} & {x for x, _ in asked}


@pytest.mark.slow
def test_nothing_that_is_asked_is_generated() -> None:
    """What ``audit.py`` looks for in many more: asked texts, kept-out tasks by whatever name, reserved words."""
    audit, random = Audit(), Random(4)
    for shares, characters in (
        (JOB_SHARES, 320),
        (MEANING_SHARES, 320),
        (TUNING_SHARES, 320),
        (SORTING_SHARES, 320),
        (COPYING_SHARES, 320),
        (COUNTING_SHARES, 1),
        (LONG_SHARES, 1600),
    ):
        for _ in range(1200):
            audit.look_at_episode(draw_episode(random, shares, characters))
    for kind in KINDS.values():
        for _ in range(12):
            audit.look_at_user(kind, random)
    assert audit.pairs > 5000
    assert not audit.hits


def test_no_phrase_is_nearly_a_sentence_of_the_evaluation() -> None:
    """Five words in a row are too many to share; the check finds one that does."""
    phrases = [
        *PRAISE, *BLAME, *FACTS_OF_THINGS, *WORKS, *FAILS, *IS_SO, *NEWS, *CONCERNS, *THING_SENTENCES, *GLAD, *ANGRY,
        *TEXTS, *(text for each in list_examples().values() for text in each),
        *(phrase for each in INTENTS.values() for phrase in each), *(text for each in TOPICS.values() for text in each),
    ]  # fmt: skip
    assert len(phrases) > 1000
    assert find_borrowed(phrases) == []
    assert find_borrowed(["Really, the staff made us feel at home"]) != []


def test_audit_finds_what_it_looks_for() -> None:
    audit, added = Audit(), make_addition_items()[1][0]
    for pair in (added, ("red cat", "CAT"), ("Jo Doe", "j.doe@x.com"), ("x", "mango"), ("1", "2")):
        audit.look_at_pair(*pair, bare=True)
    audit.look_at_pair("The cake was fantastic.", "good", bare=True)
    assert set(audit.hits) == {
        "asked pair", "kept-out composition", "initial.surname@", "reserved word", "documented pair, bare",
        "asked text",
    }  # fmt: skip
    audit.look_at_pair("search", "sea", bare=True)
    assert audit.hits["reserved word"] == 1, "letters cut out of a longer word"


def test_the_evaluations_compositions_are_in_no_task_of_words() -> None:
    """The second word in upper case, the last and first with a hyphen: by whatever choice of words they come about."""
    random, drawn = Random(8), 0
    while drawn < 2500:
        task = draw_composed_task(random)
        try:
            pairs = [task.draw_pair(random) for _ in range(3)]
        except ValueError:  # of two words, every answer would be the evaluation's
            continue
        for text, answer in pairs:
            words = text.split()
            drawn += 1
            if len(words) > 1:
                assert answer not in (words[1].upper(), f"{words[-1]}-{words[0]}"), (task.name, text)


def test_no_word_and_no_addend_is_the_evaluations() -> None:
    """No imitated or invented word is reserved, whatever its plural; no addend ends in seven."""
    random = Random(9)
    asked = {word for words in CLASS_CUES.values() for word in words} | set(CLASS_CUES)
    assert {*asked, *(name.lower() for name in SURNAMES)} - {"lima"} <= RESERVED
    words = {imitate_word(random) for _ in range(20_000)}
    assert not words & (RESERVED | set(VOCABULARY))
    assert not {invent_word(random) for _ in range(20_000)} & RESERVED
    assert len(words) > 5000
    assert not any(draw_addend(random) % 10 == 7 for _ in range(2000))


def test_new_tasks_answers() -> None:
    shown, asked = make_addition_items()
    assert ("10,100,000", "10,100,007") in shown
    assert ("ninety nine", "one hundred six") in shown
    assert len(asked) == 60
    shown, asked = make_sentence_items()
    assert shown[0] == ("1", "the next is 2")
    assert len(asked) == 60
    shown, asked = make_composition_items()
    assert len(shown) == 15
    assert all(y == x.split()[1].upper() for x, y in asked)
    assert draw_format_items(2, 6)[0][1].startswith("<")


def test_classes_keep_their_words_when_sentences_change() -> None:
    random = Random(5)
    classes = draw_classes(random, 3, 8, known=0.0)
    cues = {cue: label for label, cues in zip(classes.labels, classes.cues, strict=True) for cue in cues}
    before = list(classes.templates)
    classes.swap_templates(random)
    assert classes.templates != before
    for _ in range(100):
        text, label = classes.draw(random)
        assert any(found == label and cue in text for cue, found in cues.items())


@pytest.mark.parametrize("seed", range(6))
def test_halves_of_a_classification_share_no_example(seed: int) -> None:
    """What a simulated user asks is not what was shown, be it praise or a class of words."""
    random = Random(seed)
    feelings, topics = Sentiment(random), Topics(random)
    for each in (feelings, topics):
        shown = {each.task(0).draw_pair(random)[0] for _ in range(200)}
        asked = {each.task(1).draw_pair(random)[0] for _ in range(200)}
        assert len(shown & asked) < 0.1 * len(asked)


def test_words_by_class_are_in_the_list_of_their_label() -> None:
    telling = list_telling_words()
    assert all(len(words) >= 5 for words in telling.values())
    counts = Counter(word for words in telling.values() for word in words)
    assert max(counts.values()) <= 2
    assert "parcel" in telling["delivery"]
    random, seen = Random(4), Counter[str]()
    for _ in range(400):
        text, label = draw_word_class_task(random).draw_pair(random)
        words = set(text.replace("!", "").replace(",", "").split())
        seen["good" if words & set(POSITIVE) and label == "positive" else "other"] += 1
        assert not (label == "positive" and words & set(NEGATIVE) and not words & set(POSITIVE))
    assert seen["good"] > 20


def test_a_word_that_tells_a_topic_tells_one_and_is_not_the_evaluations() -> None:
    counts = Counter(word for words in TELLING_WORDS.values() for word in words)
    assert max(counts.values()) == 1
    assert min(map(len, TELLING_WORDS.values())) >= 8
    assert not {word for word in counts if word in RESERVED or word.rstrip("s") in RESERVED}
    for name, sentences in list_examples().items():
        for text in sentences[:20]:
            assert set(re.findall("[a-z]+", text)) & set(TELLING_WORDS[name])


def test_a_user_of_habits_shows_the_same_few_and_asks_about_others() -> None:
    habits = Habits(Random(2))
    assert len({habits.choice(range(1000)) for _ in range(500)}) <= 12
    assert {habits.choice("abc") for _ in range(100)} == set("abc")
    assert len({Habits(Random(seed)).choice(range(1000)) for seed in range(20)}) > 10
    assert [Habits(Random(2)).choice(TOWNS) for _ in range(2)] == [Habits(Random(2)).choice(TOWNS) for _ in range(2)]


def test_calls_are_json_of_declared_functions() -> None:
    random = Random(6)
    for _ in range(200):
        turns = draw_conversation(random)
        names = [line.split("(")[0] for line in turns[0][1].splitlines()[1:]]
        for role, text in turns:
            if role == "call":
                name, _, arguments = text.partition(" ")
                assert name in names
                assert isinstance(json.loads(arguments), dict)
            if role == "result":
                assert json.loads(text) is not None
    name, _, arguments = draw_call_task(random).draw_pair(random)[1].partition(" ")
    assert name
    assert isinstance(json.loads(arguments), dict)


def test_lists_are_written_again_word_for_word() -> None:
    random = Random(13)
    for _ in range(200):
        text, answer = draw_list_task(random).draw_pair(random)
        found = iter(re.findall(r"[^\W_]+", answer.lower()))
        assert all(word in found for word in re.findall(r"[^\W_]+", text.lower().replace(" and ", " "))), (text, answer)


@pytest.mark.parametrize("family", sorted(TALKS))
def test_answers_about_a_text_stand_in_it(family: str) -> None:
    random, talks, followed = Random(14), 0, 0
    while talks < 200:
        try:
            pairs = TALKS[family](random)
        except ValueError:  # a text that nothing can be asked about
            continue
        talks, followed = talks + 1, followed + len(pairs) - 1
        for _, answer in pairs:
            assert answer.lower() in pairs[0][0].lower()
    assert followed > 200


def test_answers_of_every_written_text_stand_in_it() -> None:
    random, texts = Random(16), Counter[str]()
    for _ in range(600):
        text, asked = draw_text(random)
        texts[re.sub(r"[A-Z0-9].*", "", text[1:])] += 1
        assert len(asked) >= 2
        for question, answer in asked:
            assert answer in text, (text, question)
    assert len(texts) > 10


def test_tickets_of_one_task_are_written_in_many_ways() -> None:
    random = Random(15)
    openings = {text.split()[0] for _ in range(60) for text, _ in [draw_ticket_task(random).draw_pair(random)]}
    assert len(openings) > 20


def test_images_and_sounds_have_the_readers_words() -> None:
    random = Random(7)
    text, properties = draw_image(random)
    size, shares, grid = text.strip("[]").split(" | ")
    assert size.startswith("image ")
    assert properties["size"] in size
    assert len(grid.replace(" / ", " ").split()) == 9
    assert shares.split()[0] == properties["main"]
    text, properties = draw_sound(random)
    assert text == f"[sound {properties['length']} {properties['loudness']} | {properties['pitch']}]"


def test_speakers_get_numbers_wherever_they_are_named() -> None:
    random = Random(10)
    talk = Dialogue(random, 4, True)
    tagged = talk.tagged("#Person{}#: ")
    assert [line[: len("#Person1#")] for line in tagged.splitlines()] == ["#Person1#", "#Person2#"] * 2
    assert not any(name in tagged for name in talk.names if name not in " ".join(talk.messages).replace(name, ""))


def test_pairs_by_heart_are_different() -> None:
    random = Random(11)
    for _ in range(100):
        pairs = draw_unrelated_pairs(random, 5)
        assert len({text for text, _ in pairs}) == len(pairs) >= 3
        assert all(answer for _, answer in pairs)


def test_the_filter_knows_letters_only() -> None:
    assert not is_clean("what a bastard")
    assert not is_clean("a mango tree")
    assert is_clean("a bunch of grapes and a manuscript")


@pytest.mark.slow
@pytest.mark.parametrize(("shares", "characters"), [(SHARES, 320), (LONG_SHARES, 1600)], ids=["narrow", "wide"])
def test_episodes_are_conversations(shares: dict[str, float], characters: int) -> None:
    """Every episode ends with a model turn, has no empty one, and is the same for the same seed."""
    random, again = Random(6), Random(6)
    for _ in range(600):
        episode = draw_episode(random, shares, characters)
        roles = [role for role, _ in episode.turns if role != "system"]
        assert roles[-1] in ("model", "call")
        assert "call" in roles or roles == ["user", "model"] * (len(roles) // 2) or episode.free
        assert all(text for _, text in episode.turns)
        assert episode == draw_episode(again, shares, characters)


@pytest.mark.parametrize("family", sorted(MAKERS))
@pytest.mark.parametrize("told", [False, True])
def test_every_family_makes_tasks(family: str, told: bool) -> None:
    random, made = Random(7), 0
    while made < 100:
        task = MAKERS[family](random, told)
        try:
            text, answer = task.draw_pair(random)
        except ValueError:
            continue
        made += 1
        assert text
        assert answer
