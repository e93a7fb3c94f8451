"""A fingerprint differs whenever anything that changes a model's states does, and costs reading the model only once."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.activation_store.fingerprint import fingerprint_of, model_file_hash
from memory.errors import Invalid

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
parts = st.dictionaries(st.text(), scalars | st.lists(scalars, max_size=3), max_size=4)


@given(parts, parts)
def test_a_fingerprint_is_the_same_only_for_the_same_parts(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (fingerprint_of(one) == fingerprint_of(other)) == same


def test_order_does_not_matter_and_types_do():
    assert fingerprint_of({"a": 1, "b": 2}) == fingerprint_of({"b": 2, "a": 1})
    assert len({fingerprint_of({"a": value}) for value in (1, 1.0, True, "1", [1], None)}) == 6


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, b"bytes"])
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        fingerprint_of({"a": value})


def test_a_models_hash_is_that_of_its_content_wherever_it_lies(tmp_path):
    cache = tmp_path / "cache" / "hashes.json"
    (tmp_path / "a.gguf").write_bytes(b"weights")
    (tmp_path / "b.gguf").write_bytes(b"weights")
    (tmp_path / "c.gguf").write_bytes(b"Weights")
    one, two, three = (model_file_hash(tmp_path / f"{name}.gguf", cache) for name in "abc")
    assert one == two != three
    assert len(one) == 64


def test_a_hash_is_taken_from_the_cache_until_the_file_changes(tmp_path):
    """Shown by a cache that says something else."""
    model, cache = tmp_path / "a.gguf", tmp_path / "hashes.json"
    model.write_bytes(b"weights")
    honest = model_file_hash(model, cache)
    entries = json.loads(cache.read_text())
    entries[str(model)][2] = "from the cache"
    cache.write_text(json.dumps(entries))
    assert model_file_hash(model, cache) == "from the cache"
    os.utime(model, ns=(0, 0))
    assert model_file_hash(model, cache) == honest
    model.write_bytes(b"Weights")
    assert model_file_hash(model, cache) != honest


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b"\xff", b'{"a": [1, 2]}'])
def test_a_damaged_cache_is_done_without(tmp_path, content):
    model, cache = tmp_path / "a.gguf", tmp_path / "hashes.json"
    model.write_bytes(b"weights")
    honest = model_file_hash(model, cache)
    cache.write_bytes(content)
    assert model_file_hash(model, cache) == honest
    assert json.loads(cache.read_text())[str(model)][2] == honest


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "a.gguf").write_bytes(b"weights")
    assert len(model_file_hash(tmp_path / "a.gguf", tmp_path / "file" / "hashes.json")) == 64
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gguf", "file"]


def test_models_that_are_gone_leave_the_cache(tmp_path):
    cache = tmp_path / "hashes.json"
    for name in "ab":
        (tmp_path / name).write_bytes(b"weights")
        model_file_hash(tmp_path / name, cache)
        (tmp_path / "a").unlink(missing_ok=True)
    assert list(json.loads(cache.read_text())) == [str(tmp_path / "b")]


def test_all_parts_of_a_split_model_count(tmp_path):
    cache = tmp_path / "hashes.json"
    for i in (1, 2):
        (tmp_path / f"big-0000{i}-of-00002.gguf").write_bytes(b"part %d" % i)
    (tmp_path / "big-00001-of-00003.gguf").write_bytes(b"another model")
    before = model_file_hash(tmp_path / "big-00001-of-00002.gguf", cache)
    (tmp_path / "big-00002-of-00002.gguf").write_bytes(b"changed")
    assert model_file_hash(tmp_path / "big-00001-of-00002.gguf", cache) != before


def test_a_folders_weights_and_settings_count_and_nothing_else(tmp_path):
    folder, cache = tmp_path / "model", tmp_path / "hashes.json"
    folder.mkdir()
    with pytest.raises(Invalid, match="safetensors"):
        model_file_hash(folder, cache)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    first = model_file_hash(folder, cache)
    (folder / "README.md").write_text("about")
    assert model_file_hash(folder, cache) == first
    (folder / "config.json").write_text('{"rope_theta": 1}')
    second = model_file_hash(folder, cache)
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    assert len({first, second, model_file_hash(folder, cache)}) == 3


def test_no_model_is_said(tmp_path):
    with pytest.raises(Invalid, match="no model"):
        model_file_hash(tmp_path / "nowhere.gguf", tmp_path / "hashes.json")
