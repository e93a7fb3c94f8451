"""The benchmark of answers: with a judge that is too kind, or a condition that cheats, it would prove nothing.

The conditions run on a real server whose model says back what it was sent.
"""

import argparse
import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path

import answers
import answers_results as results
import answers_sets as sets
import pytest
from answers_judge import Gold, is_right, is_unknowing, says_stale, wilson
from answers_results import CONDITIONS, HISTORY, NONE, OURS, RAG, Row
from hypothesis import given
from hypothesis import strategies as st

from adapters.embedded.corpus.facts import UNKNOWN
from adapters.ranker.training.conversations import Message
from memory import prompts

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes' clocks")


# -- the judge -------------------------------------------------------------------------------------------------------

PORTO = Gold(one_of=("Porto",), stale=frozenset({"Lisbon"}))
NOTHING = Gold(never=frozenset({"Porto", "Lisbon"}))


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("You live in Porto.", PORTO, True),
        ("you live in PORTO", PORTO, True),
        ("You moved from Lisbon to Porto.", PORTO, True),
        ("You live in Portofino.", PORTO, False),
        ("You live in Lisbon.", PORTO, False),
        (UNKNOWN, PORTO, False),
        ("", PORTO, False),
        ("It is\n the  Harbour\nHawks.", Gold(one_of=("the Harbour Hawks",)), True),
        ("On 13 June.", Gold(one_of=("2025-06-13", "13 June")), True),
        ("The river trust.", Gold(every=("the river trust", "the lifeboat station")), False),
        ("The lifeboat station and the river trust.", Gold(every=("the river trust", "the lifeboat station")), True),
        (UNKNOWN, NOTHING, True),
        ("You live in Lisbon.", NOTHING, False),
        ("", NOTHING, False),
        ("C++, they said.", Gold(one_of=("C++",)), True),
    ],
)
def test_an_answer_is_right_when_the_value_stands_in_it_as_whole_words(answer, gold, right):
    """What nothing answers is answered right by naming none of the person's values; silence is never right."""
    assert is_right(answer, gold) is right


def test_what_held_before_and_what_is_not_known_is_seen():
    assert says_stale("You live in lisbon.", PORTO)
    assert not says_stale("You live in Porto.", PORTO)
    assert is_unknowing(UNKNOWN)
    assert not is_unknowing("You live in Porto.")


@given(st.integers(0, 400).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_the_interval_holds_the_share_and_shrinks_with_more(seen):
    right, count = seen
    low, high = wilson(right, count)
    if not count:
        assert math.isnan(low)
        return
    assert 0 <= low <= right / count <= high <= 1
    wider = wilson(right * 4, count * 4)
    assert wider[1] - wider[0] < high - low


def test_the_interval_is_wilsons():
    """By his formula, on his kind of sample."""
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)


# -- the sets --------------------------------------------------------------------------------------------------------


def generated_file(folder: Path) -> Path:
    said = [("m1", "user", "I live in Lisbon."), ("m2", "assistant", "Noted."), ("m3", "user", "I moved to Porto.")]
    first, second = (
        {"id": name, "messages": [{"id": i, "role": r, "content": c, "timestamp": when} for i, r, c in some]}
        for name, when, some in (("s1", "2025-01-02T09:00:00", said[:2]), ("s2", "2025-02-02T09:00:00", said[2:]))
    )
    common = {"user": "u", "now": "2025-03-01T00:00:00", "after": None, "evidence": []}
    checks = [
        {**common, "type": "update", "query": "Where do I live?", "any": ["Porto"], "stale": ["Lisbon"]},
        {**common, "type": "update-mid", "query": "Where do I live?", "any": ["Lisbon"], "after": "s1"},
        {**common, "type": "temporal", "query": "When did I move?", "any": ["move"], "gold_date": "2025-02-02"},
        {**common, "type": "abstain", "query": "Which bank do I use?"},
        {**common, "type": "forget", "query": "Where do I live?", "forbid": ["Bergen"]},
        {**common, "type": "count", "query": "Where have I lived?", "all": ["Lisbon", "Porto"]},
        {**common, "type": "isolation", "query": "What is it?", "forbid": ["x"]},
    ]
    path = folder / "set.json"
    path.write_text(json.dumps({"users": [{"id": "u", "sessions": [first, second]}], "checks": checks}))
    return path


