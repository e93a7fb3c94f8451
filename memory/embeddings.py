"""Texts and scopes in, vectors and similarities out: the one place where embedder, index and vault's vectors meet.

The index is a cache: a user's vectors are loaded from the vault when they are first asked for. A lock per user keeps
a load and a write from passing each other, so nothing that was stored can be missing from the index.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from memory.ports import Embedder, Matrix, Vault, Vector, VectorIndex, Written
from memory.rules.lines import first_person
from memory.turn import Scope

logger = logging.getLogger(__name__)

_CACHED_TEXTS = 2048  # 3 MB: a question is embedded for recall and, seconds later, for keeping
_STRIPES = 64


def embedding_text(text: str) -> str:
    """Return the text as it is embedded: facts about the user in the first person.

    People ask "Where do I live?", and the embedder puts that .13 nearer to "I live in Lisbon." than to "The user
    lives in Lisbon." (mean over 30 facts; the distance to the best wrong fact grows as well).
    """
    return first_person(text)


class Embeddings:
    """Embeds, searches and keeps the index in step with the vault. Thread-safe."""

    def __init__(self, embedder: Embedder | None, index: VectorIndex, vault: Vault) -> None:
        self._embedder = embedder
        self._index = index
        self._vault = vault
        self._cache: OrderedDict[str, Vector] = OrderedDict()
        self._cache_lock = threading.Lock()
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

    def search(self, scope: Scope, query: str) -> tuple[list[str], Vector]:
        """Return all of the user's current cube ids and their cosine similarities to the query, unsorted."""
        vectors = self.embed([query])
        if vectors is None:
            return [], np.zeros(0, np.float32)
        with self._lock(scope):
            if not self._index.loaded(scope.user):
                self._index.load(scope.user, *self._vault.vectors(scope, self.model_id))
            return self._index.search(scope.user, vectors[0])

    @contextmanager
    def writing(self, scope: Scope) -> Iterator[None]:
        """Hold the user's index still while the vault is changed; call ``follow`` before leaving."""
        with self._lock(scope):
            yield

    def follow(self, scope: Scope, written: Written, vectors: dict[str, Vector]) -> None:
        """Take over what a write changed; ``vectors`` are those of created cubes, by id.

        The write stands already: an index that cannot follow is given up, and loaded again when it is needed.
        """
        ids = [cube.id for cube in written.created if cube.current and cube.id in vectors]
        try:
            self._index.remove(scope.user, (*written.superseded, *written.removed))
            if ids:
                self._index.add(scope.user, ids, np.stack([vectors[cube_id] for cube_id in ids]))
        except Exception:
            logger.exception("a vector index could not follow a write and is loaded again")
            self._index.drop(scope.user)

    def drop(self, scope: Scope) -> None:
        """Forget the user's index; it is loaded again when needed."""
        with self._lock(scope):
            self._index.drop(scope.user)

    def evict_text(self, texts: Sequence[str]) -> None:
        """Remove texts from the cache of embeddings (erasure)."""
        with self._cache_lock:
            for text in texts:
                self._cache.pop(text, None)

    def clear_texts(self) -> None:
        """Remove all texts from the cache of embeddings (erasure of a whole user)."""
        with self._cache_lock:
            self._cache.clear()

    def _lock(self, scope: Scope) -> threading.RLock:
        return self._stripes[hash(scope.user) % _STRIPES]
