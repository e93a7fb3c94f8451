"""What ended is no longer told as if it held, and stays in history."""

# ruff: noqa: E501 - rows of tables

import pytest

from memory.rules.endings import endings
from memory.rules.sentences import clauses, own_words
from tests.memory_rig import ADA, texts, told

ENDED = """
I quit my job.|work=
I just lost my job|work=
i just got laid off :(|work=
I got laid off last Friday|work=
Unfortunately I got laid off last week.|work=
I was made redundant.|work=
They let me go yesterday.|work=
I'm between jobs right now.|work=
I retired last year.|work=|job=
I'm officially retired now.|work=|job=
I don't have a girlfriend anymore.|rel:girlfriend=
Karen is no longer my boss.|rel:boss=Karen
Karen isn't my boss any more|rel:boss=Karen
I sold my bike.|attr:bike=
We sold our car last week.|drives=|attr:car=
I got rid of my laptop|attr:laptop=
I traded my harp in, I'm playing the ukulele now.|instrument=harp
I don't have a dog.|pet:dog=
I don't have a car anymore|drives=|attr:car=
We no longer have a cat.|pet:cat=
Sadly we had to give our dog Rex away.|pet:dog=Rex
We gave the cat away|pet:cat=
I finished reading Dune.|reading=Dune
I've finished Dune yesterday|reading=Dune
I finished the book.|reading=
I just finished "The Nightingale" and loved it|reading="The Nightingale"
I just finished The Power by Naomi Alderman in three days.|reading=The Power by Naomi Alderman|reading=The Power
I finished Pride and Prejudice today.|reading=Pride and Prejudice
I've finished Dune, it was great.|reading=Dune
I gave up on French.|reading=French|learning=French
I stopped climbing.|hobby=climbing
I'm eating dairy again.|diet=vegan|diet=dairy-free|diet=dairy free
I dropped out of university.|studies=|university=
I graduated in June.|studies=|university=
"""

GOES_ON = """
In 2015 I quit my job.|I quit my job in 2015.|Ten years ago I got fired.|Two years ago, I retired.|I got fired once.|When I was young I sold my bike.|Back then I was single.|I'm divorced from reality
I almost quit my job|I might quit my job|I want to quit my job|Should I quit my job?|Did I quit my job?|If I got fired I would travel|I never quit my job|I didn't quit my job|I wish I had sold my car|I won't sell my car
My sister got laid off.|My sister sold her car|She said I quit my job|In my novel I got fired.|I got fired, just kidding.|I was fired up|I got fired from the choir|I lost my keys|I lost my job's badge
I sold my old bike.|I sold my dog's bed|I sold my car radio|I gave Rex a bath|I gave the dog a bone|We gave away tickets|I'm single-minded|I'm single and tall|I don't have a dog bed|I don't have a clue|I don't have a car
I retired to my room|I stopped the car|I stopped at the bakery|I eat meat|I don't eat meat again|I graduated in 2010.|Karen is not my favourite boss|Karen is no longer at my office
"""


def rows(table: str) -> list[list[str]]:
    return [line.split("|") for line in table.strip().splitlines()]


def ended(text: str) -> list[str]:
    return [f"{fact.attribute}={fact.value}" for fact in endings(clauses(own_words(text)), text)]


@pytest.mark.parametrize("row", rows(ENDED), ids=lambda row: row[0])
def test_what_ended_is_known(row: list[str]):
    assert ended(row[0]) == row[1:]


@pytest.mark.parametrize("text", [text for row in rows(GOES_ON) for text in row])
def test_nothing_is_ended_by_other_words(text: str):
    assert ended(text) == []


def test_being_single_ends_every_sort_of_partner():
    assert {"rel:girlfriend=", "rel:husband=", "rel:partner="} < set(ended("I'm single again."))
    assert set(ended("I'm divorced now.")) == {"rel:wife=", "rel:husband=", "rel:spouse="}


@pytest.mark.parametrize(
    ("before", "then", "held"),
    [
        ("I work at Google.", "I got laid off.", "The user works at Google."),
        ("I drive a Golf.", "I sold my Golf.", "The user drives a Golf."),
        ("My girlfriend is Anna.", "I'm single again.", "The user's girlfriend is called Anna."),
        ("I have a dog called Rex.", "We gave Rex away.", "The user has a dog called Rex."),
        ("I'm reading Dune.", "I finished Dune.", "The user is reading Dune."),
        ("I'm reading The Nightingale.", 'I just finished "The Nightingale".', "The user is reading The Nightingale."),
        ("I study law.", "I dropped out.", "The user studies law."),
        ("I am vegan.", "I started eating meat again.", "The user is vegan."),
    ],
)
def test_what_ended_is_brought_in_no_more_and_stays_in_history(tmp_path, before: str, then: str, held: str):
    memory = told(tmp_path, before, then)
    assert held not in {cube.text for cube in memory.files.vault.page(ADA, limit=99).cubes}
    assert held in texts(memory)


@pytest.mark.parametrize(
    ("before", "then", "holds"),
    [
        ("I work at Google.", "In 2015 I quit my job.", "The user works at Google."),
        ("I have a dog called Rex.", "We gave Mia away.", "The user has a dog called Rex."),
        ("I'm reading Dune.", "I finished Emma.", "The user is reading Dune."),
        ("I drive a Golf.", "I sold my Polo.", "The user drives a Golf."),
        ("I live in New York.", "I no longer live in York.", "The user lives in New York."),
        ("I like green tea.", "I don't like tea anymore.", "The user likes green tea."),
        ("Yesterday I quit my job.", "I work at Norvane.", "The user works at Norvane."),
        ("I have two cats, Tom and Kit.", "I sold my cat.", "The user has a cat called Tom."),
        ("My phone is 07700 900327.", "I sold my phone.", "The user's phone is 07700 900327."),
        ("I play the violin.", "I sold my violin and bought a better one.", "The user plays the violin."),
        ("My boss is Peter.", "I have a new manager training on Monday.", "The user's boss is called Peter."),
        ("My boss is Peter.", "I got a new boss mug.", "The user's boss is called Peter."),
    ],
)
def test_another_value_is_not_ended(tmp_path, before: str, then: str, holds: str):
    memory = told(tmp_path, before, then)
    assert holds in {cube.text for cube in memory.files.vault.page(ADA, limit=99).cubes}


def test_a_new_boss_takes_the_place_of_the_one_who_left(tmp_path):
    memory = told(tmp_path, "My boss is Karen.", "Karen left and Peter is my new boss.")
    found = {cube.text for cube in memory.files.vault.page(ADA, limit=99).cubes}
    assert "The user's boss is called Peter." in found
    assert "The user's boss is called Karen." not in found
