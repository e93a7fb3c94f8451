"""Token bytes in, text that may be shown out.

The law: the pieces joined are the same text however the bytes were cut, whole characters only, and nothing from the
first stop string on.
"""

import codecs
from collections.abc import Sequence


class TextStream:
    """Holds back what could still become a stop string or the rest of a character."""

    __slots__ = ("_decoder", "_held", "_stops", "stopped")

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def push(self, data: bytes) -> str:
        """Return the text that has become certain; sets ``stopped`` when a stop string is complete."""
        if self.stopped:
            return ""
        text = self._held + self._decoder.decode(data)
        end = self._first_stop(text)
        if end is not None:
            self.stopped, self._held = True, ""
            return text[:end]
        keep = self._possible_stop(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """Return what was held back; the bytes of an unfinished character are dropped."""
        held, self._held = self._held, ""
        return held

    def _first_stop(self, text: str) -> int | None:
        """Return where the stop string begins that is complete first, as if the text came character by character."""
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        return min(found)[1] if found else None

    def _possible_stop(self, text: str) -> int:
        """Return the length of the longest end of the text that begins a stop string."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:length]):
                    longest = length
                    break
        return longest
