"""A question in, the memories that may answer it with a score each out: the first stage of recall.

Signals are z-normalised over all of the user's memories and added; rank fusion gives a weak signal the vote of a strong
one and lost 13 points of recall@5 against BM25 alone. What others share is scored by its own likeness and words, on the
scale of the user's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from memory.columns import Numbers, best, nearest, z
from memory.document_finding import find_chunks
from memory.embeddings import Embeddings
from memory.features import features_of
from memory.found import Found, Scale
from memory.outline import Outline
from memory.ports import Ranker, Vault, Vector
from memory.signals import Signals, signals_of
from memory.spaces import Partition
from memory.turn import MemoryCall, Scope
from memory.vault.words import terms

RERANKED = 150  #: utterances that a learned ranker orders: 98 % of what answers is among them


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """How much each signal counts, in z units; of cues (speaker, question, dated) what a cue adds."""

    lexical: float = 0.0
    lexical_near: float = 0.0
    lexical_conversation: float = 0.0
    dense: float = 0.0
    dense_near: float = 0.0
    dense_conversation: float = 0.0
    speaker: float = 0.0
    length: float = 0.0
    question: float = 0.0
    after_question: float = 0.0
    times: float = 0.0  #: for each word that tells a time
    role: float = 0.0  #: who was asked for: the user, or the assistant
    dated: float = 0.0

    def scaled(self, lexical: float, dense: float) -> "Mixture":
        """Return the mixture with all signals of a sort multiplied."""
        return replace(
            self,
            lexical=self.lexical * lexical,
            lexical_near=self.lexical_near * lexical,
            lexical_conversation=self.lexical_conversation * lexical,
            dense=self.dense * dense,
            dense_near=self.dense_near * dense,
            dense_conversation=self.dense_conversation * dense,
        )


#: With an assistant: what a user says stands for itself.
CHAT = Mixture(lexical=1.0, dense=1.0, lexical_conversation=0.5, dense_conversation=0.3, role=1.0, dated=0.5)
#: Between people: an answer often leans on the utterance before it.
TALK = Mixture(
    lexical_near=1.0,
    dense_near=0.7,
    lexical_conversation=0.4,
    dense_conversation=0.4,
    speaker=0.6,
    length=0.3,
    question=-0.5,
    after_question=0.5,
    times=0.2,
    dated=1.2,
)


class Finder:
    """Scores all memories that a user may read against one question."""

    def __init__(
        self,
        vault: Vault,
        embeddings: Embeddings,
        *,
        lexical: float = 1.0,
        dense: float = 1.0,
        candidates: int = 64,
        ranker: Ranker | None = None,
    ) -> None:
        """``lexical`` and ``dense``: how much the signals of either sort count, as a factor.

        ``ranker`` orders what was said in conversations of the sort that it learnt from.
        """
        self._ranker = ranker
        self._vault = vault
        self._embeddings = embeddings
        self._lexical, self._dense = lexical, dense
        self._chat, self._talk = (mixture.scaled(lexical, dense) for mixture in (CHAT, TALK))
        self._candidates = candidates

    def find(
        self,
        scope: Scope,
        call: MemoryCall,
        partitions: Sequence[Partition],
        same: Sequence[frozenset[str]] = (),
    ) -> Found:
        """Return the best candidates, some for each signal; ``same``: words of the query that stand for one thing.

        Raises: EngineDown: the embedder does not answer. VaultLocked.
        """
        vector = self._embeddings.vector(call.query)
        words = without_times(call)
        own = self._own(scope, call, words, vector, same)
        chunks = find_chunks(self._vault, self._embeddings, scope, words, vector, own.scale)
        shared = self._shared(scope, call, words, partitions, own.scale) if partitions else Found()
        return Found(
            scores={**shared.scores, **chunks.scores, **own.scores},
            dense={**shared.dense, **chunks.dense, **own.dense},
            lexical={**shared.lexical, **chunks.lexical, **own.lexical},
            coverage=own.coverage,
            questions=own.questions,
        )

    def _own(
        self, scope: Scope, call: MemoryCall, words: str, query: Vector | None, same: Sequence[frozenset[str]]
    ) -> Found:
        postings = self._vault.postings(scope, words)
        outline = self._embeddings.outline(scope, postings)
        postings = postings.with_synonyms(terms(" ".join(group)) for group in same)
        if not len(outline):
            return Found()
        known, similarities = self._similarities(scope, outline, query)
        signals = signals_of(outline, postings, similarities, call.query, call.times)
        mixture = self._talk if outline.named else self._chat
        scores = mixed(signals, outline, mixture)
        if self._ranker is not None and self._ranker.of_talks == outline.named:
            scores = reordered(scores, self._ranker, signals, outline, call.query)
        likely = np.flatnonzero(known + signals.lexical_near)  # without a vector and near no word nothing speaks for it
        chosen = likely[best(scores[likely], self._candidates)].tolist()
        ids = outline.ids
        return Found(
            scores={ids[row]: float(scores[row]) for row in chosen},
            dense={ids[row]: float(similarities[row]) for row in chosen if known[row]},
            lexical={ids[row]: float(signals.lexical[row]) for row in chosen if signals.lexical[row]},
            coverage={ids[row]: float(signals.coverage[row]) for row in chosen},
            questions={ids[row]: ids[asked] for row, asked in outline.asked(chosen)},
            scale=Scale.of(
                similarities,
                signals.lexical,
                dense_weight=mixture.dense + mixture.dense_near + mixture.dense_conversation,
                lexical_weight=mixture.lexical + mixture.lexical_near + mixture.lexical_conversation,
            ),
        )

    def _similarities(self, scope: Scope, outline: Outline, query: Vector | None) -> tuple[Numbers, Numbers]:
        """Return which memories have a vector, and all similarities; without one the mean of the others."""
        known, aligned = np.zeros((2, len(outline)), np.float32)
        if query is None:
            return known, aligned
        ids, similarities = self._embeddings.nearest(scope, query)
        rows = outline.rows_of_ids(ids)
        here = rows >= 0
        aligned += similarities.mean() if len(similarities) else 0.0
        aligned[rows[here]], known[rows[here]] = similarities[here], 1.0
        return known, aligned

    def _shared(
        self, scope: Scope, call: MemoryCall, words: str, partitions: Sequence[Partition], scale: Scale | None
    ) -> Found:
        """Score what others share as if it were the user's own word."""
        ids, similarities = self._embeddings.search(scope, call.query, partitions)
        found, _ = self._vault.lexical(scope, words, limit=self._candidates)
        dense, lexical = nearest(ids, similarities, self._candidates), dict(found)
        if scale is None:
            bm25 = np.array([score for _, score in found] or [0.0], np.float32)
            scale = Scale.of(similarities, bm25, dense_weight=self._dense, lexical_weight=self._lexical)
        scores = {
            each: scale.score(dense.get(each), lexical.get(each, 0.0)) + self._chat.role
            for each in {**dense, **lexical}
        }
        return Found(scores=scores, dense=dense, lexical=lexical)


