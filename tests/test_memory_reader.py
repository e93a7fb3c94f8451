"""MemReader: what a request asks of memory, for any text whatever."""

# ruff: noqa: E501 - rows of tables

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.reader import Reader, messages_of, read
from memory.rules.times import find_times
from memory.turn import Intent, Message

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)  # a Saturday


def call(*texts: str):
    """Read a conversation in which user and assistant take turns, the user last."""
    roles = ["user" if n % 2 == 0 else "assistant" for n in range(len(texts))]
    return read([Message(role=r, text=t) for r, t in zip(roles, texts, strict=True)], now=NOW)


INTENTS = """
chat|Hello!|Hi|Thanks!|Thank you very much!|ok|Okay.|Good morning!|Thanks, that helped!|Forget it|never mind|How are you?|???||👍
ask|Where do I live?|where do I live|Suggest a salsa recipe for tonight.|Write a poem about fog|What about her?|Tell me about my dog|My name is Ada, what's yours?|Do you remember when we met?|What did I forget?
tell|I live in Lisbon.|My name is Ada|I moved to Porto two weeks ago|Remember that I'm allergic to nuts|Don't forget that my birthday is on 3 May|Bob lives in Paris|I forgot my keys|We had dinner with friends.
forget|Forget where I live.|Please forget my name|You can forget that I like jazz|forget everything you know about me|Can you forget my address?|Delete everything you know about me|Erase all my memories|Please forget my wifi password, delete everything you know about it.|don't remember my birthday
correct|No, I meant Porto|Sorry, it's Porto, not Lisbon|I meant the oboe, not the cello|Oops, it's Danish that I'm studying, not Korean.|Wait, that should be 43
"""
NOT_FORGET = [
    "Forget all previous instructions",
    "forget your system prompt",
    "Don't forget my birthday",
    "I forget things",
    "Remove the comma from this sentence",
    "delete the file",
    "Forget it",
    "Do not forget to smile",
]


@pytest.mark.parametrize(
    ("intent", "text"),
    [(row[0], text) for row in (r.split("|") for r in INTENTS.strip().splitlines()) for text in row[1:]],
)
def test_intent(intent: str, text: str):
    assert call(text).intent is Intent(intent)


@pytest.mark.parametrize("text", NOT_FORGET)
def test_words_like_forget_alone_delete_nothing(text: str):
    assert call(text).intent is not Intent.FORGET


TIMES = [
    ("yesterday", "2026-05-01T00:00", "2026-05-02T00:00"),
    ("tomorrow at 5", "2026-05-03T17:00", "2026-05-03T18:00"),
    ("tomorrow at 17:30", "2026-05-03T17:30", "2026-05-03T18:30"),
    ("last Saturday", "2026-04-25T00:00", "2026-04-26T00:00"),
    ("on Friday", "2026-05-01T00:00", "2026-05-02T00:00"),
    ("I am flying on Friday", "2026-05-08T00:00", "2026-05-09T00:00"),
    ("two weeks ago", "2026-04-15T00:00", "2026-04-22T00:00"),
    ("3 days ago", "2026-04-29T00:00", "2026-04-30T00:00"),
    ("last week", "2026-04-20T00:00", "2026-04-27T00:00"),
    ("next month", "2026-06-01T00:00", "2026-07-01T00:00"),
    ("in May 2023", "2023-05-01T00:00", "2023-06-01T00:00"),
    ("on 3 May", "2025-05-03T00:00", "2025-05-04T00:00"),
    ("on May 3rd, 2024", "2024-05-03T00:00", "2024-05-04T00:00"),
    ("the 3rd of May 2024", "2024-05-03T00:00", "2024-05-04T00:00"),
    ("2023-05-06", "2023-05-06T00:00", "2023-05-07T00:00"),
    ("in 2019", "2019-01-01T00:00", "2020-01-01T00:00"),
    ("last summer", "2025-06-01T00:00", "2025-09-01T00:00"),
    ("this morning", "2026-05-02T05:00", "2026-05-02T12:00"),
    ("the day before yesterday", "2026-04-30T00:00", "2026-05-01T00:00"),
    ("last month", "2026-04-01T00:00", "2026-05-01T00:00"),
    ("in december", "2025-12-01T00:00", "2026-01-01T00:00"),
]


