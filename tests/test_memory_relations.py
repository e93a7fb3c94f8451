"""Statements in, facts out: what people say and how memory writes it down, and what must never become a fact."""

# ruff: noqa: E501 - rows of tables

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.rules.sentences import clauses, own_words, plain
from memory.rules.statements import read_statements


def read(text: str) -> list[str]:
    """The lines that the text states; what it takes back stands with a minus."""
    casual = not any(c.isupper() for c in text.replace("I", ""))
    return [("-" if s.negated else "") + s.text for s in read_statements(clauses(own_words(text)), casual=casual)]


def keys(text: str) -> list[tuple[str, str, str]]:
    return [(s.fact.subject, s.fact.attribute, s.fact.value) for s in read_statements(clauses(own_words(text)))]


CANONICAL = """
My name is Ada.|The user's name is Ada.
I live in Lisbon.|The user lives in Lisbon.
My favourite colour is teal.|The user's favourite colour is teal.
I am allergic to walnuts.|The user is allergic to walnuts.
I have a dog called Rex.|The user has a dog called Rex.
My sister is called Maria.|The user's sister is called Maria.
I work at Siemens.|The user works at Siemens.
I work as a nurse.|The user works as a nurse.
My birthday is on 3 May.|The user's birthday is on 3 May.
I am 34 years old.|The user is 34 years old.
I was born in Madrid.|The user was born in Madrid.
My hobby is chess.|The user's hobby is chess.
I like jazz.|The user likes jazz.
I don't like broccoli.|The user does not like broccoli.
I play the guitar.|The user plays the guitar.
I am learning Spanish.|The user is learning Spanish.
I study physics.|The user studies physics.
I drive a red car.|The user drives a red car.
I drink coffee every morning.|The user drinks coffee every morning.
I am travelling to Tokyo.|The user is travelling to Tokyo.
I have two children.|The user has two children.
I am vegetarian.|The user is vegetarian.
My cat is called Luna.|The user's cat is called Luna.
My brother's name is Tom.|The user's brother's name is Tom.
My favourite food is pizza.|The user's favourite food is pizza.
My favourite season is autumn.|The user's favourite season is autumn.
My shoe size is 42.|The user's shoe size is 42.
My door code is 4821.|The user's door code is 4821.
My favorite sport is tennis.|The user's favorite sport is tennis.
Bob lives in Paris.|Bob lives in Paris.
The password hint of the router is blue.|The password hint of the router is blue.
"""

