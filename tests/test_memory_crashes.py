"""Whatever a process dies of and whatever befalls its files: what it acknowledged is there, nothing is half there."""

import asyncio
import contextlib
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime

import openai
import pytest

from memory.cube import State
from memory.errors import Invalid, Unavailable
from memory.vault import open_vault
from memory.vault.chain import verify
from memory.vault.failpoints import NAMES, Failpoints
from memory.vault.health import examined, unrecorded
from tests.crash_workload import ADA, BEN, Place
from tests.proxy_rig import Proxy, Upstream

EVERY_HIT = ("write.recorded", "write.committed")  # of the others a part: they are as many, and each costs a second


@pytest.fixture(scope="module")
def crashing():
    """Return what runs the workload in a folder and lets it die; "died" or "ended 0"."""
    command = [sys.executable, "-m", "tests.crash_workload"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def run(folder, name="-", hit=1):
        child.stdin.write(f"{folder} {name} {hit}\n")
        child.stdin.flush()
        return child.stdout.readline().strip()

    yield run
    child.stdin.close()
    child.wait(30)


@pytest.fixture(scope="module")
def passed(crashing, tmp_path_factory):
    """How often each failpoint is passed when nothing dies."""
    folder = tmp_path_factory.mktemp("whole")
    assert crashing(folder) == "ended 0"
    sound(folder)
    return json.loads((folder / "passed").read_text())


def acknowledged(folder):
    try:
        lines = (folder / "acknowledged").read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line]


async def _taken_up(place):
    await place.background.start()
    for scope in (ADA, BEN):
        assert await place.background.settled(scope, timeout_s=60)
    await place.background.drain(60)


def sound(folder):
    """Restart, and hold the vault against all that was acknowledged."""
    place = Place(folder)
    files = place.files
    assert list(examined(files.connections)) == []
    assert unrecorded(files.connections) == 0
    asyncio.run(_taken_up(place))
    counts = files.ledger.counts()
    assert counts["open"] == counts["queued"] == counts["failed"] == counts["dead"] == 0
    assert files.vault.missing_vectors("letters", limit=9) == []
    assert list(examined(files.connections)) == []
    cubes = {
        cube.id: cube
        for scope in (ADA, BEN)
        for cube in files.vault.page(scope, limit=999, include_superseded=True).cubes
    }
    lines = acknowledged(folder)
    erased, deleted = ["erased", "ben"] in lines, {line[1] for line in lines if line[0] == "deleted"}
    said = {(cube.owner, cube.text) for cube in cubes.values()}
    for what, *more in lines:
        if what == "turn" and not (erased and more[0] == "ben"):
            # an erasure that died before it was acknowledged may be done all the same
            assert tuple(more) in said or (more[0] == "ben" and not any(owner == "ben" for owner, _ in said)), more
        if what == "cube" and more[0] not in deleted and more[0] in cubes:
            history = [version.text for version in files.vault.history(ADA, more[0])]
            assert more[1] in history
        if what == "pipeline":
            assert {cubes[each].state for each in more if each in cubes} <= {State.ARCHIVED}
    _pipeline_was_whole_or_not_at_all(cubes.values())
    if erased:
        assert not any(owner == "ben" for owner, _ in said)
    assert deleted.isdisjoint(cubes)
    files.close()
    assert verify(folder / "data").flaw is None
    return cubes


