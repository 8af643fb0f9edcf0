"""Words by what people talk about when they use them: written by hand, none that the evaluation reserves.

WordNet says what a thing is; that a spoon and to stir belong together it does not say.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

_WORDS: Final = """
cooking: cook chef recipe oven stove pan pot lid ladle spatula whisk knife bake baked boil boiled fry fried grill
  grilled roast roasted stew simmer steam stir chop slice peel grate mince knead dough flour yeast sugar salt pepper
  spice herb basil thyme oregano cinnamon garlic onion broth soup sauce gravy batter butter oil vinegar mustard
  marinade season seasoning crust bowl sieve apron kitchen
food: bread toast cheese ham bacon sausage steak beef pork chicken turkey lamb fish salmon tuna shrimp rice noodles
  pasta spaghetti pizza burger sandwich salad tomato potato carrot cabbage lettuce spinach cucumber bean pea mushroom
  egg omelette pancake waffle pie cake cookie pastry chocolate candy pudding yogurt cereal honey jam apple pear plum
  grape banana orange strawberry nut almond peanut meal snack dinner lunch breakfast tasty delicious hungry eat ate
drinks: drink drank thirsty beer wine champagne whiskey vodka rum gin cocktail liquor ale cider pub bar bartender
  tavern coffee espresso latte tea teapot kettle juice lemonade soda cola milk milkshake smoothie cocoa bottle cork
  mug cup glass straw sip brew brewery vineyard toast ice thermos
restaurant: waiter waitress menu order dish dessert starter tip table reservation booked diner cafe bistro buffet
  takeaway napkin tray plate fork spoon cutlery tablecloth portion specialty host guest served serve bill
football: football soccer goal goalkeeper penalty midfielder defender striker corner offside referee whistle pitch
  kick kicked header dribble foul match league cup fans stadium jersey coach club derby halftime tackle scored
sports: sport athlete player team game win won lose lost score champion championship tournament medal trophy olympic
  tennis racket serve court net golf hockey puck rugby basketball baseball bat pitcher volleyball cricket boxing boxer
  wrestler fencing judo karate archery skiing skater skating sled gymnast gymnastics swimming swimmer diver rowing
  sprint sprinter marathon runner relay hurdle javelin cyclist cycling cheer record finish captain
fitness: gym exercise workout muscle muscles stretch squat treadmill dumbbell weights yoga pilates jog jogging pulse
  sweat trainer training diet calories lift pushup warmup stamina endurance strength
computing: computer laptop desktop keyboard mouse monitor screen printer scanner software hardware program install
  installed update version file folder disk drive memory processor chip cable usb plug reboot restart crash crashed
  bug virus backup window icon cursor click button menu driver operating system server hacker format delete deleted
  save saved copy paste
programming: code coding compile compiler function variable loop debug debugger database query script syntax algorithm
  array string integer developer programmer repository commit module library framework parser exception test deploy
  backend frontend
internet: website web page browser link email inbox spam password login logout username account online download upload
  stream router wifi connection network blog forum chat search cookie domain site click post video hashtag follower
  emoji app
phones: phone mobile smartphone call called caller dial dialed ringtone voicemail text message texted signal battery
  charger charge display touchscreen headset tablet contact number answer hang speaker
travel: travel trip journey tour tourist traveler holiday vacation luggage suitcase backpack passport visa ticket
  flight fly plane airport hotel hostel motel resort cruise ferry beach island coast mountain camp camper camping tent
  hike hiking map guide abroad border customs souvenir sightseeing museum itinerary departure arrival destination
  booking reserve safari taxi
cars: car truck van engine motor brake brakes clutch gear tire tires wheel steering windshield bumper hood trunk
  headlight mirror fuel petrol gasoline diesel garage mechanic drive driver driving driveway highway lane traffic
  parking parked horn speed crash seatbelt license pedal oil
trains: train rail railway railroad station platform conductor carriage wagon locomotive track tracks tunnel timetable
  subway tram metro bus stop commuter ticket delay passenger departs
ships: ship boat sail sailor captain crew harbor port dock anchor deck mast rudder hull vessel yacht canoe ferry
  submarine cargo lighthouse pier navy raft oar rowed aboard cabin
flying: airplane aircraft pilot wing cockpit runway takeoff landing landed helicopter jet glider parachute airline
  stewardess turbulence hangar propeller altitude boarding gate aviation balloon drone
weather: weather rain rainy rained snow snowed storm stormy thunder lightning wind windy breeze cloud cloudy fog mist
  hail sleet frost sunny sunshine temperature degrees forecast umbrella humid drizzle shower hurricane tornado
  blizzard drought flood freezing warm cold heat chilly icy
seasons: spring summer autumn winter season january february march april june july august september october november
  december month blossom harvest snowman easter christmas
garden: garden gardener lawn mower hedge fence flower rose tulip daisy lily weed weeds seed seeds soil compost rake
  shovel spade hose sprinkler greenhouse bush shrub prune plant planted pot bloom petal bulb vine
plants: tree oak pine birch maple willow branch twig leaf leaves root trunk bark forest woods moss fern grass meadow
  cactus palm stem acorn cone jungle ivy bamboo thorn berry
