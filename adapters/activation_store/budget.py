"""What a tier holds and may hold in, what must go for something new out.

The law: the least valuable goes first, and no parent before its children.
"""

import heapq
from collections.abc import Callable, Set
from itertools import count

from adapters.activation_store.node import Node


class Budget:
    """The nodes of one tier and their bytes."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.used_bytes = 0
        self.sizes: dict[Node, int] = {}  #: in bytes
        self.hits = 0

    def __contains__(self, node: Node) -> bool:
        return node in self.sizes

    def put(self, node: Node, size_bytes: int) -> None:
        """Count a node that is not counted yet."""
        self.sizes[node] = size_bytes
        self.used_bytes += size_bytes

    def take(self, node: Node) -> None:
        """Count a node no more, if it was."""
        self.used_bytes -= self.sizes.pop(node, 0)

    def victims(
        self, over_bytes: int, *, value: Callable[[Node], float], below: float, spare: Set[Node] = frozenset()
    ) -> list[Node] | None:
        """Return which nodes make ``over_bytes`` of room, in the order in which they may go.

        It is always the least valuable that goes first, of those that have no children left in this tier. None when
        something would have to go that is worth more than ``below``, or is in ``spare``.
        """
        if over_bytes <= 0:
            return []
        children = {node: sum(child in self.sizes for child in node.children) for node in self.sizes}
        order = count()
        leaves = [
            (value(node), node.heat.at, next(order), node)
            for node, left in children.items()
            if not left and node not in spare
        ]
        heapq.heapify(leaves)
        chosen: list[Node] = []
        while over_bytes > 0:
            if not leaves or leaves[0][0] > below:
                return None
            node = heapq.heappop(leaves)[3]
            chosen.append(node)
            over_bytes -= self.sizes[node]
            parent = node.parent
            if parent in children:
                children[parent] -= 1
                if not children[parent] and parent not in spare:
                    heapq.heappush(leaves, (value(parent), parent.heat.at, next(order), parent))
        return chosen
