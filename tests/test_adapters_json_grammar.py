"""JSON Schemas as grammars: what a grammar lets through is valid by its schema, and what people mean gets through."""

import json
import math
import queue
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from adapters.embedded import gguf_path
from adapters.engine import Engine
from adapters.generation import (
    NO_TOKEN,
    Event,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Grammar,
    Piece,
    Sampling,
)
from adapters.json_schema.gbnf import RuleBook
from adapters.json_schema.json_grammar import SchemaGrammar
from adapters.llama_context import ContextOptions
from adapters.llama_cpp import load_binding, load_model, new_context
from adapters.llama_grammar import TokenGate, all_candidates
from adapters.llama_model import LlamaModel
from adapters.llama_sampler import SamplerChain
from memory.errors import Invalid
from tests.json_schemas import SchemaMaker

pytestmark = pytest.mark.engine
END = 2  #: the embedded model's <|im_end|>


@pytest.fixture(scope="module")
def model() -> Iterator[LlamaModel]:
    loaded = load_model(gguf_path())
    yield loaded
    loaded.close()


def grammar_of(schema: Any, *, strict: bool = True) -> Grammar:
    book = RuleBook()
    return Grammar(text=book.text(SchemaGrammar(book, schema, strict=strict).rule()))


def accepts(model: LlamaModel, schema: Any, text: str) -> bool:
    """Return True if an answer can be this text, to the letter and to its end."""
    gate = TokenGate(load_binding().api, model, grammar_of(schema))
    for token in model.tokenize(text):
        if not gate.allows(token):
            return False
        gate.accept(token)
    return gate.allows(END)


def drawn(model: LlamaModel, schema: Any, seed: int, most: int = 4000) -> str | None:
    """Return an answer of a model that knows nothing, None when it does not end."""
    random = np.random.default_rng(seed)
    gate = TokenGate(load_binding().api, model, grammar_of(schema))
    data = b""
    for _ in range(most):
        candidates = all_candidates(np.zeros(model.vocab_size, np.float32))
        gate.restrict(candidates)
        allowed = [int(t) for t in np.flatnonzero(np.isfinite(candidates["logit"])) if gate.fits(int(t))]
        assert allowed, "a dead end"
        token = int(random.choice(allowed))
        if model.is_end(token):
            return data.decode()
        gate.accept(token)
        data += model.piece(token)
    return None


def check(schema: Any, text: str) -> None:
    jsonschema.validate(json.loads(text), schema, cls=jsonschema.Draft202012Validator)


# -- whole schemas ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_answers_of_the_model_validate_over_200_random_schemas():
    options = ContextOptions(context_tokens=16384, max_sequences=16)
    engine = Engine(lambda: new_context(load_model(gguf_path()), options), queue_limit=256)
    engine.start().result(timeout=60)
    try:
        prompt = load_model(gguf_path()).tokenize(
            "<|im_start|>user\nTell me.<|im_end|>\n<|im_start|>assistant\n", parse_special=True
        )
        schemas = [SchemaMaker(seed).document() for seed in range(200)]
        answers = [Answer(engine, prompt, schema, seed) for seed, schema in enumerate(schemas)]
        ended = 0
        for schema, answer in zip(schemas, answers, strict=True):
            text, reason = answer.result()
            if reason is FinishReason.STOP:
                check(schema, text)
                ended += 1
        assert ended >= 195, "texts of bounded schemas come to an end"
    finally:
        engine.close()


class Answer:
    """One generation at temperature 1, bound to a schema."""

    def __init__(self, engine: Engine, prompt: list[int], schema: Any, seed: int) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        sampling = Sampling(temperature=1.0, seed=seed, grammar=grammar_of(schema))
        engine.submit(GenerationRequest(prompt=prompt, max_tokens=1800, on_event=self.events.put, sampling=sampling))

    def result(self) -> tuple[str, FinishReason]:
        text = ""
        while not isinstance(event := self.events.get(timeout=300), Finished):
            if isinstance(event, Failed):
                raise event.error
            text += event.text if isinstance(event, Piece) else ""
        return text, event.reason


