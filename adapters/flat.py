"""Unit vectors in, exact cosine similarities out: one matrix per partition, nothing shared between partitions.

At the sizes of one person's memory an exact product is 20 to 100 times faster than a filtered query of a shared
approximate index, and isolation needs no filter. The least used partitions are dropped when the budget is full, but
for the last few; the vault gives them back.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from memory.ports import Matrix, Vector

#: Partitions that stay whatever their size: one search needs a user's memories, documents and what is shared, and if
#: they drove each other out, each search would load all of them.
_KEPT = 3
_BYTES_PER_ID = 100  # a Python string of an id and its slot in list and dictionary, roughly


class _Partition:
    """A matrix of columns, one a vector, that grows by doubling; a removed column is filled with the last one.

    Columns, since a product with a (d, n) matrix reads memory in order: half the time of an (n, d) one.
    """

    def __init__(self, ids: Sequence[str], vectors: Matrix) -> None:
        self.ids = list(ids)
        self.places = {cube_id: place for place, cube_id in enumerate(self.ids)}
        self._listed: list[str] | None = None
        self.columns = np.array(vectors.T, np.float32, order="C")  # (d, capacity); a copy: what comes may be read-only

    def add(self, ids: Sequence[str], vectors: Matrix) -> None:
        for cube_id, vector in zip(ids, vectors, strict=True):
            place = self.places.get(cube_id)
            if place is None:
                place = self._append(cube_id, vector.shape[0])
            self.columns[:, place] = vector

    def _append(self, cube_id: str, dimension: int) -> int:
        self._listed = None
        place = len(self.ids)
        if place >= self.columns.shape[1] or self.columns.shape[0] != dimension:
            grown = np.zeros((dimension, max(16, 2 * place)), np.float32)
            if place:
                grown[:, :place] = self.columns[:, :place]
            self.columns = grown
        self.ids.append(cube_id)
        self.places[cube_id] = place
        return place

    def remove(self, cube_id: str) -> None:
        place = self.places.pop(cube_id, None)
        if place is None:
            return
        self._listed = None
        last = self.ids.pop()
        if last != cube_id:
            self.ids[place] = last
            self.places[last] = place
            self.columns[:, place] = self.columns[:, len(self.ids)]
        self.columns[:, len(self.ids)] = 0.0

    def listed(self) -> list[str]:
        """The ids in order; the same list as long as nothing changes, so that callers may go by it."""
        if self._listed is None:
            self._listed = list(self.ids)
        return self._listed

    @property
    def size_bytes(self) -> int:
        return self.columns.nbytes + _BYTES_PER_ID * len(self.ids)


class Flat:
    """A ``VectorIndex``: exact, in memory, bounded by bytes, thread-safe."""

    def __init__(self, *, budget_bytes: int = 256 * 2**20) -> None:
        self._budget_bytes = budget_bytes
        self._partitions: OrderedDict[str, _Partition] = OrderedDict()
        self._size_bytes = 0
        self._lock = threading.Lock()
        # a product of this size takes 0.7 CPU ms on one thread and 8 on two that spin
        threadpool_limits(1, user_api="blas")

    def load(self, partition: str, ids: Sequence[str], vectors: Matrix) -> None:
        with self._lock:
            self._drop(partition)
            self._partitions[partition] = loaded = _Partition(ids, vectors)
            self._size_bytes += loaded.size_bytes
            while self._size_bytes > self._budget_bytes and len(self._partitions) > _KEPT:
                self._drop(next(iter(self._partitions)))

    def loaded(self, partition: str) -> bool:
        with self._lock:
            return partition in self._partitions

    def add(self, partition: str, ids: Sequence[str], vectors: Matrix) -> None:
        with self._lock:
            found = self._partitions.get(partition)
            if found is None or not ids:
                return
            before = found.size_bytes
            found.add(ids, vectors)
            self._size_bytes += found.size_bytes - before

    def remove(self, partition: str, ids: Sequence[str]) -> None:
        with self._lock:
            found = self._partitions.get(partition)
            if found is None:
                return
            before = found.size_bytes
            for cube_id in ids:
                found.remove(cube_id)
            self._size_bytes += found.size_bytes - before

    def drop(self, partition: str) -> None:
        with self._lock:
            self._drop(partition)

    def search(self, partition: str, query: Vector) -> tuple[list[str], Vector]:
        """Return all ids and their cosine similarities, unsorted; empty when the partition is not loaded."""
        with self._lock:
            found = self._partitions.get(partition)
            if found is None or not found.ids:
                return [], np.zeros(0, np.float32)
            self._partitions.move_to_end(partition)
            scores: Vector = query @ found.columns[:, : len(found.ids)]
            return found.listed(), scores

    def vectors(self, partition: str, ids: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors of those that are there; empty when the partition is not loaded."""
        with self._lock:
            found = self._partitions.get(partition)
            if found is None:
                return {}
            places = {cube_id: found.places[cube_id] for cube_id in ids if cube_id in found.places}
            return {cube_id: found.columns[:, place].copy() for cube_id, place in places.items()}

    def kept(self) -> list[str]:
        """Return no partition: nothing lies in files."""
        return []

    def _drop(self, partition: str) -> None:
        dropped = self._partitions.pop(partition, None)
        if dropped is not None:
            self._size_bytes -= dropped.size_bytes