def _pipeline_was_whole_or_not_at_all(cubes):
    parts = [cube for cube in cubes if "apollo" in cube.tags]
    closed = [cube for cube in cubes if "closed-projects" in cube.tags]
    assert {cube.state for cube in parts} <= ({State.ARCHIVED} if closed else {State.ACTIVATED})


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_killed_at_a_failpoint_nothing_acknowledged_is_lost(crashing, passed, tmp_path, name):
    times = passed.get(name, 0)
    assert times > 0, "the workload does not come by there"
    step = 1 if name in EVERY_HIT else max(1, times // 5)
    for hit in range(1, times + 1, step):
        folder = tmp_path / str(hit)
        folder.mkdir()
        outcome = crashing(folder, name, hit)
        assert outcome in ("died", "ended 0"), hit
        sound(folder)


@pytest.mark.slow
def test_killed_at_random_times_again_and_again_on_one_folder(crashing, passed, tmp_path):
    """Each life takes up what the one before left."""
    chance = random.Random(7)
    for _ in range(6):
        name = chance.choice(NAMES)
        crashing(tmp_path, name, chance.randint(1, max(1, passed[name])))
        (tmp_path / "acknowledged").unlink(missing_ok=True)
    crashing(tmp_path)
    place = Place(tmp_path)
    assert list(examined(place.files.connections)) == []
    place.files.close()
    assert verify(tmp_path / "data").flaw is None


def test_a_failpoint_is_one_that_there_is():
    assert Failpoints.parse("write.begun:3").passed == {}
    for wrong in ("nowhere:1", "write.begun:x", "write.begun:0"):
        with pytest.raises(Invalid):
            Failpoints.parse(wrong)
    died = []
    point = Failpoints("turn.claimed", 2, die=lambda: died.append(1))
    for _ in range(3):
        point.reach("turn.claimed")
    assert died == [1]


@pytest.mark.slow
@pytest.mark.parametrize("failpoint", ["write.committed:9", "turn.claimed:2"])
def test_a_server_that_is_killed_keeps_what_it_answered(product, failpoint):
    """Over HTTP: every chat that was answered is a memory after the restart."""
    product.start("--backend", "echo", "--set", "embedder.kind=none", "--failpoint", failpoint)
    try:
        key = product.key("ada")
    except subprocess.CalledProcessError:
        pytest.fail("the key was not made")
    answered = []
    for number in range(12):
        try:
            product.ask(key, f"Note that my locker number {number} is in building {number}.")
        except (openai.APIConnectionError, openai.APIStatusError):
            break
        answered.append(number)
    product.process.wait(30)
    assert product.process.returncode == -signal.SIGKILL
    product.start("--backend", "echo", "--set", "embedder.kind=none")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        texts = " ".join(cube["text"] for cube in product.cubes(key))
        if all(f"locker number {number} " in texts for number in answered):
            break
        time.sleep(0.2)
    assert [number for number in answered if f"locker number {number} " not in texts] == []
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "audit", "verify", "--data", str(product.data)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def served(tmp_path):
    upstream = Upstream()
    proxy = Proxy(tmp_path / "data", upstream.url)
    yield proxy
    proxy.close()
    upstream.close()


def call(proxy, method, path, body=None):
    reply = proxy.raw(b"" if body is None else json.dumps(body).encode(), path, method)
    content = reply.read()
    return reply.status, json.loads(content), reply.headers


def _full(proxy, full):
    """Let the database grow no further, as on a full disk; or again as far as it likes."""
    with proxy.parts.store.connections.write() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages if full else 1 << 30}")


def test_on_a_full_disk_chats_go_on_and_nothing_that_was_said_is_lost(served):
    assert call(served, "POST", "/v1/memory/cubes", {"text": "The user likes tea."})[0] == 201
    _full(served, True)
    statuses = []
    for number in range(40):
        body = {"text": f"Number {number}: " + "x" * 9000, "semantic_type": "event"}
        status, answered, _ = call(served, "POST", "/v1/memory/cubes", body)
        statuses.append(status)
        if status != 201:
            break
    assert statuses[-1] == 503
    assert answered["error"]["code"] == "disk_full"
    assert "full" in answered["error"]["message"]
    reply = served.chat("I live in Lisbon. " + "It rains. " * 2000)
    assert reply.read()
    assert reply.status == 200
    assert reply.headers["x-memory-write"] in ("spooled", "queued")
    _full(served, False)
    rows = served.wait_rows(lambda rows: any("Lisbon" in str(row) and row[0] == "stored" for row in rows), timeout_s=30)
    assert [row[0] for row in rows if "Lisbon" in str(row[1])] == ["stored"]


