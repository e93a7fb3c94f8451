"""The types that all ports share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]  # (d,) unit norm
Matrix = NDArray[np.float32]  # (n, d) unit norm rows
Clock = Callable[[], datetime]  # aware, UTC


@dataclass(frozen=True, slots=True)
class Features:
    """What a learned ranker looks at: a row for each candidate."""

    names: tuple[str, ...]  #: of the columns
    rows: NDArray[np.float32]  #: (candidates, features)
