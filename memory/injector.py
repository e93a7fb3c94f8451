"""Profile, hits and messages in, an Injection and the messages to send out.

Two places. The stable block (profile and pinned memories) goes to the end of the caller's system message, whose own
bytes stay as they are; it changes only when the profile changes. What was found for this turn goes in front of the last
user message. So everything before that message is the same from turn to turn, and every provider's prompt cache holds.

What is injected is data: dated, attributed, fenced, oldest first so that the newest stands last, and what came from a
tool or a document before all that, so that the last word is never theirs. A memory that the model sees anyway (told in
this conversation, or brought in before) is not brought in again.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from memory import prompts
from memory.cube import MemCube, SemanticType
from memory.ports import TokenCounter
from memory.replaced import REPLACED
from memory.spaces import SharedCube
from memory.trust import is_external, least
from memory.turn import Candidate, Hit, Injection, MemoryCall, Plan, Recall

_SYSTEM_ROLES = ("system", "developer")
_SURE_CHUNK = 4.0  # in z units: a chunk that stands out among all of the user's memories
_SPARE = 4  # looked at beyond top_k, in the place of memories that are too long for the budget
_FENCE = f"{prompts.FENCE_OPEN}\n{prompts.FENCE_CLOSE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the model sees without our doing, or has been shown before in this conversation."""

    conversation_id: str
    texts: tuple[str, ...] = ()  #: what was said in this conversation, as the request repeats it
    cube_ids: frozenset[str] = frozenset()  #: brought in by blocks that stand at earlier messages