def test_while_another_process_holds_the_vault_chats_go_on_and_writes_say_so(served):
    path = served.settings.data.dir / "memos.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    try:
        status, answered, headers = call(served, "POST", "/v1/memory/cubes", {"text": "The user likes tea."})
        assert (status, answered["error"]["code"]) == (503, "vault_locked")
        assert int(headers["retry-after"]) >= 1
        reply = served.chat("I live in Lisbon.")
        assert reply.read()
        assert (reply.status, reply.headers["x-memory-write"]) == (200, "spooled")
    finally:
        holder.communicate("\n")
    rows = served.wait_rows(lambda rows: any(row[0] == "stored" for row in rows), timeout_s=30)
    assert [row[0] for row in rows] == ["stored"]


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


def _doctor(data):
    command = [sys.executable, "-m", "proxy", "doctor", "--json", "--data", str(data), "--set", "backend.kind=echo"]
    done = subprocess.run([*command, "--set", "embedder.kind=none"], capture_output=True, text=True)
    return done.returncode, {finding["check"]: finding for finding in json.loads(done.stdout)}


_FLIP = """
import sys
start, size = map(int, sys.argv[2:])
with open(sys.argv[1], "r+b") as file:
    file.seek(start)
    was = file.read(size)
    file.seek(start)
    file.write(bytes(byte ^ 0xFF for byte in was))
"""


def _planted(folder, count=120):
    place = Place(folder)
    for number in range(count):
        place.tell(ADA, f"Memory {number} of many words that fill the pages of the file", f"t{number % 9}")
    place.files.close()
    return folder / "data" / "memos.db"


def _flipped(path, start, size):
    """In another process: this one may not open a database file beside SQLite."""
    subprocess.run([sys.executable, "-c", _FLIP, str(path), str(start), str(size)], check=True)


def _read_all(folder):
    place = Place(folder)
    try:
        for number in range(9):
            place.pipeline.search(ADA, query=f"memory {number}", top_k=50)
            place.files.vault.page(ADA, limit=999)
    finally:
        place.files.close()


