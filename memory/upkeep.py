"""What time, use and quotas do to memories, joined: the vault changes, the index and what is computed of them follow.

All of it runs beside the requests: a sweep in batches, counting after an answer, room made before a write by hand.
Synchronous and thread-safe.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memory.cube import MemCube
from memory.embeddings import Embeddings
from memory.errors import Refused
from memory.lifespan import Lifespans
from memory.ports import Derivations, Swept, Upkept, Usage, Written
from memory.turn import Exchange, Scope
from memory.usefulness import showed

logger = logging.getLogger(__name__)

_LOOKS = 8  # batches found in one look
_MOST_AT_ONCE = 10_000  # archived for one write by hand; the sweeper goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much one user may have in use; None: no limit."""

    cubes: int | None = None
    size_bytes: int | None = None

    @property
    def limits(self) -> bool:
        """True when there is a limit."""
        return self.cubes is not None or self.size_bytes is not None

    def excess(self, usage: Usage) -> Usage:
        """Return how much of it is over the quota; zeros for nothing."""
        cubes = 0 if self.cubes is None else max(0, usage.cubes - self.cubes)
        return Usage(cubes, 0 if self.size_bytes is None else max(0, usage.size_bytes - self.size_bytes))


@dataclass(slots=True)
class Tally:
    """What upkeep has done since the start, for metrics."""

    expired: int = 0
    archived: int = 0
    removed: int = 0
    reactivated: int = 0
    useful: int = 0
    over_quota: int = 0  #: users that are over it with pinned and frozen memories alone, at the last look
    sweep_s: float = 0.0  #: spent on batches that had something to do


