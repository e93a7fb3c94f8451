"""A store of computed prefixes finds the longest one of the owners asked for and gives back exactly what was kept."""

import os
import random
import stat
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from adapters.activation_store.folder import erase_owner, read_folder
from adapters.activation_store.stats import Preloaded
from adapters.prefix_cache import Boundary, Tier
from memory.errors import Invalid, Unavailable
from tests.activation_states import Clock, FourBytes, find, keep, open_store, restored, state_files, state_of

TEXT = list(range(1000, 1100))


def common(left, right) -> int:
    for i, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return i
    return min(len(left), len(right))


few_tokens = st.lists(st.integers(0, 2), min_size=1, max_size=12)
kept = st.lists(st.tuples(few_tokens, st.sampled_from("abc"), st.integers(0, 12)), max_size=14)


@settings(max_examples=200)
@given(kept, few_tokens, st.sets(st.sampled_from("abcd")), st.booleans(), st.integers(0, 130))
def test_a_match_is_the_longest_prefix_among_the_owners_asked_for(prefixes, prompt, salts, whole, before):
    """Compared with a walk over everything; ``before`` makes them long enough for every way of looking."""
    ahead = [7] * before
    store, truth = open_store(None), set()
    for tokens, salt, shared in prefixes:
        shared = min(shared, len(tokens)) + (before if shared else 0)
        keep(store, ahead + tokens, salt, shared=shared)
        if shared:
            truth.add((tuple(ahead + tokens)[:shared], "all"))
        if shared < before + len(tokens):
            truth.add((tuple(ahead + tokens), salt))
    prompt = ahead + prompt
    allowed = [tokens for tokens, salt in truth if salt in salts]
    lengths = [n for tokens in allowed if (n := common(tokens, prompt)) and (n == len(tokens) or not whole)]
    match = find(store, prompt, *salts, whole=whole) if salts else store.match(prompt, (), whole=whole)
    assert (match.length if match else 0) == max(lengths, default=0)
    if match is not None:
        assert tuple(match.tokens) in allowed
        assert common(match.tokens, prompt) == match.length
        assert restored(store, match) == state_of(match.tokens).tobytes()
        shortest = min(len(tokens) for tokens in allowed if common(tokens, prompt) == match.length)
        assert len(match.tokens) == shortest or not whole


@settings(max_examples=200)
@given(kept, few_tokens, st.sets(st.sampled_from("abc")), st.integers(0, 130))
def test_what_is_shared_matches_in_full_only(prefixes, prompt, salts, before):
    ahead = [7] * before
    store, lengths = open_store(None), {0}
    prompt = ahead + prompt
    for tokens, salt, shared in prefixes:
        tokens, shared = ahead + tokens, before + min(shared, len(tokens)) if shared else 0
        keep(store, tokens, salt, shared=shared)
        if shared and tokens[:shared] == prompt[:shared]:
            lengths.add(shared)
        if salt in salts and shared < len(tokens):
            lengths.add(common(tokens, prompt))
    match = store.match(prompt, sorted(salts), whole=False, shared=["all"])
    assert (match.length if match else 0) == max(lengths)


def test_who_shares_a_key_cannot_find_out_a_system_prompt_token_by_token():
    store = open_store(None)
    keep(store, TEXT, "ada", shared=80)
    for equal in (1, 40, 79):
        assert store.match([*TEXT[:equal], 1, 2, 3], ["eve"], whole=False, shared=["all"]) is None
    assert store.match([*TEXT[:80], 1, 2, 3], ["eve"], whole=False, shared=["all"]).length == 80
    assert store.match(TEXT[:79], ["all"], whole=False, shared=["all"]).length == 79, "one's own may be cut"


