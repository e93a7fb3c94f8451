"""Word lists for reading statements: closed classes and the commonest members of open ones. English only.

Law: a list may only make reading more careful or more exact; a word that stands in none of them is still read.
"""

import re
from collections.abc import Iterable


def listing(text: str) -> frozenset[str]:
    """Return the parts of a comma-separated text."""
    return frozenset(part.strip() for part in text.replace("\n", ",").split(",") if part.strip())


def alternatives(words: Iterable[str]) -> str:
    """Return a pattern that matches any of the words, the longest that fits."""
    return "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word))))


MONTHS = tuple("january february march april may june july august september october november december".split())
WEEKDAYS = tuple("monday tuesday wednesday thursday friday saturday sunday".split())
A_MONTH = "|".join(MONTHS)  #: a pattern
PRONOUNS = listing(
    "it, this, that, these, those, here, there, me, you, him, her, them, us, one, ones, mine, yours, his, hers, ours, "
    "theirs, myself, yourself, both, neither, either, everything, nothing, something, anything, everyone, nobody, "
    "someone,"
    "somewhere, anywhere, nowhere, everywhere, what, which, who, how, when, where, why, whether, so, not, same, "
    "home, x, tbd, unknown"
)

ANIMALS = listing(
    "dog, cat, rabbit, bunny, parrot, hamster, turtle, tortoise, horse, goldfish, fish, lizard, snake, pony, goat, "
    "puppy,"
    "kitten, ferret, canary, duck, hedgehog, iguana, alpaca, tarantula, gecko, budgie, guinea pig, mouse, rat, "
    "chicken, hen,"
    "rooster, pig, cow, sheep, donkey, llama, chinchilla, cockatiel, cockatoo, pigeon, dove, spider, frog, axolotl, "
    "pet, bird,"
    "gerbil, bearded dragon, chameleon, python, betta, goose, raccoon, labrador, poodle, beagle, retriever, spaniel,"
    " terrier"
)

#: Behind "a dog," these are no name.
BREEDS = listing(
    "collie, shepherd, alsatian, husky, bulldog, boxer, pug, corgi, chihuahua, dachshund, dalmatian, rottweiler, "
    "doberman, whippet, greyhound, hound, pointer, setter, schnauzer, maltese, pomeranian, pitbull, mastiff, "
    "samoyed, malamute, akita, papillon, basset, cavapoo, cockapoo, labradoodle, goldendoodle, lab, mix, mutt, "
    "mongrel, tabby, calico, tortoiseshell, tuxedo, siamese, persian, ragdoll, bengal, sphynx, burmese, shorthair, "
    "longhair, coon, birman, angora, german, french, english, british, border, golden, great, jack russell, "
    "shih tzu, appaloosa, arabian, mustang, shetland, haflinger, warmblood, thoroughbred, vizsla, weimaraner, shiba, "
    "inu, bichon, frise, cane, corso, newfoundland, havanese, holland, lop, hanoverian, dutch, lionhead, flemish, "
    "giant, leonberger, bernese, bernedoodle, sheltie, sheepdog, heeler, cattle dog, kelpie, basenji, borzoi, "
    "saluki, komondor, puli, pumi, keeshond, chow, pekingese, pekinese, lhasa, apso, bouvier, briard, beauceron, "
    "malinois, tervuren, ridgeback, boerboel, dogo, argentino, griffon, affenpinscher, pinscher, westie, yorkie, "
    "schnoodle, maltipoo, cavachon, puggle, morkie, lurcher, cavalier, coton, lagotto, spitz, eurasier, hovawart, "
    "landseer, pyrenees, staffie, staffy, cocker, springer, cairn, airedale, rescue, stray, crossbreed, purebred, "
    "manx, savannah, ocicat, abyssinian, himalayan, balinese, somali, bombay, chartreux, korat, tonkinese, birmese, "
    "norwegian, forest, russian, scottish, fold, moggy, friesian, lusitano, andalusian, trakehner, oldenburg, "
    "holsteiner, clydesdale, shire, percheron, paint, quarter, connemara, fjord, icelandic, lipizzaner, tinker, "
    "morgan, cob, standardbred, saddlebred"
)