@given(st.integers(200, 10**6))
@settings(deadline=None, max_examples=40)
def test_law_whatever_a_grammar_lets_through_is_valid(model, seed):
    schema = SchemaMaker(seed).document()
    text = drawn(model, schema, seed)
    assert text is not None
    check(schema, text)


OBJECT = {"type": "object"}
ORDER = {
    "type": "object",
    "properties": {"a": {"type": "null"}, "b": {"type": "null"}, "c": {"type": "null"}},
    "required": ["b"],
}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (
            ORDER,
            ['{"b":null}', '{"a": null, "b": null}', '{\n  "b": null,\n  "c": null\n}', '{ "a":null,"b":null }'],
            ["{}", '{"a":null}', '{"b":null,"a":null}', '{"b":null,"d":null}', '{"b":null,}', '{"b" :null}'],
        ),
        (
            {**ORDER, "required": []},
            ["{}", '{"a":null}', '{"c":null}', '{"a":null,"c":null}'],
            ['{,"a":null}', '{"c":null,"a":null}', '{"a":null,"a":null}'],
        ),
        (
            {"properties": {"id": {"type": "integer"}}, "additionalProperties": {"type": "boolean"}},
            ["{}", '{"id":1}', '{"id":1,"x":true}', '{"x":true,"idx":false,"i":true}'],
            ['{"id":true}', '{"x":1}', '{"x":true,"id":true}', '{"\\u0069d":true}'],
        ),
        (
            {"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 1, "maxProperties": 2},
            ['{"a":null}', '{"a":null,"b":null}'],
            ["{}", '{"a":null,"b":null,"c":null}'],
        ),
        (
            {"type": "object", "patternProperties": {"^x[0-9]$": {"type": "null"}}, "additionalProperties": False},
            ["{}", '{"x1":null}'],
            ['{"y1":null}', '{"x":null}'],
        ),
        (
            {"type": "object", "additionalProperties": {"type": "null"}, "propertyNames": {"enum": ["a", "b"]}},
            ["{}", '{"a":null,"b":null}'],
            ['{"c":null}'],
        ),
        ({"type": "object", "properties": {}}, ["{}", "{ }"], ['{"a":1}']),
        ({"type": "object"}, ["{}", '{"a":{"b":[1,"x",null]}}'], ["[]", '{"a"}']),
        ({"items": {"type": "null"}, "minItems": 1, "maxItems": 2}, ["[null]", "[null, null]"], ["[]"]),
        ({"items": {"type": "null"}, "maxItems": 1}, ["[]", "[ ]", "[null]"], ["[null,null]", "[null,]"]),
        ({"items": {"type": "null"}, "minItems": 2}, ["[null,null,null]"], ["[null]"]),
        ({"prefixItems": [{"const": 1}], "items": {"const": 2}}, ["[1]", "[1,2,2]"], ["[]", "[2]", "[1,1]"]),
        ({"type": "array", "items": [{"const": 1}, {"const": 2}], "additionalItems": False}, ["[1,2]"], ["[1,2,3]"]),
        ({"minLength": 1, "maxLength": 2}, ['"a"', '"ab"', '"é\\n"', '"\\u00e9"'], ['""', '"abc"', '"\n"']),
        ({"type": "string"}, ['"\\"\\\\/"', '"日本"'], ['"\\x"', '"\\ud800"', '"\x7f"', '"\t"']),
        ({"enum": ["a", 1, None, "a\\b"]}, ['"a"', "1", "null", '"a\\\\b"'], ['"b"', "2", '"a\\b"']),
        ({"type": "integer", "enum": [1, "1", 2.5]}, ["1"], ['"1"', "2.5"]),
        ({"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 5, "maximum": 5}]}, ["null", "5"], ["6"]),
        (
            {
                "oneOf": [
                    {"properties": {"k": {"const": "a"}, "v": {"type": "null"}}, "required": ["k", "v"], **OBJECT},
                    {"properties": {"k": {"const": "b"}}, "required": ["k"], **OBJECT},
                ],
                "discriminator": {"propertyName": "k"},
            },
            ['{"k":"a","v":null}', '{"k":"b"}'],
            ['{"k":"a"}', '{"k":"c"}'],
        ),
        ({"type": ["integer", "null"], "minimum": 0, "maximum": 9}, ["null", "3"], ["10", "-1"]),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}}, "anyOf": [{"required": ["a"]}]},
            ['{"a":1}'],
            ["{}"],
        ),
        (
            {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}},
            ["[]", "[[],[[]]]"],
            ["[1]"],
        ),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}, "title": "T"}, ["1"], ["2"]),
        (
            {"allOf": [{"$ref": "#/$defs/n"}], "maximum": 3, "$defs": {"n": {"type": "integer", "minimum": 3}}},
            ["3"],
            ["2", "4"],
        ),
        ({"type": "string", "format": "date"}, ['"2024-02-28"'], ['"2024-02-30"', '"2024-13-01"']),
        ({"type": "string", "format": "unheard-of"}, ['"anything"'], []),
        (True, ["1", '"a"', "[]", "{}", "null", "true", "-1.5e3"], ["", "nul"]),
    ],
)
def test_what_a_schema_lets_through(model, schema, good, bad):
    assert [text for text in good if not accepts(model, schema, text)] == []
    assert [text for text in bad if accepts(model, schema, text)] == []