SPOKEN = """
My boss is nice and works at Google|The user's boss works at Google.
Hi, I'm Ada!|The user's name is Ada.
Hello, I'm Ada Lovelace, by the way|The user's name is Ada Lovelace.
my name's ada|The user's name is ada.
Call me Ishmael.|The user's name is Ishmael.
Actually, my name is Ana.|The user's name is Ana.
My name is Ada and I live in Lisbon and work at Siemens|The user's name is Ada.|The user lives in Lisbon.|The user works at Siemens.
My name is Ada, I'm 34, I live in Lisbon and I have a dog called Rex.|The user's name is Ada.|The user is 34 years old.|The user lives in Lisbon.|The user has a dog called Rex.
Hello, I'm Ada and I'm a nurse from Porto|The user's name is Ada.|The user works as a nurse.|The user is from Porto.
I\u2019m allergic to walnuts.|The user is allergic to walnuts.
By the way, I live in Lisbon these days.|The user lives in Lisbon.
Remember that I drive a red car.|The user drives a red car.
Don't forget that I'm allergic to nuts|The user is allergic to nuts.
Please note that my shoe size is 42, please.|The user's shoe size is 42.
Just so you know I'm on a vegan diet.|The user follows a vegan diet.
My employer is Kestrion, in case it matters.|The user works at Kestrion.
I moved to Porto.|The user lives in Porto.
I've just moved from Lisbon to Porto!|The user lives in Porto.
I now live in New York.|The user lives in New York.
i live in new york|The user lives in new york.
My wife and I live in Oslo|The user lives in Oslo.
I live with my parents in Leeds|The user lives in Leeds.
Home for me is Porto these days.|The user lives in Porto.
I live in Lisbon, can you recommend a restaurant?|The user lives in Lisbon.
My favourite colour is teal, what's yours?|The user's favourite colour is teal.
I like jazz, chess and tea.|The user likes jazz.|The user likes chess.|The user likes tea.
I like rock and roll and jazz|The user likes rock and roll.|The user likes jazz.
I'm allergic to peanuts, shellfish and latex|The user is allergic to peanuts.|The user is allergic to shellfish.|The user is allergic to latex.
I work at Johnson and Sons|The user works at Johnson and Sons.
I work as a nurse at Siemens|The user works as a nurse.|The user works at Siemens.
I'm a data engineer at Siemens|The user works as a data engineer.|The user works at Siemens.
I'm a paediatric nurse.|The user works as a paediatric nurse.
My profession? I'm a glazier.|The user works as a glazier.
I'm 34|The user is 34 years old.
I'm vegetarian|The user is vegetarian.
I have a peanut allergy|The user is allergic to peanut.
I can't eat gluten|The user cannot eat gluten.
My kids are called Mia and Tom|The user has a kid called Mia.|The user has a kid called Tom.
I have two dogs called Rex and Luna|The user has a dog called Rex.|The user has a dog called Luna.
My dog's name is \u201cRex\u201d.|The user's dog's name is Rex.
We got a new puppy called Max|The user has a puppy called Max.
My wife is Maria|The user's wife is called Maria.
My friend Bob lives in Paris.|The user's friend is called Bob.|Bob lives in Paris.
My friend Bob lives in Paris. He works at Google.|The user's friend is called Bob.|Bob lives in Paris.|Bob works at Google.
Bob, my brother, is allergic to nuts.|The user's brother is called Bob.|Bob is allergic to nuts.
Hana, my cousin, settled in Lyon years ago.|The user's cousin is called Hana.|Hana lives in Lyon.
My sister lives in Rome and works at Google|The user's sister lives in Rome.|The user's sister works at Google.
My husband works as a teacher|The user's husband works as a teacher.
Bob's favourite colour is red|Bob's favourite colour is red.
Bob is a nurse|Bob works as a nurse.
I'm married to Bob|The user's partner is called Bob.
I report to Otto.|The user's manager is called Otto.
My phone is a Pixel 9|The user's phone is a Pixel 9.
My usual order is a flat white with oat milk.|The user's usual order is a flat white with oat milk.
My swimming training is on Monday.|The user's swimming training is on Monday.
My vault phrase is teal-oboe-1234567, keep it to yourself.|The user's vault phrase is teal-oboe-1234567.
The wifi password is hunter2|The user's wifi password is hunter2.
I hate flying and take trains whenever I can.|The user does not like flying.
I can't stand cilantro, it tastes like soap to me.|The user does not like cilantro.
I speak German and English|The user speaks German.|The user speaks English.
I've been learning the cello.|The user plays the cello.
I'm taking Danish classes.|The user takes Danish lessons.
I'm reading 'Salt and Ember'.|The user is reading Salt and Ember.
I have 3 kids and a dog|The user has 3 children.
I'm a mother of two|The user has two children.
I am a big fan of opera|The user is a fan of opera.
I'm travelling to Tokyo next week|The user is travelling to Tokyo.
I'm from Lisbon|The user is from Lisbon.
I was born on 3 May 1990|The user's birthday is on 3 May 1990.
I turned 40 last week|The user is 40 years old.
I have a degree in law|The user has a degree in law.
The grant proposal is due on 14 March.|The deadline of the grant proposal is 14 March.
"""

