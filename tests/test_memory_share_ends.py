"""The end of a share, whoever brings it about: time, the owner, an admin; what goes with it, and what the log says."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from adapters.flat import Flat
from memory.cube import Origin, SemanticType, Source
from memory.embeddings import Embeddings
from memory.governance import Governance
from memory.lifespan import Lifespans
from memory.spaces import Role, SpaceKind, Terms, partition_name
from memory.turn import Draft, Message, Scope, TurnRecord
from memory.upkeep import Quota, Upkeep
from memory.vault import open_vault
from memory.vault.chain import verify
from memory.vault.space_desk import SpaceDesk

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANN, BEN, CAT = (Scope(user=user, key_id=f"key-of-{user}") for user in ("ann", "ben", "cat"))
SWEPT = ("revoke", "", "plaintext", 1)


class OneWay:
    """An embedder to which all texts are the same."""

    model_id = "one-way"
    dimension = 2

    def embed(self, texts):
        return np.tile(np.array([1, 0], np.float32), (len(texts), 1))


@dataclass
class World:
    """A vault with its upkeep and a clock that the test sets."""

    files: Any
    embeddings: Embeddings
    now: list

    def upkeep(self) -> Upkeep:
        return Upkeep(self.files.vault, self.embeddings, None, rules=Lifespans(), quota=Quota(), batch=4)

    def remember(self, scope, text, **more):
        draft = Draft(
            text=text,
            semantic_type=SemanticType.FACT,
            origin=Origin.USER_INPUT,
            source=Source(),
            valid_from=self.now[0],
            **more,
        )
        admitted = Governance(None).admit(scope, [draft])
        return self.files.vault.put(admitted, self.embeddings.embed([text]), "one-way").created[0]

    def group(self, *members, role=Role.READER):
        space = self.files.spaces.create(ANN, kind=SpaceKind.GROUP, name="Kitchen")
        for member in members:
            self.files.spaces.invite(ANN, space.id, member.user, role)
            self.files.spaces.join(member, space.id)
        return space.id

    def shown(self, scope, cube):
        """Write down a turn into whose prompt a shared memory was brought."""
        ids = [cube.id]
        injected = {"turn": f"- {cube.text}", "ids": ids, "turn_ids": ids, "shared": ids}
        message = Message(role="user", text="Where is it?")
        record = TurnRecord(scope=scope, turn_hash="h", conversation_id="c", messages=(message,), injected=injected)
        return self.files.ledger.open(record, dedupe_window_s=0)

    def rows(self, sql, *bound):
        with self.files.connections.read() as connection:
            return [tuple(row) for row in connection.execute(sql, bound)]

    def last_line(self):
        """The newest line of the audit log, and whose it is."""
        who, *line = self.rows("SELECT who, operation, key_id, kinds, cubes FROM audit ORDER BY seq DESC LIMIT 1")[0]
        names = {self.files.connections.journal.who(user): user for user in ("ann", "ben", "cat", "")}
        return names[who], tuple(line)

    def named(self):
        """The memories that the newest change names."""
        sql = "SELECT id FROM change_cubes JOIN cubes USING (seq) WHERE change_seq = (SELECT max(seq) FROM changes)"
        return {row[0] for row in self.rows(sql)}


@pytest.fixture
def world(tmp_path):
    now = [START]
    files = open_vault(tmp_path, clock=lambda: now[0])
    yield World(files, Embeddings(OneWay(), Flat(), files.vault), now)
    files.close()


def test_a_share_whose_time_is_over_ends_with_all_that_a_revocation_takes_along(world):
    """Nothing of it stays: no grant, no index entry, no mirrored scope, and no text in a member's ledger."""
    cube = world.remember(ANN, "The violin is in the cupboard.")
    space = world.group(BEN)
    world.files.vault.share(ANN, cube.id, space, Terms(expires_at=START + HOUR))
    turn_id = world.shown(BEN, cube)
    world.now[0] += HOUR
    assert world.files.vault.shares(ANN, cube.id) == [], "it is shared no more, whether it was swept or not"
    assert world.upkeep().sweep() == 1
    assert world.rows("SELECT * FROM grants") == world.rows("SELECT * FROM shown") == []
    assert world.rows("SELECT * FROM postings WHERE owner = ?", space) == []
    (injected,) = world.rows("SELECT injected FROM turns WHERE id = ?", turn_id)
    assert "violin" not in injected[0]
    assert cube.id not in injected[0]
    assert world.files.vault.get(ANN, cube.id).scope == "private"
    assert world.files.vault.shares(ANN, cube.id) == []
    assert world.upkeep().sweep() == 0


