"""Memories as they were written in, duplicates merged out: MemOperator's organising half (arXiv 2507.03724).

Three tiers, each only where the one before leaves it open: equal words; words of one meaning in other forms, with
embeddings that are near; and in the grey band below, where a model is configured, its word. Precision counts more than
recall: a duplicate that stays costs a line in a prompt, a merge of two different memories hides one of them. What tells
statements apart whatever the vectors say stands in ``memory/duplicates.py``, and the model is not asked beyond it.

Runs beside the requests, in batches; every merge is one change that can be undone.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from memory.cube import MemCube
from memory.duplicates import (
    MAX_COMPARED_CHARS,
    Reading,
    comparable,
    may_be_same,
    reading_of,
    same_content,
    same_words,
)
from memory.embeddings import Embeddings, embedding_text
from memory.errors import EngineDown, Refused
from memory.ports import Derivations, Extractor, Organised, Written
from memory.prompts import DUPLICATES_SCHEMA, duplicate_pairs
from memory.turn import Scope
from memory.vault.merging import mergeable

logger = logging.getLogger(__name__)

_CANDIDATES = 16  # of one memory
_MAX_ASKED_CHARS = 500  # longer notes are not asked about


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearness:
    """Cosines of embeddings that count as near."""

    same: float = 0.85  #: with words of one meaning
    grey: float = 0.8  #: with other words: a model is asked


@dataclass(slots=True)
class Counted:
    """What the organiser has done since the start."""

    looked_at: int = 0
    merged: int = 0  #: memories that went into another one
    asked: int = 0  #: pairs that a model was asked about


@dataclass(slots=True)
class _Batch:
    """One step's state."""

    gone: set[str] = field(default_factory=set)
    grey: list[tuple[MemCube, MemCube]] = field(default_factory=list)

    def put_aside(self, a: MemCube, b: MemCube, *, most: int) -> None:
        """Keep a pair to be asked about, once, while there is room."""
        known = any({a.id, b.id} == {one.id, other.id} for one, other in self.grey)
        if not known and len(self.grey) < most:
            self.grey.append((a, b))


class Organiser:
    """Looks for duplicates of what is new. ``judge`` None: the grey band is left alone."""

    def __init__(
        self,
        vault: Organised,
        embeddings: Embeddings,
        derivations: Derivations | None,
        *,
        nearness: Nearness | None = None,
        judge: Extractor | None = None,
        judged_pairs: int = 8,
    ) -> None:
        self.counted = Counted()
        self._vault = vault
        self._embeddings = embeddings
        self._derivations = derivations
        self._nearness = nearness or Nearness()
        self._judge = judge
        self._judged_pairs = judged_pairs

    def step(self, *, limit: int = 64) -> int:
        """Look at the next memories, merge what says the same, and return how many were looked at; 0 at the end.

        At most one call of the model. Raises: EngineDown: the embedder does not answer; the same ones come next time.
        """
        work = self._vault.unorganised(limit=limit)
        batch = _Batch()
        for cube in work.cubes:
            if cube.id not in batch.gone:
                self._look(cube, batch)
        if batch.grey:
            self._ask(batch)
        self._vault.organised(work.through)
        self.counted.looked_at += len(work.cubes)
        return len(work.cubes)

    def _look(self, cube: MemCube, batch: _Batch) -> None:
        """Merge a memory with those that say the same, and put aside those of which that is open."""
        if not mergeable(cube):
            return
        scope = Scope(user=cube.owner)
        same: list[MemCube] = []
        reading = _reading(cube)
        for other, cosine in self._candidates(scope, cube):
            other_reading = _reading(other)
            if cube.text == other.text or self._says_same(reading, other_reading, cosine):
                same.append(other)
            elif self._is_grey(reading, other_reading, cosine):
                batch.put_aside(cube, other, most=self._judged_pairs)
        if same:
            self._merge(scope, [cube, *same], batch, note="equal")

    def _candidates(self, scope: Scope, cube: MemCube) -> Iterator[tuple[MemCube, float]]:
        """Yield the nearest memories that could be duplicates, with their cosines; without an embedder those of 0."""
        ids, cosines = self._embeddings.search(scope, embedding_text(cube.text))
        near: Mapping[str, float]
        if self._embeddings.model_id:
            least = min(self._nearness.grey, self._nearness.same)
            places = [n for n in cosines.argsort()[::-1][: _CANDIDATES + 1] if cosines[n] >= least]
            near = {ids[n]: float(cosines[n]) for n in places}
        else:
            found, _ = self._vault.lexical(scope, cube.text[:MAX_COMPARED_CHARS], limit=_CANDIDATES + 1)
            near = dict.fromkeys((cube_id for cube_id, _ in found), 0.0)
        for other in self._vault.get_many(scope, list(near)):
            if comparable(cube, other):
                yield other, near[other.id]

    def _says_same(self, a: Reading | None, b: Reading | None, cosine: float) -> bool:
        if a is None or b is None:
            return False
        return same_words(a, b) or (cosine >= self._nearness.same and same_content(a, b))

    def _is_grey(self, a: Reading | None, b: Reading | None, cosine: float) -> bool:
        if self._judge is None or a is None or b is None or cosine < self._nearness.grey:
            return False
        return may_be_same(a, b)

    def _ask(self, batch: _Batch) -> None:
        """Ask the model about the pairs that are open. Without an answer they stay two: that harms nobody."""
        pairs = [(a, b) for a, b in batch.grey if not {a.id, b.id} & batch.gone and _short(a) and _short(b)]
        if not pairs or self._judge is None:
            return
        self.counted.asked += len(pairs)
        try:
            answer = self._judge.extract(duplicate_pairs([(a.text, b.text) for a, b in pairs]), DUPLICATES_SCHEMA)
        except EngineDown as fault:
            logger.warning("near duplicates stay as they are: %s", fault)
            return
        for number in _numbers(answer, len(pairs)):
            a, b = pairs[number - 1]
            if not {a.id, b.id} & batch.gone:
                self._merge(Scope(user=a.owner), [a, b], batch, note="judged")

    def _merge(self, scope: Scope, cubes: Sequence[MemCube], batch: _Batch, *, note: str) -> None:
        try:
            with self._embeddings.writing(scope):
                written = self._vault.merge(scope, cubes, note=note)
                self._embeddings.follow(scope, written, {})
        except Refused as fault:  # a batch that fails is looked at again, and would fail for ever
            logger.warning("memories that say the same stay apart: %s", fault)
            return
        batch.gone.update(written.superseded)
        self.counted.merged += len(written.superseded)
        if self._derivations is not None and _shows(written):
            self._derivations.changed(scope)


def _reading(cube: MemCube) -> Reading | None:
    """Return the text as it is compared; None for a long one, which is a duplicate only of an equal one."""
    return reading_of(cube.text) if len(cube.text) <= MAX_COMPARED_CHARS else None


def _short(cube: MemCube) -> bool:
    return len(cube.text) <= _MAX_ASKED_CHARS


def _numbers(answer: Mapping[str, object], most: int) -> list[int]:
    """Return the pairs that the model says are the same; anything that does not follow the schema names none."""
    named = answer.get("same")
    if not isinstance(named, list) or not all(type(number) is int and 0 < number <= most for number in named):
        logger.warning("the answer about near duplicates does not follow the schema; they stay as they are")
        return []
    return list(dict.fromkeys(named))


def _shows(written: Written) -> bool:
    """True when the stable block may read otherwise now."""
    return any(cube.pinned or (cube.fact is not None and cube.fact.profile) for cube in written.confirmed)
