"""What is told of "my sister" is found by her name, and what is told of Anna by what she is to the user."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.aliases import Expanded, Named, asked_of_both, expanded, names_beings
from memory.postings import POSTING, Postings
from tests.memory_rig import ADA, BEN, build

ANNA, BOSS, LUNA = Named("sister", "Anna"), Named("boss", "Priya"), Named("cat", "Luna")
FRIENDS = Named("friend", "Tom"), Named("friend", "Will")


@pytest.mark.parametrize(
    ("query", "entities", "read"),
    [
        ("Where does my sister work?", (), "Where does my sister Anna work?"),
        ("When is my sister's birthday?", (), "When is my sister Anna's birthday?"),
        ("Where does Anna work?", ("Anna",), "Where does my sister Anna work?"),
        ("What does our cat eat?", (), "What does our cat Luna eat?"),
        ("Is my manager strict?", (), "Is my manager Priya strict?"),  # one boss is one manager
        ("Where does my sister Anna work?", ("Anna",), "Where does my sister Anna work?"),
        ("Do my sister and Anna meet?", ("Anna",), "Do my sister and Anna meet?"),
        ("What does my friend play?", (), "What does my friend play?"),  # there are two
        ("What does Tom play?", ("Tom",), "What does my friend Tom play?"),
        ("Will it rain?", (), "Will it rain?"),  # no name
        ("Where does my brother work?", (), "Where does my brother work?"),  # nobody knows him
        (
            "Is my sister happy? When is my sister's birthday?",
            (),
            "Is my sister Anna happy? When is my sister's birthday?",
        ),
        ("What did my sister-in-law say to my sister?", (), "What did my sister-in-law say to my sister Anna?"),
        ("Do my cats like my cat?", (), "Do my cats like my cat Luna?"),
        ("Where do I buy my cat food?", (), "Where do I buy my cat food?"),
        ("How do I sort a list in Luna?", ("Luna",), "How do I sort a list in Luna?"),  # a town, a language
        ("What does Maria's cat eat?", ("Maria",), "What does Maria's cat eat?"),
    ],
)
def test_a_question_gets_both_names_of_whom_it_names_without_doubt(query, entities, read):
    assert expanded(query, entities, (ANNA, BOSS, LUNA, *FRIENDS)).query == read


def test_what_is_asked_about_a_being_is_asked_by_both_names():
    assert asked_of_both([("sister", "work")], [ANNA]) == (("sister", "work"), ("anna", "work"))
    assert asked_of_both([("anna", "birthday")], [ANNA]) == (("anna", "birthday"), ("sister", "birthday"))
    assert asked_of_both([("user", "lives")], [ANNA]) == (("user", "lives"),)
    assert asked_of_both([("friend", "job")], FRIENDS) == (("friend", "job"),)


def test_nothing_is_looked_up_for_a_question_that_names_nobody():
    assert not names_beings("Where do I live?", ())
    assert names_beings("What does my dog eat?", ())
    assert names_beings("Where does Anna live?", ("Anna",))


@given(
    st.text(max_size=200),
    st.lists(
        st.builds(Named, st.sampled_from(["sister", "cat"]), st.text("aB (.\\", min_size=1, max_size=4)), max_size=4
    ),
)
def test_nothing_that_was_asked_is_lost(query, known):
    letters = iter(expanded(query, [each.name for each in known], known).query)
    assert all(letter in letters for letter in query)


def test_two_names_of_one_being_are_one_thing_that_is_asked_for():
    asked = expanded("Where does my sister work?", (), (ANNA,))
    assert asked.concepts == (frozenset({"sister", "anna"}), frozenset({"work"}))


def test_a_memory_says_terms_that_mean_the_same_as_often_as_the_commonest_of_them():
    entries = {
        "sister": np.array([(1, 2, 9), (3, 1, 9)], POSTING),
        "anna": np.array([(1, 1, 9), (2, 1, 9)], POSTING),
        "work": np.array([(2, 1, 9)], POSTING),
    }
    merged = Postings(entries, cubes=3, words=27).with_synonyms([{"sister", "anna"}, {"nowhere", "work"}]).entries
    nowhere = {"sister": np.zeros(0, POSTING), "anna": np.zeros(0, POSTING)}
    assert len(Postings(nowhere, cubes=3, words=27).with_synonyms([{"sister", "anna"}]).entries["sister"]) == 0
    assert {term: rows.tolist() for term, rows in merged.items()} == {
        "sister": [(1, 2, 9), (2, 1, 9), (3, 1, 9)],
        "work": [(2, 1, 9)],
    }


@pytest.mark.parametrize(
    ("told", "question", "answer"),
    [
        (("My sister Anna lives in Porto.", "Anna works at a bakery."), "Where does my sister work?", "bakery"),
        (("My sister is called Anna.", "My sister's birthday is on 3 May."), "When is Anna's birthday?", "3 May"),
        (("My partner Kofi is a nurse.", "Kofi hates olives."), "What does my partner dislike?", "olives"),
    ],
)
def test_what_was_told_by_one_name_is_found_by_the_other(tmp_path, minilm, told, question, answer):
    memory = build(tmp_path, minilm)
    memory.tell("Elena works at a library and hates coriander. Her birthday is on 7 June.")
    for text in told:
        memory.tell(text)
    assert answer in memory.found(question)[0]


def test_who_the_boss_is_now_is_not_who_the_boss_was(tmp_path):
    memory = build(tmp_path, None)
    memory.tell("My boss is called Priya.")
    memory.tell("My boss is called Omar now.")
    assert "Priya" in memory.found("Who was my boss before?")[0]


def test_the_past_knows_the_names_of_its_time(tmp_path):
    memory = build(tmp_path, None)
    memory.tell("My boss is called Priya.")
    then = memory.clock()
    memory.tell("My boss is called Omar now.")
    assert memory.files.vault.named(ADA, as_of=then) == [Named("boss", "Priya")]
    assert memory.files.vault.named(ADA, as_of=memory.clock()) == memory.files.vault.named(ADA)


def test_a_long_text_that_names_one_being_over_and_over_is_read_in_one_pass():
    query = "my cat " * 14_000
    assert expanded(query, (), (LUNA,)).query == "my cat Luna " + query[7:]
    query = "my cat Luna " * 8_000
    assert expanded(query, ("Luna",), (LUNA,)) == Expanded(query)


def test_a_name_that_was_forgotten_is_no_longer_known(tmp_path):
    memory = build(tmp_path, None)
    memory.tell("My sister Anna lives in Porto.")
    assert memory.files.vault.named(ADA) == [ANNA]
    assert memory.files.vault.named(BEN) == []
    memory.tell("Forget my sister's name.")
    assert memory.files.vault.named(ADA) == []


def test_a_new_boss_takes_the_name_of_the_old_one(tmp_path):
    memory = build(tmp_path, None)
    memory.tell("My boss is called Priya.")
    memory.tell("My boss is called Omar now.")
    assert memory.files.vault.named(ADA) == [Named("boss", "Omar")]
