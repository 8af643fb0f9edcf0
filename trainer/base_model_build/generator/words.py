"""The generator's lexicon: topics, names, filler words, word pairs. The evaluation's cue words must stay out of it."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Final

TOPICS: Final = {
    line.split(":")[0]: line.split(":")[1].split()
    for line in """
accounts:invoice charge refund payment card bill receipt fee bank salary subscription discount
errors:crash error freeze broken slow login screen update fail bug hang reset
wishes:add option export support theme button dark language feature import menu setting
shipping:parcel delivery courier address late tracking box arrive warehouse postage package return
sports:match goal team player coach league tennis soccer race stadium referee score
food:recipe soup bread cheese dinner salad cook spice kitchen rice pasta sauce
technology:software laptop code server app data robot internet chip network keyboard printer
weather:rain storm sunny cloud wind snow forecast temperature fog heat thunder hail
travel:flight hotel airport ticket beach luggage passport tour island train visa cruise
music:song guitar band concert piano album singer drum melody violin choir trumpet
health:doctor medicine fever hospital pain vaccine diet sleep nurse surgery clinic headache
money:loan price tax budget profit stock interest coin cash wallet savings debt
animals:dog cat horse cow bird sheep lion tiger mouse rabbit monkey wolf
school:teacher student exam class lesson homework grade pencil math essay library college
family:mother father sister brother uncle aunt baby cousin wife son daughter grandmother
home:chair table lamp sofa bed carpet shelf curtain mirror pillow blanket drawer
clothes:shirt coat hat shoe dress sock jacket skirt scarf glove belt sweater
plants:tree flower grass leaf rose seed garden root bush moss branch forest
vehicles:car truck bus bicycle van taxi motorcycle tractor engine wheel brake garage
law:court judge lawyer trial police crime prison witness contract jury law sentence
art:painting museum artist brush sculpture gallery canvas drawing portrait sketch design color
body:arm leg head hand foot knee shoulder finger stomach elbow ankle neck
tools:hammer saw drill nail screw ladder rope wrench shovel axe pliers glue
space:planet star moon rocket orbit comet galaxy astronaut telescope satellite crater gravity
drinks:coffee tea juice milk beer wine water soda cocktail lemonade cider whisky
politics:election president vote senator party minister parliament policy debate mayor campaign law
film:movie actor director scene cinema script camera trailer comedy drama sequel studio
building:bridge tower house roof wall brick castle church cellar stairs concrete window
office:meeting desk report manager email deadline folder printer project team memo agenda
emotions:joy anger fear love hate hope pride shame envy grief calm worry
""".strip().splitlines()
}
PRAISE: Final = (
    "good great excellent wonderful amazing lovely fantastic perfect nice delicious brilliant superb friendly helpful"
).split()
BLAME: Final = (
    "bad terrible awful horrible poor boring disappointing ugly rude useless dreadful annoying dirty cold"
).split()
NEUTRAL: Final = "average ordinary okay fine normal standard usual typical plain common regular medium".split()
REVIEWED: Final = (
    "movie book food service hotel phone room staff product game song show restaurant trip app battery".split()
)
NAMES: Final = (
    "Anna Bob Carla David Emma Felix Grace Hugo Iris Jack Kate Leo Maria Nina Oscar Paula Quinn Rosa Sam Tina Victor "
    "Wendy Yuri Zoe Alice Ben Clara Daniel Eva Frank"
).split()
CITIES: Final = (
    "Lisbon Rome Paris Berlin Madrid Tokyo London Oslo Vienna Cairo Lima Boston Dublin Prague Athens Delhi Seoul Miami "
    "Porto Milan"
).split()
COLORS: Final = "red blue green black white yellow purple orange pink brown gray silver".split()
JOBS: Final = "doctor teacher farmer pilot baker nurse driver painter lawyer writer cook student".split()
THINGS: Final = (
    "lamp chair book phone table car bike shirt bag cup clock door plant shoe pen box key map ring hat coat desk "
    "bottle camera ticket"
).split()
VERBS: Final = (
    "walk talk jump play open close clean paint help visit watch cook wash call move start finish need want like"
).split()
FILLERS: Final = (
    "hi hello my the please we our see can you check about with and also it is was a an question problem order since "
    "today again help need dear thanks for look at on in to i this that from have there not very just now they her "
    "his still could would when after new some any get got has what why how which where who"
).split()
LABELS: Final = (
    "yes no red blue alpha beta left right up down spam ham urgent normal low high one two A B C D X Y Z 0 1 2 "
    "type1 type2 other news important trivial question complaint praise team1 team2 true false"
).split() + list(TOPICS)
SEQUENCES: Final = {
    "days": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "days_portuguese": "segunda terça quarta quinta sexta sábado domingo".split(),
    "days_spanish": "lunes martes miércoles jueves viernes sábado domingo".split(),
    "days_french": "lundi mardi mercredi jeudi vendredi samedi dimanche".split(),
    "days_german": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag".split(),
    "months": "January February March April May June July August September October November December".split(),
    "months_short": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),
    "months_spanish": (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
    ).split(),
    "letters": list("abcdefghijklmnopqrstuvwxyz"),
    "capitals": list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "ordinals": "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(),
    "seasons": "spring summer autumn winter".split(),
}
OPPOSITES: Final = [
    pair.split("/")
    for pair in (
        "hot/cold big/small up/down left/right open/closed fast/slow happy/sad old/new day/night rich/poor hard/soft "
        "light/dark full/empty early/late strong/weak high/low near/far thick/thin clean/dirty young/old true/false "
        "yes/no in/out first/last"
    ).split()
]
CAPITALS: Final = [
    pair.split("/")
    for pair in (
        "France/Paris Spain/Madrid Italy/Rome Germany/Berlin Portugal/Lisbon Japan/Tokyo Egypt/Cairo Norway/Oslo "
        "Greece/Athens Peru/Lima Ireland/Dublin Austria/Vienna India/Delhi England/London Brazil/Brasilia "
        "China/Beijing Russia/Moscow Chile/Santiago Cuba/Havana"
    ).split()
]
TRANSLATIONS: Final = {
    "Portuguese": (
        "red/vermelho blue/azul green/verde black/preto white/branco book/livro house/casa dog/cachorro cat/gato "
        "water/água bread/pão day/dia night/noite sun/sol table/mesa door/porta good/bom bad/ruim big/grande "
        "small/pequeno hello/olá thanks/obrigado"
    ),
    "Spanish": (
        "red/rojo blue/azul green/verde black/negro white/blanco book/libro house/casa dog/perro cat/gato water/agua "
        "bread/pan day/día night/noche sun/sol table/mesa door/puerta good/bueno bad/malo big/grande small/pequeño "
        "hello/hola thanks/gracias"
    ),
    "French": (
        "red/rouge blue/bleu green/vert black/noir white/blanc book/livre house/maison dog/chien cat/chat water/eau "
        "bread/pain day/jour night/nuit sun/soleil table/table door/porte good/bon bad/mauvais big/grand small/petit "
        "hello/bonjour thanks/merci"
    ),
}
SYLLABLES: Final = (
    "ba be bi bo ca ce co da de di do fa fe fi go ha he ja ka ke la le li lo ma me mi mo na ne no pa pe pi po ra re ri "
    "ro sa se si so ta te ti to va ve vi za zo n r s l t an el or in um ack ing est qu sh ch wh"
).split()
VOCABULARY: Final = tuple(
    sorted(
        {word for words in TOPICS.values() for word in words}
        | {word.lower() for word in NAMES + CITIES}
        | set(PRAISE + BLAME + NEUTRAL + REVIEWED + COLORS + JOBS + THINGS + VERBS)
        | {word for pair in OPPOSITES for word in pair}
    )
)
"""Every content word, lower case, sorted."""
_KNOWN: Final = frozenset(VOCABULARY)


RESERVED: Final = frozenset(
    (
        "fruit metal sea mango kiwi peach lemon cherry papaya fig melon copper zinc iron nickel lead tin cobalt steel "
        "whale coral shark reef squid kelp wave tide okafor brandt novak rossi haddad silva moreau jansen kowalski"
    ).split()
)
"""Words of the evaluation: no word of the lexicon, imitated or invented, is one of them."""


@cache
def _list_followers() -> dict[str, str]:
    """Two letters -> every letter that follows them in the lexicon, as often as it does; a space ends a word."""
    followers: dict[str, str] = {}
    for word in VOCABULARY:
        for index, letter in enumerate(f"{word} "):
            before = f"  {word}"[index : index + 2]
            followers[before] = followers.get(before, "") + letter
    return followers


def imitate_word(random: Random) -> str:
    """A word of three to nine letters that follow one another as in the lexicon, and that is in no list."""
    while True:
        word = "  "
        while not word.endswith(" ") or len(word) == 2:
            word += random.choice(_list_followers()[word[-2:]])
        word = word.strip()
        if 3 <= len(word) <= 9 and word not in RESERVED and word not in _KNOWN:
            return word


def invent_word(random: Random) -> str:
    """A pronounceable word that means nothing: two to four syllables, and none of the evaluation's words."""
    while True:
        word = "".join(random.choice(SYLLABLES) for _ in range(random.randint(2, 4)))
        if word not in RESERVED and word.rstrip("s") not in RESERVED:
            return word


def draw_word(random: Random) -> str:
    """A word of the vocabulary, three in ten invented."""
    return random.choice(VOCABULARY) if random.random() < 0.7 else invent_word(random)


def draw_phrase(random: Random, fewest: int, most: int) -> str:
    """Words in a row, in lower case, sentence case with or without a mark, or title case."""
    text = " ".join(draw_word(random) for _ in range(random.randint(fewest, most)))
    style = random.random()
    if style < 0.5:
        return text
    if style < 0.9:
        return text.capitalize() + (random.choice(".!?") if style >= 0.7 else "")
    return text.title()
