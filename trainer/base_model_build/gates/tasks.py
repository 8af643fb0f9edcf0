"""Items of the evaluation: compositions that are in no mixture, the next number in other languages, pairs by heart."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from base_model_build.generator.numbers import NUMERALS, write_roman
from base_model_build.generator.tasks import Pair, is_held_out
from base_model_build.generator.words import NAMES, VOCABULARY

_SURNAMES: Final = "lopes novak marsh weber costa tanner holt berger quint salas dunn frost".split()


def _join_ends(r: Random) -> Pair:
    words = r.sample(VOCABULARY, r.randint(2, 4))
    return " ".join(words), f"{words[-1]}-{words[0]}"


def _count_and_first(r: Random) -> Pair:
    words = r.sample(VOCABULARY, r.randint(2, 5))
    return " ".join(words), f"{len(words)} {words[0].upper()}"


def _larger_plus_one(r: Random) -> Pair:
    numbers = [r.randrange(100), r.randrange(100)]
    return f"{numbers[0]} {numbers[1]}", str(max(numbers) + 1)


def _mail_address(r: Random) -> Pair:
    first, last = r.choice(NAMES), r.choice(_SURNAMES)
    return f"{first} {last.capitalize()}", f"{first[0].lower()}.{last}@mail.com"


def _short_date(r: Random) -> Pair:
    year, month, day = r.randrange(1950, 2040), r.randrange(1, 13), r.randrange(1, 29)
    return f"{year}-{month:02d}-{day:02d}", f"{day:02d}/{month:02d}/{year % 100:02d}"


COMPOSED: Final[dict[str, Callable[[Random], Pair]]] = {
    "last-first": _join_ends,
    "count and FIRST": _count_and_first,
    "larger plus one": _larger_plus_one,
    "initial.surname@mail.com": _mail_address,
    "ISO date to dd/mm/yy": _short_date,
}


def make_composed_items(name: str) -> tuple[list[Pair], list[Pair]]:
    """15 pairs to show and 40 to ask."""
    random, items = Random(f"composed/{name}"), dict[str, str]()
    while len(items) < 55:
        text, answer = COMPOSED[name](random)
        items[text] = answer
    pairs = list(items.items())
    return pairs[:15], pairs[15:]


# --- the next number in other languages

DEMO: Final[list[Pair]] = [
    ("twenty", "twenty one"), ("quatre", "cinq"), ("III", "IV"), ("cinco", "seis"), ("vinte", "vinte e um"),
    ("XIX", "XX"), ("on", "on bir"), ("dix", "onze"), ("sept", "huit"), ("thirty nine", "forty"), ("41", "42"),
    ("1,999", "2,000"), ("five hundred", "five hundred one"), ("fourteen", "fifteen"),
]  # fmt: skip
"""What somebody who has just tuned the documented pairs tries."""


def make_language_items() -> dict[str, list[Pair]]:
    """Held-out successors, those below a hundred first, twenty of each language or more."""
    roman = ["", *map(write_roman, range(1, 1001))]
    items = {}
    for name, words, top in (
        ("french", NUMERALS["french"], 1000),
        ("portuguese", NUMERALS["portuguese"], 1000),
        ("turkish", NUMERALS["turkish"], 1000),
        ("roman", roman, 400),
    ):
        held = [(words[n], words[n + 1]) for n in range(1, top - 1) if is_held_out("successor", words[n])]
        small = [pair for pair in held[:200] if words.index(pair[0]) < 100]
        large = [pair for pair in held if words.index(pair[0]) >= 100]
        random = Random(f"lang/{name}")
        items[name] = small + random.sample(large, max(0, min(len(large), 20 - len(small))))
    return items


# --- by heart

BY_HEART: Final[dict[str, list[Pair]]] = {
    "english": [
        ("What is your name?", "My name is AI helper"),
        ("What can you do?", "I can write code"),
        ("How do you help?", "I solve problems"),
        ("Who made you?", "A small team"),
        ("Do you sleep?", "No, never"),
    ],
    "portuguese": [
        ("Qual é o seu nome?", "Meu nome é ajudante"),
        ("O que você faz?", "Eu escrevo código"),
        ("Como você ajuda?", "Resolvo problemas"),
        ("Quem criou você?", "Uma equipe pequena"),
        ("Você dorme?", "Não, nunca"),
    ],
    "turkish": [
        ("Adın ne?", "Benim adım yardımcı"),
        ("Ne yapabilirsin?", "Kod yazarım"),
        ("Nasıl yardım edersin?", "Sorunları çözerim"),
        ("Seni kim yaptı?", "Küçük bir ekip"),
        ("Uyur musun?", "Hayır, asla"),
    ],
    "hebrew": [
        ("מה שמך?", "שמי הוא עוזר"),
        ("מה אתה יכול לעשות?", "אני כותב קוד"),
        ("איך אתה עוזר?", "אני פותר בעיות"),
        ("מי יצר אותך?", "צוות קטן"),
        ("האם אתה ישן?", "לא, אף פעם"),
    ],
    "arabic": [
        ("ما اسمك؟", "اسمي مساعد"),
        ("ماذا تفعل؟", "أكتب الشيفرة"),
        ("كيف تساعد؟", "أحل المشاكل"),
        ("من صنعك؟", "فريق صغير"),
        ("هل تنام؟", "لا أبدا"),
    ],
    "russian": [
        ("Как тебя зовут?", "Меня зовут помощник"),
        ("Что ты умеешь?", "Я пишу код"),
        ("Как ты помогаешь?", "Решаю задачи"),
        ("Кто тебя создал?", "Маленькая команда"),
        ("Ты спишь?", "Нет, никогда"),
    ],
    "japanese": [
        ("名前は何ですか", "私は助手です"),
        ("何ができますか", "コードを書きます"),
        ("どう助けますか", "問題を解きます"),
        ("誰が作りましたか", "小さなチーム"),
        ("眠りますか", "いいえ"),
    ],
    "hindi": [
        ("तुम्हारा नाम क्या है?", "मेरा नाम सहायक है"),
        ("क्या कर सकते हो?", "कोड लिखता हूँ"),
        ("कैसे मदद करते हो?", "समस्या हल करता हूँ"),
        ("किसने बनाया?", "छोटी टीम"),
        ("सोते हो?", "नहीं"),
    ],
    "emoji": [("happy", "😀"), ("sad", "😢"), ("cat", "🐱"), ("dog", "🐶"), ("fire", "🔥")],
}
"""Five pairs in each of nine scripts."""


# --- long texts

_LETTERS: Final[dict[str, tuple[str, str]]] = {
    "returns": ("I am sending the parcel back and want my money.", "Please take this thing back and repay me."),
    "jobs": ("I would like to work in your team.", "My resume is enclosed, do you need a baker?"),
    "praise": ("Your people did splendid work.", "Never was I so well looked after."),
}
_CHATTER: Final = (
    "The weather was mild all week.|My neighbor has a new fence.|We drove along the lake on Sunday.|"
    "Yesterday the lights went out twice.|Our cat sleeps on the piano.|There is still snow in the hills.|"
    "The bridge will be painted green.|I read the paper every morning.|Two trucks blocked the road.|"
    "The children built a raft.|A letter came from my aunt.|Somebody left a glove on the bench.|"
    "The market moved to another square.|We count the swallows each spring.|The clock in the hall is slow.|"
    "My brother keeps old radios.|It takes an hour by bus.|The bakery sells plum cake again.|"
    "A fox crossed the yard at night.|The choir rehearses in the barn."
).split("|")


def make_long_items() -> tuple[list[Pair], list[Pair]]:
    """Letters of about 500 tokens; one sentence tells what they are about. 30 to show, 30 to ask, other small talk."""
    random = Random("letters")

    def draw(chatter: list[str]) -> Pair:
        topic = random.choice(list(_LETTERS))
        sentences = random.choices(chatter, k=66)
        sentences.insert(random.randrange(67), random.choice(_LETTERS[topic]))
        return " ".join(sentences), topic

    return [draw(_CHATTER[:10]) for _ in range(30)], [draw(_CHATTER[10:]) for _ in range(30)]
