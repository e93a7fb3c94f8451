"""How large a context is made: the estimate against what llama.cpp allocates, and the choice against what is free."""

import logging
import re

import pytest

from adapters.embedded import gguf_path
from adapters.gguf_header import read_header, read_language_model
from adapters.llama_context import ContextOptions
from adapters.llama_cpp import free_gpu_bytes, load_model, new_context
from adapters.llama_memory import (
    MOST_DEFAULT_CELLS,
    ContextCost,
    ContextWish,
    FreeMemory,
    free_memory,
    kv_bytes_per_token,
    plan_context,
    state_bytes,
)
from memory.errors import Invalid
from tests.gguf_files import Shape, write_header, write_model
from tests.test_adapters_llama_architectures import write_recurrent, write_sliding_window

MIB, GIB = 1 << 20, 1 << 30
SMALL = Shape()
WIDE = Shape(layers=6, width=1024, heads=16, kv_heads=4, inner=4096, vocabulary=32000)
UNEVEN = Shape(layers=4, width=256, heads=8, kv_heads=(1, 4, 8, 2), architecture="deci")


def wish(cells=None, **more):
    options = {"sequences": 32, "batch_tokens": 512, "kv_type": "f16", "flash_attention": True, **more}
    return ContextWish(cells=cells, **options)


# Against llama.cpp


def allocated(caplog, path, wanted):
    """Load the model and return what llama.cpp says it allocated: bytes by the kind of buffer."""
    options = ContextOptions(
        context_tokens=wanted.cells,
        max_sequences=wanted.sequences,
        batch_tokens=wanted.batch_tokens,
        kv_type=wanted.kv_type,
        flash_attention="on" if wanted.flash_attention else "off",
    )
    with caplog.at_level(logging.DEBUG, logger="adapters.llama_cpp"):
        new_context(load_model(path), options).close()
    found = re.findall(r": +CPU +(\w+) buffer size = +([\d.]+) MiB", caplog.text)
    caplog.clear()
    return {kind: sum(float(size) for name, size in found if name == kind) * MIB for kind, _ in found}


def embedded(_path):
    return gguf_path()


@pytest.mark.engine
@pytest.mark.parametrize(
    ("write", "wanted"),
    [
        (embedded, wish(16384)),
        (embedded, wish(4096, flash_attention=False)),
        (embedded, wish(65536, kv_type="q8_0")),
        (SMALL, wish(4096, sequences=4, batch_tokens=64)),
        (WIDE, wish(8192)),
        (WIDE, wish(8192, kv_type="q4_0", sequences=64)),
        (WIDE, wish(4096, kv_type="bf16", batch_tokens=2048)),
        (WIDE, wish(4096, kv_type="f32", flash_attention=False)),
        (write_sliding_window, wish(8192)),
        (write_recurrent, wish(4096)),
    ],
)
def test_the_estimate_covers_what_llama_cpp_allocates_and_little_more(tmp_path, caplog, write, wanted):
    path = tmp_path / "m.gguf"
    path = write_model(path, write) if isinstance(write, Shape) else write(path)
    found = allocated(caplog, path, wanted)
    cost = ContextCost(read_language_model(path), wanted)
    memory = found.get("KV", 0) + found.get("RS", 0)
    assert memory <= cost.context_bytes(wanted.cells) + MIB / 50  # the log rounds
    assert cost.context_bytes(wanted.cells) <= memory * 1.05
    scratch = found["compute"] + found["output"]
    assert scratch <= cost.compute_bytes(wanted.cells) <= scratch * 1.3 + 80 * MIB


@pytest.mark.engine
def test_the_graphics_memory_is_asked_of_the_library():
    """Without a GPU in the build there is none to plan with; with one it is a number."""
    assert free_gpu_bytes() is None or free_gpu_bytes() > 0


# From the header alone


