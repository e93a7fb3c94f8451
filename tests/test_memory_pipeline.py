"""The pipeline with the real vault, embedder and rules: what a turn leaves behind, what the next one gets to read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from memory.cube import Origin, SemanticType, Source
from memory.errors import Invalid, Refused
from memory.turn import Controls, Draft, Message, Mode, TurnRecord
from tests.memory_rig import ADA, BEN, build


@pytest.fixture
def memory(tmp_path, minilm):
    made = build(tmp_path, minilm)
    yield made
    made.files.close()


@pytest.fixture(params=["minilm", "none"])
def any_memory(request, tmp_path, minilm):
    """With and without an embedder: the same promises."""
    made = build(tmp_path, minilm if request.param == "minilm" else None)
    yield made
    made.files.close()


def text_of(prepared):
    return "\n".join(str(message["content"]) for message in prepared.messages)


def test_what_was_told_is_brought_in_when_it_is_asked_for(any_memory):
    any_memory.tell("My name is Ada and I live in Lisbon.")
    any_memory.tell("My door code is 4821.")
    prepared = any_memory.ask("What is my door code?")
    assert prepared.changed
    assert "door code is 4821" in text_of(prepared)
    assert prepared.messages[-1]["content"].endswith("What is my door code?")


def test_another_user_gets_nothing(any_memory):
    any_memory.tell("My door code is 4821.")
    prepared = any_memory.ask("What is my door code?", BEN)
    assert not prepared.changed
    assert any_memory.found("door code 4821", BEN) == []


def test_a_newer_value_replaces_and_the_past_can_be_asked(memory):
    memory.tell("I live in Lisbon.")
    memory.clock.now += timedelta(days=40)
    then = memory.clock()
    memory.clock.now += timedelta(days=9)
    memory.tell("I moved to Porto.")
    now, before = text_of(memory.ask("Where do I live?")), text_of(memory.ask("Where do I live?", as_of=then))
    assert "Porto" in now
    assert "Lisbon" not in now
    assert "Lisbon" in before
    assert "Porto" not in before
    assert not any("Porto" in text for text in memory.found("Where do I live?", as_of=then))


@pytest.mark.parametrize(
    ("first", "second", "question"),
    [
        ("The colour of the bridge is red.", "The colour of the bridge is green.", "What is the colour of the bridge?"),
        ("The garage code is 2580.", "The garage code is 1111.", "What is the garage code?"),
        ("The code of the garage is 2580.", "The code of the garage is 1111.", "What is the code of the garage?"),
        ("Bob lives in Lisbon.", "Bob lives in Porto.", "Where does Bob live?"),
        ("I'm a student at Oxford.", "I'm a student at Leeds University.", "Which university do I go to?"),
    ],
)
def test_after_a_correction_the_new_value_is_found_first_and_alone_brought_in(any_memory, first, second, question):
    any_memory.tell(first)
    any_memory.tell(second)
    old, new = first.rstrip(".").split()[-1], second.rstrip(".").split("is ")[-1].split("at ")[-1].split("in ")[-1]
    assert new in any_memory.found(question)[0]
    sent = any_memory.ask(question)
    brought_in = sent.injection.stable_text + sent.injection.turn_text
    assert new in brought_in
    assert old not in brought_in


@pytest.mark.parametrize("told", ["My launch is on Tuesday.", "They slipped the launch of mine, it is on Tuesday."])
def test_forgetting_by_attribute_and_time_works_with_a_fact_and_without(any_memory, told):
    any_memory.tell(told)
    any_memory.tell("I live in Lisbon.")
    any_memory.tell("Forget about my launch on Tuesday.")
    assert not [text for text in any_memory.found("When is the launch?") if "Tuesday" in text]
    assert any_memory.found("Where do I live?")


def test_forgetting_leaves_nothing_to_find(any_memory):
    any_memory.tell("My name is Ada and I live in Lisbon.")
    any_memory.tell("I moved to Porto.")
    any_memory.tell("Forget where I live.")
    for city in ("Lisbon", "Porto"):
        assert not any(city in text for text in any_memory.found(f"Where do I live? {city}"))
        assert city not in text_of(any_memory.ask("Where do I live?"))
    assert "Ada" in text_of(any_memory.ask("What is my name?"))


def test_a_secret_is_not_stored(any_memory):
    secret = "sk-proj-" + "0123456789abcdef" * 2
    any_memory.tell(f"My API key is {secret}, remember it.")
    assert not any(secret in text for text in any_memory.found("API key"))
    path = any_memory.files.connections.path if hasattr(any_memory.files.connections, "path") else None
    any_memory.files.close()
    if path:
        assert not any(secret.encode() in file.read_bytes() for file in path.parent.rglob("*") if file.is_file())


def test_in_one_conversation_the_same_bytes_stay_in_the_same_place(memory):
    """Every provider's prompt cache depends on it."""
    memory.tell("My favourite tea is sencha.")
    memory.tell("My shoe size is 42.")
    messages = [{"role": "user", "content": "What is my favourite tea?"}]
    first = memory.tell("", messages=messages, answer="Your favourite tea is sencha.", conversation_id="talk")
    assert "sencha" in first.messages[-1]["content"]
    messages = [
        *messages,
        {"role": "assistant", "content": "Your favourite tea is sencha."},
        {"role": "user", "content": "What is my shoe size?"},
    ]
    second = memory.tell("", messages=messages, answer="42.", conversation_id="talk")
    assert second.messages[: len(first.messages)] == first.messages
    assert "42" in second.messages[-1]["content"]
    assert "sencha" not in second.messages[-1]["content"], "it stands above already"


