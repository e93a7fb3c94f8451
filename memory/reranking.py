"""A question and its hits in, the hits in the order of a model that reads both together out.

Law: the first ones exchange their scores in the order that both rankings give them together, so what weighs later (who
speaks, what is newest) weighs as much as before. A model that does not answer changes nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from memory.columns import z
from memory.errors import EngineDown
from memory.ports import Reranker
from memory.turn import Hit

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranking:
    """What a reranker may do."""

    reranker: Reranker
    candidates: int = 24  #: hits that it reads
    weight: float = 1.0  #: of its scores in standard deviations; those of the search have 1
    withheld: frozenset[str] = frozenset()  #: sensitivity tags of what it must not read

    def applied(self, question: str, hits: Sequence[Hit]) -> list[Hit]:
        """Return all hits, the first ones with each other's scores; costs one call of the model."""
        readable = [hit for hit in hits if self.withheld.isdisjoint(hit.cube.sensitivity)]
        front = sorted(readable, key=lambda hit: hit.score, reverse=True)[: self.candidates]
        if len(front) < 2:
            return list(hits)
        try:
            told = self.reranker.score(question, [hit.cube.text for hit in front])
        except EngineDown as fault:
            logger.warning("memories stay in the order of the search: %s", fault)
            return list(hits)
        held = np.array([hit.score for hit in front], np.float32)
        order = np.argsort(-(z(held) + np.float32(self.weight) * z(told.astype(np.float32))), kind="stable")
        placed = {
            front[row].cube.id: replace(
                front[row],
                score=front[place].score,
                signals={**front[row].signals, "rerank": round(float(told[row]), 4)},
            )
            for place, row in enumerate(order.tolist())
        }
        return [placed.get(hit.cube.id, hit) for hit in hits]