@given(kept)
@settings(max_examples=30)
def test_what_was_kept_is_there_after_reopening_and_from_a_second_store(tmp_path_factory, prefixes):
    folder = tmp_path_factory.mktemp("store")
    first = open_store(folder)
    for tokens, salt, shared in prefixes:
        keep(first, tokens, salt, shared=min(shared, len(tokens)))
    assert first.flush()
    stored = first.list()
    second = open_store(folder)
    first.close()
    third = open_store(folder, ram_bytes=0)
    for store in (second, third):
        assert {s.digest: s.length for s in store.list()} == {s.digest: s.length for s in stored}
        for tokens, salt, _ in prefixes:
            match = find(store, tokens, salt, "all", whole=True)
            assert match.length == len(tokens)
            assert match.tier == Tier.DISK or store is second
            assert restored(store, match) == state_of(tokens).tobytes()
        store.close()


def test_a_chain_stores_what_follows_its_parent_once(tmp_path):
    """Two users behind one system prompt: the shared part is stored once, and each adds only their own."""
    store = open_store(tmp_path)
    ada = keep(store, [*TEXT[:60], 1, 2, 3], "ada", shared=60, labels={"cubes": ["c1"]})
    ben = keep(store, [*TEXT[:60], 4, 5], "ben", shared=60)
    assert (ada.start, ada.length, ada.size_bytes) == (60, 63, 12)
    assert (ben.start, ben.length, ben.size_bytes) == (60, 62, 8)
    assert ada.parent == ben.parent is not None
    assert ada.labels == {"cubes": ["c1"]}
    assert [s.size_bytes for s in store.list("all")] == [240]
    assert [s.labels for s in store.list("all")] == [{}]
    store.close()
    assert len(state_files(tmp_path)) == 3


def test_the_owner_of_a_part_finds_it_and_nobody_else_does():
    store = open_store(None)
    keep(store, TEXT, "ada", shared=40)
    assert find(store, TEXT, "ada").length == 100
    assert find(store, TEXT, "all").length == 40
    assert find(store, TEXT, "ben") is None
    assert find(store, TEXT, "ben", "all").length == 40
    assert find(store, TEXT, "") is None


def test_of_equal_matches_the_one_that_restores_least_is_taken():
    store = open_store(None)
    keep(store, TEXT, "ada", shared=40)
    match = find(store, TEXT[:30], "ada", "all")
    assert (match.length, len(match.tokens)) == (30, 40)
    assert len(store.load(match)) == 1


def test_an_exact_node_is_found_without_a_use(tmp_path):
    store = open_store(tmp_path, ram_bytes=0, disk_bytes=1500, cold_bytes=1500)
    ada = keep(store, TEXT, "ada")
    assert store.find(TEXT, "ada") == ada
    assert store.find(TEXT[:-1], "ada") is store.find(TEXT, "ben") is None
    assert store.list("ada")[0].uses == 0
    keep(store, TEXT, "ben")
    assert store.list("ada")[0].tier == Tier.COLD
    assert store.find(TEXT, "ada") is None
    store.close()


def test_where_states_cannot_be_cut_only_the_whole_is_stored():
    store = open_store(None, codec=FourBytes(slices=False))
    stored = keep(store, TEXT, "ada", shared=40)
    assert (stored.start, stored.parent, stored.size_bytes) == (0, None, 400)
    assert find(store, TEXT, "all") is None
    assert restored(store, find(store, TEXT, whole=True)) == state_of(TEXT).tobytes()


def test_a_boundary_at_the_end_makes_the_whole_prefix_shared():
    store = open_store(None)
    stored = keep(store, TEXT, "ada", shared=100)
    assert stored == store.list("all")[0]
    assert not store.list("ada")


def test_keeping_again_changes_nothing(tmp_path):
    clock = Clock()
    store = open_store(tmp_path, clock=clock)
    first = keep(store, TEXT, shared=40)
    clock.now += 1000
    assert keep(store, TEXT, shared=40, build_s=5.0, labels={"cubes": ["other"]}) == first
    store.close()


@pytest.mark.parametrize("lengths", [[], [99], [101], [100, 40]])
def test_boundaries_that_do_not_fit_are_refused(lengths):
    store = open_store(None)
    with pytest.raises(ValueError, match="boundary"):
        store.keep(TEXT, [Boundary(length=n, salt="a") for n in lengths], state_of(TEXT), build_s=1.0, labels={})