# -- numbers and patterns -----------------------------------------------------------------------------------------

INTEGERS = st.integers(-1200, 1200) | st.integers(-(10**9), 10**9)


@given(INTEGERS, INTEGERS, INTEGERS, st.booleans(), st.sampled_from(["both", "low", "high"]))
@example(0, 0, 0, False, "both")
@example(-10, -9, -9, False, "both")
@settings(deadline=None, max_examples=150)
def test_law_an_integer_gets_through_if_it_is_within_its_bounds(model, low, high, value, excluded, sides):
    low, high = min(low, high), max(low, high)
    words = ("exclusiveMinimum", "exclusiveMaximum") if excluded else ("minimum", "maximum")
    schema = {"type": "integer"}
    schema |= {words[0]: low} if sides != "high" else {}
    schema |= {words[1]: high} if sides != "low" else {}
    assume(sides != "both" or not excluded or high - low > 1)
    for candidate in {value, low - 1, low, low + 1, high - 1, high, high + 1}:
        valid = jsonschema.Draft202012Validator(schema).is_valid(candidate)
        assert accepts(model, schema, str(candidate)) == valid, (schema, candidate)


DECIMALS = st.decimals(-2000, 2000, places=3) | st.decimals(-1, 1, places=2)


@given(DECIMALS, DECIMALS, DECIMALS, st.booleans(), st.booleans())
@settings(deadline=None, max_examples=150)
def test_law_a_number_gets_through_if_it_is_within_its_bounds(model, low, high, value, low_excluded, high_excluded):
    low, high = min(low, high), max(low, high)
    assume(low < high)
    schema = {
        "type": "number",
        "exclusiveMinimum" if low_excluded else "minimum": float(low),
        "exclusiveMaximum" if high_excluded else "maximum": float(high),
    }
    step = Decimal("0.0001")
    for candidate in (value, low - step, low, low + step, high - step, high, high + step, (low + high) / 2):
        text = f"{candidate:f}"
        if candidate == 0 and text.startswith("-"):
            continue
        valid = jsonschema.Draft202012Validator(schema).is_valid(float(text))
        assert accepts(model, schema, text) == valid, (schema, text)


@given(st.lists(st.text(alphabet='ab"\\', max_size=4), min_size=1, max_size=8), st.text(alphabet='ab"\\', max_size=4))
@settings(deadline=None, max_examples=60)
def test_law_an_enum_lets_through_its_values_and_no_other(model, values, other):
    for text in {*values, other}:
        assert accepts(model, {"enum": values}, json.dumps(text)) == (text in values)


