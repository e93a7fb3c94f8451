"""The files of a fingerprint in, the tree of their nodes out; what is not whole or hangs on nothing is removed."""

import logging

from adapters.activation_store.disk import DiskTiers
from adapters.activation_store.files import Coding, FileHead
from adapters.activation_store.folder import Removed, digest_of
from adapters.activation_store.heat import Heat
from adapters.activation_store.index import PrefixIndex
from adapters.activation_store.node import TOKEN_BYTES, Node
from adapters.activation_store.uses import read_uses

logger = logging.getLogger(__name__)


def open_files(index: PrefixIndex, disk: DiskTiers) -> int:
    """Fill an empty index and return how many damaged files were removed. Raises: OSError."""
    found, damaged = disk.folder.scan()
    uses = read_uses(disk.folder.path)
    removed = Removed()
    for path, file in found:
        known = index.get(file.head.digest)
        if known is not None and Coding.EXACT in known.files:
            removed.unlink(path)  # in 8 bits: the change to it was cut short
            continue
        node = _node(index, disk.folder.path.name, file, uses.get(file.head.digest))
        if node is None:
            logger.info("an activation memory that cannot be restored is removed: %s", path.name)
            removed.unlink(path)
            continue
        index.add(node)
        disk.add(node, file.head.coding, file.file_bytes)
    disk.shrink()
    return damaged


def _node(index: PrefixIndex, namespace: str, file: FileHead, heat: Heat | None) -> Node | None:
    head = file.head
    parent = index.get(head.parent) if head.parent else None
    if (head.parent is not None and parent is None) or head.start != (parent.length if parent else 0):
        return None
    key = (parent.key if parent else b"") + file.tokens
    if len(key) != head.length * TOKEN_BYTES or digest_of(namespace, head.salt_hash, key) != head.digest:
        return None
    return Node(
        digest=head.digest,
        salt_hash=head.salt_hash,
        key=key,
        start=head.start,
        parent=parent,
        size_bytes=head.size_bytes,
        build_s=head.build_s,
        created_at=head.created_at,
        labels=head.labels,
        heat=heat or Heat(0, 1.0, head.created_at),
    )
