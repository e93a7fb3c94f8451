"""The worker beside the requests: everything is written once, failures are tried again, nothing is lost at any stop."""

import asyncio
import dataclasses
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.errors import EngineDown, VaultLocked
from memory.ports import Written
from memory.turn import Message, Scope, TurnRecord, TurnState
from memory.vault import open_vault
from proxy.background import Background, QueueOptions
from proxy.spool import Spool

ADA, BEN = Scope(user="ada"), Scope(user="ben")
QUICK = QueueOptions(max_attempts=3, backoff_s=0.01, idle_s=0.02)


class Now:
    """A clock that stands still until it is told."""

    def __init__(self):
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.time

    def advance(self, seconds):
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Now()


@pytest.fixture
def files(tmp_path, clock):
    opened = open_vault(tmp_path, clock=clock)
    yield opened
    opened.close()


def record(text="I live in Lisbon.", scope=ADA, turn_hash=None) -> TurnRecord:
    message = Message(role="user", text=text)
    occurred_at = datetime(2026, 1, 1, tzinfo=UTC)
    return TurnRecord(
        scope=scope, turn_hash=turn_hash or text, conversation_id="c", messages=(message,), occurred_at=occurred_at
    )


class Writer:
    """Marks rows as written, and does what a test says before that."""

    def __init__(self, files, act=lambda _: None):
        self.files, self.act, self.texts, self.threads = files, act, [], set()

    def __call__(self, exchange):
        self.threads.add(threading.current_thread().name)
        self.act(exchange)
        self.texts.append(exchange.messages[0].text)
        return self.files.vault.put([], None, "", turn_id=exchange.turn_id)


def told(files, text, scope=ADA, answer="Good."):
    turn_id = files.ledger.open(record(text, scope), dedupe_window_s=0)
    files.ledger.close(scope, turn_id, answer)
    return turn_id


async def running(files, write, tmp_path, options=QUICK) -> Background:
    background = Background(files.ledger, write, Spool(tmp_path / "spool"), options)
    await background.start()
    return background


async def test_a_queued_turn_is_written_and_then_settled(files, tmp_path):
    writer = Writer(files)
    background = await running(files, writer, tmp_path)
    told(files, "One")
    background.wake()
    assert await background.settled(ADA, timeout_s=5)
    assert writer.texts == ["One"]
    assert all(name.startswith("background") for name in writer.threads)
    assert await background.drain(5)


async def test_a_message_that_is_answered_anew_again_and_again_is_written_each_time(files, tmp_path):
    writer = Writer(files)
    background = await running(files, writer, tmp_path)
    answers = 3 * QUICK.max_attempts
    for number in range(answers):
        turn_id = files.ledger.open(record("One"), dedupe_window_s=600)
        files.ledger.close(ADA, turn_id, f"Answer {number}.")
        background.wake()
        assert await background.settled(ADA, timeout_s=5)
        assert files.ledger.states(ADA, [turn_id]) == {turn_id: TurnState.EMPTY}  # this writer keeps nothing
    assert len(writer.texts) == answers
    await background.drain(5)


async def test_settled_waits_for_this_user_only_and_not_for_ever(files, tmp_path):
    gate = threading.Event()
    background = await running(files, Writer(files, lambda _: gate.wait(5)), tmp_path)
    told(files, "Ada's", ADA)
    background.wake()
    assert not await background.settled(ADA, timeout_s=0.1)
    assert await background.settled(BEN, timeout_s=0.1)
    gate.set()
    assert await background.settled(ADA, timeout_s=5)
    await background.drain(5)


async def test_turns_of_a_user_are_written_in_the_order_in_which_they_were_said(files, tmp_path):
    writer = Writer(files)
    for n in range(30):
        told(files, str(n))
    background = await running(files, writer, tmp_path)
    assert await background.settled(ADA, timeout_s=10)
    assert writer.texts == [str(n) for n in range(30)]
    await background.drain(5)


