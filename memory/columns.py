"""One number a memory: columns in, what ranking computes of them out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]  # places in a column; -1: none
Numbers = NDArray[np.float32]

_SMALLEST = 1e-9
#: Least deviations of BM25 scores and of cosines: among few memories a deviation of almost zero means nothing.
LEXICAL_FLOOR, DENSE_FLOOR = 0.5, 0.05


def at(values: Numbers, rows: Rows) -> Numbers:
    """Return the values at these places, 0 where there is none."""
    return np.where(rows >= 0, values[rows], 0).astype(np.float32) if len(values) else values


def spread(values: Numbers, floor: float = _SMALLEST) -> tuple[float, float]:
    """Return the mean, and the deviation, which is at least ``floor``; of no values zero and ``floor``."""
    return (float(values.mean()), max(float(values.std()), floor)) if len(values) else (0.0, floor)


def z(values: Numbers, floor: float = _SMALLEST) -> Numbers:
    """Return the values in standard deviations from their mean; ``floor``: the least deviation."""
    mean, deviation = spread(values, floor)
    return ((values - np.float32(mean)) / np.float32(deviation)).astype(np.float32)


def best(values: Numbers, limit: int) -> list[int]:
    """Return the places of the greatest values, in no order."""
    if len(values) <= limit:
        return list(range(len(values)))
    found: list[int] = np.argpartition(values, -limit)[-limit:].tolist()
    return found


def nearest(ids: Sequence[str], similarities: Numbers, limit: int) -> dict[str, float]:
    """Return the most similar ones with their similarity, in no order."""
    return {ids[row]: float(similarities[row]) for row in best(similarities, limit)}
