"""Gradients in, steps out: Muon for the matrices.

Law: an update has the same size whatever the matrix, so that one learning rate serves both Muon and AdamW.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from adapters.embedded.training.team import Team

#: Newton-Schulz polynomials, one for each iteration (You et al., "polar express" style coefficients).
_POLYNOMIALS = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)


class Muon:
    """Momentum, orthogonalised by Newton-Schulz (Jordan et al. 2024), scaled to AdamW's RMS (arXiv 2502.16982).

    Matrices of one shape are orthogonalised in one batched call, by each worker of the team its part of them.
    """

    def __init__(
        self, matrices: Iterable[nn.Parameter], team: Team, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        self._team = team
        self._groups: dict[tuple[int, ...], list[nn.Parameter]] = {}
        for matrix in matrices:
            self._groups.setdefault(tuple(matrix.shape), []).append(matrix)
        self._momentum, self._weight_decay = momentum, weight_decay
        self._averages = {shape: torch.zeros(len(group), *shape) for shape, group in self._groups.items()}

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Change the matrices by their gradients."""
        for shape, group in self._groups.items():
            gradients = torch.stack([matrix.grad for matrix in group if matrix.grad is not None])
            average = self._averages[shape]
            average.lerp_(gradients, 1 - self._momentum)
            updates = self._team.divided(_orthogonal, gradients.lerp(average, self._momentum))
            scale = -learning_rate * 0.2 * math.sqrt(max(shape))
            for matrix, update in zip(group, updates, strict=True):
                matrix.mul_(1 - learning_rate * self._weight_decay).add_(update, alpha=scale)

    def state(self) -> list[Tensor]:
        """Return what ``load`` takes."""
        return list(self._averages.values())

    def load(self, state: list[Tensor]) -> None:
        """Go on from a saved state."""
        for average, saved in zip(self._averages.values(), state, strict=True):
            average.copy_(saved)


def _orthogonal(x: Tensor) -> Tensor:
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for a, b, c in _POLYNOMIALS:
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x
