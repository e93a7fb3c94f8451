"""A recorded ledger replayed in shadow: nothing is touched, no turn sees itself or the future, nothing stays behind."""

import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.settings import load
from memory.cube import Trust
from memory.errors import NotFound
from memory.shadow import Line, replayed
from memory.shadow_results import compared
from memory.turn import Message, TurnRecord
from memory.vault import open_vault
from memory.vault.recorded import RecordedTurn, recorded
from proxy.shadowing import shadow_memory
from tests.memory_rig import ADA, BEN, build

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
SECRET = "ghp_" + "9fJ2kQ7vXw3LmZ0aRt5YbN8cDe1HgU4sPoIv"
NEWS = (
    "I baked a rye loaf this morning.",
    "I bought a new bicycle bell on Tuesday.",
    "My neighbour lent me a ladder.",
    "I finished the pottery course.",
    "We watched a film about whales.",
    "I repaired the garden gate.",
)


def turn(day: float, text: str, answer: str | None = "Okay.", *, after: str = "", **more) -> RecordedTurn:
    """A chat's turn; its hash is its words'."""
    fields = {
        "conversation_id": f"c of {after or text}",
        "turn_hash": f"h {text} {day}",
        "follows": after,
        "request_id": "req",
        "messages": (Message(role="user", text=text),),
        "answer": answer,
        "at": START + timedelta(days=day),
    }
    return RecordedTurn(**{**fields, **more})


def knobs(**flags):
    plain = {"embedder.kind": "none", **{name.replace("__", "."): value for name, value in flags.items()}}
    return load(None, plain, {}).settings


def lines(turns, *, asked_from: int = 0, **flags) -> list[Line | None]:
    with shadow_memory(knobs(**flags), turns[0].at) as memory:
        return list(replayed(turns, memory, "ada", asked_from=asked_from))


def comparable(found: list[Line | None]) -> list[Line | None]:
    return [line and replace(line, cpu_ms=0.0) for line in found]


HALLWAY = [
    turn(0, "What colour did I paint the hallway?", "That was never mentioned."),
    turn(1, "I painted the hallway teal last weekend.", "Sounds lovely."),
    *(turn(2 + n, text, f"There is much to say about number {n}.") for n, text in enumerate(NEWS)),
    turn(60, "What colour did I paint the hallway?", "You painted it teal."),
]


def test_no_turn_sees_itself_or_what_came_later():
    found = lines(HALLWAY)
    assert [line.memories for line in found[:2]] == [0, 0]
    assert found[0].support == found[1].support == 0.0
    assert found[-1].memories > 0


def test_what_comes_later_changes_nothing_before():
    whole = comparable(lines(HALLWAY))
    for cut in (1, 4, len(HALLWAY) - 1):
        assert comparable(lines(HALLWAY[:cut])) == whole[:cut]


@settings(max_examples=8)
@given(
    st.lists(
        st.sampled_from(["I painted the hallway teal.", "Where do I live?", "I live in Ghent."]), min_size=2, max_size=5
    )
)
def test_the_law_of_the_past_holds_for_any_stream(texts):
    turns = [turn(n, text, "Fine.") for n, text in enumerate(texts)]
    assert comparable(lines(turns))[:-1] == comparable(lines(turns[:-1]))


def test_an_old_fact_asked_late_is_found_by_likeness_and_not_by_use():
    texts = [*NEWS[:3], "I painted the hallway teal last weekend.", *NEWS[3:]]
    turns = [*(turn(n, text) for n, text in enumerate(texts)), HALLWAY[-1]]
    likeness, use = (lines(turns, scheduler__policy=name, scheduler__top_k=3)[-1] for name in ("semantic", "lru"))
    assert likeness.support == 1.0
    assert use.support == 0.0
    assert use.memories == 3


def test_turns_that_are_not_asked_are_remembered_all_the_same():
    found = lines(HALLWAY, asked_from=len(HALLWAY) - 1, scheduler__policy="semantic")
    assert found[:-1] == [None] * (len(HALLWAY) - 1)
    assert found[-1].support == 1.0


