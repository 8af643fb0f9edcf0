"""Sentences as people write them: praise and blame in whole reviews, and what is said about forty topics.

Written for the generator; ``audit.py`` looks for four words in a row that a sentence of the evaluation has too.
"""

from __future__ import annotations

import re
from functools import cache
from random import Random
from typing import Final

from base_model_build.generator.lexicon import UTTERANCES
from base_model_build.generator.phrases import SUBJECTS, THING_SENTENCES
from base_model_build.generator.tasks import Pair, Task
from base_model_build.generator.topic_words import TELLING_WORDS
from base_model_build.generator.topics import draw_labels, make_label_task, split_half

GLAD: Final = (
    "Absolutely thrilled with this {s}.|Could not ask for a better {s}.|Our new {s} is a delight.|"
    "A real pleasure from beginning to end.|The crew was cheerful and quick.|She went above and beyond for us.|"
    "Crisp, bright and easy on the eyes.|Sturdy, light and well made.|I smile each time I see it.|"
    "He answered all my questions with patience.|The dessert was heavenly.|Juicy burgers and crunchy fries.|"
    "Spotless bathroom, fluffy towels.|My back has stopped hurting since we got the {s}.|"
    "It paid for itself in a month.|Such a thoughtful host!|They replaced it without asking for anything.|"
    "Quiet, roomy and very cosy.|Brilliant idea, brilliant {s}.|The acting was moving and honest.|"
    "A page turner, I finished it in one night.|Our kids keep begging to go back.|Setup took two minutes.|"
    "It charges fast and never gets warm.|Lovely people, lovely food.|Solid quality for little money.|"
    "I was sceptical, but it won me over.|The sound is rich and clear.|Delivered a day early and neatly wrapped.|"
    "An honest mechanic at last.|Her voice gave me goosebumps.|I recommend the {s} with all my heart.|"
    "The beach was clean and calm.|Top marks for the {s}.|Friendly faces everywhere.|A warm welcome and a hot tea.|"
    "My skin feels smooth and fresh.|The colours are gorgeous.|We danced until dawn.|It saved our holiday.|"
    "Clever design, everything is within reach.|The nurse was gentle and calm.|What an inspiring speech.|"
    "He kept his word.|Fresh fish, fair bill.|A charming old house with friendly owners.|"
    "This {s} exceeds all my hopes.|Simply superb.|I have bought three more as presents.|"
    "They fixed the leak in no time.|A marvellous sunset over the bay.|The puppy loves his new bed.|"
    "It does what it promises, and more.|Generous portions and tasty bread.|I feel safe and strong again.|"
    "Works flawlessly since day one.|Hilarious from the first scene to the last.|The teacher makes maths fun.|"
    "Comfortable even after ten hours.|A wonderful gift for my mother.|Prompt reply, clear advice.|"
    "The garden smells of roses.|I adore the tiny pockets.|Best decision we made this year.|"
    "The team handled it like pros.|Sleek, fast and reliable.|Our wedding was perfect thanks to them.|"
    "He remembered my name.|An outstanding {s} at a modest price.|I finally sleep through the night.|"
    "The soup warmed my soul.|They treat you like family.|Elegant, soft and true to size.|Easy parking and no queue.|"
    "The update fixed every bug I had.|It glides over the carpet.|Such a relief to find a {s} that lasts.|"
    "Two thumbs up!|Bravo to the whole orchestra.|The pool was warm and the kids were happy.|"
    "She listens and she cares.|My phone survived the fall thanks to the case.|A fantastic evening with old friends.|"
    "Excellent grip in snow.|Great fun for the whole family.|I am grateful for their support.|"
    "The pie tasted like my grandma's.|Superb value.|Clear instructions, nice packaging.|"
    "The driver was careful and kind.|It looks stunning on our wall.|Every cent was well spent.|"
    "I passed my exam because of this {s}.|A calm place to read and think.|The barber knew just what I wanted.|"
    "Cured my headache within minutes.|He apologised and made it right.|Ten out of ten.|"
    "The view took my breath away.|The staff remembered our anniversary, how sweet.|A joy to drive.|"
    "Tasty, cheap and quick.|We felt at home at once.|Nothing to improve.|"
    "You made our day, thank you!|The best birthday in years.|What a talented band.|"
    "I can breathe again, wonderful treatment.|It is worth twice the price.|Soft pillows and a peaceful night.|"
    "The pasta was divine.|He went out with a smile and so did we.|The lesson was lively and clear.|"
    "Honest, quick and affordable.|My husband is crazy about it.|Never had a smoother flight.|"
    "It arrived safe and sound.|The rooms are bright and spacious.|We had a blast.|I fell in love with the place.|"
    "So refreshing and light.|The waiter was attentive and charming.|I trust them completely.|"
    "It makes cooking a pleasure.|A masterpiece from the first page.|The dog wagged its tail all day.|"
    "They upgraded us for free, amazing.|I could listen to her for hours.|A lifesaver for busy parents.|"
    "Good news and kind words.|Thanks to you I can walk again.|The colors shine and the print is sharp.|"
    "Quick to install and simple to use.|It tastes fresh and natural.|Our team won and everybody cheered.|"
    "Beautifully made, I treasure it.|We are blessed to have such neighbors.|Deserves every award.|"
    "I was pleasantly surprised.|The whole trip was magical.|Gentle on my skin and smells lovely."
).split("|")
"""Praise, with holes for a subject."""

