"""Memories that are to be left out in, a recall as if they did not exist out.

Law: what is left out stands in neither block, and the receipt says that it was left out. The places of the others are
those of a recall in which it took part.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from memory.cube import MemCube
from memory.turn import Candidate, Plan, Recall

REASON = "left out on request"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would be if these memories did not exist. Without ids everything is as it is."""

    ids: frozenset[str] = frozenset()

    @classmethod
    def without(cls, ids: Iterable[str]) -> "WhatIf":
        """Return the case without these memories."""
        return cls(frozenset(ids))

    def widened(self, plan: Plan) -> Plan:
        """Return a plan that looks for as many more as may be left out."""
        return replace(plan, top_k=plan.top_k + len(self.ids)) if self.ids else plan

    def kept(self, cubes: Sequence[MemCube]) -> list[MemCube]:
        """Return the memories that are there."""
        return [cube for cube in cubes if cube.id not in self.ids]

    def recalled(self, recall: Recall) -> Recall:
        """Return what was found of those that are there, and whether that can answer."""
        if not self.ids:
            return recall
        hits = tuple(hit for hit in recall.hits if hit.cube.id not in self.ids)
        told = (hit.relevance for hit in hits if "question" not in hit.cube.tags)
        return replace(recall, hits=hits, sufficiency=max(told, default=0.0))

    def touches(self, ids: Iterable[str]) -> bool:
        """True when any of these is to be left out."""
        return not self.ids.isdisjoint(ids)

    def lines(self, recall: Recall, known: Iterable[str]) -> tuple[Candidate, ...]:
        """Return the receipt's lines of those among the ``known`` ids that are left out."""
        found = {hit.cube.id: hit for hit in recall.hits}
        return tuple(
            Candidate(
                cube_id=cube_id,
                score=round(found[cube_id].score, 4) if cube_id in found else 0.0,
                relevance=round(found[cube_id].relevance, 4) if cube_id in found else 0.0,
                signals=found[cube_id].signals if cube_id in found else {},
                block="",
                reason=REASON,
            )
            for cube_id in known
            if cube_id in self.ids
        )
