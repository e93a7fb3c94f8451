"""The exact index finds what a naive product finds, whatever was added and removed, and partitions never meet."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.flat import Flat

D = 8


def unit(seed: int) -> np.ndarray:
    v = np.random.default_rng(seed).standard_normal(D).astype(np.float32)
    return v / np.linalg.norm(v)


steps = st.lists(
    st.tuples(st.sampled_from(["add", "remove"]), st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 999)),
    max_size=60,
)


@settings(max_examples=80, deadline=None)
@given(steps)
def test_search_equals_a_naive_product_after_any_adds_and_removes(script):
    index, truth = Flat(), {"a": {}, "b": {}}
    for partition in truth:
        index.load(partition, [], np.zeros((0, D), np.float32))
    for kind, partition, number, seed in script:
        name = f"{partition}{number}"
        if kind == "add":
            index.add(partition, [name], unit(seed)[None])
            truth[partition][name] = unit(seed)
        else:
            index.remove(partition, [name])
            truth[partition].pop(name, None)
    query = unit(12345)
    for partition, rows in truth.items():
        ids, scores = index.search(partition, query)
        assert sorted(ids) == sorted(rows)
        for cube_id, score in zip(ids, scores, strict=True):
            assert abs(score - rows[cube_id] @ query) < 1e-5


def test_the_only_vector_of_a_user_can_be_changed_and_removed():
    """What the vault loads cannot be written to; of one vector no copy is needed to turn it, so one must be made."""
    index = Flat()
    stored = np.frombuffer(unit(1).tobytes(), np.float32)[None]
    index.load("a", ["x"], stored)
    index.add("a", ["x"], unit(2)[None])
    ids, scores = index.search("a", unit(2))
    assert list(ids) == ["x"]
    assert scores[0] > 0.99
    index.remove("a", ["x"])
    assert list(index.search("a", unit(2))[0]) == []


def test_an_add_to_a_partition_that_is_not_loaded_waits_for_the_vault():
    index = Flat()
    index.add("a", ["x"], unit(1)[None])
    assert not index.loaded("a")
    assert index.search("a", unit(1))[0] == []


def test_the_least_used_partition_leaves_when_the_budget_is_full():
    rows = np.stack([unit(i) for i in range(100)])
    index = Flat(budget_bytes=4 * (rows.nbytes + 100 * 100) + 10)
    for name in ("a", "b", "c", "d"):
        index.load(name, [f"{name}{i}" for i in range(100)], rows)
    index.search("a", unit(0))
    index.load("e", [f"e{i}" for i in range(100)], rows)
    assert [name for name in "abcde" if index.loaded(name)] == ["a", "c", "d", "e"]


def test_what_one_search_needs_stays_together_however_large():
    """A user with more memories than the budget holds must not have them loaded anew at every search."""
    rows = np.stack([unit(i) for i in range(100)])
    index = Flat(budget_bytes=rows.nbytes // 2)
    for partition, held in (("mine", rows), ("mine_documents", rows[:0]), ("space", rows[:5])):
        index.load(partition, [f"{partition}{i}" for i in range(len(held))], held)
    assert all(map(index.loaded, ("mine", "mine_documents", "space")))
    index.load("theirs", [f"t{i}" for i in range(100)], rows)
    assert not index.loaded("mine")
