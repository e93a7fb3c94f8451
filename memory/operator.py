"""A MemoryCall and a Plan in, ranked Hits out.

MemOperator of the papers (arXiv 2507.03724, section "MemOperator"), its searching half. Lexical (BM25) and dense
(cosine) scores are z-normalised over the user's memories and added; rank fusion gives a weak signal the vote of a
strong one and lost 13 points of recall@5 against BM25 alone. A question that names an attribute ("where I live")
lifts the facts of that attribute: the words of question and statement often have nothing in common.

``score`` ranks inside one recall; ``relevance`` is made from raw similarities, so that "nothing here answers" shows.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, zip_longest

import numpy as np

from memory.aliases import names_beings
from memory.columns import DENSE_FLOOR, nearest, spread
from memory.cube import MemCube, SemanticType
from memory.embeddings import Embeddings
from memory.finding import Finder
from memory.ports import Ranker, Vault, Vector
from memory.question import Question
from memory.ranking import EARLIER, Candidate, Cues, cues_of, day_tags, ranked
from memory.replaced import mark_replaced
from memory.reranking import Reranking
from memory.rules.parts import parts_of
from memory.rules.topics import topics as all_topics
from memory.rules.words import content_words
from memory.spaces import SharedCube
from memory.sufficiency import is_personal, probability_of, sufficiency
from memory.topics import Topics
from memory.trust import is_external
from memory.turn import Hit, MemoryCall, Plan, Recall, Scope
from memory.usefulness import standing

_SEARCHING = ("hybrid", "semantic")  # the policies that look for what was asked
_ATTRIBUTE_BOOST = 2.0  # in z units: above any chance similarity, below nothing that fits better
_QUESTION_PENALTY = 1.5  # else the same question, asked before, stands above its answer
_EXTERNAL_PENALTY = 1.0  # of two that fit alike, the user's own word stands above a document's or a tool's
_LEAST_LOOKED_AT = 24  #: whole, whatever is asked for: each costs 200 microseconds
_OF_TOPIC = 16  #: statements of a topic that are looked at, however few words they share with the question
_AS_OF_COMPARED = 400  # memories of the past that are compared with a time-machine question: the most likely ones
_PAST_LOOKED_AT = 40
_AS_OF_NEAR = 256  # what is like the question at present may have been so then
_AS_OF_CHUNKS = 16  # the same of documents, whatever their length


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each signal counts, in z units; the half-life is of the recency bonus."""

    lexical: float = 1.0
    dense: float = 1.0
    recency: float = 0.15
    recency_half_life_days: float = 30.0
    usefulness: float = 0.3  #: of a memory of which every answer made use; hybrid only
    archived_below: float = 0.7  #: best relevance under which what is archived is searched as well
    candidates: int = 64


