"""A wish to forget is obeyed in the words that people type, by whatever word the thing was told, and takes no more."""

import pytest

from memory.rules.wishes import forgets
from tests.memory_rig import build, texts, told


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("My mobile is 07700 900321", "forget my phone"),
        ("My mobile is 07700 900321", "Forget my phone number please"),
        ("my cell is 555-0199", "forget my phone number"),
        ("my telephone number is 0161 496 0000", "forget my phone"),
        ("I'm a nurse", "forget my job title"),
        ("my phone is 601 555 123", "forget my phone number"),
        ("my email is ana@acme.org", "forget my e-mail address"),
        ("My pin is 4471", "forget my pin code"),
        ("my license plate is AB 123", "forget my licence plate"),
        ("my birthday is 4 May", "forget my bday"),
    ],
)
def test_what_was_told_by_another_word_goes(tmp_path, said, wish):
    memory = told(tmp_path, "My car is a Volvo.")
    kept = texts(memory)
    memory.tell(said)
    memory.tell(wish)
    assert texts(memory) == kept


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("I have two kids, Ana and Rui", "forget what I said about the kids"),
        ("we have three children", "forget what I told you about the children"),
        ("My bank pin is 4471", "forget about the bank pin"),
        ("My bank pin is 4471", "forget the bank pin i gave you"),
        ("my account number is 12345678", "forget the account number"),
        ("my gate code is 9921", "forget about the gate code too"),
        ("my phone number is 601 555 123", "forget the phone number I gave you earlier"),
        ("my pin is 4471", "forget I ever told you my pin"),
        ("my salary is 50k", "forget i mentioned my salary"),
    ],
)
def test_what_the_user_told_is_theirs_though_they_say_the(tmp_path, said, wish):
    memory = told(tmp_path, said)
    memory.tell(wish)
    assert texts(memory) == set()


@pytest.mark.parametrize(
    "wish",
    [
        "Actually forget my phone number too",
        "forget my phone number as well",
        "pls forget my phone number",
        "wait, forget my phone number",
        "can u forget my phone number thx",
        "could you pls forget my phone number",
        "forget my phone number right now",
        "forget my phone number, ok?",
        "forget my phone number for good",
        "i want u to forget my phone number",
        "delete my phone number",
    ],
)
def test_courtesies_around_it_do_not_hide_what_is_named(tmp_path, wish):
    memory = told(tmp_path, "my phone number is 601 555 123")
    memory.tell(wish)
    assert texts(memory) == set()


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("my address is 12 Elm Street, Leeds", "forget my adress"),
        ("I live in Leeds", "forget my adress"),
        ("my birthday is 4 May", "forget my brithday"),
        ("my salary is 50k", "forget my salry"),
        ("I'm allergic to peanuts", "forget my alergies"),
        ("my account number is 12345678", "forget my acount number"),
        ("my phone number is 601 555 123", "forget my phonenumber"),
    ],
)
def test_a_slip_of_the_hand_hides_nothing(tmp_path, said, wish):
    memory = told(tmp_path, said)
    memory.tell(wish)
    assert texts(memory) == set()


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("my hobby is chess", "forget my hobbit"),
        ("my country is England", "forget my county"),
        ("my employer is Acme", "forget my employees"),
        ("my couch is grey", "forget my coach"),
        ("my pin is 4471", "forget my pine"),
        ("my plan a is Rome", "forget my plan b"),
        ("my bank is Barclays", "forget my blank"),
        ("my house is blue", "forget my horse"),
        ("my phone is a Pixel 8", "forget my phone number"),
        ("my phone number is 601 555 123", "forget my phone case"),
    ],
)
def test_a_word_of_its_own_is_no_slip(tmp_path, said, wish):
    memory = told(tmp_path, said)
    before = texts(memory)
    memory.tell(wish)
    assert texts(memory) == before


def test_a_word_that_was_said_is_meant_itself(tmp_path):
    memory = told(tmp_path, "my salary is 50k", "I saw a salry at the zoo, that is a bird.")
    memory.tell("forget my salry")
    assert "The user's salary is 50k." in texts(memory)


