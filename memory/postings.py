"""Where terms stand: the entries of an inverted index for one query."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

#: seq of the memory, occurrences of the term, length of the memory in words
POSTING = np.dtype([("seq", "<u4"), ("count", "<u2"), ("length", "<u2")])


@dataclass(frozen=True, slots=True)
class Postings:
    """The postings of a query's distinct terms among one user's memories."""

    entries: Mapping[str, NDArray[np.void]]  #: by term, dtype ``POSTING``, in no order; empty: it stands nowhere
    cubes: int  #: that are indexed
    words: int  #: in them, together
    guessed: frozenset[str] = frozenset()  #: terms that others were only taken for

    def with_synonyms(self, groups: Iterable[Collection[str]]) -> "Postings":
        """Return them with the terms of each group as one term, which a memory says as often as the commonest of them.

        Source: the synonym operator of INQUERY (Turtle and Croft, 1991), with the greatest count in place of the sum:
        "my sister Anna" names her once.
        """
        entries = dict(self.entries)
        for group in groups:
            stand = [term for term in entries if term in group]
            if len(stand) > 1:
                merged = np.sort(np.concatenate([entries.pop(term) for term in stand]), order=("seq", "count"))
                entries[stand[0]] = merged[np.append(merged["seq"][1:] != merged["seq"][:-1], True)[: len(merged)]]
        return replace(self, entries=entries)