@pytest.mark.parametrize(
    ("architecture", "metadata", "kib"),
    [
        ("llama", {"block_count": 32, "embedding_length": 4096, "attention.head_count": 32}, 512),  # Llama 2 7B
        (  # Llama 3.1 8B
            "llama",
            {"block_count": 32, "embedding_length": 4096, "attention.head_count": 32, "attention.head_count_kv": 8},
            128,
        ),
        (  # Qwen 2.5 0.5B
            "qwen2",
            {"block_count": 24, "embedding_length": 896, "attention.head_count": 14, "attention.head_count_kv": 2},
            12,
        ),
        (  # Gemma 2 2B: its heads are larger than its width says
            "gemma2",
            {
                "block_count": 26,
                "embedding_length": 2304,
                "attention.head_count": 8,
                "attention.head_count_kv": 4,
                "attention.key_length": 256,
                "attention.value_length": 256,
            },
            104,
        ),
        (  # DeepSeek V3: latent attention, values are part of the keys
            "deepseek2",
            {
                "block_count": 61,
                "embedding_length": 7168,
                "attention.head_count": 128,
                "attention.head_count_kv": 1,
                "attention.key_length": 576,
                "attention.value_length": 512,
                "attention.key_length_mla": 192,
                "attention.value_length_mla": 128,
            },
            68.625,
        ),
        (  # Qwen3-Next 80B: every fourth layer attends
            "qwen3next",
            {
                "block_count": 48,
                "embedding_length": 2048,
                "attention.head_count": 16,
                "attention.head_count_kv": 2,
                "attention.key_length": 256,
                "attention.value_length": 256,
                "full_attention_interval": 4,
            },
            24,
        ),
    ],
)
def test_what_a_token_takes_is_what_is_known_of_well_known_models(tmp_path, architecture, metadata, kib):
    keys = {f"{architecture}.{name}": value for name, value in metadata.items()}
    header = read_header(write_header(tmp_path / "m.gguf", architecture, keys))
    assert kv_bytes_per_token(header, "f16") == kib * 1024
    assert kv_bytes_per_token(header, "f32") == kib * 2048
    assert kv_bytes_per_token(header, "q8_0") == pytest.approx(kib * 1024 * 17 / 32)
    assert state_bytes(header) == 0


def test_layers_of_different_width_are_added_up(tmp_path):
    header = read_header(write_model(tmp_path / "m.gguf", UNEVEN))
    assert kv_bytes_per_token(header, "f16") == 15 * 2 * 32 * 2


# The choice


@pytest.fixture(scope="module")
def eight_b(tmp_path_factory):
    """The header of Llama 3.1 8B, without its weights."""
    names = {"block_count": 32, "embedding_length": 4096, "feed_forward_length": 14336, "context_length": 131072}
    names |= {"attention.head_count": 32, "attention.head_count_kv": 8, "vocab_size": 128256}
    path = tmp_path_factory.mktemp("models") / "eight_b.gguf"
    return read_header(write_header(path, "llama", {f"llama.{name}": value for name, value in names.items()}))


def plan(header, free, **more):
    return plan_context(header, wish(**more), free)


def test_a_short_model_gets_room_for_several_requests(tmp_path):
    header = read_header(write_model(tmp_path / "m.gguf", Shape(trained=2048)))
    assert plan(header, FreeMemory(GIB)).cells == 16384


def test_a_long_model_gets_no_more_than_the_cap(eight_b):
    chosen = plan(eight_b, FreeMemory(64 * GIB))
    assert chosen.cells == MOST_DEFAULT_CELLS
    assert "trained for 131072" in chosen.line
    assert "4.0 GiB" in chosen.line


def test_half_of_what_the_weights_leave_is_taken_at_most(eight_b):
    chosen = plan(eight_b, FreeMemory(4 * GIB))
    assert chosen.cells < MOST_DEFAULT_CELLS
    assert 1.9 * GIB < chosen.context_bytes + chosen.compute_bytes <= 2 * GIB
    assert "half of the" in chosen.reason


def test_on_a_small_machine_the_least_that_is_of_use_is_tried(eight_b):
    chosen = plan(eight_b, FreeMemory(800 * MIB))
    assert chosen.cells == 2048
    with pytest.raises(Invalid):
        plan(eight_b, FreeMemory(500 * MIB))


def test_what_does_not_fit_is_refused_with_need_stock_and_remedy(eight_b):
    with pytest.raises(Invalid) as caught:
        plan(eight_b, FreeMemory(12 * GIB, limited_by="inside this container's memory limit"), cells=131072)
    text = str(caught.value)
    assert caught.value.code == "context_too_large"
    assert "16.0 GiB for a context of 131072 tokens in f16" in text
    assert "12.0 GiB are available inside this container's memory limit" in text
    assert "engine.check_memory=false" in text
    most = int(re.search(r"--ctx-size (\d+) fits", text)[1])
    assert plan(eight_b, FreeMemory(12 * GIB), cells=most).cells == most, "what it proposes does fit"
    with pytest.raises(Invalid):
        plan(eight_b, FreeMemory(12 * GIB), cells=most + 1024)


