"""What is forgotten is gone: from cubes, history, index, ledger and receipts, and from the bytes of the files."""

import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.cube import FactKey, Origin, SemanticType, Source
from memory.errors import NotFound
from memory.governance import Governance
from memory.turn import Draft, Forget, Message, Scope, TurnRecord, TurnState
from memory.vault import open_vault
from memory.vault.scrub import Forgotten

BO, ANN = Scope(user="bo"), Scope(user="ann")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOVERNANCE = Governance(None)


@pytest.fixture
def files(tmp_path):
    ticks = itertools.count()
    opened = open_vault(tmp_path, clock=lambda: START + timedelta(seconds=next(ticks)))
    yield opened
    opened.close()


def hashed(text):
    return hashlib.sha256(text.encode()).hexdigest()


def told(files, text, *facts, scope=BO, answer="Noted.", injected=None):
    """Let a user tell something, with the facts that the writer reads out of it; return the turn's id."""
    record = TurnRecord(
        scope=scope,
        turn_hash=hashed(text),
        conversation_id="c",
        messages=(Message(role="user", text=text),),
        injected=injected or {},
    )
    turn_id = files.ledger.open(record, dedupe_window_s=0)
    files.ledger.close(scope, turn_id, answer)
    files.ledger.claim(limit=99, lease_s=60)
    source = Source(conversation_id="c", message_ids=(f"{turn_id}:0",), turn_id=turn_id)
    drafts = [
        Draft(text=text, semantic_type=SemanticType.TURN, origin=Origin.USER_INPUT, source=source, valid_from=START)
    ]
    for attribute, value, single in facts:
        drafts.append(
            Draft(
                text=f"The user's {attribute} is {value}.",
                semantic_type=SemanticType.FACT,
                origin=Origin.INFERENCE,
                source=source,
                valid_from=files.vault._clock(),
                fact=FactKey(subject="user", attribute=attribute, value=value, single=single),
            )
        )
    vectors = np.eye(len(drafts), 8, dtype=np.float32)
    files.vault.put(GOVERNANCE.admit(scope, drafts), vectors, "model", turn_id=turn_id)
    return turn_id


def texts(files, scope=BO):
    return {cube.text for cube in files.vault.page(scope, limit=99, include_superseded=True).cubes}


def in_files(files, word):
    """Return the files of the data folder that hold the word, whatever its case."""
    folder = files.connections.path.parent
    sought = word.casefold().encode()
    return [path.name for path in folder.rglob("*") if path.is_file() and sought in path.read_bytes().lower()]


def ledger_text(files, scope=BO):
    return str([row for row in files.vault.export(scope) if row["object"] == "memos.turn"])


def test_forgetting_a_fact_takes_its_turns_its_history_and_its_words_everywhere(files):
    told(files, "I live in Xanadu now.", ("lives", "Xanadu", True), answer="Xanadu is lovely.")
    told(files, "I moved to Porto.", ("lives", "Porto", True))
    told(files, "I like tea.", ("likes", "tea", False))
    every = files.vault.page(BO, limit=99, include_superseded=True).cubes
    (cube_id,) = (c.id for c in every if "is Xanadu" in c.text)
    (other_id,) = (c.id for c in every if "likes is tea" in c.text)
    told(
        files,
        "What do you know?",
        answer="You lived in XANADU and like tea.",
        injected={
            "stable": "Known:\n- The user's lives is Xanadu.",
            "turn": "<memory>\n- The user's lives is Xanadu.\n- The user's likes is tea.\n</memory>",
            "ids": [cube_id, other_id],
        },
    )
    receipt = {"query": "is Xanadu far?", "candidates": [{"cube_id": cube_id}]}
    files.receipts.put_all([(BO, "req_1", json.dumps(receipt))])
    written = files.vault.forget(BO, Forget(target="where I live", attributes=("lives",)))
    assert cube_id in written.removed
    assert texts(files) == {"I like tea.", "The user's likes is tea.", "What do you know?"}
    assert [row.injected for row in files.ledger.find(BO, [hashed("What do you know?")])] == [
        {"stable": "", "turn": "<memory>\n- The user's likes is tea.\n</memory>", "ids": [other_id]}
    ]
    assert "You lived in [forgotten] and like tea." in ledger_text(files)
    assert files.receipts.get(BO, "req_1")["query"] == "is [forgotten] far?"
    for word in ("xanadu", "porto", cube_id):
        assert in_files(files, word) == []
    assert files.vault.lexical(BO, "Xanadu")[0] == []
    assert in_files(files, "like tea")


