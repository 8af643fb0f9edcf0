"""The generator: answers are right, and what the evaluation asks is never generated."""

from __future__ import annotations

from random import Random

import pytest

from base_model_build.classification import SENTENCES, draw_classes
from base_model_build.items import (
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
from base_model_build.meta import PLANS
from base_model_build.mixture import FAMILIES, NARROW, SPELLED_FAMILIES, Mixture
from base_model_build.numbers import (
    FORMS,
    draw_magnitude,
    spell_english,
    spell_french,
    spell_german,
    spell_portuguese,
    spell_spanish,
    write_roman,
)
from base_model_build.recipes import RECIPES
from base_model_build.spelling import draw_addend, draw_composed_task
from base_model_build.tasks import (
    DOCUMENTED_PAIRS,
    Task,
    answer_number,
    draw_frame,
    is_held_out,
    list_codes,
    make_number_task,
    wrap_task,
)
from base_model_build.words import FILLERS, RESERVED, VOCABULARY, imitate_word


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
    assert (spell_portuguese(22), spell_spanish(35), spell_french(17)) == (
        "vinte e dois",
        "treinta y cinco",
        "dix-sept",
    )
    assert (spell_german(21), spell_german(30)) == ("einundzwanzig", "dreißig")


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
    task = make_number_task("successor", ("digits", "grouped", "words"), 1.0)
    random = Random(3)
    asked = {x for items in draw_number_items("successor", FORM_COUNTS).values() for x, _ in items}
    for each in (task, wrap_task(task, draw_frame(random))):
        drawn = {each.draw_pair(random)[0] for _ in range(5000)}
        assert not any(is_held_out("successor", text) for text in drawn)
        assert not drawn & asked


def test_guarded_tasks_never_answer_a_documented_number_by_itself() -> None:
    random, documented = Random(8), {text for pair in DOCUMENTED_PAIRS for text in pair}
    for name in ("copy", "reverse"):
        task = make_number_task(name, ("digits", "words"), 0.0, guarded=True)
        pairs = [task.draw_pair(random) for _ in range(2000)]
        assert not any(x == y and x in documented for x, y in pairs)
        assert any(x == y for x, y in pairs)


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
def test_tasks_in_no_mixture_are_not_generated() -> None:
    """n + 7, its sentence and the composition never appear, neither in episodes nor in meta-tuning."""
    assert "plus7" not in list_codes()
    random, mixture = Random(4), Mixture(guarded=True, top=1.5)
    texts = [text for _ in range(3000) for role, text in mixture.draw_episode(random, 1.0).turns if role != "user"]
    spelled = RECIPES["spelled"].mixture
    texts += [text for _ in range(3000) for role, text in spelled.draw_episode(random, 1.5).turns if role != "user"]
    for plan in PLANS["wide"] + PLANS["tuned"] + PLANS["spelled"]:
        for _ in range(30):
            job = plan.draw(random, mixture, 15)
            texts += [y for _, y in job.shown + job.asked]
    assert not any("Add 7." in text or "Add seven." in text or "the next is" in text for text in texts)


def test_the_evaluations_composition_is_in_no_task_of_words() -> None:
    """The second word in upper case: not by that name, nor as the last of two or the last but one of three."""
    random, drawn = Random(8), 0
    for _ in range(3000):
        task = draw_composed_task(random)
        if "upper case" not in task.name:
            continue
        for _ in range(5):
            words, answer = task.draw_pair(random)
            drawn += 1
            assert (
                len(words.split()) == 1
                or answer != words.split()[1].upper()
                or words.split()[1] in (words.split()[:1] + words.split()[2:])
            ), (task.name, words)
    assert drawn > 500


def test_imitated_words_and_addends_leave_out_the_evaluations() -> None:
    """No imitated word is one of the evaluation's, whose words are all reserved; no addend ends in seven."""
    random = Random(9)
    asked = {word for words in CLASS_CUES.values() for word in words} | set(CLASS_CUES)
    assert {*asked, *(name.lower() for name in SURNAMES)} - {"lima"} <= RESERVED
    words = {imitate_word(random) for _ in range(20_000)}
    assert not words & (RESERVED | set(VOCABULARY))
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


@pytest.mark.parametrize("mixture", [Mixture(), Mixture(tuple(NARROW.items()), narrow=True)], ids=["wide", "narrow"])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_episodes_are_conversations(mixture: Mixture, level: float) -> None:
    """Every episode ends with a model turn, alternates, and is the same for the same seed."""
    random, again = Random(6), Random(6)
    for _ in range(400):
        episode = mixture.draw_episode(random, level)
        roles = [role for role, _ in episode.turns if role != "system"]
        assert roles == ["user", "model"] * (len(roles) // 2)
        assert all(text for _, text in episode.turns)
        assert episode == mixture.draw_episode(again, level)


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() | SPELLED_FAMILIES.keys()))
def test_every_family_makes_tasks(family: str) -> None:
    random, mixture = Random(7), Mixture(((family, 1.0),))
    for _ in range(150):
        task = mixture.draw_task(random, True, 1.0)
        assert task.instructions
        text, answer = task.draw_pair(random)
        assert text
        assert answer
