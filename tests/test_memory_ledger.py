"""The turn ledger: no turn is lost, none is read twice at a time, each user's turns are read in order."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.detect_secrets import DetectSecrets
from memory.governance import Governance
from memory.turn import Message, Scope, TurnRecord, TurnState
from memory.vault import open_vault
from memory.vault.backlog import Backlog
from memory.vault.ledger_texts import scrub_turns
from memory.vault.scrub import Forgotten

BO, ANN = Scope(user="bo", key_id="k1"), Scope(user="ann")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def forward(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def files(tmp_path, clock):
    opened = open_vault(tmp_path, clock=clock, redact=Governance(DetectSecrets()).redact)
    yield opened
    opened.close()


@pytest.fixture
def ledger(files):
    return files.ledger


def record(text, *, scope=BO, conversation="c", turn_hash=None, injected=None, **more):
    return TurnRecord(
        scope=scope,
        turn_hash=text if turn_hash is None else turn_hash,
        conversation_id=conversation,
        messages=(Message(role="user", text=text, id=more.pop("id", ""), name=more.pop("name", None)),),
        injected=injected or {},
        **more,
    )


def state(ledger, turn_id, scope=BO):
    return ledger.states(scope, [turn_id]).get(turn_id)


def test_a_turn_goes_from_open_to_the_writer_with_its_answer(ledger):
    turn_id = ledger.open(
        record("Hi", id="m1", name="Bo", injected={"stable": "S", "turn": "T", "ids": []}), dedupe_window_s=60
    )
    assert state(ledger, turn_id) is TurnState.OPEN
    assert ledger.claim(limit=9, lease_s=60) == []
    ledger.close(BO, turn_id, "Hello!")
    (exchange,) = ledger.claim(limit=9, lease_s=60)
    assert [(m.role, m.text, m.id, m.name) for m in exchange.messages] == [
        ("user", "Hi", "m1", "Bo"),
        ("assistant", "Hello!", f"{turn_id}:1", None),
    ]
    assert (exchange.turn_id, exchange.scope, exchange.injected) == (turn_id, BO, "S\nT")
    assert (exchange.occurred_at, exchange.conversation_id) == (START, "c")


def test_an_answer_that_broke_off_still_queues_the_turn(ledger):
    turn_id = ledger.open(record("Hi"), dedupe_window_s=60)
    ledger.close(BO, turn_id, None)
    (exchange,) = ledger.claim(limit=9, lease_s=60)
    assert [message.role for message in exchange.messages] == ["user"]


def test_the_same_turn_inside_the_window_is_one_row(ledger, clock):
    first = ledger.open(record("Hi"), dedupe_window_s=60)
    clock.forward(59)
    assert ledger.open(record("Hi"), dedupe_window_s=60) == first
    clock.forward(2)
    assert ledger.open(record("Hi"), dedupe_window_s=60) != first
    assert ledger.open(record("Hi", scope=ANN), dedupe_window_s=60) != first


def test_turns_without_a_hash_are_never_the_same(ledger):
    rows = {ledger.open(record("Hi", turn_hash=""), dedupe_window_s=60) for _ in range(2)}
    assert len(rows) == 2


def test_a_retry_brings_the_answer_that_broke_off_and_the_turn_is_read_again(files, ledger):
    turn_id = ledger.open(record("Hi"), dedupe_window_s=60)
    ledger.close(BO, turn_id, None)
    ledger.claim(limit=1, lease_s=60)
    files.vault.put([], None, "", turn_id=turn_id)
    assert ledger.open(record("Hi"), dedupe_window_s=60) == turn_id
    ledger.close(BO, turn_id, "Hello!")
    assert state(ledger, turn_id) is TurnState.QUEUED
    (exchange,) = ledger.claim(limit=1, lease_s=60)
    assert exchange.messages[-1].text == "Hello!"


def test_the_last_answer_stands_and_an_equal_one_or_anothers_changes_nothing(files, ledger):
    turn_id = ledger.open(record("Hi"), dedupe_window_s=60)
    ledger.close(BO, turn_id, "one")
    ledger.close(BO, turn_id, "two")
    ledger.claim(limit=1, lease_s=60)
    files.vault.put([], None, "", turn_id=turn_id)
    for scope, answer in ((BO, "two"), (BO, None), (ANN, "three")):
        ledger.close(scope, turn_id, answer)
    (row,) = ledger.find(BO, ["Hi"])
    assert (row.answer, row.state) == ("two", TurnState.EMPTY)
    ledger.close(BO, "turn_gone", "four")


def test_an_imported_turn_is_queued_once_whatever_its_age(ledger, clock):
    first, queued = ledger.append(record("Hi", occurred_at=START - timedelta(days=400)))
    assert queued is TurnState.QUEUED
    clock.forward(10_000_000)
    assert ledger.append(record("Hi")) == (first, TurnState.QUEUED)
    (exchange,) = ledger.claim(limit=1, lease_s=60)
    assert exchange.occurred_at == START - timedelta(days=400)


def test_a_users_turns_are_claimed_one_at_a_time_and_in_order(files, ledger):
    ids = [ledger.append(record(text))[0] for text in ("one", "two", "three")]
    other, _ = ledger.append(record("x", scope=ANN))
    assert [each.turn_id for each in ledger.claim(limit=9, lease_s=60)] == [ids[0], other]
    assert ledger.claim(limit=9, lease_s=60) == []
    files.vault.put([], None, "", turn_id=ids[0])
    assert [each.turn_id for each in ledger.claim(limit=9, lease_s=60)] == [ids[1]]


def test_users_are_served_oldest_first_up_to_the_limit(ledger):
    ids = [ledger.append(record("x", scope=Scope(user=f"u{9 - number}")))[0] for number in range(5)]
    assert [each.turn_id for each in ledger.claim(limit=3, lease_s=60)] == ids[:3]
    assert [each.turn_id for each in ledger.claim(limit=3, lease_s=60)] == ids[3:]


def test_a_failed_turn_waits_holds_back_later_ones_and_a_dead_one_does_not(ledger, clock):
    first, second = (ledger.append(record(text))[0] for text in ("one", "two"))
    ledger.claim(limit=9, lease_s=60)
    ledger.fail(first, "engine down", retry_in_s=30)
    assert state(ledger, first) is TurnState.FAILED
    assert ledger.claim(limit=9, lease_s=60) == []
    clock.forward(31)
    assert [each.turn_id for each in ledger.claim(limit=9, lease_s=60)] == [first]
    ledger.fail(first, "engine down", retry_in_s=None)
    (row,) = ledger.find(BO, ["one"])
    assert (row.state, row.attempts, row.error) == (TurnState.DEAD, 2, "engine down")
    assert [each.turn_id for each in ledger.claim(limit=9, lease_s=60)] == [second]
    assert ledger.retry_dead(BO) == 1
    assert state(ledger, first) is TurnState.QUEUED


def test_a_lease_that_ran_out_is_claimed_again(ledger, clock):
    turn_id, _ = ledger.append(record("one"))
    ledger.claim(limit=1, lease_s=60)
    clock.forward(59)
    assert ledger.claim(limit=1, lease_s=60) == []
    clock.forward(2)
    assert [each.turn_id for each in ledger.claim(limit=1, lease_s=60)] == [turn_id]
    (row,) = ledger.find(BO, ["one"])
    assert row.attempts == 2


def test_failing_what_is_done_changes_nothing(files, ledger):
    turn_id, _ = ledger.append(record("one"))
    ledger.claim(limit=1, lease_s=60)
    files.vault.put([], None, "", turn_id=turn_id)
    ledger.fail(turn_id, "late", retry_in_s=None)
    assert state(ledger, turn_id) is TurnState.EMPTY


def test_the_messages_before_come_along_from_the_same_conversation_only(ledger):
    for text in ("one", "two", "three"):
        ledger.close(BO, ledger.open(record(text), dedupe_window_s=60), f"re {text}")
    ledger.append(record("elsewhere", conversation="d"))
    ledger.append(record("hers", scope=ANN))
    contexts = {}
    for _ in range(4):
        for exchange in ledger.claim(limit=9, lease_s=60):
            contexts[exchange.messages[0].text] = [message.text for message in exchange.context]
            ledger.fail(exchange.turn_id, "", retry_in_s=None)
    assert contexts == {
        "one": [],
        "two": ["one", "re one"],
        "three": ["one", "re one", "two", "re two"],
        "elsewhere": [],
        "hers": [],
    }


def test_what_waits_is_counted(files, ledger):
    ids = [ledger.append(record(text))[0] for text in ("one", "two", "three")]
    ledger.open(record("open"), dedupe_window_s=60)
    assert (ledger.pending(BO), ledger.pending(ANN)) == (3, 0)
    ledger.claim(limit=1, lease_s=60)
    files.vault.put([], None, "", turn_id=ids[0])
    assert ledger.pending(BO) == 2
    assert ledger.counts() == {"open": 1, "queued": 2, "stored": 0, "empty": 1, "failed": 0, "dead": 0}
    assert ledger.states(ANN, ids) == {}


def test_rows_are_found_by_hash_newest_first_and_only_by_their_user(ledger, clock):
    ids = []
    for _ in range(2):
        ids.append(ledger.open(record("Hi", injected={"turn": "T", "ids": []}), dedupe_window_s=1))
        clock.forward(5)
    rows = ledger.find(BO, ["Hi", "other"])
    assert [row.id for row in rows] == ids[::-1]
    assert rows[0].injected == {"turn": "T", "ids": []}
    assert ledger.find(ANN, ["Hi"]) == []


def test_secrets_are_redacted_before_anything_is_stored(ledger):
    turn_id = ledger.open(
        record("My password is hunter2.", injected={"turn": "pwd: hunter2", "ids": []}), dedupe_window_s=60
    )
    ledger.close(BO, turn_id, "So your password is hunter2.")
    ledger.fail(turn_id, "bad api_key=hunter2", retry_in_s=1)
    (row,) = ledger.find(BO, ["My password is hunter2."])
    assert row.answer == "So your password is [redacted]."
    assert row.injected["turn"] == "pwd: [redacted]"
    assert "hunter2" not in row.error


def test_only_what_a_dead_process_left_goes_back_to_the_queue(tmp_path, clock, ledger):
    crashed = open_vault(tmp_path, clock=clock)
    left_open = crashed.ledger.open(record("open"), dedupe_window_s=60)
    crashed.ledger.append(record("leased", scope=ANN))
    crashed.ledger.claim(limit=1, lease_s=3600)
    mine = ledger.open(record("mine"), dedupe_window_s=60)
    assert ledger.recover() == 0
    crashed.close()
    assert ledger.recover() == 2
    assert (state(ledger, left_open), state(ledger, mine)) == (TurnState.QUEUED, TurnState.OPEN)
    assert len(ledger.claim(limit=9, lease_s=60)) == 2


def test_what_a_broken_off_worker_had_leased_can_be_given_back(ledger):
    ledger.close(BO, ledger.open(record("Hi"), dedupe_window_s=1), "Hello!")
    assert len(ledger.claim(limit=9, lease_s=60)) == 1
    assert ledger.claim(limit=9, lease_s=60) == []
    ledger.release()
    assert len(ledger.claim(limit=9, lease_s=60)) == 1


# -- rows that cannot be read


DAMAGE = {
    "messages": "not JSON",
    "injected": '{"trust": 99}',
    "occurred_at": 2**62,
}


def damage(files, turn_id, column):
    with files.connections.write() as connection:
        connection.execute(f"UPDATE turns SET {column} = ? WHERE id = ?", (DAMAGE[column], turn_id))


@pytest.mark.parametrize("column", DAMAGE)
def test_a_row_that_cannot_be_read_is_dead_and_holds_up_no_other(files, ledger, caplog, column):
    """One such row would roll back the claim of all the others, at every try."""
    first = [ledger.append(record(text))[0] for text in ("bad", "behind it")]
    other, _ = ledger.append(record("another's", scope=ANN))
    damage(files, first[0], column)
    assert {each.turn_id for each in ledger.claim(limit=9, lease_s=60)} == {first[1], other}
    assert state(ledger, first[0]) is TurnState.DEAD
    (dead,) = Backlog(files.connections).rows([TurnState.DEAD])
    assert (dead.id, dead.attempts) == (first[0], 1)
    assert "cannot be read" in dead.error
    assert first[0] in caplog.text
    assert "not JSON" not in caplog.text + dead.error
    assert ledger.counts()["dead"] == 1
    assert ledger.claim(limit=9, lease_s=60) == []


@pytest.mark.parametrize("column", DAMAGE)
def test_a_row_that_cannot_be_read_is_exported_as_it_stands_and_an_import_takes_it(files, ledger, column):
    """What a user said is the user's, damaged or not; one row must not keep all the others here."""
    turn_id, _ = ledger.append(record("bad"))
    whole, _ = ledger.append(record("whole"))
    damage(files, turn_id, column)
    turns = {row["id"]: row for row in files.vault.export(BO) if row["object"] == "memos.turn"}
    assert turns[whole]["messages"][0]["text"] == "whole"
    if column != "occurred_at":
        assert turns[turn_id]["damaged"][column] == DAMAGE[column]
        assert turns[turn_id]["state"] == "dead"
    files.vault.import_rows(ANN, turns.values())
    assert ledger.counts()["dead"] == (column != "occurred_at")


