"""Tokens and whom they belong to in, the chain of nodes that holds them out: those that are stored, and new ones."""

from collections.abc import Sequence

from adapters.activation_store.folder import digest_of, salt_hash_of
from adapters.activation_store.index import PrefixIndex
from adapters.activation_store.node import TOKEN_BYTES, Node
from adapters.prefix_cache import Boundary


def chain_of(index: PrefixIndex, namespace: str, key: bytes, boundaries: Sequence[Boundary]) -> list[Node]:
    """Return a node for each boundary, the first one the root; new ones are not in the index and hold nothing yet.

    A boundary that does not lie behind the one before it is left out.
    """
    chain: list[Node] = []
    for boundary in boundaries:
        parent = chain[-1] if chain else None
        start = parent.length if parent else 0
        if boundary.length <= start:
            continue
        own_key = key[: boundary.length * TOKEN_BYTES]
        salt_hash = salt_hash_of(namespace, boundary.salt)
        digest = digest_of(namespace, salt_hash, own_key)
        new = Node(digest=digest, salt_hash=salt_hash, key=own_key, start=start, parent=parent)
        chain.append(index.get(digest) or new)
    return chain