def test_a_prefix_means_all_below_it_and_a_name_only_itself(files):
    told(files, "Teal, jazz!", ("favourite:colour", "teal", True), ("favourite:music", "jazz", True))
    told(files, "I am Bo.", ("favourites", "Bo", True))
    files.vault.forget(BO, Forget(target="x", attributes=("favourite:colour",)))
    assert "The user's favourite:music is jazz." in texts(files)
    files.vault.forget(BO, Forget(target="x", attributes=("favourite:",)))
    assert texts(files) == {"I am Bo.", "The user's favourites is Bo."}


def test_of_many_values_only_those_named_are_forgotten(files):
    for value in ("jazz", "tea"):
        told(files, f"I like {value}.", ("likes", value, False))
    files.vault.forget(BO, Forget(target="that I like jazz", attributes=("likes",)))
    assert texts(files) == {"I like tea.", "The user's likes is tea."}
    files.vault.forget(BO, Forget(target="what I like", attributes=("likes",)))
    assert texts(files) == set()


def test_only_whole_words_are_forgotten(files):
    told(files, "My cat is Tom.", ("cat", "Tom", True))
    told(files, "I go there tomorrow.")
    files.vault.forget(BO, Forget(target="my cat", attributes=("cat",)))
    assert texts(files) == {"I go there tomorrow."}
    assert "tomorrow" in ledger_text(files)


def test_without_an_attribute_all_content_words_must_be_there(files):
    told(files, "My door code is 4821. I like tea.")
    told(files, "The door is red.")
    told(files, "I wrote some code.")
    written = files.vault.forget(BO, Forget(target="that my door code is 4821"))
    assert len(written.removed) == 1
    assert texts(files) == {"The door is red.", "I wrote some code."}
    assert "[forgotten] I like tea." in ledger_text(files)
    assert in_files(files, "4821") == []


@pytest.mark.parametrize("target", ["", "it", "that", "about me", "what I said", "?!"])
def test_a_wish_that_names_nothing_forgets_nothing(files, target):
    told(files, "I like tea.", ("likes", "tea", False))
    assert files.vault.forget(BO, Forget(target=target)).removed == ()
    assert len(texts(files)) == 2


def test_other_words_forms_are_the_same_word(files):
    told(files, "I was running marathons.")
    assert files.vault.forget(BO, Forget(target="that I ran a marathon")).removed == ()
    assert len(files.vault.forget(BO, Forget(target="my marathon runs")).removed) == 1


def test_everything_is_everything_of_this_user_and_nothing_of_another(files):
    done = told(files, "I live in Xanadu.", ("lives", "Xanadu", True))
    told(files, "I live in Yonder.", ("lives", "Yonder", True), scope=ANN)
    waiting, _ = files.ledger.append(
        TurnRecord(scope=BO, turn_hash="w", conversation_id="c", messages=(Message(role="user", text="Xanadu!"),))
    )
    files.receipts.put_all([(BO, "req_1", '{"query": "Xanadu"}')])
    assert len(files.vault.forget(BO, Forget(target="everything", everything=True)).removed) == 2
    assert texts(files) == set()
    assert set(files.ledger.states(BO, [done, waiting]).values()) == {TurnState.EMPTY}
    assert in_files(files, "xanadu") == []
    assert len(texts(files, ANN)) == 2
    assert [cube.owner for cube in files.vault.get_many(ANN, [c for c, _ in files.vault.lexical(ANN, "Yonder")[0]])]


