"""A request's ``tools``, ``tool_choice`` and ``response_format`` in, what the answer must look like out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from adapters.tool_grammar import Tool
from memory.errors import Invalid
from proxy.engine_fields import flag, mapping, text, unsupported

_MOST_TOOLS = 128
_TOOL_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


class Choice(StrEnum):
    """Whether the model calls tools."""

    NONE = "none"
    AUTO = "auto"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """The tools of a request, and what the model may or must do with them."""

    tools: tuple[Tool, ...] = ()  #: those shown to the model; none when it must not call any
    callable_tools: tuple[Tool, ...] = ()  #: those that it may call now
    choice: Choice = Choice.NONE
    parallel: bool = True

    def for_template(self) -> list[dict[str, Any]]:
        """Return OpenAI's tool objects, every field there, as templates expect them."""
        return [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": {"type": "object", "properties": {}, **tool.parameters},
                },
            }
            for tool in self.tools
        ]


def parse_tools(body: Mapping[str, Any]) -> ToolUse:
    """Return how tools are used. Raises: Invalid."""
    for old in ("functions", "function_call"):
        if body.get(old):
            raise unsupported(old, f"'{old}' (now 'tools' and 'tool_choice') is")
    listed = body.get("tools") or []
    if not isinstance(listed, list) or len(listed) > _MOST_TOOLS:
        raise Invalid(f"'tools' must be a list of up to {_MOST_TOOLS} tools.", param="tools")
    tools = tuple(_tool(tool, f"tools[{index}]") for index, tool in enumerate(listed))
    if len({tool.name for tool in tools}) < len(tools):
        raise Invalid("Two of the 'tools' have the same name.", param="tools")
    choice, named = _choice(body.get("tool_choice"), tools)
    parallel = flag(body, "parallel_tool_calls", otherwise=True)
    if choice is Choice.NONE:
        return ToolUse()
    one = isinstance(body.get("tool_choice"), dict)  # who names a function wants it called, not called often
    return ToolUse(tools=tools, callable_tools=named, choice=choice, parallel=parallel and not one)


def _tool(tool: Any, param: str) -> Tool:
    if not isinstance(tool, dict) or not isinstance(tool.get("function", {}), dict):
        raise Invalid(f"{param} must be an object with a function.", param=param)
    if tool.get("type") != "function":
        raise unsupported(f"{param}.type", "Tools other than functions are")
    function = mapping(tool, "function", param=f"{param}.function")
    name = text(function, "name", param=f"{param}.function.name")
    if not _TOOL_NAME.fullmatch(name):
        raise Invalid(
            f"{param}.function.name must be 1 to 128 letters, digits or _.:/-", param=f"{param}.function.name"
        )
    parameters = mapping(function, "parameters", param=f"{param}.function.parameters") or _NO_PARAMETERS
    if parameters.get("type", "object") != "object":
        raise Invalid(
            f"{param}.function.parameters must be the schema of an object.", param=f"{param}.function.parameters"
        )
    return Tool(
        name=name,
        description=text(function, "description", param=f"{param}.function.description"),
        parameters=parameters,
        strict=flag(function, "strict"),
    )


def _choice(choice: Any, tools: tuple[Tool, ...]) -> tuple[Choice, tuple[Tool, ...]]:
    if choice is None:
        choice = "auto"
    if isinstance(choice, str) and choice in tuple(Choice):
        if choice == Choice.REQUIRED and not tools:
            raise Invalid("'tool_choice' needs 'tools'.", param="tool_choice")
        return (Choice(choice), tools) if tools else (Choice.NONE, ())
    if not isinstance(choice, dict) or not isinstance(choice.get("function", {}), dict):
        raise Invalid("'tool_choice' must be none, auto, required or a function.", param="tool_choice")
    if choice.get("type") != "function":
        raise unsupported("tool_choice", f"A 'tool_choice' of type {choice.get('type')!r} is")
    name = choice.get("function", {}).get("name")
    named = tuple(tool for tool in tools if tool.name == name)
    if not named:
        raise Invalid(f"'tool_choice' names {name!r}, which is not among the 'tools'.", param="tool_choice")
    return Choice.REQUIRED, named


def parse_format(body: Mapping[str, Any]) -> Any:
    """Return the JSON Schema of the answer, None for text. Raises: Invalid."""
    wanted = mapping(body, "response_format")
    kind = wanted.get("type", "text" if not wanted else None)
    if kind == "text":
        return None
    if kind == "json_object":
        return wanted.get("schema") or ANY_OBJECT  # a schema here is llama.cpp's own form
    if kind != "json_schema":
        raise Invalid("'response_format.type' must be text, json_object or json_schema.", param="response_format.type")
    described = mapping(wanted, "json_schema", param="response_format.json_schema")
    schema = described.get("schema", wanted.get("schema"))
    if not isinstance(schema, dict | bool):
        raise Invalid("The JSON Schema is missing.", param="response_format.json_schema.schema")
    return schema
