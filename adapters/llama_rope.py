"""Keys at one position in, the keys that they would be at another out: rotary position embedding (arXiv 2104.09864).

The law: plain rotations only. Which model rotates plainly is measured, not believed: see ``llama_probe``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from memory.errors import Invalid

if TYPE_CHECKING:
    Keys = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rope:
    """How a model turns pairs of a key's values by its position."""

    interleaved: bool  #: pairs lie side by side; otherwise half of the turned values apart (NeoX)
    base: float
    scale: float  #: of positions
    head_size: int  #: values of one head
    dimensions: int  #: how many of them, from the first on, are turned

    def rotated(self, keys: "Keys", by: int) -> "Keys":
        """Return keys, shape (tokens, heads x head_size), as they are ``by`` positions later. Raises: Invalid."""
        if keys.shape[1] % self.head_size or not 0 < self.dimensions <= self.head_size or self.dimensions % 2:
            raise Invalid("The keys of this model are not whole heads.", code="positions_fixed")
        half = self.dimensions // 2
        angles = by * self.scale * self.base ** (-np.arange(half) / half)
        cosine, sine = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        turned = keys.reshape(len(keys), -1, self.head_size).copy()
        if self.interleaved:
            first, second = slice(0, self.dimensions, 2), slice(1, self.dimensions, 2)
        else:
            first, second = slice(0, half), slice(half, self.dimensions)
        x, y = turned[..., first].copy(), turned[..., second].copy()
        turned[..., first] = x * cosine - y * sine
        turned[..., second] = y * cosine + x * sine
        return turned.reshape(keys.shape)
