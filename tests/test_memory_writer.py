"""The writer: verbatim turns, facts with their sources, wishes to forget; and never its own words again."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.cube import Origin, SemanticType
from memory.errors import EngineDown
from memory.extraction import Extraction
from memory.prompts import fact_line, quote_line, stable_block, turn_block
from memory.rules.values import trimmed
from memory.turn import Exchange, Message, Scope
from memory.writer import Writer

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)


def exchange(*messages: tuple[str, str] | Message, context: tuple[str, ...] = (), injected: str = "") -> Exchange:
    return Exchange(
        turn_id="t1",
        scope=Scope(user="u"),
        conversation_id="c1",
        messages=tuple(m if isinstance(m, Message) else Message(role=m[0], text=m[1]) for m in messages),
        injected=injected,
        occurred_at=NOW,
        context=tuple(Message(role="user", text=text) for text in context),
    )


def write(text: str, *context: str):
    return Writer().write(exchange(("user", text), context=context))


def facts(writing) -> list[str]:
    return [draft.text for draft in writing.drafts if draft.fact]


def test_a_statement_is_kept_verbatim_and_as_facts_that_point_to_it():
    turn, name, home = write("My name is Ada and I live in Lisbon.").drafts
    assert (turn.text, turn.semantic_type, turn.origin) == (
        "My name is Ada and I live in Lisbon.",
        SemanticType.TURN,
        Origin.USER_INPUT,
    )
    assert (name.text, home.text) == ("The user's name is Ada.", "The user lives in Lisbon.")
    assert name.origin is Origin.INFERENCE
    assert name.derived_from == home.derived_from == (0,)
    assert turn.tags == ("covered",)
    assert turn.source.conversation_id == "c1"
    assert turn.source.turn_id == "t1"


def test_a_turn_that_says_more_than_its_facts_is_not_covered():
    assert "covered" not in write("I live in Lisbon because my wife found work there.").drafts[0].tags
    assert "covered" not in write("I live in Lisbon. The sea is wild today.").drafts[0].tags
    assert "covered" not in write("I don't live in Lisbon any more.").drafts[0].tags


def test_a_question_is_marked():
    (turn,) = write("Where do I live?").drafts
    assert turn.tags == ("question",)


@pytest.mark.parametrize("text", ["Hello", "Thanks!", "ok", "Good morning!", "", "👍"])
def test_small_talk_is_not_kept(text: str):
    assert write(text).drafts == ()


FORGETS = [
    ("Forget where I live.", ("lives",), ""),
    ("Please forget my name", ("name",), ""),
    ("forget my address", ("lives",), ""),
    ("You can forget that I like jazz", ("likes",), "jazz"),
    ("Forget my favorite color", ("favourite:colour",), ""),
    ("Forget all my favourites", ("favourite:",), ""),
    ("forget my dog's name", ("pet:dog",), ""),
    ("Forget about my sister", ("rel:sister",), ""),
    ("Please forget my usual order, delete everything you know about it.", ("attr:usual order",), ""),
    ("forget that I'm allergic to walnuts please", ("allergy",), "walnuts"),
]


@pytest.mark.parametrize(("text", "attributes", "value"), FORGETS)
def test_a_wish_to_forget_names_what_and_is_itself_not_kept(text: str, attributes: tuple[str, ...], value: str):
    writing = write(text)
    assert writing.drafts == ()
    (wish,) = writing.forgets
    assert (wish.subject, wish.attributes, wish.value, wish.everything) == ("user", attributes, value, False)


@pytest.mark.parametrize(
    "text",
    ["Forget everything you know about me", "forget me", "Erase all my memories", "Delete everything I told you."],
)
def test_all_can_be_forgotten(text: str):
    assert write(text).forgets[0].everything


def test_other_people_and_the_last_statement_can_be_forgotten():
    assert write("Forget where Bob lives").forgets[0].subject == "bob"
    assert write("Forget Bob's birthday").forgets[0].attributes == ("birthday",)
    last = write("Forget that", "I like tea").forgets[0]
    assert (last.attributes, last.value) == (("likes",), "tea")


def test_the_rest_of_a_message_with_a_wish_is_still_kept():
    writing = write("I like jazz. Forget my name.")
    assert [draft.text for draft in writing.drafts] == ["I like jazz.", "The user likes jazz."]
    assert writing.forgets[0].attributes == ("name",)


CORRECTIONS = [
    ("No, I meant Porto", "I live in Lisbon.", "The user lives in Porto."),
    ("Sorry, it's Porto, not Lisbon", "I live in Lisbon.", "The user lives in Porto."),
    ("Sorry, I typed Ghent but I meant Turin - that's where I live.", "I live in Ghent.", "The user lives in Turin."),
    ("I wrote a nurse earlier, but I'm a botanist.", "I am a nurse.", "The user works as a botanist."),
    ("I meant vegan, not keto, that's my diet.", "I'm keto.", "The user is vegan."),
    (
        "Autocorrect! My partner's name is Celine, not Bruno.",
        "My partner is called Bruno",
        "The user's partner's name is Celine.",
    ),
    ("I meant the oboe, not the cello.", "I play the cello.", "The user plays the oboe."),
    ("Oops, it's Danish that I'm studying, not Korean.", "I'm studying Korean.", "The user is learning Danish."),
    ("Actually my name is Ana", "My name is Ada", "The user's name is Ana."),
]


@pytest.mark.parametrize(("text", "before", "after"), CORRECTIONS)
def test_a_correction_is_read_in_the_light_of_what_was_said(text: str, before: str, after: str):
    assert facts(write(text, before)) == [after]


def test_a_corrected_value_among_many_is_taken_back():
    writing = write("Not soy - my allergy is to latex.", "I'm allergic to soy.")
    assert facts(writing) == ["The user is allergic to latex."]
    assert [r.fact.value for r in writing.retracts] == ["soy"]


def test_a_vague_answer_stays_verbatim():
    assert facts(write("it's 43 now", "What is my shoe size?")) == []


def test_what_no_longer_holds_is_retracted():
    writing = write("I don't work there any more")
    assert [(r.fact.attribute, r.fact.value) for r in writing.retracts] == [("work", "")]
    assert facts(writing) == []


def test_a_past_time_dates_the_fact_and_a_coming_one_ends_the_trip():
    turn, home = write("I moved to Porto last week.").drafts
    assert home.valid_from == datetime(2026, 4, 20, tzinfo=UTC)
    assert turn.tags == ("when:2026-04-20/2026-04-27",)
    trip = write("I'm travelling to Tokyo next week.").drafts[1]
    assert (trip.valid_from, trip.valid_to) == (NOW, datetime(2026, 5, 11, tzinfo=UTC))
    assert trip.semantic_type is SemanticType.EVENT


def test_answers_are_kept_only_when_they_say_something_new():
    asked = ("user", "Can you recommend a way to remember names?")
    short = ("assistant", "Sure, happy to help you with names!")
    long = (
        "assistant",
        "Try the lantern method: tie each person to a vivid picture, such as a burning bridge or purple elephant.",
    )
    assert [d.source.role for d in Writer().write(exchange(asked, short)).drafts] == ["user"]
    assert [d.source.role for d in Writer().write(exchange(asked, long)).drafts] == ["user", "assistant"]


def test_the_assistant_states_no_facts():
    writing = Writer(assistant_novel_words=1).write(
        exchange(("user", "Who are you?"), ("assistant", "My name is Zed. I live in Rome."))
    )
    assert facts(writing) == []


def test_imported_answers_are_all_kept():
    answer = Message(role="assistant", text="Seven.", id="m2", created_at=NOW)
    asked = exchange(Message(role="user", text="How many continents?", id="m1"), answer)
    drafts = Writer().write(replace(asked, imported=True)).drafts
    assert [(d.text, d.source.message_ids) for d in drafts] == [("How many continents?", ("m1",)), ("Seven.", ("m2",))]


def test_speakers_keep_their_names_and_times():
    said_at = datetime(2023, 5, 8, tzinfo=UTC)
    (turn,) = (
        Writer()
        .write(exchange(Message(role="user", text="The hike was long.", name="Melanie", created_at=said_at)))
        .drafts
    )
    assert (turn.source.name, turn.text, turn.valid_from) == ("Melanie", "The hike was long.", said_at)


def test_system_and_tool_text_is_never_read():
    messages = [
        ("system", "I live in Rome."),
        ("developer", "My name is Bob."),
        ("tool", "I like jazz."),
        ("function", "I am 5."),
    ]
    assert Writer().write(exchange(*messages)).drafts == ()


INJECTED = turn_block(
    [fact_line(date(2026, 3, 14), "The user lives in Lisbon."), quote_line(date(2026, 5, 2), "I moved to Porto.")]
)


def test_injected_text_is_cut_from_what_is_kept():
    (turn,) = Writer().write(exchange(("user", INJECTED + "Where do I live?"), injected=INJECTED)).drafts
    assert turn.text == "Where do I live?"


LINES = st.lists(
    st.sampled_from(
        ["The user lives in Lisbon.", "The user likes jazz and long walks by the sea.", "Bob works at Siemens."]
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60)
@given(
    LINES, st.sampled_from(["turn", "stable"]), st.sampled_from(["", "Here is what I know:\n", "\n\n"]), st.booleans()
)
def test_what_was_injected_is_never_learnt_again(lines: list[str], place: str, before: str, told: bool):
    """An answer that repeats the block, and a user who pastes it, yield nothing from it, even when it is not told."""
    made = [fact_line(date(2026, 3, 14), line) for line in lines]
    block = turn_block(made) if place == "turn" else stable_block(made)
    given_ = exchange(("user", f"{block}\n\nHello"), ("assistant", before + block), injected=block if told else "")
    writing = Writer(assistant_novel_words=1).write(given_)
    assert facts(writing) == []
    assert not any("Lisbon" in d.text or "jazz" in d.text or "Siemens" in d.text for d in writing.drafts)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text(max_size=150)), max_size=4),
    st.text(max_size=40),
)
def test_writing_never_fails_and_sources_point_backwards(messages: list[tuple[str, str]], injected: str):
    writing = Writer().write(exchange(*messages, injected=injected))
    for n, draft in enumerate(writing.drafts):
        assert all(origin < n for origin in draft.derived_from)


def test_only_the_front_of_a_long_paste_is_read_for_facts_but_all_of_it_is_kept():
    paste = "Please look at my notes.\n" + "Nothing to see in this line of text.\n" * 400 + "My name is Bob."
    writing = write(paste)
    assert facts(writing) == []
    assert writing.drafts[0].text == paste.strip()


class Scripted:
    """An extractor that answers as it is told and remembers what it was asked."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.prompts: list[str] = []

    def extract(self, prompt: str, schema: dict) -> dict:
        assert schema["type"] == "object"
        self.prompts.append(prompt)
        if isinstance(self.answer, Exception):
            raise self.answer
        return json.loads(json.dumps(self.answer))