def test_a_smaller_cache_is_proposed_only_where_it_would_do(eight_b):
    for free_gib, proposed in ((12, True), (6, False)):
        with pytest.raises(Invalid) as caught:
            plan(eight_b, FreeMemory(free_gib * GIB), cells=131072)
        assert ("--kv-type q8_0" in str(caught.value)) == proposed
        if proposed:
            assert plan(eight_b, FreeMemory(free_gib * GIB), cells=131072, kv_type="q8_0").cells == 131072


def test_weights_that_do_not_fit_ask_for_a_smaller_model(tmp_path):
    large = Shape(layers=8, width=4096, heads=32, kv_heads=8, inner=14336, vocabulary=32000)
    header = read_header(write_model(tmp_path / "m.gguf", large))
    with pytest.raises(Invalid, match="smaller quantization"):
        plan(header, FreeMemory(2 * GIB))


def test_nothing_is_refused_where_the_memory_is_not_known_or_not_to_be_looked_at(eight_b):
    for free in (None, FreeMemory(None)):
        assert plan(eight_b, free, cells=10_000_000).cells == 10_000_000
        assert plan(eight_b, free).cells == MOST_DEFAULT_CELLS


def test_layers_on_a_gpu_are_counted_there(eight_b):
    little = FreeMemory(2 * GIB, gpu_bytes=24 * GIB)
    assert plan(eight_b, little, gpu_layers=-1).cells == MOST_DEFAULT_CELLS
    assert plan(eight_b, little).cells < MOST_DEFAULT_CELLS, "none is put there unless asked for"
    with pytest.raises(Invalid, match="on the GPU"):
        plan(eight_b, FreeMemory(64 * GIB, gpu_bytes=8 * GIB), cells=131072, gpu_layers=-1)
    half = plan(eight_b, FreeMemory(4 * GIB, gpu_bytes=4 * GIB), gpu_layers=16)
    one = plan(eight_b, FreeMemory(4 * GIB))
    assert half.cells > one.cells


def test_a_quantized_cache_without_flash_attention_is_refused_in_words(eight_b):
    with pytest.raises(Invalid, match=r"engine\.flash_attention"):
        plan(eight_b, None, kv_type="q8_0", flash_attention=False)


# What is free


def machine(folder, available_kib, cgroup="0::/user/app"):
    (folder / "self").mkdir(parents=True)
    (folder / "self" / "cgroup").write_text(f"{cgroup}\n")
    (folder / "meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {available_kib} kB\n")


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def test_the_machines_memory_is_what_linux_says_is_available(tmp_path):
    machine(tmp_path / "proc", 8 << 20)
    assert free_memory(tmp_path / "proc", tmp_path / "none") == FreeMemory(8 * GIB)
    here = free_memory().host_bytes
    assert here is None or 64 * MIB < here < 1 << 50


def test_a_containers_limit_counts_and_cached_files_do_not(tmp_path):
    machine(tmp_path / "proc", 8 << 20)
    root = tmp_path / "cgroup"
    stat = f"anon 1\ninactive_file {GIB}\nactive_file {GIB}"
    group(root / "user", memory__max="max", memory__current=GIB, memory__stat=stat)
    group(root / "user/app", memory__max=4 * GIB, memory__current=3 * GIB, memory__stat=stat)
    free = free_memory(tmp_path / "proc", root)
    assert free.host_bytes == 3 * GIB
    assert "container" in free.limited_by
    group(root / "user", memory__max=2 * GIB, memory__current=GIB, memory__stat="inactive_file 0")
    assert free_memory(tmp_path / "proc", root).host_bytes == GIB, "the tightest of all groups above"


def test_the_old_kind_of_container_counts_too(tmp_path):
    machine(tmp_path / "proc", 8 << 20, cgroup="9:memory:/docker/x")
    limit = {"memory__usage_in_bytes": GIB, "memory__stat": "total_inactive_file 0"}
    group(tmp_path / "cgroup/memory", memory__limit_in_bytes=2 * GIB, **limit)
    assert free_memory(tmp_path / "proc", tmp_path / "cgroup").host_bytes == GIB
    group(tmp_path / "cgroup/memory", memory__limit_in_bytes=9223372036854771712, **limit)
    assert free_memory(tmp_path / "proc", tmp_path / "cgroup") == FreeMemory(8 * GIB), "no limit"
