"""The sweeper, quotas and use counts on a real vault: what leaves use, what comes back, and what is never lost."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.flat import Flat
from memory.cube import FactKey, MemCube, Origin, SemanticType, Source, State
from memory.embeddings import Embeddings
from memory.errors import NotFound, Refused
from memory.governance import Governance
from memory.lifecycle import wished
from memory.lifespan import Lifespans
from memory.operator import Operator, Weights
from memory.turn import Draft, Exchange, Intent, MemoryCall, Message, Plan, Scope, TurnRecord
from memory.upkeep import Quota, Upkeep
from memory.vault import VaultFiles, open_vault
from proxy.sweeper import Sweeper
from tests.memory_rig import ADA, BEN, Clock

DAY = timedelta(days=1)
RULES = Lifespans(half_life=10 * DAY, cold_below=0.125, expired_keep=5 * DAY)
PLAN = Plan(policy="hybrid", top_k=4, budget_tokens=800, stable_budget_tokens=400)


@dataclass
class World:
    """A vault with its upkeep, a clock that stands in our hand, and no embedder."""

    files: VaultFiles
    clock: Clock
    embeddings: Embeddings

    def upkeep(self, quota: Quota | None = None, rules: Lifespans = RULES, batch: int = 4) -> Upkeep:
        return Upkeep(self.files.vault, self.embeddings, None, rules=rules, quota=quota or Quota(), batch=batch)

    def tell(self, text: str, scope: Scope = ADA, **more) -> MemCube:
        fields = {"semantic_type": SemanticType.FACT, "origin": Origin.USER_INPUT, "source": Source()} | more
        draft = Draft(text=text, valid_from=self.clock(), **fields)
        written = self.files.vault.put(Governance(None).admit(scope, [draft]), None, "")
        return (*written.created, *written.confirmed)[0]

    def later(self, span: timedelta, upkeep: Upkeep | None = None) -> None:
        """Let time pass and sweep until nothing is due."""
        self.clock.now += span
        upkeep = upkeep or self.upkeep()
        while upkeep.sweep():
            pass

    def wish(self, cube: MemCube, state: State, scope: Scope = ADA) -> MemCube:
        cube = self.newest(cube, scope)
        new = replace(cube, state=wished(cube, state))
        return self.files.vault.update(scope, new, expected_version=cube.version, vector=None, model_id="")

    def newest(self, cube: MemCube, scope: Scope = ADA) -> MemCube:
        return self.files.vault.history(scope, cube.id)[-1]

    def found(self, query: str, scope: Scope = ADA) -> list[str]:
        return [cube_id for cube_id, _ in self.files.vault.lexical(scope, query)[0]]

    def recall(self, query: str, scope: Scope = ADA, as_of: datetime | None = None) -> list[str]:
        operator = Operator(self.files.vault, self.embeddings, Weights(), lambda _: ())
        call = MemoryCall(query=query, intent=Intent.ASK, now=self.clock(), as_of=as_of)
        return [hit.cube.id for hit in operator.recall(scope, call, PLAN).hits]

    def rows(self, sql: str, *bound: object) -> list[tuple]:
        with self.files.connections.read() as connection:
            return [tuple(row) for row in connection.execute(sql, bound)]

    def state(self, cube: MemCube) -> str:
        return self.rows("SELECT state FROM cubes WHERE id = ?", cube.id)[0][0]


@pytest.fixture
def world(tmp_path):
    clock = Clock()
    files = open_vault(tmp_path, clock=clock, decaying=[SemanticType.TURN])
    yield World(files, clock, Embeddings(None, Flat(budget_bytes=1 << 20), files.vault))
    files.close()


# -- expiry


def test_what_is_over_leaves_recall_at_once_and_its_rows_with_the_sweep(world):
    cube = world.tell("The door code is blue.", ttl_s=60)
    world.clock.now += timedelta(seconds=60)
    assert world.recall("door code") == []
    assert world.state(cube) == "activated"
    world.later(timedelta(0))
    assert world.state(cube) == "expired"
    assert world.rows("SELECT count(*) FROM postings") == [(0,)]
    with pytest.raises(NotFound):
        world.files.vault.get(ADA, cube.id)


def test_what_is_over_stays_in_history_until_it_is_purged(world):
    cube = world.tell("The door code is blue.", ttl_s=60)
    told = world.clock.now
    world.later(DAY)
    assert world.recall("door code", as_of=told) == [cube.id]
    assert world.recall("door code", as_of=world.clock.now) == []
    assert [each.id for each in world.files.vault.page(ADA, states=[State.EXPIRED]).cubes] == [cube.id]
    world.later(5 * DAY)
    assert world.rows("SELECT * FROM cubes") == world.rows("SELECT * FROM versions") == []
    assert world.recall("door code", as_of=told) == []


def test_without_an_end_to_history_what_is_over_is_kept(world):
    cube = world.tell("The door code is blue.", ttl_s=60)
    keeping = world.upkeep(rules=replace(RULES, expired_keep=None))
    world.later(999 * DAY, keeping)
    assert world.state(cube) == "expired"


def test_a_purge_of_what_a_turn_said_takes_its_words_out_of_the_ledger(world):
    message = Message(role="user", text="My door code is 4711.")
    record = TurnRecord(scope=ADA, turn_hash="h", conversation_id="c", messages=(message,))
    turn_id, _ = world.files.ledger.append(record)
    fact = FactKey(subject="user", attribute="attr:door code", value="4711")
    source = Source(turn_id=turn_id, message_ids=(f"{turn_id}:0",))
    world.tell("The user's door code is 4711.", ttl_s=60, fact=fact, source=source)
    world.later(DAY)
    assert "4711" in str(world.rows("SELECT messages FROM turns"))
    world.later(5 * DAY)
    assert "4711" not in str(world.rows("SELECT messages FROM turns"))


def test_a_fact_that_is_told_again_after_its_end_is_a_new_memory(world):
    """Else it would be confirmed where nobody finds it."""
    fact = FactKey(subject="user", attribute="lives", value="Porto")
    first = world.tell("The user lives in Porto.", fact=fact, ttl_s=60)
    world.clock.now += DAY
    second = world.tell("The user lives in Porto.", fact=fact)
    assert second.id != first.id
    assert world.recall("Porto lives") == [second.id]


def test_frozen_memories_outlive_their_end_and_take_it_up_when_they_thaw(world):
    cube = world.tell("The door code is blue.", ttl_s=60)
    world.wish(cube, State.FROZEN)
    world.later(DAY)
    assert world.recall("door code") == [cube.id]
    world.wish(cube, State.ACTIVATED)
    world.later(timedelta(0))
    assert world.state(cube) == "expired"


def test_each_user_s_sweep_is_one_change_of_its_own(world):
    for scope in (ADA, BEN):
        for number in range(3):
            world.tell(f"Note number {number}.", scope, ttl_s=60)
    world.later(DAY, world.upkeep(batch=6))
    swept = world.rows("SELECT user, operation FROM changes WHERE operation = 'sweep' ORDER BY user")
    assert swept == [("ada", "sweep"), ("ben", "sweep")]


def test_a_look_for_what_is_due_reads_the_index_of_what_is_due(world):
    """The cost of a look must not grow with what is stored."""
    sql = "EXPLAIN QUERY PLAN SELECT owner, seq FROM cubes WHERE due_at <= ? ORDER BY due_at LIMIT ?"
    (plan,) = [row[3] for row in world.rows(sql, 1, 1)]
    assert "USING INDEX cubes_due" in plan
    world.tell("The user keeps bees.")
    assert world.rows("SELECT count(*) FROM cubes WHERE due_at IS NOT NULL") == [(0,)]


# -- decay


def test_a_turn_that_long_was_of_no_use_is_archived_and_a_fact_is_not(world):
    turn = world.tell("I saw a heron at the weir.", semantic_type=SemanticType.TURN)
    fact = world.tell("The user keeps bees.")
    world.later(29 * DAY)
    assert world.state(turn) == "activated"
    world.later(2 * DAY)
    assert world.state(turn) == "archived"
    assert world.found("heron weir") == []
    assert world.newest(turn).superseded_at is None
    world.later(3000 * DAY)
    assert world.state(fact) == "activated"


def test_use_keeps_a_turn_in_use(world):
    turn = world.tell("I saw a heron at the weir.", semantic_type=SemanticType.TURN)
    world.later(25 * DAY)
    world.files.vault.used(ADA, [turn.id])
    world.later(35 * DAY)
    assert world.state(turn) == "activated"


@pytest.mark.parametrize("keeps", [{"pinned": True}, {"decays": False}])
def test_what_is_pinned_or_told_to_stay_does_not_decay(world, keeps):
    turn = world.tell("I saw a heron at the weir.", semantic_type=SemanticType.TURN, **keeps)
    world.later(999 * DAY)
    assert world.state(turn) == "activated"


def test_what_is_archived_is_found_when_nothing_in_use_answers_and_comes_back(world):
    upkeep = world.upkeep()
    heron = world.tell("I saw a heron at the weir.", semantic_type=SemanticType.TURN)
    world.tell("The user keeps bees.")
    world.later(31 * DAY, upkeep)
    assert world.recall("Where was the heron?") == [heron.id]
    upkeep.used(ADA, [heron.id])
    assert world.state(heron) == "activated"
    assert world.found("heron") == [heron.id]
    world.later(20 * DAY, upkeep)
    assert world.state(heron) == "activated", "it was used, so it is warm again"
    assert upkeep.tally.reactivated == 1


def test_what_is_in_use_and_answers_leaves_the_archive_alone(world):
    cold = world.tell("I saw a heron at the weir.", semantic_type=SemanticType.TURN)
    world.later(31 * DAY)
    warm = world.tell("A heron stood at the weir again.")
    assert world.recall("heron weir") == [warm.id]
    assert world.state(cold) == "archived"


def test_nobody_finds_what_is_archived_for_another(world):
    world.tell("I saw a heron at the weir.", semantic_type=SemanticType.TURN)
    world.later(31 * DAY)
    assert world.recall("heron weir", BEN) == []
    assert world.upkeep().reactivate(BEN, [row[0] for row in world.rows("SELECT id FROM cubes")]) == []


def test_what_was_superseded_is_not_brought_back(world):
    def lives(value: str) -> MemCube:
        fact = FactKey(subject="user", attribute="lives", value=value)
        return world.tell(f"The user lives in {value}.", fact=fact, decays=True)

    lisbon = lives("Lisbon")
    world.later(31 * DAY)
    assert world.state(lisbon) == "archived"
    porto = lives("Porto")
    assert world.newest(lisbon).superseded_at is not None
    assert world.recall("Lisbon lives") == [porto.id]
    assert world.upkeep().reactivate(ADA, [lisbon.id]) == []


def test_a_fact_that_is_told_again_comes_back_into_use(world):
    fact = FactKey(subject="user", attribute="lives", value="Porto")
    first = world.tell("The user lives in Porto.", fact=fact, decays=True)
    world.later(31 * DAY)
    assert world.found("Porto") == []
    assert world.tell("The user lives in Porto.", fact=fact).id == first.id
    assert world.found("Porto") == [first.id]


def test_recall_of_the_past_shows_what_recall_showed_then(world):
    heron = world.tell("I saw a heron at the weir.", semantic_type=SemanticType.TURN)
    before = world.clock()
    world.later(31 * DAY)
    warm = world.tell("A heron stood at the weir again.")
    assert world.recall("heron weir", as_of=before) == [heron.id]
    assert world.recall("heron weir", as_of=world.clock()) == [warm.id]


def test_put_away_by_hand_it_waits_until_it_is_needed(world):
    cube = world.tell("The user keeps bees.")
    world.wish(cube, State.ARCHIVED)
    assert world.found("bees") == []
    assert world.recall("bees") == [cube.id]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(
    moves=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["archived", "activated", "frozen", "used", "sweep"])), max_size=12
    )
)
def test_the_index_holds_what_is_in_use_and_nothing_else(tmp_path_factory, moves):
    """Law: whatever happens to memories, the word index holds those in use, and each only once."""
    clock = Clock()
    files = open_vault(tmp_path_factory.mktemp("law"), clock=clock)
    world = World(files, clock, Embeddings(None, Flat(budget_bytes=1 << 20), files.vault))
    cubes = [
        world.tell(f"Common word and word{number}.", ttl_s=3e6 if number == 3 else None, decays=number % 2 == 0)
        for number in range(4)
    ]
    upkeep = world.upkeep()
    for number, move in moves:
        if move == "sweep":
            world.later(9 * DAY, upkeep)
        elif move == "used":
            upkeep.used(ADA, [cubes[number].id])
        else:
            try:
                world.wish(cubes[number], State(move))
            except (Refused, NotFound):
                continue
    in_use = {row[0] for row in world.rows("SELECT id FROM cubes WHERE state IN ('activated', 'frozen')")}
    alive = {cube.id for cube in world.files.vault.page(ADA).cubes}
    assert set(world.found("common")) == in_use & alive
    assert world.rows("SELECT cubes FROM lexicons") == [(len(in_use),)]
    files.close()


# -- quotas


def test_over_quota_the_coldest_are_archived_and_never_what_is_pinned_or_frozen(world):
    upkeep = world.upkeep(Quota(cubes=4))
    pinned = world.tell("Answer in British English.", pinned=True)
    frozen = world.tell("The contract ends in May.")
    world.wish(frozen, State.FROZEN)
    used, high, plain = (world.tell(f"Note {priority}.", priority=priority) for priority in (0, 50, 1))
    world.files.vault.used(ADA, [used.id] * 9)
    assert upkeep.keep_quotas() == 1
    states = [world.state(cube) for cube in (pinned, frozen, used, high, plain)]
    assert states == ["activated", "frozen", "activated", "activated", "archived"]
    assert upkeep.keep_quotas() == 0


def test_a_quota_of_bytes_counts_what_is_in_use(world):
    for number in range(8):
        world.tell(f"{number} " + "long words " * 40)
    size = world.files.vault.usage(ADA).size_bytes
    upkeep = world.upkeep(Quota(size_bytes=size // 2))
    assert upkeep.keep_quotas() == 4
    assert world.files.vault.usage(ADA).size_bytes <= size // 2


def test_one_more_by_hand_makes_room_until_only_pinned_and_frozen_ones_are_left(world):
    upkeep = world.upkeep(Quota(cubes=2))
    first = world.tell("Answer in British English.", pinned=True)
    second = world.tell("The user keeps bees.")
    upkeep.admit(ADA)
    assert world.state(second) == "archived"
    world.tell("Always say please.", pinned=True)
    with pytest.raises(Refused) as refused:
        upkeep.admit(ADA)
    assert refused.value.code == "quota_exceeded"
    upkeep.admit(BEN)
    world.files.vault.delete(ADA, [first.id])
    upkeep.admit(ADA)


def test_users_whom_archiving_does_not_help_are_counted(world):
    upkeep = world.upkeep(Quota(cubes=1))
    cubes = [world.tell(f"Rule {number}.", pinned=True) for number in range(2)]
    upkeep.keep_quotas()
    assert upkeep.tally.over_quota == 1
    world.files.vault.delete(ADA, [cubes[0].id])
    world.tell("Rule 9.")
    upkeep.keep_quotas()
    assert upkeep.tally.over_quota == 0


def test_turns_are_kept_whatever_the_quota(world):
    upkeep = world.upkeep(Quota(cubes=1))
    world.tell("Answer in British English.", pinned=True)
    turn = world.tell("I saw a heron at the weir.", semantic_type=SemanticType.TURN)
    upkeep.keep_quotas()
    assert world.state(turn) == "archived"
    assert world.recall("heron weir") == [turn.id]


def test_users_without_a_change_are_not_looked_at_again(world):
    upkeep = world.upkeep(Quota(cubes=1))
    world.tell("The user keeps bees.")
    upkeep.keep_quotas()
    _, end = world.files.vault.users_changed(0)
    assert world.files.vault.users_changed(end)[0] == []


# -- usefulness


def _turn(world: World, cubes: list[MemCube], question: str, answer: str) -> Exchange:
    said = (Message(role="user", text=question),)
    injected = {"ids": [cube.id for cube in cubes], "turn": "<memory>\n- x\n</memory>"}
    record = TurnRecord(scope=ADA, turn_hash=question, conversation_id="c", messages=said, injected=injected)
    turn_id = world.files.ledger.open(record, dedupe_window_s=0)
    world.files.ledger.close(ADA, turn_id, answer)
    (exchange,) = world.files.ledger.claim(limit=1, lease_s=60)
    return exchange


def test_what_the_answer_made_use_of_is_counted_once_however_often_the_turn_is_read(world):
    bees, heron = world.tell("The user keeps bees."), world.tell("The user saw a heron.")
    upkeep = world.upkeep()
    exchange = _turn(world, [bees, heron], "What do I keep?", "You keep bees.")
    assert upkeep.judge(exchange) == [bees.id]
    assert upkeep.judge(exchange) == []
    assert [world.newest(cube).useful_count for cube in (bees, heron)] == [1, 0]
    assert world.newest(bees).version == 1
    assert upkeep.tally.useful == 1


def test_counting_leaves_no_name_of_a_memory_in_the_ledger(world):
    """What is erased later must not be found there."""
    bees = world.tell("The user keeps bees.")
    world.upkeep().judge(_turn(world, [bees], "What do I keep?", "You keep bees."))
    world.files.vault.delete(ADA, [bees.id])
    assert bees.id not in str(world.rows("SELECT * FROM turns"))


def test_a_failure_to_count_does_not_fail_the_turn(world):
    def write(_exchange):
        world.files.close()
        return "written"

    exchange = _turn(world, [world.tell("The user keeps bees.")], "What do I keep?", "You keep bees.")
    assert world.upkeep().after(write)(exchange) == "written"


# -- the task


async def test_the_sweeper_works_beside_the_server_and_ends_with_it(world):
    cubes = [world.tell(f"Note {number}.", ttl_s=0.001) for number in range(9)]
    world.clock.now += DAY
    sweeper = Sweeper(world.upkeep(), interval_s=0.01)
    await sweeper.start()
    async with asyncio.timeout(30):
        while any(world.state(cube) != "expired" for cube in cubes):
            await asyncio.sleep(0.01)
        await sweeper.stop()


async def test_a_locked_vault_does_not_end_the_sweeper(world):
    cube = world.tell("Note.", ttl_s=0.001)
    world.clock.now += DAY
    other = open_vault(world.files.connections.path.parent, clock=world.clock)
    sweeper = Sweeper(world.upkeep(), interval_s=0.01)
    with other.connections.write():
        await sweeper.start()
        await asyncio.sleep(0.6)
        assert world.state(cube) == "activated"
    async with asyncio.timeout(30):
        while world.state(cube) != "expired":
            await asyncio.sleep(0.01)
        await sweeper.stop()
    other.close()
