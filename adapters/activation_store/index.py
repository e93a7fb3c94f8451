"""Stored prefixes in, the one that shares most with a prompt out, among those of the owners that are asked for.

The law: a node of an owner who is not asked for is never found. Finding takes a few binary searches over the tokens'
bytes, which are sorted for each owner: of all sequences, a neighbour of the prompt in that order shares most with it.
"""

import struct
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from adapters.activation_store.node import TOKEN_BYTES, Node

_FIRST_LOOK: Final = 64  #: tokens: most prompts that share nothing differ in these


class PrefixIndex:
    """All nodes of a store, by digest and by owner."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._owners: dict[str, _Owner] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, digest: str) -> bool:
        return digest in self._nodes

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def get(self, digest: str) -> Node | None:
        return self._nodes.get(digest)

    def of(self, salt_hash: str) -> list[Node]:
        """Return an owner's nodes."""
        owner = self._owners.get(salt_hash)
        return list(owner.nodes) if owner else []

    def add(self, node: Node) -> None:
        self._nodes[node.digest] = node
        self._owners.setdefault(node.salt_hash, _Owner()).add(node)
        if node.parent is not None:
            node.parent.children.add(node)

    def remove(self, node: Node) -> None:
        """Forget a node, whose children are gone already."""
        del self._nodes[node.digest]
        owner = self._owners[node.salt_hash]
        owner.remove(node)
        if not owner.nodes:
            del self._owners[node.salt_hash]
        if node.parent is not None:
            node.parent.children.discard(node)

    def find(
        self, prompt: Sequence[int], salt_hashes: Sequence[str], *, whole: bool, shared: Sequence[str] = ()
    ) -> tuple[Node, int] | None:
        """Return the node that shares most tokens with the prompt, and how many; of equals, the shortest.

        ``whole``: only nodes of which the prompt holds all tokens; of the owners ``shared`` it is only those anyway.
        """
        own = [owner for salt_hash in dict.fromkeys(salt_hashes) if (owner := self._owners.get(salt_hash))]
        others = [self._owners.get(salt_hash) for salt_hash in dict.fromkeys(shared) if salt_hash not in salt_hashes]
        owners = own + [owner for owner in others if owner is not None]
        if not owners or not len(prompt):
            return None
        longest = max(owner.longest_bytes for owner in owners) // TOKEN_BYTES
        key = packed(prompt[: min(_FIRST_LOOK, longest)])
        nearest = [owner.nearest(key) for owner in owners]
        more = longest > _FIRST_LOOK and any(shared == _FIRST_LOOK for _, shared in nearest)
        if more:
            key = packed(prompt[:longest])
        held = owners if whole else owners[len(own) :]
        found = [(node, node.length) for owner in held if (node := owner.whole(key)) is not None]
        if not whole:
            found += [owner.nearest(key) for owner in own] if more else nearest[: len(own)]
        return max((pair for pair in found if pair[1]), key=lambda pair: (pair[1], -pair[0].length), default=None)


class _Owner:
    """The nodes of one owner, sorted by the bytes of their tokens."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.nodes: list[Node] = []
        self.longest_bytes = 0

    def add(self, node: Node) -> None:
        self.nodes.insert(bisect_right(self.keys, node.key), node)
        insort(self.keys, node.key)
        self.longest_bytes = max(self.longest_bytes, len(node.key))

    def remove(self, node: Node) -> None:
        at = bisect_left(self.keys, node.key)
        del self.keys[at], self.nodes[at]
        self.longest_bytes = max(map(len, self.keys), default=0)

    def nearest(self, key: bytes) -> tuple[Node, int]:
        """Return the node that shares most tokens, the shortest way to it, and how many it shares."""
        at = bisect_right(self.keys, key)
        near = [i for i in (at - 1, at) if 0 <= i < len(self.keys)]
        shared = max(shared_tokens(self.keys[i], key) for i in near)
        beginning = key[: shared * TOKEN_BYTES]
        near.append(bisect_left(self.keys, beginning))  # where those that begin so begin, so the shortest of a chain
        node = min((self.nodes[i] for i in near if self.keys[i].startswith(beginning)), key=lambda node: len(node.key))
        while node.parent is not None and node.start >= shared and node.parent.salt_hash == node.salt_hash:
            node = node.parent
        return node, shared

    def whole(self, key: bytes) -> Node | None:
        """Return the longest node that the key begins with."""
        while at := bisect_right(self.keys, key):
            # All between a node that the key begins with and the key begin with that node too.
            below = self.keys[at - 1]
            if key.startswith(below):
                return self.nodes[at - 1]
            key = key[: shared_tokens(below, key) * TOKEN_BYTES]
        return None


def packed(tokens: Sequence[int]) -> bytes:
    """Return each token as a little-endian int32."""
    if isinstance(tokens, np.ndarray):
        return tokens.astype("<i4").tobytes()
    return struct.pack(f"<{len(tokens)}i", *tokens)


def unpacked(key: bytes) -> list[int]:
    """Return the tokens that ``packed`` took."""
    return list(struct.unpack(f"<{len(key) // TOKEN_BYTES}i", key))


def shared_tokens(left: bytes, right: bytes) -> int:
    """Return how many leading tokens are equal."""
    count = min(len(left), len(right)) // TOKEN_BYTES
    differ = np.frombuffer(left, np.int32, count) != np.frombuffer(right, np.int32, count)
    first = int(differ.argmax()) if count else 0
    return first if count and differ[first] else count