def test_memory_gives_its_states_without_a_copy_and_nobody_can_change_them():
    store = open_store(None)
    keep(store, TEXT)
    match = find(store, TEXT)
    (first,), (second,) = store.load(match), store.load(match)
    assert np.shares_memory(first, second)
    assert not first.flags.writeable


def test_a_view_is_copied_so_that_no_more_is_held_than_is_counted():
    store = open_store(None)
    state = state_of([*TEXT, *TEXT])
    store.keep(TEXT, [Boundary(length=100, salt="ada")], state[:400], build_s=1.0, labels={})
    (loaded,) = store.load(find(store, TEXT))
    assert not np.shares_memory(loaded, state)


def test_from_disk_a_state_is_mapped_and_with_room_it_stays_in_memory(tmp_path):
    open_store(tmp_path).close()
    store = open_store(tmp_path)
    keep(store, TEXT)
    store.close()
    small, large = open_store(tmp_path, ram_bytes=100), open_store(tmp_path)
    for _ in range(2):
        match = find(small, TEXT)
        assert match.tier == Tier.DISK
        assert isinstance(small.load(match)[0], np.memmap)
    for tier in (Tier.DISK, Tier.RAM):
        match = find(large, TEXT)
        assert match.tier == tier
        assert restored(large, match) == state_of(TEXT).tobytes()
    assert large.stats().tiers["ram"].hits == large.stats().tiers["disk"].hits == 1
    assert large.stats().tiers["ram"].size_bytes == 400


def test_the_parts_of_a_chain_do_not_push_each_other_out_of_memory(tmp_path):
    store = open_store(tmp_path)
    keep(store, TEXT, "ada", shared=40)
    store.close()
    store = open_store(tmp_path, ram_bytes=300)
    for _ in range(3):
        store.load(find(store, TEXT))
        assert [s.tier for s in (*store.list("all"), *store.list("ada"))] == [Tier.RAM, Tier.DISK]


def test_preloading_brings_an_owner_and_what_it_follows_into_memory(tmp_path):
    store = open_store(tmp_path)
    keep(store, TEXT, "ada", shared=40)
    keep(store, [*TEXT[:40], 1, 2], "ben", shared=40)
    store.close()
    store = open_store(tmp_path)
    loaded = store.preload("ada")
    assert (loaded.entries, loaded.size_bytes, loaded.damaged) == (2, 400, 0)
    assert find(store, TEXT, "ada").tier == Tier.RAM
    assert [s.tier for s in store.list("ben")] == [Tier.DISK]
    assert store.preload("nobody").entries == 0


def test_preloading_goes_on_where_it_stopped_for_having_read_enough(tmp_path):
    """The engine's thread has other things to do; every call reads something, so that it comes to an end."""
    store = open_store(tmp_path)
    for n in range(5):
        keep(store, [*TEXT[:40], n, *TEXT], "ada", shared=40)
    store.close()
    store = open_store(tmp_path)
    steps = [store.preload("ada", most_bytes=600)]
    for most_bytes in (600, 1, 1, 900):
        steps.append(store.preload("ada", most_bytes=most_bytes, left=steps[-1].left))
    assert [step.size_bytes for step in steps] == [160 + 404, 404, 404, 404, 404]
    assert [len(step.left) for step in steps] == [4, 3, 2, 1, 0]
    assert store.preload("ada") == Preloaded(entries=0, size_bytes=0, damaged=0)


def test_a_disk_that_does_not_keep_up_holds_nobody_up(tmp_path, monkeypatch):
    store = open_store(tmp_path)
    stuck, go_on = threading.Event(), threading.Event()
    store._disk.writer.run(lambda: (stuck.set(), go_on.wait(60)))
    assert stuck.wait(60)
    monkeypatch.setattr("adapters.activation_store.disk._MOST_WAITING_BYTES", 100)
    first = keep(store, TEXT, "ada")
    second = keep(store, TEXT, "ben")
    assert (first.tier, second.tier) == (Tier.RAM, Tier.RAM)
    assert not store.durable(second.digest).result(0), "it is in memory only"
    go_on.set()
    assert store.durable(first.digest).result(60)
    assert restored(store, find(store, TEXT, "ben")) == state_of(TEXT).tobytes()
    store.close()
    assert len(state_files(tmp_path)) == 1