class Injector:
    """Chooses lines within the budget and puts them into the messages."""

    def __init__(self, counter: TokenCounter, *, withheld: frozenset[str] = frozenset()) -> None:
        """``withheld``: sensitivity tags of what the model that answers must not read."""
        self._counter = counter
        self._withheld = withheld

    @property
    def exact(self) -> bool:
        """False when token counts are estimates."""
        return self._counter.exact

    def choose(
        self, call: MemoryCall, plan: Plan, *, profile: Sequence[MemCube], recall: Recall, seen: Seen
    ) -> Injection:
        """Return both blocks and a line of receipt for every memory that was considered.

        Pinned memories are taken first, then the profile from the newest on, then hits from the best on; each is
        taken whole or not at all.
        """
        visible = _Visible(call, seen)
        stable, receipts = self._stable(plan, profile, {hit.cube.id: hit for hit in recall.hits}, visible)
        shown = {cube.id for cube in stable}
        unlikely = "nothing found is likely to answer" if recall.sufficiency < plan.min_sufficiency else ""
        best_chunk = max((hit.score for hit in recall.hits if hit.cube.source.document_id), default=0.0)
        offered = [
            (
                self._with_question(hit, seen, visible, shown),
                self._ban(hit.cube)
                or unlikely
                or _objection(hit, plan, seen)
                or _far_behind(hit, best_chunk)
                or visible.told(hit.cube),
            )
            for hit in recall.hits
        ]
        spent = self._cost(stable, prompts.STABLE_HEADER)
        turn, more = self._fill(
            [(hit, objection) for hit, objection in offered if hit.cube.id not in shown],
            "turn",
            plan.budget_tokens - spent - self._overhead(_FENCE),
            plan.top_k,
        )
        offered_ids = {line.cube_id for line in more}
        return Injection(
            stable_text=prompts.stable_block([line_of(cube) for cube in stable]),
            turn_text=prompts.turn_block([line_of(cube) for cube in turn]),
            stable_ids=tuple(cube.id for cube in stable),
            turn_ids=tuple(cube.id for cube in turn),
            tokens=spent + self._cost(turn, _FENCE),
            kinds=tuple(dict.fromkeys(cube.kind for cube in (*stable, *turn))),
            trust=least(cube.trust for cube in (*stable, *turn)),
            shared_ids=tuple(cube.id for cube in turn if isinstance(cube, SharedCube)),
            candidates=(*(line for line in receipts if line.cube_id not in offered_ids), *more),
        )

    def _stable(
        self, plan: Plan, profile: Sequence[MemCube], found: Mapping[str, Hit], visible: "_Visible"
    ) -> tuple[list[MemCube], list[Candidate]]:
        """Pinned memories may take the whole budget, the rest of the profile what they leave of the stable one."""
        newest_first = sorted(profile, key=lambda cube: cube.valid_from, reverse=True)
        hits = [found.get(cube.id) or Hit(cube=cube, score=0.0, relevance=1.0) for cube in newest_first]
        overhead = self._overhead(prompts.STABLE_HEADER)
        pinned, receipts = self._fill(
            [(hit, self._ban(hit.cube)) for hit in hits if hit.cube.pinned], "stable", plan.budget_tokens - overhead
        )
        spent = self._cost(pinned, prompts.STABLE_HEADER) or overhead
        rest, more = self._fill(
            [(hit, self._ban(hit.cube) or visible.told(hit.cube)) for hit in hits if not hit.cube.pinned],
            "stable",
            plan.stable_budget_tokens - spent,
        )
        return _oldest_first([*pinned, *rest]), [*receipts, *more]

    @property
    def withholds(self) -> bool:
        """True when some memories are not for the model that answers."""
        return bool(self._withheld)

    def is_withheld(self, cube: MemCube) -> bool:
        """True for a memory that the model that answers must not read."""
        return bool(self._withheld.intersection(cube.sensitivity))

    def _ban(self, cube: MemCube) -> str:
        return "for local models only" if self.is_withheld(cube) else ""

    def _with_question(self, hit: Hit, seen: Seen, visible: "_Visible", shown: Set[str]) -> Hit:
        """Return the hit; without the question that it answers where the model may not see that, or sees it anyway."""
        asked = hit.question
        if asked is None:
            return hit
        stands = asked.id in seen.cube_ids or asked.id in shown or bool(visible.told(asked))
        return replace(hit, question=None) if stands or self.is_withheld(asked) else hit

    def _fill(
        self, offered: Sequence[tuple[Hit, str]], block: str, budget_tokens: int, limit: int | None = None
    ) -> tuple[list[MemCube], list[Candidate]]:
        filling = _Filling(block, budget_tokens)
        likely = [hit.cube for hit, objection in offered if not objection][: limit and limit + _SPARE]
        likely += [hit.question for hit, objection in offered if hit.question is not None and not objection]
        costs = dict(zip((cube.id for cube in likely), self._tokens(likely), strict=True))
        hits: list[Hit] = []
        for hit, objection in offered:
            reason = objection
            if not reason and limit is not None and (len(hits) >= limit or hit.cube.id not in costs):
                reason = "beyond top_k"
            if filling.offer(hit, costs.get(hit.cube.id, 0), reason or "brought in", refused=bool(reason)):
                hits.append(hit)
        lead: dict[str, MemCube] = {}
        for hit in hits:  # what is left of the budget is theirs: they take no memory's place
            if (asked := hit.question) is not None and asked.id not in lead:
                line = Hit(cube=asked, score=hit.score)
                if filling.offer(line, costs[asked.id], "asks what another one answers"):
                    lead[asked.id] = hit.cube
        return _oldest_first(list(filling.taken.values()), lead), list(filling.lines.values())

    def _cost(self, cubes: Sequence[MemCube], frame: str) -> int:
        if not cubes:
            return 0
        return self._overhead(frame) + sum(self._tokens(cubes))

    def _tokens(self, cubes: Sequence[MemCube]) -> list[int]:
        return self._counter.count([line_of(cube) + "\n" for cube in cubes])

    def _overhead(self, frame: str) -> int:
        return self._counter.count([frame + "\n\n"])[0]


class _Filling:
    """A block that is being filled: each memory once, taken whole or not at all."""

    def __init__(self, block: str, budget_tokens: int) -> None:
        self.taken: dict[str, MemCube] = {}
        self.lines: dict[str, Candidate] = {}  #: of the receipt, in the order of the last offers
        self._block, self._budget_tokens = block, budget_tokens

    def offer(self, hit: Hit, cost: int, reason: str, *, refused: bool = False) -> bool:
        """Take a memory that is affordable, and write its line of receipt; True when it was taken."""
        if hit.cube.id in self.taken:
            return False
        taken = not refused and cost <= self._budget_tokens
        if taken:
            self._budget_tokens -= cost
            self.taken[hit.cube.id] = hit.cube
        self.lines.pop(hit.cube.id, None)
        self.lines[hit.cube.id] = _receipt(
            hit, self._block if taken else "", reason if taken or refused else "over budget"
        )
        return taken


