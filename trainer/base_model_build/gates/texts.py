"""Sentences of the evaluation: praise and blame, four topics, questions about a text. Written before any training."""

from __future__ import annotations

from random import Random
from typing import Final

from base_model_build.generator.tasks import Pair

_PRAISE_SHOWN: Final = """
I really enjoyed my stay, thank you so much.
The waiter was kind and the soup was delicious.
My new headphones sound amazing.
Great value for the price.
They answered my email within an hour.
Such a beautiful little park!
I would recommend this school to anyone.
The kids had so much fun at the museum.
Best pizza in town.
It fits perfectly and looks nice.
We were very happy with the garden work.
The story was touching and well told.
Super fast shipping, well packed.
She explained everything clearly and patiently.
The room was clean and quiet.
This lamp is exactly what I wanted.
What a lovely surprise!
He fixed my bike in ten minutes, brilliant.
I feel much better since I started this course.
The battery lasts for days.
Everyone was friendly and helpful.
Easy to use, even for my grandmother.
The view from the balcony was wonderful.
I love the color.
Good coffee and fresh bread every morning.
The update made the app much faster.
Our trip was a success from start to end.
I am so glad that we chose this place.
The seats were comfortable and the film was funny.
It works like a dream.
"""
_BLAME_SHOWN: Final = """
I was really disappointed with my order.
The waiter was rude and the soup was cold.
My new headphones broke after two days.
Far too expensive for what you get.
Nobody answered my email.
Such a dirty, noisy street!
I would not send my children to this school.
The kids were bored at the museum.
Worst pizza in town.
It is too small and looks cheap.
We were very unhappy with the garden work.
The story was boring and made no sense.
Slow shipping and the box was damaged.
She was impatient and explained nothing.
The room smelled terrible.
This lamp is useless.
What an awful mess!
He scratched my bike and did not even say sorry.
I feel sick since I ate there.
The battery dies within an hour.
Everyone was unfriendly.
So complicated that I gave up.
The noise from the street was unbearable.
I hate the color.
Bad coffee and old bread every morning.
The update made the app crash all the time.
Our trip was a disaster from start to end.
I regret that we chose this place.
The seats were hard and the film was dull.
It stopped working and I want my money back.
"""
_PRAISE_ASKED: Final = """
The staff made us feel welcome from the first minute.
Excellent guide, we learned a lot.
This is my favourite shop by far.
Our baby sleeps so well in the new bed.
The cake was fantastic.
I am impressed by the quality.
They went out of their way to help me.
A charming hotel with a superb breakfast.
My daughter adores her new teacher.
Finally a vacuum cleaner that does its job!
The concert was pure joy.
Smooth check-in and a warm smile.
We laughed the whole evening.
These shoes are comfy and stylish.
I can't wait to come back.
The repair was cheap and quick.
Thanks for the generous gift!
Their customer service is outstanding.
The garden looks gorgeous now.
No complaints at all, everything was perfect.
"""
_BLAME_ASKED: Final = """
The staff ignored us the entire evening.
Horrible guide, we learned nothing.
I will never buy from this shop again.
The bed was so uncomfortable that my back hurts.
The cake was dry and tasteless.
I am shocked by the poor quality.
They lied to me about the price.
A filthy hotel with a miserable breakfast.
My daughter cried because of her new teacher.
This vacuum cleaner is a waste of money.
The concert was a painful experience.
We waited forty minutes at the check-in.
The jokes were stupid and offensive.
These shoes fell apart in a week.
I can't believe how badly we were treated.
The repair cost a fortune and failed.
Sadly, the gift arrived broken.
Their customer service is a nightmare.
The garden is ugly and neglected.
Not worth it, nothing worked.
"""


def make_sentiment_items() -> tuple[list[Pair], list[Pair]]:
    """60 sentences to show and 40 to ask."""
    shown = [(text, "positive") for text in _lines(_PRAISE_SHOWN)] + [
        (text, "negative") for text in _lines(_BLAME_SHOWN)
    ]
    asked = [(text, "positive") for text in _lines(_PRAISE_ASKED)] + [
        (text, "negative") for text in _lines(_BLAME_ASKED)
    ]
    return shown, asked


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


