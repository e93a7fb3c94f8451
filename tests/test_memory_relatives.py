"""Who belongs to the user: named beside them, in a list, by apposition; and who died. What is not sure is no fact."""

# ruff: noqa: E501 - rows of tables

import pytest

from memory.rules.questions import asked_about
from memory.rules.sentences import clauses, own_words
from memory.rules.statements import read_statements
from memory.turn import Exchange, Message
from tests.memory_rig import ADA, build


def read(text: str) -> list[str]:
    """The lines that the text states; what it takes back stands with a minus."""
    casual = not any(c.isupper() for c in text.replace("I", ""))
    return [("-" if s.negated else "") + s.text for s in read_statements(clauses(own_words(text)), casual=casual)]


NAMED = """
My wife Clara and I live in Bonn.|The user's wife is called Clara.|The user lives in Bonn.
My dog Rex and I moved to Bonn.|The user's dog is called Rex.|The user lives in Bonn.
I have two kids, Mia and Leo.|The user has two children.|The user has a kid called Mia.|The user has a kid called Leo.
I have two kids (Mia and Leo).|The user has two children.|The user has a kid called Mia.|The user has a kid called Leo.
We have three kids: Mia, Leo and Tom.|The user has three children.|The user has a kid called Mia.|The user has a kid called Leo.|The user has a kid called Tom.
I have two children, Mia (4) and Leo (7).|The user has two children.|The user has a child called Mia.|The user has a child called Leo.
We have two sons, Tom and Max|The user has a son called Tom.|The user has a son called Max.
I have a daughter, Ida, and a son, Paul|The user has a daughter called Ida.|The user has a son called Paul.
I have a son called Paul and a daughter called Ida.|The user has a son called Paul.|The user has a daughter called Ida.
I have a wife and two kids, Mia and Leo.|The user has two children.|The user has a kid called Mia.|The user has a kid called Leo.
I have two cats, Tom and Luna, and a dog, Rex.|The user has a cat called Tom.|The user has a cat called Luna.|The user has a dog called Rex.
I have a brother, Tim, who works nights.|The user has a brother called Tim.
We got a new dog, Bella.|The user has a dog called Bella.
My kids are called Mia and Leo|The user has a kid called Mia.|The user has a kid called Leo.
My children are called Mia and Leo|The user has a child called Mia.|The user has a child called Leo.
My kids are Mia and Leo.|The user has a kid called Mia.|The user has a kid called Leo.
My puppies are called Rex and Max|The user has a puppy called Rex.|The user has a puppy called Max.
Bob has two sons, Tom and Max.|Bob has a son called Tom.|Bob has a son called Max.
My wife, Clara, lives in Bonn and works as a nurse.|The user's wife is called Clara.|Clara lives in Bonn.|The user's wife is called Clara.|Clara works as a nurse.
My brother Tim lives in Oslo and works as a nurse|The user's brother is called Tim.|Tim lives in Oslo.|The user's brother is called Tim.|Tim works as a nurse.
My sister's birthday is on 3 May.|The user's sister's birthday is on 3 May.
My sister Anna's birthday is on 3 May.|The user's sister is called Anna.|Anna's birthday is on 3 May.
My sister's birthday is 3 May, mine is 4 June.|The user's sister's birthday is on 3 May.
My birthday is 3 May, hers is 4 June.|The user's birthday is on 3 May.
My birthday is 3 May, his birthday is 4 June.|The user's birthday is on 3 May.
My sister's birthday is on the 3rd of May.|The user's sister's birthday is on 3rd of May.
My sister's birthday is May the 4th.|The user's sister's birthday is on May the 4th.
My sister's birthday is on 12 March 1990, by the way.|The user's sister's birthday is on 12 March 1990.
My birthday is on May 3rd, 1990.|The user's birthday is on May 3rd, 1990.
My birthday is on 3 May, not 4 May.|The user's birthday is on 3 May.
My birthday is on Christmas Day|The user's birthday is on Christmas Day.
My date of birth is 3/5/1990|The user's birthday is on 3/5/1990.
My kids are Mia, Leo, and Tom.|The user has a kid called Mia.|The user has a kid called Leo.|The user has a kid called Tom.
My kids are called Mia, Leo, and Tom.|The user has a kid called Mia.|The user has a kid called Leo.|The user has a kid called Tom.
My wife, Anna Maria, lives in Bonn.|The user's wife is called Anna Maria.|Anna Maria lives in Bonn.
I have a son, Leo, and a daughter, April|The user has a son called Leo.|The user has a daughter called April.
I have a friend called Anna|The user has a friend called Anna.
I have a dog called Claude|The user has a dog called Claude.
I have a sister called AJ|The user has a sister called AJ.
My uncle Claude lives in Paris.|The user's uncle is called Claude.|Claude lives in Paris.
My assistant Siri and I live in Bonn.|The user lives in Bonn.
"""