WORK_AND_STUDY = """
I'm learning German.|The user is learning German.
I'm a fireman.|The user works as a fireman.
I'm a social worker.|The user works as a social worker.
I'm CEO of Acme.|The user works as CEO of Acme.
I'm Emma Baker.|The user's name is Emma Baker.
I'm Norman.|The user's name is Norman.
I work as a butcher.|The user works as a butcher.
I got a job as an editor.|The user works as an editor.
Mia's job is a singer.|Mia works as a singer.
I work at a start-up.|The user works at a start-up.
I am a student at the University of Leeds.|The user studies at the University of Leeds.
I'm a student at Oxford.|The user studies at Oxford.
I'm a student at Leeds University.|The user studies at Leeds University.
I am a first-year student at Yale.|The user studies at Yale.
I'm a student of law.|The user studies law.
I'm a law student at Leeds.|The user studies law.|The user studies at Leeds.
I go to Oxford University.|The user studies at Oxford University.
I go to university at Harvard.|The user studies at Harvard.
My university is Yale.|The user studies at Yale.
I'm doing a degree in law.|The user studies law.
Bob's a student at Leeds.|Bob studies at Leeds.
I'm a student and I work at Tesco.|The user works as a student.|The user works at Tesco.
"""

THINGS = """
The colour of the bridge is red.|The colour of the bridge is red.
My hair colour is red.|The user's hair colour is red.
The colour of the front door is blue.|The colour of the front door is blue.
The name of the boat is Victoria.|The name of the boat is Victoria.
The phone number of the office is 3452.|The phone number of the office is 3452.
The code for the door has changed to 8812.|The code of the door is 8812.
My budget for the keyboard is $200.|The budget of the keyboard is $200.
We changed the alarm time of the gate to 8:42.|The alarm time of the gate is 8:42.
For the garage, the code is 2580.|The code of the garage is 2580.
I found out that the code of the garage is 185.|The code of the garage is 185.
Please save the code of the garage: 3512.|The code of the garage is 3512.
The name of my dog is Rex.|The user's dog is called Rex.
"""

OTHER_WORD_ORDERS = """
Order pizza, and remember that my favourite tea is Assam.|The user's favourite tea is Assam.
Teal is my favourite colour.|The user's favourite colour is Teal.
The food I like best is sushi.|The user's favourite food is sushi.
I like tea more than any other drink.|The user's favourite drink is tea.
My favourite hobby is hiking.|The user's favourite hobby is hiking.
Maria is my sister.|The user's sister is called Maria.
This is my friend Bob.|The user's friend is called Bob.
We adopted a spider and called it Hazel.|The user has a spider called Hazel.
I named my dog Rex.|The user's dog is called Rex.
My cat answers to the name Luna.|The user's cat is called Luna.
I have a guinea pig called Bruno.|The user has a guinea pig called Bruno.
My car, by the way, is a Mazda.|The user drives a Mazda.
The city I live in is Bangkok.|The user lives in Bangkok.
The phone I use is a Pixel 9.|The user's phone is a Pixel 9.
I use vim as my editor.|The user's editor is vim.
I changed my name to Bob.|The user's name is Bob.
My alarm is set to 7:15.|The user's alarm is 7:15.
On 7 November it's my birthday.|The user's birthday is on 7 November.
I turn a year older on 3 May.|The user's birthday is on 3 May.
Every morning I drink cola.|The user drinks cola every morning.
For fun I do judo.|The user's hobby is judo.
I do yoga at the weekend.|The user does yoga at the weekend.
I do not like dust.|The user does not like dust.
I don't like board games at all.|The user does not like board games.
I've always liked old films.|The user likes old films.
I prefer tea to coffee.|The user prefers tea.
I drive a Honda to work every day.|The user drives a Honda.
I've been living in Paris for the past 5 months.|The user lives in Paris.
I have five kids, by the way.|The user has five children.
My name is April.|The user's name is April.
Call me Leo.|The user's name is Leo.
My favourite film is Rain Man.|The user's favourite film is Rain Man.
I love peanut butter.|The user loves peanut butter.
I was born in Lima and grew up in Oslo.|The user was born in Lima.
"""

