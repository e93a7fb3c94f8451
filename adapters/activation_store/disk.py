"""States in, files out, exact ones and those in 8 bits, each kind within its budget.

The law: a node with a file has a parent with one. What leaves the disk is kept in 8 bits, where that is allowed, or is
gone.
"""

import logging
from collections.abc import Callable, Sequence, Set
from math import inf
from typing import Final

from adapters.activation_store import files
from adapters.activation_store.budget import Budget
from adapters.activation_store.files import Coding, Damaged
from adapters.activation_store.folder import FingerprintFolder, OtherFiles, Removed
from adapters.activation_store.node import Node, NodeFile
from adapters.activation_store.writer import FileWriter, WriteJob
from adapters.prefix_cache import State, StateCodec
from memory.errors import Invalid

logger = logging.getLogger(__name__)
_MOST_WAITING_BYTES: Final = 1 << 30  #: states that are held until they are written
_LONGEST_WAIT_S: Final = 0.25  #: for a disk that does not keep up; the engine stands still


class DiskTiers:
    """The files of a store's nodes. What belongs to other fingerprints counts, and goes before anything else."""

    def __init__(
        self,
        folder: FingerprintFolder,
        codec: StateCodec,
        *,
        disk_bytes: int,
        cold_bytes: int,
        value: Callable[[Node], float],
        lost: Callable[[Node], None],
    ) -> None:
        """``value``: what a byte of a node is worth; ``lost`` is told of nodes whose files went for want of room."""
        self.folder = folder
        self.writer = FileWriter()
        self.others = OtherFiles(folder.root, folder.path.name)
        self.budgets = {Coding.EXACT: Budget(disk_bytes), Coding.INT8: Budget(cold_bytes)}
        self._codec = codec
        self._value = value
        self._lost = lost

    def add(self, node: Node, coding: Coding, size_bytes: int) -> None:
        """Count a file that is there."""
        path = self.folder.file_of(node.salt_hash, node.digest, coding)
        node.files[coding] = NodeFile(path, size_bytes)
        self.budgets[coding].put(node, size_bytes)

    def shrink(self) -> None:
        """Keep the budgets, which may be smaller than they were when the files were written."""
        for coding in (Coding.INT8, Coding.EXACT):
            budget = self.budgets[coding]
            over_bytes = budget.used_bytes - budget.size_bytes
            if coding == Coding.EXACT:
                self.others.free(over_bytes + self.others.used_bytes)
            self._evict(coding, budget.victims(over_bytes, value=self._value, below=inf))

    def keep(self, node: Node, state: State, spare: Set[Node]) -> bool:
        """Have the exact state written, which replaces one in 8 bits; False when it is not worth the room."""
        if not self._write(node, Coding.EXACT, state, spare):
            return False
        self._unlink(node, Coding.INT8, Removed())
        return True

    def read(self, node: Node, *, mapped: bool) -> State:
        """Return a node's state; ``mapped``: as a map of its file, where it is exact and was written.

        Raises: Invalid: the file is damaged, gone, or cannot be read.
        """
        if Coding.EXACT in node.files:
            return self._data(node, Coding.EXACT, mapped=mapped)
        return self._codec.from_int8(self._data(node, Coding.INT8, mapped=False))

    def lose(self, node: Node, removed: Removed) -> None:
        """Remove a node's files, and before them those of all that follows it."""
        for child in list(node.children):
            self.lose(child, removed)
        for coding in Coding:
            self._unlink(node, coding, removed)

    def _write(self, node: Node, coding: Coding, data: State, spare: Set[Node]) -> bool:
        head = node.head(self.folder.fingerprint, coding)
        size_bytes = files.file_bytes(head, node.own_tokens, data.nbytes)
        if not self.writer.wait_below(_MOST_WAITING_BYTES, _LONGEST_WAIT_S):
            logger.warning("the disk does not keep up: an activation memory is not written")
            return False
        if not self._make_room(coding, size_bytes, self._value(node), spare):
            return False
        self.add(node, coding, size_bytes)
        file = node.files[coding]
        file.job = WriteJob(file.path, head, node.own_tokens, data)
        self.writer.submit(file.job)
        return True

    def _make_room(self, coding: Coding, size_bytes: int, below: float, spare: Set[Node]) -> bool:
        budget = self.budgets[coding]
        if size_bytes > budget.size_bytes:
            return False
        over_bytes = budget.used_bytes + size_bytes - budget.size_bytes
        victims = budget.victims(over_bytes, value=self._value, below=below, spare=spare)
        if victims is None:
            return False
        if coding == Coding.EXACT:
            self.others.free(over_bytes + self.others.used_bytes)
        self._evict(coding, victims, spare)
        return True

    def _evict(self, coding: Coding, victims: Sequence[Node] | None, spare: Set[Node] = frozenset()) -> None:
        for node in victims or ():
            if coding == Coding.EXACT and self._cool(node, spare):
                self._unlink(node, coding, Removed())
            else:
                self.lose(node, Removed())
                self._lost(node)

    def _cool(self, node: Node, spare: Set[Node]) -> bool:
        """Have a node's state written in 8 bits; False when that is not allowed, not possible or not worth it."""
        if not self.budgets[Coding.INT8].size_bytes:
            return False
        try:
            state = node.ram if node.ram is not None else self.read(node, mapped=True)
        except Invalid:
            return False
        data = self._codec.to_int8(state)
        return data is not None and self._write(node, Coding.INT8, data, spare)

    def _data(self, node: Node, coding: Coding, *, mapped: bool) -> State:
        file = node.files[coding]
        data = file.job.data if file.job else None
        if data is not None:
            return data
        try:
            return files.read_state(file.path, node.head(self.folder.fingerprint, coding), mapped=mapped)
        except FileNotFoundError as error:
            raise Damaged from error
        except OSError as error:
            raise Invalid(
                f"A stored activation memory cannot be read ({error.strerror}); the text is read instead.",
                code="activation_unreadable",
            ) from error

    def _unlink(self, node: Node, coding: Coding, removed: Removed) -> None:
        file = node.files.pop(coding, None)
        if file is None:
            return
        self.budgets[coding].take(node)
        if file.job is not None:
            self.writer.cancel(file.job)
        removed.unlink(file.path)