def test_a_turn_that_is_being_read_while_it_is_forgotten_is_not_written(files):
    told(files, "I live in Xanadu.", ("lives", "Xanadu", True))
    record = TurnRecord(
        scope=BO, turn_hash="h", conversation_id="c", messages=(Message(role="user", text="Back in Xanadu, with Ann."),)
    )
    turn_id, _ = files.ledger.append(record)
    (exchange,) = files.ledger.claim(limit=1, lease_s=60)
    files.vault.forget(BO, Forget(target="where I live", attributes=("lives",)))
    late = Draft(
        text=exchange.messages[0].text,
        semantic_type=SemanticType.TURN,
        origin=Origin.USER_INPUT,
        source=Source(turn_id=turn_id),
        valid_from=START,
    )
    assert files.vault.put(GOVERNANCE.admit(BO, [late]), None, "", turn_id=turn_id).created == ()
    assert files.ledger.states(BO, [turn_id]) == {turn_id: TurnState.QUEUED}
    (again,) = files.ledger.claim(limit=1, lease_s=60)
    assert again.messages[0].text == "Back in [forgotten], with Ann."
    files.vault.put([], None, "", turn_id=turn_id)
    assert files.ledger.states(BO, [turn_id]) == {turn_id: TurnState.EMPTY}


def test_a_turn_that_was_erased_while_it_was_read_is_not_written(files):
    turn_id, _ = files.ledger.append(
        TurnRecord(scope=BO, turn_hash="h", conversation_id="c", messages=(Message(role="user", text="Hi"),))
    )
    files.ledger.claim(limit=1, lease_s=60)
    files.vault.erase(BO, None)
    with pytest.raises(NotFound):
        files.vault.put([], None, "", turn_id=turn_id)
    files.ledger.close(BO, turn_id, "late answer")
    assert files.ledger.counts()["queued"] == 0


def test_a_deleted_fact_takes_its_utterance_and_its_words_in_that_turn_along(files):
    told(files, "I live in Xanadu.", ("lives", "Xanadu", True))
    told(files, "Xanadu is a poem.")
    (cube,) = (cube for cube in files.vault.page(BO).cubes if cube.fact)
    assert len(files.vault.delete(BO, [cube.id]).removed) == 2
    assert texts(files) == {"Xanadu is a poem."}
    assert "I live in [forgotten]." in ledger_text(files)
    assert "Xanadu is a poem." in ledger_text(files)


def test_a_deleted_utterance_is_gone_from_the_ledger_and_its_facts_stay(files):
    told(files, "I live in Xanadu.", ("lives", "Xanadu", True))
    (cube,) = (cube for cube in files.vault.page(BO).cubes if not cube.fact)
    assert files.vault.delete(BO, [cube.id]).removed == (cube.id,)
    assert texts(files) == {"The user's lives is Xanadu."}
    assert "I live in" not in ledger_text(files)


def test_an_earlier_version_is_forgotten_with_its_cube(files):
    from dataclasses import replace

    told(files, "I like tea.")
    (cube,) = files.vault.page(BO).cubes
    files.vault.update(BO, replace(cube, text="Xanadu."), expected_version=1, vector=None, model_id="")
    files.vault.update(BO, replace(cube, text="I like coffee."), expected_version=2, vector=None, model_id="")
    assert files.vault.forget(BO, Forget(target="Xanadu")).removed == (cube.id,)
    assert in_files(files, "xanadu") == []


def test_erasure_is_reported_store_by_store_and_proved(files):
    told(files, "I live in Xanadu.", ("lives", "Xanadu", True))
    told(files, "I moved to Porto.", ("lives", "Porto", True))
    told(files, "I live in Yonder.", ("lives", "Yonder", True), scope=ANN)
    files.receipts.put_all([(BO, "req_1", '{"query": "Xanadu"}')])
    ids = [cube.id for cube in files.vault.page(BO, include_superseded=True).cubes]
    report = files.vault.erase(BO, None)
    searched = report.pop("bytes")
    assert searched["found"] == 0
    assert searched["searched_for"] > 4
    assert {name: count for name, count in report.items() if count} == {
        "cubes": 4,
        "versions": 5,
        "fts": 3,
        "vectors": 4,
        "outlines": 3,
        "labels": report["labels"],
        "relations": report["relations"],
        "ledger": 2,
        "receipts": 1,
        "changes": 2,
        "verified": True,
    }
    for word in ("xanadu", "porto", *ids):
        assert in_files(files, word) == []
    assert [row["object"] for row in files.vault.export(BO)] == ["memos.export"]
    assert len(texts(files, ANN)) == 2
    assert files.vault.erase(BO, None)["verified"]


