"""A model file's header and a machine's free memory in, how large a context is made out: before anything is allocated.

The law: what cannot fit is refused in words instead of being killed. The estimate follows llama.cpp's own layout: one
unified cache of cells in which sliding-window layers are kept whole too, a mask of cells by tokens, one logit for each
token of the vocabulary. It may be too high (shared layers), hardly too low.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.gguf_header import GgufHeader
from memory.errors import Invalid

#: bytes of how many values, by ggml's name
KV_BLOCKS: Final = {"f32": (4, 1), "f16": (2, 1), "bf16": (2, 1), "q8_0": (34, 32), "q4_0": (18, 32)}
MOST_DEFAULT_CELLS: Final = 32768
DEFAULT_REQUESTS: Final = 8  #: so many requests of the trained length there is room for, where memory and the cap allow
UNKNOWN_TRAINED: Final = 4096
MICRO_BATCH: Final = 512  #: tokens that llama.cpp computes at once
_LEAST_CELLS = 2048  #: below it a default is of no use
_STEP = 256  #: llama.cpp rounds contexts up to it
_BASE_BYTES = 64 << 20  #: scratch of threads, tables, allocator
_UNLIMITED_BYTES = 1 << 60  #: how cgroup v1 writes that there is no limit
_GIB = float(1 << 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextWish:
    """How the context is to be made; ``cells`` None: as many as make sense."""

    cells: int | None
    sequences: int
    batch_tokens: int
    kv_type: str
    flash_attention: bool
    gpu_layers: int = 0  #: -1: all; 0 as well when nothing can be put on a GPU
    parked_bytes: int = 0  #: of saved sequences beside the context, of which there are no more than it has cells


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Bytes that can still be had; None: not known."""

    host_bytes: int | None
    gpu_bytes: int | None = None
    limited_by: str = ""  #: what sets the limit when it is not the machine


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPlan:
    """How many cells, and why."""

    cells: int
    reason: str
    weights_bytes: int
    context_bytes: int
    compute_bytes: int

    @property
    def line(self) -> str:
        """One line for the log."""
        return (
            f"a context of {self.cells} tokens for all requests together ({self.reason}): {_gib(self.context_bytes)}, "
            f"beside {_gib(self.weights_bytes)} of weights and {_gib(self.compute_bytes)} to compute with"
        )


