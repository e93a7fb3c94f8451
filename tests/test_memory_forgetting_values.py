"""What is forgotten by its value, by a name that is a word too, and by a death: that goes, and nothing beside it."""

import pytest

from memory.vault.forgotten_names import ForgottenNames
from memory.vault.said_names import occurrences
from memory.vault.scrub import FORGOTTEN
from tests.memory_rig import everything, texts, told


@pytest.mark.parametrize(
    "other", ["My other dog is called Bella.", "I have a dog called Bella.", "My dog is called Bella now."]
)
def test_a_dog_keeps_its_name_where_that_of_another_is_said(tmp_path, other):
    memory = told(tmp_path, "My dog is called Rex.", other)
    memory.tell("Forget that my dog is called Rex.")
    assert "Rex" not in everything(memory)
    assert other in texts(memory)
    assert any("is called Bella." in text or "a dog called Bella." in text for text in texts(memory) - {other})


@pytest.mark.parametrize(
    ("said", "wish", "left"),
    [
        (("I live in Rome.",), "Forget that I live in Porto.", {"I live in Rome.", "The user lives in Rome."}),
        (
            ("I live in Porto.", "I live in Rome."),
            "Forget that I live in Porto.",
            {"I live in Rome.", "The user lives in Rome."},
        ),
        (("I live in Porto, Portugal.",), "Forget that I live in Porto.", set()),
        (("I live in Porto.",), "Forget that I live in Porto, Portugal.", set()),
        (("I like tea.",), "Forget that I like jazz.", {"I like tea.", "The user likes tea."}),
        (("I am vegetarian.", "Ann's cake is vegan."), "Forget that I am vegan.", None),
    ],
)
def test_only_what_holds_the_value_goes(tmp_path, said, wish, left):
    memory = told(tmp_path, *said)
    before = texts(memory)
    memory.tell(wish)
    assert texts(memory) == (before if left is None else left)


def test_a_value_that_no_rule_read_is_forgotten_by_its_words(tmp_path):
    memory = told(tmp_path, "I live in Rome.", "It was when we used to live near Porto.")
    memory.tell("Forget that I live in Porto.")
    assert "Porto" not in everything(memory)
    assert "The user lives in Rome." in texts(memory)


@pytest.mark.parametrize("died", ["died", "passed away"])
def test_of_two_dogs_that_died_the_one_that_is_named_is_forgotten(tmp_path, died):
    memory = told(tmp_path, f"My dog Rex {died}.", "My dog Max died.")
    memory.tell("Forget that my dog Rex died.")
    assert "Rex" not in everything(memory)
    assert texts(memory) == {"My dog Max died.", "The user's dog Max died.", "The user had a dog called Max."}


def test_nothing_tells_of_a_death_that_is_forgotten(tmp_path):
    memory = told(
        tmp_path,
        "My dog is called Rex.",
        "My dog Rex died last year.",
        "I miss Rex since he died.",
        "Rex was sweet. He passed away in his sleep.",
        "Rex liked balls.",
        "My battery died.",
    )
    memory.tell("We spoke of his grave.", answer="I am sorry about the death of Rex.")
    memory.tell("Forget that my dog died.")
    assert texts(memory) == {
        "My dog is called Rex.",
        "The user's dog is called Rex.",
        "The user had a dog called Rex.",
        "Rex liked balls.",
        "My battery died.",
        "We spoke of his grave.",
    }
    kept = everything(memory).replace("My battery died", "")
    assert not [word for word in ("died", "passed away", "death of Rex") if word in kept]
    for asked in ("Is my dog still alive?", "What happened to Rex?", "When did my dog die?"):
        assert not [text for text in memory.found(asked) if "died" in text and "battery" not in text]


def test_a_sister_called_may_is_forgotten_and_the_month_is_not(tmp_path):
    kept = {"My birthday is on 4 May.", "The user's birthday is on 4 May.", "The party is in May.", "I may go there."}
    memory = told(
        tmp_path,
        "My sister is called May.",
        "My birthday is on 4 May.",
        "The party is in May.",
        "I may go there.",
        "May likes jazz.",
        "I saw May in town.",
        "May came over on 5 May.",
    )
    memory.tell("Forget my sister's name.")
    assert texts(memory) == {*kept, "The user's sister likes jazz."}
    memory.tell("My sister is called May.")
    memory.tell("May likes chess.")
    memory.tell("Forget May.")
    assert {"chess", "called May"} & {word for word in ("chess", "called May") if word in everything(memory)} == set()
    assert kept <= texts(memory)


