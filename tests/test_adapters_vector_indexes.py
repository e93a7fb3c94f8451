"""What every vector index keeps to, exact or approximate: the same cases against each that is installed."""

import importlib.util
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.flat import Flat

D = 8
KINDS = ["flat", "chroma"] if importlib.util.find_spec("chromadb") else ["flat"]


def unit(seed: int, dimension: int = D) -> np.ndarray:
    v = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    return v / np.linalg.norm(v)


def opened(kind, folder):
    if kind == "flat":
        return Flat()
    from adapters.chroma import Chroma

    return Chroma(folder)


@pytest.fixture(params=KINDS)
def index(request, tmp_path):
    made = opened(request.param, tmp_path / "index")
    yield made
    if hasattr(made, "close"):
        made.close()


def load(index, partition, rows):
    vectors = np.stack(list(rows.values())) if rows else np.zeros((0, 0), np.float32)
    index.load(partition, list(rows), vectors)


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "remove"]), st.sampled_from("ab"), st.integers(0, 12), st.integers(0, 999)),
    max_size=12,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=STEPS)
def test_after_any_adds_and_removes_it_finds_what_the_vault_has(kind, tmp_path, script):
    """Whatever an index forgets on the way it loads again, and partitions never meet."""
    index, truth = opened(kind, tmp_path / "index"), {"a": {}, "b": {}}
    for partition in truth:
        index.drop(partition)
        load(index, partition, {})
    for what, partition, number, seed in script:
        name = f"{partition}{number}"
        if what == "add":
            truth[partition][name] = unit(seed)
            index.add(partition, [name], unit(seed)[None])
        else:
            truth[partition].pop(name, None)
            index.remove(partition, [name])
    query = unit(12345)
    for partition, rows in truth.items():
        if not index.loaded(partition):
            load(index, partition, rows)
        ids, cosines = index.search(partition, query)
        assert sorted(ids) == sorted(rows)
        for cube_id, cosine in zip(ids, cosines, strict=True):
            assert abs(cosine - rows[cube_id] @ query) < 1e-5
        held = index.vectors(partition, [*rows, "nobody"])
        assert set(held) == set(rows)
        assert all(np.allclose(held[cube_id], row, atol=1e-6) for cube_id, row in rows.items())
    if kind == "chroma":
        index.close()


def test_what_is_not_loaded_is_empty_and_waits_for_the_vault(index):
    index.add("a", ["x"], unit(1)[None])
    assert not index.loaded("a")
    assert index.search("a", unit(1))[0] == []
    assert index.vectors("a", ["x"]) == {}
    index.remove("a", ["x"])
    index.drop("a")


def test_loading_replaces_what_was_there(index):
    load(index, "a", {"x": unit(1), "y": unit(2)})
    load(index, "a", {"y": unit(3), "z": unit(4)})
    ids, _ = index.search("a", unit(3))
    assert sorted(ids) == ["y", "z"]
    assert np.allclose(index.vectors("a", ["y"])["y"], unit(3), atol=1e-6)


def test_the_nearest_of_many_are_found(index):
    """An approximate index may return fewer; the best ten are among them."""
    rows = {f"m{i}": unit(i, 384) for i in range(2000)}
    load(index, "a", rows)
    query = unit(5000, 384)
    ids, cosines = index.search("a", query)
    exact = sorted(rows, key=lambda name: -float(rows[name] @ query))[:10]
    found = [ids[row] for row in np.argsort(-cosines)[:10]]
    assert len(set(found) & set(exact)) >= 9


chroma_only = pytest.mark.skipif("chroma" not in KINDS, reason="chromadb is not installed")


@chroma_only
def test_files_outlive_the_process_and_are_brought_in_step(tmp_path):
    """After a restart only what changed meanwhile is written; what the vault no longer has is not found."""
    rows = {f"m{i}": unit(i) for i in range(20)}
    first = opened("chroma", tmp_path)
    load(first, "spc_1/task", rows)
    first.close()
    again = opened("chroma", tmp_path)
    assert again.kept() == ["spc_1/task"]
    assert not again.loaded("spc_1/task")
    rows.pop("m3")
    rows["new"] = unit(77)
    load(again, "spc_1/task", rows)
    assert sorted(again.search("spc_1/task", unit(5))[0]) == sorted(rows)
    again.close()


@chroma_only
def test_what_is_removed_is_in_no_file_any_more(tmp_path):
    """Ids and vectors: Chroma itself leaves both in its files."""
    index = opened("chroma", tmp_path)
    gone, stays = unit(1, 384), unit(2, 384)
    load(index, "docs_a", {"mem_gone": gone, "mem_stays": stays})
    load(index, "docs_b", {"mem_other": stays})
    assert holding(tmp_path, b"mem_gone")
    index.remove("docs_a", ["mem_gone"])
    assert not holding(tmp_path, b"mem_gone")
    assert not holding(tmp_path, gone.tobytes())
    assert holding(tmp_path, b"mem_other")
    assert not index.loaded("docs_a")
    index.close()


def holding(folder, sought):
    return [path for path in folder.rglob("*") if path.is_file() and sought in path.read_bytes()]


@chroma_only
@pytest.mark.parametrize("harm", ["database", "graph", "folder"])
def test_damaged_files_are_built_again(tmp_path, harm):
    rows = {f"m{i}": unit(i, 384) for i in range(1200)}
    first = opened("chroma", tmp_path)
    load(first, "docs_a", rows)
    first.close()
    (folder,) = (tmp_path / "0" / "docs_a").iterdir()
    if harm == "database":
        (folder / "chroma.sqlite3").write_bytes(b"no database at all" * 1000)
    elif harm == "graph":
        for path in folder.rglob("*.bin"):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    else:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = opened("chroma", tmp_path)
    load(again, "docs_a", rows)
    if not again.search("docs_a", rows["m7"])[0]:  # found out when it was asked: it is loaded anew the next time
        assert not again.loaded("docs_a")
        load(again, "docs_a", rows)
    ids, cosines = again.search("docs_a", rows["m7"])
    assert ids[int(np.argmax(cosines))] == "m7"
    again.close()


@chroma_only
def test_two_processes_never_share_files(tmp_path):
    """Two of them on one database break it. What one drops is dropped for both."""
    one, two = opened("chroma", tmp_path), opened("chroma", tmp_path)
    for index in (one, two):
        load(index, "docs_a", {"mem_gone": unit(1)})
    assert len(holding(tmp_path, b"mem_gone")) >= 2
    two.drop("docs_a")
    assert not holding(tmp_path, b"mem_gone")
    load(one, "docs_a", {"mem_new": unit(2)})
    assert one.search("docs_a", unit(2))[0] == ["mem_new"]
    one.close()
    two.close()


@chroma_only
def test_a_few_partitions_are_open_at_once(tmp_path):
    from adapters.chroma import Chroma

    index = Chroma(tmp_path, open_partitions=2)
    for name in "abc":
        load(index, name, {f"m_{name}": unit(1)})
    assert [index.loaded(name) for name in "abc"] == [False, True, True]
    load(index, "a", {"m_a": unit(1)})
    assert index.search("a", unit(1))[0] == ["m_a"]
    index.close()
