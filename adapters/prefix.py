"""Two token sequences in, how much they share out."""

from collections.abc import Sequence
from typing import Final

LEAST_SHARED: Final = 32  #: tokens: fewer are computed as fast as they are found
_FIRST_STEP: Final = 16  #: tokens


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many leading tokens are equal; compares slices, at C speed."""
    limit = min(len(left), len(right))
    start, step = 0, _FIRST_STEP
    while start < limit and left[start : start + step] == right[start : start + step]:
        start += step
        step *= 2
    end = min(start + step, limit)
    while start < end:  # those before start are equal, those before end are not all
        middle = (start + end + 1) // 2
        if left[start:middle] == right[start:middle]:
            start = middle
        else:
            end = middle - 1
    return min(start, limit)
