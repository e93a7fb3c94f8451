"""Candidates of a recall and the scale that their scores stand on: what its searches hand over."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from memory.columns import DENSE_FLOOR, LEXICAL_FLOOR, Numbers, spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What one deviation of the user's own memories is, for a question."""

    memories: int
    dense: tuple[float, float]  #: mean and deviation of cosines
    lexical: tuple[float, float]  #: of BM25 scores
    dense_weight: float  #: what a deviation counts
    lexical_weight: float

    @classmethod
    def of(cls, dense: Numbers, lexical: Numbers, *, dense_weight: float, lexical_weight: float) -> "Scale":
        """Return the scale of all of a user's memories."""
        return cls(
            memories=len(dense),
            dense=spread(dense, DENSE_FLOOR),
            lexical=spread(lexical, LEXICAL_FLOOR),
            dense_weight=dense_weight,
            lexical_weight=lexical_weight,
        )

    def score(self, cosine: float | None, bm25: float) -> float:
        """Return what a memory of one's own with that likeness and these words would have."""
        mean, deviation = self.dense
        dense = 0.0 if cosine is None else (cosine - mean) / deviation
        mean, deviation = self.lexical
        return self.dense_weight * dense + self.lexical_weight * (bm25 - mean) / deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What may answer, by id; a memory that one of the signals does not know is missing there."""

    scores: Mapping[str, float] = field(default_factory=dict)  #: in z units, of the best ones
    dense: Mapping[str, float] = field(default_factory=dict)  #: cosine
    lexical: Mapping[str, float] = field(default_factory=dict)  #: BM25
    coverage: Mapping[str, float] = field(default_factory=dict)  #: share of the question's idf mass
    questions: Mapping[str, str] = field(default_factory=dict)  #: id of what was asked right before a short answer
    scale: Scale | None = None  #: of the user's own memories; None: there are none, or these are others

    def measured(self, cube_id: str) -> dict[str, float]:
        """Return what each search knows of a memory, by signal."""
        known = {"dense": self.dense, "lexical": self.lexical, "idf_coverage": self.coverage}
        return {name: values[cube_id] for name, values in known.items() if cube_id in values}
