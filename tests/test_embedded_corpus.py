"""The embedded model's training text: wide, in the product's own words, and apart from what it is examined on."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.embedded.corpus import frames, words
from adapters.embedded.corpus.cells import CELLS, make_cell
from adapters.embedded.corpus.chats import AND_MORE, LISTED, MOST_LISTED, Chats
from adapters.embedded.corpus.facts import RELATIONS, UNKNOWN, Facts, american, answer, own_clause, to_second_person
from adapters.embedded.corpus.held_out import HELD_OUT
from adapters.embedded.corpus.vocabulary import LISTED_VALUES, Vocabulary
from memory import prompts
from memory.rules.relations import BY_ATTRIBUTE

SEEDS = st.integers(min_value=0, max_value=10_000)


def plain(text: str) -> str:
    return re.sub(r"[^a-z{} ]", "", text.lower().lstrip("~")).strip()


@pytest.mark.parametrize("relation", RELATIONS.values(), ids=lambda relation: relation.id)
def test_each_relation_is_told_stored_and_asked_in_at_least_ten_ways(relation):
    for kind in ("told", "stored", "asked"):
        assert len(set(getattr(relation, kind))) >= 10, kind
    if relation.answer_third:
        assert len(set(relation.asked_third)) >= 10


@pytest.mark.parametrize(
    "relation", [r for r in RELATIONS.values() if r.id in BY_ATTRIBUTE], ids=lambda relation: relation.id
)
def test_the_sentences_that_the_product_stores_are_among_those_that_the_model_reads(relation):
    product = BY_ATTRIBUTE[relation.id]
    written = {phrase.line for phrase in (*product.predicates, *product.possessives)}
    assert written <= {form.removeprefix("~") for form in relation.stored}


def test_no_held_out_question_is_in_the_training_text():
    trained = {(relation.id, plain(form)) for relation in RELATIONS.values() for form in relation.asked}
    trained |= {
        (relation.id, plain(frame.replace("{i}", named)))
        for relation in RELATIONS.values()
        for frame in frames.INDIRECT
        for named in relation.named
    }
    assert len(HELD_OUT) >= 100
    assert not {(relation, plain(question)) for relation, question in HELD_OUT} & trained


@settings(deadline=None, max_examples=50)
@given(SEEDS)
def test_made_up_words_of_the_examination_never_occur_in_training(seed):
    train, test = Vocabulary(seed), Vocabulary(seed + 1, "test")
    assert not {train.made_up() for _ in range(200)} & {test.made_up() for _ in range(200)}


def test_listed_words_of_the_examination_are_in_no_training_list():
    held_out = {word.lower() for group in words.HELD_OUT_WORDS.values() for word in group}
    held_out |= {word.lower() for word in (*words.HELD_OUT_ATTRIBUTES, *words.HELD_OUT_FAVOURITES)}
    assert not held_out & LISTED_VALUES


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.integers(0, 24), st.integers(1, 12))
def test_a_seed_gives_the_same_conversation_again(seed, memories, turns):
    assert Chats(Vocabulary(seed)).chat(memories, turns) == Chats(Vocabulary(seed)).chat(memories, turns)


@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_whatever_a_list_names_stands_above_it(seed):
    """The law of the text: an answer follows from what was said."""
    chat = Chats(Vocabulary(seed)).chat(seed % 12, 8)
    above = chat.system
    for turn in chat.turns:
        above += "\n" + turn.user
        named = turn.assistant.splitlines()[1:] if turn.assistant.startswith(LISTED) else []
        for line in named:
            if line != AND_MORE:
                last_word = re.sub(r" in the morning| years old| children", "", line.rstrip(".")).split()[-1]
                assert american(last_word) in american(above)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_draws_the_same_questions_for_the_same_seed_and_expects_an_answer(cell):
    questions = make_cell(cell, 8, 5)
    assert questions == make_cell(cell, 8, 5)
    for question in questions:
        assert (question.expected == UNKNOWN) == cell.startswith("missing")
        assert question.place == "system" or prompts.FENCE_OPEN in question.chat.turns[-1].user


def test_the_newest_of_two_is_the_one_that_stands_last():
    for question in make_cell("newest of two, 5 memories", 50, 3):
        block = question.chat.system + question.chat.turns[-1].user
        value = question.expected.rstrip(".").split()[-1]
        assert value in block


def test_long_lists_say_that_there_is_more():
    chats = Chats(Vocabulary(1))
    lists = [
        turn.assistant
        for seed in range(300)
        for turn in Chats(Vocabulary(seed)).chat(8, 8).turns
        if turn.assistant.startswith("This is what I know about you")
    ]
    assert lists
    assert max(answer.count("\n") for answer in lists) == MOST_LISTED + 1
    assert all(answer.endswith("- and more") == (answer.count("\n") > MOST_LISTED) for answer in lists)
    assert chats.words.split == "train"


def test_facts_turn_into_the_users_words_and_back():
    facts = Facts(Vocabulary(2))
    lives = facts.new("lives", "")
    assert own_clause(lives) == f"I live in {lives.value}"
    assert answer(lives) == f"You live in {lives.value}."
    bob = facts.new("lives", "Bob")
    assert answer(bob) == f"I remember that Bob lives in {bob.value}."
    assert to_second_person("where I am from and what my name is") == "where you are from and what your name is"
    pet = facts.new("pet", "", "iguana")
    assert " a iguana" not in " ".join(facts.told(pet) for _ in range(100))
