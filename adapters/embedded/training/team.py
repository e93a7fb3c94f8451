"""Gradients of several processes in, their sum in each of them out.

Law: after every step all workers hold the same weights, for they have seen the same sum.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, distributed, nn

MEETING = "meeting"  #: a file that a former run left must be gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """One worker's place among ``workers``."""

    rank: int
    workers: int

    @classmethod
    @contextlib.contextmanager
    def of(cls, rank: int, workers: int, folder: Path) -> Iterator[Self]:
        """Join the others, who meet by a file in the folder; leave them at the end."""
        if workers > 1:
            meeting = (folder / MEETING).resolve()
            distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=workers)
        yield cls(rank=rank, workers=workers)
        if workers > 1:
            distributed.destroy_process_group()

    def divided(self, function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        """Return ``function(batch)``, each worker having computed every n-th entry of the batch."""
        if self.workers == 1:
            return function(batch)
        result = torch.zeros_like(batch)
        result[self.rank :: self.workers] = function(batch[self.rank :: self.workers])
        distributed.all_reduce(result)
        return result

    def share(self, parameters: Sequence[nn.Parameter], numbers: Sequence[float]) -> list[float]:
        """Sum all gradients and the numbers over the workers; return the sums of the numbers."""
        if self.workers == 1:
            return list(numbers)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), torch.tensor(numbers)])
        distributed.all_reduce(flat)
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
        sums: list[float] = flat[at:].tolist()
        return sums
