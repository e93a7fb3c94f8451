"""A memory and the time in, what time does to it out: expiry, decay and the final removal; pure functions.

Heat is what is left of a memory's uses after a half-life. All uses count as if they had been at the last one, which
errs on the side of keeping, by log2(uses) half-lives; an answer that made use of it counts ``USEFUL_USES`` more.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from memory.cube import MemCube, State
from memory.lifecycle import Event, ended

USEFUL_USES = 3
PRIORITY_DOUBLES = 25  #: so much more priority doubles the heat: 100 keeps a memory four half-lives longer
LOOK_AGAIN = timedelta(days=30)  #: a change of the settings reaches every memory within this time
_CENTURY_S = 3.15e9  # far enough: it looks again before


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifespans:
    """When memories leave use, and when what is over is removed."""

    half_life: timedelta = timedelta(days=120)
    cold_below: float = 0.125  #: heat; three half-lives after a memory was told that was never used
    expired_keep: timedelta | None = None  #: None: what expired is kept as history


@dataclass(frozen=True, slots=True)
class Step:
    """What the sweeper does with a memory now."""

    event: Event | None = None
    removes: bool = False
    look_at: datetime | None = None  #: when it looks again


def heat(cube: MemCube, now: datetime, rules: Lifespans) -> float:
    """Return the uses that are left; being told counts as one."""
    age = max(timedelta(0), now - (cube.last_used_at or cube.recorded_at))
    return _strength(cube.access_count, cube.useful_count, cube.priority) * math.exp2(-(age / rules.half_life))


def cold_at(uses: int, useful: int, priority: int, last: datetime, rules: Lifespans) -> datetime:
    """Return when the heat falls below ``cold_below``, not used any more after ``last``; at most 100 years on.

    Of two memories the colder one is at any time the one that is cold earlier.
    """
    half_lives = math.log2(_strength(uses, useful, priority) / rules.cold_below)
    return last + timedelta(seconds=min(_CENTURY_S, half_lives * rules.half_life.total_seconds()))


def next_step(cube: MemCube, now: datetime, rules: Lifespans) -> Step:
    """Return what time brings about for a memory that is due."""
    if cube.state is State.EXPIRED:
        return _after_the_end(cube, now, rules)
    if ended(cube, now):
        return Step(event=Event.EXPIRE)
    cold = _cold_at(cube, rules) if _decays(cube) else None
    if cold is not None and cold <= now:
        return Step(event=Event.ARCHIVE)
    return Step(look_at=_earliest(cold and min(cold, now + LOOK_AGAIN), _end(cube, now)))


def _after_the_end(cube: MemCube, now: datetime, rules: Lifespans) -> Step:
    if rules.expired_keep is None:
        return Step(look_at=now + LOOK_AGAIN)
    purge_at = (_end(cube, now) or cube.updated_at) + rules.expired_keep
    return Step(removes=True) if purge_at <= now else Step(look_at=min(purge_at, now + LOOK_AGAIN))


def _decays(cube: MemCube) -> bool:
    return cube.decays and cube.in_use and not cube.pinned and cube.state is not State.FROZEN


def _end(cube: MemCube, now: datetime) -> datetime | None:
    """When its time is over; none that no calendar holds, and none of a frozen memory."""
    if cube.ttl_s is None or cube.state is State.FROZEN:
        return None
    left_us = int(cube.ttl_s * 1_000_000) - (now - cube.recorded_at) // timedelta(microseconds=1)
    return now + timedelta(microseconds=min(left_us, 1_000_000 * _CENTURY_S))


def _earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


def _cold_at(cube: MemCube, rules: Lifespans) -> datetime:
    last = cube.last_used_at or cube.recorded_at
    return cold_at(cube.access_count, cube.useful_count, cube.priority, last, rules)


def _strength(uses: int, useful: int, priority: int) -> float:
    return (1 + uses + USEFUL_USES * useful) * math.exp2(priority / PRIORITY_DOUBLES)