ANGRY: Final = (
    "Absolutely disgusted with this {s}.|Could not imagine a worse {s}.|Our new {s} is junk.|"
    "A headache from beginning to end.|The crew was sullen and slow.|She rolled her eyes and walked off.|"
    "Blurry, dim and hard on the eyes.|Flimsy, heavy and badly made.|I curse each time I see it.|"
    "He hung up on me twice.|The dessert was sour.|Soggy burgers and greasy fries.|Hair in the sink, stained towels.|"
    "My neck aches since we got the {s}.|It broke before the month was over.|Such a careless host!|"
    "They blamed me and kept my money.|Loud, cramped and freezing.|Lousy idea, lousy {s}.|The acting was wooden.|"
    "I fell asleep over it.|Our kids cried to go home.|Setup took four hours and still fails.|"
    "It overheats and never charges fully.|Grumpy people, bland food.|Shoddy quality for a lot of money.|"
    "I had high hopes and was let down.|The sound is tinny and full of hiss.|Delivered a month late, in pieces.|"
    "A crooked mechanic who cheats.|Her voice gave me a headache.|I warn everyone about the {s}.|"
    "The beach was full of trash.|Zero marks for the {s}.|Angry faces everywhere.|A cold stare and a lukewarm tea.|"
    "My skin is red and itchy.|The colours are hideous.|We left before midnight, bored stiff.|"
    "It spoiled our holiday.|Clumsy design, nothing fits.|The nurse was rough and snappy.|What a pointless speech.|"
    "He broke his word.|Rotten fish, huge bill.|A shabby house with hostile owners.|"
    "This {s} falls short in every way.|Simply dreadful.|I have thrown it in the bin.|They made the leak worse.|"
    "Fog, rain and a filthy bay.|The puppy is afraid of it.|It does not do what it promises.|"
    "Tiny portions and stale bread.|I feel weak and dizzy.|Crashed on day one and ever since.|Painfully unfunny.|"
    "The teacher yells at everybody.|Sore feet after ten minutes.|An embarrassing gift.|No reply, no refund.|"
    "The garden reeks of sewage.|I detest the tiny pockets.|Worst decision we made this year.|"
    "The team lost my documents.|Slow, buggy and unreliable.|Our wedding was ruined by them.|"
    "He got my name wrong five times.|A mediocre {s} at an outrageous price.|I lie awake because of the noise.|"
    "The soup made us ill.|They treat you like dirt.|Scratchy, shapeless and two sizes too small.|"
    "No parking and an endless queue.|The update deleted my photos.|It scratches the floor.|"
    "Such a pity that the {s} died so soon.|Two thumbs down!|Shame on the whole crew.|"
    "The pool was freezing and full of leaves.|She interrupts and never listens.|"
    "My phone broke in spite of the case.|A horrible evening with awful music.|No grip in snow, we skidded.|"
    "A nightmare for the whole family.|I am furious about their silence.|The pie tasted like cardboard.|"
    "Overpriced rubbish.|Missing screws, torn packaging.|The driver raced and swore.|It looks hideous on our wall.|"
    "Every cent was wasted.|I failed my exam because of this {s}.|A noisy place that stinks.|"
    "The barber ruined my hair.|Gave me a rash within minutes.|He lied and blamed others.|Zero out of ten.|"
    "The smell made me gag.|The staff forgot us for an hour, how insulting.|A pain to drive.|"
    "Tasteless, pricey and slow.|We felt unwanted at once.|Nothing works as it should.|"
    "You spoiled our day, no thanks!|The worst birthday in years.|What a talentless band.|"
    "I got sicker, careless treatment.|It is not worth half the price.|Lumpy pillows and a sleepless night.|"
    "The pasta was mushy.|He slammed the door in our faces.|The lesson was chaotic and dull.|"
    "Dishonest, slow and overpriced.|My husband is sick of it.|Never had a rougher flight.|"
    "It arrived cracked and dented.|The rooms are tiny and smell of mold.|We were miserable.|I ran from the place.|"
    "So bitter and watery.|The waiter was snooty and forgetful.|I do not trust them at all.|"
    "It makes cooking a torment.|A disaster from the first page.|The dog whined all day.|"
    "They overcharged us, outrageous.|I could not stand her voice.|A burden for busy parents.|"
    "Bad news and harsh words.|Because of you I limp.|The colors bleed and the print is blurred.|"
    "Hard to install and confusing to use.|It tastes artificial and old.|Our team was robbed and everybody booed.|"
    "Poorly made, I threw it away.|We are cursed with such neighbors.|Deserves to be closed down.|"
    "I was unpleasantly surprised.|The whole trip was a fiasco.|Burned my skin and smells of chemicals."
).split("|")
"""Blame, with holes for a subject."""