def test_the_generated_set_is_read_with_its_right_answers(tmp_path):
    """The day is the answer to a question that names the event, and no value of the person's to one of nothing."""
    [person] = sets.generated(generated_file(tmp_path), None)
    by_kind = {asked.kind: asked.gold for asked in person.asked}
    assert set(by_kind) == {"update", "update-mid", "temporal", "abstain", "forget", "count"}
    assert by_kind["update"] == Gold(one_of=("Porto",), stale=frozenset({"Lisbon"}))
    assert is_right("It was on 2 February 2025.", by_kind["temporal"])
    assert not is_right("You did move.", by_kind["temporal"])
    assert by_kind["abstain"].never >= {"Porto", "Lisbon", "Bergen"}
    assert by_kind["forget"].never == {"Bergen"}
    assert by_kind["count"].every == ("Lisbon", "Porto")
    middle = next(asked for asked in person.asked if asked.kind == "update-mid")
    assert [message.text for message in person.told(middle)] == ["I live in Lisbon.", "Noted."]
    assert [len(questions) for _, questions in person.by_session()] == [1, 5]


def test_the_plain_set_asks_what_was_told_and_what_was_not():
    """The newest value is the right one, and it was told; of what was never told no value is right."""
    people = sets.plain(3, 6, 4, 20, seed=5)
    assert people == sets.plain(3, 6, 4, 20, seed=5)
    kinds = {asked.kind for person in people for asked in person.asked}
    assert kinds == {sets.ONCE, sets.CHANGED, sets.OTHERS, sets.PARAPHRASED, sets.NEVER}
    for person in people:
        assert len(person.sessions) == 6
        said = [message.text for session in person.sessions for message in session if message.role == "user"]
        for asked in person.asked:
            if asked.gold.answerable:
                newest = max(n for n, text in enumerate(said) if asked.gold.one_of[0] in text)
                before = [n for n, text in enumerate(said) for value in asked.gold.stale if value in text]
                assert not before or newest > min(before)
            else:
                assert asked.kind == sets.NEVER
                assert asked.gold.never


def test_a_sample_takes_of_every_kind_and_leaves_questions_with_their_people():
    people = sets.plain(3, 6, 4, 20, seed=5)
    taken = sets.sample(people, 15, seed=1)
    counts = [sum(asked.kind == kind for person in taken for asked in person.asked) for kind in (sets.ONCE, sets.NEVER)]
    assert counts == [3, 3]
    assert sum(len(person.asked) for person in taken) == 15
    for whole, some in zip(people, taken, strict=True):
        assert {id(asked) for asked in some.asked} <= {id(asked) for asked in whole.asked}


# -- the conditions --------------------------------------------------------------------------------------------------


def person(*chats, asked):
    """Somebody who told these things; the model is told to say back all that it was sent."""
    at = datetime(2025, 1, 2, 9, tzinfo=UTC)
    sessions = tuple(
        tuple(
            Message(f"m{chat}-{place}", f"s{chat}", ("user", "assistant")[place % 2], text, at.replace(month=chat + 1))
            for place, text in enumerate(texts)
        )
        for chat, texts in enumerate(chats)
    )
    return sets.Person("ann", sessions, asked)


@pytest.fixture(scope="module")
def rows():
    if not sys.platform.startswith("linux"):
        pytest.skip("processes' clocks")
    lisbon, porto = Gold(one_of=("Lisbon",)), Gold(one_of=("Porto",), stale=frozenset({"Lisbon"}))
    asked = (
        sets.Asked("/messages Where do I live?", "middle", lisbon, after="s0"),
        sets.Asked("/messages Where do I live?", "end", porto),
        sets.Asked("/messages What is my dog called?", "nothing", Gold(never=frozenset({"Rex"}))),
    )
    ann = person(
        ("I live in Lisbon.", "Noted."),
        ("I bought seven kilograms of gravel. " * 250, "Okay."),
        ("I live in Porto now.", "Noted."),
        asked=asked,
    )
    return answers.examine({"tiny": [ann]}, ("--backend", "echo"))["tiny"]