async def test_a_failed_turn_is_tried_again_later_each_time_twice_as_long_and_then_is_dead(files, tmp_path, clock):
    tries = []

    def fail(_exchange):
        tries.append(clock())
        raise RuntimeError("secret words")

    background = await running(files, Writer(files, fail), tmp_path, dataclasses.replace(QUICK, backoff_s=10))
    turn_id = told(files, "One")
    for wait in (0, 9, 1, 19, 1):
        clock.advance(wait)
        background.wake()
        await asyncio.sleep(0.1)
    start = tries[0]
    assert [(t - start).total_seconds() for t in tries] == [0, 10, 30]
    assert files.ledger.states(ADA, [turn_id]) == {turn_id: TurnState.DEAD}
    [row] = files.ledger.find(ADA, ["One"])
    assert "RuntimeError" in row.error
    assert "secret words" not in row.error, "a foreign error may quote what was said"
    assert await background.settled(ADA, timeout_s=1), "the dead hold nobody up"
    await background.drain(5)


async def test_one_bad_turn_does_not_stop_the_others(files, tmp_path):
    def fail(exchange):
        if exchange.scope == BEN:
            raise EngineDown

    writer = Writer(files, fail)
    background = await running(files, writer, tmp_path)
    told(files, "Bad", BEN)
    told(files, "Good", ADA)
    background.wake()
    assert await background.settled(ADA, timeout_s=5)
    assert writer.texts == ["Good"]
    assert files.ledger.counts()["failed"] == 1, "it will be tried again"
    assert files.ledger.pending(BEN) == 0, "but nobody has to wait for it"
    await background.drain(5)


async def test_the_worker_survives_a_mistake_in_the_store(files, tmp_path):
    class Ledger:
        broken = True

        def claim(self, **options):
            if self.broken:
                raise ZeroDivisionError
            return files.ledger.claim(**options)

        def __getattr__(self, name):
            return getattr(files.ledger, name)

    ledger, writer = Ledger(), Writer(files)
    background = Background(ledger, writer, Spool(tmp_path / "spool"), QUICK)
    await background.start()
    told(files, "One")
    await asyncio.sleep(0.1)
    ledger.broken = False
    assert await background.settled(ADA, timeout_s=5)
    assert writer.texts == ["One"]
    await background.drain(5)


async def test_drain_writes_what_is_queued(files, tmp_path):
    writer = Writer(files)
    background = await running(files, writer, tmp_path)
    for n in range(20):
        told(files, str(n))
    assert await background.drain(10)
    assert len(writer.texts) == 20


async def test_drain_does_not_wait_for_ever_and_leaves_the_rest_for_the_next_start(files, tmp_path):
    gate = threading.Event()
    background = await running(files, Writer(files, lambda _: gate.wait(10)), tmp_path)
    told(files, "One")
    background.wake()
    await asyncio.sleep(0.05)
    assert not await background.drain(0.1)
    assert files.ledger.pending(ADA) == 1
    gate.set()


async def test_turns_that_a_dead_process_left_are_taken_up_at_the_start(tmp_path, clock):
    first = open_vault(tmp_path, clock=clock)
    first.ledger.open(record("Left open"), dedupe_window_s=0)
    first.close()
    second = open_vault(tmp_path, clock=clock)
    writer = Writer(second)
    background = await running(second, writer, tmp_path)
    assert await background.settled(ADA, timeout_s=5)
    assert writer.texts == ["Left open"]
    await background.drain(5)
    second.close()


async def test_spooled_turns_reach_the_ledger_and_hold_up_settled_until_then(files, tmp_path):
    spool = Spool(tmp_path / "spool")
    first = spool.put(record("Never finished"))
    whole = spool.put(record("Finished"))
    spool.finish(whole, "Answer.")
    turn_id = files.ledger.open(record("Only the answer"), dedupe_window_s=0)
    spool.put_closing(record("Only the answer"), turn_id, "Late answer.")
    background = Background(files.ledger, Writer(files), spool, QUICK)
    assert background.pending(ADA) == 3
    assert background.pending(BEN) == 0
    await background.start()
    assert await background.settled(ADA, timeout_s=5)
    answers = {row.turn_hash: row.answer for row in files.ledger.find(ADA, [first.record.turn_hash, "Finished"])}
    assert answers == {"Never finished": None, "Finished": "Answer."}
    assert files.ledger.find(ADA, ["Only the answer"])[0].answer == "Late answer."
    assert list((tmp_path / "spool").iterdir()) == []
    await background.drain(5)


