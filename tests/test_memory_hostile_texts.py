"""Texts that are made to be slow, and texts with half characters: they cost what their length costs, and never fail."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.detect_secrets import DetectSecrets
from memory import prompts
from memory.conversation import conversation_of, turns_of
from memory.cube import FactKey, Origin, SemanticType, Source
from memory.governance import MAX_SECRETS, REDACTED, Governance
from memory.reader import messages_of, read
from memory.rules.corrections import corrected
from memory.rules.sentences import MAX_READ_CHARS, own_words, sentences
from memory.rules.small_talk import is_small_talk
from memory.rules.times import MAX_TIMES, find_times
from memory.rules.wishes import forgets
from memory.turn import Draft, Exchange, Message, Scope
from memory.vault.words import query_terms
from memory.writer import Writer, without_injected

BO = Scope(user="bo")
NOW = datetime(2026, 5, 2, tzinfo=UTC)
_DETECTOR = DetectSecrets()
_HALVES = st.text(st.one_of(st.characters(), st.integers(0xD800, 0xDFFF).map(chr), st.sampled_from("I live. \n\"'<")))


def _cost_ratio(work, short, long):
    """Return how much more processor time ``long`` takes; the best of three, so that other load does not count."""

    def cost(text):
        times = []
        for _ in range(3):
            start = time.process_time()
            work(text)
            times.append(time.process_time() - start)
        return min(times)

    return cost(long) / max(cost(short), 1e-3)


def _exchange(text, answer=""):
    messages = [Message(role="user", text=text)] + ([Message(role="assistant", text=answer)] if answer else [])
    return Exchange(turn_id="t", scope=BO, conversation_id="c", messages=tuple(messages), occurred_at=NOW)


@pytest.mark.parametrize("part", ["<memory>", "<memory>a</memory>", "</memory>", "<memory>\n", "\n- 2026-01-01: a"])
def test_fences_are_taken_out_in_time_linear_in_the_text(part):
    short, long = part * 1_000, part * 4_000
    assert _cost_ratio(lambda text: without_injected(text, ""), short, long) < 8


def test_only_closed_fences_are_cut():
    assert without_injected("a <memory>x</memory>  b <memory>c", "") == "a b c"


@pytest.mark.parametrize(
    "part",
    ["I live in A. ", "a. ", ". ", "Mr. ", "...", '."', ".'x", "«", "„", "2026-01-01 ", "forget a, "],
)
def test_reading_costs_no_more_for_what_is_behind_the_part_that_is_read(part):
    short = (part * MAX_READ_CHARS)[:MAX_READ_CHARS]

    def work(text):
        read((Message(role="user", text=text),), now=NOW)
        forgets(text)
        corrected(text, [])

    assert _cost_ratio(work, short, short * 40) < 8


@pytest.mark.parametrize("part", ["a. ", "I live in A. ", ". ", "...", '."', "\n", "«", "„", "\n "])
def test_sentences_and_own_words_are_linear_in_the_part_that_is_read(part):
    short, long = (part * 6000)[:1400] + "x", (part * 6000)[:5600] + "x"

    def work(text):
        for _ in range(5):
            sentences(text)
            own_words(text)

    assert _cost_ratio(work, short, long) < 8


def test_dots_of_abbreviations_end_no_sentence_however_many_there_are():
    assert sentences("I met Dr. Bo at Acme Inc. in Rome. It rained.") == [
        "I met Dr. Bo at Acme Inc. in Rome.",
        "It rained.",
    ]
    assert len(sentences("I live in A. " * 400)) == 1


def test_small_talk_has_one_reading():
    """Two readings for each "bye bye" would double the time with every word."""
    assert is_small_talk("Bye bye, see you later!")
    assert _cost_ratio(is_small_talk, "bye " * 6 + "x", "bye " * 28 + "x") < 64


def test_many_times_are_found_in_time_linear_in_the_text():
    text = "2026-01-01 " * 400
    assert len(find_times(text, NOW)) == MAX_TIMES
    assert _cost_ratio(lambda t: find_times(t, NOW), text, text * 4) < 8


def test_what_stands_behind_the_sentences_that_are_read_is_kept_beside_a_wish_to_forget():
    text = "Forget my shoe size. " + "The sun is warm. " * 30 + "The code word is zebrafish."
    wishes, rest = forgets(text)
    assert wishes
    assert "zebrafish" in rest
    assert "shoe size" not in rest


def test_writing_a_megabyte_is_linear():
    writer = Writer()
    short = "Word after word of it. " * 10_000
    assert _cost_ratio(lambda text: writer.write(_exchange(text, text)), short, short * 4) < 8


def test_a_text_that_was_not_read_whole_is_no_question_and_not_covered():
    (turn,) = Writer().write(_exchange("What is it? " * 24 + "I hid the code word zebrafish under the mat.")).drafts
    assert not {"question", "covered"} & set(turn.tags)
    (short,) = Writer().write(_exchange("What is it? " * 3)).drafts
    assert "question" in short.tags


@pytest.mark.parametrize(
    "part",
    [
        "sk-T3BlbkFJ",
        "sk-",
        "sk-a1-",
        "a" * 20 + "T3BlbkFJ",
        "//registry/:_authToken=",
        "//",
        "//a/:",
        "/:_authToken= ",
        "npm_",
        "aws ",
        "aws",
        "aws secret ",
        'aws key "',
        "://a:b",
        "://",
        "SG.",
        "xoxb-1-",
        "glpat-",
        "glagent-aa",
        "AKIA",
        "AKCa",
        "APA" + "a" * 8,
        "0a",
        "eyJaaaaaaaaaaaa",
        "password is ",
        "password for a ",
        "-----BEGIN PRIVATE KEY-----\n",
        "https://hooks.slack.com/services/T",
        "1234567890:",
        "N" + "a" * 24 + ".",
    ],
)
def test_secrets_are_looked_for_in_time_linear_in_the_text(part):
    short, long = (part * 10_000)[:10_000], (part * 40_000)[:40_000]
    assert _cost_ratio(_DETECTOR.find, short, long) < 9


def test_a_list_of_secrets_is_not_stored_at_all():
    text = " ".join(f"password: hunter{n}x" for n in range(MAX_SECRETS + 1))
    governance = Governance(_DETECTOR)
    assert governance.redact(text) == REDACTED
    assert governance.admit(BO, [_draft(text)]) == []


def _draft(text, **more):
    return Draft(
        text=text,
        semantic_type=SemanticType.TURN,
        origin=Origin.USER_INPUT,
        source=Source(turn_id="t"),
        valid_from=NOW,
        **more,
    )


@given(_HALVES, _HALVES)
def test_half_characters_never_fail_and_are_never_stored(text, name):
    message = Message(role="user", text=text, name=name or None, id=name)
    read((message,), now=NOW).query.encode()
    query_terms(text)
    exchange = Exchange(
        turn_id="t", scope=BO, conversation_id="c", messages=(message, Message(role="assistant", text=text)),
        occurred_at=NOW, injected=name,
    )  # fmt: skip
    fact = FactKey(subject=name, attribute=name, value=text)
    drafts = [*Writer().write(exchange).drafts, _draft(text, tags=(name,), entities=(text,), fact=fact)]
    for admitted in Governance(_DETECTOR).admit(BO, drafts):
        draft = admitted.draft
        "".join((draft.text, *draft.tags, *draft.entities, draft.fact.value if draft.fact else "")).encode()
    prompts.quote_line(NOW.date(), text, name).encode()
    turns_of(BO, (message,), conversation_of(BO, (message,), None))


@given(_HALVES)
def test_messages_come_in_without_half_characters(text):
    (message,) = messages_of([{"role": "user", "content": text, "name": text, "id": text}], with_ids=True)
    "".join((message.text, message.name or "", message.id)).encode()


def test_half_characters_become_the_replacement_character_and_pairs_are_joined():
    messages = messages_of([{"role": "user", "content": "Rome \ud83d!"}, {"role": "user", "content": "\ud83d\ude00"}])
    assert [message.text for message in messages] == ["Rome \ufffd!", "\U0001f600"]
