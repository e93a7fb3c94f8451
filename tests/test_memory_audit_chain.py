"""The audit log proves itself: whatever is done to its rows or to its end is found, whoever writes keeps one chain."""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory.audit import Read
from memory.change import Change, Operation
from memory.errors import NotFound, Unavailable
from memory.turn import Scope
from memory.vault import VaultFiles, open_vault
from memory.vault.anchor import FILE_NAME, Anchor, Head
from memory.vault.chain import Verification, verify
from memory.vault.keys import kept_audit_key

ADA = Scope(user="ada", key_id="k1")
ROWS = 8
COLUMNS = ("at", "who", "key_id", "operation", "kinds", "cubes", "digest", "mac")


def now() -> datetime:
    return datetime(2026, 3, 14, 12, tzinfo=UTC)


def log(files: VaultFiles, note: str) -> None:
    with files.connections.write(Change(user="ada", operation=Operation.ERASE, key_id="k1", note=note, audited=True)):
        pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A stopped data folder with a chain of ROWS rows, all of them of different content."""
    folder = tmp_path_factory.mktemp("whole")
    files = open_vault(folder, clock=now)
    for number in range(ROWS):
        log(files, f"change {number}")
    files.close()
    return folder


def copied(whole: Path) -> Path:
    copy = whole.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    return copy


def tampered(whole: Path, *statements: str, **bound: object) -> Verification:
    """What is found in a copy after the statements."""
    copy = copied(whole)
    connection = sqlite3.connect(copy / "memos.db", isolation_level=None)
    for statement in statements:
        connection.execute(statement, {name: value for name, value in bound.items() if f":{name}" in statement})
    connection.close()
    return verify(copy)


def found(result: Verification) -> tuple[int, str] | None:
    return None if result.flaw is None else (result.flaw.row, result.flaw.what)


def flipped(value: int | str | bytes, bit: int) -> int | str | bytes:
    """The value with one bit changed; text stays text, whatever its bytes are."""
    if isinstance(value, int):
        return value ^ (1 << bit % 62)
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    if not raw:
        return "x"
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    return bytes(raw) if isinstance(value, bytes) else raw.decode("latin-1")


def renumber(change: str, where: str) -> tuple[str, ...]:
    """Give the rows other numbers without two of them ever having the same."""
    return (
        f"UPDATE audit SET seq = -1000000 - (seq {change}) WHERE {where}",
        "UPDATE audit SET seq = -1000000 - seq WHERE seq < -900000",
    )


def test_a_chain_that_nobody_touched_holds(whole: Path) -> None:
    result = tampered(whole)
    assert result.flaw is None
    assert result.rows == result.head.seq == ROWS
    assert result.first_at == result.last_at == now()


@settings(max_examples=120)
@given(row=st.integers(1, ROWS), column=st.sampled_from(COLUMNS), bit=st.integers(0, 511))
def test_any_changed_bit_is_found_in_its_row(whole: Path, row: int, column: str, bit: int) -> None:
    connection = sqlite3.connect(whole / "memos.db")
    old = connection.execute(f"SELECT {column} FROM audit WHERE seq = ?", (row,)).fetchone()[0]
    connection.close()
    result = tampered(whole, f"UPDATE audit SET {column} = :new WHERE seq = {row}", new=flipped(old, bit))
    assert found(result) == (row, "changed")


@given(first=st.integers(1, ROWS), count=st.integers(1, ROWS))
def test_rows_taken_out_are_found(whole: Path, first: int, count: int) -> None:
    last = min(ROWS, first + count - 1)
    result = tampered(whole, f"DELETE FROM audit WHERE seq BETWEEN {first} AND {last}")
    assert found(result) == (first, "missing" if last < ROWS else "cut off")


@given(first=st.integers(1, ROWS - 2), count=st.integers(1, 3))
def test_rows_taken_out_and_the_others_renumbered_are_found(whole: Path, first: int, count: int) -> None:
    count = min(count, ROWS - 1 - first)
    gone = f"DELETE FROM audit WHERE seq BETWEEN {first} AND {first + count - 1}"
    result = tampered(whole, gone, *renumber(f"- {count}", f"seq >= {first + count}"))
    assert found(result) == (first, "missing")


@given(place=st.integers(1, ROWS + 1))
def test_a_row_put_in_is_found(whole: Path, place: int) -> None:
    forged = (
        f"INSERT INTO audit VALUES ({place}, 1, 'x', 'k1', 'delete', '', 1, 'y', "
        "x'0000000000000000000000000000000000000000000000000000000000000000')"
    )
    result = tampered(whole, *renumber("+ 1", f"seq >= {place}"), forged)
    assert found(result) == (place, "inserted" if place <= ROWS else "changed")
    before = tampered(whole, forged.replace(f"({place},", "(0,"))
    assert found(before) == (0, "inserted")


@given(places=st.sets(st.integers(1, ROWS), min_size=2, max_size=2))
def test_rows_that_changed_places_are_found(whole: Path, places: set[int]) -> None:
    first, second = sorted(places)
    swap = (
        f"UPDATE audit SET seq = -1 WHERE seq = {first}",
        f"UPDATE audit SET seq = {first} WHERE seq = {second}",
        f"UPDATE audit SET seq = {second} WHERE seq = -1",
    )
    assert found(tampered(whole, *swap)) == (first, "reordered")


@settings(max_examples=60)
@given(data=st.data())
def test_no_changed_bit_in_the_files_makes_another_log_hold(whole: Path, data: st.DataObject) -> None:
    """Whatever bit of database, anchor or pepper is changed: it is found, or every row reads as it was written."""
    copy = copied(whole)
    name = data.draw(st.sampled_from(["memos.db", "audit.head", "pepper"]))
    raw = bytearray((copy / name).read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    (copy / name).write_bytes(raw)
    try:
        result = verify(copy)
    except (Unavailable, NotFound):
        return
    if name != "memos.db":
        assert result.flaw is not None
    if result.flaw is None:
        assert result.head == verify(whole).head


def test_an_end_that_is_cut_off_stays_known_when_the_chain_grows_past_it(whole: Path) -> None:
    copy = copied(whole)
    connection = sqlite3.connect(copy / "memos.db", isolation_level=None)
    connection.execute(f"DELETE FROM audit WHERE seq > {ROWS - 3}")
    connection.close()
    assert found(verify(copy)) == (ROWS - 2, "cut off")
    files = open_vault(copy, clock=now)
    for number in range(5):
        log(files, f"afterwards {number}")
    files.close()
    assert found(verify(copy)) == (ROWS, "cut off")


def test_an_anchor_that_lies_behind_is_no_flaw(whole: Path) -> None:
    """A crash between a commit and its anchor loses nothing and proves nothing."""
    copy = copied(whole)
    old = (copy / "audit.head").read_bytes()
    files = open_vault(copy, clock=now)
    log(files, "one")
    (copy / "audit.head").write_bytes(old)
    assert verify(copy).flaw is None
    log(files, "two")
    files.close()
    assert verify(copy).flaw is None
    assert b'"seq": 10' in (copy / "audit.head").read_bytes()


def test_a_log_without_its_anchor_says_so_and_gets_none_by_itself(whole: Path) -> None:
    copy = copied(whole)
    (copy / "audit.head").unlink()
    assert found(verify(copy)) == (0, "not anchored")
    files = open_vault(copy, clock=now)
    log(files, "afterwards")
    files.close()
    assert found(verify(copy)) == (0, "not anchored")


def test_a_head_kept_elsewhere_must_be_in_the_chain(whole: Path) -> None:
    head = verify(whole).head
    assert verify(whole, kept=head.mac).flaw is None
    copy = copied(whole)
    files = open_vault(copy, clock=now)
    log(files, "more")
    files.close()
    assert verify(copy, kept=head.mac).flaw is None
    newer = verify(copy).head.mac
    assert found(verify(whole, kept=newer)) == (ROWS + 1, "cut off")


def test_verifying_makes_nothing(whole: Path, tmp_path: Path) -> None:
    before = sorted((path.name, path.stat().st_mtime_ns) for path in whole.iterdir())
    verify(whole)
    assert sorted((path.name, path.stat().st_mtime_ns) for path in whole.iterdir()) == before
    with pytest.raises(NotFound):
        verify(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_lost_pepper_is_a_clear_error_and_another_one_is_named(whole: Path) -> None:
    copy = copied(whole)
    (copy / "pepper").unlink()
    with pytest.raises(Unavailable, match="Restore it"):
        verify(copy)
    assert not (copy / "pepper").exists()
    (copy / "pepper").write_bytes(bytes(32))
    flaw = verify(copy).flaw
    assert flaw is not None
    assert "pepper" in flaw.message


def test_a_log_is_verified_while_it_is_written(tmp_path: Path) -> None:
    files = open_vault(tmp_path, clock=now)
    log(files, "one")
    assert verify(tmp_path).rows == 1
    log(files, "two")
    assert verify(tmp_path).rows == 2
    files.audit.record([Read(scope=ADA, operation=Operation.SEARCH, at=now())])
    assert verify(tmp_path).rows == 3
    files.close()


def test_processes_that_write_at_once_keep_one_chain(tmp_path: Path) -> None:
    code = """
        import sys
        from datetime import UTC, datetime
        from pathlib import Path
        from memory.change import Change, Operation
        from memory.vault import open_vault
        files = open_vault(Path(sys.argv[1]), clock=lambda: datetime.now(UTC), busy_timeout_ms=20_000)
        for number in range(100):
            with files.connections.write(Change(user=sys.argv[2], operation=Operation.ERASE, audited=True)):
                pass
        files.close()
        """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    children = [subprocess.Popen([*command, name]) for name in ("left", "middle", "right")]
    seen = []
    while any(child.poll() is None for child in children):
        with contextlib.suppress(NotFound):  # the vault is just being made
            seen.append(verify(tmp_path).flaw)
    assert [child.wait() for child in children] == [0, 0, 0]
    assert set(seen) <= {None}
    result = verify(tmp_path)
    assert result.flaw is None
    assert result.rows == 300
    assert not list(tmp_path.glob(".audit*"))


def heads(folder: Path) -> dict[int, Head]:
    connection = sqlite3.connect(folder / "memos.db")
    found = {seq: Head(seq, mac) for seq, mac in connection.execute("SELECT seq, mac FROM audit")}
    connection.close()
    return found


def test_of_two_processes_the_one_that_comes_late_does_not_take_the_anchor_back(whole: Path) -> None:
    """Commits and their anchors need not come in one order, and the file's clock is too coarse to tell."""
    copy = copied(whole)
    path, head = copy / FILE_NAME, heads(copy)
    one, other = (Anchor(path, kept_audit_key(copy / "pepper")) for _ in range(2))
    connection = sqlite3.connect(copy / "memos.db")
    connection.row_factory = sqlite3.Row
    one.renew(head[5])
    one.follow(connection, head[6])
    looked = path.stat()
    other.follow(connection, head[8])
    os.utime(path, ns=(looked.st_atime_ns, looked.st_mtime_ns))
    one.follow(connection, head[7])
    assert other.read() == one.read() == head[8]
    connection.close()


