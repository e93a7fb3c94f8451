"""What was replaced or taken back is neither known any more nor brought in again in the old words."""

import pytest

from tests.memory_rig import ADA, build


@pytest.fixture
def memory(tmp_path):
    made = build(tmp_path, None)
    yield made
    made.files.close()


def lines(memory) -> set[str]:
    return {cube.text for cube in memory.files.vault.page(ADA, limit=99).cubes if cube.fact}


def brought_in(memory, question: str) -> str:
    injection = memory.ask(question).injection
    return injection.stable_text + injection.turn_text


@pytest.mark.parametrize(
    "told",
    [
        "I live in Oslo with my girlfriend Ingrid.",
        "I live in Oslo because the sea is near.",
        "i live in Oslo because the sea is near",
        "My name is Kari and I live in Oslo, right at the harbour.",
    ],
)
def test_a_turn_whose_fact_was_replaced_is_no_second_answer(memory, told):
    memory.tell(told)
    memory.tell("I moved to Porto.")
    assert "Porto" in brought_in(memory, "Where do I live?")
    assert "Oslo" not in brought_in(memory, "Where do I live?")


def test_the_receipt_says_why_the_turn_stays_out(memory):
    memory.tell("I live in Oslo because the sea is near.")
    memory.tell("I moved to Porto.")
    reasons = {line.reason for line in memory.ask("Where do I live?").injection.candidates}
    assert "what it states was replaced" in reasons


def test_of_anything_else_the_turn_still_tells(memory):
    memory.tell("I live in Oslo because the sea is near.")
    memory.tell("I moved to Porto.")
    assert "Oslo" in brought_in(memory, "What did I say about the sea?")
    assert "Oslo" in brought_in(memory, "Where did I live before?")


def test_when_it_was_is_told_by_the_turn_that_told_it(memory):
    memory.tell("I live in Porto because the sea is near.")
    memory.tell("I moved to Rome.")
    assert "the sea is near" in brought_in(memory, "Why did I move to Porto?")
    assert "the sea is near" not in brought_in(memory, "Where do I live, in Porto?")


def test_a_turn_that_said_it_once_more_is_no_answer_either(memory):
    memory.tell("I live in Oslo because the sea is near.")
    memory.tell("As you know, I live in Oslo, and the harbour is lovely.")
    memory.tell("I moved to Porto.")
    assert "Oslo" not in brought_in(memory, "Where do I live?")


def test_a_turn_that_tells_what_holds_again_is_brought_in(memory):
    memory.tell("I live in Oslo because the sea is near.")
    memory.tell("I moved to Porto.")
    memory.tell("I live in Oslo because the sea is near.")
    assert "the sea is near" in brought_in(memory, "Where do I live?")


def test_a_turn_that_names_another_one_that_holds_is_brought_in(memory):
    memory.tell("I have two dogs called Rex and Bella. They bark all night.")
    memory.tell("My dog Rex died last week.")
    assert "They bark" in brought_in(memory, "What is my dog called?")


@pytest.mark.parametrize(
    "left",
    [
        "I no longer work for Equinor. I am a teacher now.",
        "I don't work at Equinor any more.",
        "I quit my job at Equinor.",
        "I left Equinor.",
        "I was fired from Equinor last week.",
    ],
)
def test_an_employer_who_was_left_is_closed_and_no_answer(memory, left):
    memory.tell("I work at Equinor because they pay well.")
    memory.tell(left)
    assert "The user works at Equinor." not in lines(memory)
    assert "they pay well" not in brought_in(memory, "Who do I work for?")


def test_another_employer_stays(memory):
    memory.tell("I work at Shell.")
    memory.tell("I no longer work for Equinor.")
    assert lines(memory) == {"The user works at Shell."}


@pytest.mark.parametrize(
    "told",
    [
        "My wife's name is not Anna, it is Hanna.",
        "My wife is called Hanna, not Anna.",
        "My wife is not called Anna. She is called Hanna.",
    ],
)
def test_a_name_that_was_wrong_gives_way(memory, told):
    memory.tell("My wife Anna is a lawyer.")
    memory.tell(told)
    named = [cube.fact.value for cube in memory.files.vault.profile(ADA) if cube.fact.attribute == "rel:wife"]
    assert named == ["Hanna"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("My email is kate@old.example", "My email changed, it is now kate@new.example"),
        ("My email address is kate@old.example", "My email changed, it is now kate@new.example"),
        ("My email is kate@old.example", "My new email address is kate@new.example"),
        ("My e-mail is kate@old.example", "My email has changed to kate@new.example"),
    ],
)
def test_a_new_address_takes_the_place_of_the_old_one(memory, old, new):
    memory.tell(old)
    memory.tell(new)
    assert [line for line in lines(memory) if "old.example" in line] == []
    assert [line for line in lines(memory) if "new.example" in line] != []


def test_a_further_address_takes_nobodys_place(memory):
    memory.tell("My email address is kate@home.example")
    memory.tell("My work email is kate@work.example")
    memory.tell("My new phone number is 555 2222")
    assert len(lines(memory)) == 3


def test_the_age_of_a_dog_is_replaced(memory):
    memory.tell("My dog Rex is 3 years old.")
    memory.tell("Rex is 4 years old.")
    assert lines(memory) == {"The user's dog is called Rex.", "Rex is 4 years old."}


def test_another_dog_takes_nobodys_place(memory):
    memory.tell("My dog is called Rex.")
    memory.tell("My other dog is called Bella.")
    assert lines(memory) == {"The user's dog is called Rex.", "The user has a dog called Bella."}


@pytest.mark.parametrize(
    ("told", "parting", "left"),
    [
        ("I live in Oslo with my girlfriend Ingrid.", "I broke up with Ingrid.", {"The user lives in Oslo."}),
        ("My wife is called Anna.", "We divorced.", set()),
        ("My wife is called Anna.", "My wife and I divorced last month.", set()),
        ("My girlfriend is called Ingrid.", "My girlfriend Ingrid and I broke up.", set()),
        ("My girlfriend is called Ingrid.", "I broke up with Clara.", {"The user's girlfriend is called Ingrid."}),
        ("My friend is called Ingrid.", "I broke up with Ingrid.", {"The user's friend is called Ingrid."}),
        ("My wife is called Anna.", "We divorced in 2010.", {"The user's wife is called Anna."}),
        ("My wife is called Anna.", "My parents divorced.", {"The user's wife is called Anna."}),
    ],
)
def test_a_parting_closes_who_was_parted_from(memory, told, parting, left):
    memory.tell(told)
    memory.tell(parting)
    assert lines(memory) == left


def test_to_forget_a_parting_forgets_nobody(memory):
    memory.tell("I live in Oslo with my girlfriend Ingrid.")
    memory.tell("I broke up with my girlfriend.")
    memory.tell("Forget that.")
    assert "The user lives in Oslo." in lines(memory)
