"""Who is with the user, is called otherwise, is told of in passing, is one of several: read, or not read at all."""

# ruff: noqa: E501 - rows of tables

import pytest

from memory.rules.partings import partings
from memory.rules.sentences import clauses, own_words
from memory.rules.statements import read_statements
from memory.rules.words import is_casual


def read(text: str) -> list[str]:
    """The lines that the text states; what it takes back stands with a minus."""
    stated = read_statements(clauses(own_words(text)), casual=is_casual(text))
    return [("-" if s.negated else "") + s.text for s in stated]


def rows(table: str) -> list[list[str]]:
    return [[part for part in line.split("|") if part] for line in table.strip().splitlines()]


READ = """
I live in Oslo with my girlfriend Ingrid.|The user lives in Oslo.|The user's girlfriend is called Ingrid.
I live with my girlfriend Ingrid in Oslo.|The user lives in Oslo.|The user's girlfriend is called Ingrid.
I live with my partner Anna.|The user's partner is called Anna.
My name is Ada and I live in Lisbon with my husband Paul.|The user's name is Ada.|The user lives in Lisbon.|The user's husband is called Paul.
I live in Lisbon with my husband, Paul.|The user lives in Lisbon.|The user's husband is called Paul.
We live in Bonn with our dog Rex|The user lives in Bonn.|The user's dog is called Rex.
I live in Oslo with my girlfriend Ingrid and work at Equinor|The user lives in Oslo.|The user's girlfriend is called Ingrid.|The user works at Equinor.
I work with my friend Bob.|The user's friend is called Bob.
I work at Google with my friend Bob.|The user works at Google.|The user's friend is called Bob.
I went to Rome with my wife Anna.|The user's wife is called Anna.
I often travel with my brother Tom.|The user's brother is called Tom.
My wife's name is not Anna, it is Hanna.|-The user's wife's name is Anna.|The user's wife's name is Hanna.
My wife's name isn't Anna, it's Hanna.|-The user's wife's name is Anna.|The user's wife's name is Hanna.
My wife is called Hanna, not Anna.|-The user's wife is called Anna.|The user's wife is called Hanna.
My wife isn't called Anna but Hanna.|-The user's wife is called Anna.|The user's wife is called Hanna.
My dog's name is Rex, not Max|-The user's dog's name is Max.|The user's dog's name is Rex.
My wife's name is not Anna.|-The user's wife's name is Anna.
I was fired from Equinor.|-The user works at Equinor.
I got laid off by the bank last week|-The user works at the bank.
I quit my job at the bank.|-The user works at the bank.
I left my job at Equinor.|-The user works at Equinor.
I no longer work for Equinor.|-The user works at Equinor.
I don't work at Equinor any more.|-The user works at Equinor.
My email changed, it is now kate@new.example|The user's email is kate@new.example.
My email changed. It's kate@new.example now.|The user's email is kate@new.example.
My phone number has changed, it's now 555 2222|The user's phone number is 555 2222.
My phone number has changed to 555 2222|The user's phone number is 555 2222.
My new email is kate@new.example|The user's email is kate@new.example.
My dog Rex is 3 years old.|The user's dog is called Rex.|Rex is 3 years old.
My other cat Luna is 3 years old.|The user's cat is called Luna.|Luna is 3 years old.
My dog Rex is a beagle.|The user's dog is called Rex.
My puppy Rex is 4 months old|The user's puppy is called Rex.
My dog Rex is a guide|The user's dog is called Rex.
My dog food is Pedigree|The user's dog food is Pedigree.
I have a brother, Karl, who lives in Linz|The user has a brother called Karl.|Karl lives in Linz.
I have a brother Karl who lives in Linz.|The user has a brother called Karl.|Karl lives in Linz.
I have a brother called Karl who is a nurse.|The user has a brother called Karl.|Karl works as a nurse.
I have a brother, Karl, and he lives in Linz|The user has a brother called Karl.|Karl lives in Linz.
I have a brother, Karl, who used to live in Linz|The user has a brother called Karl.|-Karl lives in Linz.
My other dog is called Bella|The user has a dog called Bella.
My second dog is called Bella|The user has a dog called Bella.
My other dog is Bella.|The user has a dog called Bella.
I have another dog called Bella|The user has a dog called Bella.
I have another dog, Bella.|The user has a dog called Bella.
My other sister is called Eva|The user has a sister called Eva.
My second wife is called Eva|The user's second wife is called Eva.
I live in Bonn with my wife Anna and my son Tom.|The user lives in Bonn.|The user's wife is called Anna.|The user's son is called Tom.
I live in Bonn with my wife Anna, my son Tom and our dog Rex.|The user lives in Bonn.|The user's wife is called Anna.|The user's son is called Tom.|The user's dog is called Rex.
I went to the zoo with my daughter Mia and my husband Paul.|The user's daughter is called Mia.|The user's husband is called Paul.
My wife Anna and my son Tom live in Bonn.|The user's wife is called Anna.|The user's son is called Tom.|Tom lives in Bonn.
My wife Anna, my son Tom and I live in Bonn.|The user's wife is called Anna.|The user's son is called Tom.|The user lives in Bonn.
My wife Anna and my son Tom are vegetarian.|The user's wife is called Anna.|The user's son is called Tom.|Tom is vegetarian.
I have a wife, Anna, and my son Tom.|The user has a wife called Anna.|The user's son is called Tom.
I live with my wife Anna and my phone Samsung.|The user's wife is called Anna.
I work with my wife Anna, and my boss Excel is slow.|The user's wife is called Anna.
My friend Bob and I live in Rome.|The user's friend is called Bob.|The user lives in Rome.
My wife Anna, my son Tom is 5.|The user's son is called Tom.|Tom is 5 years old.
My friend Anna, my wife Lea works at Siemens.|The user's wife is called Lea.|Lea works at Siemens.
I went to Paris with my wife Anna, my friend Google.|The user's wife is called Anna.
I live in Bonn with my wife Anna, my partner Siemens.|The user lives in Bonn.|The user's wife is called Anna.
"""