pets: dog puppy cat kitten hamster rabbit parrot goldfish leash collar kennel bark barked purr paw tail fur bone vet
  litter pet breed feed
animals: animal lion tiger bear wolf fox deer elephant giraffe zebra monkey gorilla kangaroo leopard rhino hippo snake
  lizard turtle frog crocodile mouse rat squirrel hedgehog bat mole camel claw herd zoo hunter prey wild den cub
birds: bird eagle hawk owl crow raven sparrow robin pigeon dove swan goose duck gull penguin ostrich peacock feather
  beak nest wing egg chirp flock pelican stork swallow
insects: insect ant bee wasp fly mosquito beetle butterfly moth caterpillar spider web cricket grasshopper flea louse
  tick hive sting swarm larva cockroach ladybug dragonfly
farming: farm farmer barn tractor plow field crop crops wheat corn barley oats hay harvest cow cattle bull calf pig
  sheep goat horse hen rooster milk milked stable pasture fertilizer irrigation silo orchard ranch shepherd livestock
health: health healthy ill illness sick disease fever cough flu cold headache pain ache sore nausea dizzy allergy rash
  infection wound injury bruise symptom cure recover recovery diabetes cancer asthma stress diet sleep
medicine: doctor nurse physician surgeon surgery hospital clinic patient pill tablet medicine medication drug dose
  prescription pharmacy pharmacist vaccine injection syringe bandage ambulance therapy treatment diagnosis dentist
  xray stethoscope operation ward antibiotic
body: head hair face eye eyes ear nose mouth lip tongue tooth teeth neck shoulder arm elbow wrist hand finger thumb
  chest back waist hip leg knee ankle foot toe skin bone blood heart lung liver kidney stomach brain nerve muscle
school: school teacher pupil student class classroom lesson homework exam test grade blackboard chalk pencil eraser
  notebook textbook recess principal spelling math teach taught learn essay quiz desk detention kindergarten
education: university college professor lecture campus degree diploma thesis graduate scholarship semester seminar
  faculty dean research scholar tuition dormitory academic library
science: science scientist experiment laboratory theory hypothesis microscope discovery research chemistry chemical
  acid molecule atom electron physics gravity energy biology cell gene dna species evolution fossil magnet laser
  element
mathematics: number numbers sum addition subtract multiply divide fraction equation algebra geometry triangle circle
  square angle theorem proof calculus percent digit decimal graph formula count zero
space: space planet star moon sun galaxy comet asteroid orbit rocket astronaut telescope satellite astronomer mars
  jupiter saturn eclipse universe shuttle meteor crater lunar solar cosmic
money: money cash coin dollar euro cent bank banker loan debt mortgage interest account deposit savings credit payment
  pay paid invoice bill salary wage income tax taxes budget insurance pension invest investor stock stocks share
  shares fund profit loss price cost expensive cheap economy
business: business company firm manager boss employee employer office meeting contract client customer market
  marketing sales factory industry merger startup project deadline report staff hire hired fired job career colleague
  partner trade export import brand
shopping: shop store mall supermarket cashier checkout cart basket discount sale bargain receipt refund price buy
  bought sell sold purchase customer aisle shelf brand coupon clearance boutique vendor
clothes: shirt blouse sweater jacket coat dress skirt trousers pants jeans shorts sock socks shoe shoes boot boots
  sandal hat cap scarf glove gloves belt tie suit pajamas underwear collar sleeve button zipper pocket wear wore size
  tailor fashion cotton
beauty: makeup lipstick mascara perfume shampoo soap lotion cream haircut hairdresser barber comb brush nail polish
  mirror salon curl wig razor shave skin tattoo
jewelry: ring necklace bracelet earring jewel diamond ruby emerald sapphire pearl gold silver gem crown watch brooch
  jeweler carat
home: house home apartment flat room bedroom bathroom kitchen living attic cellar basement roof ceiling floor wall
  door window stairs chimney balcony porch hallway garage rent landlord tenant neighbor furniture
furniture: chair table sofa couch bed mattress pillow blanket sheet desk shelf cupboard wardrobe drawer cabinet lamp
  carpet rug curtain stool bench armchair cushion bookcase mirror
appliances: toaster blender mixer microwave refrigerator fridge freezer dishwasher washer dryer heater fan radiator
  thermostat juicer grinder projector recorder remote doorbell flashlight television cooker switch
cleaning: clean cleaner dirt dust dusty broom mop bucket vacuum sponge soap detergent bleach laundry wash washing
  dishwasher scrub wipe rinse stain polish tidy trash garbage sweep
tools: tool hammer nail screw screwdriver wrench pliers saw drill axe chisel ladder toolbox bolt glue tape ruler clamp
  sandpaper workshop shovel crowbar
building: build builder building brick concrete cement plaster crane scaffold architect construction foundation beam
  tile plumber pipe carpenter wood electrician paint demolish bulldozer bridge tower skyscraper
law: law lawyer attorney judge court jury trial verdict guilty innocent sentence prison jail appeal lawsuit sue sued
  witness testify evidence legal illegal contract clause justice defendant
