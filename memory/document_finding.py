"""A question in, the chunks of documents that may answer it, with a score each, out.

Law: documents never change how a user's own words are scored. Their words and vectors are indexed apart, and their
scores are put on the scale of the user's own: what a memory of one's own with the same likeness and words would have.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from memory.embeddings import Embeddings
from memory.outline import Numbers
from memory.ports import Vault, Vector
from memory.signals import DENSE_FLOOR, LEXICAL_FLOOR
from memory.turn import Scope

MOST_CHUNKS = 16  #: in one recall: the front of a ranking, whatever the length of the documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What one deviation of the user's own memories is, for a question."""

    memories: int
    dense: tuple[float, float]  #: mean and deviation of cosines
    lexical: tuple[float, float]  #: of BM25 scores
    dense_weight: float  #: what a deviation counts
    lexical_weight: float

    @classmethod
    def of(cls, dense: Numbers, lexical: Numbers, *, dense_weight: float, lexical_weight: float) -> "Scale":
        """Return the scale of all of a user's memories."""
        return cls(
            memories=len(dense),
            dense=_spread(dense, DENSE_FLOOR),
            lexical=_spread(lexical, LEXICAL_FLOOR),
            dense_weight=dense_weight,
            lexical_weight=lexical_weight,
        )

    def score(self, cosine: float | None, bm25: float) -> float:
        """Return what a memory of one's own with that likeness and these words would have."""
        mean, deviation = self.dense
        dense = 0.0 if cosine is None else (cosine - mean) / deviation
        mean, deviation = self.lexical
        return self.dense_weight * dense + self.lexical_weight * (bm25 - mean) / deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundChunks:
    """The best chunks, by id."""

    scores: Mapping[str, float] = field(default_factory=dict)
    dense: Mapping[str, float] = field(default_factory=dict)  #: cosine
    lexical: Mapping[str, float] = field(default_factory=dict)  #: BM25


def find_chunks(
    vault: Vault, embeddings: Embeddings, scope: Scope, query: str, vector: Vector | None, scale: Scale | None
) -> FoundChunks:
    """Return the best ``MOST_CHUNKS``; ``scale`` None: the user has no memory but documents.

    Costs a product over the documents' vectors, or a query of an approximate index, and a full-text query.
    """
    ids, cosines = ([], np.zeros(0, np.float32)) if vector is None else embeddings.documents(scope, vector)
    words = dict(vault.document_words(scope, query))
    if not ids and not words:
        return FoundChunks()
    scale = scale or Scale.of(cosines, np.zeros(1, np.float32), dense_weight=1.0, lexical_weight=1.0)
    dense = _likeliest(ids, cosines)
    found = [*dense, *(cube_id for cube_id in words if cube_id not in dense)]
    unranked = [cube_id for cube_id in found if cube_id not in dense]
    dense |= _cosines(embeddings, scope, unranked, vector)
    rarity = _rarest(scale.memories) / _rarest(len(ids)) if scale.memories and len(ids) else 1.0
    scores = {each: scale.score(dense.get(each), words.get(each, 0.0) * rarity) for each in found}
    best = sorted(scores, key=scores.__getitem__, reverse=True)[:MOST_CHUNKS]
    return FoundChunks(
        scores={each: scores[each] for each in best},
        dense={each: dense[each] for each in best if each in dense},
        lexical={each: words[each] for each in best if each in words},
    )


def _likeliest(ids: Sequence[str], cosines: Vector) -> dict[str, float]:
    """Return the most similar chunks, more than are taken: words change their order."""
    most = 4 * MOST_CHUNKS
    rows = range(len(ids)) if len(ids) <= most else np.argpartition(cosines, -most)[-most:].tolist()
    return {ids[row]: float(cosines[row]) for row in rows}


def _cosines(embeddings: Embeddings, scope: Scope, cube_ids: Sequence[str], vector: Vector | None) -> dict[str, float]:
    if vector is None or not cube_ids:
        return {}
    return {cube_id: float(vector @ row) for cube_id, row in embeddings.vectors_of(scope, cube_ids).items()}


def _spread(values: Numbers, floor: float) -> tuple[float, float]:
    return (float(values.mean()), max(float(values.std()), floor)) if len(values) else (0.0, floor)


def _rarest(memories: int) -> float:
    """Return the idf of a word that one memory of so many holds: the same word is rarer in a longer document."""
    return math.log1p(max(0.5, memories - 0.5) / 1.5)
