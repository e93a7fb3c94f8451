"""A message that asks several things brings in the answer to each of them."""

import pytest

from memory.rules.parts import parts_of
from tests.memory_rig import build


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Where do I live and what is my dog called?", ("Where do I live", "what is my dog called?")),
        ("Where do I live? And what is my dog called?", ("Where do I live", "what is my dog called?")),
        ("Where do I live?", ()),
        ("Do Anna and Tom like sushi?", ()),
        ("What is my sister's name and where does she live?", ()),  # the second leans on the first
        ("I like tea. Which tea did I buy?", ()),  # what is told is not asked
        ("Where does my sister live? And my brother?", ()),  # nor does this stand for itself
        ("Who is Ben? Who is Tom? Who is Ann? Who is Kim?", ("Who is Ben", "Who is Tom", "Who is Ann")),
        (f"Where do I live and what {'is ' * 200}it?", ()),  # pasted
    ],
)
def test_a_question_of_several_is_read_as_those_that_stand_for_themselves(question, parts):
    assert parts_of(question) == parts


def test_each_of_two_questions_finds_its_answer_first(tmp_path, minilm):
    memory = build(tmp_path, minilm)
    for text in (
        "I moved to Omaha last year.",
        "I named the puppy Biscuit.",
        "The team at Nordwind has a dog day.",
        "We got a dog basket and a dog door for the house where we live.",
        "A dog walker lives next door, her dog is called Rover.",
        "The dog park is where the old people live.",
    ):
        memory.tell(text)
    found = memory.found("Where do I live and what is my dog called?")
    assert any("Omaha" in text for text in found[:4])
    assert any("Biscuit" in text for text in found[:4])


def test_a_part_has_its_own_times_and_names(tmp_path, minilm):
    memory = build(tmp_path, minilm)
    for text in ("I visited the glass museum on 2 May.", "I had my hair cut on 2 May.", "My dog eats salmon at dawn."):
        memory.tell(text)
    found = memory.found("Where did I go on 2 May and what does the dog eat in the morning?")
    assert any("salmon" in text for text in found[:3])


def test_a_memory_that_answers_two_of_the_questions_comes_once(tmp_path, minilm):
    memory = build(tmp_path, minilm)
    memory.tell("I live in Porto with my dog Biscuit.")
    found = memory.found("Where do I live and what is my dog called?")
    assert len(found) == len(set(found))
