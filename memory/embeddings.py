"""Texts and scopes in, vectors and similarities out: the one place where embedder, index and vault's vectors meet.

The index is a cache: a user's vectors are loaded from the vault when they are first asked for. A lock per user keeps
a load and a write from passing each other, so nothing that was stored can be missing from the index. The vectors of
what is shared in a space are one partition for all its members; it is loaded again when anything shared there changed,
which its generation tells, also when another process did it. Documents are a partition of their own for each user. What
is shared and documents may lie in another index than the users' own words.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from memory.cube import MemCube
from memory.document import documents_partition
from memory.outline import Outline
from memory.outlines import Outlines
from memory.ports import Embedder, Matrix, Vault, Vector, VectorIndex, Written
from memory.postings import Postings
from memory.rules.lines import first_person
from memory.spaces import Partition
from memory.turn import Scope

logger = logging.getLogger(__name__)

_CACHED_TEXTS = 2048  # 3 MB: a question is embedded for recall and, seconds later, for keeping
_STRIPES = 64
_EMBEDDED_ANEW = 16  # versions of the past in one recall: each takes as long as the question itself


def embedding_text(text: str) -> str:
    """Return the text as it is embedded: facts about the user in the first person.

    People ask "Where do I live?", and the embedder puts that .13 nearer to "I live in Lisbon." than to "The user
    lives in Lisbon." (mean over 30 facts; the distance to the best wrong fact grows as well).
    """
    return first_person(text)


class Embeddings:
    """Embeds, searches and keeps the index in step with the vault. Thread-safe."""

    def __init__(
        self, embedder: Embedder | None, index: VectorIndex, vault: Vault, *, shelf: VectorIndex | None = None
    ) -> None:
        """``shelf``: the index of documents and of what is shared; None: ``index`` is."""
        self._embedder = embedder
        self._index = index
        self._shelf = index if shelf is None else shelf
        self._vault = vault
        self._outlines = Outlines(vault)
        self._cache: OrderedDict[str, Vector] = OrderedDict()
        self._cache_lock = threading.Lock()
        self._generations: dict[str, int] = {}
        #: of partitions: not those of users, for who waits for the vault with a user's lock must not be waited for
        self._shared_stripes = [threading.RLock() for _ in range(_STRIPES)]
        self._stripes = [threading.RLock() for _ in range(_STRIPES)]

    @property
    def model_id(self) -> str:
        """The embedder's id; "" without an embedder."""
        return self._embedder.model_id if self._embedder else ""

    def embed(self, texts: Sequence[str]) -> Matrix | None:
        """Return one unit row per text; None without an embedder. What was embedded lately costs nothing."""
        if self._embedder is None:
            return None
        if not texts:
            return np.zeros((0, self._embedder.dimension), np.float32)
        with self._cache_lock:
            known = {text: self._cache[text] for text in texts if text in self._cache}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, self._embedder.embed(missing), strict=True))
            with self._cache_lock:
                for text in missing:
                    self._cache[text] = known[text]
                while len(self._cache) > _CACHED_TEXTS:
                    self._cache.popitem(last=False)
        return np.stack([known[text] for text in texts])

    def vector(self, text: str) -> Vector | None:
        """Return the unit vector of one text; None without an embedder."""
        vectors = self.embed([text])
        return None if vectors is None else vectors[0]

    def search(self, scope: Scope, query: str, partitions: Sequence[Partition] = ()) -> tuple[list[str], Vector]:
        """Return all of the user's current cube ids and their cosine similarities to the query, unsorted.

        Those of the partitions follow; what is the user's own and shared too stands there twice.
        """
        vector = self.vector(query)
        if vector is None:
            return [], np.zeros(0, np.float32)
        ids, similarities = self.nearest(scope, vector)
        if not partitions:
            return ids, similarities
        found = [self._shared(scope, each, vector) for each in partitions]
        every_id = [*ids, *(cube_id for more, _ in found for cube_id in more)]
        return every_id, np.concatenate([similarities, *(more for _, more in found)])

    def outline(self, scope: Scope, postings: Postings | None = None) -> Outline:
        """Return what ranking knows of all of the user's own current memories, in order of arrival.

        ``postings`` that were read just before tell whether another process wrote meanwhile: then it is read anew.
        """
        with self._lock(scope.user):
            return self._outlines.of(scope, None if postings is None else (postings.cubes, postings.words))

    def nearest(self, scope: Scope, vector: Vector) -> tuple[list[str], Vector]:
        """Return all of the user's own current cube ids and their cosine similarities to a vector, unsorted."""
        with self._lock(scope.user):
            self._load(scope)
            return self._index.search(scope.user, vector)

    def documents(self, scope: Scope, vector: Vector) -> tuple[list[str], Vector]:
        """Return ids of chunks of the user's documents and their cosine similarities to a vector, unsorted.

        All of them, or from an approximate index the best.
        """
        with self._lock(scope.user):
            return self._shelf.search(self._load_documents(scope), vector)

    def vectors_of(
        self, scope: Scope, cube_ids: Sequence[str], partitions: Sequence[Partition] = ()
    ) -> dict[str, Vector]:
        """Return the vectors of those of these cubes that are current and have one; as ``search`` found them."""
        with self._lock(scope.user):
            self._load(scope)
            found = self._index.vectors(scope.user, cube_ids)
        for name in (documents_partition(scope.user), *(each.name for each in partitions)):
            missing = [cube_id for cube_id in cube_ids if cube_id not in found]
            found |= self._shelf.vectors(name, missing) if missing else {}
        return found

    def of_versions(self, scope: Scope, cubes: Sequence[MemCube]) -> Matrix | None:
        """Return one row per version of a cube of the user, the likeliest last; None without an embedder.

        What still reads as it did has its vector in the vault. Of the others the last few are embedded, and the rest
        have a row of zeros: like nothing.
        """
        if self._embedder is None:
            return None
        stored = self._vault.embedded_texts(scope, [cube.id for cube in cubes], self.model_id)
        rows = np.zeros((len(cubes), self._embedder.dimension), np.float32)
        changed: list[int] = []
        for place, cube in enumerate(cubes):
            text, vector = stored.get(cube.id, ("", b""))
            if vector and text == cube.text:
                rows[place] = np.frombuffer(vector, "<f4")
            else:
                changed.append(place)
        changed = changed[-_EMBEDDED_ANEW:]
        fresh = self.embed([embedding_text(cubes[place].text) for place in changed])
        if fresh is not None and changed:
            rows[changed] = fresh
        return rows

    def _load(self, scope: Scope) -> None:
        if not self._index.loaded(scope.user):
            self._index.load(scope.user, *self._vault.vectors(scope, self.model_id))

    def _load_documents(self, scope: Scope) -> str:
        partition = documents_partition(scope.user)
        if not self._shelf.loaded(partition):
            self._shelf.load(partition, *self._vault.document_vectors(scope, self.model_id))
        return partition

    def _shared(self, scope: Scope, partition: Partition, query: Vector) -> tuple[list[str], Vector]:
        with self._shared_stripes[hash(partition.name) % _STRIPES]:
            fresh = self._generations.get(partition.name) == partition.generation
            if not fresh or not self._shelf.loaded(partition.name):
                self._shelf.load(partition.name, *self._vault.partition_vectors(scope, partition, self.model_id))
                self._generations[partition.name] = partition.generation
            return self._shelf.search(partition.name, query)

    @contextmanager
    def writing(self, scope: Scope) -> Iterator[None]:
        """Hold the user's index still while the vault is changed; call ``follow`` before leaving."""
        with self._lock(scope.user):
            yield

    def follow(self, scope: Scope, written: Written, vectors: dict[str, Vector]) -> None:
        """Take over what a write changed; ``vectors`` are those of created cubes, by id.

        The write stands already: an index that cannot follow is given up, and loaded again when it is needed.
        """
        here = [cube for cube in written.created if cube.in_use and cube.id in vectors]
        gone = (*written.superseded, *written.removed, *(cube.id for cube in written.created if not cube.in_use))
        documents = documents_partition(scope.user)
        self._outlines.changed(scope, [*(cube.id for cube in written.created), *written.superseded, *written.removed])
        try:
            self._index.remove(scope.user, gone)
            self._shelf.remove(documents, gone)
            _add(self._index, scope.user, [cube for cube in here if not cube.source.document_id], vectors)
            _add(self._shelf, documents, [cube for cube in here if cube.source.document_id], vectors)
        except Exception:
            logger.exception("a vector index could not follow a write and is loaded again")
            self._index.drop(scope.user)
            self._shelf.drop(documents)

    def drop(self, scope: Scope) -> None:
        """Forget the user's index; it is loaded again when needed."""
        with self._lock(scope.user):
            self._index.drop(scope.user)
            self._shelf.drop(documents_partition(scope.user))
            self._outlines.drop(scope)

    def scrub(self) -> None:
        """Take what is shared out of the files of the index (a removal): what was removed may stand there too.

        It is loaded again when it is asked for; documents follow their user's writes.
        """
        own = documents_partition("").partition("_")[0]
        for partition in self._shelf.kept():
            if partition.partition("_")[0] != own:
                with self._shared_stripes[hash(partition) % _STRIPES]:
                    self._shelf.drop(partition)

    def doubt_shared(self) -> None:
        """Load all that is shared anew when it is asked for: what was loaded may have been taken back."""
        self._generations.clear()

    def evict_text(self, texts: Sequence[str]) -> None:
        """Remove texts from the cache of embeddings (erasure)."""
        with self._cache_lock:
            for text in texts:
                self._cache.pop(text, None)

    def clear_texts(self) -> None:
        """Remove all texts from the cache of embeddings (erasure of a whole user)."""
        with self._cache_lock:
            self._cache.clear()

    def _lock(self, partition: str) -> threading.RLock:
        return self._stripes[hash(partition) % _STRIPES]


def _add(index: VectorIndex, partition: str, cubes: Sequence[MemCube], vectors: dict[str, Vector]) -> None:
    if cubes:
        index.add(partition, [cube.id for cube in cubes], np.stack([vectors[cube.id] for cube in cubes]))