TOPICS: Final[dict[str, list[str]]] = {
    "cooking": (
        "melt the butter in a pan|the stew simmers for an hour|add a spoon of mustard|the dough has to rest|"
        "she peels a clove of garlic|fry the bacon until crisp|grate some cheese over it|this jam is too sweet|"
        "drain the pasta|season it with thyme|the pancakes are golden|toast two slices"
    ).split("|"),
    "football": (
        "the midfielder passed to the left|a corner in the last minute|he missed an open goal|the defense was asleep|"
        "extra time and penalties|the club fired its coach|she headed it into the net|a foul near the box|"
        "the fans waved scarves|offside again|the pitch was muddy|two players got a yellow card"
    ).split("|"),
    "fitness": (
        "ten push ups each morning|she stretches before a run|my trainer counts the squats|lift with your legs|"
        "the treadmill is taken|sore muscles after yoga|he swims forty lengths|a gym with saunas|"
        "drink water between sets|jogging in the park|her pulse was high|a mat for pilates"
    ).split("|"),
    "computing": (
        "the laptop needs more memory|save your work before the update|the cursor does not move|"
        "a folder full of backups|install the driver first|the program throws an exception|clear the cache|"
        "the hard drive clicks|compile it again|the network is unreachable|press escape to quit|"
        "copy the text to the clipboard"
    ).split("|"),
    "internet": (
        "the page takes ages to load|sign up with your address|he posts a video each day|a link that goes nowhere|"
        "our router lost the signal|too many cookies and pop ups|the forum was closed|search for it online|"
        "block that spammer|her blog has readers|the stream keeps buffering|log out everywhere"
    ).split("|"),
    "phones": (
        "my battery is at two percent|he never picks up|send me a text|the ringtone is annoying|swipe to unlock|"
        "no signal in the tunnel|the call was cut off|charge it overnight|her number has changed|a cracked display|"
        "turn on airplane mode|leave a voicemail"
    ).split("|"),
    "travel": (
        "our cabin was near the pier|the border guard stamped it|pack a toothbrush|we hiked through the valley|"
        "check in opens at two|a map of the old town|the coach to the coast|they missed their connection|"
        "lost luggage again|a room with a balcony|the embassy issued papers|how long is the layover"
    ).split("|"),
    "cars": (
        "the brakes squeal|change the tyres before winter|he scraped the bumper|the engine will not turn over|"
        "fill up the tank|a dent in the door|my license has expired|she parked in reverse|the clutch slips|"
        "put on your seat belt|oil drips from below|the wipers are worn"
    ).split("|"),
    "trains": (
        "mind the gap|the express was cancelled|platform four, track two|a seat by the aisle|"
        "the conductor punched my card|rails covered with leaves|change at the next stop|the dining car is shut|"
        "signals failed on the line|we rode in the last wagon|a season ticket|the tunnel is closed"
    ).split("|"),
    "weather": (
        "clouds over the hills|it drizzled all day|a gust broke the umbrella|frost on the windshield|"
        "the heat goes on and on|lightning struck the barn|fog along the river|ten degrees below zero|"
        "hail ruined the crops|a clear blue sky|the snow melts|expect showers at noon"
    ).split("|"),
    "garden": (
        "prune the roses|the weeds are back|dig a hole for the shrub|water the lettuce|snails ate the leaves|"
        "rake the lawn|plant the bulbs in autumn|compost keeps the soil rich|the hedge needs trimming|"
        "a greenhouse for tomatoes|seeds in small pots|the apple tree blossoms"
    ).split("|"),
    "animals": (
        "the foal stood up|a hedgehog under the leaves|the parrot mimics him|wolves howled in the woods|"
        "her hamster escaped|the cow gave birth|feed the ducks|a nest with five eggs|the vet clipped its claws|"
        "bats sleep in the attic|our dog chased a squirrel|the zoo has otters"
    ).split("|"),
    "health": (
        "take one pill after meals|my throat is sore|the wound has healed|she sprained her ankle|a rash on both arms|"
        "the surgeon was calm|his blood pressure is high|cough syrup for the child|an x ray of the lung|"
        "the clinic is full|allergic to pollen|the dentist pulled a tooth"
    ).split("|"),
    "school": (
        "the bell rang for break|chalk on the blackboard|she forgot her homework|a test on fractions|"
        "the pupils read aloud|detention for being late|an essay of two pages|our principal retired|"
        "learn the poem by heart|pencils and a ruler|summer holidays begin|he repeats the grade"
    ).split("|"),
    "science": (
        "the telescope found a comet|acid turns the paper red|cells divide|measure the voltage|a theory of gravity|"
        "the probe landed on mars|fossils in the rock|the laboratory mice|an atom has a nucleus|plot the data|"
        "the experiment failed|electrons orbit"
    ).split("|"),
    "money": (
        "the rent is due|he saves for a house|interest rates rise|pay in cash|the stock fell by half|"
        "a loan from the bank|my wallet is empty|taxes went up|split the costs|she invests in bonds|"
        "an account with no fees|the budget is tight"
    ).split("|"),
    "shopping": (
        "the shirt was on sale|a long line at the checkout|do you have it in medium|return it with the receipt|"
        "the mall closes early|two for the price of one|my cart is full|fitting rooms upstairs|a coupon for shoes|"
        "the shelf was empty|wrap it as a gift|the cashier was new"
    ).split("|"),
    "clothes": (
        "the zipper is stuck|a wool sweater|press the collar|these jeans shrank|sew on a button|her dress has pockets|"
        "a scarf and gloves|the hem came loose|leather boots|socks with holes|hang up your coat|the sleeves are long"
    ).split("|"),
    "home": (
        "the sink is clogged|paint the ceiling white|a creaking stair|move the couch|the carpet needs cleaning|"
        "curtains for the bedroom|the roof leaks|a key under the mat|dust on the shelves|the lamp flickers|"
        "new tiles in the bath|vacuum the hall"
    ).split("|"),
    "tools": (
        "hand me the pliers|a rusty saw|hammer the nail in|the drill bit broke|tighten the bolt|sand the edges|"
        "a ladder against the wall|glue both halves|measure twice|the wrench is too big|screws of brass|"
        "a box full of nuts"
    ).split("|"),
    "work": (
        "the meeting ran long|she got promoted|he handed in his notice|the deadline is friday|our department moved|"
        "an interview at ten|overtime again|the intern makes copies|sign the contract|my boss is abroad|"
        "a raise next year|the office is quiet"
    ).split("|"),
    "law": (
        "the judge read the verdict|he pleaded guilty|a witness was heard|the suspect fled|her lawyer objected|"
        "sentenced to five years|the jury could not agree|police searched the flat|a fine for speeding|"
        "the thief was caught|evidence went missing|bail was denied"
    ).split("|"),
    "politics": (
        "the minister resigned|votes are being counted|parliament passed the bill|a debate on tax reform|"
        "the mayor cut the ribbon|protesters filled the square|the treaty was signed|an election in spring|"
        "her party lost seats|the president spoke|the council voted no|a scandal in the cabinet"
    ).split("|"),
    "war": (
        "troops crossed the river|the soldiers dug trenches|a ceasefire was agreed|the general gave orders|"
        "tanks on the road|bombs hit the harbor|the siege lasted months|medals for the veterans|the enemy withdrew|"
        "refugees fled north|an army of thousands|the fort was stormed"
    ).split("|"),
    "music": (
        "tune the guitar|the choir hit a high note|drums and bass|her third album|a song stuck in my head|"
        "the conductor raised his baton|he plays the flute|an encore for the crowd|the lyrics are sad|"
        "a concert in the park|chords in minor|the band split up"
    ).split("|"),
    "films": (
        "the trailer gives it away|a villain with a scar|the sequel was better|subtitles in french|she won an oscar|"
        "the director cut a scene|popcorn and tickets|an actor forgot his line|the credits rolled|a cartoon for kids|"
        "the plot has holes|shot in black and white"
    ).split("|"),
    "books": (
        "the author signed my copy|a novel of eight chapters|the ending is sad|turn the page|a library card|"
        "the hero dies|poems about the coast|a bookmark of leather|the cover is torn|translated from greek|"
        "read the preface|a thriller for the beach"
    ).split("|"),
    "art": (
        "she paints in oil|a marble statue|the gallery shows sketches|charcoal on paper|the portrait was stolen|"
        "mix blue and yellow|clay on the wheel|his canvas sold well|a mural on the wall|frames of gold|"
        "the sculptor carved it|watercolors of the alps"
    ).split("|"),
    "games": (
        "roll the dice|your move with the bishop|shuffle the cards|level nine is hard|a puzzle of a castle|"
        "the joystick is broken|he lost all his chips|collect three keys|checkmate in two|the boss has a shield|"
        "a draw after forty moves|save the game"
    ).split("|"),
    "family": (
        "my aunt visits us|the twins are asleep|her stepson moved out|grandpa tells stories|a baby shower|"
        "their parents divorced|our cousin got married|he looks like his father|the nanny is late|"
        "siblings always fight|a birthday for grandma|they adopted a girl"
    ).split("|"),
    "feelings": (
        "i miss her so much|he blushed|tears ran down|she is jealous|i was scared to death|full of hope|"
        "his anger faded|they felt ashamed|what a lonely night|proud of you|nervous before the show|my heart sank"
    ).split("|"),
    "food": (
        "a slice of pie|the noodles are spicy|cold beer and nuts|grapes and cheese|the salad was fresh|"
        "breakfast with eggs|i am full|some more gravy|a box of cookies|hungry again|vegan burgers|lunch is ready"
    ).split("|"),
    "drinks": (
        "a cup of coffee|the wine is dry|ice in my juice|tea with milk|a bottle of soda|he ordered a pint|"
        "the cocktail has rum|hot chocolate|pour the lemonade|sparkling water|a sip of brandy|the beer is flat"
    ).split("|"),
    "religion": (
        "the priest blessed them|a candle at the altar|pilgrims on the road|the monks chant|a sermon on mercy|"
        "bells on sunday|she prays at dawn|the temple gate|a holy book|baptized in may|angels and saints|"
        "the choir of the church"
    ).split("|"),
    "space": (
        "the rocket lifted off|a crater on the moon|astronauts float|saturn has rings|the satellite fell|"
        "a black hole|stars of the milky way|the shuttle docked|an eclipse at noon|alien life|the orbit decays|"
        "light years away"
    ).split("|"),
    "farming": (
        "the harvest was poor|he milks at five|a field of wheat|the tractor broke down|sheep in the pen|bales of hay|"
        "plow the soil|eggs from the henhouse|pigs in the mud|the barn burned|irrigate the fields|barley and oats"
    ).split("|"),
    "insurance": (
        "my claim was rejected|a policy for the house|the damage is covered|premium went up again|"
        "file a claim online|proof of loss|the adjuster came|third party cover|cancel my policy|"
        "hail damage to the car|the deductible is high|insured since march"
    ).split("|"),
    "delivery": (
        "the parcel is lost|left with a neighbor|the courier rang twice|track my shipment|a dented box|"
        "delivered to the wrong door|the package is late|customs hold it|sign for it here|out for delivery|"
        "no one was home|the label is torn"
    ).split("|"),
    "housing": (
        "the landlord wants a deposit|two bedrooms and a bath|the lease ends in june|rooms to let|"
        "a flat on the third floor|our tenants moved out|heating is included|sign the lease|a view of the yard|"
        "utilities are extra|the attic was rebuilt|no pets allowed"
    ).split("|"),
    "education": (
        "apply for a scholarship|her thesis is done|a lecture on law|freshmen week|the professor is ill|"
        "two semesters abroad|tuition fees rise|a degree in physics|the campus library|exams are over|"
        "enroll by friday|he dropped out"
    ).split("|"),
}
"""Topic -> short sentences about it."""

