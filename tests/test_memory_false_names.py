"""What is said of somebody becomes no name, what is said beside a value no part of it."""

from pathlib import Path

import pytest

from memory.rules.corrections import corrected
from memory.rules.sentences import clauses, own_words
from memory.rules.statements import read_statements
from memory.rules.words import is_casual
from tests.memory_rig import ADA, build


def facts(text: str) -> list[str]:
    """The lines that the rules read, "-" in front of what is taken back."""
    stated = read_statements(clauses(own_words(text)), casual=is_casual(text))
    return [("-" if one.negated else "") + one.text for one in stated]


@pytest.mark.parametrize(
    "text",
    "my mum is visiting on monday|my wife is pregnant|my dad is retired|my son is autistic|my brother is unemployed|"
    "my baby is teething|my dog is diabetic|my cat is asleep|my husband is here|my wife is upset|my dog is limping|"
    "my other cat is shy|my sister is engaged to mark|my partner is nonbinary|my son is named after me|"
    "my dad goes by train|"
    "My son is ADHD|My son is Left Handed|My husband is Batman to our kids|Bob's wife is Pregnant|"
    "my boss is called away|my dog is rex".split("|"),
)
def test_a_state_of_a_relative_or_an_animal_is_no_name(text: str) -> None:
    assert facts(text) == []


def test_a_state_does_not_take_the_place_of_a_name(tmp_path: Path) -> None:
    memory = build(tmp_path, None)

    memory.tell("my husband is called Tom")
    memory.tell("my husband is snoring")

    current = {cube.text for cube in memory.files.vault.page(ADA, limit=9).cubes}
    assert "The user's husband is called Tom." in current
    assert not any("called snoring" in text for text in current)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("my husband is called tom", "The user's husband is called tom."),
        ("my wife's name is anna", "The user's wife's name is anna."),
        ("i have a cat called luna", "The user has a cat called luna."),
        ("My dog is Rex", "The user's dog is called Rex."),
        ("My cat is Mr Whiskers", "The user's cat is called Mr Whiskers."),
        ("My other dog is Bella", "The user has a dog called Bella."),
        ("My boss is Karen.", "The user's boss is called Karen."),
        ("my sister is vegan", "The user's sister is vegan."),
        ("my dad is 70", "The user's dad is 70 years old."),
    ],
)
def test_a_name_that_is_called_one_or_has_its_capital_is_read(text: str, line: str) -> None:
    assert facts(text) == [line]


@pytest.mark.parametrize(
    "text",
    "call me later|call me tomorrow|call me paranoid|call me crazy|call me back|call me maybe|call me asap|"
    "CALL ME LATER|Call me Paranoid but it works|you can call me old fashioned|everyone calls me bossy|"
    "I'm John's wife|I'm Sober since march|I'm Sober|I'm Deaf|I'm Batman|I'm Team Edward|I'm Left Handed|I'm ENFP|"
    "I'm Gen Z|"
    "I'm Type 1 diabetic|I'm Vegan since March 2020 and Proud|I'm married to John's sister|"
    "my name is mud at work right now|my name is spelled wrong|my name is taken|my name is f1|"
    "Looky here, a pup!|Newbie here, how do I start?|Teacher here".split("|"),
)
def test_what_users_say_of_themselves_is_not_their_name(text: str) -> None:
    assert not any("name is" in line or "is called" in line for line in facts(text))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("my name is tom", "tom"),
        ("my name is tom smith", "tom smith"),
        ("My name is May", "May"),
        ("my first name is anna", "anna"),
        ("i go by sam", "sam"),
        ("you can call me jess", "jess"),
        ("Call me AJ", "AJ"),
        ("Call me May", "May"),
        ("Please call me Tom from now on", "Tom"),
        ("Everyone calls me Liz", "Liz"),
        ("I'm Anna by the way", "Anna"),
        ("I'm Anna (she/her)", "Anna"),
        ("I'm Jean-Luc Picard", "Jean-Luc Picard"),
        ("I'm Norman", "Norman"),
        ("This is Tom speaking", "Tom"),
        ("This is Ada here", "Ada"),
    ],
)
def test_users_who_give_their_name_are_called_so(text: str, name: str) -> None:
    assert facts(text) == [f"The user's name is {name}."]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("I hate coriander, tastes like soap", ["The user does not like coriander."]),
        ("I hate flying, scares me to death", ["The user does not like flying."]),
        ("I love sushi, makes me and my wife happy", ["The user loves sushi."]),
        ("I hate mornings, ugh", ["The user does not like mornings."]),
        (
            "I hate looks of pity, noise and crowds",
            [f"The user does not like {what}." for what in ("looks of pity", "noise", "crowds")],
        ),
        (
            "my phone number is 601 555 123 in case you need it for the form, email l@x.org",
            ["The user's phone number is 601 555 123."],
        ),
        ("my email is l@x.org for invoices, phone 601 555 123", ["The user's email is l@x.org."]),
        (
            "my phone number is +1 (555) 123-4567 ext 5",
            ["The user's phone number is +1 (555) 123-4567 ext 5."],
        ),
        ("my plate number is 12 AB 34", ["The user's plate number is 12 AB 34."]),
        ("my address is 5 Main St, Springfield, IL", ["The user's address is 5 Main St, Springfield, IL."]),
        ("I hate running, boring as hell", ["The user does not like running."]),
        ("my favourite food is pizza, tastes great", ["The user's favourite food is pizza."]),
        ("my favourite colour is obviously not pink", []),
        ("my favourite colour is blue, not pink", ["The user's favourite colour is blue."]),
        ("i work for peanuts", []),
        ("i work for tips at a bar", []),
        ("i work for google", ["The user works at google."]),
        ("my phone number is", []),
    ],
)
def test_a_value_ends_where_something_else_is_said(text: str, lines: list[str]) -> None:
    assert facts(text) == lines


@pytest.mark.parametrize(
    ("said", "put_right", "lines"),
    [
        ("I work at Tesco", "not Tesco, Lidl. brain fog", ["The user works at Lidl."]),
        ("I work at Tesco", "sorry, Lidl not Tesco. brain fog", ["The user works at Lidl."]),
        ("I work at Tesco", "brain fog. Lidl, not Tesco", ["The user works at Lidl."]),
        ("I live in St. Gallen", "not St. Gallen, St. Moritz. sorry", ["The user lives in St. Moritz."]),
        ("I live in Lisbon", "it's Porto, not Lisbon! sorry about that", ["The user lives in Porto."]),
    ],
)
def test_a_corrected_value_ends_with_its_sentence(said: str, put_right: str, lines: list[str]) -> None:
    assert [one.text for one in corrected(put_right, read_statements(clauses(said)))] == lines


def test_what_is_said_behind_a_number_is_kept_word_for_word(tmp_path: Path) -> None:
    memory = build(tmp_path, None)

    memory.tell("my phone number is 601 555 123 in case you need it for the form, email l@x.org")

    turns = [cube for cube in memory.files.vault.page(ADA, limit=9).cubes if "l@x.org" in cube.text]
    assert turns
    assert "covered" not in turns[0].tags