RELATIVES = listing(
    "sister, brother, mother, father, wife, husband, daughter, son, aunt, uncle, cousin, grandmother, grandfather, "
    "boss,"
    "best friend, neighbour, neighbor, partner, teacher, doctor, manager, dentist, landlord, landlady, colleague, "
    "coworker,"
    "co-worker, niece, nephew, mum, mom, dad, girlfriend, boyfriend, friend, stepmother, stepfather, stepsister, "
    "stepbrother,"
    "stepson, stepdaughter, godfather, godmother, godson, goddaughter, flatmate, roommate, housemate, fiancé, "
    "fiancée, fiance,"
    "fiancee, spouse, twin, twin sister, twin brother, older sister, younger sister, older brother, younger brother,"
    "big sister, little sister, big brother, little brother, elder sister, elder brother, mother-in-law, father-in-law,"
    "sister-in-law, brother-in-law, son-in-law, daughter-in-law, grandma, grandpa, granny, nan, grandson, "
    "granddaughter,"
    "ex, ex-wife, ex-husband, baby, child, kid, coach, mentor, therapist, vet, supervisor, secretary, assistant, "
    "lawyer,"
    "hairdresser, classmate, team lead, physiotherapist, accountant, tutor, nanny, babysitter"
)

#: Words for the same relative; of partners and of managers the topics of these names know more.
SAME_RELATIVES = (
    ("mother", "mum", "mom"),
    ("father", "dad"),
    ("grandmother", "grandma", "granny", "nan"),
    ("grandfather", "grandpa"),
    ("neighbour", "neighbor"),
    ("colleague", "coworker", "co-worker"),
    ("flatmate", "roommate", "housemate"),
)

#: Relatives of whom one usually has several: a new name adds, it does not replace.
MANY_RELATIVES = listing(
    "aunt, uncle, cousin, neighbour, colleague, coworker, co-worker, niece, nephew, friend, teacher, grandson,"
    "granddaughter, child, kid, classmate, ex, flatmate, roommate, housemate"
)

#: Whoever has a name, as alternatives of a pattern, the longest first.
BEINGS, RELATIVE, ANIMAL = alternatives(RELATIVES | ANIMALS), alternatives(RELATIVES), alternatives(ANIMALS)

DIETS = listing(
    "vegetarian, vegan, pescatarian, pescetarian, flexitarian, keto, ketogenic, paleo, halal, kosher, gluten-free, "
    "gluten free,"
    "lactose intolerant, lactose-intolerant, dairy-free, dairy free, coeliac, celiac, diabetic, carnivore, low-carb,"
    " low carb,"
    "plant-based, plant based, sugar-free, sugar free, nut-free, omnivore, raw vegan, fruitarian, teetotal, low-fat,"
    " fodmap,"
    "a vegetarian, a vegan, a pescatarian, a coeliac, a flexitarian"
)

DRINKS = listing(
    "coffee, tea, water, juice, milk, espresso, cappuccino, latte, cocoa, chocolate, smoothie, lemonade, beer, wine, "
    "cola, "
    "coke, cider, soda, americano, mocha, matcha, chai, macchiato, kefir, shake, milkshake, kombucha, flat white, mate"
)

INSTRUMENTS = listing(
    "piano, guitar, violin, cello, flute, drums, trumpet, harp, clarinet, accordion, banjo, saxophone, sax, oboe, "
    "ukulele, theremin,"
    "bassoon, mandolin, trombone, viola, double bass, bass, bass guitar, electric guitar, keyboard, harmonica, "
    "recorder, tuba,"
    "organ, bagpipes, sitar, lute, xylophone, french horn, piccolo, cornet, marimba, didgeridoo, fiddle, synth, "
    "acoustic guitar"
)
NOT_INSTRUMENTS = listing(
    "lottery, game, games, fool, part, role, field, victim, market, markets, system, devil, song, songs, video, "
    "music, odds, stock, stocks, lead"
)

