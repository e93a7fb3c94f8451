"""A question in, the chunks of documents that may answer it, with a score each, out.

Law: documents never change how a user's own words are scored. Their words and vectors are indexed apart, and their
scores are put on the scale of the user's own: what a memory of one's own with the same likeness and words would have.
"""

import math
from collections.abc import Sequence

import numpy as np

from memory.columns import nearest
from memory.embeddings import Embeddings
from memory.found import Found, Scale
from memory.ports import Vault, Vector
from memory.turn import Scope

MOST_CHUNKS = 16  #: in one recall: the front of a ranking, whatever the length of the documents


def find_chunks(
    vault: Vault, embeddings: Embeddings, scope: Scope, query: str, vector: Vector | None, scale: Scale | None
) -> Found:
    """Return the best ``MOST_CHUNKS``; ``scale`` None: the user has no memory but documents.

    Costs a product over the documents' vectors, or a query of an approximate index, and a full-text query.
    """
    ids, cosines = ([], np.zeros(0, np.float32)) if vector is None else embeddings.documents(scope, vector)
    words = dict(vault.document_words(scope, query))
    if not ids and not words:
        return Found()
    scale = scale or Scale.of(cosines, np.zeros(1, np.float32), dense_weight=1.0, lexical_weight=1.0)
    dense = nearest(ids, cosines, 4 * MOST_CHUNKS)  # more than are taken: words change their order
    unranked = [cube_id for cube_id in words if cube_id not in dense]
    found = [*dense, *unranked]
    dense |= _cosines(embeddings, scope, unranked, vector)
    rarity = _rarest(scale.memories) / _rarest(len(ids)) if scale.memories and len(ids) else 1.0
    scores = {each: scale.score(dense.get(each), words.get(each, 0.0) * rarity) for each in found}
    best = sorted(scores, key=scores.__getitem__, reverse=True)[:MOST_CHUNKS]
    return Found(
        scores={each: scores[each] for each in best},
        dense={each: dense[each] for each in best if each in dense},
        lexical={each: words[each] for each in best if each in words},
    )


def _cosines(embeddings: Embeddings, scope: Scope, cube_ids: Sequence[str], vector: Vector | None) -> dict[str, float]:
    if vector is None or not cube_ids:
        return {}
    return {cube_id: float(vector @ row) for cube_id, row in embeddings.vectors_of(scope, cube_ids).items()}


def _rarest(memories: int) -> float:
    """Return the idf of a word that one memory of so many holds: the same word is rarer in a longer document."""
    return math.log1p(max(0.5, memories - 0.5) / 1.5)
