"""A model folder and a machine's free memory in, how large a context is made out: before anything is loaded.

The law: what cannot fit is refused in words instead of being killed.
"""

from dataclasses import dataclass
from typing import Final

from adapters.llama_memory import (
    DEFAULT_REQUESTS,
    MOST_DEFAULT_CELLS,
    UNKNOWN_TRAINED,
    ContextPlan,
)
from adapters.transformers_folder import ModelFolder
from adapters.transformers_state import NUMBER_BYTES
from memory.errors import Invalid

_STEP: Final = 256
_LEAST_CELLS: Final = 2048  #: below it a default is of no use
_BASE_BYTES: Final = 256 << 20  #: what the library takes for itself
_GIB: Final = float(1 << 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderWish:
    """How the context is to be made; ``cells`` None: as many as make sense."""

    cells: int | None
    sequences: int
    batch_tokens: int
    dtype: str
    parked_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Cost:
    weights_bytes: int
    cell_bytes: int
    fixed_bytes: int
    parked_bytes: int

    def bytes(self, cells: int) -> int:
        """Return what is needed for so many cells."""
        parked = min(self.parked_bytes, cells * self.cell_bytes)
        return self.weights_bytes + cells * self.cell_bytes + self.fixed_bytes + parked

    def most_cells(self, free_bytes: int) -> int:
        """Return how many cells fit; at least 0."""
        left = free_bytes - self.weights_bytes - self.fixed_bytes - self.parked_bytes
        return max(0, left // max(1, self.cell_bytes) // _STEP * _STEP)


def plan_folder(folder: ModelFolder, wish: FolderWish, free_bytes: int | None, place: str) -> ContextPlan:
    """Return the context to make; ``free_bytes`` None: whatever is there is taken; ``place`` is where it is free.

    Raises: Invalid (``context_too_large``): it does not fit, with what it needs, what there is and what would help.
    """
    number_bytes = NUMBER_BYTES[wish.dtype]
    rows = min(wish.batch_tokens, 512)
    cost = _Cost(
        weights_bytes=folder.parameters * number_bytes,
        cell_bytes=folder.kv_numbers * number_bytes,
        fixed_bytes=_BASE_BYTES + 4 * (wish.sequences * folder.vocabulary + 16 * rows * folder.width),
        parked_bytes=wish.parked_bytes,
    )
    cells, reason = (wish.cells, "as configured") if wish.cells else _default_cells(folder, cost, free_bytes)
    if free_bytes is not None and cost.bytes(cells) > free_bytes:
        raise _too_large(cost, cells, wish, free_bytes, place)
    return ContextPlan(
        cells=cells,
        reason=reason,
        weights_bytes=cost.weights_bytes,
        context_bytes=cells * cost.cell_bytes,
        compute_bytes=cost.fixed_bytes + min(cost.parked_bytes, cells * cost.cell_bytes),
    )


def _default_cells(folder: ModelFolder, cost: _Cost, free_bytes: int | None) -> tuple[int, str]:
    """As many as several requests of the trained length take, up to a cap, in half of what the weights leave."""
    trained = folder.trained_tokens or UNKNOWN_TRAINED
    wanted = min(DEFAULT_REQUESTS * trained, MOST_DEFAULT_CELLS)
    if free_bytes is not None:
        fitting = cost.most_cells((free_bytes + cost.weights_bytes) // 2)
        if fitting < wanted:
            cells = max(fitting, min(trained, _LEAST_CELLS))
            return cells, f"half of the memory that is left beside the weights; trained for {trained}"
    return wanted, f"unless --ctx-size says otherwise; trained for {trained}"


def _too_large(cost: _Cost, cells: int, wish: FolderWish, free_bytes: int, place: str) -> Invalid:
    most = cost.most_cells(free_bytes)
    advice = f"--ctx-size {most} fits. " if most >= _STEP else "Take a smaller model, or a quantized GGUF file. "
    if wish.dtype == "float32" and most < cells:
        advice += "engine.dtype bfloat16 takes half. "
    return Invalid(
        f"The model does not fit: it needs {cost.bytes(cells) / _GIB:.1f} GiB ({cost.weights_bytes / _GIB:.1f} GiB of "
        f"weights in {wish.dtype}, {cells * cost.cell_bytes / _GIB:.1f} GiB for a context of {cells} tokens), and "
        f"{free_bytes / _GIB:.1f} GiB are available {place}. {advice}"
        "To try it all the same: --set engine.check_memory=false.",
        param="engine.context_tokens",
        code="context_too_large",
    )