TAKEN_BACK = """
I no longer live in Lisbon.|-The user lives in Lisbon.
I don't live in Rome|-The user lives in Rome.
I don't work at Siemens any more.|-The user works at Siemens.
I don't work at Siemens anymore|-The user works at Siemens.
I'm not vegetarian any more.|-The user is vegetarian.
I stopped being vegan; I'm keto now.|-The user is vegan.|The user is keto.
I used to live in Lisbon but now in Porto.|-The user lives in Lisbon.|The user lives in Porto.
I used to live in Lisbon but now I live in Porto.|-The user lives in Lisbon.|The user lives in Porto.
I retrained: I used to be a glazier and now I'm an actuary.|-The user works as a glazier.|The user works as an actuary.
I'm not allergic to soy, it's latex.|-The user is allergic to soy.|The user is allergic to latex.
I quit Siemens and started a new job at Google|-The user works at Siemens.|The user works at Google.
I gave up the cello and took up the oboe.|-The user plays the cello.|The user has taken up the oboe.
I dropped Danish and I'm studying Korean.|-The user is learning Danish.|The user is learning Korean.
I don't like jazz any more|-The user likes jazz.
"""

NEVER = r"""
Where do I live?|where do I live|Do you remember my name?|Is my name Ada?|I live in Rome?|Tell me about my dog
If I lived in Rome, I'd eat pizza.|If I won the lottery I'd live in Rome, ha.|I wish I lived in Rome|imagine I live in Rome. I work at NASA.|suppose my name is Bob
I might move to Rome|I'm thinking of moving to Rome|I want to live in Paris|I would love to live in Paris|Maybe I live in Rome|I sometimes daydream about living in Rome, but it will never happen.
Bob says I live in Rome|She told me that my name is Bob|My doctor thinks I am allergic to nuts|He said my dog is called Max
In my novel, I live in Rome|let's role-play. I live in Rome.|pretend my name is Bob|translate: I live in Rome|Translate the following:\nMy name is Bob|How do you say I live in Rome in French?|Proofread this: my name is Bob
"I live in Rome" is what she said|> I live in Rome|```\nmy name is Bob\n```|I live in Rome, just kidding
you are a helpful assistant|You live in Rome|Your name is Bob|act as a nurse. I am a nurse.
I am tired|I'm fine|I'm sorry|I'm here|I'm looking for a job|I'm trying to learn Spanish|I'm happy|I'm OK|I'm Done|I'm at home|I'm married|I'm Portuguese|I'm going to bed
I like it|I love you|I love your answer|I love how you did it|I like that idea|I like when it rains|I'd like a coffee|I like this
I work there|I live here|I work from home|I work hard|I work for myself|I work in finance|I study hard|I play the lottery|I play football|I eat meat|I live alone
My dog is sick|My head is killing me|My computer is broken|My question is how to do it|My code is not working|My goal is to learn Spanish|My wife is angry|My account is blocked
I have a question|I have a headache|I have a function called foo|Call me tomorrow|Call me back|It is raining in Lisbon|I was in Lisbon last week|I went to Paris|I lived in Rome|I forgot my keys
The capital of France is Paris.|The point of the story is love|The meeting is on Monday|She is called Maria|it's 43 now|Thanks!|Hello|ok
I'm at the office and so on|Python is a language|Everyone likes pizza|Nobody lives in Rome
I'm German.|I'm a German.|I'm watching Superman.|I'm Superman fan number one|I'm a hard worker|I'm a terrible cook|I'm a keen photographer|I'm a feminist|I'm a Buddhist|I'm a doctor's wife|I'm a teacher at heart|i'm norman|i'm german
I'm visiting my doctor|I'm calling the plumber|I'm seeing a dentist tomorrow|I'm sorry doctor|I'm Baker|I'm a good student|I'm an English student|I'm a happy student
I work for a living|I work at the weekend|I work with Bob|I work with Python|I work with children|I work as part of a team|I study at night|I study at the library|I go to school|I go to church
My hair colour is faded|My bike is used|My car is fixed|The name of the game is patience|The name of the function is Foo|The number of the guests is 30|The beauty of the sea is endless|The front of the house is blue|The goal of the project is growth|The door of the car is open
The city I live in is beautiful|The company I work for is great|The book I'm reading is boring|The laptop I use is broken|The problem I have is money
She is my sister|Everyone is my friend|This is my favourite colour|It is my favourite book|This is my dog|I use it as my editor|I changed my mind to yes|I set my mind to it|I call my mother every day|I call my mother Sunday
Sounds like fun|Kids love tools|Looks like Bob|I got a new bike lock|I got my Toyota serviced|I got a KitchenAid stand mixer|I'm going to check out the Colombo Fort|I'm going to be in Rome|In my dreams I live in Paris
I live in a flat|I live in the same city|i live in the city|My flat is in a mess|My bike is in the garage|My flight is set to leave|My train goes by Leeds|My wife will be happy|My university is far away
I do laundry at the weekend|I do the dishes in the evening|I start the day with yoga|I begin my day with a run|I need you to wake up|I get around in Lisbon by bus|I react badly to criticism
I like the ideas|I love the treasure hunt idea|I like the template you provided|I like I said|I've been using an app called Headspace
"""


