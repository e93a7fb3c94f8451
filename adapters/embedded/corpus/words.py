"""Word lists in English, by kind, for made-up people and what is true of them.

Law: a word in ``HELD_OUT_WORDS`` or another ``HELD_OUT_*`` list never occurs in training text, so that what is measured
on these is reading, not recall.
"""


def words(block: str) -> tuple[str, ...]:
    """Return the comma-separated words of a block."""
    return tuple(dict.fromkeys(word.strip() for word in block.replace("\n", " ").split(",") if word.strip()))


NAMES = words("""
Alice, Bob, Carol, David, Emma, Frank, Grace, Henry, Irene, Jack, Karen, Leo, Maria, Nina, Oscar, Paula, Quentin,
Rosa, Samuel, Tara, Umberto, Vera, Walter, Xenia, Yusuf, Zoe, Anna, Ben, Clara, Daniel, Elena, Felix, Gina, Hugo,
Ivan, Julia, Kevin, Laura, Mark, Nora, Oliver, Peter, Rachel, Simon, Tom, Ursula, Victor, Wendy, Amir, Bianca, Chen,
Diego, Eva, Fatima, George, Hannah, Isaac, Jasmine, Kai, Lucy, Mohammed, Nadia, Olga, Priya, Ravi, Sofia, Theo, Uma,
Vikram, Wei, Yara, Zane, Aisha, Boris, Celine, Dmitri, Esther, Fiona, Gustav, Hiro, Ingrid, Jonas, Kenji, Lena, Mateo,
Naomi, Otto, Pablo, Rita, Sven, Tina, Viktor, Yuki, Marco, Luis, Ella, Max, Sara, Adam, Ruth, Ada, Alan, Sam, John,
Mary, James, Linda, Robert, Susan, Michael, Lisa, William, Emily, Thomas, Sarah, Charlie, Alex, Chris, Kate, Jane,
Joe, Mia, Noah, Liam, Sophie, Paul, Eric, Ines, Joao, Pedro, Miguel, Carlos, Martin, Eve, Steve, Anne, Nick, Amy,
Matt, Dan, Tim, Jim, Mike, Lily, Ruby, Molly, Ellie, Harry, Arthur, Edward, Claire, Helen, Louise, Martha, Rose,
Stella, Violet, Aaron, Ali, Andre, Andrea, Anton, Bruno, Camila, Cora, Dora, Elias, Erik, Finn, Greta, Hans, Ian,
Iris, Jakob, Johan, Katrin, Klara, Lars, Leila, Lukas, Magnus, Margot, Mina, Mira, Nils, Omar, Pia, Rafael, Ricardo,
Rui, Sandra, Stefan, Teresa, Tomas, Vasco
""")
PETS = words("""
Rex, Bella, Milo, Luna, Rocky, Buddy, Coco, Max, Daisy, Toby, Whiskers, Felix, Shadow, Ginger, Pepper, Oreo, Nala,
Simba, Biscuit, Fluffy, Charlie, Lucky, Bruno, Mittens, Tiger, Snowy, Bailey, Cooper, Duke, Jack, Lola, Molly, Oscar,
Poppy, Rosie, Ruby, Sadie, Smokey, Teddy, Ziggy, Misty, Hazel, Honey, Loki, Thor, Zeus, Apollo, Pumpkin, Cookie,
Muffin
""")
CITIES = words("""
Lisbon, Porto, Madrid, Paris, London, Berlin, Rome, Vienna, Prague, Oslo, Helsinki, Dublin, Athens, Warsaw, Budapest,
Zurich, Geneva, Brussels, Amsterdam, Hamburg, Munich, Milan, Naples, Seville, Valencia, Tokyo, Kyoto, Osaka, Seoul,
Beijing, Shanghai, Hanoi, Bangkok, Jakarta, Manila, Delhi, Mumbai, Cairo, Nairobi, Lagos, Accra, Tunis, Toronto,
Montreal, Vancouver, Boston, Chicago, Denver, Seattle, Austin, Dallas, Miami, Atlanta, Phoenix, Lima, Bogota, Quito,
Santiago, Sydney, Melbourne, Perth, Auckland, Wellington, Bergen, Malmo, Tallinn, Riga, Vilnius, Krakow, Leeds,
Bristol, Cardiff, Glasgow, Ghent, Lyon, Nice, Bordeaux, Turin, Venice, Split, Sofia, Izmir, Dubai, Doha, Muscat,
Barcelona, New York, San Francisco, Los Angeles, Copenhagen, Stockholm, Edinburgh, Manchester, Rotterdam, Singapore,
Istanbul, Florence, Faro, Braga, Coimbra, Spain, Portugal, France, Italy, Germany, Norway, Sweden, Japan, Canada,
Brazil, Mexico, India, Ireland, Scotland, Greece, Poland, Bologna, Verona, Cologne, Frankfurt, Leipzig, Dresden, Bonn,
Basel, Bern, Antwerp, Utrecht, Oxford, Cambridge, York, Bath, Brighton, Liverpool, Belfast, Cork, Galway, Marseille,
Toulouse, Lille, Nantes, Malaga, Granada, Bilbao, Houston, Portland, Boulder, Cape Town, Hong Kong, Taipei, Rio de
Janeiro, Buenos Aires, Kyiv, Zagreb
""")
COLOURS = words("""
teal, red, blue, green, yellow, orange, purple, pink, black, white, grey, brown, silver, gold, crimson, turquoise,
violet, indigo, beige, navy, lilac, olive, maroon, coral, dark blue, light green, scarlet, lavender, bronze, peach
""")
FOODS = words("""
pizza, sushi, pasta, ramen, curry, tacos, risotto, lasagne, paella, goulash, pancakes, waffles, dumplings, noodles,
falafel, hummus, couscous, chicken soup, apple pie, grilled fish, fried rice, cheese, salad, steak, burgers, porridge,
lentil stew, mushroom soup, tofu, rice pudding, chocolate cake, ice cream, strawberries, mangoes, bananas, peanuts,
shellfish, gluten, milk, eggs, walnuts, almonds, soy, pollen, nuts, broccoli, olives, mushrooms, onions, tomatoes,
garlic, coriander, chocolate, fish, spicy food, shrimp, lobster, crab, sesame, wheat, dairy, lactose, hazelnuts,
cashews, kiwi, penicillin, cats, dust, bees, latex, celery, mustard, lupin, apples, pears, cherries, grapes, spinach,
carrots, beans, lentils, chicken, beef, pork, lamb, bacon, salmon, tuna, oysters, bread, butter, honey, yoghurt,
potatoes, fries, kebab, lasagna, gnocchi
""")
LIKINGS = words("""
jazz, hiking, long walks, old films, chess, swimming, rock music, trains, gardening, board games, science fiction,
classical music, the sea, cats, dogs, snow, football, poetry, cooking, cycling, museums, horror films, opera, the
rain, crowds, early mornings, loud music, camping, video games, country music, crosswords, the mountains, the beach,
autumn, black coffee, green tea, roses, modern art, long meetings, flying, the cold, mosquitoes, traffic, winter,
heavy metal
""")
DRINKS = words("""
coffee, green tea, black tea, orange juice, water, lemonade, hot chocolate, espresso, cappuccino, apple juice, milk,
mint tea, cola, beer, red wine, cider, tea, white wine, tomato juice, iced tea, ginger tea, latte, oat milk, a
smoothie
""")
ANIMALS = words("""
dog, cat, rabbit, parrot, hamster, turtle, horse, goldfish, lizard, snake, pony, goat, puppy, kitten, ferret, canary,
duck, guinea pig, mouse, rat, fish, bird, chicken, sheep, donkey, gecko, spider, budgie, tortoise, cow
""")
RELATIVES = words("""
sister, brother, mother, father, wife, husband, daughter, son, aunt, uncle, cousin, grandmother, grandfather, boss,
best friend, neighbour, partner, teacher, doctor, manager, dentist, landlord, colleague, niece, nephew, mum, dad,
girlfriend, boyfriend, friend, mother-in-law, father-in-law, twin sister, older brother, little sister, grandson,
granddaughter, fiance, roommate, coach, therapist, lawyer, hairdresser, vet, piano teacher, accountant, baby
""")
JOBS = words("""
nurse, teacher, baker, plumber, lawyer, pilot, farmer, chef, painter, dentist, librarian, carpenter, mechanic,
journalist, translator, gardener, designer, programmer, accountant, electrician, architect, engineer, actor, editor,
artist, barber, biologist, chemist, musician, photographer, sailor, tailor, waiter, judge, firefighter, doctor,
software engineer, police officer, data scientist, student, product manager, civil engineer, graphic designer, taxi
driver, bus driver, writer, singer, cook, surgeon, vet, cleaner, consultant, developer, researcher, professor,
physicist, postman, secretary, salesman, web developer, project manager, social worker, psychologist, pharmacist,
butcher, hairdresser, soldier
""")
HOBBIES = words("""
chess, swimming, hiking, painting, cycling, gardening, cooking, knitting, fishing, running, dancing, reading,
climbing, skiing, surfing, pottery, photography, yoga, football, tennis, basketball, rowing, sailing, archery, karate,
judo, baking, drawing, singing, camping, chess, golf, bird watching, badminton, volleyball, skating, sewing, writing,
boxing, diving
""")
INSTRUMENTS = words("""
piano, guitar, violin, cello, flute, drums, trumpet, harp, clarinet, accordion, banjo, saxophone, oboe, ukulele, bass,
viola, trombone, organ, harmonica, electric guitar, double bass, tuba
""")
LANGUAGES = words("""
English, Spanish, French, German, Italian, Portuguese, Dutch, Polish, Czech, Greek, Turkish, Arabic, Hebrew, Hindi,
Japanese, Korean, Mandarin, Finnish, Swedish, Danish, Norwegian, Hungarian, Romanian, Swahili, Russian, Chinese,
Ukrainian, Thai, Vietnamese, Latin, Welsh, Irish, Catalan, Croatian
""")
SUBJECTS = words("""
physics, biology, history, law, medicine, economics, chemistry, geology, astronomy, philosophy, mathematics,
linguistics, music, sociology, botany, statistics, computer science, psychology, engineering, art history, geography,
literature, political science, nursing, architecture, business, education, journalism
""")
MONTHS = words("""
January, February, March, April, May, June, July, August, September, October, November, December
""")
VEHICLES = words("""
red van, blue truck, small scooter, old bicycle, Tesla, Volvo, Toyota, Honda, Fiat, Ford, motorbike, silver car,
Renault, Skoda, red car, BMW, Audi, Mazda, Volkswagen, Mini, Jeep, green van, black car, electric car, Nissan,
Porsche, old Volvo
""")
COMPANIES = words("""
Google, Siemens, Acme, Nokia, IBM, Airbus, Philips, Sony, Ikea, Nestle, Bosch, Shell, Microsoft, Apple, Amazon, the
city library, a hospital, a small bakery, a school, the post office, Spotify, Samsung, Intel, Oracle, Netflix, Tesla,
a bank, a law firm, the university, a museum, a start-up, the town hall, Volvo, Zalando, Mozilla, the airport
""")
UNIVERSITIES = words("""
Oxford, Cambridge, Harvard, Stanford, MIT, Yale, Princeton, the University of Porto, the University of Vienna, Leiden,
Uppsala, Bologna, Heidelberg, Edinburgh, King's College, the Technical University of Munich, Sorbonne, Berkeley
""")
TITLES = words("""
Dune, Emma, The Hobbit, War and Peace, Moby Dick, Dracula, Frankenstein, The Odyssey, Hamlet, Middlemarch, Ulysses,
Beloved, Pride and Prejudice, The Great Gatsby, Don Quixote, Crime and Punishment, The Trial, The Plague, Neuromancer,
Persuasion, Anna Karenina, Jane Eyre, Animal Farm, Brave New World, Little Women, Great Expectations, The Castle,
Solaris, Kim
""")
DIETS = words("""
vegetarian, vegan, pescatarian, gluten free, lactose intolerant, flexitarian, kosher, halal, keto, paleo
""")
COUNTS = words("one, two, three, four, five, six, 2, 3, 4, 5, no, seven")
ADJECTIVES = words("""
silver, quiet, golden, broken, lucky, hidden, little, purple, rusty, gentle, frozen, hollow, velvet, crooked, lonely,
bright, ancient, wild, paper, iron, big, small, old, new, red, blue, green, white, black, second, front, back, first,
main, summer
""")
NOUNS = words("""
lantern, river, garden, mountain, window, castle, bridge, mirror, forest, candle, island, hammer, feather, tower,
anchor, market, valley, harbour, meadow, rocket, pebble, thunder, whisper, car, house, boat, shed, gate, kitchen,
office, project, server, team, ship, door, room, garage, roof, sofa, bike, school, shop, train, library, machine,
cellar, attic, fence
""")
FAVOURITES = words("""
colour, food, drink, city, book, film, movie, song, band, singer, sport, animal, season, game, fruit, vegetable,
dessert, country, writer, painter, restaurant, day, month, number, flower, tree, language, subject, team, park,
museum, holiday, breakfast, soup, snack, cheese, cake, bird, hobby, actor, show, podcast, car, beer, tea, poem,
planet, author, dish, pizza, ice cream, composer, album, series, cafe, beach, place, meal, instrument, superhero,
cartoon, store, bakery, website
""")
ATTRIBUTES = words("""
phone number, email address, email, postcode, shoe size, blood type, locker code, door code, wifi password, car brand,
desk number, bus line, gym, bank, street, flat number, nickname, surname, middle name, lucky number, birth city, home
town, school, hair colour, eye colour, team name, project name, badge number, seat number, office, phone model,
username, birth month, meeting day, star sign, train line, parking spot, library card, order number, ticket number,
room number, house number, dream job, goal, deadline, budget, height, weight, time zone, keyboard, operating system,
coffee order, alarm time, training day, bike, boat, tent, camera, guitar, insurance company, code name, security
question, laptop, computer, flight number, hotel room, wedding day, student number, phone, hotel chain, neighbourhood,
football team, clothing size, ring size, appointment, licence plate, last name, favourite team, bicycle code, gate
code, zip code, mobile number, work number, account name, house colour
""")
HELD_OUT_FAVOURITES = words("sandwich, board game, sauce, lake, comic, dance, tool, insect, perfume, spice")
HELD_OUT_ATTRIBUTES = words("""
passport number, garage code, yacht, horoscope, printer, tax number, backpack, cinema, medal, barber shop, jersey
number, helmet, account number, tablet, suitcase, blood pressure, membership number, allotment
""")
HELD_OUT_WORDS = {
    "name": words("""
Bartholomew, Philippa, Ottoline, Casimir, Leocadia, Thaddeus, Morwenna, Zebedee, Anneliese, Ignatius, Seraphina
"""),
    "pet": words("Snickers, Pumbaa, Gizmo, Nugget, Sparky"),
    "city": words("""
Reykjavik, Marrakesh, Ljubljana, Antofagasta, Thessaloniki, Wolverhampton, Kathmandu, Zanzibar, Timisoara
"""),
    "colour": words("vermilion, chartreuse, magenta, ochre, cerulean, mauve"),
    "food": words("moussaka, gazpacho, pierogi, baklava, okonomiyaki, ratatouille, artichokes, anchovies"),
    "drink": words("kombucha, horchata, sarsaparilla, buttermilk"),
    "job": words("blacksmith, veterinarian, cartographer, taxidermist, beekeeper, locksmith"),
    "hobby": words("falconry, origami, kayaking, bookbinding, calligraphy"),
    "instrument": words("theremin, bassoon, mandolin, xylophone"),
    "language": words("Icelandic, Basque, Tagalog, Estonian"),
    "subject": words("entomology, cryptography, archaeology"),
    "animal": words("hedgehog, iguana, alpaca, tarantula, chinchilla"),
    "relative": words("stepmother, godfather, flatmate, sister-in-law"),
    "title": words("Wuthering Heights, Catch-22, Gilgamesh, Siddhartha"),
    "university": words("Salamanca, Tubingen, Dartmouth, Georgetown"),
    "diet": words("fruitarian, macrobiotic"),
}

#: Syllables of made-up words: onset, nucleus, coda.
ONSETS: tuple[str, ...] = (
    *"b c d f g h j k l m n p r s t v w z".split(),
    *"br cr dr fr gr kr pl pr st str tr sh ch th qu sl sn gl bl fl cl sk sp".split(),
    "",
)
NUCLEI: tuple[str, ...] = tuple("a e i o u a e i o ai ea ee oo ou io ia y au".split())
CODAS: tuple[str, ...] = ("", "", "", "", *"n r s l m t k x nd rt sk ng ck lm b d g p z ss ll nt".split())
