"""Unit vectors in, the nearest ones out, on Chroma: a collection for each partition, in a folder of its own.

Chroma 1.5 leaves what was deleted in its files: in the log of its database, and in the graph of the index. So a
partition that loses a vector loses its whole folder, and is built again from the vault when it is next asked for.
Two processes on one of its databases break it: each process takes a place of its own, the first that is free.
"""

import hashlib
import logging
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import chromadb
import numpy as np
from chromadb.config import Settings
from threadpoolctl import threadpool_limits

from adapters.exclusive import Place
from memory.ports import Matrix, Vector

T = TypeVar("T")
logger = logging.getLogger(__name__)

_COLLECTION = "vectors"
_ADDED_AT_ONCE = 1000
_NEAREST = 256  #: that a search returns at most
_LONGEST_NAME = 150
_GRAPH: Any = {"space": "ip", "ef_search": 2 * _NEAREST, "ef_construction": 200, "max_neighbors": 24}


class _Partition:
    """One open folder."""

    def __init__(self, folder: Path) -> None:
        """Raises: ValueError: the files are not as they were left. Chroma raises what it likes."""
        self._seal = _Seal(folder)
        if not self._seal.holds():
            raise ValueError("files of the index are damaged")
        settings = Settings(anonymized_telemetry=False, allow_reset=False)
        self._client: Any = chromadb.PersistentClient(path=str(folder), settings=settings)
        self._collection = self._client.get_or_create_collection(
            _COLLECTION, embedding_function=None, configuration={"hnsw": _GRAPH}
        )
        self.ids: dict[str, str] = {}
        found = self._collection.get(include=["metadatas"])
        for cube_id, more in zip(found["ids"], found["metadatas"] or [], strict=True):
            self.ids[cube_id] = str((more or {}).get("digest", ""))

    def add(self, ids: Sequence[str], vectors: Matrix) -> None:
        digests = [_digest(vector) for vector in vectors]
        for start in range(0, len(ids), _ADDED_AT_ONCE):
            end = start + _ADDED_AT_ONCE
            self._collection.upsert(
                ids=list(ids[start:end]),
                embeddings=np.ascontiguousarray(vectors[start:end], np.float32),
                metadatas=[{"digest": digest} for digest in digests[start:end]],
            )
        self.ids.update(zip(ids, digests, strict=True))
        self._seal.put()

    def search(self, query: Vector) -> tuple[list[str], Vector]:
        most = min(_NEAREST, len(self.ids))
        if not most:
            return [], np.zeros(0, np.float32)
        asked: list[Any] = [np.ascontiguousarray(query, np.float32)]
        found = self._collection.query(query_embeddings=asked, n_results=most, include=["distances"])
        distances = np.array((found["distances"] or [[]])[0], np.float32)
        return list(found["ids"][0]), np.clip(1.0 - distances, -1.0, 1.0)

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        wanted = [cube_id for cube_id in ids if cube_id in self.ids]
        if not wanted:
            return {}
        found = self._collection.get(ids=wanted, include=["embeddings"])
        rows = np.asarray(found["embeddings"], np.float32)
        return dict(zip(found["ids"], rows, strict=True))

    def close(self) -> None:
        self._client.close()
        self._seal.put()