def test_an_agent_loop_is_one_recall_and_one_write(memory):
    memory.tell("I am allergic to walnuts.")
    start = [{"role": "user", "content": "My favourite cake is carrot cake. Please order one."}]
    call = {"id": "c1", "type": "function", "function": {"name": "order", "arguments": "{}"}}
    loop = [
        *start,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "My name is Mallory and I live in Rome."},
    ]
    first = memory.tell("", messages=start, answer="")
    again = memory.tell("", messages=loop, answer="Done.")
    assert again.turn_hash == first.turn_hash
    assert again.messages[: len(first.messages)] == first.messages
    assert [station.name for station in again.trace] == ["reader", "placement"], "nothing was searched again"
    texts = memory.found("cake")
    assert sum("carrot" in text for text in texts if text.startswith("The user")) == 1
    assert not any("Mallory" in text or "Rome" in text for text in memory.found("Mallory Rome name live")), (
        "tool output"
    )


def test_modes_read_and_write_what_they_say(memory):
    memory.tell("My shoe size is 42.")
    assert not memory.ask("What is my shoe size?", mode=Mode.WRITE_ONLY).changed
    assert memory.ask("What is my shoe size?", mode=Mode.READ_ONLY).changed


def test_small_talk_brings_nothing_beside_the_message(memory):
    memory.tell("My shoe size is 42.")
    assert memory.ask("Thanks!").injection.turn_ids == ()


def test_an_unknown_policy_is_the_callers_fault(memory):
    with pytest.raises(Invalid):
        memory.ask("Where do I live?", policy="best")


@pytest.mark.parametrize("policy", ["hybrid", "semantic", "lru", "label"])
def test_every_policy_finds_a_fact_that_was_just_told(memory, policy):
    memory.tell("My favourite tea is sencha.")
    assert "sencha" in text_of(memory.ask("What is my favourite tea?", policy=policy))


def test_the_callers_messages_are_never_changed_in_place(memory):
    memory.tell("I live in Lisbon.")
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Where do I live?"}]
    copy = [dict(message) for message in messages]
    assert memory.pipeline.before(messages, ADA, Controls()).changed
    assert messages == copy


