"""Chats in, what is to become activation memory and what is no longer to be it, out.

MemScheduler's part in activation memory (MemOS, arXiv 2507.03724, "MemScheduler", "Activation Memory"): a stable block
that is used often and has stood still is worth computing once. The law: it decides by values and the clock alone, holds
keys and counts but no word of a memory, and is bounded; what it forgets is counted anew, what it overlooks is computed
as text.

A setting is kept for all users of the key that it was seen under once ``shared_users`` of them have sent it, and until
then for each of them apart. So when all of a user is erased, nothing that this user alone had sent is left under the
salt that the key's users share; what is left there others sent as well.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from memory.activation_sharing import Senders
from memory.prefix import NO_SETTING, Activation, Block, Setting
from memory.turn import Scope

Clock = Callable[[], float]  # seconds, never back
Mode = Literal["auto", "on_request", "off"]

_COLD_SHARE = 1 / 8  # of hot_uses: three half-lives after it was last hot
_ROUNDING = 0.5  # three uses in an afternoon are three, though the first has faded a little
_LABELS = ("setting", "block", "budget")  # what an engine keeps with each, so that it is known after a restart
_ASKED = "asked"
_USUAL = "usual"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationPolicy:
    """What makes a stable block worth an activation memory."""

    mode: Mode = "auto"  #: on_request: only what was asked for; off: none are built or used
    hot_uses: float = 3.0  #: uses, each counting half after ``half_life_s``
    half_life_s: float = 86_400.0
    stable_s: float = 30.0  #: nothing of the user's memory changed for so long
    min_tokens: int = 32  #: of the block
    max_users: int = 1000
    max_places: int = 8  #: of one user
    max_settings: int = 256  #: over all users
    retry_s: float = 60.0  #: after an engine could not be asked
    shared_users: int = 3  #: of one key that sent a setting, before it is kept for all of that key's users

    def serves(self, wish: str | None) -> bool:
        """True when a chat with this ``X-Memory-Policy`` may use activation memories."""
        return self.mode != "off" and wish != "text"


class Place(NamedTuple):
    """Where a block stands: in which setting, cut to which budget of tokens (None: the usual one)."""

    setting: str
    budget_tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Ask what an earlier process left of this user."""

    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Look up what the user's block is now, by budget."""

    scope: Scope
    budgets: frozenset[int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Compute the block in its setting while nothing else is to be done."""

    scope: Scope
    place: Place
    setting: Setting
    block: str  #: key of the text that is meant; another text is not to be built
    asked: bool = False  #: the user wished for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Remove activation memories."""

    scope: Scope
    digests: tuple[str, ...]


Decision = Adopt | Refresh | Build | Drop


@dataclass(slots=True)
class _Use:
    """One place of one user."""

    heat: float = 0.0
    heat_at: float = 0.0
    block: str = ""  #: key of what a new conversation gets here, as far as was looked up
    tokens: int = 0
    seen: str = ""  #: key of what the last chat had; a conversation in which a memory was told has less
    asked: bool = False
    wished: bool = False  #: by a chat: hot at once, but it fades
    key_id: str = ""  #: under which the user last sent the setting here
    refused: str = ""  #: key of a block that the engine cannot take
    retry_at: float = -math.inf


@dataclass(slots=True)
class _User:
    scope: Scope
    places: OrderedDict[Place, _Use] = field(default_factory=OrderedDict)
    stored: dict[tuple[str, str], str] = field(default_factory=dict)  #: (setting, block) to digest
    building: set[tuple[str, str]] = field(default_factory=set)
    undropped: set[str] = field(default_factory=set)  #: digests that could not be dropped
    drop_at: float = -math.inf  #: when to try that again
    doubted_at: float | None = None  #: since then what ``places`` say of blocks may be wrong
    adopted: bool = False


class ActivationPlanner:
    """Counts uses and decides. Belongs to one thread."""

    def __init__(self, policy: ActivationPolicy, clock: Clock) -> None:
        self.policy = policy
        self._clock = clock
        self._users: OrderedDict[str, _User] = OrderedDict()  # the least recently seen first
        self._settings: OrderedDict[str, Setting] = OrderedDict()
        self._senders = Senders(policy.shared_users, policy.max_settings)
        self._active: set[str] = set()  # users about whom something may be to decide
        self._due_at = math.inf
        self._sweep_at = clock() + policy.half_life_s * _COLD_SHARE

    def used(
        self,
        scope: Scope,
        setting: Setting,
        budget_tokens: int | None,
        block: str,
        *,
        missed: bool = False,
        wished: bool = False,
    ) -> None:
        """Count a chat of this user whose stable block had the key ``block``.

        ``missed``: nothing was restored for it, so the engine no longer has what it may have had. ``wished``: it asked
        for activation memory (``X-Memory-Policy: kv``), so its block is hot at once, in the mode ``on_request`` too;
        unlike what a transform asked for it fades.
        """
        if self.policy.mode == "off":
            return
        now = self._clock()
        user, use = self._use(scope, Place(setting.key, budget_tokens))
        self._remember(setting)
        use.heat, use.heat_at, use.key_id = self._heat(use, now) + 1.0, now, scope.key_id
        if wished:
            use.heat, use.wished = max(use.heat, self.policy.hot_uses), True
        if setting.key != NO_SETTING:
            self._senders.sent(scope.key_id, setting.key, scope.user)
        if block not in (use.block, use.seen) and user.doubted_at is None:
            user.doubted_at = now
        use.seen = block
        if missed:
            user.stored.pop((setting.key, block), None)

    def changed(self, scope: Scope) -> None:
        """Take notice that memories of the user changed."""
        user = self._users.get(scope.user)
        if user is not None:
            user.doubted_at = self._clock()
            self._active.add(scope.user)

    def purged(self, scope: Scope) -> None:
        """Take notice that memories were removed, and with them all that an engine kept of this user."""
        user = self._users.get(scope.user)
        if user is not None:
            user.stored.clear()
            user.building.clear()
            user.undropped.clear()
            for use in user.places.values():
                use.block = use.seen = use.refused = ""
            self.changed(scope)

    def forget(self, scope: Scope) -> None:
        """Forget the user: all counts begin anew."""
        self._users.pop(scope.user, None)
        self._active.discard(scope.user)

    def adopted(self, scope: Scope, found: Iterable[Activation]) -> None:
        """Take over what an engine keeps of this user from an earlier time; what has no labels of ours is let be."""
        for each in found:
            setting, block, budget = (next(iter(each.labels.get(name, ())), "") for name in _LABELS)
            if not setting or not block:
                continue
            user, use = self._use(scope, Place(setting, int(budget) if budget.isdigit() else None))
            if (setting, block) not in user.stored:
                user.stored[setting, block] = each.digest
                use.heat, use.heat_at = max(self._heat(use, self._clock()), self.policy.hot_uses), self._clock()
                use.block = use.block or block
                use.asked = use.asked or _ASKED in each.labels
                user.doubted_at = self._clock() if user.doubted_at is None else user.doubted_at

    def refreshed(self, scope: Scope, blocks: Mapping[int | None, Block]) -> None:
        """Take over what the user's blocks are now, by budget."""
        user = self._users.get(scope.user)
        if user is None:
            return
        for place, use in user.places.items():
            block = blocks.get(place.budget_tokens)
            if block is not None:
                use.block, use.tokens = block.key, block.tokens
        self._active.add(scope.user)

    def wanted(self, scope: Scope, setting: Setting, budget_tokens: int | None, block: Block) -> None:
        """Take notice that the user wishes for this one, and that it is being built."""
        user, use = self._use(scope, Place(setting.key, budget_tokens))
        self._remember(setting)
        now = self._clock()
        use.heat, use.heat_at, use.asked = max(self._heat(use, now), self.policy.hot_uses), now, True
        use.block, use.tokens = block.key, block.tokens
        user.building.add((setting.key, block.key))

    def built(self, scope: Scope, setting: str, block: str, digest: str) -> None:
        """Take over what was built; nothing when all of this user was removed meanwhile."""
        user = self._users.get(scope.user)
        if user is not None and (setting, block) in user.building:
            user.building.discard((setting, block))
            user.stored[setting, block] = digest
            user.undropped.discard(digest)
            self._active.add(scope.user)

    def undropped(self, scope: Scope, digests: Iterable[str]) -> None:
        """Take notice that these could not be dropped: they are to be dropped later."""
        user = self._users.get(scope.user)
        if user is not None:
            user.undropped.update(digests)
            user.drop_at = self._clock() + self.policy.retry_s
            self._active.add(scope.user)

    def failed(self, scope: Scope, place: Place, block: str, *, refused: bool) -> None:
        """Take notice that it was not built: never again while the block is this one, or later."""
        user = self._users.get(scope.user)
        use = user.places.get(place) if user is not None else None
        if user is not None:
            user.building.discard((place.setting, block))
            self._active.add(scope.user)
        if use is not None and refused:
            use.refused = block
        elif use is not None:
            use.retry_at = self._clock() + self.policy.retry_s

    def knows(self, scope: Scope) -> bool:
        """True when chats of this user were counted, and not too long ago."""
        return scope.user in self._users

    def shared_key(self, scope: Scope, setting: str) -> str:
        """Return the key whose users may share what is computed of the setting; "": nobody but this user.

        It is the key of ``scope``, where this user sent the setting under it and so did enough others.
        """
        user = self._users.get(scope.user)
        places = user.places.items() if user is not None else ()
        own = any(place.setting == setting and use.key_id == scope.key_id for place, use in places)
        return scope.key_id if own and self._senders.shared(scope.key_id, setting) else ""

    def settings_of(self, scope: Scope) -> list[Setting]:
        """Return the settings in which this user was seen, the latest first."""
        user = self._users.get(scope.user)
        keys = dict.fromkeys(place.setting for place in reversed(user.places)) if user is not None else {}
        return [self._settings[key] for key in keys if key in self._settings]

    def decide(self) -> list[Decision]:
        """Return what is to be done now; each thing once."""
        now = self._clock()
        if now >= self._sweep_at:
            self._sweep(now)
        decisions: list[Decision] = []
        self._due_at = math.inf
        for name in sorted(self._active):
            user = self._users[name]
            due_at = self._consider(user, now, decisions)
            self._due_at = min(self._due_at, due_at)
            if due_at == math.inf:
                self._active.discard(name)
        return decisions

    def wait_s(self) -> float:
        """Return after how many seconds there may be something to decide, if nothing else happens."""
        return max(0.0, min(self._due_at, self._sweep_at) - self._clock())

    def _consider(self, user: _User, now: float, decisions: list[Decision]) -> float:
        """Add what is to be done for a user; return when to look again, infinity for when something happens."""
        if not user.adopted:
            user.adopted = True
            decisions.append(Adopt(scope=user.scope))
        if user.doubted_at is not None:
            return self._dispel(user, now, decisions)
        due_at = self._clear(user, now, decisions)
        for place, use in user.places.items():
            if not self._worth(user, place, use, now):
                continue
            if now < use.retry_at:
                due_at = min(due_at, use.retry_at)
                continue
            user.building.add((place.setting, use.block))
            setting = self._settings.get(place.setting, Setting())
            scope = replace(user.scope, key_id=use.key_id)  # the setting is no business of the user's other keys
            decisions.append(Build(scope=scope, place=place, setting=setting, block=use.block, asked=use.asked))
        return due_at

    def _clear(self, user: _User, now: float, decisions: list[Decision]) -> float:
        """Drop what belongs to no place; return when to try again what could not be dropped."""
        orphans = set(user.stored) - {(place.setting, use.block) for place, use in user.places.items()}
        digests = {user.stored.pop(key) for key in orphans}
        if now >= user.drop_at:
            digests |= user.undropped
            user.undropped = set()
        digests -= set(user.stored.values())  # another setting that the template writes alike
        if digests:
            decisions.append(Drop(scope=user.scope, digests=tuple(sorted(digests))))
        return user.drop_at if user.undropped else math.inf

    def _dispel(self, user: _User, now: float, decisions: list[Decision]) -> float:
        """A doubt is looked into once nothing has changed for a while, and only if something hangs on it."""
        interested = bool(user.stored) or any(self._hot(use, now) for use in user.places.values())
        if user.doubted_at is None or not interested:
            return math.inf
        due_at = user.doubted_at + self.policy.stable_s
        if now < due_at:
            return due_at
        user.doubted_at = None
        budgets = frozenset(place.budget_tokens for place in user.places)
        decisions.append(Refresh(scope=user.scope, budgets=budgets))
        return math.inf

    def _worth(self, user: _User, place: Place, use: _Use, now: float) -> bool:
        key = (place.setting, use.block)
        known = place.setting == NO_SETTING or place.setting in self._settings
        if not use.block or not known or key in user.stored or key in user.building or use.block == use.refused:
            return False
        return use.asked or (use.tokens >= self.policy.min_tokens and self._hot(use, now))

    def _hot(self, use: _Use, now: float) -> bool:
        if use.asked or (self.policy.mode != "auto" and not use.wished):
            return use.asked
        return self._heat(use, now) > self.policy.hot_uses - _ROUNDING

    def _heat(self, use: _Use, now: float) -> float:
        return use.heat * math.exp2(-(now - use.heat_at) / self.policy.half_life_s)

    def _sweep(self, now: float) -> None:
        """Forget places that went cold; what was kept for them is an orphan then."""
        cold = self.policy.hot_uses * _COLD_SHARE
        for name, user in self._users.items():
            for place in [p for p, use in user.places.items() if not use.asked and self._heat(use, now) < cold]:
                del user.places[place]
                self._active.add(name)
        self._sweep_at = now + self.policy.half_life_s * _COLD_SHARE

    def _use(self, scope: Scope, place: Place) -> tuple[_User, _Use]:
        """Return the user and the place, made if need be, as the latest; the oldest beyond the bounds go."""
        user = self._users.setdefault(scope.user, _User(scope))
        user.scope = scope if scope.key_id or not user.scope.key_id else user.scope
        use = user.places.setdefault(place, _Use(heat_at=self._clock()))
        user.places.move_to_end(place)
        self._users.move_to_end(scope.user)
        self._active.add(scope.user)
        if len(user.places) > self.policy.max_places:
            user.places.popitem(last=False)
        if len(self._users) > self.policy.max_users:
            name, _ = self._users.popitem(last=False)
            self._active.discard(name)
        return user, use

    def _remember(self, setting: Setting) -> None:
        if setting.key != NO_SETTING:
            self._settings[setting.key] = setting
            self._settings.move_to_end(setting.key)
            if len(self._settings) > self.policy.max_settings:
                self._settings.popitem(last=False)


def labels_of(place: Place, block: Block, *, asked: bool) -> dict[str, list[str]]:
    """Return what an engine is to keep with an activation memory, so that ``adopted`` knows it after a restart."""
    budget = _USUAL if place.budget_tokens is None else str(place.budget_tokens)
    labels = {"cubes": list(block.cube_ids), "setting": [place.setting], "block": [block.key], "budget": [budget]}
    return labels | ({_ASKED: ["yes"]} if asked else {})