crime: crime criminal police officer detective thief steal stolen robbery robber burglar murder murderer killed gun
  arrest arrested suspect handcuffs fraud smuggler gang victim kidnap prison weapon theft
politics: politics president minister government parliament senate senator congress mayor election elect vote voter
  voted ballot campaign party policy law democracy republic opposition candidate treaty embassy diplomat reform
war: war army soldier soldiers battle fight enemy weapon rifle tank bomb missile general colonel sergeant troops
  attack defend invasion invade retreat surrender peace uniform trench grenade wounded navy fort siege
fire: fire flame burn burned smoke ash spark firefighter hose alarm ladder extinguisher candle match lighter blaze
  campfire rescue hydrant
music: music song sing sang singer choir band orchestra conductor concert melody tune rhythm beat note chord piano
  guitar violin cello flute trumpet drum drums drummer saxophone harp organ opera jazz rock album lyrics composer
  symphony microphone stage
dance: dance danced dancer ballet waltz tango step partner ballroom choreography tiptoe twirl disco salsa tutu
  rehearsal
films: film movie cinema actor actress director scene camera screen plot sequel trailer comedy thriller horror hero
  villain audience script star premiere popcorn documentary cartoon animation
theater: theater stage play drama curtain costume rehearsal audience applause actor role script act playwright tragedy
  comedy backstage spotlight
books: book novel author writer poem poet poetry chapter page story tale library librarian publisher read reader print
  edition paperback bookshop fiction biography diary bookmark
news: news newspaper magazine reporter journalist headline article editor interview broadcast radio television channel
  press column anchor
art: art artist painting painter paint brush canvas sketch draw drawing portrait sculpture sculptor statue gallery
  museum exhibition mural easel color frame pottery ceramic
photography: photo photograph photographer camera lens flash shutter tripod zoom film album portrait picture negative
  focus
games: game chess pawn queen king knight checkmate cards dice domino puzzle poker joker board player gamer console
  joystick level score bingo crossword riddle
toys: toy doll puppet teddy lego kite balloon marble swing slide playground sandbox yoyo rattle blocks
family: family mother father mom dad parent parents son daughter brother sister twin uncle aunt cousin nephew niece
  grandmother grandfather grandma grandpa wife husband child children baby wedding married marry divorce relative
babies: baby infant newborn cradle crib diaper pacifier stroller nursery lullaby toddler pregnant birth midwife bottle
love: love kiss kissed hug romance romantic date girlfriend boyfriend sweetheart valentine marry bride groom honeymoon
  darling affection flirt lover
feelings: happy sad angry afraid fear joy anger sorrow grief proud ashamed jealous lonely bored nervous anxious
  worried calm hope love hate cry cried laugh laughed smile surprise disappointed excited
religion: church god prayer pray prayed priest bishop pope monk nun temple mosque bible angel devil heaven hell saint
  faith holy worship sermon altar chapel cathedral baptism
history: history ancient medieval empire emperor king queen knight castle century pharaoh pyramid ruins roman viking
  colony revolution throne kingdom dynasty archaeologist monument
geography: country continent ocean river lake mountain valley hill desert island coast volcano map north south east
  west capital city village population equator glacier canyon peninsula
water: water river lake pond stream ocean flood dam pump pipe well faucet tap fountain drip splash swim dive pool boat
  fish fishing
fishing: fish fisherman fishing rod hook bait net trout salmon eel carp catch caught pier boat reel worm
energy: electricity electric power plant solar panel wind turbine coal gas oil nuclear battery voltage current wire
  socket generator fuse bulb heating
environment: environment pollution climate recycling waste plastic emission carbon forest extinct wildlife
  conservation rainforest ozone litter
delivery: post mail letter envelope stamp parcel package postcard mailbox postman courier deliver delivered delivery
  shipment ship shipped address sender tracking
party: party birthday cake candle gift present balloon guest invite invited invitation celebrate celebration dance
  champagne costume anniversary toast fireworks
sewing: sew sewing needle thread knit knitting yarn fabric pattern stitch button embroidery crochet loom scissors
  quilt
sleep: sleep slept asleep bed bedtime dream nightmare nap pillow snore tired yawn awake alarm insomnia rest
time: clock watch hour minute second day week month year morning noon evening night midnight today tomorrow yesterday
  calendar late early soon
colors: color red blue green yellow orange purple pink brown black white gray violet turquoise crimson shade
language: language word sentence grammar verb noun adjective vowel accent dialect translate translation interpreter
  spelling pronounce dictionary english french german spanish
"""

TOPIC_WORDS: Final[dict[str, list[str]]] = {
    name: words.split()
    for name, words in (line.split(":") for line in _WORDS.replace("\n  ", " ").strip().splitlines())
}
"""Topic -> its words; some belong to several."""

_COUNTS: Final = Counter(word for words in TOPIC_WORDS.values() for word in words)

TELLING_WORDS: Final[dict[str, list[str]]] = {
    name: [word for word in words if _COUNTS[word] == 1] for name, words in TOPIC_WORDS.items()
}
"""Topic -> the words that no other one has."""