DIED = """
My dog died.|The user's dog died.
My dog Rex passed away last year.|The user had a dog called Rex.|-The user's dog is called Rex.|The user's dog Rex passed away.
My grandmother died in 2019.|The user's grandmother died in 2019.
My grandmother, Rosa, died of cancer on 3 May 2019.|The user's grandmother is called Rosa.|The user's grandmother Rosa died on 3 May 2019.
My mom has died|The user's mom died.
My dad died when I was 12.|The user's dad died.
Our cat's dead|The user's cat is dead.
My old dog Rex had to be put down yesterday.|The user had a dog called Rex.|-The user's dog is called Rex.|The user's dog Rex had to be put down.
Sadly, our dog's just died.|The user's dog died.
My dog died and I moved to Bonn.|The user's dog died.|The user lives in Bonn.
My dog died in 2019 and my cat died in 2020.|The user's dog died in 2019.|The user's cat died in 2020.
My father died on the 3rd of May 2019|The user's father died on the 3rd of May 2019.
My father died May 3, 2019|The user's father died May 3, 2019.
Two years ago my father died.|The user's father died.
Two years ago, my father died.|The user's father died.
Yesterday, my mother passed away.|The user's mother passed away.
On Monday, my dog died.|The user's dog died.
In 2019, my dad died.|The user's dad died.
Update: my dog died.|The user's dog died.
My dog died last week. What should I do?|The user's dog died.
My baby Emma died in 2010.|The user's baby is called Emma.|The user's baby Emma died in 2010.
MY DOG DIED|The user's dog died.
My Dog Rex Died|The user had a dog called Rex.|-The user's dog is called Rex.|The user's dog Rex died.
"""