def test_the_anchor_is_read_and_moved_in_one_hold(whole: Path) -> None:
    copy = copied(whole)
    path, head, key = copy / FILE_NAME, heads(copy), kept_audit_key(copy / "pepper")
    connection = sqlite3.connect(copy / "memos.db", check_same_thread=False)
    connection.row_factory = sqlite3.Row
    Anchor(path, key).renew(head[5])
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        late = threading.Thread(target=Anchor(path, key).follow, args=(connection, head[6]))
        late.start()
        late.join(0.3)
        assert late.is_alive(), "it did not wait for who holds the file"
        assert path.read_bytes() == held.read()
    late.join(10)
    assert Anchor(path, key).read() == head[6]
    connection.close()


def test_a_transaction_that_is_rolled_back_moves_no_anchor(tmp_path: Path) -> None:
    files = open_vault(tmp_path, clock=now)
    log(files, "one")
    before = (tmp_path / "audit.head").read_bytes()

    def failing() -> None:
        with files.connections.write():
            files.audit.record([Read(scope=ADA, operation=Operation.READ, at=now())])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert (tmp_path / "audit.head").read_bytes() == before
    with files.connections.write():
        pass
    assert (tmp_path / "audit.head").read_bytes() == before
    files.close()
    assert verify(tmp_path).rows == 1
