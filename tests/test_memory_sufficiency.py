"""Is there anything that answers? What concerns no memory gets none; what one answers is not withheld."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.scheduler import Policy
from memory.sufficiency import probability, sufficiency
from memory.turn import Message, TurnRecord
from tests.memory_rig import ADA, build

UNLIKELY = "nothing found is likely to answer"
TOLD = (
    "My cabin by the lake has a leaking roof.",
    "I once met a trumpet player called Odile in Ghent.",
    "The seminar was about medieval bridges, and I enjoyed it.",
    "We planted two pear trees behind the shed.",
)
amounts = st.fixed_dictionaries(
    {"coverage": st.floats(0, 1)},
    optional={
        "dense": st.floats(-1, 1),
        "idf_coverage": st.floats(0, 1),
        "attribute": st.sampled_from([0.0, 1.0]),
        "topic": st.floats(0, 2.5),
        "advice": st.just(2.0),
        "day": st.just(4.0),
    },
)


@pytest.fixture
def told(tmp_path, minilm):
    made = build(tmp_path, minilm)
    for text in TOLD:
        made.tell(text)
    yield made
    made.files.close()


@pytest.mark.parametrize(
    "request_text",
    [
        "Write a Python function that reverses a linked list.",
        "What is the capital of Mongolia?",
        "Explain the difference between TCP and UDP.",
        "Translate this sentence into Spanish: it was late.",
    ],
)
def test_a_request_that_concerns_no_memory_gets_none_and_the_receipt_says_why(told, request_text):
    injection = told.ask(request_text).injection
    assert injection.turn_ids == ()
    assert {line.reason for line in injection.candidates} == {UNLIKELY}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is wrong with my cabin?", TOLD[0]),
        ("Who was the musician I met in Ghent?", TOLD[1]),
        ("What was the seminar about?", TOLD[2]),
        ("Which trees stand behind our shed?", TOLD[3]),
    ],
)
def test_what_a_memory_answers_is_brought_in(told, question, answer):
    assert answer in told.ask(question).injection.turn_text


def test_a_policy_that_brings_in_what_nobody_asked_for_is_not_held_back(told):
    assert told.ask("What is the capital of Mongolia?", policy="lru").injection.turn_ids


def test_an_operator_may_switch_it_off(tmp_path, minilm):
    memory = build(tmp_path, minilm, Policy(min_relevance=0.0, min_sufficiency=0.0))
    memory.tell(TOLD[0])
    assert memory.ask("What is the capital of Mongolia?").injection.turn_ids
    memory.files.close()


def test_without_an_embedder_words_withhold_nothing(tmp_path):
    memory = build(tmp_path, None)
    memory.tell(TOLD[0])
    assert TOLD[0] in memory.ask("What about the cabin?").injection.turn_text
    memory.files.close()


def test_what_was_asked_before_answers_nothing(tmp_path, minilm):
    memory = build(tmp_path, minilm)
    memory.tell("Which bridge is the oldest one in Bruges?")
    found = memory.pipeline.search(ADA, query="Which bridge is the oldest in Bruges?", top_k=5)
    assert found.sufficiency < 0.1
    memory.files.close()


@given(signals=amounts, personal=st.booleans())
def test_it_is_a_probability(signals, personal):
    assert 0 < probability(signals, personal=personal) < 1


@given(signals=amounts, more=st.floats(0, 1), personal=st.booleans())
def test_more_likeness_never_makes_an_answer_less_likely(signals, more, personal):
    near = {**signals, "dense": signals.get("dense", 0.0)}
    nearer = {**near, "dense": near["dense"] + more}
    assert probability(nearer, personal=personal) >= probability(near, personal=personal)
    assert probability(near, personal=True) >= probability(near, personal=False)


def test_of_nothing_found_it_is_nothing():
    assert math.isclose(sufficiency([]), 0.0)


def test_what_answers_briefly_is_brought_in_with_the_question_that_it_answers(tmp_path, minilm):
    """In a talk between people, kept as it was said: "At my aunt's." tells a model nothing by itself."""
    memory = build(tmp_path, minilm)
    talk = [
        ("Nora", "user", "What a lovely day."),
        ("Tim", "assistant", "Where did you leave the violin?"),
        ("Nora", "user", "At my aunt's."),
        ("Tim", "assistant", "Let us hope that it does not rain on the way to the concert tonight."),
    ]
    messages = tuple(
        Message(role=role, text=text, name=name, id=f"m{number}", created_at=memory.clock())
        for number, (name, role, text) in enumerate(talk)
    )
    record = TurnRecord(scope=ADA, turn_hash="t", conversation_id="talk", messages=messages)
    memory.files.ledger.append(record)
    for exchange in memory.files.ledger.claim(limit=9, lease_s=60):
        memory.pipeline.after(exchange)
    injection = memory.ask("Where did Nora leave the violin?").injection
    lines = injection.turn_text.splitlines()
    asked = next(n for n, line in enumerate(lines) if "Where did you leave the violin?" in line)
    assert "At my aunt's." in lines[asked + 1]
    memory.files.close()