NOBODY_NAMED = """
My wife Clara and I argued.|My wife Clara and I might live in Bonn|If my wife Clara and I lived in Bonn, we'd be happy|Do my wife Clara and I live in Bonn?|My wife Clara and I live in Bonn?
She said "My wife Clara and I live in Bonn."|My boss says my wife Clara and I live in Bonn|In my novel my wife Clara and I live in Bonn|Translate: My wife Clara and I live in Bonn.
Do I have two kids, Mia and Leo?|If I had two kids, Mia and Leo, I'd be happy|I want two kids, Mia and Leo|I wish I had a son, Paul|I had two kids, Mia and Leo|I don't know my kids, Mia and Leo
I have two kids, happy and healthy|I have three kids, Mia, Leo|I have a son, Paul likes football|I have two sons, Tom and Max live with me|I have a sister, Anna said|I have a cousin, Rome is his home
I have a dog, Labrador|I have a dog, a Labrador|My cats are Siamese and Persian|My friends are German and French|I have a teacher, German and French|I have a vet appointment, Monday|I have a brother, Monday works
We have a partner, Siemens|I have an assistant, Siri|I have a dog, Claude|We have twins, Max and Mia|My character has two kids, Mia and Leo|My kids are adorable and smart|My kids are 4 and 7|My dogs are Labradors|My kids are in Rome
My wife's birthday party is on 3 May|My friend said my sister's birthday is on 3 May|Is my sister's birthday on 3 May?|My sister's job is stressful|My wife's car is broken|My dad's home is a mess
If my dog died I would be sad|My boss said her dog died|My boss's dog died.|My friend's dog died|My dog nearly died|My dog didn't die|My dog has not died|My dog is not dead|My dog died?|Did my dog die?|My dog is dying
My wife thinks my dog died|She said my dog died|Suppose my dog died|When my dog died I cried|In my dream my dog died|"My dog died" is a sad song|My dog died in my novel|My character's dog died
My brother died of laughter|My mom died laughing|My horse died in Minecraft|My dad is dead tired|My brother is dead to me|My phone died|My mouse died|My sister passed|My boss was put down|My dog Labrador died|Elvis died in 1977|Maybe my dog died
My sister's birthday is not 3 May.|My sister's birthday was on 3 May.|My sister's birthday isn't on 3 May.|My birthday is not 3 May.|My birthday was on 3 May.|My sister's birthday is never on 3 May.|My sister's birthday is 3 May or 4 May.
My partners are Siemens and Bosch|My sisters are Democrats and Republicans|My kids are Swifties and Beliebers|My brothers are Marines and Rangers|My dogs are Rex and Max's|My colleagues are Anna and Bob from Berlin|My kids are Mia and Bob from Berlin|My kids are Mia, Leo, and happy.|My birthday is 3 May, Bob's is 4 May|My brothers are Navy and Army
My wife, Thank God, lives in Bonn.|My wife, However, lives in Bonn.|My brother, Monday, lives in Bonn.|My partner, Siemens, has a dog called Rex|My wife, Thank God, is a nurse and lives in Bonn|My friend, Netflix, lives in Bonn
I have a dog, Vizsla|I have a dog, Weimaraner|I have a dog, Shiba Inu|I have a dog, Bichon Frise|I have a dog, Cane Corso|I have a dog, Newfoundland|I have a dog, Havanese|I have a rabbit, Holland Lop|I have a horse, Hanoverian|I have a dog, Aussiedoodle
I have a sister, LOL|I have a cat, Haha|I have a cat, Btw|I have a kid, FYI|I have a dog, OMG|I have a wife and a son, Thank God|I have a sister, Vegan|I have a sister, PhD|I have a sister, Nurse|I have a brother, Navy SEAL|I have a child, Kindergarten
I have a friend, Vegan|I have a coworker, HR|I have two friends, Google and Wikipedia.|I have a friend, Netflix|I have a neighbour, Aldi|My assistant Siri died.
In Skyrim, my horse died.|In Elden Ring, my horse died.|After the boss fight, my horse died.|Sadly, after the raid, my horse died.|I play Skyrim and my horse died|I was playing Skyrim. My horse died.|My horse died. How do I respawn it?|My friend died. In the game, I mean.
My dog died yesterday. Just kidding!|My dog died. Not really.|Lol my dog died|My brother just died. I mean he's so funny.|Knock knock. My dog died.|Explain the joke: my dog died.|My dad died?!|My dog died. Right?|My wife died when it was little.
Write: My dog died.|Ich sage: My dog died.|I'm writing a story. My dog died.|My grandmother died in 2019. Fix the grammar.|Story: My father died in 2010. I was alone.
My dad is dead, he forgot mom's birthday.|My dad is dead. He forgot mom's birthday.|My baby died yesterday. The mechanic says the engine is gone.|My baby died.|My spider died.|My assistant died.|MY DOG REX DIED
"""


def rows(table: str) -> list[list[str]]:
    return [[part for part in line.split("|") if part] for line in table.strip().splitlines()]


@pytest.mark.parametrize("row", [*rows(NAMED), *rows(DIED)], ids=lambda row: row[0])
def test_people_and_animals_are_written_down(row: list[str]):
    assert read(row[0]) == row[1:]


@pytest.mark.parametrize("text", [text for row in rows(NOBODY_NAMED) for text in row])
def test_it_names_nobody_and_nobody_died(text: str):
    assert read(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Song lyrics:\nMy dog died and my wife left",
        "Here is my essay:\nMy grandmother died in 2019.",
        "Read this:\n\nMy dog died. It was old.",
        "My horse died.\nWhich game has the best horses?",
    ],
)
def test_nobody_died_in_a_text_below_or_beside_a_game(text: str):
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("My wife, Clara, and I live in Bonn.", "Clara"),  # two people, or three
        ("My wife and her sister Clara and I live in Bonn.", "Clara"),
        ("Yesterday I met my wife, Clara, and I work at Siemens.", "Clara"),
    ],
)
def test_what_may_be_said_of_another_names_nobody(text: str, person: str):
    assert [line for line in read(text) if person in line] == []


def test_of_a_dead_animal_nothing_more_is_read_and_nobody_else_is_taken_for_it():
    assert read("My sister Anna lives in Rome. My dog died. She was born in Oslo.")[2:] == ["The user's dog died."]
    assert read("My grandmother died in 2019. She was born in Rome.")[1:] == [
        "The user's grandmother was born in Rome."
    ]


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("What are my kids' names?", ("user", "rel:son")),
        ("What are the names of my children?", ("user", "rel:kid")),
        ("Who are my kids?", ("user", "rel:daughter")),
        ("What are my sons called?", ("user", "rel:son")),
        ("Is my dog still alive?", ("dog", "died")),
        ("Do I have a dog?", ("dog", "died")),
        ("Do I still have a dog?", ("user", "pet:dog")),
        ("When did my grandmother die?", ("grandmother", "died")),
        ("What happened to my dog Rex?", ("dog", "died")),
    ],
)
def test_a_question_about_them_names_what_is_known_of_them(question: str, named: tuple[str, str]):
    assert named in asked_about(question)


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("Where is my sister living?", (("sister", "lives"),)),
        ("where my sister is living", (("sister", "lives"),)),
        ("What happened with my lawyer?", (("user", "rel:lawyer"),)),
    ],
)
def test_where_somebody_lives_is_no_question_of_life_and_death(question: str, named: tuple[tuple[str, str], ...]):
    assert asked_about(question) == named