_TOPICS_SHOWN: Final = {
    "kitchen": """
the soup needs more salt
how long do I boil the eggs
my bread did not rise
is butter better than oil here
she fried the onions with garlic
we baked a chocolate cake
please peel the potatoes
the sauce is too thick
chop the carrots and the cabbage
where did you put the spoon
a salad with tomato and cucumber
this recipe asks for flour and sugar
roast the chicken
he grilled some fish
the rice is burnt
""",
    "sports": """
our team lost the match
the goalkeeper saved a penalty
she won the tennis tournament
the coach wants two new players
he ran a marathon
what was the final score
they scored in the second half
the swimmer broke a record
who is the captain this season
the referee showed a red card
basketball practice is at six
the runner fell before the finish
a boxer and a wrestler
our league has ten clubs
the stadium was full
""",
    "computers": """
my laptop will not start
the keyboard is missing a letter
please install the update
the website shows an error
I forgot my password
the printer is offline
which browser do you use
save the file in another folder
the server is down again
a virus deleted my data
my email account is locked
click the button twice
the screen is black
this program crashes
download the latest version
""",
    "travel": """
our flight was delayed
where can I rent a car
the hotel has no rooms left
I lost my passport
the train to the coast leaves at nine
book two tickets to the island
our suitcase did not arrive
the beach was crowded
is there a bus to the airport
we visited three cities
the tourist asked for a map
a cabin on the ship
they drove across the border
the guide spoke four languages
a cheap hostel near the station
""",
}
_TOPICS_ASKED: Final = {
    "kitchen": """
stir the broth slowly
add pepper and vinegar
my oven does not heat
knead the dough
these noodles taste great
slice the mushrooms
a pinch of cinnamon
pour milk into the bowl
the steak was juicy
whisk the cream
""",
    "sports": """
he kicked the ball
the cyclist climbed the hill
golf or hockey
the athlete lifted heavy weights
we cheered for the champions
her serve hit the net
an olympic medal
skiing and skating
the striker was injured
rugby fans sang
""",
    "computers": """
the software requires a license
my mouse and monitor
reboot the router
the database query is slow
a bug in the code
plug in the usb cable
encrypt your hard disk
type the command
the internet connection dropped
an app for the tablet
""",
    "travel": """
our holiday in the mountains
the plane landed late
pack your luggage
a visa for the trip
the cruise was expensive
campers pitched a tent
we crossed the desert by camel
a souvenir from abroad
the taxi to downtown
reserve a seat on the ferry
""",
}
"""The content words of these were not shown."""


def make_topic_items() -> tuple[list[Pair], list[Pair]]:
    """60 sentences of four topics to show and 40 to ask."""
    shown = [(text, topic) for topic, block in _TOPICS_SHOWN.items() for text in _lines(block)]
    asked = [(text, topic) for topic, block in _TOPICS_ASKED.items() for text in _lines(block)]
    return shown, asked


