"""Sequences in, the rows of a cache that each of them holds out: who shares a row, and where a sequence grows.

The law: a row that several sequences hold is free when the last lets go. A sequence stays in one piece where it can:
what is in one piece is read where it lies, and anything else is copied together for every token.
"""

import numpy as np
import numpy.typing as npt

from adapters.generation import CellsExhausted

Rows = npt.NDArray[np.int64]


class CellMap:
    """Which of ``cells`` rows each sequence holds, in the order of its tokens."""

    def __init__(self, cells: int) -> None:
        self._holders = np.zeros(cells, np.uint16)  # of each row
        self._runs: dict[int, list[tuple[int, int]]] = {}
        self._free = cells

    @property
    def free(self) -> int:
        """Rows that nobody holds."""
        return self._free

    def length(self, sequence: int) -> int:
        """Return the number of tokens of a sequence."""
        return sum(stop - start for start, stop in self._runs.get(sequence, ()))

    def runs(self, sequence: int) -> list[tuple[int, int]]:
        """Return its pieces as first row and end."""
        return list(self._runs.get(sequence, ()))

    def grow(self, sequence: int, count: int) -> list[tuple[int, int]]:
        """Add rows at its end and return them. Raises: CellsExhausted, and nothing has changed."""
        if count > self._free:
            raise CellsExhausted("The context has no room for this batch.", retry_after_s=1.0)
        runs = self._runs.setdefault(sequence, [])
        added: list[tuple[int, int]] = []
        while count:
            start, stop = self._next(runs[-1][1] if runs else None, count)
            self._hold(start, stop)
            added.append((start, stop))
            count -= stop - start
            if runs and runs[-1][1] == start:
                runs[-1] = (runs[-1][0], stop)
            else:
                runs.append((start, stop))
        return added

    def fork(self, source: int, target: int, length: int) -> None:
        """Let the empty ``target`` share the first ``length`` tokens of ``source``."""
        shared = _first(self._runs.get(source, ()), length)
        for start, stop in shared:
            self._holders[start:stop] += 1
        self._runs[target] = shared

    def truncate(self, sequence: int, length: int) -> None:
        """Let go of all but the first ``length`` tokens."""
        runs = self._runs.pop(sequence, [])
        kept = _first(runs, length)
        for index, (start, stop) in enumerate(runs):
            first = kept[index][1] if index < len(kept) else start
            self._holders[first:stop] -= 1
            self._free += int(np.count_nonzero(self._holders[first:stop] == 0))
        if kept:
            self._runs[sequence] = kept

    def clear(self) -> None:
        """Forget all sequences."""
        self._runs.clear()
        self._holders[:] = 0
        self._free = len(self._holders)

    def _hold(self, start: int, stop: int) -> None:
        self._holders[start:stop] = 1
        self._free -= stop - start

    def _next(self, end: int | None, count: int) -> tuple[int, int]:
        """Return free rows, at most ``count``: those behind ``end`` if there are any."""
        if end is not None and end < len(self._holders) and not self._holders[end]:
            held = self._holders[end : end + count] > 0
            return end, end + (int(held.argmax()) if held.any() else len(held))
        start, stop = self._largest_gap()
        if start and stop - start >= 2 * count:
            start += (stop - start) // 2 - count // 2  # the one that ends there may grow as well
        return start, min(stop, start + count)

    def _largest_gap(self) -> tuple[int, int]:
        held = np.flatnonzero(np.diff(self._holders > 0, prepend=True, append=True))  # starts and ends of gaps in turn
        starts, stops = held[0::2], held[1::2]
        largest = int(np.argmax(stops - starts))
        return int(starts[largest]), int(stops[largest])


def rows_of(runs: list[tuple[int, int]]) -> Rows:
    """Return the rows of several pieces, one behind the other."""
    return np.concatenate([np.arange(start, stop, dtype=np.int64) for start, stop in runs])


def _first(runs: "list[tuple[int, int]] | tuple[()]", length: int) -> list[tuple[int, int]]:
    kept = []
    for start, stop in runs:
        if length <= 0:
            break
        kept.append((start, min(stop, start + length)))
        length -= stop - start
    return kept
