"""Chats that were answered in, activation memories of what they have in common out, made while the engine is idle.

The law: no chat waits for anything here or fails because of it. What is built is what the vault says at that moment, so
that nothing which was forgotten comes back; and when memories are removed, what was computed of them is gone before the
removal is acknowledged.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.engine_activations import NOT_KEPT
from memory.activation import ActivationPlanner, Adopt, Build, Decision, Drop, Place, Refresh, labels_of
from memory.errors import Invalid, MemoryFault, NotFound, Unavailable
from memory.ports import ActivationEngine
from memory.prefix import BuildOrder, Built, Dropped, Setting
from memory.turn import Scope
from proxy.activation_files import ActivationFiles, report_of
from proxy.activation_use import Beginnings, ChatUse, Reading

logger = logging.getLogger(__name__)

DROP_TIMEOUT_S = 10.0  # an engine that does not answer for so long loses the files all the same
PAUSE_S = 600.0  # who was away for so long is said to be back
_MOST_WAITING = 1000  # chats to be counted; beyond it the oldest are not
_MOST_REMOVALS = 10_000  # remembered for the sake of builds that began before
_OVERTAKING_S = 0.05
_LONGEST_NAP_S = 60.0
_SHORTEST_NAP_S = 0.2  # decisions are made for many chats at once
_WATCH_S = 600.0  # a build that nobody waits for is taken for lost after so long, and ordered again
_LONGEST_LOOK_S = 5.0


class Activating:
    """Carries out what the planner decides; ``Derivations`` for the pipeline."""

    def __init__(
        self,
        engine: ActivationEngine,
        planner: ActivationPlanner,
        files: ActivationFiles,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.planner = planner
        self.salts = files.salts
        self._files = files
        self._clock = clock
        self._beginnings: Beginnings | None = None
        self._waiting: deque[ChatUse] = deque(maxlen=_MOST_WAITING)
        self._seen_at: dict[str, float] = {}
        self._builds: deque[Build] = deque()
        self._may_build = asyncio.Event()
        self._watches: dict[asyncio.Task[None], str] = {}  # of builds that nobody waits for, by user
        self._owed: set[str] = set()  # users of whom the engine still has to drop something
        self._removals = 0
        self._removed_at: OrderedDict[str, int] = OrderedDict()  # the last removal of each user, by number
        self._ordered: Counter[str] = Counter()  # builds on their way, by user
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, beginnings: Beginnings) -> None:
        """Work from now on."""
        self._beginnings = beginnings
        self._loop = asyncio.get_running_loop()
        for work in (self._decide(), self._build_all()):
            self._keep(asyncio.create_task(work, name="activating"))

    async def stop(self) -> None:
        """Stop; what the engine has begun it may finish."""
        tasks, self._loop = list(self._tasks), None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def used(self, use: ChatUse) -> None:
        """Take notice of a chat that was accepted; costs nothing now."""
        if self.planner.policy.mode != "off":
            self._waiting.append(use)
            self._wake.set()

    def showed_up(self, scope: Scope) -> None:
        """Take notice that a user is here; after a pause the engine is told to get ready for them."""
        now = self._clock()
        before = self._seen_at.pop(scope.user, None)
        self._seen_at[scope.user] = now
        if len(self._seen_at) > self.planner.policy.max_users:
            del self._seen_at[next(iter(self._seen_at))]
        if self._loop is not None and self.planner.policy.mode != "off" and (before is None or now - before > PAUSE_S):
            self._keep(asyncio.create_task(self._preload(scope), name="activating-preload"))

    def changed(self, scope: Scope) -> None:
        """Take notice that the user's memories changed. From any thread."""
        self._call(self._changed, scope)

    def _changed(self, scope: Scope) -> None:
        self.planner.changed(scope)
        self._wake.set()

    def removed(self, scope: Scope) -> Mapping[str, Any]:
        """Remove all activation memories of the user; for threads: it waits for the engine."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return self._files.removed(scope)
        try:
            return asyncio.run_coroutine_threadsafe(self.drop(scope), loop).result(2 * DROP_TIMEOUT_S)
        except Exception:
            logger.exception("the engine could not be told to drop activation memories")
            return self._files.removed(scope)

    async def drop(self, scope: Scope, *, counted: bool = True) -> dict[str, Any]:
        """Remove all activation memories of the user and report it; ``counted`` False: the counts of uses too.

        What the engine cannot be told now it is told as soon as it answers; its files are gone at once all the same.
        """
        self._call_off(scope.user)
        for watch in self._watches_of(scope.user):
            watch.cancel()  # the engine drops what it is building of this user
        if counted:
            self.planner.purged(scope)
        else:
            self.planner.forget(scope)
        gone, left = await self._dropped(scope.user)
        more, found = await asyncio.to_thread(self._files.remove, scope.user)
        self._wake.set()
        return report_of(_sum(gone, more), found=left + found)

    async def drop_with(self, scope: Scope, cube_ids: Sequence[str]) -> dict[str, Any]:
        """Remove the user's activation memories that hold any of these memories, and report it.

        What is being built of this user is waited for, as it may hold them. Where that does not end in time, ``found``
        counts it, and all of this user's is dropped as soon as the engine can.
        Raises: EngineDown.
        """
        self._call_off(scope.user)
        self.planner.forget(scope)
        owner = self.salts.cache_salt(scope.user)

        async def holding() -> list[str]:
            kept = await self.engine.list(owner)
            return [each.digest for each in kept if set(cube_ids) & set(each.labels.get("cubes", ()))]

        gone = await self.engine.drop(owner, await holding())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DROP_TIMEOUT_S):
                pause_s = _OVERTAKING_S
                while self._under_way(scope.user):
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, 1.0)
        gone = _sum(gone, await self.engine.drop(owner, await holding()))
        left = self._under_way(scope.user)
        if left:
            self._owed.add(scope.user)
            self._wake.set()
        return report_of(gone, found=len(await holding()) + left)

    def _call_off(self, user: str) -> None:
        """What is queued of this user is not built, nor what was read until now."""
        self._removals += 1
        self._removed_at[user] = self._removals
        self._removed_at.move_to_end(user)
        if len(self._removed_at) > _MOST_REMOVALS:
            self._removed_at.popitem(last=False)
        self._builds = deque(build for build in self._builds if build.scope.user != user)

    def _watches_of(self, user: str) -> "list[asyncio.Task[None]]":
        return [watch for watch, watched in self._watches.items() if watched == user]

    def _under_way(self, user: str) -> int:
        return self._ordered[user] + len(self._watches_of(user))

    async def _dropped(self, user: str) -> tuple[Dropped, int]:
        owner = self.salts.cache_salt(user)
        try:
            async with asyncio.timeout(DROP_TIMEOUT_S):
                gone = await self.engine.drop(owner)
                while self._ordered[user]:  # it may have overtaken one
                    await asyncio.sleep(_OVERTAKING_S)
                    gone = _sum(gone, await self.engine.drop(owner))
                left = len(await self.engine.list(owner))
        except (MemoryFault, TimeoutError) as fault:
            logger.warning("the engine is told later to drop activation memories: %s", type(fault).__name__)
            self._owed.add(user)
            return Dropped(), 1
        self._owed.discard(user)
        return gone, left

    async def order(
        self, scope: Scope, place: Place, setting: Setting, reading: Reading, *, asked: bool, wait: bool
    ) -> Built:
        """Have a beginning built and return what came of it; ``asked``: at once.

        The setting's part of it is kept for all users of the scope's key only where ``ActivationPlanner.shared_key``
        says so, else for this user alone.
        Raises: Invalid: it is too short or too long. NotFound: memories were removed meanwhile. Unavailable.
        """
        block, shared_key = reading.block, self.planner.shared_key(scope, setting.key)
        system = [setting.system] if setting.system is not None and shared_key else []
        order = BuildOrder(
            owner=self.salts.cache_salt(scope.user),
            messages=self._begin().beginning(setting, block),
            shared_owner=self.salts.shared_cache_salt(shared_key) if system else "",
            shared_messages=system,
            more=setting.more,
            labels=labels_of(place, block, asked=asked),
            idle=not asked,
            wait=wait,
        )
        if self._removed_at.get(scope.user, 0) > reading.at:
            raise NotFound("Memories were removed meanwhile; try again.", code="activation_dropped")
        self._ordered[scope.user] += 1
        try:
            made = await self.engine.build(order)
        finally:
            self._ordered[scope.user] -= 1
            self._ordered += Counter()  # without those of whom there is none
        if made.digest:
            self.planner.built(scope, place.setting, block.key, made.digest)
        elif self._removed_at.get(scope.user, 0) <= reading.at:
            watch = asyncio.create_task(self._watch(scope, place, block.key), name="activating-watch")
            self._watches[watch] = scope.user
            watch.add_done_callback(self._watches.pop)
            self._keep(watch)
        return made

    async def _watch(self, scope: Scope, place: Place, block: str) -> None:
        """Tell the planner when the engine has what nobody waits for, or that it does not come."""
        owner, meant, look_s = self.salts.cache_salt(scope.user), ([place.setting], [block]), _SHORTEST_NAP_S
        try:
            async with asyncio.timeout(_WATCH_S):
                while True:
                    await asyncio.sleep(look_s)
                    look_s = min(2 * look_s, _LONGEST_LOOK_S)
                    for kept in await self.engine.list(owner):
                        if (list(kept.labels.get("setting", ())), list(kept.labels.get("block", ()))) == meant:
                            self.planner.built(scope, place.setting, block, kept.digest)
                            return
        except (MemoryFault, TimeoutError) as fault:
            logger.warning("an activation memory that nobody waits for is not seen: %s", type(fault).__name__)
            self.planner.failed(scope, place, block, refused=False)
        except Exception:
            logger.exception("an activation memory that nobody waits for could not be looked for")
            self.planner.failed(scope, place, block, refused=False)
        finally:
            self._wake.set()

    async def read(self, scope: Scope, budget_tokens: int | None) -> Reading:
        """Return the stable block that a new conversation gets now."""
        at = self._removals
        return Reading(await asyncio.to_thread(self._begin().stable_block, scope, budget_tokens=budget_tokens), at)

    def _begin(self) -> Beginnings:
        if self._beginnings is None:
            raise Unavailable("The server is starting; try again in a moment.")
        return self._beginnings

    def count(self) -> None:
        """Tell the planner of the chats that wait to be counted, so that it knows of every one that was answered."""
        while self._waiting:
            use = self._waiting.popleft()
            setting = Setting.of(use.body)
            self.planner.used(use.scope, setting, use.budget_tokens, use.block, missed=use.missed, wished=use.wished)

    async def _decide(self) -> None:
        while True:
            self._wake.clear()
            try:
                self.count()
                for decision in self.planner.decide():
                    await self._carry_out(decision)
                    self._wake.set()  # there may be more to decide now
                await self._settle_debts()
            except Exception:
                logger.exception("activation memories: the worker goes on after a mistake")
            await self._nap()

    async def _nap(self) -> None:
        await asyncio.sleep(_SHORTEST_NAP_S)
        nap_s = 1.0 if self._owed else min(_LONGEST_NAP_S, self.planner.wait_s())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(nap_s):
                await self._wake.wait()

    async def _carry_out(self, decision: Decision) -> None:
        scope = decision.scope
        try:
            if isinstance(decision, Build):
                self._builds.append(decision)
                self._may_build.set()
            elif isinstance(decision, Adopt):
                self.planner.adopted(scope, await self.engine.list(self.salts.cache_salt(scope.user)))
            elif isinstance(decision, Refresh):
                readings = {budget: await self.read(scope, budget) for budget in decision.budgets}
                self.planner.refreshed(scope, {budget: reading.block for budget, reading in readings.items()})
            elif isinstance(decision, Drop):
                await self.engine.drop(self.salts.cache_salt(scope.user), decision.digests)
        except Unavailable as fault:
            logger.warning("activation memories wait: %s", type(fault).__name__)
            self._put_off(decision)
        except Exception:
            logger.exception("activation memories: what else was decided is done all the same")
            self._put_off(decision)

    def _put_off(self, decision: Decision) -> None:
        """Have the planner decide it again later."""
        scope = decision.scope
        if isinstance(decision, Adopt):
            self.planner.forget(scope)
        elif isinstance(decision, Drop):
            self.planner.undropped(scope, decision.digests)
        elif isinstance(decision, Build):
            self.planner.failed(scope, decision.place, decision.block, refused=False)
        else:
            self.planner.changed(scope)

    async def _settle_debts(self) -> None:
        for user in list(self._owed):
            await self._dropped(user)

    async def _build_all(self) -> None:
        while True:
            await self._may_build.wait()
            if not self._builds:
                self._may_build.clear()
                continue
            build = self._builds.popleft()
            try:
                await self._build(build)
            except Exception:
                logger.exception("an activation memory could not be built")
                self.planner.failed(build.scope, build.place, build.block, refused=True)
            self._wake.set()

    async def _build(self, build: Build) -> None:
        """Build what the vault says now; where that is another block than was meant, the planner is told instead."""
        scope, place = build.scope, build.place
        try:
            reading = await self.read(scope, place.budget_tokens)
            if reading.block.key != build.block:
                self.planner.refreshed(scope, {place.budget_tokens: reading.block})
                self.planner.failed(scope, place, build.block, refused=False)
                return
            await self.order(scope, place, build.setting, reading, asked=False, wait=True)
        except NotFound:
            self.planner.failed(scope, place, build.block, refused=False)
        except Unavailable as fault:
            logger.warning("an activation memory waits: %s", fault.code or type(fault).__name__)
            self.planner.failed(scope, place, build.block, refused=fault.code == NOT_KEPT)
        except Invalid as fault:
            logger.info("a stable block is not kept as activation memory: %s", fault.code or type(fault).__name__)
            self.planner.failed(scope, place, build.block, refused=True)

    async def _preload(self, scope: Scope) -> None:
        try:
            await self.engine.preload(self.salts.cache_salt(scope.user))
        except MemoryFault as fault:
            logger.debug("no preload: %s", type(fault).__name__)

    def _call(self, call: Callable[[Scope], None], scope: Scope) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # it was closed in between
                loop.call_soon_threadsafe(call, scope)

    def _keep(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _sum(*parts: Dropped) -> Dropped:
    return Dropped(
        prefixes=sum(each.prefixes for each in parts),
        files=sum(each.files for each in parts),
        size_bytes=sum(each.size_bytes for each in parts),
    )