NOT_READ = """
My wife Anna, my son Tom.|I argued with my wife Anna and my son Tom|I no longer live with my wife Anna and my son Tom|Do I live with my wife Anna and my son Tom?|If I lived in Bonn with my wife Anna and my son Tom, I'd be happy.
I argued with my wife Anna|I don't live with my girlfriend Ingrid|I would live with my girlfriend Ingrid|I used to live with my girlfriend Ingrid|Do I live with my girlfriend Ingrid?|I dream of living with my girlfriend Ingrid
I work with my partner Siemens|We travel with our partner Lufthansa|I went running with my coach Strava|I live with my assistant Siri|I play Skyrim with my horse Shadowmere|I work for my wife Anna|I live with my parents
I went to the cinema with my wife Friday night|I went to the cinema with my wife Anna Friday night|She said I went to Rome with my wife Anna|I'm going to break up with my girlfriend Ingrid|If I went to Rome with my wife Anna, I'd be happy
My wife is not Belgian but Moldovan|My wife is not Anna, she is tired|My sister is not German, she is Swedish|Is my wife called Hanna, not Anna?|She says my wife is called Hanna, not Anna|My wife's name is not important
My mood changed, it is now better|My plans changed, it is now tomorrow|My life has changed. It is now easier.|If my email changed, it is now kate@new.example|My email changed|Has my email changed, it is now kate@new.example?|My wife's email changed, it is now kate@new.example
My fish Tank is 3 years old|My Horse Farm is near Bonn|My dog Labrador is 3 years old|My mouse Logitech is 3 years old|my dog rex is 3 years old|My friend's dog Rex is 3 years old|Is my dog Rex 3 years old?|If my dog Rex were 3 years old
I have a brother, Karl, who lives in Linz?|I have a brother who lives in Linz.|I met a friend, Karl, who told me that he lives in Linz|Hey Claude, who is the president of France|I asked my boss, Priya, who is responsible|I have a brother, Karl, who would live in Linz|Do you know my brother Karl, who lives in Linz?
My other idea is Bella|My other dog is happy|Is my other dog called Bella?|The other dog is called Bella
I almost got fired from Equinor|My brother was fired up by Equinor|I was fired up|If I quit my job at Equinor
"""


@pytest.mark.parametrize("row", rows(READ), ids=lambda row: row[0])
def test_who_belongs_to_the_user_is_read(row: list[str]):
    assert read(row[0]) == row[1:]


@pytest.mark.parametrize("text", [text for row in rows(NOT_READ) for text in row])
def test_what_is_not_surely_said_is_not_read(text: str):
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("I live in Bonn with my dog Labrador", ["The user lives in Bonn."]),
        ("I no longer live in Oslo with my girlfriend Ingrid", ["-The user lives in Oslo."]),
        ("I live in Oslo with my girlfriend's dog Rex", ["The user lives in Oslo."]),
        ("My wife is called Hanna, not by her first name", ["The user's wife is called Hanna."]),
    ],
)
def test_what_is_beside_a_fact_names_nobody_else(text: str, stated: list[str]):
    assert read(text) == stated


PARTED = """
I broke up with my girlfriend Ingrid.|rel:girlfriend=Ingrid
I broke up with my girlfriend yesterday|rel:girlfriend=
My girlfriend and I broke up.|rel:girlfriend=
My girlfriend Ingrid and I have split up.|rel:girlfriend=Ingrid
My wife left me.|rel:wife=
My wife Anna and I got divorced last month|rel:wife=Anna
We divorced.|rel:wife=|rel:husband=|rel:spouse=
I just got divorced.|rel:wife=|rel:husband=|rel:spouse=
"""

NOT_PARTED = """
I broke up with laughter|I broke up the fight with Ingrid's brother|I almost broke up with Ingrid|I want to break up with Ingrid|Should I break up with Ingrid?|Did I break up with Ingrid?|I never broke up with Ingrid|I didn't break up with Ingrid
My friend broke up with Ingrid|My parents divorced.|My sister divorced Tom|My sister and her husband got divorced|If we divorced, I would move|She said we divorced|In my novel I broke up with Ingrid|I dreamed that I broke up with Ingrid
We divorced in 2010.|I broke up with my girlfriend in 2015|I broke up with my girlfriend when I was 20|I left my wife a note|I left my wife in Paris|My wife left me a note|My wife left me her car|We broke up the meeting|We split up into groups|I divorced my thoughts
My boss and I split up the work|I broke up with my gym|When we divorced I was sad|My wife and I are not divorced|I dumped the Data
"""


def parted(text: str) -> list[str]:
    return [f"{fact.attribute}={fact.value}" for fact in partings(clauses(own_words(text)))]


@pytest.mark.parametrize("row", rows(PARTED), ids=lambda row: row[0])
def test_of_whom_the_user_parted_is_known(row: list[str]):
    assert parted(row[0]) == row[1:]


def test_a_name_alone_stands_for_whatever_the_partner_was():
    assert {"rel:girlfriend=Ingrid", "rel:wife=Ingrid", "rel:partner=Ingrid"} < set(parted("I broke up with Ingrid."))
    assert {fact[:4] for fact in parted("Ingrid dumped me.")} == {"rel:"}


@pytest.mark.parametrize("text", [text for row in rows(NOT_PARTED) for text in row])
def test_nobody_is_parted_by_other_words(text: str):
    assert parted(text) == []
