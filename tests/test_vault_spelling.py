"""Words that are misspelt find what they mean; words that are spelt as it stands there find nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.vault.spelling import likeness
from tests.memory_rig import ADA, BEN, build

word = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12)


@pytest.fixture
def told(tmp_path):
    made = build(tmp_path, None)
    made.tell("Michael Brzezinski repairs our piano every spring.")
    made.tell("The seminar about medieval bridges was in Ljubljana.")
    made.tell("My favorite color is teal.")
    made.tell("We fly to Australia.")
    made.tell("The dairy delivers butter.")
    made.tell("Christina is late.")
    made.tell("Anna brought a marzipan tart.", scope=BEN)
    yield made
    made.files.close()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("What does Micheal repair?", "Michael"),
        ("Who is Brzezinsky?", "Brzezinski"),
        ("Which topic was it in Lubljana?", "Ljubljana"),
        ("Which colour is it?", "teal"),
    ],
)
def test_a_misspelt_word_finds_what_it_means(told, query, words):
    assert words in told.found(query)[0]


@pytest.mark.parametrize("query", ["kiwi", "Bridget", "12345", "mic", "Mitchum", "Austria", "diary", "Christian"])
def test_a_word_that_is_another_one_finds_nothing(told, query):
    assert told.found(query) == []


def test_a_word_that_stands_there_is_not_taken_for_another(told):
    told.tell("A bridge player called Bridgette won.")
    assert told.files.vault.postings(ADA, "bridge").entries.keys() == {"bridg"}
    assert list(told.files.vault.postings(ADA, "bridgete").entries) == ["bridgett"]


def test_nobody_is_corrected_by_what_others_said(told):
    assert told.found("marzpan", scope=ADA) == []
    assert told.found("marzpan", scope=BEN)


def test_what_a_word_is_taken_for_ranks_but_is_no_evidence(told):
    found = told.files.vault.postings(ADA, "Micheal repairs")
    assert found.guessed == {"michael"}
    guessed, sure = (
        told.pipeline.search(ADA, query=f"{name} repairs", top_k=1).hits[0] for name in ("Micheal", "Michael")
    )
    assert guessed.cube == sure.cube
    assert guessed.probability <= sure.probability


def test_many_words_with_the_same_beginning_hide_none(tmp_path):
    made = build(tmp_path, None)
    made.tell(" ".join(f"s{a}{b}{c}one" for a in "abcdefghij" for b in "klmnopqrst" for c in "uvwxyz"))
    made.tell("Svetlana sings.")
    assert "Svetlana" in made.found("Svetlanna")[0]
    made.files.close()


@given(one=word, other=word)
def test_likeness_is_symmetric_and_whole_for_the_same_word(one, other):
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other) <= 1
    assert likeness(one, one) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("diary", "dairy"), ("trail", "trial"), ("christian", "christina"), ("angle", "angel"), ("brother", "bother"),
     ("martin", "martina"), ("julia", "julian"), ("austria", "australia"), ("season", "soon")],
)  # fmt: skip
def test_two_words_that_differ_little_are_two_words(one, other):
    assert likeness(one, other) < 0.82