@pytest.mark.parametrize(
    "question", ["Where has my son gone?", "When is my nanny around?", "Who is my sister living with?"]
)
def test_where_somebody_is_names_no_death_and_no_name(question: str):
    assert not [attribute for _, attribute in asked_about(question) if attribute == "died"]


@pytest.mark.parametrize(
    "question", ["Is my sister still living?", "Is my dog gone?", "Do you know if my dog is still around?"]
)
def test_whether_somebody_lives_names_the_death(question: str):
    assert "died" in [attribute for _, attribute in asked_about(question)]


TOLD_AND_FOUND = [
    (["I have two kids, Mia and Leo."], "What are my kids' names?", ["kid called Mia", "kid called Leo"]),
    (["My kids are called Mia and Leo."], "What is my son called?", ["kid called Leo"]),
    (["I have a daughter, Ida, and a son, Paul."], "What are my kids' names?", ["Ida", "Paul"]),
    (["We have two sons, Tom and Max."], "What is my son called?", ["son called Tom", "son called Max"]),
    (["My wife Clara and I live in Bonn."], "What is my wife's name?", ["wife is called Clara"]),
    (["My dog died."], "Is my dog still alive?", ["dog died"]),
    (["My dog died."], "Do I have a dog?", ["dog died"]),
    (["My dog Rex passed away last year."], "Is Rex still alive?", ["Rex passed away"]),
    (["My grandmother died in 2019."], "When did my grandmother die?", ["died in 2019"]),
]


@pytest.mark.parametrize(("told", "question", "found"), TOLD_AND_FOUND)
def test_a_question_finds_them_as_facts(tmp_path, minilm, told, question, found):
    memory = build(tmp_path, minilm)
    for text in (*told, "I work at Siemens.", "I like jazz and long walks.", "My boss is called Priya."):
        memory.tell(text)
    lines = [hit.cube.text for hit in memory.pipeline.search(ADA, query=question, top_k=4).hits if hit.cube.fact]
    assert all(any(part in line for line in lines) for part in found), lines


def test_after_a_death_there_is_room_for_the_next_one(tmp_path):
    memory = build(tmp_path, None)
    memory.tell("I have a dog called Rex.")
    memory.tell("My dog Rex died last week.")
    memory.tell("We got a new dog, Bella.")
    current = {cube.text for cube in memory.files.vault.page(ADA, limit=99).cubes if cube.fact}
    assert current == {"The user had a dog called Rex.", "The user's dog Rex died.", "The user has a dog called Bella."}
    assert [cube.text for cube in memory.files.vault.profile(ADA)] == ["The user has a dog called Bella."]


def test_two_of_a_kind_die_one_by_one(tmp_path):
    memory = build(tmp_path, None)
    for text in ("My dog Rex died in 2010.", "My dog Max died in 2020."):
        memory.tell(text)
    lines = {cube.text for cube in memory.files.vault.page(ADA, limit=99).cubes if cube.fact}
    assert {"The user's dog Rex died in 2010.", "The user's dog Max died in 2020."} < lines


def test_a_death_that_is_read_again_says_the_same(tmp_path):
    memory = build(tmp_path, None)
    memory.tell("I have a dog called Rex.")
    memory.tell("My dog Rex died last week.")
    vault = memory.files.vault
    before = sorted(cube.text for cube in vault.page(ADA, limit=99).cubes)
    (turn,) = [row for row in vault.export(ADA) if "died" in str(row) and row["object"] == "memos.turn"]
    said = Message(role="user", text="My dog Rex died last week.", created_at=None)
    exchange = Exchange(
        turn_id=turn["id"], scope=ADA, conversation_id="c", messages=(said,), occurred_at=memory.clock()
    )
    memory.pipeline.after(exchange)
    assert sorted(cube.text for cube in vault.page(ADA, limit=99).cubes) == before
