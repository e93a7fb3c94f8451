"""A stored prefix as the store holds it: what it is, where its state is, how often it is used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.activation_store.files import Coding, Head
from adapters.activation_store.heat import Heat
from adapters.activation_store.writer import WriteJob
from adapters.prefix_cache import State, StoredPrefix, Tier

TOKEN_BYTES: Final = 4
_SLOWEST_LAST: Final = (Tier.RESIDENT, Tier.RAM, Tier.DISK, Tier.COLD, Tier.TEXT)


@dataclass(slots=True, eq=False)
class NodeFile:
    """A file that holds a node's state, or is going to."""

    path: Path
    size_bytes: int
    job: WriteJob | None = None  #: None: the file was there before


@dataclass(slots=True, eq=False, kw_only=True)
class Node:
    """A node of the tree of prefixes."""

    digest: str
    salt_hash: str
    key: bytes  #: all tokens from the root on, each as a little-endian int32
    start: int
    parent: "Node | None"
    size_bytes: int = 0  #: of its own state
    build_s: float = 0.0
    created_at: float = 0.0
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    heat: Heat = field(default_factory=Heat)
    children: "set[Node]" = field(default_factory=set)
    ram: State | None = None
    files: dict[Coding, NodeFile] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return len(self.key) // TOKEN_BYTES

    @property
    def own_tokens(self) -> bytes:
        return self.key[self.start * TOKEN_BYTES :]

    @property
    def tier(self) -> Tier:
        """Where the node's own state is."""
        if self.ram is not None:
            return Tier.RAM
        if Coding.EXACT in self.files:
            return Tier.DISK
        return Tier.COLD if self.files else Tier.TEXT

    def chain(self) -> "list[Node]":
        """Return the nodes from the root to this one."""
        nodes: list[Node] = [self]
        while (parent := nodes[-1].parent) is not None:
            nodes.append(parent)
        return nodes[::-1]

    def tree(self) -> "list[Node]":
        """Return this node and all that follows it."""
        nodes: list[Node] = [self]
        for node in nodes:
            nodes.extend(node.children)
        return nodes

    def chain_tier(self) -> Tier:
        """Return the slowest tier on the way from the root to here."""
        return max((node.tier for node in self.chain()), key=_SLOWEST_LAST.index)

    def value(self, now: float) -> float:
        """Return the seconds that a byte of it saves now."""
        return self.build_s * self.heat.rate(now) / self.size_bytes

    def head(self, fingerprint: str, coding: Coding) -> Head:
        """Return what a file of it says."""
        return Head(
            fingerprint=fingerprint,
            digest=self.digest,
            parent=None if self.parent is None else self.parent.digest,
            salt_hash=self.salt_hash,
            start=self.start,
            length=self.length,
            size_bytes=self.size_bytes,
            build_s=self.build_s,
            created_at=self.created_at,
            labels=self.labels,
            coding=coding,
        )

    def stored(self) -> StoredPrefix:
        """Return what others may know of it."""
        return StoredPrefix(
            digest=self.digest,
            parent=None if self.parent is None else self.parent.digest,
            salt_hash=self.salt_hash,
            length=self.length,
            start=self.start,
            size_bytes=self.size_bytes,
            build_s=self.build_s,
            tier=self.tier,
            uses=self.heat.uses,
            created_at=self.created_at,
            last_used_at=self.heat.at,
            labels=self.labels,
        )
