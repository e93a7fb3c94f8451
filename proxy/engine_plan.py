"""A chat request and a model in, everything that one answer needs out: prompt, grammar, and how to read the answer.

The law: a request whose answer cannot be held to what it asks for is refused here, before anything is computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.chat_template import ChatTemplate
from adapters.generation import Grammar, Sampling
from adapters.json_schema.gbnf import RuleBook, either
from adapters.json_schema.json_grammar import SchemaGrammar
from adapters.local_model import LocalModel
from adapters.tool_calls import CLOSE, OPEN, ToolCallReader
from adapters.tool_grammar import calls_body
from memory.errors import Invalid
from proxy.engine_fields import unsupported
from proxy.engine_formats import Choice, ToolUse
from proxy.engine_wire import ChatRequest

_SCHEMA_PARAM = "response_format"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPlan:
    """What is computed for a request."""

    prompt: list[int]
    sampling: Sampling
    has_calls: bool  #: the answer may hold tool calls
    calls_anywhere: bool  #: behind other text too

    def new_reader(self) -> ToolCallReader | None:
        """Return what finds calls in one answer; None when there are none."""
        return ToolCallReader(anywhere=self.calls_anywhere) if self.has_calls else None


def plan_answer(model: LocalModel, template: ChatTemplate, request: ChatRequest) -> AnswerPlan:
    """Return the plan. Raises: Invalid."""
    _check_tools(template, request)
    grammar = _grammar(model, request) if model.binds_answers else _free(model, request)
    return AnswerPlan(
        prompt=tokens_of(model, template, request),
        sampling=replace(request.sampling, grammar=grammar),
        has_calls=bool(request.tool_use.tools),
        calls_anywhere=request.answer_schema is None,
    )


def tokens_of(model: LocalModel, template: ChatTemplate, request: ChatRequest) -> list[int]:
    """Return the token ids of the conversation."""
    segments = template.render(request.messages, request.template_options, request.tool_use.for_template())
    return model.tokenize_prompt(segments)


def _check_tools(template: ChatTemplate, request: ChatRequest) -> None:
    if template.takes_tools:
        return
    if request.tool_use.tools:
        raise unsupported("tools", "With this model's chat template, tools are")
    for index, message in enumerate(request.messages):
        if message["role"] == "tool" or message.get("tool_calls"):
            raise unsupported(f"messages[{index}]", "With this model's chat template, tool calls and their results are")


def _grammar(model: LocalModel, request: ChatRequest) -> Grammar | None:
    uses = request.tool_use
    if request.answer_schema is None and not uses.tools:
        return None
    book = RuleBook()
    answer = "" if request.answer_schema is None else _answer_rule(book, request.answer_schema)
    calls = _calls_body(book, uses, tag_written=not answer and uses.choice is Choice.AUTO) if uses.tools else ""
    if uses.choice is Choice.REQUIRED:
        answer = ""  # there is no choice
    text = book.text(either(answer, calls))
    try:
        model.check_grammar(text)
    except Invalid as error:
        raise _about(error, _SCHEMA_PARAM if answer else "tools") from error
    free = not answer and uses.choice is Choice.AUTO
    return Grammar(text=text, opens=OPEN if free else "", shown=_shown(model) if uses.tools else {})


def _free(model: LocalModel, request: ChatRequest) -> Grammar | None:
    """Return what an answer that nothing is held to may hold; calls are read where they are made. Raises: Invalid."""
    uses = request.tool_use
    if request.answer_schema is not None:
        raise _not_bound(_SCHEMA_PARAM, "A 'response_format' other than text is")
    if uses.choice is Choice.REQUIRED:
        raise _not_bound("tool_choice", "A 'tool_choice' that demands a call is")
    if any(tool.strict for tool in uses.tools):
        raise _not_bound("tools", "Tools with 'strict' are")
    if uses.tools and not uses.parallel:
        raise _not_bound("parallel_tool_calls", "'parallel_tool_calls': false is")
    shown = _shown(model) if uses.tools else {}
    return Grammar(text="", shown=shown) if shown else None


def _not_bound(param: str, what: str) -> Invalid:
    return Invalid(
        f"{what} not supported for model folders, whose answers cannot be held to a form here. Leave it out, or serve "
        "the model as a GGUF file with --model, which llama.cpp can do it for.",
        param=param,
        code="unsupported_parameter",
    )


def _answer_rule(book: RuleBook, schema: Any) -> str:
    try:
        return SchemaGrammar(book, schema).rule()
    except Invalid as error:
        raise _about(error, _SCHEMA_PARAM) from error


def _calls_body(book: RuleBook, uses: ToolUse, *, tag_written: bool) -> str:
    try:
        return calls_body(book, uses.callable_tools, parallel=uses.parallel, tag_written=tag_written)
    except Invalid as error:
        raise _about(error, "tools") from error


def _about(error: Invalid, param: str) -> Invalid:
    what = "The schema of 'response_format'" if param == _SCHEMA_PARAM else "A schema of the 'tools'"
    return Invalid(f"{what} cannot be used. {error}", param=param, code="invalid_schema")


def _shown(model: LocalModel) -> Mapping[int, bytes]:
    """Return the tags that the vocabulary holds as control tokens, which otherwise are not part of the text."""
    shown = {}
    for tag in (OPEN, CLOSE):
        tokens = model.tokenize(tag, parse_special=True)
        if len(tokens) == 1 and not model.piece(tokens[0]):
            shown[tokens[0]] = tag.encode()
    return shown
