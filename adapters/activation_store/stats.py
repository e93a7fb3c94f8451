"""What a store holds and how it is used, in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.activation_store.files import Coding
from adapters.activation_store.index import PrefixIndex
from adapters.activation_store.tiers import Tiers
from adapters.prefix_cache import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStats:
    """One tier. What is in memory is on disk too, as soon as it is written."""

    entries: int
    size_bytes: int
    budget_bytes: int
    hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """A whole store, since it was opened."""

    entries: int
    tiers: Mapping[str, TierStats]  #: ``ram``, ``disk``, ``cold``
    resident_hits: int  #: uses of what the context's cells still held
    misses: int  #: prompts of which nothing was stored; one that waits for room counts each time it tries
    damaged: int  #: states that were removed because they were not what was stored
    evicted: int  #: nodes that went for want of room
    waiting_bytes: int  #: states that are not written yet
    other_bytes: int  #: files of other fingerprints, which count towards the disk's budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Preloaded:
    """What was brought from disk into memory."""

    entries: int
    size_bytes: int
    damaged: int
    left: Sequence[str] = ()  #: digests of what is still to be looked at


def store_stats(index: PrefixIndex, tiers: Tiers, hits: Mapping[Tier, int], *, misses: int, damaged: int) -> StoreStats:
    """Return the numbers of a store."""
    disk = tiers.disk
    budgets = {Tier.RAM: tiers.ram}
    if disk is not None:
        budgets |= {Tier.DISK: disk.budgets[Coding.EXACT], Tier.COLD: disk.budgets[Coding.INT8]}
    return StoreStats(
        entries=len(index),
        tiers={
            str(tier): TierStats(
                entries=len(budget.sizes),
                size_bytes=budget.used_bytes,
                budget_bytes=budget.size_bytes,
                hits=hits[tier],
            )
            for tier, budget in budgets.items()
        },
        resident_hits=hits[Tier.RESIDENT],
        misses=misses,
        damaged=damaged,
        evicted=tiers.evicted,
        waiting_bytes=disk.writer.waiting_bytes if disk else 0,
        other_bytes=disk.others.used_bytes if disk else 0,
    )