def test_a_birthday_in_may_stays_that_of_a_sister_called_may(tmp_path):
    memory = told(tmp_path, "My sister is called May.", "May's birthday is on 4 May.")
    memory.tell("Forget my sister's name.")
    assert texts(memory) == {"The user's sister's birthday is on 4 May."}


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("May", "4 May", False),
        ("May", "the 4th of May", False),
        ("May", "May 4", False),
        ("May", "May 2024", False),
        ("May", "May, 2024", False),
        ("May", "2024-May-04", False),
        ("May", "in May", False),
        ("May", "in early May", False),
        ("May", "from May to July", False),
        ("May", "We left last May.", False),
        ("May", "May I come in?", False),
        ("May", "It may rain in Oslo.", False),
        ("May", "I have met May.", True),
        ("May", "A gift for May", True),
        ("May", "we are in May's house", True),
        ("May", "We were at may's house.", True),
        ("May", "We met may there.", True),
        ("May", "May 4 years old", True),
        ("May", "my sister may was there", True),
        ("May", "saw may today", True),
        ("May", "My sister is called may.", True),
        ("May", "MAY WAS HERE", True),
        ("Will", "Will it rain?", False),
        ("Will", "Will the train come?", False),
        ("Will", "You will see.", False),
        ("Will", "Will came.", True),
        ("Rose", "The prices rose again.", False),
        ("Rose", "Rose came.", True),
        ("Wednesday", "on Wednesday", False),
        ("Wednesday", "I like Wednesday.", True),
        ("Anna", "i saw anna", True),
        ("Anna", "Annabel", False),
        ("Zoë", "I saw Zoe.", True),
        ("Zoe", "I saw ZOË.", True),
        ("Zoe", "I saw Zoe\u0308.", True),
        ("José", "Jose's bike", True),
        ("Weiß", "Herr Weiß", True),
        ("Mary Ann", "mary\nann", True),
    ],
)
def test_where_a_name_stands_as_one(name, text, named):
    assert any(occurrences(name, text)) == named
    forgotten = ForgottenNames(names=(name,))
    assert forgotten.states(text) == named
    assert (forgotten.scrub(text) != text) == named
    assert not forgotten.states(forgotten.scrub(text))
    assert FORGOTTEN not in text


def test_a_name_is_the_same_with_its_accents_and_without_them(tmp_path):
    memory = told(tmp_path, "My sister is called Zoë.", "Zoë likes jazz.", "I saw Zoe.", "I like tea.")
    memory.tell("Forget my sister's name.")
    assert texts(memory) == {"The user's sister likes jazz.", "I like tea.", "The user likes tea."}
    assert not {"Zoë", "Zoe"} & {word for word in ("Zoë", "Zoe") if word in everything(memory)}


@pytest.mark.parametrize("wish", ["Forget that my dog is called Zoe.", "Forget Zoe.", "Forget my dog's name."])
def test_whoever_has_an_accent_in_the_name_is_forgotten_without_it(tmp_path, wish):
    memory = told(tmp_path, "My dog is called Zoë.", "I like tea.")
    memory.tell(wish)
    assert texts(memory) == {"I like tea.", "The user likes tea."}


def test_what_a_friend_with_an_accent_does_is_forgotten_without_it(tmp_path):
    memory = told(tmp_path, "My friend José likes tea.", "My friend José lives in Rome.")
    memory.tell("Forget where Jose lives.")
    assert "Rome" not in everything(memory)
    assert "José likes tea." in texts(memory)


def test_a_name_goes_from_what_is_said_of_somebody_else_too(tmp_path):
    memory = told(tmp_path, "My sister is called Anna.", "My brother and Anna came over yesterday.")
    memory.tell("Forget my sister's name.")
    assert "Anna" not in everything(memory)