def test_what_stands_in_the_conversation_is_not_brought_in_again_and_still_supports():
    """A client repeats the chat, and the block of the earlier turn stays in front of its message."""
    told = turn(0, "I painted the hallway teal last weekend.", "Sounds lovely.")
    first = turn(9, "What colour did I paint the hallway?", "Let me think.")
    again = turn(
        9.001,
        "So what colour did I paint the hallway?",
        "Teal.",
        after=first.turn_hash,
        conversation_id=first.conversation_id,
    )
    found = lines([told, first, again], scheduler__policy="semantic")
    assert found[1].found > 0
    assert found[2].found == 0
    assert found[2].support == 1.0
    alone = lines([told, first, replace(again, follows="", conversation_id="another")], scheduler__policy="semantic")
    assert alone[2].found > 0


def test_words_of_the_question_and_of_the_conversation_are_nobodys_support():
    said = turn(0, "The hallway is teal.", "Teal it is.")
    again = turn(0.001, "Which colour?", "Teal hallway.", after=said.turn_hash, conversation_id=said.conversation_id)
    assert lines([said, again])[1].support is None


def test_turns_of_the_memory_api_are_asked_and_written():
    def call(day: float, *said: tuple[str, str]) -> RecordedTurn:
        messages = tuple(Message(role=role, text=text, id=f"{day} {n}") for n, (role, text) in enumerate(said))
        return turn(day, said[0][1], None, request_id="", messages=messages, conversation_id=f"import {day:.0f}")

    found = lines(
        [
            call(0, ("assistant", "Welcome back to the workshop calendar of this house.")),
            call(1, ("user", "I painted the hallway teal."), ("assistant", "Noted.")),
            call(8, ("user", "What colour did I paint the hallway?"), ("assistant", "You painted it teal.")),
        ]
    )
    assert found[0] is None
    assert found[2].support == 1.0


def test_what_is_brought_in_counts_as_used_there():
    with shadow_memory(knobs(scheduler__policy="semantic"), START) as memory:
        list(replayed(HALLWAY, memory, "ada"))
        used = {cube.text: cube.access_count for cube in memory.vault.page(ADA, limit=100).cubes}
    assert used["I painted the hallway teal last weekend."] == 1


def test_what_governance_masks_now_is_masked_though_it_was_recorded():
    text = f"My token is {SECRET} and I painted the hallway teal."
    told = turn(0, text, f"I noted {SECRET} for the hallway.", conversation_id="c", turn_hash="h")
    with shadow_memory(knobs(), START) as memory:
        list(replayed([told], memory, "ada"))
        rows = [*memory.vault.export(ADA)]
    assert "teal" in str(rows)
    assert SECRET not in str(rows)


def test_a_line_holds_no_word_of_what_was_said():
    told = [turn(0, "I painted the hallway teal."), turn(1, "What colour did I paint the hallway?", "Teal.")]
    assert "teal" not in repr(lines(told)).casefold()


def test_the_recorded_answer_teaches_a_memory_nothing_that_was_brought_in_then():
    """Else the words of the live policy's memories would come to the others through its answers."""
    fact = "the user keeps a spare key under the blue flower pot beside the kitchen door"
    block = f"<memory>\n- 2026-01-02: {fact}\n</memory>\n\n"
    with shadow_memory(knobs(), START) as memory:
        list(replayed([turn(0, "Where is it?", f"As you said: {fact}", turn=block, trust=Trust.TOOL)], memory, "ada"))
        texts = " ".join(cube.text for cube in memory.vault.page(ADA, limit=100).cubes)
    assert "flower pot" not in texts


