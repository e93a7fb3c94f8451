"""An answer's bytes in, what the assistant said out: a reader beside the relay, never in its way.

The relay sends bytes as they come; this reads the same bytes afterwards. It follows the event stream rules of the
WHATWG HTML standard (9.2.6) for line ends and for joining data lines, and reads only what the ledger needs.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

MAX_ANSWER_BYTES = 8 << 20  # of an answer that is kept; a longer one is relayed and not read
DONE_MARK = b"[DONE]"
KEEP_ALIVE = b": keep-alive\n\n"
_BATCH_BYTES = 4096  # frames are understood many at a time: a tenth of the cost of one by one between two waits
_FRAME_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


@dataclass(slots=True)
class ToolCall:
    """One tool call, put together from its deltas."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Answer:
    """What the first choice of a response says so far."""

    parts: list[str] = field(default_factory=list)
    tool_calls: dict[int, ToolCall] = field(default_factory=dict)
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    failed: bool = False  #: an error object came instead of the rest, or the answer cannot be read

    @property
    def text(self) -> str | None:
        """The answer's words; None when it is not whole, or says nothing because it calls tools."""
        if self.failed or self.finish_reason is None:
            return None
        text = "".join(self.parts)
        return None if self.tool_calls and not text else text

    def read(self, chunk: Any) -> None:
        """Take in one decoded chunk of a stream, or one whole response."""
        if not isinstance(chunk, dict):
            return
        if chunk.get("error"):
            self.failed = True
        if isinstance(chunk.get("usage"), dict):
            self.usage = chunk["usage"]
        for choice in _list(chunk.get("choices")):
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                self._read_choice(choice)

    def whole(self) -> None:
        """Note that it came to its end: some servers never say why they stopped."""
        self.finish_reason = self.finish_reason or "stop"

    def _read_choice(self, choice: dict[str, Any]) -> None:
        said = choice.get("delta") or choice.get("message")
        if isinstance(said, dict):
            self.parts += _words(said.get("content"))
            for position, call in enumerate(_list(said.get("tool_calls"))):
                if isinstance(call, dict):
                    self._read_call(call, position)
        if isinstance(choice.get("finish_reason"), str):
            self.finish_reason = choice["finish_reason"]

    def _read_call(self, call: dict[str, Any], position: int) -> None:
        index = call.get("index", position)
        if not isinstance(index, int):
            return
        known = self.tool_calls.setdefault(index, ToolCall())
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        known.id = known.id or _text(call.get("id"))
        known.name += _text(function.get("name"))
        known.arguments += _text(function.get("arguments"))


class StreamReader:
    """Reads a chat completion's event stream in pieces of any size."""

    def __init__(self) -> None:
        self._answer = Answer()
        self._done = False
        self._waiting: list[bytes] = []  # pieces that were taken in and not yet understood
        self._waiting_bytes = 0
        self._line: list[bytes] = []  # pieces of a line without its end
        self._data: list[bytes] = []  # data lines of the frame that is open
        self._tail = b""  # the last bytes read, for marks that lie across two pieces
        self._skip_lf = False  # the last piece ended with CR; a LF that follows belongs to it
        self._first = True
        self._size_bytes = 0

    @property
    def answer(self) -> Answer:
        """What was said up to here."""
        self._catch_up()
        return self._answer

    @property
    def done(self) -> bool:
        """True when the ``[DONE]`` frame was read."""
        self._catch_up()
        return self._done

    def may_end_with(self, piece: bytes) -> bool:
        """True when ``piece``, read next, may hold the ``[DONE]`` frame: a cheap look, sometimes wrongly true."""
        return DONE_MARK in piece or (len(self._tail) > 0 and DONE_MARK in self._tail + piece[: len(DONE_MARK)])

    @property
    def between_frames(self) -> bool:
        """True when a comment can be put here without breaking a frame."""
        return not self._tail or self._tail.endswith(_FRAME_ENDS)

    def feed(self, piece: bytes) -> None:
        """Read the next piece."""
        self._tail = (self._tail + piece[-len(DONE_MARK) :])[-len(DONE_MARK) :]
        self._size_bytes += len(piece)
        if self._size_bytes > MAX_ANSWER_BYTES:
            self._give_up()
            return
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= _BATCH_BYTES:
            self._catch_up()

    def _catch_up(self) -> None:
        if not self._waiting:
            return
        pieces = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        if self._skip_lf and pieces:
            self._skip_lf = False
            pieces = pieces.removeprefix(b"\n")
        for line in pieces.splitlines(keepends=True):
            self._line.append(line)
            self._skip_lf = line.endswith(b"\r")
            if line.endswith((b"\n", b"\r")):
                whole = line if len(self._line) == 1 else b"".join(self._line)
                self._line.clear()
                self._read_line(whole.rstrip(b"\r\n"))

    def finish(self) -> None:
        """Read what stands after the last line end: a server may close without the blank line."""
        self._catch_up()
        if self._line:
            self._read_line(b"".join(self._line))
            self._line.clear()
        self._read_line(b"")

    def _read_line(self, line: bytes) -> None:
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif not line and self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            self._data.clear()
            self._read_data(data)

    def _read_data(self, data: bytes) -> None:
        if data.strip() == DONE_MARK:
            self._done = True
            self._answer.whole()
            return
        try:
            self._answer.read(orjson.loads(data))
        except orjson.JSONDecodeError:
            return  # the client judges its own stream; what cannot be read is not remembered

    def _give_up(self) -> None:
        self._answer.failed = True
        self._waiting.clear()
        self._line.clear()
        self._data.clear()


class BodyReader:
    """Reads a chat completion that comes as one JSON body."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._pieces: list[bytes] = []
        self._size_bytes = 0

    def feed(self, piece: bytes) -> None:
        """Read the next piece."""
        self._size_bytes += len(piece)
        if self._size_bytes <= MAX_ANSWER_BYTES:
            self._pieces.append(piece)
        else:
            self.answer.failed = True
            self._pieces.clear()

    def finish(self) -> None:
        """Understand the whole body."""
        if self.answer.failed:
            return
        try:
            self.answer.read(orjson.loads(b"".join(self._pieces)))
            self.answer.whole()
        except orjson.JSONDecodeError:
            self.answer.failed = True


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _words(content: Any) -> list[str]:
    """Content is a string, or with some servers a list of typed parts."""
    if isinstance(content, str):
        return [content]
    return [_text(part.get("text")) for part in _list(content) if isinstance(part, dict) and part.get("type") == "text"]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