@pytest.mark.parametrize("where", ["header", "pages"])
def test_a_damaged_database_is_told_and_the_doctor_knows_the_way_back(tmp_path, where):
    path = _planted(tmp_path)
    size = path.stat().st_size
    assert _doctor(path.parent)[1]["vault"]["status"] == "ok"
    if where == "header":
        _flipped(path, 0, 512)
    else:
        _flipped(path, size // 4, size // 2)
    with pytest.raises(Unavailable, match="memos doctor") as raised:
        _read_all(tmp_path)
    assert raised.value.code == "vault_damaged"
    status, findings = _doctor(path.parent)
    problems = [finding for finding in findings.values() if finding["status"] == "problem"]
    assert status == 1
    mends = " ".join(finding["mend"] for finding in problems)
    assert ".recover" in mends
    assert "backup" in mends


_CUT = "import os, sys; os.truncate(sys.argv[1], int(sys.argv[2]))"
WOUNDS = {"pages": (4096, 1.0), "all": (0, 1.0), "start": (0, 0.1), "cut": 0.3, "cut in a page": 9000, "empty": 0}


def _wound(path, how):
    size = path.stat().st_size
    if isinstance(WOUNDS[how], tuple):
        start, share = WOUNDS[how]
        _flipped(path, start, int(size * share) - start)
    else:
        left = WOUNDS[how] if isinstance(WOUNDS[how], int) else int(size * WOUNDS[how]) // 4096 * 4096
        subprocess.run([sys.executable, "-c", _CUT, str(path), str(left)], check=True)


def _let_go(connections):
    """Make SQLite read from the file what it still has in memory."""
    with contextlib.suppress(Unavailable), contextlib.ExitStack() as held:
        for _ in range(12):  # those that wait for use, until a new one is to be opened
            held.enter_context(connections.read()).execute("PRAGMA shrink_memory")
    with contextlib.suppress(Unavailable), connections.write() as connection:
        connection.execute("PRAGMA shrink_memory")


@pytest.mark.parametrize("how", WOUNDS)
def test_on_a_damaged_database_chats_go_on_without_memory(served, how):
    """Whatever page is hit, the key's own too: the answer comes, says that memory did not help, and is kept."""
    for number in range(60):
        call(served, "POST", "/v1/memory/cubes", {"text": f"Memory {number} of the user's garden", "pinned": True})
    connections = served.parts.store.connections
    connections.checkpoint()
    _wound(served.settings.data.dir / "memos.db", how)
    _let_go(connections)
    for number in range(3):
        reply = served.chat(f"What grows in my garden at {number}?")
        assert json.loads(reply.read())["choices"][0]["message"]["content"] == "Hello."
        assert (reply.status, reply.headers["x-memory-status"]) == (200, "degraded")
        assert reply.headers["x-memory-write"] == "spooled"
        assert "Memory" not in reply.headers.get("x-memory-ids", "")
    said = "".join(file.read_text() for file in (served.settings.data.dir / "spool").glob("*.json"))
    assert all(f"garden at {number}?" in said for number in range(3))
    status, body, _ = call(served, "GET", "/v1/memory/cubes")
    assert (status, body["error"]["type"]) == (503, "server_error")


def test_a_key_that_was_revoked_or_is_not_known_does_not_work_on_a_damaged_database(served):
    keys, connections = served.parts.store.keys, served.parts.store.connections
    revoked, unknown = keys.create("revoked"), keys.create("unknown")
    wrong = f"{served.key[:-1]}{'A' if served.key[-1] != 'A' else 'B'}"
    assert call(served, "GET", "/v1/memory/cubes")[0] == 200
    assert served.chat(headers={"authorization": f"Bearer {revoked.key}"}).read()
    beside = open_vault(served.settings.data.dir, clock=lambda: datetime.now(UTC))
    beside.keys.revoke(revoked.record.id)
    beside.close()
    time.sleep(1.1)  # all that are revoked are read so rarely
    assert call(served, "GET", "/v1/memory/cubes")[0] == 200
    connections.checkpoint()
    _wound(served.settings.data.dir / "memos.db", "all")
    _let_go(connections)
    for key, status in ((served.key, 200), (revoked.key, 503), (unknown.key, 503), (wrong, 503)):
        reply = served.chat(headers={"authorization": f"Bearer {key}"})
        assert reply.read()
        assert reply.status == status


@pytest.mark.parametrize("what", ["index", "rows"])
def test_lost_vectors_are_made_again_and_find_the_same(tmp_path, what):
    folder = tmp_path
    _planted(folder, 40)
    place = Place(folder)

    def found():
        return [hit.cube.id for hit in place.pipeline.search(ADA, query="zebra memory of words", top_k=10).hits]

    before = found()
    if what == "index":
        place.files.close()
    else:
        with place.files.connections.write() as connection:
            connection.execute("DELETE FROM embeddings")
        place.files.close()
    place = Place(folder)
    assert place.pipeline.embed_missing() == (40 if what == "rows" else 0)
    assert found() == before
    place.files.close()


def test_what_is_half_done_is_seen_by_the_doctor(tmp_path):
    """The examination can fail: each kind of half a write is found."""
    path = _planted(tmp_path, 5)
    wounds = {
        "rows": "INSERT INTO labels VALUES ('ada', 'x', 999999)",
        "journal": "DELETE FROM audit WHERE seq = 3",
        "versions": "INSERT INTO versions SELECT seq, 7, updated_at, data FROM cubes LIMIT 1",
        "index": "UPDATE lexicons SET cubes = cubes + 1",
        "outlines": "DELETE FROM outlines WHERE seq = (SELECT min(seq) FROM outlines)",
    }
    for what, sql in wounds.items():
        copy = tmp_path / what
        copy.mkdir()
        (copy / "data").mkdir()
        for name in ("memos.db", "pepper", "audit.head"):
            (copy / "data" / name).write_bytes((path.parent / name).read_bytes())
        connection = sqlite3.connect(copy / "data" / "memos.db")
        connection.execute(sql)
        connection.commit()
        connection.close()
        place = Place(copy)
        assert [flaw.what for flaw in examined(place.files.connections)] == [what]
        place.files.close()
        status, findings = _doctor(copy / "data")
        assert status == 1
        assert f"vault {what}" in findings