class ContextCost:
    """What a model's context takes, by the number of its cells."""

    def __init__(self, header: GgufHeader, wish: ContextWish) -> None:
        self.layers = header.number("block_count")
        self.weights_bytes = header.size_bytes
        self.cell_bytes = kv_bytes_per_token(header, wish.kv_type)
        self._states_bytes = state_bytes(header) * wish.sequences
        self._parked_bytes = wish.parked_bytes
        tokens = min(MICRO_BATCH, max(wish.batch_tokens, wish.sequences))
        heads = header.number("attention.head_count")
        self._mask_bytes = tokens * (2 if wish.flash_attention else 4 + 4 * heads)  # without it all scores stand there
        outputs = (wish.sequences + 1) * header.vocabulary  # one more sequence is kept for putting states together
        self._fixed_bytes = _BASE_BYTES + 4 * (outputs + tokens * max(header.vocabulary, _activations(header)))

    def context_bytes(self, cells: int) -> int:
        """Return the bytes of keys, values and recurrent states."""
        return cells * self.cell_bytes + self._states_bytes

    def compute_bytes(self, cells: int) -> int:
        """Return the bytes of scratch, output and saved sequences."""
        return cells * self._mask_bytes + self._fixed_bytes + min(self._parked_bytes, cells * self.cell_bytes)

    def most_cells(self, free_bytes: int, share: float = 1.0) -> int:
        """Return how many cells there can be where so many bytes hold this share of them; at least 0."""
        free_bytes -= self._fixed_bytes + self._parked_bytes + int(self._states_bytes * share)
        return max(0, int(free_bytes / (self.cell_bytes * share + self._mask_bytes)) // _STEP * _STEP)


def plan_context(header: GgufHeader, wish: ContextWish, free: FreeMemory | None) -> ContextPlan:
    """Return the context to make; ``free`` None: whatever is there is taken.

    Raises: Invalid (``context_too_large``): it does not fit, with what it needs, what there is and what would help.
    """
    if not wish.flash_attention and wish.kv_type.startswith("q"):
        raise Invalid(
            f"--kv-type {wish.kv_type} needs flash attention: set engine.flash_attention to true, or --kv-type f16.",
            param="engine.kv_type",
        )
    cost = ContextCost(header, wish)
    cells, reason = (wish.cells, "as configured") if wish.cells else _default_cells(header, wish, cost, free)
    for place in _places(cost, wish, free):
        place.check(cells, wish)
    return ContextPlan(
        cells=cells,
        reason=reason,
        weights_bytes=cost.weights_bytes,
        context_bytes=cost.context_bytes(cells),
        compute_bytes=cost.compute_bytes(cells),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Memory of one kind, and the share of the model's layers that lies in it."""

    name: str
    free_bytes: int
    share: float
    cost: ContextCost

    @property
    def spare_bytes(self) -> int:
        """What the weights leave, as if this place, which holds a share of the context, held all of it."""
        return int((self.free_bytes - self.cost.weights_bytes * self.share) / self.share)

    def check(self, cells: int, wish: ContextWish) -> None:
        """Raises: Invalid: it does not fit."""
        weights = int(self.cost.weights_bytes * self.share)
        context = int(self.cost.context_bytes(cells) * self.share)
        compute = self.cost.compute_bytes(cells)
        needed = weights + context + compute
        if needed <= self.free_bytes:
            return
        raise Invalid(
            f"The model does not fit: it needs {_gib(needed)} ({_gib(weights)} of weights, "
            f"{_gib(context)} for a context of {cells} tokens in {wish.kv_type}, {_gib(compute)} to compute with), and "
            f"{_gib(self.free_bytes)} are available {self.name}. {self._advice(cells, wish)} "
            "To try it all the same: --set engine.check_memory=false.",
            param="engine.context_tokens",
            code="context_too_large",
        )

    def _advice(self, cells: int, wish: ContextWish) -> str:
        left = self.free_bytes - int(self.cost.weights_bytes * self.share)
        most = self.cost.most_cells(left, self.share)
        if most < _STEP:
            return "Take a smaller model, or a smaller quantization of this one."
        saved = cells * self.cost.cell_bytes * 15 // 32  # of 16 bits a value, 7.5
        needed = (self.cost.context_bytes(cells) - saved) * self.share + self.cost.compute_bytes(cells)
        may_halve = wish.kv_type == "f16" and wish.flash_attention and needed <= left
        return f"--ctx-size {most} fits{', or --kv-type q8_0' if may_halve else ''}."


def _places(cost: ContextCost, wish: ContextWish, free: FreeMemory | None) -> Iterator[_Place]:
    if free is None:
        return
    layers = max(1, cost.layers)
    share = 1.0 if wish.gpu_layers < 0 else min(1.0, wish.gpu_layers / layers)
    if free.host_bytes is not None:
        yield _Place(free.limited_by or "on this machine", free.host_bytes, 1.0 - share, cost)
    if free.gpu_bytes is not None and share:
        yield _Place("on the GPU", free.gpu_bytes, share, cost)


def _default_cells(
    header: GgufHeader, wish: ContextWish, cost: ContextCost, free: FreeMemory | None
) -> tuple[int, str]:
    """As many as several requests of the trained length take, up to a cap, in half of what the weights leave."""
    trained = header.trained_tokens or UNKNOWN_TRAINED
    wanted = min(DEFAULT_REQUESTS * trained, MOST_DEFAULT_CELLS)
    reason = f"{DEFAULT_REQUESTS} times the trained {trained}"
    if wanted < DEFAULT_REQUESTS * trained:
        reason = f"{MOST_DEFAULT_CELLS} unless --ctx-size says otherwise; trained for {trained}"
    spare = min((place.spare_bytes for place in _places(cost, wish, free) if place.share), default=None)
    if spare is None:
        return wanted, reason
    least = min(trained, _LEAST_CELLS)
    fitting = cost.most_cells(spare // 2)
    if fitting >= wanted:
        return wanted, reason
    if fitting < least:
        return least, f"the least that is of use; {_gib(spare)} are left beside the weights"
    return fitting, f"half of the {_gib(spare)} that are left beside the weights; trained for {trained}"


def kv_bytes_per_token(header: GgufHeader, kv_type: str) -> int:
    """Return the bytes that one token takes in the cache, over all layers."""
    layers = header.number("block_count")
    heads = header.per_layer("attention.head_count", layers, 0)
    kv_heads = header.per_layer("attention.head_count_kv", layers, max(heads, default=0))
    head_size = header.number("embedding_length") // max(1, max(heads, default=1))
    key = max(header.number("attention.key_length", head_size), header.number("attention.key_length_swa"))
    value = max(header.number("attention.value_length", head_size), header.number("attention.value_length_swa"))
    if header.number("attention.key_length_mla"):
        value = 0  # with latent attention values are read out of the keys
    interval = header.number("full_attention_interval")  # the layers between are recurrent
    counted = kv_heads if not interval else kv_heads[interval - 1 :: interval]
    size_bytes, values = KV_BLOCKS[kv_type]
    return sum(count * (key + value) for count in counted) * size_bytes // values


def state_bytes(header: GgufHeader) -> int:
    """Return the bytes of one sequence's recurrent state over all layers; 0 for a plain transformer."""
    inner, state = header.number("ssm.inner_size"), header.number("ssm.state_size")
    kernel, groups = header.number("ssm.conv_kernel"), header.number("ssm.group_count")
    width = header.number("embedding_length")
    values = state * inner + max(0, kernel - 1) * (inner + 2 * groups * state)
    values += max(0, header.number("shortconv.l_cache") - 1) * width
    if head := header.number("wkv.head_size"):
        values += (head + header.number("token_shift_count", 2)) * width
    if head := header.number("kda.head_dim"):
        values = header.number("attention.head_count") * head * (head + 3 * max(3, kernel - 1))
    layers = header.number("block_count")
    kv_heads = header.metadata.get(f"{header.architecture}.attention.head_count_kv")
    if isinstance(kv_heads, tuple) and "falcon-h1" not in header.architecture:
        layers = sum(not heads for heads in kv_heads)  # those without attention
    return 4 * values * layers


def _activations(header: GgufHeader) -> int:
    """Return the most values that stand for one token between two layers."""
    experts = header.number("expert_used_count") * header.number("expert_feed_forward_length")
    inner = max(header.number("feed_forward_length"), experts, 2 * header.number("ssm.inner_size"))
    return 6 * header.number("embedding_length") + 3 * inner


def free_memory(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> FreeMemory:
    """Return what this process can still have: the machine's memory, or what its container leaves it."""
    machine = _available(proc / "meminfo")
    limits = [*_cgroup_v2(proc, cgroup), *_cgroup_v1(cgroup / "memory")]
    if limits and (machine is None or min(limits) < machine):
        return FreeMemory(min(limits), limited_by="inside this container's memory limit")
    return FreeMemory(machine)


def _available(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return _most_of_all()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)


def _most_of_all() -> int | None:
    """Return three quarters of the machine's memory: what is in use cannot be asked for everywhere."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4
    except (ValueError, OSError, AttributeError):
        return None


def _cgroup_v2(proc: Path, root: Path) -> Iterator[int]:
    """Yield what each group above this process still allows; pages of files can be given back at any time."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    own = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    folder = root / own
    for group in (folder, *folder.parents):
        left = _left(group, ("memory.max", "memory.current"), ("inactive_file ", "active_file "))
        if left is not None:
            yield left
        if group == root:
            return


def _cgroup_v1(group: Path) -> Iterator[int]:
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    left = _left(group, names, ("total_inactive_file ", "total_active_file "))
    if left is not None:
        yield left


def _left(group: Path, names: tuple[str, str], reclaimable: Sequence[str]) -> int | None:
    try:
        limit, used = (int((group / name).read_text()) for name in names)
        lines = (group / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # "max": no limit
        return None
    if limit >= _UNLIMITED_BYTES:
        return None
    files = sum(int(line.split()[1]) for line in lines if line.startswith(tuple(reclaimable)))
    return max(0, limit - used + files)


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.1f} GiB" if size_bytes >= _GIB / 10 else f"{size_bytes / (1 << 20):.0f} MiB"
