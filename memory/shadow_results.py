"""The lines of several policies over the same turns in, how they compare out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from memory.shadow import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One policy over all turns that it was asked about; None where there is nothing to take a mean of."""

    turns: int
    memories_mean: float | None
    memories_p95: float | None
    found_mean: float | None  #: of the memories, those that were found for the turn; the others are the profile
    tokens_mean: float | None
    tokens_p95: float | None
    with_memory: float | None  #: share of the turns into which something was brought
    support: float | None  #: mean over the turns whose answer has words of its own
    supported_turns: int  #: how many those are
    agreement: float | None  #: Jaccard with the first policy, mean over the turns into which either brought something
    cpu_ms_p50: float | None
    cpu_ms_p95: float | None


def compared(lines: Sequence[Line], first: Sequence[Line]) -> Comparison:
    """Return how a policy did, beside the first one on the same turns."""
    memories, tokens, cpu_ms = ([getattr(line, name) for line in lines] for name in ("memories", "tokens", "cpu_ms"))
    supports = [line.support for line in lines if line.support is not None]
    pairs = [(a.brought, b.brought) for a, b in zip(lines, first, strict=True) if a.brought or b.brought]
    return Comparison(
        turns=len(lines),
        memories_mean=_mean(memories),
        memories_p95=_percentile(memories, 95),
        found_mean=_mean([line.found for line in lines]),
        tokens_mean=_mean(tokens),
        tokens_p95=_percentile(tokens, 95),
        with_memory=_mean([float(count > 0) for count in memories]),
        support=_mean(supports),
        supported_turns=len(supports),
        agreement=_mean([len(a & b) / len(a | b) for a, b in pairs]),
        cpu_ms_p50=_percentile(cpu_ms, 50),
        cpu_ms_p95=_percentile(cpu_ms, 95),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _percentile(values: Sequence[float], percent: int) -> float | None:
    return float(np.percentile(values, percent)) if values else None