@pytest.mark.parametrize(
    ("messages", "kept"),
    [
        ("cut off: my code is 4711, [", "cut off: my code is [forgotten], ["),
        ('["it is\\n4711', '["it is [forgotten]'),
        ('["\\u0034711', '["[forgotten]'),
        ('[{"text": "it is\\n4711"}]', '[{"text":"it is\\n[forgotten]"}]'),
    ],
)
def test_what_is_forgotten_goes_from_rows_that_cannot_be_read(files, ledger, messages, kept):
    turn_id, _ = ledger.append(record("bad"))
    with files.connections.write() as connection:
        connection.execute("UPDATE turns SET messages = ?, injected = '{}{' WHERE id = ?", (messages, turn_id))
        gone = Forgotten(values=("4711",))
        assert scrub_turns(connection, "bo", anywhere=gone, linked=Forgotten(), links=()) == 1
    assert rows_of(files, "SELECT messages, injected FROM turns") == [(kept, "{}{")]


def test_a_row_that_is_mended_is_claimed_after_a_retry(files, ledger):
    """Nothing of it is lost by being dead."""
    turn_id, _ = ledger.append(record("bad"))
    (messages,) = rows_of(files, "SELECT messages FROM turns")
    damage(files, turn_id, "messages")
    assert ledger.claim(limit=1, lease_s=60) == []
    with files.connections.write() as connection:
        connection.execute("UPDATE turns SET messages = ?", messages)
    assert ledger.retry_dead(BO) == 1
    (exchange,) = ledger.claim(limit=1, lease_s=60)
    assert (exchange.messages[0].text, exchange.attempt) == ("bad", 1)


def rows_of(files, sql):
    with files.connections.read() as connection:
        return [tuple(row) for row in connection.execute(sql)]


def test_a_turn_behind_one_that_cannot_be_read_has_the_rest_of_its_context(files, ledger):
    """What is wrong with a row is no fault of the turns after it in the conversation."""
    ids = []
    for text in ("one", "two", "three"):
        ids.append(ledger.append(record(text))[0])
        if text != "three":
            ledger.claim(limit=1, lease_s=60)
            files.vault.put([], None, "", turn_id=ids[-1])
    damage(files, ids[1], "messages")
    (exchange,) = ledger.claim(limit=1, lease_s=60)
    assert [message.text for message in exchange.context] == ["one"]