def rows(table: str) -> list[list[str]]:
    return [line.split("|") for line in table.strip().splitlines()]


@pytest.mark.parametrize(
    "row",
    [row for table in (CANONICAL, SPOKEN, WORK_AND_STUDY, THINGS, OTHER_WORD_ORDERS) for row in rows(table)],
    ids=lambda row: row[0],
)
def test_a_statement_is_written_down_in_its_form(row: list[str]):
    assert read(row[0]) == row[1:]


@pytest.mark.parametrize("row", rows(TAKEN_BACK), ids=lambda row: row[0])
def test_what_no_longer_holds_is_taken_back(row: list[str]):
    assert read(row[0]) == row[1:]


@pytest.mark.parametrize("text", [text.replace("\\n", "\n") for row in rows(NEVER) for text in row])
def test_it_never_becomes_a_fact(text: str):
    assert [line for line in read(text) if not line.startswith("-")] == []


def test_of_a_named_animal_that_is_sick_only_the_name_is_a_fact():
    assert read("My dog Rex is sick") == ["The user's dog is called Rex."]


def test_keys_are_spelt_one_way_and_texts_as_the_user_spells():
    assert keys("My favorite color is blue") == [("user", "favourite:colour", "blue")]
    assert read("My favorite color is blue") == ["The user's favorite color is blue."]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("I have a cat named Luna", ("user", "pet:cat", "Luna")),
        ("My sister's name is Maria", ("user", "rel:sister", "Maria")),
        ("My shoe size is 42", ("user", "attr:shoe size", "42")),
        ("Bob works at Siemens", ("bob", "work", "Siemens")),
        ("The password hint of the router is X1", ("router", "thing:password hint", "X1")),
        ("My sister lives in Rome", ("sister", "lives", "Rome")),
        ("I'm a student at Oxford", ("user", "university", "Oxford")),
        ("I'm learning German", ("user", "learning", "German")),
        ("The colour of the front door is blue", ("front door", "thing:colour", "blue")),
        ("The name of the boat is Victoria", ("boat", "thing:name", "Victoria")),
        ("I have a guinea pig called Bruno", ("user", "pet:guinea pig", "Bruno")),
        ("My favourite hobby is hiking", ("user", "favourite:hobby", "hiking")),
    ],
)
def test_the_key_names_subject_attribute_and_value(text: str, key: tuple[str, str, str]):
    assert keys(text) == [key]


def test_a_definite_pet_replaces_and_an_indefinite_one_adds():
    (mine,) = read_statements(clauses("My dog is called Rex"))
    (another,) = read_statements(clauses("I have a dog called Max"))
    assert mine.fact.single
    assert not another.fact.single


def test_only_facts_about_the_user_stand_in_the_profile():
    (own,) = read_statements(clauses("I live in Paris"))
    (other,) = read_statements(clauses("Bob lives in Paris"))
    assert own.fact.profile
    assert not other.fact.profile


WORDS = st.sampled_from(
    "I I'm my My is am live in lives Bob Lisbon and , . not no longer like jazz tea a dog called Rex ? ! \" ' \n - the of don't "
    "work at as nurse student for fun the 34 if favourite teal is name city use this called named it if favourite colour forget meant Actually used to but now sister have two children it's".split(
        " "
    )
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=25).map(" ".join))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_a_value_is_always_a_part_of_what_was_said(text: str):
    spoken = " ".join(plain(text).split()).casefold()
    for statement in read_statements(clauses(own_words(text))):
        assert " ".join(statement.fact.value.split()).casefold() in spoken
        assert statement.text.count("\n") == 0
