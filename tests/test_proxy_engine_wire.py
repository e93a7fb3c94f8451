"""Whatever JSON arrives as a request, a schema or a tool: it is understood or refused, never a mistake of ours."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.generation import Sampling
from adapters.json_schema.gbnf import RuleBook
from adapters.json_schema.json_grammar import SchemaGrammar
from adapters.tool_grammar import Tool, calls_body
from memory.errors import Invalid, NotFound
from proxy.engine_formats import Choice
from proxy.engine_wire import parse_chat

WORDS = (
    "type properties required additionalProperties items prefixItems minItems maxItems minLength maxLength pattern "
    "format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf enum const anyOf oneOf allOf $ref $defs not "
    "minProperties maxProperties patternProperties propertyNames nullable uniqueItems title"
).split()
TEXTS = st.sampled_from(
    ["object", "array", "string", "integer", "#", "#/$defs/a", "#/properties/a", "^a+$", "(", "date"]
)
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | TEXTS | st.text(max_size=3)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WORDS, "a", "b"]), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.booleans())
@settings(deadline=None, max_examples=300)
def test_law_a_schema_becomes_a_grammar_or_is_refused(schema, strict):
    book = RuleBook()
    with contextlib.suppress(Invalid):
        assert book.text(SchemaGrammar(book, schema, strict=strict).rule()).startswith("root ::= ")


@given(st.dictionaries(st.sampled_from(WORDS), JSON, max_size=4))
@settings(deadline=None, max_examples=100)
def test_law_a_tool_that_is_not_strict_always_gets_a_grammar(parameters):
    tool = Tool(name="f", description="", parameters={**parameters, "type": "object"}, strict=False)
    assert calls_body(RuleBook(), [tool], parallel=True, tag_written=False)


FIELDS = (
    "tools tool_choice parallel_tool_calls response_format n logprobs top_logprobs stop seed temperature top_k top_p "
    "max_tokens max_completion_tokens stream stream_options logit_bias chat_template_kwargs functions cache_salt"
).split()
TOOLS = st.lists(st.fixed_dictionaries({"type": st.just("function"), "function": JSON}), max_size=2)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system", "developer", "function"])},
    optional={"content": JSON, "tool_calls": st.lists(JSON, max_size=2), "tool_call_id": JSON, "name": JSON},
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5), st.lists(MESSAGE, max_size=3), TOOLS)
@settings(deadline=None, max_examples=300)
def test_law_a_request_is_understood_or_refused(fields, messages, tools):
    try:
        request = parse_chat({"messages": messages, "tools": tools, **fields}, "model", Sampling())
    except (Invalid, NotFound):
        return
    assert 1 <= request.choices <= 8
    assert (request.tool_use.choice is Choice.NONE) == (not request.tool_use.tools)
    assert set(request.tool_use.callable_tools) <= set(request.tool_use.tools) or request.tool_use.tools
    assert all(isinstance(message["content"], str) for message in request.messages)