LANGUAGES = listing(
    "english, spanish, french, german, italian, portuguese, dutch, polish, czech, greek, turkish, arabic, hebrew, "
    "hindi,"
    "japanese, korean, mandarin, cantonese, finnish, swedish, danish, norwegian, hungarian, romanian, swahili, "
    "russian, chinese,"
    "icelandic, basque, tagalog, catalan, welsh, irish, gaelic, estonian, latvian, lithuanian, ukrainian, serbian, "
    "croatian,"
    "bosnian, slovak, slovene, slovenian, bulgarian, albanian, macedonian, persian, farsi, urdu, bengali, tamil, "
    "telugu, thai,"
    "vietnamese, indonesian, malay, filipino, latin, esperanto, sign language, american sign language, "
    "british sign language, maltese, afrikaans, zulu"
)

VEHICLES = listing(
    "car, van, truck, scooter, bicycle, bike, motorbike, motorcycle, suv, pickup, lorry, bus, taxi, cab, ebike, "
    "e-bike, moped,"
    "tesla, volvo, toyota, honda, fiat, ford, renault, skoda, bmw, audi, mercedes, volkswagen, vw, golf, polo, seat,"
    " kia, hyundai,"
    "mazda, nissan, peugeot, citroen, citroën, opel, vauxhall, mini, porsche, ferrari, jeep, dacia, subaru, suzuki, "
    "lexus, jaguar,"
    "chevrolet, chevy, vespa, yamaha, ducati, prius, civic, corolla, beetle, mustang, camper, campervan, hatchback, "
    "convertible, estate"
)

#: After "I'm ...": capitalised, yet not a name.
NOT_NAMES = LANGUAGES | listing(
    "american, british, scottish, canadian, australian, brazilian, mexican, indian, african, asian, european, "
    "austrian, belgian,"
    "swiss, spaniard, dane, swede, pole, finn, greek, turk, nigerian, kenyan, egyptian, moroccan, argentinian, "
    "chilean, peruvian,"
    "colombian, israeli, iranian, iraqi, pakistani, catholic, protestant, muslim, jewish, buddhist, hindu, atheist, "
    "agnostic,"
    "ok, okay, sorry, fine, good, happy, tired, sure, done, back, here, home, ready, busy, sick, ill, late, lost, "
    "curious, looking,"
    "trying, working, writing, going, planning, thinking, wondering, monday, tuesday, wednesday, thursday, friday, "
    "saturday, sunday,"
    "january, february, march, april, may, june, july, august, september, october, november, december, i, the, a, "
    "an, in, on, at,"
    "not, just, also, from, very, so, too, happy, glad, afraid, excited, new, single, married, divorced, male, "
    "female, gay,"
    "straight, bisexual, capricorn, aquarius, pisces, aries, taurus, gemini, cancer, leo, virgo, libra, scorpio, "
    "sagittarius, christmas, easter"
)

#: Behind "a sister," and between commas: said of somebody, or by the way, and no name.
NOT_CALLED = listing(
    "bless, pregnant, autistic, captain, thank, thanks, god, goodness, lord, heaven, heavens, however, moreover, "
    "besides, indeed, meanwhile, anyway, haha, hahaha, hehe, lol, lmao, rofl, btw, fyi, omg, wtf, imo, imho, tbh, "
    "asap, nope, yep, yeah, yay, wow, ugh, oops, cool, great, nice, bravo, cheers, amen, alas, honestly, luckily, "
    "sadly, fortunately, unfortunately, finally, obviously, naturally, especially, phd, md, mba, bsc, msc, esq, jr, "
    "sr, vegan, vegetarian, kindergarten, preschool, nursery, school, elementary, primary, secondary, high, college, "
    "university, grade, grader, freshman, sophomore, junior, senior, navy, army, marine, marines, seal, veteran, "
    "gen, republican, democrat, conservative, liberal, christian scientist, lutheran, mormon, baptist, methodist, "
    "anglican, quaker, orthodox, sunni, shia, sikh, male, female, english, all"
)

