"""Uses in, how often something is used now out: uses count less the longer ago they were."""

from dataclasses import dataclass
from typing import Final

_HALF_LIFE_S: Final = 86_400.0


@dataclass(slots=True)
class Heat:
    """The uses of one thing. A use counts 1 when it happens and half of that a day later."""

    uses: int = 0
    score: float = 0.0  #: at ``at``
    at: float = 0.0  #: Unix time

    def warm(self, now: float) -> None:
        """Count what is no use but as good as one: being made."""
        self.score = self.rate(now) + 1.0
        self.at = max(self.at, now)

    def use(self, now: float) -> None:
        """Count a use."""
        self.warm(now)
        self.uses += 1

    def rate(self, now: float) -> float:
        """Return the uses, each with what is left of it."""
        return float(self.score * 0.5 ** (max(0.0, now - self.at) / _HALF_LIFE_S))