def test_erasing_some_leaves_the_rest(files):
    told(files, "I live in Xanadu.", ("lives", "Xanadu", True), ("works", "Acme", True))
    chosen = [cube.id for cube in files.vault.page(BO).cubes if cube.fact and cube.fact.attribute == "lives"]
    report = files.vault.erase(BO, chosen)
    assert (report["cubes"], report["ledger"], report["verified"]) == (2, 1, True)
    assert texts(files) == {"The user's works is Acme."}
    assert in_files(files, "xanadu") == []


def test_while_somebody_reads_the_log_erasure_is_not_called_verified_and_is_made_good_later(files, tmp_path):
    told(files, "I live in Xanadu.")
    other = open_vault(tmp_path, clock=lambda: START)
    with other.connections.snapshot() as connection:
        connection.execute("SELECT count(*) FROM cubes").fetchone()
        assert not files.vault.erase(BO, None)["verified"]
    assert files.vault.erase(BO, None)["verified"]
    assert in_files(files, "xanadu") == []
    other.close()


_WORD = st.text("abcdefghij", min_size=3, max_size=8).map(lambda letters: f"zq{letters}")


@settings(max_examples=25, deadline=None)
@given(values=st.lists(_WORD, min_size=1, max_size=4, unique=True), single=st.booleans())
def test_no_byte_of_a_forgotten_value_is_left(tmp_path_factory, values, single):
    folder = tmp_path_factory.mktemp("vault")
    files = open_vault(folder, clock=lambda: START)
    for value in values:
        told(files, f"Now it is {value}, I say.", ("thing", value, single), answer=f"So {value.upper()} it is.")
    files.vault.forget(BO, Forget(target="the thing", attributes=("thing",)))
    assert {value: in_files(files, value) for value in values} == {value: [] for value in values}
    assert texts(files) == set()
    files.close()


@pytest.mark.parametrize(
    ("forgotten", "text", "left"),
    [
        (Forgotten(values=("New York",)), "In new\n york I live", "In [forgotten] I live"),
        (Forgotten(values=("a.b*c",)), "see a.b*c now, aXb*c", "see [forgotten] now, aXb*c"),
        (Forgotten(values=("é",)), "Éclair and É", "Éclair and [forgotten]"),
        (Forgotten(values=("", "  ")), "nothing", "nothing"),
        (Forgotten(stems=("door", "code")), "Hi! The door codes are 1. Bye.", "Hi! [forgotten] Bye."),
        (Forgotten(stems=("door", "code")), "The door. The code.", "[forgotten]"),
    ],
)
def test_scrubbing_takes_whole_words_and_whole_sentences(forgotten, text, left):
    assert forgotten.scrub(text) == left
    assert forgotten.scrub(left) == left


def test_what_was_put_together_of_a_deleted_memory_goes_with_it_and_the_other_parts_stay(files):
    from dataclasses import replace

    told(files, "The quinces are ripe.")
    told(files, "The pond is deep.")
    parts = {cube.text: cube for cube in files.vault.page(BO).cubes}
    whole = [parts["The quinces are ripe."].id, parts["The pond is deep."].id]
    for text in ("About: The quinces are ripe. The pond is deep.", "All about: The quinces are ripe."):
        told(files, text)
        (made,) = (cube for cube in files.vault.page(BO).cubes if cube.text == text)
        derived = replace(made, derived_from=tuple(whole), semantic_type=SemanticType.DOCUMENT)
        files.vault.update(BO, derived, expected_version=None, vector=None, model_id="")
        whole = [made.id]
    removed = files.vault.delete(BO, [parts["The quinces are ripe."].id]).removed
    assert len(removed) == 3
    assert texts(files) == {"The pond is deep."}
    for cube_id in removed:
        assert in_files(files, cube_id) == []
