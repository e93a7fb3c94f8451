"""A request's ``messages`` in, messages as chat templates take them out.

The law: a call's arguments are objects, as templates of models with tools expect them; a result names its function.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from adapters.chat_shape import Message
from adapters.chat_template import flatten
from memory.errors import Invalid
from proxy.engine_fields import mapping, text, unsupported

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def parse_messages(body: Mapping[str, Any], name: str = "messages") -> list[Message]:
    """Return the messages of that field with their text. Raises: Invalid."""
    messages = body.get(name)
    if not isinstance(messages, list) or not messages:
        raise Invalid(f"'{name}' must be a list with at least one message.", param=name)
    called: dict[str, str] = {}  # the functions' names by the ids of their calls
    return [_message(message, f"{name}[{index}]", called) for index, message in enumerate(messages)]


def _message(message: Any, param: str, called: dict[str, str]) -> Message:
    if not isinstance(message, dict):
        raise Invalid(f"{param} must be an object.", param=param)
    role = message.get("role")
    if role == "function" or message.get("function_call"):
        raise unsupported(param, "The old function calls (now tool calls) are")
    if not isinstance(role, str) or role not in _ROLES:
        raise Invalid(f"{param}.role must be one of {', '.join(_ROLES)}.", param=f"{param}.role")
    content = message.get("content")
    if content is None and role != "assistant":
        raise Invalid(f"{param}.content is missing.", param=f"{param}.content")
    said = flatten(content)
    if said is None:
        raise unsupported(f"{param}.content", "Parts other than text (images, audio, files) are")
    parsed: Message = {"role": _ROLES[role], "content": said}
    if role == "assistant" and message.get("tool_calls"):
        parsed["tool_calls"] = _calls(message["tool_calls"], f"{param}.tool_calls", called)
    if role == "tool":
        parsed["tool_call_id"] = call_id = text(message, "tool_call_id", param=f"{param}.tool_call_id")
        parsed["name"] = called.get(call_id) or text(message, "name", param=f"{param}.name")
    return parsed


def _calls(calls: Any, param: str, called: dict[str, str]) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise Invalid(f"{param} must be a list.", param=param)
    return [_call(call, f"{param}[{index}]", called) for index, call in enumerate(calls)]


def _call(call: Any, param: str, called: dict[str, str]) -> dict[str, Any]:
    if not isinstance(call, dict):
        raise Invalid(f"{param} must be an object.", param=param)
    if call.get("type", "function") != "function":
        raise unsupported(param, "Calls of other things than functions are")
    function = mapping(call, "function", param=f"{param}.function")
    name, arguments = (text(function, word, param=f"{param}.function.{word}") for word in ("name", "arguments"))
    if not name:
        raise Invalid(f"{param}.function.name is missing.", param=f"{param}.function.name")
    call_id = text(call, "id", param=f"{param}.id")
    called[call_id] = name
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": _arguments(arguments)}}


def _arguments(written: str) -> Any:
    """Return the arguments as an object; as they are where a model once wrote something that is none."""
    try:
        arguments = orjson.loads(written or "{}")
    except orjson.JSONDecodeError:
        return written
    return arguments if isinstance(arguments, dict) else written