#: "Call me tomorrow", "call me paranoid": when, and what others think.
NOT_CALLED_ME = listing(
    "later, tomorrow, tonight, today, asap, anytime, sometime, someday, soon, again, instead, directly, first, "
    "whenever, whatever, anything, names, out, "
    "always, back, when, once, after, before, by, every, any, mr, mrs, sir, madam, old-fashioned, "
    "old, paranoid, cynical, stupid, dumb, naive, lazy, weird, strange, odd, biased, picky, fussy, dramatic, cheesy, "
    "silly, cheap, sentimental, spoiled, spoilt, selfish, pessimistic, optimistic, superstitious, skeptical, "
    "sceptical, nosy, bossy, greedy, insane, delusional, ungrateful, petty, basic, extra, impatient, stubborn, "
    "sensitive, romantic, morbid, vain, bitter, shallow, ignorant, traditional, conservative, unlucky, lucky"
)
#: "My name is spelled wrong", "my name is taken": what small letters behind it say of a name.
SAID_OF_NAMES = listing(
    "spelled, spelt, misspelled, misspelt, pronounced, mispronounced, written, taken, known, listed, "
    "mud, short, long, common, uncommon, rare, unusual, weird, strange, odd, foreign, secret, private, irrelevant, "
    "unpronounceable, hyphenated, after, both, alright, spelling, mine, legally, technically, literally, "
    "usually, often, always, never, pregnant, unique, plain, "
    "train, bus, bike, car, foot, whatever, anything"
)
#: What one works for, and no firm.
BELITTLED = listing("peanuts, pennies, pittance, tips, cash, exposure, commission, wages, minimum wage, living wage")

#: Of these, what is a name where it is called one.
NAMES_TOO = listing("April, May, June, August, Leo, Finn, Dane, Christian, Gay")

#: Never the subject of a third person's statement, though it may stand capitalised at the front.
NOT_SUBJECTS = listing(
    "i, my, we, our, you, your, he, she, it, they, his, her, their, its, the, a, an, this, that, these, those, "
    "there, here, what,"
    "who, where, when, why, how, which, if, but, and, or, so, because, as, at, in, on, to, from, for, with, not, no,"
    " yes, please,"
    "everyone, everybody, someone, somebody, nobody, anyone, people, one, all, most, some, many, both, each, every, "
    "nothing,"
    "something, everything, thing, things, let, maybe, perhaps, suppose, imagine, today, tomorrow, yesterday, now, "
    "then, also,"
    "thanks, hello, hi, hey, ok, okay, sorry, actually, who's, that's, it's, life, dr, mr, mrs, remember, note, is, "
    "are, was, does, do"
)

#: "My X is V" with these X says nothing about the user that lasts.
NOT_ATTRIBUTES = listing(
    "question, point, problem, issue, idea, guess, opinion, plan, understanding, answer, concern, worry, hope, wish,"
    " dream,"
    "fear, bad, mistake, fault, apologies, turn, feeling, impression, assumption, suspicion, theory, main question, "
    "follow-up,"
    "other question, next question, first question, second question, thought, thoughts, intention, request, task, "
    "head, brain,"
    "life, day, week, mood, advice, suggestion, preference, response, argument, reasoning, conclusion, hypothesis, "
    "reason, take,"
    "view, experience, situation, current situation, need, goal here, only concern, only problem, biggest problem, "
    "heart, stomach, back,"
    "character, hero, protagonist, novel, story, code, function, script, program, query, prompt, sentence, text, "
    "essay, message, input, output, error"
)
NOT_THINGS = listing(
    "cause, reason, point, purpose, goal, result, rest, end, beginning, start, aim, idea, problem, issue, meaning, "
    "most, best,"
    "one, some, part, sum, size, top, bottom, side, middle, centre, center, edge, front, back, majority, question, "
    "answer, title,"
    "president, king, queen, capital, population, author, inventor, moral, key, trick, secret, use, benefit, effect,"
    " advantage, impact, influence, love, importance, beauty, power, syllabus, truth, sound, smell, feel,"
    "output, value, length, type, number, amount, list, nature, role, definition, concept, example, history, name, "
    "rate, risk, future"
)
#: What "the X is V" without an owner may be about.
CODE_NOUNS = "password|passcode|pass ?phrase|pin|pin code|code|combination|hint|login|username|wifi key|wi-fi key"