def test_the_end_by_time_stands_in_the_audit_log_and_names_the_memory(world):
    """Who reads the log sees when others could no longer read a memory."""
    cube = world.remember(ANN, "The violin is in the cupboard.")
    other = world.remember(ANN, "The soup is on Monday.")
    space = world.group(BEN)
    world.files.vault.share(ANN, cube.id, space, Terms(expires_at=START + HOUR))
    world.files.vault.share(ANN, other.id, space, Terms(expires_at=START + 2 * HOUR))
    world.now[0] += HOUR
    world.upkeep().sweep()
    assert world.last_line() == ("ann", SWEPT)
    assert world.named() == {cube.id}
    assert world.rows("SELECT note FROM changes ORDER BY seq DESC LIMIT 1") == [(f"expired in {space}",)]
    assert [each.cube_id for each in world.files.vault.shares(ANN, other.id)] == [other.id], "its time is not over"
    assert verify(world.files.connections.path.parent).flaw is None


def test_a_share_that_is_renewed_in_time_does_not_end(world):
    """The sweep asks the terms that hold now."""
    cube = world.remember(ANN, "The violin is in the cupboard.")
    space = world.group(BEN)
    world.files.vault.share(ANN, cube.id, space, Terms(expires_at=START + HOUR))
    world.files.vault.share(ANN, cube.id, space, Terms(expires_at=START + 3 * HOUR))
    lines = world.rows("SELECT count(*) FROM audit")
    world.now[0] += HOUR
    assert world.upkeep().sweep() == 0
    assert world.files.vault.readable(BEN, [cube.id]) != []
    assert world.rows("SELECT count(*) FROM audit") == lines


def test_shares_in_several_spaces_and_of_several_users_end_each_by_itself(world):
    """One change for each owner and space, as when each is revoked by hand."""
    first, second = world.group(BEN, role=Role.WRITER), world.group(BEN, role=Role.WRITER)
    for scope in (ANN, BEN):
        for number in range(6):
            cube = world.remember(scope, f"Note number {number} of {scope.user}.")
            for space in (first, second):
                world.files.vault.share(scope, cube.id, space, Terms(expires_at=START + HOUR))
    world.now[0] += HOUR
    while world.upkeep().sweep():
        pass
    ended = world.rows("SELECT DISTINCT user, note FROM changes WHERE operation = 'revoke' ORDER BY user, note")
    assert ended == sorted((user, f"expired in {space}") for user in ("ann", "ben") for space in (first, second))
    assert world.rows("SELECT count(*) FROM grants") == [(0,)]


def test_a_look_for_shares_that_are_over_reads_an_index(world):
    """The cost of a look must not grow with what is shared."""
    sql = "EXPLAIN QUERY PLAN SELECT seq FROM grants WHERE grants.expires_at <= ? ORDER BY grants.expires_at LIMIT ?"
    (plan,) = [row[3] for row in world.rows(sql, 1, 1)]
    assert "grants_due" in plan


def test_vectors_of_a_space_are_those_of_shares_in_force(world):
    """What is over is not loaded either, before any sweep."""
    cube = world.remember(ANN, "The violin is in the cupboard.")
    space = world.group(BEN)
    world.files.vault.share(ANN, cube.id, space, Terms(expires_at=START + HOUR))
    (partition,) = world.files.vault.partitions(BEN)
    assert partition.name == partition_name(space, "")
    assert world.files.vault.partition_vectors(BEN, partition, "one-way")[0] == [cube.id]
    world.now[0] += HOUR
    assert world.files.vault.partition_vectors(BEN, partition, "one-way")[0] == []


ENDS = {
    "revoked by an admin": (lambda w, cube, space: w.files.vault.revoke(CAT, cube, space), CAT),
    "taken out by an admin": (lambda w, _, space: w.files.spaces.remove(CAT, space, "ben"), CAT),
    "left": (lambda w, _, space: w.files.spaces.remove(BEN, space, "ben"), BEN),
    "the space ended": (lambda w, _, space: w.files.spaces.delete(CAT, space), CAT),
    "ended by the operator": (lambda w, _, space: SpaceDesk(w.files.connections).end(space), Scope(user="")),
}


