"""States in, each in the quickest tier that it is worth: memory, disk, 8 bits on disk, or nowhere.

The law: no tier ever holds more than its budget; the least valuable goes first, and no parent before its children. What
leaves memory is on disk, or gone with all that follows it.
"""

from collections import OrderedDict
from collections.abc import Callable, Set
from typing import Final

from adapters.activation_store.budget import Budget
from adapters.activation_store.disk import DiskTiers
from adapters.activation_store.files import Coding, Damaged
from adapters.activation_store.folder import FingerprintFolder, Removed
from adapters.activation_store.heat import Heat
from adapters.activation_store.index import PrefixIndex
from adapters.activation_store.node import Node
from adapters.prefix_cache import State, StateCodec, Tier

_MOST_REMEMBERED: Final = 1024  #: prefixes that are not stored, of which the uses are known


class Tiers:
    """Where the states of an index's nodes are."""

    def __init__(
        self,
        index: PrefixIndex,
        codec: StateCodec,
        folder: FingerprintFolder | None,
        *,
        ram_bytes: int,
        disk_bytes: int,
        cold_bytes: int,
        clock: Callable[[], float],
    ) -> None:
        self.ram = Budget(ram_bytes)
        self.disk: DiskTiers | None = None
        if folder is not None:
            self.disk = DiskTiers(
                folder, codec, disk_bytes=disk_bytes, cold_bytes=cold_bytes, value=self._value, lost=self._sweep
            )
        self.evicted = 0  #: nodes
        self._index = index
        self._clock = clock
        self._remembered: OrderedDict[str, Heat] = OrderedDict()

    def holds(self, node: Node) -> bool:
        """Return True when nothing quicker or safer could be done for a node's exact state than is done."""
        return Coding.EXACT in node.files or (self.disk is None and node.ram is not None)

    def place(self, node: Node, state: State, spare: Set[Node]) -> None:
        """Put the exact state of an indexed node into all tiers that it is worth; without any, the node is gone.

        ``spare``: what must not go for it, such as its ancestors.
        """
        if node.ram is None and self._room_in_ram(node, spare):
            self._put(node, state)
        if self.disk is not None and (node.parent is None or Coding.EXACT in node.parent.files):
            self.disk.keep(node, state, spare)
        if node.tier == Tier.TEXT:
            self.remember(node)
            self._index.remove(node)

    def fetch(self, node: Node, spare: Set[Node]) -> State:
        """Return a node's state, from now on in memory if it is worth that.

        Raises: Invalid: its file is damaged or cannot be read.
        """
        state = self.promote(node, spare)
        if state is None:
            if self.disk is None:
                raise Damaged
            state = self.disk.read(node, mapped=True)
        return state

    def promote(self, node: Node, spare: Set[Node]) -> State | None:
        """Return a node's exact state, which is in memory now, or None if it is not worth that.

        Raises: Invalid: its file is damaged or cannot be read.
        """
        if node.ram is None:
            # In 8 bits it is not exact: it must not pass for what is in memory.
            if self.disk is None or Coding.EXACT not in node.files or not self._room_in_ram(node, spare):
                return None
            self._put(node, self.disk.read(node, mapped=False))
        return node.ram

    def settle(self) -> None:
        """Forget the files that could not be written."""
        if self.disk is None:
            return
        while self.disk.writer.failed:
            job = self.disk.writer.failed.popleft()
            node = self._index.get(job.head.digest)
            file = node.files.get(job.head.coding) if node else None
            if node is not None and file is not None and file.job is job:
                self.disk.lose(node, Removed())
                self._sweep(node)

    def remove(self, node: Node, removed: Removed) -> None:
        """Remove a node with all that follows it, from every tier and from the index."""
        for child in list(node.children):
            self.remove(child, removed)
        self._leave_ram(node)
        if self.disk is not None:
            self.disk.lose(node, removed)
        self._index.remove(node)
        removed.digests.append(node.digest)

    def remember(self, node: Node) -> None:
        """Keep in mind how often a prefix was asked for that is not stored."""
        self._remembered[node.digest] = node.heat
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def recall(self, digest: str) -> Heat:
        """Return how often a prefix was used when it was stored, and asked for when it was not."""
        return self._remembered.pop(digest, None) or Heat()

    def _value(self, node: Node) -> float:
        return node.value(self._clock())

    def _room_in_ram(self, node: Node, spare: Set[Node]) -> bool:
        over_bytes = self.ram.used_bytes + node.size_bytes - self.ram.size_bytes
        if node.size_bytes > self.ram.size_bytes:
            return False
        victims = self.ram.victims(over_bytes, value=self._value, below=self._value(node), spare=spare)
        if victims is None:
            return False
        for victim in victims:
            self._leave_ram(victim)
            self._sweep(victim)
        return True

    def _put(self, node: Node, state: State) -> None:
        node.ram = state
        self.ram.put(node, node.size_bytes)

    def _leave_ram(self, node: Node) -> None:
        node.ram = None
        self.ram.take(node)

    def _sweep(self, node: Node) -> None:
        """Evict from the index what is in no tier any more, with all that follows it."""
        for child in list(node.children):
            self._sweep(child)
        if node.tier == Tier.TEXT:
            removed = Removed()
            self.remember(node)
            self.remove(node, removed)
            self.evicted += len(removed.digests)