def fact(**changes: object) -> dict[str, object]:
    made = {
        "subject": "user",
        "attribute": "attr:club",
        "value": "the owls",
        "text": "The user's club is the owls.",
        "semantic_type": "fact",
        "valid_from": None,
    }
    return {**made, **changes}


def extended(llm: Scripted, **more: object):
    """What the rules and the extractor together find in SAID."""
    said = replace(exchange(("user", SAID)), **more)
    return Extraction(llm).extend(Writer().write(said).drafts, said)


SAID = "I live in Lisbon and I spend Sundays with the owls, our birding club."


def test_extracted_facts_join_the_rules_without_doubles():
    llm = Scripted({"facts": [fact(), fact(attribute="lives", value="Lisbon", text="The user lives in Lisbon.")]})
    drafts = extended(llm)
    assert [d.text for d in drafts] == [SAID, "The user lives in Lisbon.", "The user's club is the owls."]
    assert drafts[2].derived_from == (0,)
    assert "Today: 2026-05-02" in llm.prompts[0]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"facts": None},
        {"facts": ["x", 3, None]},
        {"facts": [fact(semantic_type="joke")]},
        {"facts": [fact(value="")]},
        {"facts": [fact(value="something the user never said")]},
        {"facts": [fact(extra=1)]},
        {"facts": [{"subject": "user"}]},
        [],
    ],
)
def test_a_bad_answer_leaves_the_rules_alone(answer: object):
    assert [d.text for d in extended(Scripted(answer)) if d.fact] == ["The user lives in Lisbon."]