def test_the_folder_of_a_shadow_is_its_own_and_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with shadow_memory(knobs(), START) as memory:
        list(replayed(HALLWAY[:2], memory, "ada"))
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        assert (folder / "data" / "pepper").is_file()
    assert not any(tmp_path.iterdir())
    with pytest.raises(ZeroDivisionError), shadow_memory(knobs(), START):
        1 / 0  # noqa: B018
    assert not any(tmp_path.iterdir())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a ledger of two users."""
    rig = build(tmp_path / "data", None)
    for text, answer in (("I live in Ghent.", "Noted."), ("Where do I live?", "In Ghent."), ("Thanks!", None)):
        rig.clock.now += timedelta(days=1)
        rig.tell(text, answer=answer)
    rig.tell("I live in Oslo.", BEN)
    rig.files.close()
    return tmp_path / "data"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rows(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "memos.db")
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def replay(folder: Path) -> Iterator[Line | None]:
    recording = recorded(folder, "ada")
    with shadow_memory(knobs(data__dir=str(folder)), recording.turns[0].at) as memory:
        yield from replayed(recording.turns, memory, recording.user)


def test_a_folder_that_stands_still_keeps_every_byte(data: Path):
    before = contents(data)
    assert any(line and line.memories for line in replay(data))
    assert contents(data) == before


def test_beside_a_server_no_row_changes_and_no_memory_was_used(data: Path):
    """Neither access counts, nor the audit log, nor the queue."""
    files = open_vault(data, clock=lambda: START)
    try:
        before, people = rows(data), sorted((data / "processes").iterdir())
        assert any(line and line.memories for line in replay(data))
        assert rows(data) == before
        assert sorted((data / "processes").iterdir()) == people
    finally:
        files.close()


def test_a_recording_is_one_users_in_order_of_time(data: Path):
    found = recorded(data, "ada")
    assert [each.question.text for each in found.turns] == ["I live in Ghent.", "Where do I live?", "Thanks!"]
    assert [each.answered for each in found.turns] == ["Noted.", "In Ghent.", ""]
    assert "Ghent" in found.turns[1].stable + found.turns[1].turn
    assert [each.at for each in found.turns] == sorted(each.at for each in found.turns)
    assert recorded(data) == found, "of the user who has most"
    assert "Oslo" not in str(found)


def test_what_was_forgotten_is_not_recorded(data: Path):
    rig = build(data, None)
    rig.pipeline.delete(ADA, [cube.id for cube in rig.files.vault.page(ADA, limit=100).cubes if "Ghent" in cube.text])
    rig.files.close()
    assert "live in Ghent" not in str(recorded(data, "ada"))
    rig = build(data, None)
    rig.pipeline.erase(ADA, None)
    rig.files.close()
    with pytest.raises(NotFound):
        recorded(data, "ada")


def test_turns_without_an_answer_yet_and_dead_ones_are_left_out_and_damaged_ones_counted(data: Path):
    files = open_vault(data, clock=lambda: START)
    record = TurnRecord(
        scope=ADA, turn_hash="x", conversation_id="c", messages=(Message(role="user", text="Hm?"),), request_id="r"
    )
    files.ledger.open(record, dedupe_window_s=0)
    for number, change in enumerate(("state = 'dead'", "state = 'stored', messages = '[7]'")):
        turn_id = files.ledger.open(replace(record, turn_hash=f"y{number}"), dedupe_window_s=0)
        with files.connections.write() as connection:
            connection.execute(f"UPDATE turns SET {change} WHERE id = ?", (turn_id,))
    files.close()
    found = recorded(data, "ada")
    assert len(found.turns) == 3
    assert found.unreadable == 1


@pytest.mark.parametrize(("user", "says"), [("nobody", "no user 'nobody'"), ("eve", "'eve' has no recorded turns")])
def test_whoever_has_no_turns_is_named(data: Path, user: str, says: str):
    files = open_vault(data, clock=lambda: START)
    files.keys.create("new", user="eve")
    files.close()
    with pytest.raises(NotFound, match=says):
        recorded(data, user)


def line(number: int, brought: set[int], **more) -> Line:
    fields = {"found": 0, "tokens": 10 * len(brought), "tokens_exact": True, "support": None, "cpu_ms": 1.0}
    return Line(turn=number, brought=frozenset(brought), memories=len(brought), **{**fields, **more})


def test_policies_are_compared_turn_by_turn():
    live = [line(0, set()), line(1, {1, 2}), line(2, {3})]
    other = [line(0, set(), support=1.0), line(1, {2, 4}, support=0.5), line(2, set(), cpu_ms=9.0)]
    found = compared(other, live)
    assert found.agreement == pytest.approx((1 / 3 + 0) / 2), (
        "turns into which neither brings anything agree on nothing"
    )
    assert (found.support, found.supported_turns) == (0.75, 2)
    assert found.with_memory == pytest.approx(1 / 3)
    assert (found.memories_mean, found.tokens_mean) == (pytest.approx(2 / 3), pytest.approx(20 / 3))
    assert found.cpu_ms_p50 == 1.0
    assert compared(live, live).agreement == 1.0


def test_a_comparison_of_nothing_has_no_means():
    assert compared([], []).tokens_mean is None
    assert compared([line(0, set())], [line(0, set())]).agreement is None
