"""A MemoryCall and a Plan in, ranked Hits out.

MemOperator of the papers (arXiv 2507.03724, section "MemOperator"), its searching half. Lexical (BM25) and dense
(cosine) scores are z-normalised over the user's memories and added; rank fusion gives a weak signal the vote of a
strong one and lost 13 points of recall@5 against BM25 alone. A question that names an attribute ("where I live")
lifts the facts of that attribute: the words of question and statement often have nothing in common.

``score`` ranks inside one recall; ``relevance`` is made from raw similarities, so that "nothing here answers" shows.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from memory.cube import FactKey, MemCube, SemanticType
from memory.embeddings import Embeddings, embedding_text
from memory.ports import Vault, Vector
from memory.turn import Hit, MemoryCall, Plan, Recall, Scope

_WORD = re.compile(r"\w+")
_STOP = frozenset(
    "a about am an and any are as at be been but by can could did do does for from had has have how i if in is it its "
    "me my of on or our please say so tell than that the their them then there these they this those to was we were "
    "what when where which who whom whose why will with would you your know remember again now s t re ve m d ll".split()
)
_SPACED = str.maketrans(dict.fromkeys("\n\t\"'([{<-/.,:;!?*_`", " "))
_ATTRIBUTE_BOOST = 2.0  # in z units: above any chance similarity, below nothing that fits better
_QUESTION_PENALTY = 1.5  # else the same question, asked before, stands above its answer
_SMALLEST_DEVIATION = {"dense": 0.05, "lexical": 0.5}  # with few memories a deviation of almost zero means nothing
_AS_OF_EMBEDDED = 400  # memories of the past are embedded anew for a time-machine question: the most likely ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each signal counts, in z units; the half-life is of the recency bonus."""

    lexical: float = 1.0
    dense: float = 1.0
    recency: float = 0.15
    recency_half_life_days: float = 30.0
    candidates: int = 64


@dataclass(frozen=True, slots=True)
class _Question:
    """What every candidate of one recall is held against; read out of the call once."""

    call: MemoryCall
    words: frozenset[str]
    asked: tuple[tuple[str, str], ...]  #: (subject, attribute) pairs that it names


class Operator:
    """Finds memories by the plan's policy."""

    def __init__(
        self,
        vault: Vault,
        embeddings: Embeddings,
        weights: Weights,
        asked_about: Callable[[str], Sequence[tuple[str, str]]],
    ) -> None:
        self._vault = vault
        self._embeddings = embeddings
        self._weights = weights
        self._asked_about = asked_about
        self._policies: Mapping[str, Callable[[Scope, MemoryCall, Plan], list[Hit]]] = {
            "hybrid": self._hybrid,
            "semantic": self._semantic,
            "lru": self._lru,
            "label": self._label,
        }

    def recall(self, scope: Scope, call: MemoryCall, plan: Plan) -> Recall:
        """Return some more than ``top_k`` hits, best first: the injector leaves out what the model sees anyway.

        Costs one short embedding, one exact product and one full-text query; no LLM.
        Raises: EngineDown: the embedder does not answer. VaultLocked.
        """
        if not plan.recall:
            return Recall()
        if call.as_of is not None:
            hits = self._as_of(scope, call, call.as_of)
        else:
            hits = self._policies[plan.policy](scope, call, plan)
        wanted = [hit for hit in hits if hit.cube.kind in plan.kinds]
        sufficiency = max((hit.relevance for hit in wanted if "question" not in hit.cube.tags), default=0.0)
        return Recall(hits=tuple(wanted[: _pool(plan)]), sufficiency=sufficiency)

    def _hybrid(self, scope: Scope, call: MemoryCall, plan: Plan) -> list[Hit]:
        return self._ranked(scope, call, plan, recency=self._weights.recency)

    def _semantic(self, scope: Scope, call: MemoryCall, plan: Plan) -> list[Hit]:
        return self._ranked(scope, call, plan, recency=0.0)

    def _lru(self, scope: Scope, call: MemoryCall, plan: Plan) -> list[Hit]:  # noqa: ARG002 (one shape for all policies)
        return _in_order(self._vault.recent(scope, limit=_pool(plan)), "last_used")

    def _label(self, scope: Scope, call: MemoryCall, plan: Plan) -> list[Hit]:
        labels = [*call.entities, *(name for _, name in self._asked_about(call.query)), *content_words(call.query)]
        return _in_order(self._vault.labelled(scope, labels, limit=_pool(plan)), "label")

    def _ranked(self, scope: Scope, call: MemoryCall, plan: Plan, *, recency: float) -> list[Hit]:
        question = self._question(call)
        ids, similarities = self._embeddings.search(scope, call.query)
        found, total = self._vault.lexical(scope, call.query, limit=self._weights.candidates)
        dense = _dense_candidates(ids, similarities, self._weights.candidates)
        lexical = dict(found)
        z_dense = _z(dense, similarities, "dense")
        z_lexical = _z_sparse(lexical, max(total, len(lexical), 1))
        scores = {
            cube_id: self._weights.dense * z_dense.get(cube_id, 0.0)
            + self._weights.lexical * z_lexical.get(cube_id, 0.0)
            for cube_id in {**dense, **lexical}
        }
        best = sorted(scores, key=scores.__getitem__, reverse=True)[: _pool(plan)]
        hits = [
            self._hit(question, cube, scores[cube.id], recency, dense.get(cube.id), lexical.get(cube.id))
            for cube in self._vault.get_many(scope, best)
        ]
        return sorted(hits, key=_rank, reverse=True)

    def _as_of(self, scope: Scope, call: MemoryCall, as_of: datetime) -> list[Hit]:
        question = self._question(call)
        coverage = {c: _coverage(question.words, c.text) for c in self._vault.known_at(scope, as_of)}
        cubes = sorted(coverage, key=lambda c: (coverage[c], c.recorded_at))[-_AS_OF_EMBEDDED:]
        vectors = self._embeddings.embed([call.query, *(embedding_text(cube.text) for cube in cubes)])
        if vectors is None:
            hits = [self._hit(question, cube, 2 * coverage[cube], 0.0, None, None) for cube in cubes]
        else:
            similarities = vectors[1:] @ vectors[0]
            dense = dict(zip((cube.id for cube in cubes), map(float, similarities), strict=True))
            z = _z(dense, similarities, "dense")
            hits = [self._hit(question, c, z[c.id] + 2 * coverage[c], 0.0, dense[c.id], None) for c in cubes]
        return sorted(hits, key=_rank, reverse=True)

    def _question(self, call: MemoryCall) -> _Question:
        return _Question(call, frozenset(content_words(call.query)), tuple(self._asked_about(call.query)))

    def _hit(
        self,
        question: _Question,
        cube: MemCube,
        score: float,
        recency: float,
        dense: float | None,
        lexical: float | None,
    ) -> Hit:
        named = cube.fact is not None and _named(cube.fact, question.asked)
        coverage = _coverage(question.words, cube.text)
        bonus = recency * _freshness(cube.valid_from, question.call.now, self._weights.recency_half_life_days)
        score += bonus + _ATTRIBUTE_BOOST * named - _QUESTION_PENALTY * ("question" in cube.tags)
        relevance = coverage if dense is None else max(0.0, dense) + 0.25 * coverage
        present = {
            name: round(value, 4) for name, value in (("dense", dense), ("lexical", lexical)) if value is not None
        }
        present |= {"coverage": round(coverage, 3), "recency": round(bonus, 3), "attribute": float(named)}
        return Hit(cube=cube, score=score, relevance=min(1.0, relevance + 0.3 * named), signals=present)


