"""What an engine and a store of computed prefixes say to each other: values and Protocols.

An activation memory (MemOS, arXiv 2507.03724, "Activation Memory") is the state of a model after it has read a prefix
of tokens. The law: a state is restored only where the very tokens it was computed from stand, for the owner it belongs
to, by the engine that computed it; what cannot be proved whole is not restored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

State = npt.NDArray[np.uint8]


class Tier(StrEnum):
    """Where a state was when it was needed, the quickest first."""

    RESIDENT = "resident"  #: in the context's own cells
    RAM = "ram"
    DISK = "disk"  #: a file that is mapped into memory
    COLD = "cold"  #: a file in 8 bits, half the size and not exact
    TEXT = "text"  #: nowhere: the tokens are read again


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """The first ``length`` tokens of a prefix belong to whom ``salt`` names: only they may share what is computed."""

    length: int
    salt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPrefix:
    """One activation memory: a node of the tree of prefixes, which holds what follows its parent's tokens."""

    digest: str  #: of the engine's fingerprint, the owner and all tokens from the root on
    parent: str | None
    salt_hash: str  #: names the owner to nobody who does not know the salt
    length: int  #: tokens from the root on
    start: int  #: tokens that the parent holds; 0 without one
    size_bytes: int  #: of this node's own state
    build_s: float  #: what computing it took, without its parent
    tier: Tier
    uses: int
    created_at: float  #: Unix time
    last_used_at: float
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)  #: such as the ids of the memories inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A stored prefix that shares the first ``length`` tokens of a prompt."""

    digest: str
    length: int  #: tokens of the prompt that need not be read
    tokens: Sequence[int]  #: all tokens of the node from the root on; cut after restoring where they are more
    tier: Tier


class StateCodec(Protocol):
    """Cuts and compresses the states of one kind of context; None of its methods changes its argument."""

    @property
    def slices(self) -> bool:
        """True when ``rows`` works: full attention in a layout that is understood."""
        ...

    def rows(self, state: State, start: int, stop: int) -> State:
        """Return the state of the tokens from ``start`` to ``stop`` alone, restorable behind the tokens before."""
        ...

    def to_int8(self, state: State) -> State | None:
        """Return about half the bytes, from which ``from_int8`` makes nearly the same; None when it cannot be done."""
        ...

    def from_int8(self, data: State) -> State: ...


class PrefixCache(Protocol):
    """Activation memories by what they were computed from. All methods but ``close`` belong to the engine's thread."""

    def match(
        self, prompt: Sequence[int], salts: Sequence[str], *, whole: bool, shared: Sequence[str] = ()
    ) -> Match | None:
        """Return the longest match among the owners ``salts`` and ``shared``, without touching its bytes.

        ``whole``: only prefixes that the prompt holds in full. Of the owners ``shared`` it is never anything else: who
        shares them with others must not find out token by token what others wrote.
        """
        ...

    def find(self, tokens: Sequence[int], salt: str) -> StoredPrefix | None:
        """Return the node of exactly these tokens and this owner, if its exact state is there; that is no use."""
        ...

    def load(self, match: Match) -> list[State]:
        """Return the states from the root to the node, to be restored one behind the other, and count a use.

        Raises: Invalid (``activation_damaged``): one of them is not what was stored; it is gone from the store.
        """
        ...

    def used(self, digest: str) -> None:
        """Count a use of what was still resident."""
        ...

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

        Nodes that are there already are left alone. Only the part behind the parent is stored where states can be cut.
        It can be matched at once; ``flush`` says when it would outlive a crash.
        """
        ...