_QUESTIONS: Final = (
    (
        "The old library in Bergen was built in 1893 and has a green roof.",
        "When was the old library built?|1893",
        "What color is the roof?|green",
    ),
    (
        "Mr. Tanaka sells umbrellas at the harbor every Sunday.",
        "What does Mr. Tanaka sell?|umbrellas",
        "Where does Mr. Tanaka sell?|the harbor",
    ),
    ("The meeting with Helena starts at 9:30 in room 214.", "When does the meeting start?|9:30", "Which room?|214"),
    (
        "Lemurs live in Madagascar and eat mostly leaves.",
        "Where do lemurs live?|Madagascar",
        "What do lemurs eat?|leaves",
    ),
    (
        "Our neighbor Pavel drives a yellow tractor to the mill.",
        "What does Pavel drive?|a yellow tractor",
        "Who drives to the mill?|Pavel",
    ),
    (
        "The bakery on Elm Street opens at seven and closes at noon.",
        "When does the bakery open?|seven",
        "When does the bakery close?|noon",
    ),
    (
        "Ingrid paid 48 euros for the blue vase.",
        "How much did Ingrid pay?|48 euros",
        "What did Ingrid buy?|the blue vase",
    ),
    (
        "The river Drava flows through Maribor and is 710 km long.",
        "How long is the river?|710 km",
        "Which city does the river flow through?|Maribor",
    ),
    (
        "Captain Reyes lost the compass near the lighthouse.",
        "Who lost the compass?|Captain Reyes",
        "Where was the compass lost?|near the lighthouse",
    ),
    (
        "The violin was made by Amati in the city of Cremona.",
        "Who made the violin?|Amati",
        "What was made in Cremona?|The violin",
    ),
    (
        "Because of the storm the ferry to Corfu was cancelled on Tuesday.",
        "Why was the ferry cancelled?|the storm",
        "When was the ferry cancelled?|Tuesday",
    ),
    (
        "Nadia keeps twelve goats behind the barn.",
        "How many goats does Nadia keep?|twelve",
        "Where are the goats?|behind the barn",
    ),
    (
        "The invoice from Orbis was sent to Mr. Duarte in March.",
        "Who got the invoice?|Mr. Duarte",
        "When was the invoice sent?|March",
    ),
    (
        "The museum shows coins from Persia and a map from 1570.",
        "Where are the coins from?|Persia",
        "From which year is the map?|1570",
    ),
    (
        "Dr. Osei gave the patient some ginger tea.",
        "Who gave the tea?|Dr. Osei",
        "What did the patient get?|some ginger tea",
    ),
    (
        "The key to the cellar hangs behind the clock.",
        "Where does the key hang?|behind the clock",
        "What hangs behind the clock?|The key to the cellar",
    ),
    ("Flight 882 to Nairobi leaves from gate B12.", "Which gate?|B12", "Where does flight 882 go?|Nairobi"),
    (
        "The prize went to a farmer called Lindqvist for his cheese.",
        "Who won the prize?|Lindqvist",
        "What was the prize for?|his cheese",
    ),
    (
        "In winter the monks bake bread with honey.",
        "Who bakes bread?|the monks",
        "When do the monks bake bread?|In winter",
    ),
    (
        "The tower is 57 meters high and stands in Pisa.",
        "How high is the tower?|57 meters",
        "Where does the tower stand?|Pisa",
    ),
)
"""Texts, each with two questions and their answers."""

_PEOPLE: Final = "Marta Joel Silvia Omar Greta Dimitri Lucy Anton Noor Peter".split()
_PLACES: Final = "Lyon Turin Bristol Krakow Quito Osaka Malmo Tunis Leeds Cadiz".split()
_THINGS: Final = "a ladder|the red bag|two chairs|a guitar|some apples|the silver ring|an old radio|a map".split("|")
_DAYS: Final = "Monday Wednesday Thursday Friday Saturday".split()


def _draw_shown_question(r: Random) -> Pair:
    p, p2 = r.sample(_PEOPLE, 2)
    place, thing, day, n = r.choice(_PLACES), r.choice(_THINGS), r.choice(_DAYS), str(r.randrange(3, 400))
    hour = int(n) % 12 + 1
    context, asked = r.choice(
        [
            (
                f"{p} bought {thing} in {place} on {day}.",
                [
                    (f"Who bought {thing}?", p),
                    (f"What did {p} buy?", thing),
                    (f"Where did {p} buy it?", place),
                    (f"When did {p} buy it?", day),
                ],
            ),
            (
                f"{p} and {p2} moved to {place} with {n} boxes.",
                [("Where did they move?", place), ("How many boxes?", n), (f"Who moved with {p}?", p2)],
            ),
            (
                f"The train to {place} leaves on {day} at {hour} from platform {n}.",
                [
                    ("Which platform?", n),
                    ("When does the train leave?", f"{day} at {hour}"),
                    ("Where does the train go?", place),
                ],
            ),
            (
                f"{p} found {thing} under the bridge in {place}.",
                [
                    (f"Who found {thing}?", p),
                    ("What was found?", thing),
                    (f"Where did {p} find it?", f"under the bridge in {place}"),
                ],
            ),
            (
                f"The shop in {place} sold {n} lamps to {p}.",
                [("How many lamps?", n), ("Who bought the lamps?", p), ("Where is the shop?", place)],
            ),
        ]
    )
    question, answer = r.choice(asked)
    return f"{context}\n{question}", answer


def make_question_items() -> tuple[list[Pair], list[Pair]]:
    """60 questions about a text to show and 40 to ask."""
    asked = []
    for text, *questions in _QUESTIONS:
        for each in questions:
            question, answer = each.split("|")
            asked.append((f"{text}\n{question}", answer))
    random = Random("qa-shown")
    return [_draw_shown_question(random) for _ in range(60)], asked