class Operator:
    """Finds memories by the plan's policy."""

    def __init__(
        self,
        vault: Vault,
        embeddings: Embeddings,
        weights: Weights,
        asked_about: Callable[[str], Sequence[tuple[str, str]]],
        topics: Topics | None = None,
        ranker: Ranker | None = None,
        reranking: Reranking | None = None,
    ) -> None:
        self._vault = vault
        self._embeddings = embeddings
        self._weights = weights
        self._reranking = reranking
        self._finder = Finder(
            vault,
            embeddings,
            lexical=weights.lexical,
            dense=weights.dense,
            candidates=weights.candidates,
            ranker=ranker,
        )
        self._asked_about = asked_about
        self._topics = topics or Topics(embeddings.embed)
        self._policies: Mapping[str, Callable[[Scope, Question, Plan], list[Hit]]] = {
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
        parts = parts_of(call.query) if plan.policy in _SEARCHING else ()
        questions = [*(self._question(scope, _part(call, part), is_part=True) for part in parts)]
        questions.append(self._question(scope, call))
        if parts:  # one vector for several questions is like the answer to none of them
            self._embeddings.embed([question.query for question in questions])  # in one call; kept for each
        rankings = [self._rated(scope, question, plan) for question in questions]
        hits = _in_turn(rankings) if parts else rankings[0]
        return Recall(hits=tuple(hits[: _pool(plan)]), sufficiency=sufficiency(hits))

    def _rated(self, scope: Scope, question: Question, plan: Plan) -> list[Hit]:
        """Return all hits for one question, best first, each with the probability that it answers."""
        call = question.call
        if call.as_of is not None:
            hits = self._as_of(scope, question, call.as_of)
        else:
            hits = self._policies[plan.policy](scope, question, plan)
        wanted = _own_word_first([hit for hit in hits if hit.cube.kind in plan.kinds])
        if call.as_of is None and _best(wanted) < self._weights.archived_below:
            wanted = _own_word_first([*self._archived(scope, question, plan, wanted), *wanted])
        if call.as_of is None:
            wanted = mark_replaced(self._vault, scope, question, wanted, among=_pool(plan))
        personal = is_personal(call.query)
        return [replace(hit, probability=probability_of(hit, personal=personal)) for hit in wanted]

    def _archived(self, scope: Scope, question: Question, plan: Plan, in_use: Sequence[Hit]) -> list[Hit]:
        """Return archived memories that answer better than what is in use, best first; they stand above it.

        Costs one look into an index for each word where nothing is archived.
        """
        query = question.query
        found = self._vault.archived(scope, query, question.asked, model_id=self._embeddings.model_id)
        asked = self._embeddings.vector(query) if found else None
        hits: list[Hit] = []
        for each in found:
            if each.cube.kind in plan.kinds and "question" not in each.cube.tags:
                dense = None if asked is None or each.vector is None else float(asked @ each.vector)
                hits.append(self._hit(question, each.cube, 0.0, 0.0, {"dense": dense}))
        enough, above = _best(in_use), max((hit.score for hit in in_use), default=0.0)
        better = [replace(hit, score=above + hit.relevance) for hit in hits if hit.relevance > enough]
        return sorted(better, key=_rank, reverse=True)

    def _hybrid(self, scope: Scope, question: Question, plan: Plan) -> list[Hit]:
        return self._ranked(scope, question, plan, recency=self._weights.recency)

    def _semantic(self, scope: Scope, question: Question, plan: Plan) -> list[Hit]:
        return self._ranked(scope, question, plan, recency=0.0)

    def _lru(self, scope: Scope, question: Question, plan: Plan) -> list[Hit]:  # noqa: ARG002 (one shape for all policies)
        return _in_order(self._vault.recent(scope, limit=_pool(plan)), "last_used")

    def _label(self, scope: Scope, question: Question, plan: Plan) -> list[Hit]:
        entities = question.call.entities
        labels = [*entities, *(name for _, name in question.asked), *content_words(question.query)]
        limit = _pool(plan)
        own, others = self._vault.labelled(scope, labels, limit=limit), self._vault.labelled_by_others
        return _in_order([*own, *others(scope, labels, limit=limit)], "label")

    def _ranked(self, scope: Scope, question: Question, plan: Plan, *, recency: float) -> list[Hit]:
        cues = self._cues(question)
        partitions = self._vault.partitions(scope)
        call = replace(question.call, query=question.query)
        found = self._finder.find(scope, call, partitions, question.expanded.same)
        best = sorted(found.scores, key=found.scores.__getitem__, reverse=True)[: max(_LEAST_LOOKED_AT, _pool(plan))]
        more = [*self._of_topic(scope, cues), *(cube.id for cube in self._on_days(scope, cues))]
        cubes = self._vault.readable(scope, list(dict.fromkeys([*best, *more])))
        stated = [cube.id for cube in cubes if not cube.source.document_id]
        vectors = self._embeddings.vectors_of(scope, stated, partitions)
        likeness = self._likeness(call.query, vectors)
        hits = [
            self._hit(
                question,
                cube,
                found.scores.get(cube.id, 0.0),
                recency,
                {**likeness.get(cube.id, {}), **found.measured(cube.id)},
            )
            for cube in cubes
        ]
        if self._reranking is not None and not question.is_part:  # once a recall: it may take half a second
            hits = self._reranking.applied(question.call.query, hits)
        return self._with_questions(scope, found.questions, ranked(self._candidates(hits, vectors), cues), plan)

    def _likeness(self, query: str, vectors: Mapping[str, Vector]) -> dict[str, dict[str, float]]:
        """Return the cosine of each memory, also of those that no search brought to the front."""
        asked = self._embeddings.vector(query)
        if asked is None or not vectors:
            return {}
        found: list[float] = (np.stack([*vectors.values()]) @ asked).tolist()
        return {each: {"dense": similarity} for each, similarity in zip(vectors, found, strict=True)}

    def _with_questions(self, scope: Scope, questions: Mapping[str, str], hits: Sequence[Hit], plan: Plan) -> list[Hit]:
        """Put the question beside a short answer that may be brought in: "The blue one." says nothing without it."""
        wanted = {hit.cube.id: questions[hit.cube.id] for hit in hits[: plan.top_k] if hit.cube.id in questions}
        cubes = {cube.id: cube for cube in self._vault.readable(scope, list(wanted.values()))} if wanted else {}
        return [replace(hit, question=cubes.get(wanted[hit.cube.id])) if hit.cube.id in wanted else hit for hit in hits]

    def _cues(self, question: Question) -> Cues:
        vector = self._embeddings.vector(question.query)
        return cues_of(question.call, [] if vector is None else self._topics.of_question(vector))

    def _of_topic(self, scope: Scope, cues: Cues) -> list[str]:
        """Return what is said like the statements of the topics that matter."""
        wanted = [topic for topic in all_topics() if topic.name in cues.topics or (cues.advice and topic.advises)]
        centres = [centre for topic in wanted if (centre := self._topics.centre(topic)) is not None]
        return sorted(
            {cube_id for centre in centres for cube_id in nearest(*self._embeddings.nearest(scope, centre), _OF_TOPIC)}
        )

    def _on_days(self, scope: Scope, cues: Cues) -> list[MemCube]:
        return self._vault.labelled(scope, day_tags(cues.days), limit=self._weights.candidates) if cues.days else []

    def _candidates(self, hits: Sequence[Hit], vectors: Mapping[str, Vector]) -> list[Candidate]:
        known = [hit.cube for hit in hits if hit.cube.id in vectors]
        rows = np.stack([vectors[cube.id] for cube in known]) if known else np.zeros((0, 0), np.float32)
        found = self._topics.of_memories(known, rows) if known else []
        labels = {cube.id: label for cube, label in zip(known, found, strict=True)}
        return [Candidate.of(hit, labels.get(hit.cube.id)) for hit in hits]

    def _as_of(self, scope: Scope, question: Question, as_of: datetime) -> list[Hit]:
        near: dict[str, float] = {}
        asked = self._embeddings.vector(question.query)
        if asked is not None:
            near |= nearest(*self._embeddings.nearest(scope, asked), _AS_OF_NEAR)
            near |= nearest(*self._embeddings.documents(scope, asked), _AS_OF_CHUNKS)
        in_order = sorted(near, key=near.__getitem__, reverse=True)
        known = self._vault.known_likely(scope, as_of, question.query, in_order)
        hits = self._past(scope, question, [cube for cube in known if cube.in_use])
        if _best(hits) < self._weights.archived_below and not all(cube.in_use for cube in known):
            return self._past(scope, question, known)
        return hits

    def _past(self, scope: Scope, question: Question, known: Sequence[MemCube]) -> list[Hit]:
        coverage = {cube.id: question.coverage(cube.text) for cube in known}
        cubes = sorted(known, key=lambda cube: (coverage[cube.id], cube.recorded_at))[-_AS_OF_COMPARED:]
        asked = self._embeddings.vector(question.query)
        vectors = self._embeddings.of_versions(scope, cubes)
        dense: dict[str, float] = {}
        if asked is not None and vectors is not None:
            dense = dict(zip((cube.id for cube in cubes), map(float, vectors @ asked), strict=True))
        mean, deviation = spread(np.array(list(dense.values()), np.float32), DENSE_FLOOR)
        scores = {cube.id: (dense.get(cube.id, mean) - mean) / deviation + 2 * coverage[cube.id] for cube in cubes}
        best = set(sorted(scores, key=scores.__getitem__, reverse=True)[:_PAST_LOOKED_AT])
        chosen = [c for c in cubes if c.id in best or (c.fact is not None and question.names(c.fact))]
        hits = [self._hit(question, cube, scores[cube.id], 0.0, {"dense": dense.get(cube.id)}) for cube in chosen]
        vectors_of = {} if vectors is None else dict(zip((cube.id for cube in cubes), vectors, strict=True))
        return ranked(self._candidates(hits, vectors_of), self._cues(question))

    def _question(self, scope: Scope, call: MemoryCall, *, is_part: bool = False) -> Question:
        """Who the boss was is not who the boss is: the past knows people by the names that were known then."""
        then = call.as_of or min((time.end for time in call.times if time.end <= call.now), default=None)
        named = names_beings(call.query, call.entities) and not EARLIER.search(call.query)
        known = self._vault.named(scope, as_of=then) if named else ()
        return Question.of(call, self._asked_about(call.query), known, is_part=is_part)

    def _hit(
        self,
        question: Question,
        cube: MemCube,
        score: float,
        recency: float,
        measured: Mapping[str, float | None],
    ) -> Hit:
        """``measured``: what the search knows of it; of what it does not know None, or nothing."""
        mine = not isinstance(cube, SharedCube)  # "the user" of somebody else's fact is somebody else
        named = mine and cube.fact is not None and question.names(cube.fact)
        coverage = question.coverage(cube.text)
        bonus = recency * _freshness(cube.valid_from, question.call.now, self._weights.recency_half_life_days)
        another = mine and not named and cube.fact is not None and question.names_of_another(cube.fact)
        score += bonus + _ATTRIBUTE_BOOST * (named - another) - _QUESTION_PENALTY * ("question" in cube.tags)
        score -= _EXTERNAL_PENALTY * is_external(cube.trust)
        score += self._weights.usefulness * standing(cube) if recency else 0.0
        dense = measured.get("dense")
        relevance = coverage if dense is None else max(0.0, dense) + 0.25 * coverage
        present = {name: round(value, 4) for name, value in measured.items() if value is not None}
        present |= {"coverage": round(coverage, 3), "recency": round(bonus, 3), "attribute": float(named)}
        return Hit(cube=cube, score=score, relevance=min(1.0, relevance + 0.3 * named), signals=present)


def _pool(plan: Plan) -> int:
    """How many are looked at: each costs 50 microseconds, and few are left out."""
    return max(16, 2 * plan.top_k)


def _best(hits: Sequence[Hit]) -> float:
    """The relevance of the best of them; a question that was asked before answers nothing."""
    return max((hit.relevance for hit in hits if "question" not in hit.cube.tags), default=0.0)


def _part(call: MemoryCall, part: str) -> MemoryCall:
    """Return what a part of the call asks, with its own names and times only."""
    times = tuple(time for time in call.times if time.text in part)
    return replace(call, query=part, times=times, entities=tuple(name for name in call.entities if name in part))


def _in_turn(rankings: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Return the hits of several rankings, the first ones of each in front, each memory once, where it answers best."""
    likeliest: dict[str, Hit] = {}
    for hit in chain.from_iterable(rankings):
        known = likeliest.get(hit.cube.id)
        if known is None or hit.probability > known.probability:
            likeliest[hit.cube.id] = hit
    asked = {hit.cube.id: hit.question for hit in chain.from_iterable(rankings) if hit.question is not None}
    in_turn = dict.fromkeys(hit.cube.id for hit in chain.from_iterable(zip_longest(*rankings)) if hit is not None)
    return [replace(likeliest[cube_id], question=asked.get(cube_id)) for cube_id in in_turn]


def _rank(hit: Hit) -> tuple[float, datetime]:
    return hit.score, hit.cube.valid_from


def _own_word_first(hits: list[Hit]) -> list[Hit]:
    """Put what tools and documents say behind the last fact in the user's own word that answers what was asked."""
    answers = [n for n, hit in enumerate(hits) if hit.signals.get("attribute") and not is_external(hit.cube.trust)]
    if not answers:
        return hits
    front, rest = hits[: answers[-1] + 1], hits[answers[-1] + 1 :]
    external = [hit for hit in front if is_external(hit.cube.trust)]
    return [*(hit for hit in front if not is_external(hit.cube.trust)), *external, *rest]


def _freshness(then: datetime, now: datetime, half_life_days: float) -> float:
    age_days = max(0.0, (now - then).total_seconds() / 86400)
    return math.exp(-math.log(2) * age_days / half_life_days)


def _in_order(cubes: Sequence[MemCube], signal: str) -> list[Hit]:
    """Hits of a policy that orders by itself: relevance is not what it asks for, so none is left out for lack of it."""
    return [
        Hit(cube=cube, score=1.0 - rank / max(1, len(cubes)), relevance=1.0, signals={signal: float(rank)})
        for rank, cube in enumerate(cubes)
        if not (cube.semantic_type is SemanticType.TURN and "question" in cube.tags)
    ]