@pytest.mark.parametrize(("end", "actor"), ENDS.values(), ids=ENDS)
def test_whoever_ends_a_share_the_line_names_actor_and_memory(world, end, actor):
    """A revocation that is not the owner's is the one that has to be explained later."""
    cube = world.remember(BEN, "The soup is on Monday.")
    space = world.group(BEN, CAT, role=Role.ADMIN)
    world.files.vault.share(BEN, cube.id, space, Terms())
    end(world, cube.id, space)
    assert world.last_line() == (actor.user, ("revoke", actor.key_id, "plaintext", 1))
    assert world.named() == {cube.id}
    assert world.rows("SELECT user FROM changes ORDER BY seq DESC LIMIT 1") == [(actor.user,)]
    assert world.files.vault.get(BEN, cube.id).version == 1, "that it is shared no more makes no version"
    assert verify(world.files.connections.path.parent).flaw is None


def test_an_admins_revocation_gives_the_admin_no_way_into_the_memory(world):
    """The line names it; the journal shows none of another's memories, and nothing of it can be undone or read."""
    cube = world.remember(BEN, "The soup is on Monday.")
    space = world.group(BEN, CAT, role=Role.ADMIN)
    world.files.vault.share(BEN, cube.id, space, Terms())
    world.files.vault.revoke(CAT, cube.id, space)
    (change,) = world.files.history.changes(CAT).changes
    assert change.steps == ()
    assert world.files.vault.readable(CAT, [cube.id]) == []


def test_who_ended_shares_and_whose_they_were_are_erased_without_a_trace(world):
    """The change of one user names a memory of another: it holds up the erasure of neither."""
    cube = world.remember(BEN, "The soup is on Monday.")
    space = world.group(BEN, CAT, role=Role.ADMIN)
    world.files.vault.share(BEN, cube.id, space, Terms())
    world.files.vault.revoke(CAT, cube.id, space)
    for scope in (BEN, CAT):
        report = world.files.vault.erase(scope, None)
        assert (report["found"], report["verified"]) == (0, True)
    assert world.rows("SELECT count(*) FROM change_cubes") == [(0,)]


class Counting(OneWay):
    """Counts the texts that it is asked for: those that no cache had."""

    def __init__(self):
        self.asked = []

    def embed(self, texts):
        self.asked += texts
        return super().embed(texts)


@pytest.mark.parametrize("from_a_turn", [False, True])
def test_a_text_that_the_sweep_removes_for_good_is_in_no_cache(world, from_a_turn):
    """As after a deletion by hand; a text that only expired is history, and may stay."""
    embedder = Counting()
    world.embeddings = Embeddings(embedder, Flat(), world.files.vault)
    source = Source()
    if from_a_turn:
        message = Message(role="user", text="The door code is blue.")
        turn_id, _ = world.files.ledger.append(
            TurnRecord(scope=ANN, turn_hash="h", conversation_id="c", messages=(message,))
        )
        source = Source(turn_id=turn_id, message_ids=(f"{turn_id}:0",))
    draft = Draft(
        text="The door code is blue.",
        semantic_type=SemanticType.FACT,
        origin=Origin.USER_INPUT,
        source=source,
        valid_from=START,
        ttl_s=60,
    )
    world.files.vault.put(Governance(None).admit(ANN, [draft]), world.embeddings.embed([draft.text]), "one-way")
    rules = replace(Lifespans(), expired_keep=HOUR)
    upkeep = Upkeep(world.files.vault, world.embeddings, None, rules=rules, quota=Quota(), batch=4)
    world.now[0] += timedelta(seconds=60)
    while upkeep.sweep():
        pass
    world.embeddings.embed([draft.text])
    assert embedder.asked == [draft.text]
    world.now[0] += 2 * HOUR
    while upkeep.sweep():
        pass
    assert world.rows("SELECT count(*) FROM cubes") == [(0,)]
    world.embeddings.embed([draft.text])
    assert embedder.asked == [draft.text] * 2
