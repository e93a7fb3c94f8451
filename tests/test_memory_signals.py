"""What ranking goes by: the outline of a user's memories, and the signals that are computed over it."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.errors import EngineDown
from memory.finding import CHAT, TALK, mixed
from memory.outline import Entry, Outline, packed
from memory.postings import POSTING, Postings
from memory.rules.marks import marks_of
from memory.signals import signals_of
from memory.turn import Message, TimeExpression
from memory.vault.migrations import MIGRATIONS
from memory.vault.words import query_terms, terms
from tests.memory_rig import ADA, BEN, build

DAY_US = 86_400_000_000


def entry(seq, text, *, conversation="c", speaker="", role="user", utterance=True, at=0):
    words = len(terms(f"{speaker} {text}"))
    return Entry(seq, f"m{seq}", utterance, conversation, role, speaker, at, words, packed(marks_of(text)))


def postings_of(texts, query):
    entries = {}
    for term in query_terms(query):
        found = [(seq, terms(text).count(term), len(terms(text))) for seq, text in texts.items()]
        entries[term] = np.array([each for each in found if each[1]], POSTING)
    return Postings(entries, len(texts), sum(len(terms(text)) for text in texts.values()))


def signals(outline, texts, query, similarities=None, times=()):
    dense = np.zeros(len(outline), np.float32) if similarities is None else np.array(similarities, np.float32)
    return signals_of(outline, postings_of(texts, query), dense, query, times)


def test_an_answer_that_repeats_nothing_is_found_beside_the_question_that_does():
    """The most that any signal gave: "Where did you leave the violin?" "At my aunt's." """
    texts = {1: "Lovely day today.", 2: "Where did you leave the violin?", 3: "At my aunt's.", 4: "Good for you."}
    outline = Outline([entry(seq, text) for seq, text in texts.items()])
    found = signals(outline, texts, "Where is the violin?")
    assert found.lexical[2] == 0
    assert found.lexical_near[2] > 0
    assert found.lexical_near[3] == 0  # two turns away
    assert 0 < found.lexical_near[0] < found.lexical_near[2] < found.lexical_near[1]  # what follows counts more
    assert found.coverage_near[2] == pytest.approx(1.0)


def test_neighbours_are_of_the_same_conversation_and_only_utterances_have_any():
    outline = Outline(
        [
            entry(1, "a", conversation="x"),
            entry(2, "b", conversation="y"),
            entry(3, "a fact", conversation="x", utterance=False),
            entry(5, "c", conversation="x"),
            entry(9, "d", conversation="y"),
        ]
    )
    before, after = outline.neighbours
    assert before.tolist() == [-1, -1, -1, 0, 1]
    assert after.tolist() == [3, 4, -1, -1, -1]


def test_who_is_named_speaks_for_their_own_words():
    """Nicknames count; a question that names both, or nobody, says nothing."""
    texts = {1: "I paint.", 2: "I run."}
    outline = Outline(
        [entry(1, "I paint.", speaker="Melanie"), entry(2, "I run.", speaker="Caroline", role="assistant")]
    )
    assert signals(outline, texts, "What does Mel paint?").speaker.tolist() == [1, -1]
    assert signals(outline, texts, "What does Caroline do?").speaker.tolist() == [-1, 1]
    assert signals(outline, texts, "When did Caroline meet Melanie?").speaker.tolist() == [0, 0]
    assert signals(outline, texts, "Who runs?").speaker.tolist() == [0, 0]


def test_what_was_said_at_the_time_asked_about_counts_and_what_is_near_counts_less():
    start = datetime(2026, 3, 2, tzinfo=UTC)
    at = [int((start + timedelta(days=days)).timestamp()) * 1_000_000 for days in (-9, -1, 0, 1, 9)]
    texts = dict.fromkeys(range(5), "x")
    outline = Outline([entry(n, "x", at=time) for n, time in enumerate(at)])
    times = (TimeExpression(text="on 2 March", start=start, end=start + timedelta(days=1)),)
    dated = signals(outline, texts, "what happened on 2 March", times=times).dated
    assert dated.tolist() == pytest.approx([0, 0.4, 1, 0.4, 0])


def test_an_empty_outline_and_a_question_without_words_give_no_number_that_is_none():
    empty = Outline([])
    assert len(mixed(signals(empty, {}, "anything?"), empty, TALK)) == 0
    one = Outline([entry(1, "Hello.")])
    for query in ("", "?", "zebra"):
        for mixture in (TALK, CHAT):
            assert np.isfinite(mixed(signals(one, {1: "Hello."}, query), one, mixture)).all()


WORDS = st.lists(st.sampled_from("tea cup rain dog sun ann bob 3 may".split()), min_size=1, max_size=6).map(" ".join)


@settings(max_examples=60)
@given(st.lists(st.tuples(WORDS, st.sampled_from("xyz"), st.booleans()), min_size=1, max_size=12), WORDS)
def test_every_signal_is_finite_and_a_memory_that_shares_no_word_has_no_lexical_score(rows, query):
    texts = {n + 1: text for n, (text, _, _) in enumerate(rows)}
    outline = Outline([entry(n + 1, text, conversation=c, utterance=u) for n, (text, c, u) in enumerate(rows)])
    found = signals(outline, texts, query)
    numbers = {name: getattr(found, name) for name in type(found).__slots__ if name != "deviations"}
    for name, values in {**numbers, **found.deviations}.items():
        assert np.isfinite(values).all(), name
    asked = set(query_terms(query))
    for row, text in enumerate(texts.values()):
        assert (found.lexical[row] > 0) == bool(asked & set(terms(text)))
        assert found.lexical_near[row] > 0 or not found.lexical[row]
        assert 0 <= found.coverage[row] <= found.coverage_near[row] <= 1 + 1e-6


def test_the_lexical_signal_is_the_vaults_own_ranking(tmp_path):
    memory = build(tmp_path, None)
    for text in ("I have a red bicycle.", "My dog is called Rex.", "The red dog barks at bicycles.", "It rains."):
        memory.tell(text)
    query = "red dog"
    outline = memory.files.vault.outline(ADA)
    found = signals_of(
        Outline(outline), memory.files.vault.postings(ADA, query), np.zeros(len(outline), np.float32), query, ()
    )
    ranked, total = memory.files.vault.lexical(ADA, query)
    assert total == len(outline)
    assert dict(ranked) == pytest.approx(
        {each.id: score for each, score in zip(outline, found.lexical.tolist(), strict=True) if score}, rel=1e-5
    )


_TOLD = st.lists(
    st.tuples(st.sampled_from(["c1", "c2", ""]), st.booleans(), st.sampled_from(["", "Ann", "Ben"]), st.integers(0, 4)),
    max_size=12,
)


@given(_TOLD, _TOLD, st.sets(st.integers(0, 11), max_size=3))
def test_an_outline_that_grew_is_the_one_that_is_read_anew(first, then, gone):
    entries = [
        Entry(n, f"id{n}", said, conversation, "user", speaker, 10 * n, words, n)
        for n, (conversation, said, speaker, words) in enumerate([*first, *then])
    ]
    before, more = entries[: len(first)], entries[len(first) :]
    old, left = Outline(before), [entry for entry in before if entry.seq not in gone]
    assert old.places.keys() == {entry.id for entry in before}
    vectors = [entry.id for entry in reversed(entries) if entry.words]  # those that are told later have theirs already
    assert old.rows_of_ids(vectors).tolist() == [old.places.get(each, -1) for each in vectors]
    for lost, expected in ((frozenset(), entries), (frozenset(f"id{n}" for n in gone), [*left, *more])):
        grown, anew = old.changed(lost | {entry.id for entry in more}, more), Outline(expected)
        assert list(grown.entries) == expected
        assert (grown.ids, grown.places, grown.named) == (anew.ids, anew.places, anew.named)
        assert grown.speakers.names == anew.speakers.names
        for name in ("seqs", "utterance", "user", "at", "words", "question", "number", "names", "times", "log_words",
                     "conversations", "after_question", "length"):  # fmt: skip
            np.testing.assert_array_equal(getattr(grown, name), getattr(anew, name), err_msg=name)
        np.testing.assert_array_equal(grown.neighbours, anew.neighbours)
        for ids in (vectors, [*vectors, "new"], vectors[1:], list(vectors)):
            assert grown.rows_of_ids(ids).tolist() == [anew.places.get(each, -1) for each in ids]
        np.testing.assert_array_equal(grown.speakers.numbers, anew.speakers.numbers)
    assert list(old.entries) == before


def test_the_outline_at_hand_follows_every_write(tmp_path):
    """As read anew from the vault after each: told, corrected, changed by hand, forgotten."""
    memory = build(tmp_path, None)

    def same():
        assert list(memory.embeddings.outline(ADA).entries) == memory.files.vault.outline(ADA)
        return memory.files.vault.outline(ADA)

    assert same() == []
    memory.tell("I live in Lisbon.")
    assert len(same()) == 2
    memory.tell("I live in Porto now.")
    assert same()
    memory.tell("Ben's own.", scope=BEN)
    turn = next(each for each in same() if each.utterance)
    cube = memory.files.vault.get(ADA, turn.id)
    memory.pipeline.revise(ADA, replace(cube, text="I live in Porto, at number 3!"), expected_version=None)
    changed = next(each for each in same() if each.id == turn.id)
    assert changed.words != turn.words
    memory.tell("Forget where I live.")
    assert turn.id not in [each.id for each in same()]
    memory.pipeline.erase(ADA, None)
    assert same() == []


def _outlined_by_the_migration(folder, *wounds):
    """Make the outlines as the migration makes them of what an older program stored."""
    filling = "INSERT OR REPLACE INTO outlines" + MIGRATIONS[5].partition("REPLACE INTO outlines")[2]
    connection = sqlite3.connect(folder / "memos.db")
    connection.execute("DELETE FROM outlines")
    for statement in (*wounds, filling):
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_memories_of_an_older_database_have_the_outlines_that_they_would_get_today(tmp_path):
    memory = build(tmp_path, None)
    messages = [Message(role="user", text="I have 3 cats, and Ann's dog visits on Mondays. Do you like cats?")]
    memory.tell(messages[0].text)
    today = memory.files.vault.outline(ADA)
    memory.files.close()
    _outlined_by_the_migration(tmp_path)
    for _ in range(2):  # counted when they are first read, then kept
        again = build(tmp_path, None)
        assert again.files.vault.outline(ADA) == today
        assert again.found("cats")
        again.files.close()
    connection = sqlite3.connect(tmp_path / "memos.db")
    assert connection.execute("SELECT count(*) FROM outlines WHERE words IS NULL").fetchone() == (0,)
    connection.close()


def test_what_another_process_wrote_is_found(tmp_path):
    """Two vaults on one folder, both with an outline at hand."""
    one, other = build(tmp_path, None), build(tmp_path, None)
    for each in (one, other):
        each.tell("I have a red bicycle." if each is one else "My boat is blue.")
        assert each.found("colour of the bicycle and the boat")
    one.tell("The piano is from Vienna.")
    assert "The piano is from Vienna." in other.found("piano")


def test_imported_memories_are_found_though_the_embedder_is_down(tmp_path):
    there = build(tmp_path / "a", None)
    there.tell("The piano is from Vienna.")
    rows = list(there.files.vault.export(ADA))

    class Down:
        model_id, dimension = "down", 3

        def embed(self, _):
            raise EngineDown("not now")

    here = build(tmp_path / "b", None)
    assert here.found("piano") == []
    here.embeddings._embedder = Down()
    with pytest.raises(EngineDown):
        here.pipeline.import_rows(ADA, rows)
    here.embeddings._embedder = None
    assert here.found("piano")


def test_among_a_few_memories_a_hair_of_likeness_does_not_outweigh_a_word():
    texts = {1: "The violin is at home.", 2: "Tea is ready.", 3: "It rains a lot."}
    outline = Outline([entry(seq, text) for seq, text in texts.items()])
    scores = mixed(signals(outline, texts, "violin", [0.300, 0.302, 0.301]), outline, CHAT)
    assert scores.argmax() == 0
    assert scores[0] - scores[1] > 1


def test_a_few_names_in_a_chat_log_make_no_talk_of_it():
    chat = [entry(n, "x") for n in range(10)]
    assert not Outline(chat).named
    assert not Outline([*chat, entry(11, "x", speaker="Ada")]).named
    assert not Outline([entry(n, "x", speaker="Ada") for n in range(5)]).named  # a client that always names its user
    assert Outline([entry(n, "x", speaker=name) for n, name in enumerate(("Ada", "Ben"))]).named


def test_a_damaged_row_does_not_keep_an_older_database_from_being_opened(tmp_path):
    memory = build(tmp_path, None)
    memory.tell("I live in Lisbon.")
    memory.files.close()
    _outlined_by_the_migration(tmp_path, "UPDATE cubes SET data = '{' WHERE seq = 1")
    again = build(tmp_path, None)
    assert len(again.files.vault.outline(ADA)) == 2