def test_steps_of_a_number_are_digits_behind_the_point(model):
    cents = {"type": "number", "multipleOf": 0.01, "minimum": 0}
    assert accepts(model, cents, "12.34")
    assert not accepts(model, cents, "12.345")
    assert accepts(model, {"type": "number", "multipleOf": 1}, "12")
    assert not accepts(model, {"type": "number", "multipleOf": 1}, "12.5")


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,5})?([eE][+-]?[0-9])?", fullmatch=True))
@settings(deadline=None, max_examples=50)
def test_law_an_unbound_number_is_any_number_of_json(model, text):
    assert math.isfinite(json.loads(text))
    assert accepts(model, {"type": "number"}, text)


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-c]+$", "^(ab|cd)*$", "b", "^a", "c$", "^a{2,3}b?$", "^[^ab]{2}$", "^\\d{1,2}[-./]\\d$", "^\\w+\\s\\w+$",
        "^a.c$", "^(?:a|b){2}$", "^(?<n>a)b$", "^\\$\\{a\\}$", "^[\\]\\-a]$", "^\\x61\\u0062$", "a|b$", "^$", "",
        '^"\\\\"$', "^a*?b+?$", "^[a-]$", "^a{0}b$", "^\\D\\W\\S$",
    ],
)  # fmt: skip
def test_a_pattern_lets_through_what_it_matches(model, pattern):
    schema = {"type": "string", "pattern": pattern}
    expression = re.compile(pattern.replace("(?<n>", "(?P<n>"))
    texts = [
        "",
        "a",
        "b",
        "ab",
        "ba",
        "abc",
        "aab",
        "aaab",
        "cdab",
        "xx",
        "cc",
        "1-2",
        "12.3",
        "1/23",
        "x y",
        "xc",
        "a c",
    ]
    texts += ["${a}", "]", "-", "\\", '"\\"', "a-b", "ccb", "aa", "bb", "c", "b ", "x!y", "a\\c", 'a"c']
    for text in texts:
        assert accepts(model, schema, json.dumps(text)) == bool(expression.search(text)), (pattern, text)


# -- what cannot be followed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "array", "items": {"type": "array", "contains": {}}}, "#/items: 'contains'"),
        ({"properties": {"a": {"if": {}, "then": {}}}}, "#/properties/a: 'if'"),
        ({"type": "integer", "multipleOf": 7}, "multipleOf"),
        ({"type": "number", "multipleOf": 0.3}, "multipleOf"),
        ({"type": "string", "pattern": "a{1,9}", "maxLength": 3}, "length"),
        ({"type": "string", "pattern": "a("}, "group"),
        ({"type": "string", "pattern": "\\bword"}, "pattern"),
        ({"type": "string", "pattern": "(a{1,100}){1,100}"}, "repetition"),
        ({"type": "string", "pattern": "(|a)*"}, "may be empty"),
        ({"type": "object", "minProperties": 3}, "minProperties"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf"),
        ({"allOf": [{"type": "string"}, {"type": "null"}]}, "at once"),
        ({"allOf": [{"pattern": "a"}, {"pattern": "b"}]}, "pattern"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b", "title": "x"}}}, "points at nothing"),
        ({"properties": {"a": False}, "required": ["a"]}, "requires"),
        ({"type": "array", "minItems": 3, "maxItems": 1}, "more items"),
        ({"minLength": -1}, "minLength"),
        ({"required": "a"}, "required"),
        ("string", "object"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_place(schema, said):
    with pytest.raises(Invalid, match=re.escape(said)):
        grammar_of(schema)


def test_where_nobody_is_strict_what_cannot_be_followed_is_left_out(model):
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "uniqueItems": True, "items": {"const": 1}}, "b": {"pattern": "(?=x)"}},
        "required": ["a", "b"],
    }
    gate = TokenGate(load_binding().api, model, grammar_of(schema, strict=False))
    for token in model.tokenize('{"a": [1, 1], "b": {"any": "thing"}}'):
        assert gate.allows(token)
        gate.accept(token)


