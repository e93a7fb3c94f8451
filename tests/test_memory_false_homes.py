"""What people move to is not always a home, what was in childhood holds no more, and a text's "I" is not the user."""

# ruff: noqa: E501 - rows of tables

import pytest

from memory.rules.sentences import clauses, own_words
from memory.rules.statements import read_statements
from memory.rules.words import is_casual
from tests.memory_rig import ADA, build

NO_HOMES = """
I moved to night shifts last week|i moved to nights|I moved to mornings|i moved to part time|I moved to part-time work
I moved to the finance team|I moved to a new team at work|I moved to the Berlin office|I moved to the marketing department in London
I moved to a new role in Berlin|I moved to Bosch as a team lead|I moved to Anna's team|I moved to management|i moved to remote work
I moved to decaf|I moved to oat milk last month|i moved to keto|I moved to a plant-based diet|i moved to vapes|I moved to insulin pens
i moved to metformin last week|I moved to sertraline|I moved to contact lenses|I moved to glasses from contacts|I moved to Dr. Patel
I moved to Spotify from Apple Music|I moved to Netflix|I moved from Android to iPhone|I moved from Apple Music to Spotify|i moved to linux
We just moved to Postgres|I moved to GitHub Actions|I moved to AWS|I moved to Sky broadband|I moved to N26|I finally moved to an iPhone
I moved to a standing desk|I moved to the sofa|i moved to a king size bed|I moved to the 6th floor|I moved to electric|i moved to e-bikes
I moved to the Monday class|I moved to Level 3|I moved to four days a week|we moved to weekly meetings|I moved from nights to days
I moved in with my girlfriend|I moved in together with Tom|I moved in next door|I moved in yesterday|I moved in on Monday|I moved on
I moved in with the Hendersons|We settled in nicely|I settled in quickly at Siemens|I moved to live with my aunt|I moved to study in Leeds
I left Google for Meta|I left my wife for Anna|I left Bosch for Siemens|My brother moved to the night shift|Tom moved to Bosch as an engineer
"""

HOMES = """
I moved to Porto|Porto
we just moved to a small village near Ghent|a small village near Ghent
I moved to the US last year|the US
i moved to berlin|berlin
i moved to utrecht last month|utrecht
i just moved to san diego|san diego
i moved to new york for work|new york
hey i moved to leeds btw|leeds
i moved to birmingham a while back|birmingham
I moved to a new flat in Leeds|a new flat in Leeds
I've moved to Leeds from Bristol|Leeds
I moved from Bristol to Leeds|Leeds
I moved to the Netherlands|the Netherlands
I moved to Austin, Texas two years ago|Austin, Texas
I moved to McKinney, Texas|McKinney, Texas
We moved to the suburbs of Chicago|the suburbs of Chicago
We moved to Scotland after uni|Scotland
I moved to Tampere for a job at Nokia|Tampere
I moved to Melbourne permanently|Melbourne
I moved to downtown Chicago|downtown Chicago
I moved to Newcastle upon Tyne|Newcastle upon Tyne
I moved to Rio de Janeiro|Rio de Janeiro
I moved to Kraków with my family|Kraków
I moved to Nice|Nice
I moved to Reading|Reading
I moved to Vienna two months ago|Vienna
I moved from Madrid to a small village in Galicia|a small village in Galicia
we settled in Vienna|Vienna
I left Lisbon for Porto|Porto
I emigrated to Canada|Canada
"""

YOUTH = """
I moved to Rome when I was 8|When I was 8, we moved to Rome|when i was 8 we moved to rome|We moved to Leeds when I was a baby
I moved in with the Hendersons when I was 8, long story|I lived in Rome when I was a kid|I moved to Oslo at the age of 5
I moved to Texas in my twenties|As a teenager I moved to Oslo|I started working at Tesco when I was 16|When I was 16, I started working at Tesco
"""

COMPOSED = """
Write a first-person story: My name is Captain Reyes and I sail the seven seas
write a monologue for my play: my name is Otto, i'm 70
Make up a backstory: I'm Lyra, an elf
Draft a bio: I am Tom, a plumber in Leeds
write me a cover letter: I'm Sam and I have 10 years of experience
Can you write a poem: I am the sea and I live in Atlantis
Compose a letter from a soldier: My name is James, I'm 19
generate a diary entry: I'm Anne and I live in Amsterdam
Write a story in which I'm a pirate and I live in Tortuga
write a story where my name is Otto and I live in Rome
Write a speech that begins with 'My name is Otto and I live in Rome with my three old cats and a dog'
Help me write a villain monologue: my name is Mordo. I live in Brooklyn.
I'm writing a short story: my name is Otto and I live in Rome
finish this poem: I live in Rome
invent a persona: my name is Zed and I work at Acme
Draft: I am Tom
"""

OWN = """
Write this down: my name is Ada|The user's name is Ada.
Please write this down: I work at Bosch|The user works at Bosch.
Note: I live in Bonn|The user lives in Bonn.
remember: I live in Bonn|The user lives in Bonn.
Make a note: my name is Ada|The user's name is Ada.
write down my birthday: 3 May|The user's birthday is 3 May.
My name is Ada. Write a poem: I am a tree|The user's name is Ada.
I live in Bonn, can you write me a letter to my landlord: I'm Tom|The user lives in Bonn.
I write songs: I play the guitar|The user plays the guitar.
Make me a workout plan: I live in Bonn|The user lives in Bonn.
Suggest a recipe: I'm allergic to peanuts|The user is allergic to peanuts.
Draft an itinerary for my trip. I live in Bonn|The user lives in Bonn.
When I was a kid I lived in Rome but now I live in Bonn|The user lives in Bonn.
I became a vegetarian when I was 12|The user is a vegetarian.
"""


def read(text):
    return [one.text for one in read_statements(clauses(own_words(text)), casual=is_casual(text)) if not one.negated]


@pytest.mark.parametrize("text", NO_HOMES.strip().replace("\n", "|").split("|"))
def test_what_one_moves_to_is_no_home_unless_it_is_a_place(text):
    assert [line for line in read(text) if "lives" in line] == []


@pytest.mark.parametrize("row", HOMES.strip().splitlines())
def test_a_place_that_one_moved_to_is_a_home(row):
    text, home = row.split("|")
    assert read(text) == [f"The user lives in {home}."]


@pytest.mark.parametrize("text", YOUTH.strip().replace("\n", "|").split("|"))
def test_what_was_in_childhood_says_nothing_of_today(text):
    assert read(text) == []


@pytest.mark.parametrize("text", COMPOSED.strip().splitlines())
def test_the_words_of_a_text_that_is_to_be_written_are_not_the_users(text):
    assert read(text) == []


@pytest.mark.parametrize("row", OWN.strip().splitlines())
def test_what_the_user_says_of_themselves_is_read_beside_tasks_and_memories(row):
    text, line = row.split("|")
    assert read(text) == [line]


@pytest.mark.parametrize("news", ["I moved to night shifts last week.", "I moved to Rome when I was 8."])
def test_no_false_home_replaces_the_home(tmp_path, news):
    memory = build(tmp_path, None)
    memory.tell("I live in Bristol.")
    memory.tell(news)
    current = {cube.text for cube in memory.files.vault.page(ADA, limit=99).cubes}
    assert [text for text in current if "lives in" in text] == ["The user lives in Bristol."]