#: A value that begins so is a state, an action or a comment, not a value.
NOT_VALUES = listing(
    "to, that, how, not, very, so, too, really, being, getting, going, kind, like, because, what, when, where, why, "
    "whether,"
    "if, just, still, already, always, never, also, only, no, all, well, quite, pretty, rather, way, more, less, as,"
    " than, now,"
    "broken, slow, down, up, out, off, over, sick, ill, angry, tired, fine, ok, okay, good, bad, great, nice, "
    "better, worse,"
    "best, worst, gone, dead, dying, lost, late, early, busy, full, empty, hard, easy, wrong, right, right-handed, "
    "correct, unclear, clear, sad,"
    "happy, upset, afraid, scared, sure, unsure, ready, unable, able, here, there, done, new, old, small, big, huge,"
    " terrible,"
    "awful, horrible, amazing, awesome, wonderful, beautiful, ugly, cold, hot, warm, wet, dry, dirty, clean, messy, "
    "loud, noisy,"
    "quiet, cute, funny, crazy, mad, killing, driving, making, coming, currently, probably, maybe, perhaps, simply, "
    "basically,"
    "mostly, usually, often, sometimes, it, this, these, those, the same, my, your, his, her, their, our, simple, "
    "complicated,"
    "complex, difficult, important, urgent, due, available, unavailable, different, similar, better, fun, boring, "
    "interesting, worried, jealous, far, away, open, closed, shut, locked"
)

#: Joined by "and", yet one thing.
BINOMIALS = listing(
    "rock and roll, rock 'n' roll, fish and chips, mac and cheese, salt and vinegar, gin and tonic, bread and butter,"
    "drum and bass, arts and crafts, black and white, dungeons and dragons, peanut butter and jelly, rhythm and blues,"
    "bed and breakfast, cheese and wine, sweet and sour, bacon and eggs, ham and cheese, cookies and cream, "
    "country and western,"
    "rum and coke, strawberries and cream, milk and honey, surf and turf, track and field, simon and garfunkel, "
    "tom and jerry,"
    "rick and morty, pride and prejudice, war and peace, crime and punishment, beauty and the beast, law and order, "
    "guns and roses,"
    "oil and vinegar, milk and sugar, cream and sugar, rice and beans, pork and beans, biscuits and gravy, "
    "chicken and waffles"
)

NUMBER_WORDS = listing(
    "no, zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, "
    "fifteen, sixteen,"
    "seventeen, eighteen, nineteen, twenty, thirty, forty, fifty, sixty, seventy, eighty, ninety, hundred, a hundred"
)

#: Behind "and" these begin a new predicate, not a further member of a list.
VERBS = listing(
    "take, go, get, make, use, avoid, buy, want, need, do, watch, run, eat, have, had, am, is, are, was, see, try, "
    "keep, think, feel, know, hope,"
    "would, will, can, could, should, must, visit, stay, come, came, went, spend, prefer, always, never, often, "
    "usually, sometimes, don't, hate, love, like, enjoy,"
    "play, live, work, so, then, that, it, this, you, they, he, she, there, also, still, often, give, gave, told, "
    "tell, say, said, find, found, wear, wish, plan"
)

#: Words of an answer that carry no content of their own.
NOT_ACKNOWLEDGED = listing(
    "a, an, the, i, me, my, we, our, us, you, your, yours, he, she, it, its, they, them, their, his, her, this, "
    "that, these, those, is, are, was, were, am, be,"
    "been, being, do, does, did, have, has, had, can, could, will, would, shall, should, may, might, must, not, no, "
    "yes, and, or, but, so, if, of, in, on,"
    "at, to, for, from, with, about, by, as, than, then, there, here, what, where, who, when, why, how, which, also,"
    " too, very, just, more, some, any, all,"
    "ok, okay, sure, great, nice, good, glad, happy, thanks, thank, welcome, hello, hi, hey, sorry, please, help, "
    "know, know, remember, remembered, noted, note,"
    "understood, got, keep, mind, let, need, anything, else, today, feel, free, ask, tell, told, telling, said, "
    "mentioned, yet, don, ll, ve, re, user, memory, memories,"
    "now, well, like, based, earlier, previous, conversation, conversations, called, name, assist, course, "
    "certainly, absolutely, information, background, known, outdated"
)