def content_words(text: str) -> list[str]:
    """Return the case-folded words that carry meaning, in order, each once."""
    return list(dict.fromkeys(w for w in _WORD.findall(text.casefold()) if w not in _STOP))


def _pool(plan: Plan) -> int:
    """How many are looked at: each costs 50 microseconds, and few are left out."""
    return max(16, 2 * plan.top_k)


def _rank(hit: Hit) -> tuple[float, datetime]:
    return hit.score, hit.cube.valid_from


def _named(fact: FactKey, asked: Sequence[tuple[str, str]]) -> bool:
    """True when a question names the fact's subject and attribute; "favourite:" names all favourites."""
    return any(
        subject == fact.subject and (name == fact.attribute or (name.endswith(":") and fact.attribute.startswith(name)))
        for subject, name in asked
    )


def _coverage(words: frozenset[str], text: str) -> float:
    """Share of the words that begin a word of the text, in [0, 1]; of long words all but the last two letters count."""
    if not words:
        return 0.0
    plain = " " + text.casefold().translate(_SPACED)
    return sum(f" {word[: max(4, len(word) - 2)]}" in plain for word in words) / len(words)


def _freshness(then: datetime, now: datetime, half_life_days: float) -> float:
    age_days = max(0.0, (now - then).total_seconds() / 86400)
    return math.exp(-math.log(2) * age_days / half_life_days)


def _dense_candidates(ids: list[str], similarities: Vector, limit: int) -> dict[str, float]:
    if len(ids) <= limit:
        return dict(zip(ids, map(float, similarities), strict=True))
    top = np.argpartition(similarities, -limit)[-limit:]
    return {ids[int(i)]: float(similarities[int(i)]) for i in top}


def _z(scores: dict[str, float], population: Vector, signal: str) -> dict[str, float]:
    if not scores or not population.size:
        return {}
    mean, deviation = float(population.mean()), max(float(population.std()), _SMALLEST_DEVIATION[signal])
    return {cube_id: (score - mean) / deviation for cube_id, score in scores.items()}


def _z_sparse(scores: dict[str, float], total: int) -> dict[str, float]:
    """z-scores where all memories that are not listed scored zero."""
    mean = sum(scores.values()) / total
    variance = max(0.0, sum(score * score for score in scores.values()) / total - mean * mean)
    deviation = max(math.sqrt(variance), _SMALLEST_DEVIATION["lexical"])
    return {cube_id: (score - mean) / deviation for cube_id, score in scores.items()}


def _in_order(cubes: Sequence[MemCube], signal: str) -> list[Hit]:
    """Hits of a policy that orders by itself: relevance is not what it asks for, so none is left out for lack of it."""
    return [
        Hit(cube=cube, score=1.0 - rank / max(1, len(cubes)), relevance=1.0, signals={signal: float(rank)})
        for rank, cube in enumerate(cubes)
        if not (cube.semantic_type is SemanticType.TURN and "question" in cube.tags)
    ]
