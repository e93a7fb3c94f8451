"""Whatever is joined in a wish to forget is forgotten, each thing, and what only looks joined is left alone."""

import pytest

from memory.rules.wishes import forgets
from tests.memory_rig import ADA, texts, told


def everything(memory):
    cubes = memory.files.vault.page(ADA, limit=99, include_superseded=True).cubes
    return str([memory.files.vault.history(ADA, cube.id) for cube in cubes])


ABOUT_ME = (
    "My dog is called Rex.",
    "My sister is called Anna.",
    "I live in Porto.",
    "My phone number is 555 1234.",
    "I work at Acme.",
)


@pytest.mark.parametrize(
    ("wish", "gone", "left"),
    [
        ("Forget my dog's name and my sister's name.", {"Rex", "Anna"}, {"Porto", "555 1234", "Acme"}),
        ("Forget my address and my phone number.", {"Porto", "555 1234"}, {"Rex", "Anna", "Acme"}),
        ("Forget my address and phone number.", {"Porto", "555 1234"}, {"Rex", "Anna", "Acme"}),
        ("Forget where I live and what my dog is called.", {"Porto", "Rex"}, {"Anna", "555 1234", "Acme"}),
        ("Forget where I live, where I work and my sister's name.", {"Porto", "Acme", "Anna"}, {"Rex", "555 1234"}),
        ("Forget my dog's name, and please delete my phone number.", {"Rex", "555 1234"}, {"Porto", "Anna", "Acme"}),
        ("Forget my phone number, my dog's name, and my address.", {"555 1234", "Rex", "Porto"}, {"Anna", "Acme"}),
        ("Forget that I live in Porto and that my dog is called Rex.", {"Porto", "Rex"}, {"Anna", "555 1234", "Acme"}),
        ("Forget where I live and that I work at Acme.", {"Porto", "Acme"}, {"Rex", "Anna", "555 1234"}),
        ("Forget that I live in Porto and work at Bosch.", {"Porto"}, {"Acme", "Rex", "Anna"}),
        ("Forget the names of my dog and my sister.", {"Rex", "Anna"}, {"Porto", "555 1234", "Acme"}),
        ("Forget where I live and work.", {"Porto", "Acme"}, {"Rex", "Anna", "555 1234"}),
    ],
)
def test_each_thing_that_is_joined_is_forgotten_and_nothing_else(tmp_path, wish, gone, left):
    memory = told(tmp_path, *ABOUT_ME)
    memory.tell(wish)
    kept = everything(memory)
    assert {word for word in gone | left if word in kept} == left


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("Forget my sister's name and birthday.", ["my sister's name", "my sister's birthday"]),
        ("Forget my sister's name and where she lives.", ["my sister's name", "where my sister lives"]),
        ("Forget my sister's name and her birthday.", ["my sister's name", "my sister's birthday"]),
        ("Forget my sister's and my brother's names.", ["my sister's names", "my brother's names"]),
        ("Forget my mum and dad's names.", ["my mum's names", "my dad's names"]),
        ("Forget what my dog and my cat are called.", ["what my dog is called", "what my cat is called"]),
        ("Forget my favourite colour and food.", ["my favourite colour", "my favourite food"]),
        ("Forget both my age and my job.", ["my age", "my job"]),
        ("Forget my age and never mention it again.", ["my age"]),
        ("Forget my age and everything you know about me.", ["my age", "everything you know about me"]),
        ("Forget my mac and cheese recipe.", ["my mac and cheese recipe"]),
        ("Forget my trip to Trinidad and Tobago.", ["my trip to Trinidad and Tobago"]),
        ("Forget my talk with Bob and my boss.", ["my talk with Bob and my boss"]),
        ("Forget the fight between my brother and my sister.", ["the fight between my brother and my sister"]),
        ("Forget that my wife Clara and I live in Bonn.", ["that my wife Clara and I live in Bonn"]),
        ("Forget that I like jazz and my mother's food.", ["that I like jazz and my mother's food"]),
        ("Forget my birthday, my sister knows it.", ["my birthday, my sister knows it"]),
        ("Forget my address and her birthday.", ["my address and her birthday"]),
        ("Forget Simon and Garfunkel.", ["Simon and Garfunkel"]),
        ("Forget where we met and my ring.", ["where we met and my ring"]),
    ],
)
def test_what_is_one_thing_and_what_are_several(text, targets):
    assert [wish.target for wish in forgets(text)[0]] == targets


def test_both_who_are_known_by_name_are_forgotten_and_a_band_is_not_its_members(tmp_path):
    memory = told(
        tmp_path,
        "My sister is called Anna.",
        "My friend Tom lives in Rome.",
        "I like Simon and Garfunkel.",
        "Simon came by.",
    )
    memory.tell("Forget Anna and Tom.")
    assert texts(memory) == {
        "I like Simon and Garfunkel.",
        "The user likes Simon and Garfunkel.",
        "Simon came by.",
    }
    memory.tell("Forget Simon and Garfunkel.")
    assert texts(memory) == {"Simon came by."}


def test_what_is_to_be_remembered_in_the_same_breath_is_not_forgotten(tmp_path):
    memory = told(tmp_path, "I live in Porto.", "I like tea.")
    memory.tell("Forget where I live and remember that I like tea.")
    assert "Porto" not in everything(memory)
    assert "The user likes tea." in texts(memory)
