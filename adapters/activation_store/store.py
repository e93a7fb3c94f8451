"""States of token prefixes in, those of the longest stored prefix of a prompt out: a ``PrefixCache`` with files.

The law: what is restored is what was kept, for the owner it was kept for; anything else is removed and reported. All
methods but ``durable``, ``flush`` and ``close`` belong to the engine's thread; a thread of its own writes the files.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Future
from copy import copy
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from adapters.activation_store.chain import chain_of
from adapters.activation_store.files import Coding, Damaged, sync_folder
from adapters.activation_store.folder import (
    FingerprintFolder,
    Removed,
    digest_of,
    erase_owner,
    namespace_of,
    salt_hash_of,
)
from adapters.activation_store.index import PrefixIndex, packed, unpacked
from adapters.activation_store.node import Node
from adapters.activation_store.opening import open_files
from adapters.activation_store.stats import Preloaded, StoreStats, store_stats
from adapters.activation_store.tiers import Tiers
from adapters.activation_store.uses import write_uses
from adapters.prefix_cache import Boundary, Match, State, StateCodec, StoredPrefix, Tier
from memory.errors import Invalid, Unavailable

logger = logging.getLogger(__name__)

_USES_EVERY_S: Final = 60.0
_States = list[State]
_Digests = list[str]
_Read = TypeVar("_Read")


class ActivationStore:
    """The activation memories of one engine, in memory and in the files of a folder."""

    def __init__(
        self,
        folder: Path | None,
        *,
        fingerprint: str,
        codec: StateCodec,
        ram_bytes: int,
        disk_bytes: int,
        cold_bytes: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open what lies in a folder, of which other fingerprints' files are left alone; None: memory only.

        Budgets are those of the states in memory, of the exact files and of those in 8 bits; 0 does without. A state in
        8 bits is not exact. Two stores may have a folder open, but each knows only what it found or wrote.

        Raises: Unavailable: the folder cannot be used.
        """
        self._namespace = namespace_of(fingerprint)
        self._codec = codec
        self._clock = clock
        self._index = PrefixIndex()
        self._hits = dict.fromkeys(Tier, 0)
        self._misses = self._damaged = 0
        self._saved_uses_at = clock()
        budgets = {"ram_bytes": ram_bytes, "disk_bytes": disk_bytes, "cold_bytes": cold_bytes}
        try:
            place = None if folder is None else FingerprintFolder(folder, fingerprint)
            self._tiers = Tiers(self._index, codec, place, **budgets, clock=clock)
            self._disk = self._tiers.disk
            if self._disk is not None:
                self._damaged += open_files(self._index, self._disk)
        except OSError as error:
            raise Unavailable(
                f"The folder of activation memories cannot be used: {error}. Make it writable, or choose another."
            ) from error

    def match(
        self, prompt: Sequence[int], salts: Sequence[str], *, whole: bool, shared: Sequence[str] = ()
    ) -> Match | None:
        """Return the longest match among the owners ``salts`` and ``shared``; of equals, the one that restores least.

        ``whole``: only prefixes that the prompt holds in full, as it always is with the owners ``shared``.
        It takes tens of microseconds for a prompt of thousands of tokens, most of them for reading the list.
        """
        self._tiers.settle()
        own, others = ([self.salt_hash(salt) for salt in group] for group in (salts, shared))
        found = self._index.find(prompt, own, whole=whole, shared=others)
        if found is None:
            self._misses += 1
            return None
        node, length = found
        tokens = prompt[:length] if length == node.length else unpacked(node.key)
        return Match(digest=node.digest, length=length, tokens=tokens, tier=node.chain_tier())

    def find(self, tokens: Sequence[int], salt: str) -> StoredPrefix | None:
        """Return the node of exactly these tokens and this owner, if its exact state is there; that is no use."""
        self._tiers.settle()
        node = self._index.get(self.digest(tokens, salt))
        return node.stored() if node is not None and node.chain_tier() in (Tier.RAM, Tier.DISK) else None

    def load(self, match: Match) -> _States:
        """Return the states from the root to the node, which nobody may change, and count a use of each.

        From memory they come without a copy. From disk they are verified, and stay in memory if they are worth it.

        Raises: Invalid: ``activation_damaged``: one of them is not what was stored and is gone, with all that follows
        it; ``activation_gone``: it was evicted since the match; ``activation_unreadable``: the disk does not answer.
        """
        self._tiers.settle()
        node = self._index.get(match.digest)
        if node is None:
            raise Invalid("That activation memory is not stored any more.", code="activation_gone")
        tier = node.chain_tier()
        self._count(node)
        chain = node.chain()
        states = [self._sound(part, partial(self._tiers.fetch, part, set(chain))) for part in chain]
        self._hits[tier] += 1
        return states

    def used(self, digest: str) -> None:
        """Count a use of what was still resident."""
        self._hits[Tier.RESIDENT] += 1
        node = self._index.get(digest)
        if node is not None:
            self._count(node)

    def keep(
        self,
        tokens: Sequence[int],
        boundaries: Sequence[Boundary],
        state: State,
        *,
        build_s: float,
        labels: Mapping[str, Sequence[str]],
    ) -> StoredPrefix:
        """Store the state of ``tokens`` as a chain of nodes, one to each boundary, and return the last.

        The boundaries ascend, and the last is all of the tokens; of equal ones the first counts. Where states cannot be
        cut, only the last is stored. ``state`` is given away: it is kept, not copied. ``build_s`` is shared out among
        the nodes that are new; ``labels`` are the last one's. The answer's tier is ``text`` when the prefix is worth
        less than what would have to go for it, and is not stored.

        Raises: ValueError: the boundaries do not fit the tokens, or there is nothing to store.
        """
        if not boundaries or boundaries[-1].length != len(tokens) or not len(tokens) or not state.nbytes:
            raise ValueError("the last boundary must be the length of the tokens, and neither they nor the state empty")
        self._tiers.settle()
        ends = boundaries if self._codec.slices else boundaries[-1:]
        chain = chain_of(self._index, self._namespace, packed(tokens), ends)
        fresh = [node for node in chain if node.digest not in self._index]
        fresh_tokens = sum(node.length - node.start for node in fresh)
        for node in fresh:
            node.build_s = max(0.0, build_s) * (node.length - node.start) / fresh_tokens
            node.created_at = self._clock()
            node.heat = self._tiers.recall(node.digest)
            node.heat.warm(node.created_at)
        if fresh and fresh[-1] is chain[-1]:
            chain[-1].labels = {name: list(values) for name, values in labels.items()}
        spare = {part for node in chain for part in node.chain()}
        for node in chain:
            self._place(node, state, len(tokens), spare)
        self._save_uses_now_and_then()
        return chain[-1].stored()

    def salt_hash(self, salt: str) -> str:
        """Return what names an owner here; from any thread."""
        return salt_hash_of(self._namespace, salt)

    def digest(self, tokens: Sequence[int], salt: str) -> str:
        """Return how a prefix is named, whether it is stored or not; from any thread."""
        return digest_of(self._namespace, self.salt_hash(salt), packed(tokens))

    def owners(self, digest: str) -> set[str]:
        """Return whose a prefix is, and what follows it, as hashes of their salts; none when it is not stored."""
        node = self._index.get(digest)
        return set() if node is None else {part.salt_hash for part in node.tree()}

    def durable(self, digest: str) -> "Future[bool]":
        """Return what resolves when a prefix would outlive a crash: True, or False if it never will.

        It may be called from any thread; nobody can cancel it.
        """
        node = self._index.get(digest)
        file = node.files.get(Coding.EXACT) if node else None
        if file is not None and file.job is not None:
            return file.job.durable
        done: Future[bool] = Future()
        done.set_result(file is not None)
        return done

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until all that is kept is on disk; False when it took too long."""
        return self._disk is None or self._disk.writer.flush(timeout_s)

    def list(self, salt: str | None = None) -> Sequence[StoredPrefix]:
        """Return what is stored, of one owner or of all, the oldest first."""
        self._tiers.settle()
        nodes = self._index if salt is None else self._index.of(self.salt_hash(salt))
        return sorted((node.stored() for node in nodes), key=lambda stored: (stored.created_at, stored.length))

    def drop(self, salt: str | None = None, digests: Sequence[str] | None = None) -> Removed:
        """Remove an owner's prefixes, or those named, or those of the owner that are named; and what follows them.

        Without ``digests`` all files of the owner go, those of other fingerprints too. It outlives a crash.

        Raises: Unavailable: a file cannot be removed. ValueError: neither an owner nor digests are named.
        """
        if salt is None and digests is None:
            raise ValueError("name an owner or digests")
        self._tiers.settle()
        removed = Removed()
        nodes = self._index if salt is None else self._index.of(self.salt_hash(salt))
        for node in [node for node in nodes if digests is None or node.digest in digests]:
            if node.digest in self._index:  # else it went with its parent
                self._tiers.remove(node, removed)
        if self._disk is not None:
            if salt is not None and digests is None:
                removed.add(erase_owner(self._disk.folder.root, salt))
                self._disk.others.recount()
            sync_folder(self._disk.folder.path)
            self._save_uses()
        if removed.left:
            raise Unavailable(f"These files could not be removed, remove them by hand: {removed.left}.")
        return removed

    def preload(self, salt: str, *, most_bytes: int | None = None, left: Sequence[str] | None = None) -> Preloaded:
        """Bring an owner's exact states, and what they follow, from disk into memory, if they are worth it there.

        ``most_bytes``: of how much to read, but for the first file, which is read however large it is; what is left
        then is named in the answer, and is to be given to the next call as ``left``.
        """
        self._tiers.settle()
        before, damaged = self._tiers.ram.sizes.copy(), self._damaged
        waiting = deque(self._by_value(salt) if left is None else left)
        read_bytes = 0
        while waiting:
            part = self._index.get(waiting[0])
            if part is not None and part.ram is None:
                if most_bytes is not None and read_bytes and read_bytes + part.size_bytes > most_bytes:
                    break
                read_bytes += self._promote(part)
            waiting.popleft()
        loaded = [size_bytes for node, size_bytes in self._tiers.ram.sizes.items() if node not in before]
        damaged = self._damaged - damaged
        return Preloaded(entries=len(loaded), size_bytes=sum(loaded), damaged=damaged, left=tuple(waiting))

    def stats(self) -> StoreStats:
        """Return what is stored and how it was used since the store was opened."""
        self._tiers.settle()
        return store_stats(self._index, self._tiers, self._hits, misses=self._misses, damaged=self._damaged)

    def close(self, timeout_s: float | None = 60.0) -> None:
        """Write what waits to be written, and the uses. What is kept afterwards stays in memory."""
        if self._disk is not None:
            self._save_uses()
            self._disk.writer.close(timeout_s)

    def _by_value(self, salt: str) -> _Digests:
        """Return an owner's nodes, the most valuable first, each behind those that it follows."""
        now = self._clock()
        nodes = sorted(self._index.of(self.salt_hash(salt)), key=lambda node: node.value(now), reverse=True)
        return list(dict.fromkeys(part.digest for node in nodes for part in node.chain()))

    def _promote(self, node: Node) -> int:
        """Bring a node's state into memory and return its size in bytes; 0 when it stays where it is."""
        try:
            state = self._sound(node, partial(self._tiers.promote, node, set(node.chain())))
        except Invalid:
            return node.size_bytes
        return 0 if state is None else node.size_bytes

    def _place(self, node: Node, state: State, tokens: int, spare: Set[Node]) -> None:
        """Put the part of a state that is a node's into the tiers, where it is not; ``tokens``: those of the state."""
        stored = node.digest in self._index
        if stored and self._tiers.holds(node):
            return
        if node.parent is not None and node.parent.digest not in self._index:
            self._tiers.remember(node)
            return
        part = node.ram if node.ram is not None else self._cut(state, node, tokens)
        if not stored:
            node.size_bytes = part.nbytes
            self._index.add(node)
        self._tiers.place(node, part, spare)

    def _cut(self, state: State, node: Node, tokens: int) -> State:
        whole = node.start == 0 and node.length == tokens
        part = state if whole else self._codec.rows(state, node.start, node.length)
        if part.base is not None:
            part = part.copy()  # a view would keep more in memory than is counted
        part = part.view()
        part.flags.writeable = False
        return part

    def _sound(self, node: Node, read: Callable[[], _Read]) -> _Read:
        """Return what is read; a damaged node is removed with all that follows it, and Damaged is raised."""
        try:
            return read()
        except Damaged:
            logger.warning("a damaged activation memory is removed: %s", node.digest)
            self._damaged += 1
            self._tiers.remove(node, Removed())
            raise

    def _count(self, node: Node) -> None:
        now = self._clock()
        for part in node.chain():
            part.heat.use(now)
        self._save_uses_now_and_then()

    def _save_uses_now_and_then(self) -> None:
        if self._clock() - self._saved_uses_at >= _USES_EVERY_S:
            self._save_uses()

    def _save_uses(self) -> None:
        self._saved_uses_at = self._clock()
        if self._disk is not None:
            uses = {node.digest: copy(node.heat) for node in self._index}
            self._disk.writer.run(partial(write_uses, self._disk.folder.path, uses))