def of(rows, condition, kind) -> Row:
    [found] = [row for row in rows if (row.condition, row.kind) == (condition, kind)]
    return found


@linux
def test_each_question_is_asked_once_in_each_condition(rows):
    assert sorted((row.condition, row.kind) for row in rows) == sorted(
        (condition, kind) for condition in CONDITIONS for kind in ("middle", "end", "nothing")
    )
    assert all(row.first_s > 0 and row.again_s > 0 and row.prompt_tokens > 0 for row in rows)


@linux
def test_without_memory_the_question_goes_alone(rows):
    for kind in ("middle", "end"):
        row = of(rows, NONE, kind)
        assert json.loads(row.answer) == [{"role": "user", "content": row.question}]
        assert (row.right, row.held) == (False, False)


@linux
def test_the_history_is_the_newest_messages_that_fit(rows):
    """From a user's on; what was said after the question was asked is not in it."""
    sent = json.loads(of(rows, HISTORY, "end").answer)
    assert [message["content"] for message in sent[:-1]] == ["I live in Porto now.", "Noted."]
    assert of(rows, HISTORY, "end").right
    middle = json.loads(of(rows, HISTORY, "middle").answer)
    assert [message["content"] for message in middle[:-1]] == ["I live in Lisbon.", "Noted."]
    assert [message["role"] for message in middle] == ["user", "assistant", "user"]


@linux
def test_plain_rag_quotes_what_is_nearest_in_a_system_message(rows):
    """With its day and speaker, oldest first, in the words in which the product brings things in."""
    system, question = json.loads(of(rows, RAG, "end").answer)
    lines = system["content"].splitlines()
    assert (system["role"], question["role"], lines[0]) == ("system", "user", prompts.STABLE_HEADER)
    assert '- 2025-01-02: The user said: "I live in Lisbon."' in lines
    assert [line[:13] for line in lines[1:]] == sorted(line[:13] for line in lines[1:])
    assert any("The assistant said" in line for line in lines)
    assert len(lines) == 1 + answers.RAG_TOP_K
    assert of(rows, RAG, "end").right
    assert of(rows, RAG, "end").stale


def test_plain_rag_can_leave_out_what_the_assistant_said():
    """As a baseline of its own: replies that repeat what was told take the places of other messages."""
    ann = person(("I live in Lisbon.", "Noted."), asked=(sets.Asked("Where?", "end", Gold(one_of=("Lisbon",))),))
    [system] = answers.ways(2048, users_only=True).before(RAG, ann, ann.asked[0], "Where?").messages
    assert system["content"].splitlines()[1:] == ['- 2025-01-02: The user said: "I live in Lisbon."']


@linux
def test_the_proxy_brings_in_its_own_and_questions_become_no_memories(rows):
    for kind, value in (("middle", "Lisbon"), ("end", "Porto")):
        row = of(rows, OURS, kind)
        assert (row.right, row.held) == (True, True), row.answer
        assert f"lives in {value}" in row.answer
        assert row.answer.count("Where do I live?") == 1
    assert "Porto" not in of(rows, OURS, "middle").answer


@linux
def test_the_tables_and_the_picture_hold_every_condition(rows, tmp_path):
    shown = results.report({"tiny": rows}, "on a test", drawn=True)
    assert all(f"| {condition} |" in shown for condition in CONDITIONS)
    assert "| middle | 1 | 0 (0 to 79) | 100 (21 to 100) | 100 (21 to 100) | 100 (21 to 100) |" in shown
    assert f"| **{results.NOTHING}** | 1 |" in shown
    pytest.importorskip("matplotlib")
    from answers_charts import draw

    draw({"tiny": rows}, tmp_path / "answers.svg")
    assert all(condition in (tmp_path / "answers.svg").read_text() for condition in CONDITIONS)


def test_the_command_line_makes_the_sets_it_is_asked_for(tmp_path):
    options = answers.arguments(
        ["--data", str(generated_file(tmp_path)), "--people", "2", "--chats", "2,5", "--questions", "6"]
    )
    assert isinstance(options, argparse.Namespace)
    made = answers.sets_of(options)
    assert list(made) == ["generated set", "plain set of 2 chats", "plain set of 5 chats"]
    assert [sum(len(person.asked) for person in people) for people in made.values()] == [6, 6, 6]
