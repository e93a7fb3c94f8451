"""The types that all ports share."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]  # (d,) unit norm
Matrix = NDArray[np.float32]  # (n, d) unit norm rows
Clock = Callable[[], datetime]  # aware, UTC