_LABELS: Final = (
    ("positive", "negative"), ("positive", "negative"), ("positive", "negative"), ("good", "bad"), ("1", "0"),
    ("happy", "angry"), ("pos", "neg"), ("Positive", "Negative"), ("+", "-"), ("5", "1"), ("praise", "complaint"),
    ("POSITIVE", "NEGATIVE"), ("yes", "no"), ("A", "B"), ("glad", "sad"),
)  # fmt: skip


class Reviews:
    """Whole reviews; those that are shown and those that are asked are different ones."""

    def __init__(self, random: Random) -> None:
        self.labels = random.choice(_LABELS)
        self._halves = [split_half(random, each, 0.5) for each in (GLAD, ANGRY)]
        self._joined = random.choice((0.0, 0.0, 0.3))

    def task(self, half: int) -> Task:
        """Reviews of one half, some of two sentences."""

        def draw(random: Random) -> Pair:
            kind = random.randrange(2)
            sentences = self._halves[kind][half]
            text = random.choice(sentences)
            if random.random() < self._joined:
                text += " " + random.choice(sentences)
            return text.replace("{s}", random.choice(SUBJECTS)), self.labels[kind]

        ways = ("Classify the sentiment.", "Sentiment?", f"Answer {' or '.join(self.labels)}.")
        return Task("sentiment", draw, ways, closed=True)