class _Seal:
    """Checksums of the files of a graph: reading damaged ones ends the process, so they are looked at first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "checksums"
        self._sealed: list[tuple[str, int, int]] = []

    def holds(self) -> bool:
        """True when the files are those that were sealed, or there are none yet."""
        files = self._files()
        if not files:
            return True
        return self._path.exists() and self._path.read_text(encoding="ascii") == self._sum(files)

    def put(self) -> None:
        """Seal the files as they are; costs three looks at the folder where they have not changed."""
        files = self._files()
        stand = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        if stand != self._sealed:
            self._path.write_text(self._sum(files), encoding="ascii")
            self._sealed = stand

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*/*") if path.is_file())

    def _sum(self, files: Sequence[Path]) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for path in files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "blake2b").digest())
        return digest.hexdigest()


class Chroma:
    """A ``VectorIndex`` in files: approximate, a cache of the vault, thread-safe."""

    def __init__(self, folder: Path, *, open_partitions: int = 32) -> None:
        """``folder`` holds nothing else. ``open_partitions``: at once, about 4 MB each; others are closed.

        Raises: OSError: the folder cannot be written.
        """
        self._place = Place(folder)
        self._most = open_partitions
        self._open: OrderedDict[str, _Partition] = OrderedDict()  #: files that are open
        self._loaded: set[str] = set()  #: in step with the vault
        self._lock = threading.RLock()
        threadpool_limits(1, user_api="blas")

    def load(self, partition: str, ids: Sequence[str], vectors: Matrix) -> None:
        """Bring the partition in step with the vault; what lies in its files already is not added again."""
        with self._lock:
            self._loaded.discard(partition)
            wanted = {cube_id: _digest(vector) for cube_id, vector in zip(ids, vectors, strict=True)}
            found = self._found(partition)
            if found is not None and any(wanted.get(cube_id) != kept for cube_id, kept in found.ids.items()):
                self.drop(partition)
                found = None
            held = found.ids if found is not None else {}
            missing = [row for row, cube_id in enumerate(ids) if cube_id not in held]
            if missing:
                opened = found or self._opened(partition)
                opened.add([ids[row] for row in missing], vectors[missing])
            self._loaded.add(partition)

    def loaded(self, partition: str) -> bool:
        with self._lock:
            return partition in self._loaded

    def add(self, partition: str, ids: Sequence[str], vectors: Matrix) -> None:
        with self._lock:
            if partition not in self._loaded or not ids:
                return
            opened = self._open.get(partition) or self._opened(partition)
            if any(cube_id in opened.ids for cube_id in ids):
                self.drop(partition)  # another vector of the same memory: the old one must leave the files
            else:
                opened.add(ids, vectors)

    def remove(self, partition: str, ids: Sequence[str]) -> None:
        """Drop the partition if it holds any of these."""
        with self._lock:
            found = self._found(partition) if ids else None
            if found is not None and any(cube_id in found.ids for cube_id in ids):
                self.drop(partition)

    def drop(self, partition: str) -> None:
        """Close the partition and remove its folder, in every process's place."""
        with self._lock:
            self._close(partition)
            for place in self._place.every():
                shutil.rmtree(place / _name_of(partition), ignore_errors=True)

    def search(self, partition: str, query: Vector) -> tuple[list[str], Vector]:
        """Return the nearest ids and their cosine similarities; empty when the partition is not loaded, or damaged."""
        nothing: tuple[list[str], Vector] = [], np.zeros(0, np.float32)
        return self._asked(partition, lambda found: found.search(query), nothing)

    def vectors(self, partition: str, ids: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors of those that are there; empty when the partition is not loaded, or damaged."""
        return self._asked(partition, lambda found: found.vectors(ids), {})

    def kept(self) -> list[str]:
        """Return the partitions that lie in files of any process, loaded or not."""
        with self._lock:
            return sorted({unquote(path.name) for place in self._place.every() for path in place.iterdir()})

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            for partition in list(self._open):
                self._close(partition)
            self._place.leave()

    def _asked(self, partition: str, ask: Callable[[_Partition], T], nothing: T) -> T:
        with self._lock:
            found = self._open.get(partition) if partition in self._loaded else None
            if found is None:
                return nothing
            self._open.move_to_end(partition)
            try:
                return ask(found)
            except Exception:
                logger.exception("a damaged index is built again from the vault")
                self.drop(partition)
                return nothing

    def _found(self, partition: str) -> _Partition | None:
        """Return the partition from its files; None where there are none, or damaged ones, which are removed."""
        if partition in self._open:
            return self._open[partition]
        if not (self._place.path / _name_of(partition)).exists():
            return None
        try:
            return self._opened(partition)
        except Exception:
            logger.warning("a damaged index is built again from the vault", exc_info=True)
            self.drop(partition)
            return None

    def _opened(self, partition: str) -> _Partition:
        """Return the partition with its files open, new ones if there are none."""
        while len(self._open) >= self._most:
            self._close(next(iter(self._open)))
        folder = self._place.path / _name_of(partition)
        kept = sorted(folder.iterdir()) if folder.exists() else []
        # Chroma never opens again where opening failed once in a process: a new one lies elsewhere
        self._open[partition] = _Partition(kept[0] if kept else folder / secrets.token_hex(4))
        return self._open[partition]

    def _close(self, partition: str) -> None:
        self._loaded.discard(partition)
        found = self._open.pop(partition, None)
        if found is not None:
            try:
                found.close()
            except Exception:
                logger.exception("an index did not close in peace")


def _digest(vector: Vector) -> str:
    return hashlib.blake2b(np.ascontiguousarray(vector, "<f4").tobytes(), digest_size=8).hexdigest()


def _name_of(partition: str) -> str:
    """Return the folder's name: the partition's, where that is one."""
    name = quote(partition, safe="")
    if len(name) > _LONGEST_NAME or not name.strip("."):
        return f"long_{hashlib.sha256(partition.encode()).hexdigest()}"
    return name
