"""Memories that are to be left out in, a recall as if they did not exist out.

Law: what is left out stands in neither block, nor does what says the same because one was made of the other: all that
was derived from it, and what it was derived from itself, such as the utterance that a fact was read out of. The receipt
says what was left out. The places of the others, and how likely they answer, are those of a recall in which it took
part.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from memory.cube import MemCube, SemanticType
from memory.ports import Vault
from memory.sufficiency import sufficiency
from memory.turn import Candidate, Hit, Plan, Recall, Scope

REASON = "left out on request"
FAMILY_REASON = "made of what is left out, or the other way round"
_MOST_WIDENED = 512


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would be if these memories did not exist. Without ids everything is as it is."""

    asked: frozenset[str] = frozenset()
    known: tuple[str, ...] = ()  #: those asked for that the user can read, in order
    family: frozenset[str] = frozenset()  #: what goes with them
    messages: frozenset[str] = frozenset()  #: that facts among them rest on; an utterance of one goes as well

    @classmethod
    def without(cls, vault: Vault, scope: Scope, ids: Sequence[str]) -> "WhatIf":
        """Return the case without these memories and their families; two reads, none without ids."""
        if not ids:
            return cls()
        known = vault.readable(scope, sorted(set(ids)))
        family = vault.family(scope, [cube.id for cube in known])
        heard = (cube.source.message_ids for cube in known if cube.semantic_type is not SemanticType.TURN)
        return cls(
            asked=frozenset(ids),
            known=tuple(cube.id for cube in known),
            family=frozenset(family).difference(ids),
            messages=frozenset(message_id for each in heard for message_id in each),
        )

    def told(self) -> dict[str, Any]:
        """Return what a receipt says of it."""
        return {
            "without": [*self.known, *sorted(self.family)],
            "unknown": sorted(self.asked.difference(self.known)),
        }

    def widened(self, plan: Plan) -> Plan:
        """Return a plan that looks for as many more as may be left out."""
        more = min(_MOST_WIDENED, len(self.asked) + len(self.family) + len(self.messages))
        return replace(plan, top_k=plan.top_k + more) if more else plan

    def kept(self, cubes: Sequence[MemCube]) -> list[MemCube]:
        """Return the memories that are there."""
        return [cube for cube in cubes if not self._goes(cube)]

    def recalled(self, recall: Recall) -> Recall:
        """Return what was found of those that are there, and whether that can answer."""
        if not self.asked:
            return recall
        hits = tuple(self._alone(hit) for hit in recall.hits if not self._goes(hit.cube))
        return replace(recall, hits=hits, sufficiency=sufficiency(hits))

    def touches(self, ids: Iterable[str], cubes: Iterable[MemCube]) -> bool:
        """True when any of these ids, or of the cubes that are still there of them, is to be left out."""
        return not self.asked.isdisjoint(ids) or any(map(self._goes, cubes))

    def lines(self, recall: Recall, profile: Iterable[MemCube]) -> tuple[Candidate, ...]:
        """Return the receipt's lines of what is left out: all that was asked for, of the rest what was found."""
        found = {hit.cube.id: hit for hit in recall.hits}
        gone = [cube.id for cube in (*(hit.cube for hit in recall.hits), *profile) if self._goes(cube)]
        return tuple(
            Candidate(
                cube_id=cube_id,
                score=round(found[cube_id].score, 4) if cube_id in found else 0.0,
                relevance=round(found[cube_id].relevance, 4) if cube_id in found else 0.0,
                signals=found[cube_id].signals if cube_id in found else {},
                block="",
                reason=REASON if cube_id in self.asked else FAMILY_REASON,
            )
            for cube_id in dict.fromkeys((*self.known, *gone))
        )

    def _alone(self, hit: Hit) -> Hit:
        """Return the hit, without its question where that is left out."""
        return replace(hit, question=None) if hit.question is not None and self._goes(hit.question) else hit

    def _goes(self, cube: MemCube) -> bool:
        if cube.id in self.asked or cube.id in self.family:
            return True
        return cube.semantic_type is SemanticType.TURN and not self.messages.isdisjoint(cube.source.message_ids)
