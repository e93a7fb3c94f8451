"""Questions in, what they ask for out; and what a wish to forget takes with it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.rules.questions import asked_about
from memory.rules.wishes import forgets

OF_THE_USER = """
Where do I live?|lives
Where do I currently live?|lives
In which city do I live?|lives
What's my name?|name
What is my favorite color?|favourite:colour
Which colour do I like best?|favourite:colour
Which song is my favourite?|favourite:song
What is my dog called?|pet:dog
Who is my sister?|rel:sister
What is my shoe size?|attr:shoe size
What is my locker code again?|attr:locker code
What is my team name?|attr:team name
Which gym do I have?|attr:gym
What's the wifi password?|attr:wifi password
What is the garage code?|attr:garage code
What am I allergic to?|allergy
Which company do I work for?|work
Where is my job?|work
What is my job?|job
How old am I?|age
When do I turn 40?|age
When is my birthday?|birthday
When do I turn a year older?|birthday
Which language do I speak?|speaks
I forgot which language I speak.|speaks
Which language am I learning?|learning
Which university do I go to?|university
What do I study?|studies
Do I have a hobby?|hobby
"""
#: Asked for one of a pair, the other is not: a fact of it would stand above the answer.
NOT_THE_OTHER = [
    ("Which language do I speak?", "learning"),
    ("I forgot which language I speak.", "learning"),
    ("Which language am I learning?", "speaks"),
    ("When do I turn a year older?", "age"),
    ("When do I turn 40?", "birthday"),
    ("Where is my job?", "job"),
    ("Where's my job?", "job"),
    ("What is my job?", "work"),
    ("Where do I study?", "studies"),
    ("What don't I like?", "likes"),
]
OF_OTHERS = [
    ("Where does Bob live?", ("bob", "lives")),
    ("How old is Bob?", ("bob", "age")),
    ("What's Emma's job?", ("emma", "job")),
    ("What is Lucy's dog called?", ("lucy", "pet:dog")),
    ("When is Alice's birthday?", ("alice", "birthday")),
    ("What is Clara's favourite snack?", ("clara", "favourite:snack")),
    ("Do you know where Bob lives?", ("bob", "lives")),
    ("Where does my sister live?", ("sister", "lives")),
    ("What is the code of the garage?", ("garage", "thing:code")),
    ("What is the colour of the front door?", ("front door", "thing:colour")),
    ("What is the name of the boat?", ("boat", "thing:name")),
    ("What is the name of my dog?", ("user", "pet:dog")),
    ("Which name does my brother have?", ("user", "rel:brother")),
]


@pytest.mark.parametrize("row", [line.split("|") for line in OF_THE_USER.strip().splitlines()], ids=lambda row: row[0])
def test_a_question_names_the_attribute_it_asks_for(row: list[str]):
    assert ("user", row[1]) in asked_about(row[0])


@pytest.mark.parametrize(("question", "attribute"), NOT_THE_OTHER)
def test_a_question_does_not_name_the_attribute_beside_it(question: str, attribute: str):
    assert ("user", attribute) not in asked_about(question)


@pytest.mark.parametrize(("question", "named"), OF_OTHERS)
def test_a_question_about_somebody_or_something_else_names_them(question: str, named: tuple[str, str]):
    assert asked_about(question) == (named,)


@pytest.mark.parametrize("text", ["Does Python support loops?", "What is the capital?", "Is it?", "Hello!", "", "my"])
def test_what_asks_for_no_fact_names_none(text: str):
    assert asked_about(text) == ()


def test_a_wish_about_somebody_else_leaves_the_user_alone():
    (wish,), _ = forgets("Forget what my sister likes")
    assert (wish.subject, wish.attributes) == ("sister", ("likes",))
    (wish,), _ = forgets("Forget my wife's birthday")
    assert (wish.subject, wish.attributes) == ("wife", ("birthday",))


def test_a_wish_with_a_time_looks_for_its_words():
    """The time is no part of an attribute's name, and where no fact was read the words alone are kept."""
    (wish,), _ = forgets("Forget about my launch on Tuesday")
    assert (wish.target, wish.attributes) == ("my launch on Tuesday", ())
    (wish,), _ = forgets("Forget my birthday on 3 May")
    assert wish.attributes == ("birthday",)


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("Forget that I need to wake up at 5", ()),
        ("Forget my plan for the weekend", ("attr:plan for the weekend",)),
        ("Forget which book was on the table", ()),
    ],
)
def test_a_wish_does_not_take_what_it_does_not_name(text: str, attributes: tuple[str, ...]):
    (wish,), _ = forgets(text)
    assert wish.attributes == attributes


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.sampled_from("What's which my Bob Bob's is does the of name I favourite have called 's live ?".split()),
            max_size=20,
        ).map(" ".join),
    )
)
def test_any_text_may_be_asked(text: str):
    for subject, attribute in asked_about(text):
        assert subject == subject.casefold()
        assert attribute
