"""What a GGUF file is, read from its header: everything that cannot be chatted with is told in one line."""

import contextlib
import random
import re

import gguf
import pytest

from adapters.embedded import gguf_path
from adapters.gguf_header import model_name, read_header, read_language_model
from memory.errors import EngineMissing, Invalid, MemoryFault
from tests.gguf_files import Shape, write_header, write_model


def told(path):
    """What the refusal says; it is one line and names the file."""
    with pytest.raises(MemoryFault) as caught:
        read_language_model(path)
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    return text


def test_the_embedded_model_is_read_as_the_gguf_package_reads_it():
    header, fields = read_language_model(gguf_path()), gguf.GGUFReader(str(gguf_path())).fields
    names = [name for name in fields if not name.startswith("GGUF.")]
    assert sorted({*header.metadata, *header.lengths}) == sorted(names)
    for name in names:
        contents = fields[name].contents()
        if name in header.lengths:
            assert header.lengths[name] == len(contents)
        else:
            assert header.metadata[name] == contents
    assert (header.architecture, header.trained_tokens) == ("qwen3", 2048)
    assert header.vocabulary == len(fields["tokenizer.ggml.tokens"].contents())
    assert header.size_bytes == gguf_path().stat().st_size


def test_one_value_a_layer_is_kept(tmp_path):
    header = read_header(write_model(tmp_path / "m.gguf", Shape(layers=3, kv_heads=(2, 0, 4), weights=False)))
    assert header.per_layer("attention.head_count_kv", 3, 9) == [2, 0, 4]
    assert header.per_layer("attention.head_count", 3, 9) == [4, 4, 4]
    assert header.per_layer("absent", 2, 9) == [9, 9]
    assert header.number("attention.head_count_kv") == 4


@pytest.mark.parametrize(
    ("architecture", "metadata", "tensors", "words"),
    [
        ("llama", {"general.type": "adapter", "adapter.type": "lora"}, 1, "is a LoRA adapter"),
        ("clip", {"general.type": "mmproj"}, 1, r"projector .*\(mmproj\)"),
        ("clip", {"clip.has_vision_encoder": True}, 1, r"projector .*\(mmproj\)"),
        ("imatrix", {"general.type": "imatrix"}, 1, "importance matrix"),
        ("bert", {"bert.block_count": 6}, 1, r"embedding model \(bert\)"),
        ("nomic-bert-moe", {}, 1, "embedding model"),
        ("gemma-embedding", {}, 1, "embedding model"),
        ("qwen3", {"qwen3.pooling_type": 3}, 1, "embedding model"),
        ("dream", {"dream.attention.causal": False}, 1, "left to right"),
        ("t5", {}, 1, "decoder-only"),
        ("llama", {"llama.block_count": 2}, 0, "a vocabulary and no weights"),
    ],
)
def test_what_cannot_be_chatted_with_says_what_it_is(tmp_path, architecture, metadata, tensors, words):
    assert re.search(words, told(write_header(tmp_path / "m.gguf", architecture, metadata, tensors)))


def test_chat_models_with_strange_names_are_taken(tmp_path):
    for architecture in ("pangu-embedded", "mamba", "qwen3"):
        path = write_header(tmp_path / f"{architecture}.gguf", architecture, {f"{architecture}.pooling_type": 0})
        assert read_language_model(path).architecture == architecture


def test_a_file_that_is_missing_or_something_else_is_told(tmp_path):
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "empty.gguf").touch()
    (tmp_path / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{" + b" " * 100)
    assert "a folder and no file" in told(tmp_path / "folder.gguf")
    assert "There is no file" in told(tmp_path / "absent.gguf")
    assert "is not a GGUF file" in told(tmp_path / "empty.gguf")
    assert "is not a GGUF file" in told(tmp_path / "model.safetensors")
    with pytest.raises(EngineMissing):
        read_language_model(tmp_path / "absent.gguf")


def test_a_download_that_broke_off_in_the_header_is_told(tmp_path):
    whole = gguf_path().read_bytes()
    for length in (30, 200, 5000):
        (tmp_path / "m.gguf").write_bytes(whole[:length])
        assert "cut short or damaged" in told(tmp_path / "m.gguf")


def test_no_bytes_bring_the_reader_down(tmp_path):
    """A header from the internet may say anything: every outcome is a header or a refusal, and it comes soon."""
    whole, dice = gguf_path().read_bytes()[:60_000], random.Random(1)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            damaged[dice.randrange(4, 400)] = dice.choice((0, 255, dice.randrange(256)))
        (tmp_path / "m.gguf").write_bytes(damaged)
        with contextlib.suppress(Invalid):
            read_language_model(tmp_path / "m.gguf")


# Split models


def split(folder, name, present, count=3):
    for number in present:
        part = folder / f"{name}-{number:05}-of-{count:05}.gguf"
        write_header(part, "llama", {"split.count": count, "split.no": number - 1})
    return folder / f"{name}-{present[0]:05}-of-{count:05}.gguf"


def test_a_split_model_is_as_large_as_all_its_parts_and_has_its_name(tmp_path):
    path = split(tmp_path, "Big-Q4_K_M", (1, 2, 3))
    header = read_language_model(path)
    assert header.size_bytes == sum(part.stat().st_size for part in tmp_path.iterdir())
    assert model_name(path) == "Big-Q4_K_M"
    assert model_name(gguf_path()) == "model"


def test_missing_parts_are_named(tmp_path):
    text = told(split(tmp_path, "big", (1, 3), count=7))
    assert "first of 7 parts" in text
    assert "big-00002-of-00007.gguf" in text
    assert "and 2 more" in text
    assert "big-00003" not in text


def test_of_a_later_part_the_first_is_named(tmp_path):
    split(tmp_path, "big", (1, 2, 3))
    assert str(tmp_path / "big-00001-of-00003.gguf") in told(tmp_path / "big-00002-of-00003.gguf")


def test_a_part_under_another_name_is_told(tmp_path):
    split(tmp_path, "big", (1, 2, 3)).rename(tmp_path / "mine.gguf")
    assert "NAME-00001-of-00003.gguf" in told(tmp_path / "mine.gguf")
