"""Several processes share one vault: nothing that was acknowledged is lost, whoever dies."""

import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import pytest

from memory.cube import Origin, SemanticType, Source
from memory.errors import Unavailable, VaultLocked
from memory.governance import Governance
from memory.turn import Draft, Message, Scope, TurnRecord
from memory.vault import open_vault

BO = Scope(user="bo")

_COMMON = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from memory.cube import FactKey, Origin, SemanticType, Source
from memory.errors import VaultLocked
from memory.governance import Governance
from memory.turn import Draft, Message, Scope, TurnRecord
from memory.vault import open_vault

files = open_vault(Path(sys.argv[1]), clock=lambda: datetime.now(UTC), busy_timeout_ms=5000)
bo = Scope(user="bo")

def put(text):
    draft = Draft(text=text, semantic_type=SemanticType.TURN, origin=Origin.USER_INPUT, source=Source(),
                  valid_from=datetime.now(UTC))
    return files.vault.put(Governance(None).admit(bo, [draft]), None, "")

def record(text):
    return TurnRecord(scope=bo, turn_hash=text, conversation_id="c", messages=(Message(role="user", text=text),))
"""


def _start(code, *arguments):
    program = textwrap.dedent(_COMMON) + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE, text=True, bufsize=1
    )


def _open(path, **more):
    return open_vault(path, clock=lambda: datetime.now(UTC), **more)


def test_what_was_acknowledged_survives_kill_9(tmp_path):
    child = _start(
        """
        n = 0
        while True:
            put(f"memory {n}")
            turn_id = files.ledger.open(record(f"turn {n}"), dedupe_window_s=60)
            files.ledger.close(bo, turn_id, "answer")
            print(n, flush=True)
            n += 1
        """,
        tmp_path,
    )
    last = [int(child.stdout.readline()) for _ in range(40)][-1]
    child.send_signal(signal.SIGKILL)
    child.wait()
    rest = child.stdout.read().split("\n")
    last = max([last, *(int(line) for line in rest[:-1] if line)])
    files = _open(tmp_path)
    found = {cube.text for cube in files.vault.page(BO, limit=100_000).cubes}
    assert {f"memory {n}" for n in range(last + 1)} <= found
    assert files.ledger.pending(BO) >= last + 1
    assert files.connections.path.exists()
    with files.connections.read() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert files.vault.lexical(BO, "memory")[1] == len(found)
    files.close()


def test_a_turn_that_a_killed_process_had_open_is_read_by_the_next(tmp_path):
    child = _start(
        """
        files.ledger.open(record("half told"), dedupe_window_s=60)
        files.ledger.append(record("being read"))
        files.ledger.claim(limit=1, lease_s=3600)
        print("ready", flush=True)
        time.sleep(600)
        """,
        tmp_path,
    )
    child.stdout.readline()
    files = _open(tmp_path)
    assert files.ledger.recover() == 0
    child.kill()
    child.wait()
    assert files.ledger.recover() == 2
    assert files.ledger.claim(limit=9, lease_s=60)[0].messages[0].text == "half told"
    assert [path.name for path in (tmp_path / "processes").iterdir()] == [files.liveness.name]
    files.close()


def test_two_processes_that_write_at_once_lose_nothing_and_keep_one_current_value(tmp_path):
    code = """
        for n in range(60):
            draft = Draft(text=f"The user lives in {sys.argv[2]}{n}.", semantic_type=SemanticType.FACT,
                          origin=Origin.INFERENCE, source=Source(), valid_from=datetime.now(UTC),
                          fact=FactKey(subject="user", attribute="lives", value=f"{sys.argv[2]}{n}"))
            files.vault.put(Governance(None).admit(bo, [draft]), None, "")
            put(f"{sys.argv[2]} said {n}")
        print("done", flush=True)
        """
    children = [_start(code, tmp_path, name) for name in ("left", "right")]
    assert [child.communicate(timeout=60)[0].strip() for child in children] == ["done", "done"]
    files = _open(tmp_path)
    cubes = files.vault.page(BO, limit=1000, include_superseded=True).cubes
    assert len(cubes) == 240
    assert len([cube for cube in cubes if cube.fact and cube.current]) == 1
    assert files.vault.lexical(BO, "said")[1] == 121
    files.close()


def test_two_processes_never_read_the_same_turn(tmp_path):
    files = _open(tmp_path)
    for number in range(60):
        files.ledger.append(
            TurnRecord(
                scope=Scope(user=f"u{number}"),
                turn_hash="h",
                conversation_id="c",
                messages=(Message(role="user", text="x"),),
            )
        )
    code = """
        while claimed := files.ledger.claim(limit=3, lease_s=3600):
            print(*[exchange.turn_id for exchange in claimed], flush=True)
        """
    children = [_start(code, tmp_path) for _ in range(2)]
    claimed = " ".join(child.communicate(timeout=60)[0] for child in children).split()
    assert len(claimed) == len(set(claimed)) == 60
    files.close()


def test_a_vault_that_has_searched_its_own_files_still_holds_its_log(tmp_path):
    """A file that is closed gives up all locks of its process: the next to come would take the log away from us."""
    files = _open(tmp_path)
    log = tmp_path / "memos.db-wal"
    files.keys.create("ours")
    before = log.stat().st_ino
    said = Draft(
        text="A secret.",
        semantic_type=SemanticType.TURN,
        origin=Origin.USER_INPUT,
        source=Source(),
        valid_from=datetime.now(UTC),
    )
    files.vault.put(Governance(None).admit(BO, [said]), None, "")
    assert files.vault.erase(BO, None)["verified"]
    other = _start("print(files.keys.create('theirs').key, flush=True); files.close()", tmp_path)
    key = other.communicate(timeout=60)[0].strip()
    assert log.stat().st_ino == before
    assert files.keys.lookup(key) is not None
    files.close()


def test_a_vault_that_another_process_holds_is_locked_for_writes_and_open_for_reads(tmp_path):
    files = _open(tmp_path, busy_timeout_ms=50)
    child = _start(
        """
        with files.connections.write():
            print("holding", flush=True)
            time.sleep(600)
        """,
        tmp_path,
    )
    child.stdout.readline()
    with pytest.raises(VaultLocked) as locked:
        files.ledger.open(TurnRecord(scope=BO, turn_hash="h", conversation_id="c", messages=()), dedupe_window_s=1)
    assert locked.value.retry_after_s
    assert files.vault.page(BO).cubes == []
    child.kill()
    child.wait()
    files.ledger.open(TurnRecord(scope=BO, turn_hash="h", conversation_id="c", messages=()), dedupe_window_s=1)
    files.close()


def test_a_closed_vault_and_a_file_that_is_none_are_clear_errors(tmp_path):
    files = _open(tmp_path / "a")
    files.close()
    with pytest.raises(Unavailable, match="closed"):
        files.vault.page(BO)
    with pytest.raises(Unavailable, match="closed"):
        files.vault.used(BO, ["x"])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "memos.db").write_bytes(b"this is not a database, it is a letter to a friend" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        _open(tmp_path / "b")
