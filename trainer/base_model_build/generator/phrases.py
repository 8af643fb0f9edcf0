"""Phrases written for the generator. Holes have letters: a subject {s}, a number {n}, a small one {k}, a day {d}…

No sentence of the evaluation is here; ``audit.py`` looks for them.
"""

from __future__ import annotations

from typing import Final

PRAISE: Final = (
    "the {s} arrived on time|the {s} works like a charm|worth every cent|I would buy the {s} again|"
    "we had a great time|thank you for the quick help|the {s} is a joy to use|could not be happier with the {s}|"
    "best {s} I have ever had|five stars|exceeded my expectations|the {s} was spotless|everyone smiled|"
    "it made my day|I keep telling my friends about the {s}|we will be back soon|the {s} solved my problem at once|"
    "very polite and professional|highly recommended|the {s} looks even better than in the photo|what a treat|"
    "this {s} saved me a lot of time|fair price and honest advice|the {s} was fresh and tasty|so cozy and peaceful|"
    "my son loves the {s}|a real bargain|it runs smoothly and quietly|they listened and took care of everything|"
    "I slept like a baby|the {s} is light, strong and pretty|the instructions were simple|"
    "I am thrilled with the {s}|a pleasant evening with good food|the {s} never lets me down|"
    "they kept their promise|hats off to the team|such a relief|well done, keep it up|the {s} is just right|"
    "no trouble at all with the {s}|it was a pleasure to work with them|our guests were delighted|"
    "I felt safe the whole time|the {s} came earlier than expected|a helpful hand when I needed it|"
    "I got a full refund without any fuss|the {s} brought tears of joy to my eyes|a clever idea|"
    "the {s} has improved a lot|so much better than the old one|I am proud of the result|"
    "sweet people and nice music|top quality|the {s} is a hit with the family|can only praise the {s}|"
    "it feels soft and warm|very satisfied|I enjoyed every minute|the new {s} makes life easier|"
    "he was so patient with us|they went the extra mile|a delightful little {s}|the colors are bright and cheerful|"
    "this is what I call service|the {s} was worth the wait|I passed thanks to this {s}|the pain is gone|good job|"
    "I like it here|no regrets"
).split("|")
BLAME: Final = (
    "the {s} never arrived|the {s} broke on the first day|not worth the money|I would not buy the {s} again|"
    "we left early|nobody picked up the phone|the {s} is a pain to use|could not be more annoyed with the {s}|"
    "worst {s} I have ever had|one star|a total letdown|the {s} was filthy|nobody cared|it ruined my day|"
    "I warn my friends about the {s}|we will not come back|the {s} only made my problem worse|"
    "very rude and careless|stay away|the {s} looks nothing like the photo|what a shame|"
    "this {s} cost me a lot of time|hidden fees and false promises|the {s} was stale and bland|so loud and crowded|"
    "my son hates the {s}|a rip-off|it rattles and overheats|they shrugged and sent us away|I did not sleep at all|"
    "the {s} is heavy, weak and ugly|the instructions made no sense|I am fed up with the {s}|"
    "an awkward evening with bad food|the {s} lets me down every time|they broke their promise|shame on the team|"
    "so frustrating|please do better|the {s} is all wrong|nothing but trouble with the {s}|"
    "it was torture to deal with them|our guests were upset|I felt unsafe the whole time|"
    "the {s} came three weeks late|no help when I needed it|they refused to refund me|the {s} made me angry|"
    "a stupid idea|the {s} has become worse|so much worse than the old one|I am ashamed of the result|"
    "grumpy people and noisy music|poor quality|the {s} gave us a headache|can only complain about the {s}|"
    "it feels rough and sticky|very unsatisfied|I was bored every minute|the new {s} makes life harder|"
    "he lost his temper with us|they did the bare minimum|a depressing little {s}|the colors faded after one wash|"
    "this is not what I call service|still waiting for the {s}|I failed because of this {s}|the pain got worse|"
    "bad job|I do not like it here|big mistake|it fell off the wall|we got lost and nobody helped|"
    "the {s} is out of order again|missing parts|they charged me twice|never again|the door would not close|"
    "avoid the {s}"
).split("|")
FACTS_OF_THINGS: Final = (
    "the {s} is on the second floor|I bought the {s} last week|the {s} has two buttons|we ordered a {s}|"
    "the meeting is on Monday|it comes in three sizes|the {s} is made of wood|they open at nine|"
    "the {s} weighs two pounds|my sister has the same {s}|you can pay by card|the {s} was moved to the left|"
    "it is a {s}|there are five chairs|the {s} starts at noon|he asked about the {s}|the bus stops here|"
    "I have one at home|see the attached file|the {s} is blue"
).split("|")
WORKS: Final = (
    "works well|is top notch|did a great job|was worth it|is a dream|was a big success|got our praise|"
    "makes me smile|helped us a lot|is so pretty|tasted great|was super easy|is the best|runs perfectly|"
    "feels great|looks fantastic|was very kind to us|came quickly|is strong and safe|beats all others|"
    "was cheap and good|is just wonderful|has great quality|was perfect|is nice and clean|gets better each day|"
    "was a lot of fun|deserves an award|was so relaxing|is a blessing|is a true gem|won my heart"
).split("|")
"""What good things do."""
FAILS: Final = (
    "leaks|stinks|failed twice|was a waste|is a joke|was a big failure|got on our nerves|makes me angry|"
    "did not help at all|is so ugly|tasted awful|was way too hard|is the worst|breaks all the time|feels cheap|"
    "looks terrible|was very mean to us|came too late|is weak and unsafe|is worse than all others|"
    "was expensive and bad|is just horrible|has no quality|was a mess|is dirty and old|gets worse each day|"
    "was no fun|deserves zero stars|was so stressful|is a curse|is pure garbage|broke my heart"
).split("|")
"""What bad things do."""
IS_SO: Final = (
    "is here|was there|has a number|is in the box|is on the list|comes on Monday|is about a dog|"
    "belongs to my uncle|has four parts|was built in May|is next door|uses paper|weighs a pound|is two years old|"
    "needs a key|was on the table"
).split("|")
SUBJECTS: Final = (
    "staff|service|room|phone|bag|book|show|game|car|app|meal|tool|course|jacket|table|delivery|tour|hotel|driver|"
    "clinic|camera|printer|website|sofa|toy|plan|class|gym|salad|cake|mattress|speaker|coat|watch|cable|manual|"
    "support|seller|neighbor|landlord|doctor|barber|restaurant|festival|trip|museum|flight|song|series|chapter|"
    "update|feature|helmet|kettle|fridge|fan|curtain|garden|bakery|bar|cab|crew|nurse|clerk|plumber|gift|box|"
    "pillow|desk|pen|lens|menu|soup|bread"
).split("|")
"""What is reviewed or asked about."""
THING_SENTENCES: Final = (
    "I saw the {}|she bought a {}|the {} is over there|we talked about the {}|do you have a {}?|a picture of a {}|"
    "the {} and the {}|{} or {}|about the {}: please call back|my brother likes {}|they found a {} near the {}|"
    "is this a {}?|{}|{}, {}|no {} today|I dreamed of a {}|this {} is mine|where is the {}|"
    "can I get a {} with the {}|the old {} again|it was a {}|look at that {}|we need {} and {}|how does a {} work|"
    "the story of the {}|an article on {}|he knows everything about {}|please draw a {}"
).split("|")
"""Holes for one or two things."""
VERB_SENTENCES: Final = (
    "they {} every day|I want to {}|she will {} again|do not {} here|we {} and {}|please {}|he likes to {}|{}|"
    "can you {} it|to {} or to {}"
).split("|")
INTENTS: Final[dict[str, list[str]]] = {
    "refund": (
        "I would like my money returned|please refund order {n}|can I return the {s}|how do I send it back|"
        "I was charged for a {s} I returned|give me a refund"
    ).split("|"),
    "delivery": (
        "where is my parcel|my {s} has not come yet|when will order {n} ship|track package {n}|"
        "the courier left no note|is my {s} on its way"
    ).split("|"),
    "password": (
        "I cannot sign in|reset my password|I forgot my pin|the code for the login never came|"
        "locked out of my account|my password does not work"
    ).split("|"),
    "cancel": (
        "cancel my subscription|I do not need the {s} anymore|please stop order {n}|end my contract|"
        "how can I cancel|call off the booking"
    ).split("|"),
    "invoice": (
        "send me the bill again|the invoice for {n} is wrong|I need a receipt|why is there tax on my bill|"
        "copy of invoice {n}, please|where do I find my bills"
    ).split("|"),
    "opening": (
        "when do you open|are you open on Sunday|what are your hours|until what time can I come|"
        "closed on holidays?|opening times"
    ).split("|"),
    "booking": (
        "book a table for {k}|I would like to reserve a room|is there a free slot on {d}|can we get {k} seats|"
        "make an appointment for {d}|reserve the {s} for me"
    ).split("|"),
    "address": (
        "I moved, new address|change my address|send it to my office instead|update my street name|"
        "the shipping address is wrong|deliver to another place"
    ).split("|"),
    "bug": (
        "the app crashes|the page stays white|error {n} shows up|the button does nothing|"
        "it freezes when I open the {s}|the program shuts down by itself"
    ).split("|"),
    "price": (
        "how much is the {s}|what does it cost|is there a discount|price for {k} pieces|cheaper option?|"
        "do you have a sale on the {s}"
    ).split("|"),
    "job": (
        "are you hiring|I want to apply|send you my resume|open positions|do you have work for students|"
        "who reads the applications"
    ).split("|"),
    "weather": (
        "will it rain on {d}|how cold is it outside|do I need a coat|sunny or cloudy|forecast for {d}|is a storm coming"
    ).split("|"),
    "music": "play a song|turn up the volume|skip this track|put on some jazz|who sings this|next album".split("|"),
    "alarm": (
        "wake me at {k}|set a timer for {n} minutes|remind me on {d}|snooze|cancel the alarm at {k}|alert me in an hour"
    ).split("|"),
    "lights": (
        "switch off the lamp|make it brighter|lights on in the kitchen|dim the bedroom|turn everything dark|"
        "kill the lights"
    ).split("|"),
    "greeting": "hi there|good morning|hello, how are you|hey|nice to see you|good evening everyone".split("|"),
    "thanks": (
        "thanks a lot|thank you very much|much appreciated|cheers for that|thanks for the {s}|I am grateful"
    ).split("|"),
    "complaint": (
        "this is unacceptable|I am angry about the {s}|your service is bad|I want to talk to your boss|"
        "the {s} is broken again|I demand an answer"
    ).split("|"),
    "warranty": (
        "is the {s} still under warranty|how long is the guarantee|warranty claim for {n}|"
        "does the guarantee cover this|extend my warranty|the {s} failed within a year"
    ).split("|"),
    "stock": (
        "is the {s} in stock|when will you have it again|sold out?|do you still have {k} of them|"
        "availability of item {n}|any {s} left"
    ).split("|"),
    "language": (
        "do you speak Spanish|switch to German|can I have this in French|translate the page|English version please|"
        "which languages are there"
    ).split("|"),
    "balance": (
        "how much is on my account|check my balance|show my last payments|what did I spend on {d}|"
        "transfer {n} dollars|did my salary arrive"
    ).split("|"),
    "directions": (
        "how do I get to the station|where is the nearest {s} shop|is it far from here|which bus goes downtown|"
        "show me the way|turn left or right"
    ).split("|"),
    "appointment": (
        "move my appointment to {d}|I cannot come on {d}|can we meet later|new date please|I am running late|"
        "push the meeting to {k}"
    ).split("|"),
}
"""Wishes of customers and how they put them."""
CONCERNS: Final = (
    "the schedule|the new office|a refund|the budget|the team dinner|the password|the garden|a ticket|the train|"
    "the report|the noise|the lunch break|the lost dog|a ride home|the parking spot|the homework|the old sofa|"
    "the elevator|the deadline|the flight|the menu|the wifi|the visit|the bill|the repair|the concert"
).split("|")
"""What people talk about."""
NEWS: Final = (
    "it starts at noon|the door is open|we have to wait|the boss is ill|it was moved to {d}|there is no money|"
    "it is almost done|she sent it already|you should call {n}|it is broken|the train is full|he forgot it|"
    "it costs {n} dollars|nobody came|it is on the desk|the answer is no|everyone is invited|it rains too much|"
    "they found it|it will be fixed on {d}"
).split("|")
"""What they answer."""
ASKS: Final = (
    "wants to know about {x}|brings up {x}|needs help with {x}|talks about {x}|has a question on {x}|"
    "is worried about {x}|mentions {x}"
).split("|")
REPLIES: Final = ("answers that {y}|replies that {y}|thinks {y}|explains that {y}|tells #Q {y}|reports that {y}").split(
    "|"
)
ACTIONS: Final = [
    (past, base, article)
    for past, base, article in (
        item.split("/")
        for item in (
            "bought/buy/the|sold/sell/the|found/find/a|painted/paint/the|lost/lose/the|carried/carry/a|"
            "fixed/fix/the|stole/steal/the|wrote/write/a|opened/open/the|saw/see/a|cleaned/clean/the|hid/hide/the|"
            "built/build/a|brought/bring/the|ordered/order/a|dropped/drop/the|kept/keep/a|washed/wash/the|"
            "sent/send/the|borrowed/borrow/a|cooked/cook/the|read/read/the|broke/break/the|ate/eat/the|drew/draw/a|"
            "left/leave/the"
        ).split("|")
    )
]
"""Past, infinitive, article of what it is done to."""
PLACES: Final = (
    "in {c}|near the {o}|at the {o}|behind the {o}|under the {o}|in the {o}|on the {o}|at the station|"
    "in the kitchen|next to the {o}|in room {n}|on {N} Street|by the river|in the north of {c}"
).split("|")
REASONS: Final = (
    "it was cold|the road was closed|he was ill|it was raining|she was late|there was no time|the price was low|"
    "the {o} was broken|of the {o}|of the rain|they were hungry"
).split("|")
TIMES: Final = (
    "on {d}|in {m}|in {y}|at {k}|at {k}:30|yesterday|last week|in the morning|on {d} at {k}|on {m} {k}|in spring|"
    "before noon"
).split("|")
TALK: Final = [
    (said, answer)
    for said, answer in (
        item.split("/")
        for item in (
            "Hello/Hello! How can I help you?|Hi/Hi there!|How are you?/I am fine, thank you.|"
            "Thanks/You are welcome.|Thank you!/You are welcome.|Good morning/Good morning!|"
            "Good evening/Good evening!|Bye/Goodbye!|Who are you?/I am a small language model.|"
            "What is your name?/I have no name.|What can you do?/I can learn from your examples.|"
            "Do you like music?/Yes, I like music.|Where are you from?/I live in a computer.|"
            "Are you a robot?/I am a program.|What time is it?/I have no clock.|Tell me a joke./I know no jokes.|"
            "Help me!/What is the problem?|I am tired./Take a break.|I am hungry./Eat something nice.|"
            "I am sad./I am sorry to hear that.|I am happy./That is great!|It is raining./Take an umbrella.|"
            "See you tomorrow/See you!|Good night/Sleep well!|Is it cold?/I cannot feel the weather.|"
            "Can you cook?/No, I cannot cook.|Where is my book?/I have not seen your book.|"
            "Open the door./I have no hands."
        ).split("|")
    )
]
"""Small talk."""
PERSONAS: Final = (
    "Arr! {}|Ahoy! {}|{} Meow.|{} Beep boop.|{} Over and out.|Listen, kid: {}|{} Sir.|Hmm. {}|{} Have a nice day!|"
    "Agent: {}|{} ;-)|Yo! {} Peace.|As your butler: {}|{}|Captain's log: {}|{} Woof!|*bows* {}|{} - the management"
).split("|")
SOFT_PERSONAS: Final = ("My dear friend, {}|Verily, {}|Oh, {}|Dude, {}").split("|")
"""Those that go on in lower case."""
