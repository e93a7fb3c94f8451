"""A JSON Schema in, grammar rules of the JSON texts that it allows out.

The law: every text that the rules let through is valid JSON and valid by the schema; the reverse does not hold
(properties keep the schema's order, white space is bounded, what is not mentioned is not added). A keyword that
cannot be followed while generating is refused by name, or, where the caller is not strict, left out.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from adapters.json_schema.gbnf import RuleBook, either
from adapters.json_schema.json_rules import JsonRules
from adapters.json_schema.number_grammar import Bounds, integers, numbers
from adapters.json_schema.object_grammar import ObjectShape, object_body
from adapters.json_schema.pattern_grammar import strings_matching
from adapters.json_schema.schema_keywords import FORMATS, UNSUPPORTED, check_shape, fits, implied_types
from adapters.json_schema.schema_merge import Schema, are_disjoint, assertions, merge, resolve
from memory.errors import Invalid

_MOST_DEPTH: Final = 50
_MOST_ENUM: Final = 5000


class SchemaGrammar:
    """The rules of one schema document, written into a book that others may share."""

    def __init__(self, book: RuleBook, document: Any, *, strict: bool = True) -> None:
        """``strict``: refuse what cannot be followed; else the answer is merely not held to it."""
        self._book = book
        self._rules = JsonRules(book)
        self._document = document
        self._strict = strict
        self._references: dict[str, str] = {}
        self._depth = 0

    def rule(self) -> str:
        """Return the name of the document's rule. Raises: Invalid, with the place in the schema."""
        try:
            return self._visit(self._document, "#")
        except RecursionError as error:
            raise Invalid("#: it is nested too deeply.") from error

    def _visit(self, schema: Any, at: str) -> str:
        if self._depth >= _MOST_DEPTH:
            raise Invalid(f"{at}: it is nested more than {_MOST_DEPTH} levels deep.")
        self._depth += 1
        try:
            return self._book.add(self._body(schema, at))
        except Invalid as error:
            if self._strict or at == "#":
                raise Invalid(str(error) if str(error).startswith("#") else f"{at}: {error}") from error
            return self._rules.value
        finally:
            self._depth -= 1

    def _body(self, schema: Any, at: str) -> str:
        if schema is True:
            return self._rules.value
        if schema is False:
            raise Invalid("false allows no value.")
        check_shape(schema)
        if "$ref" in schema and len(assertions(schema)) == 1:
            return self._reference(schema["$ref"])
        schema = self._flat(schema)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self._union(schema, word, at)
        if "const" in schema or "enum" in schema:
            return self._constants(schema)
        types = schema.get("type", implied_types(schema))
        if isinstance(types, list):
            return either(*(self._visit({**schema, "type": name}, at) for name in types))
        return self._typed(schema, types, at)

    def _reference(self, reference: Any) -> str:
        """Return a reference's rule, which may be one that is still being written."""
        if reference not in self._references:
            target = resolve(self._document, reference)
            self._references[reference] = name = self._book.reserve()
            self._book.define(name, self._visit(target, str(reference)))
        return self._references[reference]

    def _flat(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """Return the schema with its references and ``allOf`` written out, one level deep."""
        if depth > _MOST_DEPTH:
            raise Invalid("Its references go round in a circle.")
        check_shape(schema)
        flat: Any = {key: value for key, value in assertions(schema).items() if key not in ("$ref", "allOf")}
        parts = list(schema.get("allOf", ()))
        if "$ref" in schema:
            parts.append(resolve(self._document, schema["$ref"]))
        for part in parts:
            flat = merge(flat, part if isinstance(part, bool) else self._flat(part, depth + 1))
        if not isinstance(flat, dict):
            raise Invalid("false allows no value.")
        if flat.pop("nullable", False) is True and "type" in flat:  # OpenAPI 3.0
            types = flat["type"] if isinstance(flat["type"], list) else [flat["type"]]
            flat["type"] = [*types, *(["null"] if "null" not in types else [])]
        return flat

    def _union(self, schema: Schema, word: str, at: str) -> str:
        beside = {key: value for key, value in schema.items() if key != word}
        plain = [part if isinstance(part, bool) else self._flat(part) for part in schema[word]]
        overlap = any(not are_disjoint(a, b) for i, a in enumerate(plain) for b in plain[:i])
        if word == "oneOf" and overlap and self._strict:
            raise Invalid("oneOf is only possible where its alternatives plainly exclude each other; use anyOf.")
        rules, problems = [], []
        for index, (part, flat) in enumerate(zip(schema[word], plain, strict=True)):
            try:
                # Without demands beside it a reference stays one, so that it may lead back here.
                rules.append(self._visit(merge(beside, flat) if beside else part, f"{at}/{word}/{index}"))
            except Invalid as error:
                if beside:
                    problems.append(error)  # an alternative that its surroundings rule out is none
                    continue
                raise
        if not rules:
            raise problems[0]
        return either(*rules)

    def _constants(self, schema: Schema) -> str:
        self._refuse_unsupported(schema, "const")
        values = [schema["const"]] if "const" in schema else schema["enum"]
        if len(values) > _MOST_ENUM:
            raise Invalid(f"An enum of more than {_MOST_ENUM} values is too long.")
        fitting = [value for value in values if fits(value, schema)]
        if not fitting:
            raise Invalid("No value of its enum or const fits its other demands.")
        return self._book.one_of([json.dumps(value, ensure_ascii=False) for value in fitting])

    def _typed(self, schema: Schema, name: Any, at: str) -> str:
        if name is None:
            self._refuse_unsupported(schema, "any")
            return self._rules.value
        self._refuse_unsupported(schema, name)
        if name in ("boolean", "null"):
            return '"true" | "false"' if name == "boolean" else '"null"'
        if name == "string":
            return self._string(schema)
        if name in ("number", "integer"):
            return self._number(schema, name)
        return self._array(schema, at) if name == "array" else self._object(schema, at)

    def _refuse_unsupported(self, schema: Schema, kind: str) -> None:
        if not self._strict:
            return
        for word in UNSUPPORTED["any"] + UNSUPPORTED.get(kind, ()):
            if schema.get(word) not in (None, False) or (word in schema and word in ("not", "if")):
                raise Invalid(f"{word!r} cannot be followed while generating; take it out of the schema.")

    def _string(self, schema: Schema) -> str:
        low, high = int(schema.get("minLength", 0)), schema.get("maxLength")
        sized = bool(low) or high is not None
        pattern = schema.get("pattern", None if sized else FORMATS.get(schema.get("format", "")))
        if high is not None and low > high:
            raise Invalid("minLength is larger than maxLength.")
        if pattern is None:
            return self._rules.string_of(low, None if high is None else int(high))
        if self._strict and sized:
            raise Invalid("A pattern and a length together cannot be followed; put the length into the pattern.")
        return strings_matching(self._book, pattern)

    def _number(self, schema: Schema, name: str) -> str:
        bounds = _bounds(schema)
        if name == "integer":
            if self._strict and schema.get("multipleOf", 1) != 1:
                raise Invalid("'multipleOf' other than 1 cannot be followed for an integer.")
            return integers(self._book, bounds)
        step = schema.get("multipleOf")
        if step is None:
            return numbers(self._book, bounds)
        # A power of ten is a number of digits behind the point; no other step can be said in a grammar.
        places = -Decimal(str(step)).normalize().adjusted()
        if Decimal(1).scaleb(-places) != Decimal(str(step)) or places < 0:
            if self._strict:
                raise Invalid("'multipleOf' can only be 1, 0.1, 0.01 and so on.")
            return numbers(self._book, bounds)
        return numbers(self._book, bounds, places) if places else integers(self._book, bounds)

    def _array(self, schema: Schema, at: str) -> str:
        items, first = schema.get("items", True), schema.get("prefixItems", ())
        if isinstance(items, list):  # before draft 2020-12
            items, first = schema.get("additionalItems", True), items
        low, high = int(schema.get("minItems", 0)), schema.get("maxItems")
        if first and high is None and ("items" not in schema or items is False):
            high = max(len(first), low)
        if items is False:
            high = min(len(first), len(first) if high is None else high)
        if high is not None and low > high:
            raise Invalid("It wants more items than it allows.")
        high = None if high is None else int(high)
        rules = [self._visit(part, f"{at}/prefixItems/{index}") for index, part in enumerate(first)][:high]
        left = None if high is None else high - len(rules)
        if left == 0:
            return self._rules.array_of(rules, "", 0, 0)
        item = self._visit(items, f"{at}/items")
        return self._rules.array_of(rules, item, max(0, low - len(rules)), left)

    def _object(self, schema: Schema, at: str) -> str:
        shape = ObjectShape.of(schema, strict=self._strict)
        return object_body(self._book, self._rules, shape, lambda part, name: self._visit(part, f"{at}/{name}"))


def _bounds(schema: Mapping[str, Any]) -> Bounds:
    low, low_excluded = _end(schema, "minimum", "exclusiveMinimum", larger=True)
    high, high_excluded = _end(schema, "maximum", "exclusiveMaximum", larger=False)
    return Bounds(low=low, high=high, low_excluded=low_excluded, high_excluded=high_excluded)


def _end(schema: Mapping[str, Any], word: str, excluding: str, *, larger: bool) -> tuple[Decimal | None, bool]:
    """Return the stricter of two bounds; in draft 4 the second is a flag of the first."""
    plain, excluded = schema.get(word), schema.get(excluding)
    if isinstance(excluded, bool):
        return (None if plain is None else Decimal(str(plain))), excluded
    if excluded is None:
        return (None if plain is None else Decimal(str(plain))), False
    edge = Decimal(str(excluded))
    if plain is not None and (Decimal(str(plain)) > edge) == larger and Decimal(str(plain)) != edge:
        return Decimal(str(plain)), False
    return edge, True