class Upkeep:
    """Sweeps, counts usefulness and keeps quotas."""

    def __init__(
        self,
        vault: Upkept,
        embeddings: Embeddings,
        derivations: Derivations | None,
        *,
        rules: Lifespans,
        quota: Quota,
        batch: int = 64,
    ) -> None:
        self.tally = Tally()
        self._vault = vault
        self._embeddings = embeddings
        self._derivations = derivations
        self._rules = rules
        self._quota = quota
        self._batch = batch
        self._seen = 0  # place of the journal up to which quotas were looked at
        self._full: set[str] = set()

    def sweep(self) -> int:
        """Do some of what is due, at most ``batch`` in one transaction, and return how many; 0: nothing is due."""
        started, swept = time.perf_counter(), 0
        due = self._vault.due(limit=_LOOKS * self._batch)  # of several users: their transactions should be worth it
        for user, places in due.items():
            try:
                for start in range(0, len(places), self._batch):
                    self._sweep_user(Scope(user=user), places[start : start + self._batch])
            except Exception:  # one user's damaged row must not keep the others' from being swept
                logger.exception("what is due of one user could not be swept")
            else:
                swept += len(places)
        if due:
            self.tally.sweep_s += time.perf_counter() - started
        return swept

    def keep_quotas(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Archive the coldest memories of users who wrote since the last look and are over quota; return how many.

        Costs one look into the journal, and a row read for each memory of those users where there is a quota.
        """
        if not self._quota.limits:
            return 0
        users, end = self._vault.users_changed(self._seen)
        archived = 0
        for user in users:
            if stopping():
                return archived
            gone, fits = self._make_room(Scope(user=user), Usage(0, 0))
            (self._full.discard if fits else self._full.add)(user)
            archived += gone
        self._seen = end
        self.tally.over_quota = len(self._full)
        return archived

    def admit(self, scope: Scope, size_bytes: int = 0) -> None:
        """Make room for one more memory that is written by hand.

        Raises: Refused: pinned and frozen memories alone fill the quota.
        """
        if not self._quota.limits:
            return
        if not self._make_room(scope, Usage(1, size_bytes))[1]:
            raise Refused(
                f"The memory is full: at most {self._described()} may be in use, and what is left is pinned or frozen. "
                "Unpin, thaw or delete some, or ask whoever runs the server for a higher quota.",
                code="quota_exceeded",
            )

    def after(self, write: Callable[[Exchange], Written]) -> Callable[[Exchange], Written]:
        """Return ``write`` with the usefulness of what was brought in counted behind it; that never fails a turn."""

        def written(exchange: Exchange) -> Written:
            done = write(exchange)
            try:
                self.judge(exchange)
            except Exception:
                logger.exception("the usefulness of a turn's memories was not counted")
            return done

        return written

    def judge(self, exchange: Exchange) -> list[str]:
        """Count which memories that were brought into the turn its answer made use of, once; return their ids."""
        answer = "\n".join(message.text for message in exchange.messages if message.role == "assistant")
        if not answer or not exchange.injected:
            return []
        question = "\n".join(message.text for message in exchange.messages if message.role == "user")
        ids = self._vault.brought_in(exchange.scope, exchange.turn_id)
        of_use = [cube.id for cube in self._vault.get_many(exchange.scope, ids) if showed(cube, question, answer)]
        if ids and self._vault.useful(exchange.scope, exchange.turn_id, of_use):
            self.tally.useful += len(of_use)
        return of_use

    def used(self, scope: Scope, cube_ids: Sequence[str]) -> None:
        """Count that these memories were brought in, and bring those that were archived back into use."""
        if cube_ids:
            self._vault.used(scope, cube_ids)
            self.reactivate(scope, cube_ids)

    def reactivate(self, scope: Scope, cube_ids: Sequence[str]) -> list[MemCube]:
        """Bring memories that were needed back into use; return those that were archived."""
        with self._embeddings.writing(scope):
            cubes = self._vault.reactivate(scope, list(dict.fromkeys(cube_ids)))
            if cubes:  # their vectors are in the vault: no embedder is asked after the commit
                self._embeddings.drop(scope)
        self.tally.reactivated += len(cubes)
        if any(_stable(cube) for cube in cubes) and self._derivations is not None:
            self._derivations.changed(scope)
        return cubes

    def _sweep_user(self, scope: Scope, places: Sequence[int]) -> None:
        with self._embeddings.writing(scope):
            swept = self._vault.sweep(scope, places, self._rules)
            try:
                if swept.doomed:
                    self._vault.delete(scope, swept.doomed)
            finally:  # what is swept stands already
                self._follow(scope, swept)
        if swept.removed or swept.doomed:
            self._embeddings.clear_texts()
        self._derive(scope, swept)

    def _make_room(self, scope: Scope, wanted: Usage) -> tuple[int, bool]:
        """Return how many memories were archived for what is wanted beside what is there, and whether it fits now."""
        archived = 0
        while excess := self._excess(scope, wanted):
            places = self._vault.coldest(scope, excess, self._rules)
            if not places or archived >= _MOST_AT_ONCE:
                break
            for start in range(0, len(places), self._batch):
                archived += self._put_away(scope, places[start : start + self._batch])
        return archived, not excess

    def _put_away(self, scope: Scope, places: Sequence[int]) -> int:
        with self._embeddings.writing(scope):
            swept = self._vault.put_away(scope, places, note="quota")
            self._follow(scope, swept)
        self._derive(scope, swept)
        return len(swept.archived)

    def _excess(self, scope: Scope, wanted: Usage) -> Usage:
        used = self._vault.usage(scope)
        return self._quota.excess(Usage(used.cubes + wanted.cubes, used.size_bytes + wanted.size_bytes))

    def _follow(self, scope: Scope, swept: Swept) -> None:
        gone = (*(cube.id for cube in (*swept.expired, *swept.archived)), *swept.removed, *swept.doomed)
        self._embeddings.follow(scope, Written(removed=gone), {})
        self.tally.expired += len(swept.expired)
        self.tally.archived += len(swept.archived)
        self.tally.removed += len(swept.removed) + len(swept.doomed)

    def _derive(self, scope: Scope, swept: Swept) -> None:
        if self._derivations is None:
            return
        if swept.removed or swept.doomed or any(_stable(cube) for cube in swept.expired):
            self._derivations.removed(scope)
        elif any(_stable(cube) for cube in swept.archived):
            self._derivations.changed(scope)

    def _described(self) -> str:
        cubes = f"{self._quota.cubes} memories" if self._quota.cubes is not None else ""
        size = f"{self._quota.size_bytes / 2**20:g} MiB" if self._quota.size_bytes is not None else ""
        return " and ".join(part for part in (cubes, size) if part)


def _stable(cube: MemCube) -> bool:
    """True when the stable block may have held it."""
    return cube.pinned or (cube.fact is not None and cube.fact.profile)
