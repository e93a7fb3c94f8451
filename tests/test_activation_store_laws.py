"""Whatever is done to a store and its files: never a wrong byte, never another's, never more than its budgets."""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.activation_store import files
from adapters.activation_store.budget import Budget
from adapters.activation_store.heat import Heat
from adapters.activation_store.index import packed
from adapters.activation_store.node import Node
from adapters.prefix_cache import Tier
from memory.errors import Invalid
from tests.activation_states import Clock, FourBytes, find, keep, open_store, restored, state_files, state_of

TEXT = list(range(1000, 1100))
SALTS = ("ada", "ben", "all")
QUICK = "/dev/shm" if Path("/dev/shm").is_dir() else None  # where every write is on disk at once


def coarse(tokens) -> bytes:
    """What 8 bits leave of a state."""
    codec = FourBytes()
    return codec.from_int8(codec.to_int8(state_of(tokens))).tobytes()


class AnyUse(RuleBasedStateMachine):
    """Random prefixes of few tokens, so that they share a lot, in tiers with room for a few of them."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.temporary = tempfile.TemporaryDirectory(dir=QUICK)
        self.folder = Path(self.temporary.name)
        self.kept: set[tuple[str, tuple[int, ...]]] = set()

    @initialize(
        ram=st.sampled_from([0, 60, 200, 400]),
        disk=st.sampled_from([0, 2500, 6000, 10_000]),
        cold=st.sampled_from([0, 0, 2500]),
    )
    def open(self, ram, disk, cold):
        self.budgets = {"ram_bytes": ram, "disk_bytes": disk, "cold_bytes": cold}
        self.store = open_store(self.folder if disk else None, clock=self.clock, **self.budgets)

    @rule(chance=st.randoms(use_true_random=False))
    def keep(self, chance):
        for _ in range(6):
            tokens = chance.choices([0, 1], k=chance.randint(1, 30))
            salt, shared = chance.choice(SALTS[:2]), chance.choice([0, 2, 4, 8])
            shared = min(shared, len(tokens))
            stored = keep(self.store, tokens, salt, shared=shared, build_s=chance.random())
            self.kept |= {("all", tuple(tokens[:shared])), (salt, tuple(tokens))}
            if stored.tier != Tier.TEXT:
                assert find(self.store, tokens, salt, "all", whole=True).length == len(tokens)
            self.within_budgets()

    @rule(chance=st.randoms(use_true_random=False))
    def look(self, chance):
        for _ in range(6):
            prompt = chance.choices([0, 1], k=chance.randint(1, 30))
            salts = chance.sample(SALTS, k=chance.randint(1, 3))
            match = find(self.store, prompt, *salts, whole=chance.random() < 0.5)
            if match is not None:
                assert list(match.tokens[: match.length]) == prompt[: match.length]
                assert any((salt, tuple(match.tokens)) in self.kept for salt in salts)
                self.load(match)

    def load(self, match):
        right, found = state_of(match.tokens).tobytes(), restored(self.store, match)
        if match.tier == Tier.COLD:
            pairs = zip(np.frombuffer(found, np.uint32), np.frombuffer(right, np.uint32), strict=True)
            assert all(a >> 16 == b >> 16 for a, b in pairs)
        else:
            assert found == right

    @rule(salt=st.sampled_from(SALTS))
    def preload(self, salt):
        self.store.preload(salt)

    @rule(salt=st.sampled_from(SALTS))
    def drop(self, salt):
        hashes = {stored.salt_hash for stored in self.store.list(salt)}
        self.store.drop(salt)
        assert not any(path.name.split(".")[0] in hashes for path in self.folder.rglob("*"))
        self.kept = {(owner, tokens) for owner, tokens in self.kept if owner != salt}
        self.what_lies_on_disk_is_what_is_counted()

    @rule(passed_s=st.sampled_from([1, 1000, 200_000]))
    def wait(self, passed_s):
        self.clock.now += passed_s

    @precondition(lambda self: self.budgets["disk_bytes"])
    @rule()
    def reopen(self):
        self.what_lies_on_disk_is_what_is_counted()
        names = {path.name.split(".")[1] for path in state_files(self.folder)}
        before = {(s.digest, s.uses) for s in self.store.list() if s.digest in names}
        self.store.close()
        self.store = open_store(self.folder, clock=self.clock, **self.budgets)
        assert before == {(s.digest, s.uses) for s in self.store.list()}

    @invariant()
    def within_budgets(self):
        if not hasattr(self, "store"):
            return
        stats = self.store.stats()
        assert all(0 <= tier.size_bytes <= tier.budget_bytes for tier in stats.tiers.values())
        assert stats.damaged == 0
        stored = {s.digest: s for s in self.store.list()}
        assert stats.tiers["ram"].size_bytes == sum(s.size_bytes for s in stored.values() if s.tier == Tier.RAM)
        for child in stored.values():
            assert child.tier != Tier.TEXT
            assert child.parent is None or stored[child.parent].length == child.start

    def what_lies_on_disk_is_what_is_counted(self):
        if not self.budgets["disk_bytes"]:
            return
        self.store.flush()
        paths = state_files(self.folder)
        sizes = {kind: sum(p.stat().st_size for p in paths if f".{kind}." in p.name) for kind in ("exact", "int8")}
        tiers = self.store.stats().tiers
        assert (sizes["exact"], sizes["int8"]) == (tiers["disk"].size_bytes, tiers["cold"].size_bytes)
        names = [path.name.split(".")[1] for path in paths]
        assert len(names) == len(set(names))
        assert all(s.parent is None or s.parent in names for s in self.store.list() if s.digest in names)

    def teardown(self):
        self.store.close()
        self.temporary.cleanup()


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


# --- damage


def damage(path: Path, how: str, at: float, mask: int) -> None:
    data = bytearray(path.read_bytes())
    place = min(int(at * len(data)), len(data) - 1)
    if how == "flip":
        data[place] ^= mask
    elif how == "truncate":
        del data[place:]
    else:
        data += bytes(1 + place)
    path.write_bytes(data)


ways = st.tuples(st.sampled_from(["flip", "flip", "flip", "truncate", "extend"]), st.floats(0, 1), st.integers(1, 255))


BRANCH = [*TEXT[:40], 1, 2]


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """A shared part and what two users have behind it, as exact files and in 8 bits."""
    made = {coding: tmp_path_factory.mktemp("store") for coding in ("exact", "int8")}
    for coding, folder in made.items():
        store = open_store(folder)
        keep(store, TEXT, "ada", shared=40)
        keep(store, BRANCH, "ben", shared=40)
        store.close()
        if coding == "int8":
            open_store(folder, disk_bytes=0, cold_bytes=1 << 20).close()
        assert [path.name.split(".")[2] for path in state_files(folder)] == [coding] * 3
    return made


@pytest.mark.parametrize("coding", ["exact", "int8"])
@settings(max_examples=120)
@given(which=st.integers(0, 2), way=ways, mapped=st.booleans())
@example(which=0, way=("flip", 0.0, 1), mapped=True)
def test_damage_to_any_byte_of_any_file_is_found_when_it_is_loaded(folders, coding, which, way, mapped):
    """The node and what follows it are gone from the index and the disk; all others are as they were."""
    with tempfile.TemporaryDirectory(dir=QUICK) as temporary:
        folder = Path(shutil.copytree(folders[coding], temporary, dirs_exist_ok=True))
        store = open_store(folder, ram_bytes=0 if mapped else 1 << 20, cold_bytes=1 << 20)
        damaged = state_files(folder)[which]
        damage(damaged, *way)
        digest = damaged.name.split(".")[1]
        shared = next(s.digest for s in store.list("all"))
        for prompt, salt in ((TEXT, "ada"), (BRANCH, "ben")):
            match = find(store, prompt, salt)
            if match is None:
                assert digest == shared
            elif digest in (shared, match.digest):
                with pytest.raises(Invalid) as refused:
                    store.load(match)
                assert refused.value.code == "activation_damaged"
                assert find(store, prompt, salt) is None
                assert not any(match.digest in path.name for path in folder.rglob("*"))
            else:
                whole = state_of(prompt).tobytes() if coding == "exact" else coarse(prompt)
                assert restored(store, match) == whole
        assert not any(digest in path.name for path in folder.rglob("*"))
        assert store.stats().damaged == 1
        store.close()


@settings(max_examples=120)
@given(which=st.integers(0, 2), way=ways)
def test_damage_while_nobody_looks_is_found_on_opening_or_loading(folders, which, way):
    with tempfile.TemporaryDirectory(dir=QUICK) as temporary:
        folder = Path(shutil.copytree(folders["exact"], temporary, dirs_exist_ok=True))
        damage(state_files(folder)[which], *way)
        store = open_store(folder)
        for prompt, salt in ((TEXT, "ada"), (BRANCH, "ben")):
            match = find(store, prompt, salt)
            if match is not None:
                try:
                    assert restored(store, match) == state_of(prompt).tobytes()
                except Invalid:
                    assert find(store, prompt, salt) is None
        assert store.stats().damaged == 1
        assert len(store.list()) < 3
        store.close()


@pytest.mark.parametrize("at", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("opened", ["before", "after"])
def test_what_was_damaged_can_be_kept_again(folders, tmp_path, at, opened):
    folder = Path(shutil.copytree(folders["exact"], tmp_path / "store"))
    store = open_store(folder, ram_bytes=0)
    for path in state_files(folder):
        damage(path, "flip", at, 4)
    if opened == "after":
        store.close()
        store = open_store(folder, ram_bytes=0)
    for _ in range(2):
        match = find(store, TEXT)
        if match is not None:
            with pytest.raises(Invalid):
                store.load(match)
    keep(store, TEXT, "ada", shared=40)
    assert restored(store, find(store, TEXT)) == state_of(TEXT).tobytes()
    store.close()
    again = open_store(folder)
    assert restored(again, find(again, TEXT)) == state_of(TEXT).tobytes()


def test_a_file_that_somebody_removed_counts_as_damaged(tmp_path):
    store = open_store(tmp_path, ram_bytes=0)
    keep(store, TEXT)
    store.flush()
    state_files(tmp_path)[0].unlink()
    with pytest.raises(Invalid) as refused:
        store.load(find(store, TEXT))
    assert refused.value.code == "activation_damaged"
    assert find(store, TEXT) is None


def test_a_file_under_another_name_is_not_believed(tmp_path):
    """Not as another's state, and not as that of other tokens."""
    store = open_store(tmp_path)
    keep(store, TEXT, "ada")
    keep(store, TEXT[::-1], "ben")
    store.close()
    one, two = state_files(tmp_path)
    swapped = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(swapped)
    store = open_store(tmp_path)
    assert not store.list()
    assert store.stats().damaged == 2


