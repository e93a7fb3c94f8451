"""What people say in the embedded model's phrasing tables, read by the rules: what is read must be right."""

from collections import Counter

import pytest
import rules

from adapters.embedded.corpus.common_facts import COMMON_FACTS, CommonFact
from memory.rules.questions import asked_about
from memory.writer import Writer

#: Their phrasings are mostly about keys and values that nobody has ("my guitar will be frozen window").
LOOSE = {"fav", "attr"}


@pytest.fixture(scope="module")
def counts() -> dict[str, Counter[str]]:
    """How often each outcome came up, by relation: the user's own sentences in one draw of each phrasing."""
    return {
        relation: Counter(outcome for outcome, *_ in rules.measured(relation, 1, 3, others=False))
        for relation in rules.RELATIONS
    }


def test_plain_sentences_are_read(counts):
    shares = {relation: found["right"] / found.total() for relation, found in counts.items()}
    assert {relation: share for relation, share in shares.items() if share < (0.5 if relation in LOOSE else 0.75)} == {}
    assert sum(found["right"] for found in counts.values()) >= 0.9 * sum(found.total() for found in counts.values())


def test_next_to_nothing_is_read_wrongly(counts):
    wrong = sum(found["wrong"] + found["part"] for found in counts.values())
    assert wrong <= 0.02 * sum(found.total() for found in counts.values())


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ([], "none"),
        ([("user", "lives", "Rome")], "right"),
        ([("user", "lives", "Oslo")], "wrong"),
        ([("user", "born", "Rome")], "wrong"),
        ([("user", "lives", "Rome"), ("user", "work", "Rome")], "part"),
    ],
)
def test_an_outcome_is_what_was_read_of_the_fact(found, outcome):
    told = rules.Fact(relation="lives", who="", x="", y="", value="Rome")
    keys = [rules.FactKey(subject=subject, attribute=attribute, value=value) for subject, attribute, value in found]
    assert rules.outcome(told, keys) == outcome


def test_only_listed_words_are_drawn():
    assert rules.is_common("the University of Porto")
    assert rules.is_common("3 May")
    assert not rules.is_common("Zorpia")


@pytest.mark.parametrize("fact", COMMON_FACTS, ids=lambda fact: fact.told)
def test_every_common_fact_is_read_and_its_question_names_it(fact: CommonFact):
    """Stored as one fact, that fact's value, under the key that the question asks for: so it is found first."""
    (read,) = rules.read(fact.told, Writer())
    assert fact.value.casefold() in read.value.casefold()
    assert (read.subject, read.attribute) in asked_about(fact.question)