def test_uses_are_counted_along_the_chain_and_survive_a_restart(tmp_path):
    clock = Clock()
    store = open_store(tmp_path, clock=clock)
    stored = keep(store, TEXT, "ada", shared=40)
    clock.now += 100
    store.load(find(store, TEXT))
    store.used(stored.digest)
    store.used("what is not there")
    assert [s.uses for s in store.list()] == [2, 2]
    assert store.stats().resident_hits == 2
    store.close()
    again = open_store(tmp_path, clock=clock)
    assert [(s.uses, s.last_used_at) for s in again.list()] == [(2, clock.now)] * 2


@given(st.binary(max_size=60) | st.just(b'{"a": [1, 2], "b": 3}') | st.just(b'{"x": [1e999, -1, null]}'))
@settings(max_examples=30)
def test_a_damaged_count_of_uses_is_harmless(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("store")
    store = open_store(folder)
    keep(store, TEXT)
    store.load(find(store, TEXT))
    store.close()
    (uses,) = folder.rglob("uses.json")
    uses.write_bytes(content)
    again = open_store(folder)
    assert restored(again, find(again, TEXT)) == state_of(TEXT).tobytes()


def test_files_are_safetensors_that_only_their_owner_can_read_and_that_name_nobody(tmp_path):
    store = open_store(tmp_path / "a" / "b")
    keep(store, TEXT, "ada@example.org", shared=40)
    store.close()
    found = [load_file(path) for path in state_files(tmp_path)]
    assert sorted(len(tensors["tokens"]) for tensors in found) == [40, 60]
    assert (
        b"".join(t["state"].tobytes() for t in sorted(found, key=lambda t: t["tokens"][0])) == state_of(TEXT).tobytes()
    )
    for path in (tmp_path / "a" / "b").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
        assert b"ada@" not in (path.read_bytes() if path.is_file() else b"")
        assert "ada@" not in path.name


def test_what_is_durable_is_said_when_it_is(tmp_path):
    store = open_store(tmp_path)
    stored = keep(store, TEXT)
    future = store.durable(stored.digest)
    assert not future.cancel()
    assert future.result(60) is True
    assert len(state_files(tmp_path)) == 1
    assert store.durable("what is not there").result(0) is False
    store.close()
    again = open_store(tmp_path)
    assert again.durable(stored.digest).result(0) is True
    assert open_store(None).flush(0)


def test_a_file_that_cannot_be_written_leaves_the_state_in_memory_alone(tmp_path):
    store = open_store(tmp_path)
    for path in tmp_path.iterdir():
        path.rmdir()
    stored = keep(store, TEXT)
    assert store.durable(stored.digest).result(60) is False
    assert store.flush(60)
    assert restored(store, find(store, TEXT)) == state_of(TEXT).tobytes()
    assert store.stats().tiers["disk"].size_bytes == 0
    assert find(store, TEXT).tier == Tier.RAM


def test_a_file_that_cannot_be_written_and_has_no_place_in_memory_is_forgotten(tmp_path):
    store = open_store(tmp_path, ram_bytes=0)
    for path in tmp_path.iterdir():
        path.rmdir()
    keep(store, TEXT, shared=40)
    assert store.flush(60)
    assert find(store, TEXT) is None
    assert not store.list()


def test_a_folder_that_cannot_be_used_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Unavailable, match="choose another"):
        open_store(tmp_path / "file")


def test_a_match_that_was_evicted_meanwhile_is_refused():
    store = open_store(None)
    keep(store, TEXT)
    match = find(store, TEXT)
    store.drop("ada")
    with pytest.raises(Invalid) as refused:
        store.load(match)
    assert refused.value.code == "activation_gone"


# --- removing


