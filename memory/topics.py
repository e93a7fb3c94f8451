"""Vectors of statements and questions in, what they are about out: by their nearest prototypes.

A label is the topic whose three best prototypes are nearest on average. Measured with MiniLM on 32 phrasings of
questions that share no word with the statement they ask for: 31 get the right topic, of 90 statements 86.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from memory.cube import FactKey, MemCube, SemanticType
from memory.errors import MemoryFault
from memory.ports import Matrix, Vector
from memory.rules.topics import Holds, Topic, topics

logger = logging.getLogger(__name__)

Embed = Callable[[Sequence[str]], Matrix | None]

_RETRY_S = 60.0  #: after prototypes could not be embedded: recall goes on without topics
_NEAREST = 3  #: prototypes of a topic that count
_FREE_ATTRIBUTES = ("attr:", "thing:")  #: in the user's own words, so no table knows them
_MIN_SCORE = 0.3  #: what is farther from all prototypes is about none of them


@dataclass(frozen=True, slots=True)
class Label:
    """What a text is about, and how sure that is."""

    topic: Topic
    score: float  #: mean cosine of the nearest prototypes, in [-1, 1]
    margin: float  #: how far the next topic is behind


class Topics:
    """Tells what texts are about. Thread-safe; the prototypes are embedded when they are first needed."""

    def __init__(self, embed: Embed, vectors: Matrix | None = None) -> None:
        """``vectors``: of ``prototype_texts()``, in order, where they are known already."""
        self._embed = embed
        self._lock = threading.Lock()
        self._said: _Prototypes | None = None
        self._asked: _Prototypes | None = None
        self._again_at = 0.0
        if vectors is not None:
            self._take(vectors)

    def of_statements(self, vectors: Matrix) -> list[Label | None]:
        """Return the label of each row; None where it is about none of the topics, or says nothing of its speaker."""
        self._prepare()
        return [] if self._said is None else self._said.labels(vectors)

    def of_memories(self, cubes: Sequence[MemCube], vectors: Matrix) -> list[Label | None]:
        """Return the label of each memory; of a fact that was read by rules what its attribute says."""
        return [
            label if cube.fact is None or cube.semantic_type is SemanticType.TURN else _of_fact(cube.fact, label)
            for cube, label in zip(cubes, self.of_statements(vectors) or [None] * len(cubes), strict=True)
        ]

    def of_question(self, vector: Vector) -> list[tuple[Topic, float]]:
        """Return what may be asked about with its likeness, best first; [] where it is about none of the topics."""
        self._prepare()
        if self._asked is None:
            return []
        found = sorted(self._asked.likeness(vector), key=lambda each: each[1], reverse=True)
        sure = found[0][1] >= _MIN_SCORE and found[0][0].holds is not Holds.NONE
        return [each for each in found if each[0].holds is not Holds.NONE] if sure else []

    def centre(self, topic: Topic) -> Vector | None:
        """Return the mean statement of a topic, unit norm: what it is said like."""
        self._prepare()
        return None if self._said is None else self._said.centre(topic)

    def _prepare(self) -> None:
        """Embed the prototypes; while another thread does, texts are about nothing: a chat does not wait for it."""
        if self._asked is not None or not self._lock.acquire(blocking=False):
            return
        try:
            if time.monotonic() >= self._again_at:
                vectors = self._embed(prototype_texts())
                if vectors is not None:
                    self._take(vectors)
        except MemoryFault as fault:
            self._again_at = time.monotonic() + _RETRY_S
            logger.warning("what questions are about cannot be told for now: %s", fault)
        finally:
            self._lock.release()

    def _take(self, vectors: Matrix) -> None:
        said = [(topic, len(topic.said)) for topic in topics()]
        asked = [(topic, len(topic.asked)) for topic in topics()]
        behind = sum(count for _, count in said)
        self._said = _Prototypes(_slices(said), vectors[:behind])
        self._asked = _Prototypes(_slices(asked), vectors[behind:])


def prototype_texts() -> list[str]:
    """Return all prototypes: what is said of each topic, then what is asked of each."""
    return [text for topic in topics() for text in topic.said] + [text for topic in topics() for text in topic.asked]


def _of_fact(fact: FactKey, label: Label | None) -> Label | None:
    topic = next((topic for topic in topics() if topic.names(fact.attribute)), None)
    if topic is not None:
        return Label(topic, 1.0, 1.0)
    return label if fact.attribute.startswith(_FREE_ATTRIBUTES) else None


class _Prototypes:
    def __init__(self, rows: Sequence[tuple[Topic, slice]], vectors: Matrix) -> None:
        self._rows, self._vectors = rows, vectors
        longest = max(part.stop - part.start for _, part in rows)
        self._places = np.full((len(rows), longest), len(vectors))  # where a topic has fewer: the column of none
        for row, (_, part) in enumerate(rows):
            self._places[row, : part.stop - part.start] = np.arange(part.start, part.stop)

    def scores(self, vectors: Matrix) -> Matrix:
        """Return a row for each topic, in order: the mean likeness of each vector to its nearest prototypes."""
        near = np.full((len(vectors), len(self._vectors) + 1), -np.inf, np.float32)
        near[:, :-1] = vectors @ self._vectors.T
        nearest = np.partition(near[:, self._places], -_NEAREST, axis=2)[:, :, -_NEAREST:]
        means: Matrix = nearest.mean(axis=2).T
        return means

    def labels(self, vectors: Matrix) -> list[Label | None]:
        scores = self.scores(vectors)
        order = np.argsort(scores, axis=0)[::-1]
        found: list[Label | None] = []
        for column, (best, second) in enumerate(zip(order[0], order[1], strict=True)):
            score = float(scores[best, column])
            topic = self._rows[best][0]
            sure = score >= _MIN_SCORE and topic.holds is not Holds.NONE
            found.append(Label(topic, score, score - float(scores[second, column])) if sure else None)
        return found

    def likeness(self, vector: Vector) -> list[tuple[Topic, float]]:
        scores = self.scores(vector[None, :])[:, 0].tolist()
        return [(topic, score) for (topic, _), score in zip(self._rows, scores, strict=True)]

    def centre(self, topic: Topic) -> Vector:
        mean = next(self._vectors[part] for one, part in self._rows if one is topic).mean(axis=0)
        unit: Vector = mean / np.linalg.norm(mean)
        return unit


def _slices(counts: Sequence[tuple[Topic, int]]) -> list[tuple[Topic, slice]]:
    rows: list[tuple[Topic, slice]] = []
    start = 0
    for topic, count in counts:
        rows.append((topic, slice(start, start + count)))
        start += count
    return rows
