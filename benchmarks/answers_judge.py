"""An answer and what it must say in; right or wrong out, and how sure a share of right ones is.

No model judges. The values are known, and an answer is right when the expected one stands in it as whole words, in
capitals or not; a question that nothing answers is answered right when none of the person's values stands there.
"""

import math
import re
from dataclasses import dataclass, field

_Z = 1.959964  # of 95 %
_UNKNOWING = re.compile(r"\b(?:don't|do not|doesn't|does not) (?:yet )?know\b|\bno idea\b")


@dataclass(frozen=True, slots=True)
class Gold:
    """What an answer must and must not say."""

    one_of: tuple[str, ...] = ()  #: one of these: ways to write the same
    every: tuple[str, ...] = ()  #: each of these
    never: frozenset[str] = field(default=frozenset())  #: none of these; of questions that nothing answers
    stale: frozenset[str] = field(default=frozenset())  #: what held before; for information only

    @property
    def answerable(self) -> bool:
        """Something answers."""
        return bool(self.one_of or self.every)


def says(answer: str, value: str) -> bool:
    """Return whether a value stands in an answer as whole words."""
    wanted, words = _plain(value), _plain(answer)
    return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", words) is not None


def is_right(answer: str, gold: Gold) -> bool:
    """Return whether an answer is right. Nothing said is never right."""
    if not answer.strip():
        return False
    if not gold.answerable:
        return not any(says(answer, value) for value in gold.never)
    some = any(says(answer, value) for value in gold.one_of) if gold.one_of else True
    return some and all(says(answer, value) for value in gold.every)


def says_stale(answer: str, gold: Gold) -> bool:
    """Return whether an answer says what held before."""
    return any(says(answer, value) for value in gold.stale)


def is_unknowing(answer: str) -> bool:
    """Return whether an answer says that it is not known."""
    return _UNKNOWING.search(_plain(answer)) is not None


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); NaN of nothing."""
    if not count:
        return math.nan, math.nan
    share, square = right / count, _Z**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _Z / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))  # it rounds at 0 and at 1


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").split())