@pytest.mark.parametrize(
    ("beside", "said", "wish"),
    [
        ("my landline is 0161 496 0000", "my mobile is 07700 900321", "forget my mobile"),
        ("my phone number is 601 555 123", "my mobile is 07700 900321", "forget my mobile"),
        ("my mobile is 07700 900321", "my landline is 0161 496 0000", "forget my landline"),
        ("my passport number is X1234567", "my phone number is 601 555 123", "forget my phone"),
        ("my phone is a Pixel 8", "my mobile number is 07700 900321", "forget my phone number"),
        ("I drive a Volvo", "my car insurance is with Axa", "forget my car insurance"),
        ("my work mobile is 07700 900321", "my phone number is 601 555 123", "forget my phone"),
        ("my bank is Barclays", "my bank pin is 4471", "forget the bank pin"),
        ("my dog is called Rex", "my cat is called Miso", "forget what I said about the cat"),
    ],
)
def test_what_is_of_its_kind_but_not_named_stays(tmp_path, beside, said, wish):
    memory = told(tmp_path, beside)
    before = texts(memory)
    memory.tell(said)
    memory.tell(wish)
    assert texts(memory) == before


@pytest.mark.parametrize(
    "wish",
    [
        "pls forget i ever said that",
        "forget I said that",
        "forget that I told you that",
        "please forget that i ever mentioned it",
        "forget that too",
    ],
)
def test_that_it_was_ever_said_is_what_was_said_last(tmp_path, wish):
    memory = build(tmp_path, None)
    said = [{"role": "user", "content": "I like tea."}]
    memory.tell("I like tea.", messages=list(said))
    before = texts(memory)
    said += [{"role": "assistant", "content": "Okay."}, {"role": "user", "content": "I earn 50k"}]
    memory.tell("I earn 50k", messages=list(said))
    said += [{"role": "assistant", "content": "Okay."}, {"role": "user", "content": wish}]
    memory.tell(wish, messages=list(said))
    assert texts(memory) == before


@pytest.mark.parametrize(
    "text",
    [
        "wait, forget everything",
        "forget everything too",
        "forget me too",
        "wait, forget it",
        "forget it, ok?",
        "forget about it altogether",
        "forget i asked",
        "forget I said anything",
        "forget the dog, I want a cat",
        "forget about the kids for a second",
        "forget the phone, I'll email them",
        "forget about the address bar",
        "forget the code",
        "forget the source code",
        "forget the email I sent you",
        "remove the password",
        "remove my address from this letter",
        "delete my phone number from the form",
        "I always forget my phone",
        "don't forget my phone number too",
        "never forget my brithday",
        "they always forget my birthday",
        "if I forget my pin, tell me",
    ],
)
def test_a_turn_of_speech_is_no_wish(text):
    assert forgets(text) == ((), text)


def test_a_being_of_somebody_elses_is_not_the_users(tmp_path):
    memory = told(tmp_path, "My son is called Ben.")
    before = texts(memory)
    memory.tell("forget what I said about the neighbour's son")
    memory.tell("forget what I said about the park dog")
    assert texts(memory) == before


def test_a_wish_is_fulfilled_once_and_takes_nothing_like_what_is_gone(tmp_path):
    memory = told(tmp_path, "My email is ada@x.example.", "My work email is ada@work.example.")
    memory.tell("Forget my email.")  # with both brought in, of which one line goes from its own record
    assert "The user's work email is ada@work.example." in texts(memory)
    assert not any("ada@x.example" in text for text in texts(memory))


@pytest.mark.parametrize(
    ("said", "wish"),
    [
        ("My name is Ada.", "delete my name from your database"),
        ("I'm allergic to nuts.", "forget my allergy to nuts"),
        ("I drive a Golf.", "forget my car details"),
        ("My birthday is 3 May.", "erase my birthday from your records"),
        ("My hubby is Tom.", "forget my hubby"),
    ],
)
def test_what_stands_behind_the_thing_hides_no_wish(tmp_path, said, wish):
    assert texts(told(tmp_path, said, wish)) == set()
