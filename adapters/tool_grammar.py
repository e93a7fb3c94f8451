"""Tools in, the grammar of the calls that a model may make of them out (the form of ``tool_calls``)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.json_schema.gbnf import RuleBook, either, literal
from adapters.json_schema.json_grammar import SchemaGrammar
from adapters.json_schema.json_rules import JsonRules
from adapters.tool_calls import CLOSE, OPEN
from memory.errors import Invalid

_MOST_CALLS: Final = 16  #: in one answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may call."""

    name: str
    description: str
    parameters: Mapping[str, Any]  #: JSON Schema of an object
    strict: bool  #: the schema must be followed to the letter, or the request is refused


def calls_body(book: RuleBook, tools: Sequence[Tool], *, parallel: bool, tag_written: bool) -> str:
    """Return the grammar body of one call or, when ``parallel``, several; ``tag_written``: without the first tag.

    Raises: Invalid for the parameters of a strict tool that cannot be followed.
    """
    rules = JsonRules(book)
    space = rules.space
    call = either(*(book.add(_call(book, rules, tool)) for tool in tools))
    closed = book.add(f"{space} ({call}) {space} {literal(CLOSE)}")
    more = book.add(f"{space} {literal(OPEN)} {closed}")
    again = f" {more}{{0,{_MOST_CALLS - 1}}}" if parallel else ""
    return f"{closed}{again}" if tag_written else f"{literal(OPEN)} {closed}{again}"


def _call(book: RuleBook, rules: JsonRules, tool: Tool) -> str:
    space = rules.space
    name = literal(json.dumps(tool.name, ensure_ascii=False))
    arguments = _arguments(book, rules, tool)
    return (
        f'"{{" {space} {literal(_NAME)} ":" {space} {name} "," {space} '
        f'{literal(_ARGUMENTS)} ":" {space} {arguments} {space} "}}"'
    )


_NAME: Final = '"name"'
_ARGUMENTS: Final = '"arguments"'


def _arguments(book: RuleBook, rules: JsonRules, tool: Tool) -> str:
    try:
        return SchemaGrammar(book, tool.parameters, strict=tool.strict).rule()
    except Invalid as error:
        if tool.strict:
            raise Invalid(f"The parameters of {tool.name!r} cannot be followed. {error}", param="tools") from error
        return rules.free_object
