"""An answer's text in, what it says and which tools it calls out: the form of Hermes and Qwen.

    <tool_call>
    {"name": "get_weather", "arguments": {"city": "Paris"}}
    </tool_call>

The law: the deltas joined are the same however the text was cut; nothing that could still become a tag is shown; what
is no call stays text. Once a call's arguments have begun they are handed on as they are written, so only a grammar
(see ``tool_grammar``) makes sure that they are JSON to their end.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

OPEN: Final = "<tool_call>"
CLOSE: Final = "</tool_call>"
_HEAD: Final = re.compile(
    r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)+")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of what the answer says."""

    text: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """The next piece of a call: its name first, then its arguments."""

    index: int
    name: str | None
    arguments: str


Delta = TextDelta | CallDelta


class ToolCallReader:
    """Reads one answer in pieces of any size."""

    def __init__(self, *, anywhere: bool = True) -> None:
        """``anywhere``: calls may follow text; else an answer that begins with something else has none."""
        self._anywhere = anywhere
        self._held = ""
        self._step: Callable[[list[Delta]], bool] = self._text
        self._gap = ""  #: white space before the tag that is being read
        self._after_call = False
        self._arguments = _JsonEnd()
        self.calls = 0  #: begun so far

    def push(self, text: str) -> list[Delta]:
        """Return what has become certain."""
        self._held += text
        deltas: list[Delta] = []
        while self._step(deltas):
            pass
        return _joined(deltas)

    def finish(self, *, cut: bool = False) -> list[Delta]:
        """Return what was held back; ``cut``: more would have come, and half a call is nothing to show."""
        held, self._held = self._held, ""
        if self._step == self._call:
            call = _whole_call(held)
            if call:
                return [self._begin(*call)]
            return [] if cut else [TextDelta(self._gap + OPEN + held)]
        if self._step != self._text:
            return []
        said = held.lstrip() if self._after_call else held
        return [TextDelta(said)] if said else []

    # Each step reads one state; it returns False when it needs more text, or has none left.

    def _text(self, deltas: list[Delta]) -> bool:
        at = self._held.find(OPEN)
        if at < 0:
            keep = _possible_tag(self._held)
            said = self._held[: len(self._held) - keep].rstrip()
        else:
            said = self._held[:at].rstrip()
        if said:
            deltas.append(TextDelta(said.lstrip() if self._after_call else said))
            self._after_call = False
            self._held = self._held[len(said) :]
            if not self._anywhere:
                self._step = self._plain
            return True
        if at >= 0:
            self._gap = self._held[:at]
            self._held = self._held[at + len(OPEN) :]
            self._step = self._call
        return at >= 0

    def _plain(self, deltas: list[Delta]) -> bool:
        if self._held:
            deltas.append(TextDelta(self._held))
        self._held = ""
        return False

    def _call(self, deltas: list[Delta]) -> bool:
        head, end = _HEAD.match(self._held), self._held.find(CLOSE)
        if head and (end < 0 or head.end() <= end) and (name := _name(head[1])) is not None:
            deltas.append(self._begin(name, ""))
            self._held = self._held[head.end() :]
            self._arguments = _JsonEnd()
            self._step = self._in_arguments
            return True
        if end < 0:
            return False
        body, self._held = self._held[:end], self._held[end + len(CLOSE) :]
        call = _whole_call(body)
        deltas.append(self._begin(*call) if call else TextDelta(self._gap + OPEN + body + CLOSE))
        self._after_call = call is not None
        self._step = self._text
        return True

    def _begin(self, name: str, arguments: str) -> CallDelta:
        self.calls += 1
        return CallDelta(self.calls - 1, name, arguments)

    def _in_arguments(self, deltas: list[Delta]) -> bool:
        length = self._arguments.read(self._held)
        if length:
            deltas.append(CallDelta(self.calls - 1, None, self._held[:length]))
        self._held = self._held[length:]
        if self._arguments.ended:
            self._step = self._after_arguments
        return self._arguments.ended

    def _after_arguments(self, _deltas: list[Delta]) -> bool:
        _, closed, rest = self._held.partition(CLOSE)
        if not closed:
            return False
        self._held, self._after_call, self._step = rest, True, self._text
        return True


class _JsonEnd:
    """Finds where a JSON object ends that begins with the first character read."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.ended = False

    def read(self, text: str) -> int:
        """Return how many characters belong to the object; sets ``ended`` behind its last."""
        for at, char in enumerate(text):
            if self._in_string:
                self._in_string = self._escaped or char != '"'
                self._escaped = char == "\\" and not self._escaped
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if not self._depth:
                    self.ended = True
                    return at + 1
            elif char == "<":  # no JSON: the closing tag, and a bracket was forgotten
                self.ended = True
                return at
        return len(text)


def read_calls(text: str) -> list[tuple[str, str]]:
    """Return name and arguments of every call in a whole answer."""
    reader = ToolCallReader()
    calls: dict[int, list[str]] = {}
    for delta in [*reader.push(text), *reader.finish()]:
        if isinstance(delta, CallDelta):
            call = calls.setdefault(delta.index, [delta.name or "", ""])
            call[1] += delta.arguments
    return [(name, arguments) for name, arguments in calls.values()]


def _whole_call(body: str) -> tuple[str, str] | None:
    """Return name and arguments of a call in another order or shape than the usual one; None when it is no call."""
    try:
        call = json.loads(body)
        name = call["name"]
        arguments = call.get("arguments", call.get("parameters")) or {}
        if isinstance(arguments, str):
            arguments = json.loads(arguments)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not isinstance(name, str) or not name or not isinstance(arguments, dict):
        return None
    return name, json.dumps(arguments, ensure_ascii=False)


def _name(quoted: str) -> str | None:
    try:
        name: Any = json.loads(quoted)
    except ValueError:
        return None
    return str(name)


def _possible_tag(text: str) -> int:
    """Return the length of the longest end of the text that begins a tag."""
    for length in range(min(len(OPEN) - 1, len(text)), 0, -1):
        if text.endswith(OPEN[:length]):
            return length
    return 0


def _joined(deltas: Iterable[Delta]) -> list[Delta]:
    joined: list[Delta] = []
    for delta in deltas:
        last = joined[-1] if joined else None
        if isinstance(delta, TextDelta) and isinstance(last, TextDelta):
            joined[-1] = TextDelta(last.text + delta.text)
        elif isinstance(delta, CallDelta) and isinstance(last, CallDelta) and delta.index == last.index:
            joined[-1] = CallDelta(last.index, last.name, last.arguments + delta.arguments)
        else:
            joined.append(delta)
    return joined