@cache
def list_examples() -> dict[str, list[str]]:
    """Topic -> the dictionary's sentences with a word that tells this topic, and with none that tells another."""
    topics = {word: name for name, words in TELLING_WORDS.items() for word in words}
    found: dict[str, list[str]] = {name: [] for name in TELLING_WORDS}
    for text in UTTERANCES:
        named = {topics[word] for word in re.findall(r"[a-z]+", text) if word in topics}
        if len(named) == 1:
            found[named.pop()].append(text)
    return found


@cache
def list_sentences() -> dict[str, list[str]]:
    """Topic -> its sentences: written ones, the dictionary's, its words in sentences that say nothing."""
    found = {name: list(sentences) for name, sentences in TOPICS.items()}
    for name, sentences in list_examples().items():
        found.setdefault(name, []).extend(sentences)
    return found


class Themes:
    """Sentences by topic; those that are shown and those that are asked are different ones."""

    def __init__(self, random: Random) -> None:
        names = [name for name, sentences in list_sentences().items() if len(sentences) >= 12]
        self._names = random.sample(names, random.choice((2, 3, 4, 4, 4, 5)))
        self._halves = [split_half(random, list_sentences()[name], 0.6) for name in self._names]
        self._words = [split_half(random, TELLING_WORDS.get(name) or [name], 0.6) for name in self._names]
        self._alone = random.choice((0.0, 0.2, 0.5))
        self.labels = draw_labels(random, self._names)
        self._raised = random.random() < 0.3

    def task(self, half: int) -> Task:
        """Sentences of one half."""

        def draw(random: Random) -> Pair:
            number = random.randrange(len(self._names))
            text = random.choice(self._halves[number][half])
            if random.random() < self._alone:
                form = random.choice(THING_SENTENCES)
                text = re.sub(r"\{\}", lambda _: random.choice(self._words[number][half]), form)
            return f"{text[0].upper()}{text[1:]}." if self._raised else text, self.labels[number]

        return make_label_task(draw, self.labels)