def mixed(signals: Signals, outline: Outline, mixture: Mixture) -> Numbers:
    """Return the weighted sum of the signals, one number a memory."""
    weighted: list[tuple[float, Numbers]] = [
        *((getattr(mixture, name), values) for name, values in signals.deviations.items()),
        (mixture.speaker, signals.speaker),
        (mixture.length, outline.length),
        (mixture.question, outline.question),
        (mixture.after_question, outline.after_question),
        (mixture.times, outline.times),
        (mixture.role, signals.role),
        (mixture.dated, signals.dated),
    ]
    total = np.zeros(len(outline), np.float32)
    for weight, amount in weighted:
        if weight:
            total += np.float32(weight) * amount
    return total


def reordered(scores: Numbers, ranker: Ranker, signals: Signals, outline: Outline, question: str) -> Numbers:
    """Return the scores with the best utterances in the ranker's order; they exchange scores, facts keep theirs."""
    said = np.flatnonzero(outline.utterance)
    front = said[best(scores[said], RERANKED)]
    front = front[np.argsort(-scores[front], kind="stable")]
    if len(front) < 2:
        return scores
    learnt = z(ranker.score(features_of(signals, outline, question, front))) + z(scores[front])
    ordered = scores.copy()
    ordered[front[np.argsort(-learnt, kind="stable")]] = scores[front]
    return ordered


def without_times(call: MemoryCall) -> str:
    """Return the query without the times that it names: "May" in "on 2 May" asks for no other date in May."""
    words = call.query
    for time in call.times:
        words = words.replace(time.text, " ")
    return words