def test_a_digest_that_is_not_that_of_the_tokens_is_not_believed(tmp_path):
    """Also where all checksums are right."""
    store = open_store(tmp_path)
    keep(store, TEXT, "ada")
    store.close()
    (path,) = state_files(tmp_path)
    found = files.read_head(path)
    files.write(path, found.head, packed(TEXT[::-1]), state_of(TEXT[::-1]))
    assert files.read_head(path).head == found.head
    assert not open_store(tmp_path).list()
    assert not state_files(tmp_path)


def test_a_child_without_its_parent_is_removed_on_opening(tmp_path):
    store = open_store(tmp_path)
    keep(store, TEXT, "ada", shared=40)
    shared = store.list("all")[0].digest
    store.close()
    next(path for path in state_files(tmp_path) if shared in path.name).unlink()
    assert not open_store(tmp_path).list()
    assert not state_files(tmp_path)


def test_half_written_files_are_cleaned_up_and_never_found(tmp_path):
    """A kill between writing and renaming leaves a whole file under its other name; one before that, a part of it."""
    store = open_store(tmp_path)
    keep(store, TEXT, "ada")
    keep(store, TEXT, "ben")
    store.close()
    for path, size_bytes in zip(state_files(tmp_path), (None, 300), strict=True):
        left = path.rename(path.with_name(path.name + ".tmp"))
        left.write_bytes(left.read_bytes()[:size_bytes])
    store = open_store(tmp_path)
    assert not store.list()
    assert not list(tmp_path.rglob("*.tmp"))
    keep(store, TEXT, "ada")
    assert restored(store, find(store, TEXT)) == state_of(TEXT).tobytes()
    store.close()