async def test_while_the_vault_is_locked_the_spool_stays_and_the_worker_waits(files, tmp_path):
    class Ledger:
        locked = True

        def open(self, record, **options):
            if self.locked:
                raise VaultLocked
            return files.ledger.open(record, **options)

        def __getattr__(self, name):
            return getattr(files.ledger, name)

    ledger, spool = Ledger(), Spool(tmp_path / "spool")
    spool.finish(spool.put(record("One")), "Answer.")
    background = Background(ledger, Writer(files), spool, QUICK)
    await background.start()
    await asyncio.sleep(0.1)
    assert spool.waiting() == 1
    ledger.locked = False
    assert await background.settled(ADA, timeout_s=5)
    assert files.ledger.find(ADA, ["One"])[0].answer == "Answer."
    await background.drain(5)


async def test_a_spooled_turn_that_the_ledger_cannot_take_stops_nobody(files, tmp_path):
    class Ledger:
        def open(self, record, **options):
            if record.turn_hash == "Bad":
                raise TypeError("it cannot be written down")
            return files.ledger.open(record, **options)

        def __getattr__(self, name):
            return getattr(files.ledger, name)

    spool = Spool(tmp_path / "spool")
    for words in ("Bad", "Good"):
        spool.finish(spool.put(record(words)), None)
    background = Background(Ledger(), Writer(files), spool, QUICK)
    await background.start()
    assert await background.settled(ADA, timeout_s=5)
    assert files.ledger.find(ADA, ["Good"])
    assert len(list((tmp_path / "spool").glob("*.unreadable"))) == 1, "it is kept for a person to look at"
    await background.drain(5)


async def test_an_outage_of_an_engine_never_makes_a_turn_dead(files, tmp_path):
    def fail(_exchange):
        raise EngineDown

    background = await running(files, Writer(files, fail), tmp_path)
    told(files, "Hello", ADA)
    for _ in range(12):
        background.wake()
        await asyncio.sleep(0.02)
        with files.connections.write() as connection:
            connection.execute("UPDATE turns SET due_at = 0")
    assert files.ledger.counts()["dead"] == 0
    await background.drain(5)


def test_a_spool_file_that_cannot_be_read_is_put_aside(tmp_path):
    spool = Spool(tmp_path)
    spool.finish(spool.put(record("Good")), None)
    (tmp_path / "0.json").write_text('{"record": {')
    assert [turn.record.messages[0].text for turn in spool.turns()] == ["Good"]
    assert (tmp_path / "0.json.unreadable").exists()
    assert spool.waiting() == 1


def test_spool_files_are_for_this_user_of_the_machine_only(tmp_path):
    Spool(tmp_path / "spool").put(record())
    [file] = (tmp_path / "spool").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
    json.loads(file.read_text())


texts = st.text(max_size=40)
times = st.none() | st.datetimes(timezones=st.just(UTC))
messages = st.builds(
    Message, role=st.sampled_from(["user", "assistant"]), text=texts, id=texts, name=st.none() | texts, created_at=times
)
records = st.builds(
    TurnRecord,
    scope=st.builds(Scope, user=texts, key_id=texts),
    turn_hash=texts,
    conversation_id=texts,
    messages=st.lists(messages, max_size=3).map(tuple),
    request_id=texts,
    injected=st.dictionaries(texts, texts | st.lists(texts), max_size=3),
    occurred_at=times,
)


@given(written=records, answer=st.none() | texts)
def test_what_comes_out_of_the_spool_is_what_went_in(tmp_path_factory, written, answer):
    spool = Spool(tmp_path_factory.mktemp("spool"))
    spool.finish(spool.put(written), answer)
    [turn] = spool.turns()
    assert (turn.record, turn.answer) == (written, answer)


def test_written_is_what_the_writer_returns():
    """The worker takes any writer of this shape: the pipeline's ``after`` is one."""
    assert Written() == Written(created=(), superseded=(), removed=())
