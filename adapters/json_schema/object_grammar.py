"""What a schema says of an object in, the grammar of such objects out.

The law: properties come in the schema's order, each at most once; a key that is not a property's can never be
written like one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from adapters.json_schema.gbnf import RuleBook, char_class, complement, either, literal, overlap
from adapters.json_schema.json_rules import LONGEST_KEY, RAW_CHARS, JsonRules
from adapters.json_schema.schema_merge import merge
from memory.errors import Invalid

Visit = Callable[[Any, str], str]  #: a schema and its place below the object, to the name of its rule

_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectShape:
    """The properties of an object, and what else it may hold."""

    properties: Mapping[str, Any]
    required: Sequence[str]
    others: Any  #: schema of the values under other keys; False: there are none
    others_words: str  #: where that schema stands
    keys: Any = True  #: schema of the other keys
    least: int = 0  #: other keys
    most: int | None = None

    @classmethod
    def of(cls, schema: Mapping[str, Any], *, strict: bool) -> Self:
        """Return the shape. Raises: Invalid for what a grammar cannot follow."""
        others = schema.get("additionalProperties", schema.get("unevaluatedProperties"))
        keys: Any = schema.get("propertyNames", True)
        words = "additionalProperties"
        patterns = schema.get("patternProperties", {})
        declared = dict(schema.get("properties", {}))
        if patterns and strict and (len(patterns) > 1 or declared or others is not False):
            raise Invalid(
                "'patternProperties' is only possible with one pattern, no properties, additionalProperties false."
            )
        if patterns and not declared:
            pattern, others = next(iter(patterns.items()))
            keys, words = {"pattern": pattern}, "patternProperties"
        if others is None:  # unsaid: an object that is not described is free, one that is holds only what is said
            others = "properties" not in schema
        if declared and keys is not True and others is not False and strict:
            raise Invalid("'propertyNames' is only possible for an object without properties.")
        required = tuple(dict.fromkeys(schema.get("required", ())))
        for name in required:  # required, but not described
            if name not in declared:
                declared[name] = True if others is False and "additionalProperties" not in schema else others
        if any(declared[name] is False for name in required):
            raise Invalid("It requires a property that it does not allow.")
        properties = {name: part for name, part in declared.items() if part is not False}
        least, most = _others_counts(schema, properties, required, others is not False, strict=strict)
        return cls(
            properties=properties,
            required=required,
            others=False if most == 0 else others,
            others_words=words,
            keys=keys,
            least=least,
            most=most,
        )


def _others_counts(
    schema: Mapping[str, Any], properties: Mapping[str, Any], required: Sequence[str], is_open: bool, *, strict: bool
) -> tuple[int, int | None]:
    """Return how many other keys there must and may be."""
    least, most = int(schema.get("minProperties", 0)), schema.get("maxProperties")
    optional = len(properties) - len(required)
    missing = max(0, least - len(required))
    if not strict:
        return 0, None if most is None else max(0, most - len(properties))
    if missing and (optional or not is_open or missing > 1):
        # Two keys may be written alike, and then count as one.
        raise Invalid("'minProperties' can only be followed for one key beyond those required.")
    if most is None:
        return missing, None
    if most < len(properties) and (optional or most < len(required)):
        raise Invalid("'maxProperties' is less than the properties that there are.")
    return missing, most - len(properties)


def object_body(book: RuleBook, rules: JsonRules, shape: ObjectShape, visit: Visit) -> str:
    """Return the body of the object's rule."""
    if shape == _FREE:
        return rules.free_object
    comma = f'"," {rules.space}'
    pairs = [_pair(book, rules, name, visit(part, f"properties/{name}")) for name, part in shape.properties.items()]
    other = _other_pair(book, rules, shape, visit) if shape.others is not False else ""
    others = book.repeat(book.add(f"{comma} {other}"), shape.least, shape.most) if other else ""
    needed = [name in shape.required for name in shape.properties]
    if any(needed):
        return f'"{{" {rules.space} {_in_order(comma, pairs, needed)} {others} {rules.space} "}}"'
    starts = _starts(book, comma, pairs, others)
    if other:
        more = book.repeat(
            book.add(f"{comma} {other}"), max(0, shape.least - 1), None if shape.most is None else shape.most - 1
        )
        starts.append(f"{other} {more}")
    if not starts:
        return f'"{{" {rules.space} "}}"'
    inner = f"({either(*starts)}) {rules.space}"
    return f'"{{" {rules.space} {inner if shape.least else f"({inner})?"} "}}"'


def _in_order(comma: str, pairs: Sequence[str], needed: Sequence[bool]) -> str:
    """Return the pairs in order, those that are not needed left out at will; at least one is needed."""
    first = needed.index(True)
    before = [f"({pair} {comma})?" for pair in pairs[:first]]
    after = [
        f"{comma} {pair}" if is_needed else f"({comma} {pair})?"
        for pair, is_needed in zip(pairs[first + 1 :], needed[first + 1 :], strict=True)
    ]
    return " ".join([*before, pairs[first], *after])


def _starts(book: RuleBook, comma: str, pairs: Sequence[str], others: str) -> list[str]:
    """Return the ways to begin where no pair is needed: with each of them, those after it left out at will."""
    starts: list[str] = []
    tail = others
    for pair in reversed(pairs):
        starts.append(f"{pair} {tail}")
        tail = book.add(f"({comma} {pair})? {tail}")
    return starts[::-1]


def _pair(book: RuleBook, rules: JsonRules, name: str, value: str) -> str:
    return book.add(f'{literal(json.dumps(name, ensure_ascii=False))} ":" {rules.space} {value}')


def _other_pair(book: RuleBook, rules: JsonRules, shape: ObjectShape, visit: Visit) -> str:
    key = (
        _string_except(book, rules, list(shape.properties))
        if shape.keys is True
        else visit(merge({"type": "string"}, shape.keys), "propertyNames")
    )
    return book.add(f'{key} ":" {rules.space} {visit(shape.others, shape.others_words)}')


def _string_except(book: RuleBook, rules: JsonRules, names: Sequence[str]) -> str:
    """Return the rule of the strings that are none of these; no escapes, so that each is spelt in one way only."""
    if any(len(name) > _LONGEST_NAME for name in names):
        raise Invalid(f"A property's name is longer than {_LONGEST_NAME} characters.")

    rest_of_key = book.add(book.repeat(rules.key_char, 0, LONGEST_KEY))

    def after(prefix: str) -> str:
        longer = [name for name in names if name.startswith(prefix) and name != prefix]
        following = sorted({name[len(prefix)] for name in longer})
        rest = overlap(complement([(ord(char), ord(char)) for char in following]), RAW_CHARS)
        ways = [f"{char_class(rest)} {rest_of_key}"]
        written = (char for char in following if overlap(((ord(char), ord(char)),), RAW_CHARS))
        ways += [f"{literal(char)} {book.add(after(prefix + char))}" for char in written]
        return either(*ways) if prefix in names else f"({either(*ways)})?"

    return book.add(f'"\\"" {book.add(after(""))} "\\""')


_FREE = ObjectShape(properties={}, required=(), others=True, others_words="additionalProperties")