def test_a_model_that_is_down_says_so_that_the_turn_is_tried_again():
    with pytest.raises(EngineDown):
        extended(Scripted(EngineDown("down")))


def test_what_was_taken_back_since_is_not_extracted():
    found = {"facts": [fact(), fact(attribute="likes", value="birding", text="The user likes birding.")]}
    for withheld, left in (("attr:club", "birding"), ("attr:", "birding"), ("likes", "the owls")):
        drafts = extended(Scripted(found), withheld=(("user", withheld),))
        assert [d.fact.value for d in drafts if "extracted" in d.tags] == [left]
    assert len(extended(Scripted(found), withheld=(("rex", "likes"),))) == 4


def test_a_mark_of_what_was_forgotten_is_no_fact():
    said = exchange(("user", "I spend Sundays with [forgotten], our birding club."))
    llm = Scripted({"facts": [fact(value="[forgotten]", text="The user's club is [forgotten].")]})
    assert [d.text for d in Extraction(llm).extend(Writer().write(said).drafts, said) if d.fact] == []


def test_a_wish_to_forget_and_what_the_user_did_not_say_are_not_extracted_from():
    assert Extraction.wants(write("They slipped the launch to Tuesday."))
    assert not Extraction.wants(write("Forget where I live."))
    assert not Extraction.wants(write("Hi!"))


def test_turns_and_facts_can_be_switched_off():
    assert [d.text for d in Writer(keep_turns=False).write(exchange(("user", SAID))).drafts] == [
        "The user lives in Lisbon."
    ]
    assert [d.text for d in Writer(derive_facts=False).write(exchange(("user", SAID))).drafts] == [SAID]


def test_a_value_that_was_masked_away_is_no_fact():
    assert trimmed("The wifi password is [redacted], not heron-4417") == ""
    assert trimmed("This Is [live]") == ""
    assert trimmed("heron-4417") == "heron-4417"