class _Visible:
    """Says whether the model reads a memory's source in this very conversation."""

    def __init__(self, call: MemoryCall, seen: Seen) -> None:
        self._conversation_id = seen.conversation_id
        self._texts = [_plain(text) for text in (*call.visible, *seen.texts)]

    def told(self, cube: MemCube) -> str:
        if cube.source.conversation_id != self._conversation_id:
            return ""
        words = _plain(cube.fact.value if cube.fact else cube.text)
        return "was said in this conversation" if any(words in text for text in self._texts) else ""


def _oldest_first(cubes: Sequence[MemCube], lead: Mapping[str, MemCube] | None = None) -> list[MemCube]:
    """``lead``: by id, questions with the answer that each stands right in front of."""

    def place(cube: MemCube) -> tuple[bool, datetime, datetime, str, bool]:
        at = (lead or {}).get(cube.id, cube)
        return not is_external(at.trust), at.valid_from, at.recorded_at, at.id, at is cube

    return sorted(cubes, key=place)


def _objection(hit: Hit, plan: Plan, seen: Seen) -> str:
    """Why a hit is not brought in, whatever the budget; "" when nothing speaks against it."""
    cube = hit.cube
    if cube.id in seen.cube_ids:
        return "was brought in earlier in this conversation"
    if "question" in cube.tags:
        return "a question holds no fact"
    if "covered" in cube.tags:
        return "its facts stand for it"
    if REPLACED in hit.signals:
        return "what it states was replaced"
    if hit.relevance < plan.min_relevance:
        return "not relevant enough"
    return ""


def _far_behind(hit: Hit, best_chunk: float) -> str:
    """Documents have many chunks of which a few words fit: where one fits well, those far behind it answer nothing."""
    far = bool(hit.cube.source.document_id) and best_chunk > _SURE_CHUNK and hit.score < best_chunk / 4
    return "far behind the best chunk" if far else ""


def line_of(cube: MemCube) -> str:
    """Return the memory's line: a fact, or a quote of what was said, with the day from which it holds.

    What came from a tool or a document is a quote that names its source; what somebody else shares is theirs.
    """
    day = cube.valid_from.date()
    if isinstance(cube, SharedCube):
        if is_external(cube.own_trust):
            return prompts.external_line(day, cube.said, cube.own_trust, cube.speaker)
        return prompts.quote_line(day, cube.said, cube.speaker)
    if is_external(cube.trust):
        said = cube.semantic_type is SemanticType.TURN
        return prompts.external_line(day, cube.text, cube.trust, cube.source.name or cube.source.role if said else None)
    if cube.semantic_type is SemanticType.TURN:
        return prompts.quote_line(day, cube.text, cube.source.name or cube.source.role)
    return prompts.fact_line(day, cube.text)


def place(messages: Sequence[Mapping[str, Any]], stable_text: str, blocks: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return new messages with the stable block in the system message and ``blocks[i]`` in front of user message i.

    Messages that get nothing are the caller's own objects. Works on content strings and on lists of parts.
    """
    placed = [_prefixed(message, blocks[i]) if blocks.get(i) else dict(message) for i, message in enumerate(messages)]
    if not stable_text:
        return placed
    if placed and placed[0].get("role") in _SYSTEM_ROLES:
        return [_suffixed(placed[0], stable_text), *placed[1:]]
    return [{"role": "system", "content": stable_text}, *placed]


def _prefixed(message: Mapping[str, Any], block: str) -> dict[str, Any]:
    """In the words themselves: they are the same whether the caller says them as text or, another time, as a part."""
    content = message.get("content")
    if not isinstance(content, list):
        return {**message, "content": f"{block}{content or ''}"}
    first = content[0] if content else None
    if isinstance(first, Mapping) and first.get("type") == "text" and isinstance(first.get("text"), str):
        return {**message, "content": [{**first, "text": f"{block}{first['text']}"}, *content[1:]]}
    return {**message, "content": [{"type": "text", "text": block}, *content]}


def _suffixed(message: Mapping[str, Any], block: str) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [*content, {"type": "text", "text": f"\n\n{block}"}]}
    return {**message, "content": f"{content}\n\n{block}" if content else block}


def _receipt(hit: Hit, block: str, reason: str) -> Candidate:
    return Candidate(
        cube_id=hit.cube.id,
        score=round(hit.score, 4),
        relevance=round(hit.relevance, 4),
        signals=hit.signals,
        block=block,
        reason=reason,
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
