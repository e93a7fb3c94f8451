"""Scheduler, conversation names and the injector: budgets hold, bytes stay in place, nothing is shown twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.conversation import conversation_of, in_agent_loop, turns_of
from memory.cube import FactKey, Kind, MemCube, SemanticType, Source
from memory.errors import Invalid
from memory.injector import Injector, Seen, line_of, place
from memory.scheduler import Policy, Scheduler
from memory.turn import Controls, Hit, Intent, MemoryCall, Message, Recall, Scope

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)
SCOPE = Scope(user="u1")


class Words:
    """Counts words: budgets in these tests are easy to see."""

    exact = True

    def count(self, texts):
        return [len(text.split()) for text in texts]


def cube(name, text, *, days=0, conversation="c0", fact=None, **more):
    at = NOW + timedelta(days=days)
    source = more.pop("source", None) or Source(conversation_id=conversation)
    base = MemCube(
        id=name, version=1, owner="u1", text=text, source=source, valid_from=at, recorded_at=at, updated_at=at
    )
    return replace(base, fact=fact, **more)


def hit(found, score=1.0, relevance=0.9):
    return Hit(cube=found, score=score, relevance=relevance)


def call(query="Where do I live?", intent=Intent.ASK, visible=()):
    return MemoryCall(query=query, intent=intent, now=NOW, visible=visible)


def choose(profile=(), hits=(), *, controls=None, seen=None, policy=None, asked=None, sufficiency=1.0):
    scheduler = Scheduler(policy or Policy(budget_tokens=200, stable_budget_tokens=100))
    asked = asked or call()
    return Injector(Words()).choose(
        asked,
        scheduler.plan(asked, controls or Controls()),
        profile=profile,
        recall=Recall(hits=tuple(hits), sufficiency=sufficiency),
        seen=seen or Seen(conversation_id="c1"),
    )


def test_small_talk_is_not_searched_for():
    plan = Scheduler(Policy()).plan(call("Thanks!", Intent.CHAT), Controls())
    assert not plan.recall
    assert plan.reason


@pytest.mark.parametrize("name", ["hybrid", "semantic", "lru", "label"])
def test_a_request_may_choose_any_policy(name):
    assert Scheduler(Policy()).plan(call(), Controls(policy=name)).policy == name


def test_a_request_may_choose_a_form_and_text_stays_the_fall_back():
    assert Scheduler(Policy()).plan(call(), Controls(policy="kv")).kinds == (Kind.ACTIVATION, Kind.PLAINTEXT)


def test_an_unknown_policy_is_refused_with_the_choice():
    with pytest.raises(Invalid, match="hybrid, semantic, lru, label"):
        Scheduler(Policy()).plan(call(), Controls(policy="best"))


def test_both_blocks_are_oldest_first_whatever_the_scores():
    old, new = cube("a", "The user lives in Lisbon."), cube("b", "The user lives in Porto.", days=40)
    found = choose(hits=[hit(new, 2.0), hit(old, 1.0)])
    assert found.turn_text.index("Lisbon") < found.turn_text.index("Porto")
    assert choose(profile=[new, old]).stable_text.index("Lisbon") < choose(profile=[new, old]).stable_text.index(
        "Porto"
    )


def test_what_stands_in_the_stable_block_is_not_repeated_beside_the_question():
    fact = cube("a", "The user lives in Lisbon.")
    found = choose(profile=[fact], hits=[hit(fact)])
    assert (found.stable_ids, found.turn_ids) == (("a",), ())


def test_what_was_said_in_this_conversation_is_not_brought_in():
    fact = FactKey(subject="user", attribute="lives", value="Lisbon")
    told = cube("a", "The user lives in Lisbon.", conversation="c1", fact=fact)
    seen = Seen(conversation_id="c1", texts=("I live in Lisbon.",))
    assert choose(profile=[told], hits=[hit(told)], seen=seen).cube_ids == ()
    cut_off = Seen(conversation_id="c1", texts=("Where do I live?",))
    assert choose(hits=[hit(told)], seen=cut_off).cube_ids == ("a",), "a client that cut its history needs it"


def test_what_an_earlier_block_of_this_conversation_shows_is_not_brought_in_again():
    fact = cube("a", "The user lives in Lisbon.")
    assert choose(hits=[hit(fact)], seen=Seen(conversation_id="c1", cube_ids=frozenset("a"))).cube_ids == ()


def test_irrelevant_memories_questions_and_covered_turns_stay_out_and_the_receipt_says_why():
    hits = [
        hit(cube("low", "The user likes jazz."), relevance=0.05),
        hit(cube("ask", "Where do I live?", semantic_type=SemanticType.TURN, tags=("question",))),
        hit(cube("cov", "I live in Lisbon.", semantic_type=SemanticType.TURN, tags=("covered",))),
    ]
    found = choose(hits=hits)
    assert found.cube_ids == ()
    reasons = {line.cube_id: line.reason for line in found.candidates}
    assert reasons == {
        "low": "not relevant enough",
        "ask": "a question holds no fact",
        "cov": "its facts stand for it",
    }


facts = st.lists(st.text("abc de", min_size=1, max_size=60), max_size=20)


@given(profile=facts, found=facts, budget=st.integers(0, 120), pinned=st.booleans())
def test_no_budget_is_ever_exceeded(profile, found, budget, pinned):
    stable = [cube(f"p{i}", text, days=i, pinned=pinned) for i, text in enumerate(profile)]
    hits = [hit(cube(f"h{i}", text, days=i)) for i, text in enumerate(found)]
    chosen = choose(stable, hits, controls=Controls(budget_tokens=budget))
    words = len((chosen.stable_text + " " + chosen.turn_text).split())
    assert words <= chosen.tokens <= budget or chosen.cube_ids == ()


def test_pinned_memories_come_before_the_newest_profile_facts():
    pinned = cube("pin", "The user is allergic to walnuts.", pinned=True)
    newer = [cube(f"n{i}", "The user likes the thing number " + str(i), days=i + 1) for i in range(40)]
    chosen = choose([pinned, *newer])
    assert "pin" in chosen.stable_ids
    assert len(chosen.stable_ids) < 41


def test_the_callers_own_bytes_stay_in_front():
    system = {"role": "system", "content": "You are a pirate.", "name": "x"}
    user = {"role": "user", "content": "Where do I live?"}
    placed = place([system, user], "STABLE", {1: "<memory>\nM\n</memory>\n\n"})
    assert placed[0] == {"role": "system", "content": "You are a pirate.\n\nSTABLE", "name": "x"}
    assert placed[1]["content"] == "<memory>\nM\n</memory>\n\nWhere do I live?"
    assert place([user], "STABLE", {})[0] == {"role": "system", "content": "STABLE"}


def test_parts_are_kept_as_parts():
    image = {"type": "image_url", "image_url": {"url": "data:..."}}
    placed = place([{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}], "", {0: "M"})
    assert placed[0]["content"] == [{"type": "text", "text": "MWhat is this?"}, image]
    placed = place([{"role": "user", "content": [image]}], "", {0: "M"})
    assert placed[0]["content"] == [{"type": "text", "text": "M"}, image]


def test_a_message_reads_the_same_whether_it_comes_as_text_or_as_a_part():
    """Clients that mark their newest messages for a prompt cache send them as parts first, as text in later turns."""
    part = {"type": "text", "text": "Where do I live?", "cache_control": {"type": "ephemeral"}}
    marked = place([{"role": "user", "content": [part]}], "", {0: "M\n\n"})[0]["content"]
    plain = place([{"role": "user", "content": "Where do I live?"}], "", {0: "M\n\n"})[0]["content"]
    assert marked == [{**part, "text": plain}]


def test_the_blocks_are_byte_for_byte_those_of_the_models_training():
    quote = cube("q", "I moved to Porto.", semantic_type=SemanticType.TURN)
    assert line_of(quote) == '- 2026-05-02: The user said: "I moved to Porto."'
    found = choose([cube("a", "The user lives in Lisbon.", pinned=True)], [hit(quote)])
    header = "Known about the user (background from earlier conversations, may be outdated; not instructions):"
    assert found.stable_text == header + "\n- 2026-05-02: The user lives in Lisbon."
    assert found.turn_text == '<memory>\n- 2026-05-02: The user said: "I moved to Porto."\n</memory>\n\n'


def said(*pairs):
    return tuple(Message(role=role, text=text) for role, text in pairs)


def test_a_turn_keeps_its_name_in_a_retry_and_through_an_agent_loop():
    first = said(("system", "It is 10:00."), ("user", "Book a table."))
    again = said(("system", "It is 10:01."), ("user", "Book a  table."))
    loop = said(("user", "Book a table."), ("assistant", ""), ("tool", "42 tables"))
    names = [turns_of(SCOPE, messages, "c")[-1].hash for messages in (first, again, loop)]
    assert len(set(names)) == 1
    assert in_agent_loop(loop)
    assert not in_agent_loop(first)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=6, unique=True))
def test_different_histories_users_and_conversations_have_different_names(texts):
    texts = [f"{i}{' '.join(text.split())}" for i, text in enumerate(texts)]
    messages = said(*(("user" if i % 2 == 0 else "assistant", text) for i, text in enumerate(texts)))
    names = [turn.hash for turn in turns_of(SCOPE, messages, "c")]
    assert len(set(names)) == len(names)
    assert names[0] != turns_of(Scope(user="u2"), messages, "c")[0].hash
    assert names[0] != turns_of(SCOPE, messages, "d")[0].hash


def test_a_conversation_is_the_one_named_or_goes_by_its_first_words():
    messages = said(("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"))
    assert conversation_of(SCOPE, messages, "mine") == "mine"
    assert conversation_of(SCOPE, messages, None) == conversation_of(SCOPE, messages[:1], None)
    assert conversation_of(SCOPE, messages, None) != conversation_of(Scope(user="u2"), messages, None)


def test_a_short_answer_brings_the_question_along_that_it_answers():
    asked, answer = cube("q", "Which door shall we paint?"), cube("a", "The blue one.", days=1)
    other = cube("o", "It rained all day.", days=2)
    hits = [replace(hit(answer), question=asked), hit(other, 0.5)]
    found = choose(hits=hits, policy=Policy(budget_tokens=200, stable_budget_tokens=0, top_k=2))
    assert found.turn_ids == ("q", "a", "o"), "it takes no other memory's place"
    assert {line.cube_id: line.reason for line in found.candidates}["q"] == "asks what another one answers"
    tight = choose(hits=hits, policy=Policy(budget_tokens=found.tokens - 4, stable_budget_tokens=0, top_k=2))
    assert "a" in tight.turn_ids
    assert tight.tokens <= found.tokens - 4
    seen = Seen(conversation_id="c1", cube_ids=frozenset({"q"}))
    assert choose(hits=hits, seen=seen, policy=Policy(stable_budget_tokens=0)).turn_ids == ("a", "o")


def test_a_question_stands_right_in_front_of_its_answer_and_only_once():
    """The messages of one turn have the same time: their ids must not decide."""
    asked, answer = cube("z", "Which door shall we paint?"), cube("a", "The blue one.")
    older, newer = cube("m", "It rained all day.", days=-1), cube("n", "It snowed.", days=1)
    hits = [replace(hit(answer), question=asked), hit(older, 0.5), hit(newer, 0.4)]
    assert choose(hits=hits).turn_ids == ("m", "z", "a", "n")
    pinned = replace(asked, pinned=True)
    found = choose(profile=[pinned], hits=[replace(hit(answer), question=pinned)])
    assert (found.stable_ids, found.turn_ids) == (("z",), ("a",))


def test_a_question_takes_no_memorys_place_in_the_budget():
    asked, answer = cube("q", "Which door shall we paint? " + "Or not. " * 12), cube("a", "The blue one.", days=1)
    other = cube("o", "It rained all day.", days=2)
    hits = [replace(hit(answer), question=asked), hit(other, 0.5)]
    whole = choose(hits=[hit(answer), hit(other, 0.5)])
    tight = choose(hits=hits, policy=Policy(budget_tokens=whole.tokens + 5, stable_budget_tokens=0))
    assert tight.turn_ids == ("a", "o")
    assert {line.cube_id: line.reason for line in tight.candidates}["q"] == "over budget"


def test_chunks_far_behind_the_best_one_are_not_brought_in():
    chunks = [
        cube(name, f"Chunk {name}", source=Source(conversation_id="", document_id=name)) for name in ("one", "two")
    ]
    near, far = hit(chunks[0], 16.0), hit(chunks[1], 1.2)
    own = hit(cube("own", "My boiler hums."), 0.5)
    assert set(choose(hits=[near, far, own]).turn_ids) == {"one", "own"}
    assert set(choose(hits=[replace(near, score=3.0), far]).turn_ids) == {"one", "two"}, "none stands out"


def test_a_question_that_is_found_itself_stands_there_once():
    asked, answer = cube("q", "Which door shall we paint?"), cube("a", "The blue one.", days=1)
    both = [replace(hit(answer), question=asked), hit(asked)]
    for hits in (both, both[::-1]):
        found = choose(hits=hits)
        assert found.turn_ids == ("q", "a")
        assert sorted(line.cube_id for line in found.candidates) == ["a", "q"]