WRITES_FOR_EVER = """
import sys
from pathlib import Path
from tests.activation_states import keep, open_store
store = open_store(Path(sys.argv[1]), ram_bytes=0, disk_bytes=20_000_000)
for i in range(10**9):
    tokens = list(range(i, i + 40)) + [i] * 40_000
    digest = keep(store, tokens, f"user {i % 3}", shared=20_000).digest
    if store.durable(digest).result():
        print(i, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 6])
def test_what_was_durable_survives_a_kill_and_the_rest_is_whole_or_gone(tmp_path, lines):
    command = [sys.executable, "-c", WRITES_FOR_EVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as process:
        said = [int(process.stdout.readline()) for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
    store = open_store(tmp_path, disk_bytes=20_000_000)
    assert store.stats().damaged == 0
    for i in said:
        tokens = list(range(i, i + 40)) + [i] * 40_000
        match = find(store, tokens, f"user {i % 3}", whole=True)
        assert match.length == len(tokens)
        assert restored(store, match) == state_of(tokens).tobytes()
    store.close()
    assert not list(tmp_path.rglob("*.tmp"))


# --- what goes first


def node(key: bytes, parent: Node | None, value: float, size_bytes: int) -> Node:
    made = Node(digest=key.hex(), salt_hash="", key=key, start=0, parent=parent, size_bytes=size_bytes, build_s=1.0)
    made.heat = Heat(0, value * size_bytes, 0.0)
    if parent is not None:
        parent.children.add(made)
    return made


rows = st.tuples(st.integers(0, 5), st.integers(0, 40), st.integers(1, 9), st.booleans())


@given(st.lists(rows, max_size=12, unique_by=lambda row: row[1]), st.integers(-3, 40), st.integers(0, 40))
def test_the_least_valuable_goes_first_and_no_parent_before_its_children(rows, over_bytes, below):
    """Compared with one step after the other over all of them."""
    budget, nodes, spare = Budget(1000), [], set()
    for i, (parent, value, size_bytes, spared) in enumerate(rows):
        nodes.append(node(bytes([i]), nodes[parent - 1] if 0 < parent <= len(nodes) else None, value, size_bytes))
        budget.put(nodes[-1], size_bytes)
        if spared and i % 3 == 0:
            spare.add(nodes[-1])
    expected: list[Node] | None = []
    left, freed = list(nodes), 0
    while freed < over_bytes:
        free = [n for n in left if n not in spare and not n.children & set(left)]
        lowest = min(free, key=lambda n: n.value(0.0), default=None)
        if lowest is None or lowest.value(0.0) > below:
            expected = None
            break
        expected.append(lowest)
        left.remove(lowest)
        freed += lowest.size_bytes
    assert budget.victims(over_bytes, value=lambda n: n.value(0.0), below=below, spare=spare) == expected


def test_what_saves_least_for_its_size_is_evicted_and_comes_back_only_when_it_is_worth_more():
    clock = Clock()
    store = open_store(None, ram_bytes=800, clock=clock)
    dear = keep(store, TEXT, "ada", build_s=9.0)
    keep(store, TEXT, "ben", build_s=2.0)
    newcomer = keep(store, TEXT, "eve", build_s=3.0)
    assert {s.digest for s in store.list()} == {dear.digest, newcomer.digest}
    refused = keep(store, TEXT, "fay", build_s=1.0)
    assert refused.tier == Tier.TEXT
    assert find(store, TEXT, "fay") is None
    for _ in range(3):  # asked for again and again, it is worth more each time
        again = keep(store, TEXT, "fay", build_s=1.0)
    assert again.tier == Tier.RAM
    assert {s.digest for s in store.list()} == {dear.digest, again.digest}
    assert store.stats().evicted == 2


def test_uses_of_long_ago_count_less():
    clock = Clock()
    store = open_store(None, ram_bytes=800, clock=clock)
    keep(store, TEXT, "ada")
    for _ in range(5):
        store.load(find(store, TEXT, "ada"))
    clock.now += 7 * 86_400
    keep(store, TEXT, "ben")
    keep(store, TEXT, "eve")
    assert find(store, TEXT, "ada") is None
    assert find(store, TEXT, "ben").length == 100


def test_nothing_is_written_that_follows_what_is_not(tmp_path):
    """Here a shared part that is worth less than what fills the disk: without it, what follows is useless there."""
    store = open_store(tmp_path, disk_bytes=1500)
    keep(store, TEXT, "eve", build_s=5.0)
    keep(store, TEXT[:40], "all", build_s=0.1)
    keep(store, TEXT, "ada", shared=40, build_s=100.0)
    assert restored(store, find(store, TEXT, "ada")) == state_of(TEXT).tobytes()
    store.close()
    again = open_store(tmp_path)
    assert [find(again, TEXT, salt) is not None for salt in ("eve", "ada", "all")] == [True, False, False]


def test_what_leaves_memory_stays_on_disk(tmp_path):
    store = open_store(tmp_path, ram_bytes=400)
    keep(store, TEXT, "ada")
    keep(store, TEXT, "ben")
    assert [s.tier for s in (*store.list("ada"), *store.list("ben"))] == [Tier.DISK, Tier.RAM]
    assert restored(store, find(store, TEXT, "ada")) == state_of(TEXT).tobytes()
    store.close()


def test_what_leaves_the_disk_is_kept_in_8_bits_and_becomes_exact_when_it_is_kept_again(tmp_path):
    codec = FourBytes()
    store = open_store(tmp_path, codec=codec, ram_bytes=0, disk_bytes=1500, cold_bytes=3000)
    keep(store, TEXT, "ada")
    keep(store, TEXT, "ben")
    assert codec.compressed == [400]
    match = find(store, TEXT, "ada")
    assert match.tier == Tier.COLD
    assert restored(store, match) == coarse(TEXT)
    assert store.stats().tiers["cold"].hits == 1
    assert keep(store, TEXT, "ada", build_s=50.0).tier == Tier.DISK
    assert restored(store, find(store, TEXT, "ada")) == state_of(TEXT).tobytes()
    assert find(store, TEXT, "ben").tier == Tier.COLD
    assert store.stats().tiers["cold"].entries == 1
    store.close()
    exact_only = open_store(tmp_path)
    assert find(exact_only, TEXT, "ben") is None
    assert len(state_files(tmp_path)) == 1


def test_what_is_not_exact_never_passes_for_what_is_in_memory(folders, tmp_path):
    folder = Path(shutil.copytree(folders["int8"], tmp_path / "store"))
    store = open_store(folder, cold_bytes=1 << 20)
    assert store.preload("ada").entries == 0
    for _ in range(2):
        match = find(store, TEXT)
        assert match.tier == Tier.COLD
        assert restored(store, match) == coarse(TEXT)
    store.close()


def test_of_an_exact_file_and_one_in_8_bits_the_exact_one_stays(folders, tmp_path):
    """A crash may leave both."""
    folder = Path(shutil.copytree(folders["exact"], tmp_path / "store"))
    shutil.copytree(folders["int8"], folder, dirs_exist_ok=True)
    assert len(state_files(folder)) == 6
    store = open_store(folder, cold_bytes=1 << 20)
    assert restored(store, find(store, TEXT)) == state_of(TEXT).tobytes()
    store.close()
    assert [path.name.split(".")[2] for path in state_files(folder)] == ["exact"] * 3


@pytest.mark.parametrize("codec", [FourBytes(int8=False), FourBytes()], ids=["cannot", "may not"])
def test_without_8_bits_what_leaves_the_disk_is_gone(tmp_path, codec):
    cold_bytes = 0 if codec.int8 else 2000
    store = open_store(tmp_path, codec=codec, ram_bytes=0, disk_bytes=1500, cold_bytes=cold_bytes)
    keep(store, TEXT, "ada")
    keep(store, TEXT, "ben")
    assert not store.list("ada")
    assert not (codec.int8 and codec.compressed)
    store.close()


def test_a_damaged_state_is_not_compressed_into_one_that_looks_whole(tmp_path):
    store = open_store(tmp_path, ram_bytes=0, disk_bytes=1500, cold_bytes=2000)
    keep(store, TEXT, "ada")
    store.flush()
    damage(state_files(tmp_path)[0], "flip", 1.0, 1)
    keep(store, TEXT, "ben")
    assert find(store, TEXT, "ada") is None
    store.close()


# --- other engines' files


def test_another_fingerprints_files_are_neither_found_nor_lost(tmp_path):
    first = open_store(tmp_path)
    keep(first, TEXT)
    first.close()
    second = open_store(tmp_path, fingerprint="model b")
    assert find(second, TEXT) is None
    assert not second.list()
    assert second.stats().other_bytes == state_files(tmp_path)[0].stat().st_size
    keep(second, TEXT)
    second.close()
    again = open_store(tmp_path)
    assert restored(again, find(again, TEXT)) == state_of(TEXT).tobytes()


def test_another_fingerprints_files_count_and_go_before_the_least_of_ones_own(tmp_path):
    other = open_store(tmp_path, fingerprint="model b")
    for salt in ("ada", "ben"):
        keep(other, TEXT, salt, build_s=100.0)
    other.close()
    size_bytes = state_files(tmp_path)[0].stat().st_size
    store = open_store(tmp_path, ram_bytes=0, disk_bytes=3 * size_bytes)
    for user, others in enumerate([2, 1, 0, 0]):
        keep(store, TEXT, f"user {user}", build_s=1.0 + user)
        store.flush()
        assert store.stats().other_bytes == others * size_bytes
        assert len(state_files(tmp_path)) == 3
    assert [bool(store.list(f"user {user}")) for user in range(4)] == [False, True, True, True]
    store.close()
    assert not open_store(tmp_path, fingerprint="model b").list()


def test_a_smaller_budget_is_kept_from_the_start(tmp_path):
    store = open_store(tmp_path)
    for i in range(5):
        keep(store, TEXT, f"user {i}", build_s=1.0 + i)
    store.close()
    size_bytes = state_files(tmp_path)[0].stat().st_size
    store = open_store(tmp_path, disk_bytes=2 * size_bytes)
    assert [bool(store.list(f"user {i}")) for i in range(5)] == [False, False, False, True, True]
    assert len(state_files(tmp_path)) == 2


def test_hundreds_of_prefixes_of_thousands_of_tokens_are_told_apart():
    """Those that differ late, early and only in their length."""
    shuffled = random.Random(0)
    base = shuffled.choices(range(150_000), k=3000)
    store = open_store(None, ram_bytes=1 << 30)
    kept = [base[: shuffled.randrange(1, 3000)] + shuffled.choices(range(150_000), k=200) for _ in range(150)]
    kept += [base[: 10 * n] for n in range(1, 150)]
    for tokens in kept:
        keep(store, tokens)
    for tokens in shuffled.sample(kept, 40):
        match = find(store, [*tokens, 5, 6], whole=True)
        assert list(match.tokens) == tokens
        assert find(store, [*tokens[:-1], -1, 7]).length >= len(tokens) - 1
