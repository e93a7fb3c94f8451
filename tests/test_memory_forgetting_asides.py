"""What stands beside a wish to forget is no part of it: an aside wipes nothing, and what is to stay stays."""

import pytest

from memory.rules.wishes import forgets
from tests.memory_rig import texts, told


@pytest.mark.parametrize(
    "aside",
    [
        "Forget everything and tell me a joke.",
        "Forget what I said and help me with my essay.",
        "Forget it all and give me a recipe.",
        "Just forget everything and let's go dancing",
        "Forget that and tell me about Rome.",
        "Forget what I told you and don't worry about it.",
        "Forget everything about me except my name.",
        "Forget everything but keep my name.",
        "Forget all but not my birthday.",
    ],
)
def test_a_turn_of_speech_and_an_exception_wipe_nothing(aside):
    assert forgets(aside)[0] == ()


@pytest.mark.parametrize("wish", ["Forget everything.", "Forget everything about me, please.", "Delete all my data."])
def test_everything_is_still_everything(wish):
    assert [each.everything for each in forgets(wish)[0]] == [True]


@pytest.mark.parametrize(
    ("wish", "gone", "left"),
    [
        ("Forget my dog's name but remember my sister's name.", "Rex", "Anna"),
        ("Forget my dog's name but keep my sister's.", "Rex", "Anna"),
        ("Forget my dog's name and keep my sister's name.", "Rex", "Anna"),
        ("Forget my dog's name, but not my sister's.", "Rex", "Anna"),
        ("Forget my dog's name and never mention it again.", "Rex", "Anna"),
    ],
)
def test_what_is_to_stay_stays_and_the_rest_goes(tmp_path, wish, gone, left):
    memory = told(tmp_path, "My dog is called Rex.", "My sister is called Anna.")
    memory.tell(wish)
    assert gone not in str(texts(memory))
    assert left in str(texts(memory))


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("The smoke was thick.", "Forget that I smoke and don't drink."),
        ("My aunt is divorced.", "Forget that I am divorced and don't date."),
        ("I painted the house last summer.", "Forget that last summer, I went to Porto."),
        ("The young cat is cute.", "Forget that when I was young, I smoked."),
    ],
)
def test_a_statement_is_not_cut_into_a_word_that_others_hold(tmp_path, said, wish):
    memory = told(tmp_path, said)
    before = texts(memory)
    memory.tell(wish)
    assert before <= texts(memory)


def test_what_i_said_is_the_last_message_and_not_everything():
    assert not any(wish.everything for wish in forgets("Forget what I said.")[0])
