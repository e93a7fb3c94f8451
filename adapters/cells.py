"""How many cells of a context are in use when sequences share prefixes.

The law: a cell that several sequences hold counts once, and is free when the last of them lets go.
"""


class _Segment:
    """Consecutive cells that the same sequences hold."""

    __slots__ = ("holders", "length")

    def __init__(self, length: int, holders: int = 1) -> None:
        self.length = length
        self.holders = holders


class CellLedger:
    """The books of a unified KV cache: sequences as chains of segments."""

    def __init__(self) -> None:
        self._chains: dict[int, list[_Segment]] = {}
        self.used = 0

    def length(self, sequence: int) -> int:
        """Return the number of tokens of the sequence."""
        return sum(segment.length for segment in self._chains.get(sequence, ()))

    def grow(self, sequence: int, count: int) -> None:
        """Append ``count`` tokens to the sequence."""
        chain = self._chains.setdefault(sequence, [])
        if chain and chain[-1].holders == 1:
            chain[-1].length += count
        else:
            chain.append(_Segment(count))
        self.used += count

    def fork(self, source: int, target: int, length: int) -> None:
        """Let the empty ``target`` share the first ``length`` tokens of ``source``."""
        kept = self._cut(source, length)
        shared = self._chains[source][:kept] if kept else []
        for segment in shared:
            segment.holders += 1
        self._chains[target] = list(shared)

    def truncate(self, sequence: int, length: int) -> None:
        """Let go of all but the first ``length`` tokens."""
        kept = self._cut(sequence, length)
        chain = self._chains.pop(sequence, [])
        for segment in chain[kept:]:
            segment.holders -= 1
            if not segment.holders:
                self.used -= segment.length
        if kept:
            self._chains[sequence] = chain[:kept]

    def clear(self) -> None:
        """Forget all sequences."""
        self._chains.clear()
        self.used = 0

    def _cut(self, sequence: int, length: int) -> int:
        """Make a segment end after ``length`` tokens and return how many segments lie before that point."""
        chain = self._chains.get(sequence, ())
        for index, segment in enumerate(chain):
            if length <= 0:
                return index
            if length < segment.length:
                self._split(segment, length)
                return index + 1
            length -= segment.length
        return len(chain)

    def _split(self, segment: _Segment, length: int) -> None:
        tail = _Segment(segment.length - length, segment.holders)
        segment.length = length
        for chain in self._chains.values():
            if segment in chain:
                chain.insert(chain.index(segment) + 1, tail)