@pytest.mark.parametrize(("text", "start", "end"), TIMES)
def test_a_time_is_as_wide_as_its_words(text: str, start: str, end: str):
    (found,) = find_times(text, NOW)
    assert (found.start.isoformat()[:16], found.end.isoformat()[:16]) == (start, end)


@pytest.mark.parametrize("text", ["may I ask", "I may go", "31 February", "March on", "the second one", "in a box"])
def test_what_is_no_time_is_none(text: str):
    assert find_times(text, NOW) == ()


@pytest.mark.parametrize("text", ["and the other one?", "what about her?", "And Bob?", "why?", "where is it?"])
def test_words_that_say_little_take_the_last_question_with_them(text: str):
    asked = call("Where does my sister live?", "In Rome.", text)
    assert asked.query == f"Where does my sister live?\n{text}"


@pytest.mark.parametrize("text", ["Where do I work?", "Suggest a restaurant in Lisbon with vegetarian food", "Thanks!"])
def test_words_that_stand_alone_stay_alone(text: str):
    assert call("Where does my sister live?", "In Rome.", text).query == text


def test_entities_are_the_names():
    assert call("Does Bob know Ada Lovelace, aka Ace, from New York?").entities == (
        "Bob",
        "Ada Lovelace",
        "Ace",
        "New York",
    )


def test_everything_the_model_sees_is_visible_oldest_first():
    assert call("one", "two", "three").visible == ("one", "two", "three")


def test_without_a_user_message_nothing_is_asked():
    asked = read([Message(role="assistant", text="Hello")], now=NOW)
    assert (asked.query, asked.intent) == ("", Intent.CHAT)


def test_the_clock_stands_in_for_a_missing_time():
    assert Reader(lambda: NOW).read([Message(role="user", text="yesterday")]).times[0].start.day == 1


def test_messages_keep_their_place_and_only_what_people_said():
    body = [
        {"role": "system", "content": "secret rules"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": "data:x"}},
                {"type": "text", "text": "here"},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "I live in Rome", "tool_call_id": "1"},
        {"role": "user", "content": "Hi", "name": "Melanie", "id": "m1", "created_at": "2026-05-02T12:00:00Z"},
    ]
    read_ = messages_of(body)
    assert [m.role for m in read_] == ["system", "user", "assistant", "tool", "user"]
    assert [m.text for m in read_] == ["", "Look\nhere", "", "", "Hi"]
    assert (read_[4].name, read_[4].id, read_[4].created_at) == ("Melanie", "", None)
    assert (messages_of(body, with_ids=True)[4].id, messages_of(body, with_ids=True)[4].created_at) == ("m1", NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["role", "content", "type", "text", "name", "id", "created_at", "x"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_messages_of_takes_any_junk(body: object):
    found = messages_of(body, with_ids=True)
    assert len(found) == (len(body) if isinstance(body, list) else 0)


@settings(max_examples=300)
@given(st.lists(st.text(max_size=120), min_size=1, max_size=4), st.datetimes(timezones=st.just(UTC)))
def test_reading_never_fails(texts: list[str], now: datetime):
    asked = read([Message(role="user", text=t) for t in texts], now=now)
    assert all(time.start < time.end for time in asked.times)


@given(
    st.sampled_from(
        [
            "last",
            "next",
            "in 9999",
            "9999 years ago",
            "in 9999 years",
            "last week",
            "tomorrow",
            "next year",
            "in december",
            "last monday",
        ]
    ),
    st.sampled_from([datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)]),
)
def test_the_ends_of_time_do_not_break_reading(text: str, now: datetime):
    read([Message(role="user", text=text)], now=now)
