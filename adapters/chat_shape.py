"""A chat template in, which conversations it takes out, found out by asking it; and any conversation in that shape.

The law: folding loses no text; what a template says to a probe decides, not its name.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.tool_calls import OPEN, read_calls

Message = dict[str, Any]
Render = Callable[[Sequence[Message], Mapping[str, Any]], str]  #: messages and further variables
_PROBE_ARGUMENTS: Final = {"probe_argument": "probe_value"}
_PROBE_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "probe_tool",
        "description": "Probes.",
        "parameters": {
            "type": "object",
            "properties": {"probe_argument": {"type": "string", "description": "Anything."}},
            "required": ["probe_argument"],
        },
    },
}
_PROBE_CALL: Final = {
    "id": "call00000",
    "type": "function",
    "function": {"name": "probe_tool", "arguments": _PROBE_ARGUMENTS},
}
_PROBE_RESULT: Final = {"role": "tool", "content": "probe-result", "tool_call_id": "call00000", "name": "probe_tool"}


class ChatShape:
    """What one template takes."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self.takes_tools = self._takes_tools()
        self._takes_system = self._shows("system-0", "user-1")
        self._takes_systems = (
            self._takes_system
            and self._shows("system-0", "system-1", "user-2")
            and self._shows("system-0", "user-1", "assistant-2", "system-3", "user-4")
        )
        self._takes_repeats = self._shows("user-0", "user-1")

    def fold(self, messages: Sequence[Message]) -> list[Message]:
        """Return the conversation in the form that the template takes, every text still in it."""
        systems = [m for m in messages if m["role"] == "system"]
        # One merged message stands in front: no template takes a lone system message elsewhere.
        if systems and not (
            self._takes_systems or (self._takes_system and messages[0] is systems[0] and not systems[1:])
        ):
            merged = {"role": "system", "content": "\n\n".join(m["content"] for m in systems)}
            messages = [merged, *(m for m in messages if m["role"] != "system")]
        if systems and not self._takes_system:
            messages = [{**messages[0], "role": "user"}, *messages[1:]]
            if len(messages) > 1 and messages[1]["role"] == "user":
                messages = [_joined(messages[0], messages[1]), *messages[2:]]
        return list(messages) if self._takes_repeats else _join_repeats(messages)

    def _shows(self, *contents: str) -> bool:
        """Return True if a conversation of these roles is accepted and no message is left out."""
        text = self._probe([{"role": content.partition("-")[0], "content": content} for content in contents], {})
        return all(content in text for content in contents)

    def _takes_tools(self) -> bool:
        """Return True if the template shows tools and results, and writes calls in the form that ``tool_calls`` reads.

        Many templates write ``<tool_call>`` around something else, so what it writes is read back.
        """
        messages: list[Message] = [
            {"role": "user", "content": "user-0"},
            {"role": "assistant", "content": "", "tool_calls": [_PROBE_CALL]},
            _PROBE_RESULT,
        ]
        with_tools = self._probe(messages, {"tools": [_PROBE_TOOL]})
        if "Probes." not in with_tools or "probe-result" not in with_tools:
            return False
        _, *written = with_tools.split(OPEN)
        return any(_is_probe(read_calls(OPEN + part)) for part in written)

    def _probe(self, messages: Sequence[Message], variables: Mapping[str, Any]) -> str:
        try:
            return self._render(messages, variables)
        except Exception:  # noqa: BLE001  # whatever a template does on a probe means: not like this
            return ""


def _is_probe(calls: Sequence[tuple[str, str]]) -> bool:
    try:
        return any(name == "probe_tool" and json.loads(arguments) == _PROBE_ARGUMENTS for name, arguments in calls)
    except ValueError:
        return False


def _joined(first: Message, second: Message) -> Message:
    return {**second, "content": "\n\n".join(text for text in (first["content"], second["content"]) if text)}


def _join_repeats(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with neighbours of one role made one; calls and results stay as they are."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        if last is not None and last["role"] == message["role"] and _is_plain(last) and _is_plain(message):
            joined[-1] = _joined(last, message)
        else:
            joined.append(message)
    return joined


def _is_plain(message: Message) -> bool:
    return message["role"] != "tool" and not message.get("tool_calls")