def nested(levels: int) -> dict[str, Any]:
    return {"type": "array", "items": nested(levels - 1)} if levels else {}


@pytest.mark.parametrize(
    "schema", [nested(200), {"type": "object", "properties": {"x" * 500: {}}, "additionalProperties": True}]
)
def test_what_is_out_of_all_proportion_is_refused(schema):
    with pytest.raises(Invalid):
        grammar_of(schema)


def test_long_strings_keep_their_bounds_beyond_llama_cpps_own(model):
    schema = {"type": "string", "minLength": 2500, "maxLength": 4500}
    assert not accepts(model, schema, json.dumps("ab" * 1200))
    assert accepts(model, schema, json.dumps("ab" * 1300))
    assert accepts(model, schema, json.dumps("ab" * 2250))
    assert not accepts(model, schema, json.dumps("ab" * 2251))


# -- drawing under a grammar --------------------------------------------------------------------------------------


def test_control_tokens_and_broken_characters_never_pass(model):
    gate = TokenGate(load_binding().api, model, grammar_of({"type": "string"}))
    quote, start = model.tokenize('"')[0], model.tokenize("<|im_start|>", parse_special=True)[0]
    single = {model.piece(token)[0]: token for token in range(model.vocab_size) if len(model.piece(token)) == 1}
    assert gate.allows(quote)
    gate.accept(quote)
    assert not gate.allows(start), "the grammar would read it as text, and the reader would not see it"
    assert not gate.allows(END)
    for byte in (0xC0, 0xC1, 0xF5, 0xFF, 0x80):
        assert not gate.allows(single[byte]), "no character begins like that"
    assert gate.allows(single[0xC3])
    gate.accept(single[0xC3])
    assert gate.allows(single[0xA9])
    assert not gate.allows(quote), "a character must be whole before anything else"


def test_a_grammar_that_no_token_can_follow_says_so(model):
    api = load_binding().api
    chain = SamplerChain(api, model, Sampling(grammar=Grammar(text='root ::= "\\x00"\n')), [])
    assert chain._draw_bound(chain._gate, np.zeros(model.vocab_size, np.float32)) == NO_TOKEN


def test_a_grammar_that_opens_later_binds_only_what_follows(model):
    gate = TokenGate(load_binding().api, model, Grammar(text='root ::= " "? "yes"\n', opens="<x>"))
    for token in model.tokenize("free { text <x"):
        assert gate.allows(token)
        gate.accept(token)
    assert gate.allows(END)
    for token in [*model.tokenize(">"), *model.tokenize("yes")]:
        assert gate.allows(token)
        gate.accept(token)
    assert not gate.allows(model.tokenize("a")[0])
    assert gate.allows(END)


@given(
    st.integers(0, 10**6),
    st.sampled_from([0, 1, 5, 40]),
    st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from([0.0, 0.7, 1.5]),
)
@settings(deadline=None, max_examples=60)
def test_law_looking_at_the_most_probable_tokens_first_draws_what_looking_at_all_would(model, seed, top_k, min_p, hot):
    random = np.random.default_rng(seed)
    grammar = grammar_of({"type": "array", "items": {"type": "string"}})
    sampling = Sampling(temperature=hot, top_k=top_k, min_p=min_p, seed=seed, grammar=grammar)
    short, full = (SamplerChain(load_binding().api, model, sampling, []) for _ in range(2))
    for token in model.tokenize('["a'):
        short._gate.accept(token)
        full._gate.accept(token)
    for _ in range(3):
        logits = random.normal(0, 4, model.vocab_size).astype(np.float32)
        everything = all_candidates(logits)
        full._gate.restrict(everything)
        assert short._choose_allowed(short._gate, all_candidates(logits)) == full._choose_among(full._gate, everything)