def test_dropping_an_owner_removes_all_their_files_and_only_theirs(tmp_path):
    """Delta nodes under shared parents too, of other engines too, and what is still being written."""
    other = open_store(tmp_path, fingerprint="model b")
    keep(other, TEXT, "ada", shared=40)
    other.close()
    store = open_store(tmp_path)
    keep(store, TEXT, "ada", shared=40)
    keep(store, [*TEXT[:40], 5], "ben", shared=40)
    for i in range(20):
        keep(store, random.Random(i).choices(range(9999), k=5000), "ada")
    removed = store.drop("ada")
    assert len(removed.digests) > 20
    assert removed.files >= 1  # the other engine's; how many more were written already is up to the writer
    assert not store.list("ada")
    assert find(store, TEXT, "ada") is None
    store.close()
    assert len(state_files(tmp_path)) == 3  # the two shared parts, and ben's
    assert not list(tmp_path.rglob("*.tmp"))
    assert not erase_owner(tmp_path, "ada").files
    again = open_store(tmp_path)
    assert restored(again, find(again, [*TEXT[:40], 5], "ben")) == state_of([*TEXT[:40], 5]).tobytes()


def test_what_is_dropped_while_it_is_being_written_does_not_appear_afterwards(tmp_path, caplog):
    store = open_store(tmp_path, codec=FourBytes(slices=False), ram_bytes=0, disk_bytes=1 << 30)
    for n in range(3):
        for salt in ("ada", "ben"):  # the second one waits behind the first
            store.keep([n], [Boundary(length=1, salt=salt)], np.ones(24 << 20, np.uint8), build_s=1.0, labels={})
        deadline = time.monotonic() + 60
        while not list(tmp_path.rglob("*.safetensors*")) and time.monotonic() < deadline:
            time.sleep(0.001)
        store.drop("ben")
        store.drop("ada")
        assert not list(tmp_path.rglob("*.safetensors*"))
        assert store.flush(60)
        assert not list(tmp_path.rglob("*.safetensors*"))
    assert store.stats().waiting_bytes == 0
    assert not caplog.records
    store.close()


def test_dropping_a_shared_part_takes_along_what_follows_it(tmp_path):
    store = open_store(tmp_path)
    keep(store, TEXT, "ada", shared=40)
    store.flush()
    removed = store.drop("all")
    assert len(removed.digests) == removed.files == 2
    assert not store.list()
    store.close()
    assert not state_files(tmp_path)


def test_dropping_by_digest_heeds_the_owner():
    store = open_store(None)
    ada, ben = keep(store, TEXT, "ada"), keep(store, TEXT, "ben")
    assert not store.drop("ada", [ben.digest]).digests
    assert store.drop("ben", [ben.digest]).digests == [ben.digest]
    assert store.drop(digests=[ada.digest, "unknown"]).digests == [ada.digest]
    with pytest.raises(ValueError, match="owner"):
        store.drop()


def test_an_owner_is_erased_without_an_engine_even_what_is_damaged(tmp_path):
    for model in ("model a", "model b"):
        store = open_store(tmp_path, fingerprint=model)
        keep(store, TEXT, "ada")
        keep(store, TEXT, "ben")
        store.close()
    for path in state_files(tmp_path)[:2]:
        os.truncate(path, 20)
    assert erase_owner(tmp_path, "ada").files == 2
    assert len(state_files(tmp_path)) == 2


def test_a_folder_is_listed_without_an_engine(tmp_path):
    clock = Clock()
    store = open_store(tmp_path, clock=clock)
    keep(store, TEXT, "ada", shared=40, labels={"cubes": ["c1", "c2"]})
    store.load(find(store, TEXT))
    live = {s.digest: s for s in store.list()}
    store.close()
    entries = {entry.stored.digest: entry for entry in read_folder(tmp_path, verify=True)}
    assert entries.keys() == live.keys()
    for digest, entry in entries.items():
        assert entry.fingerprint == "model a"
        assert entry.file_bytes == entry.path.stat().st_size
        for name in ("length", "start", "size_bytes", "uses", "labels", "last_used_at", "parent", "salt_hash"):
            assert getattr(entry.stored, name) == getattr(live[digest], name)
    path = state_files(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert [entry.stored is None for entry in read_folder(tmp_path)] == [False, False]
    assert [entry.stored is None for entry in read_folder(tmp_path, verify=True)] == [True, False]
    assert not list(read_folder(tmp_path / "nowhere"))
