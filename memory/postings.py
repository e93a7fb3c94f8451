"""Where terms stand: the entries of an inverted index for one query."""

from collections.abc import Mapping
from dataclasses import dataclass

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