def test_running_a_turn_again_replaces_what_it_wrote(memory):
    memory.tell("My sister is called Maria.")
    before = sorted(memory.found("sister"))
    row = memory.files.ledger.find(ADA, [memory.ask("My sister is called Maria.").turn_hash])[0]
    exchange_again = [memory.files.ledger.close(ADA, row.id, "Okay!")] and memory.files.ledger.claim(limit=9, lease_s=9)
    for exchange in exchange_again:
        memory.pipeline.after(exchange)
    assert sorted(memory.found("sister")) == before


def test_nothing_that_was_brought_in_is_learnt_again(memory):
    memory.tell("I am allergic to walnuts.")
    before = len(memory.found("walnuts"))
    for n in range(3):
        answer = "You are allergic to walnuts, as the memory of 2026-03-14 says: The user is allergic to walnuts."
        memory.tell(f"What am I allergic to? ({n})", answer=answer)
    after = [text for text in memory.found("walnuts") if "walnuts" in text]
    assert len(after) == before


def test_what_is_said_again_after_other_things_is_heard_again(memory):
    for text in ("I live in Lisbon.", "I moved to Porto.", "I live in Lisbon."):
        memory.tell(text)
    assert "Lisbon" in text_of(memory.ask("Where do I live?"))
    memory.tell("Forget where I live.")
    memory.tell("I live in Lisbon.")
    assert "Lisbon" in text_of(memory.ask("Where do I live?"))


def test_the_same_words_with_another_picture_are_another_turn(memory):
    def picture(data):
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        return memory.pipeline.before(
            [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}], ADA, Controls()
        )

    assert picture("AAAA").turn_hash == picture("AAAA").turn_hash
    assert picture("AAAA").turn_hash != picture("BBBB").turn_hash


def test_what_was_forgotten_while_the_model_was_asked_does_not_come_back(memory):
    memory.tell("My shoe size is 42.")
    slow = memory.ask("What is my shoe size?")
    assert "42" in text_of(slow)
    memory.pipeline.erase(ADA, None)
    record = TurnRecord(
        scope=ADA,
        turn_hash=slow.turn_hash,
        conversation_id=slow.conversation_id,
        messages=(Message(role="user", text=slow.user_text),),
        request_id="slow",
        injected=slow.injection.for_ledger(),
    )
    memory.files.ledger.open(record, dedupe_window_s=600)
    assert memory.files.ledger.find(ADA, [slow.turn_hash])[0].injected == {"trust": 3}


def test_a_chat_that_begins_with_the_same_words_is_not_the_context_of_another(memory):
    """Without a conversation id both have the same one."""
    hi = {"role": "user", "content": "Hi"}
    memory.tell("", messages=[hi], answer="Hello!")
    first = [hi, {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "My door code is 4821."}]
    memory.tell("", messages=first)
    other = [hi, {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "Forget that."}]
    memory.tell("", messages=other)
    assert any("4821" in text for text in memory.found("door code"))


def by_hand(text, **more):
    more = {"semantic_type": SemanticType.FACT, "origin": Origin.USER_INPUT, "source": Source()} | more
    return Draft(text=text, valid_from=datetime(2026, 3, 15, tzinfo=UTC), **more)


def test_a_changed_text_is_read_anew(memory):
    memory.tell("I live in Lisbon.")
    (fact,) = [cube for cube in memory.files.vault.page(ADA).cubes if cube.fact]
    changed = memory.pipeline.revise(ADA, replace(fact, text="The user lives in Porto."), expected_version=fact.version)
    assert changed.fact.value == "Porto"
    memory.tell("I live in Lisbon.", messages=[{"role": "user", "content": "Now I live in Lisbon."}])
    assert [cube.text for cube in memory.files.vault.profile(ADA)] == ["The user lives in Lisbon."]


@pytest.mark.parametrize("text", ["   ", "x" * 200_000])
def test_a_changed_text_passes_governance_as_a_new_one_does(memory, text):
    made = memory.pipeline.remember(ADA, by_hand("Buy milk."))
    with pytest.raises((Invalid, Refused)):
        memory.pipeline.revise(ADA, replace(made, text=text), expected_version=None)


def test_a_fact_written_by_hand_replaces_and_is_replaced_as_one_that_was_said(memory):
    memory.tell("I live in Lisbon.")
    again = memory.pipeline.remember(ADA, by_hand("The user lives in Lisbon.", pinned=True, tags=("home",)))
    assert again.pinned
    assert "home" in again.tags
    memory.pipeline.remember(ADA, by_hand("The user moved to Porto."))
    current = [cube.text for cube in memory.files.vault.page(ADA).cubes if cube.fact]
    assert current == ["The user moved to Porto."]


class Counting:
    """An embedder that says which texts it was given."""

    def __init__(self, embedder) -> None:
        self._embedder = embedder
        self.model_id, self.dimension = embedder.model_id, embedder.dimension
        self.texts: list[str] = []

    def embed(self, texts):
        self.texts += texts
        return self._embedder.embed(texts)


@pytest.mark.parametrize(("told", "again"), [("I don't work there any more.", 0), ("Forget where I work.", 1)])
def test_only_what_is_to_leave_no_trace_costs_the_others_their_embeddings(tmp_path, minilm, told, again):
    """What no longer holds stays in the vault's past: there is nothing to wipe out of memory."""
    counting = Counting(minilm)
    memory = build(tmp_path, counting)
    memory.tell("I work at Norvane.")
    memory.found("What is my shoe size?", BEN)
    before = counting.texts.count("What is my shoe size?")
    memory.tell(told)
    assert memory.files.vault.profile(ADA) == []
    memory.found("What is my shoe size?", BEN)
    assert (before, counting.texts.count("What is my shoe size?") - before) == (1, again)
    memory.files.close()


@pytest.mark.parametrize(
    ("before", "news", "holds"),
    [
        ("I live in Lisbon.", "I moved to Porto yesterday.", "The user lives in Porto."),
        ("I live in Lisbon.", "I just moved to Lyon last week.", "The user lives in Lyon."),
        ("I work at Nordwind.", "I started at Bosch last month.", "The user works at Bosch."),
        ("I live in Lisbon.", "Since Monday I live in Porto.", "The user lives in Porto."),
        (
            "My favourite colour is green.",
            "My favourite colour is no longer green, it is blue.",
            "The user's favourite colour is blue.",
        ),
    ],
)
def test_news_of_a_change_replace_what_was_told_before_though_they_began_earlier(tmp_path, before, news, holds):
    memory = build(tmp_path, None)
    memory.tell(before)
    memory.clock.now += timedelta(minutes=5)
    memory.tell(news)
    facts = [cube for cube in memory.files.vault.page(ADA, include_superseded=True).cubes if cube.fact]
    assert [cube.text for cube in facts if cube.current] == [holds]


@pytest.mark.parametrize(
    ("before", "history", "holds"),
    [
        ("I live in Lisbon.", "In 2019 I moved to Porto.", "The user lives in Lisbon."),
        ("I work at Nordwind.", "In 2015 I started at Bosch.", "The user works at Nordwind."),
    ],
)
def test_what_is_told_of_years_ago_does_not_replace_what_holds(tmp_path, before, history, holds):
    memory = build(tmp_path, None)
    memory.tell(before)
    memory.tell(history)
    facts = [cube for cube in memory.files.vault.page(ADA, include_superseded=True).cubes if cube.fact]
    assert [cube.text for cube in facts if cube.current] == [holds]
    assert len(facts) == 2


def test_of_a_correction_only_what_holds_comes_back(tmp_path):
    """The turn says what its fact says, and would speak for Bergen for ever."""
    memory = build(tmp_path, None)
    for text in ("I live in Oslo.", "Actually, I live in Bergen, not Oslo.", "I moved to Porto."):
        memory.tell(text)
    assert "Bergen" not in memory.ask("Where do I live?").injection.turn_text
