"""A JSON Schema with references and combinations in, one flat schema out.

The law: what the flat one allows, the original allows; two demands that cannot be made one are refused by name.
References never leave the schema that they stand in.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from adapters.json_schema.schema_keywords import check_shape
from memory.errors import Invalid

Schema = Mapping[str, Any]
_LARGER: Final = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
_SMALLER: Final = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
_WORDS: Final = {  #: what says nothing about which values are valid
    *("title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "discriminator"),
    *("$schema", "$id", "$comment", "$defs", "definitions", "$anchor", "$vocabulary"),
}


def assertions(schema: Schema) -> dict[str, Any]:
    """Return the schema without its words for people."""
    return {key: value for key, value in schema.items() if key not in _WORDS}


def resolve(document: Any, reference: Any) -> Any:
    """Return what a ``$ref`` points at. Raises: Invalid."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise Invalid(f"$ref {reference!r} points outside of the schema.")
    if reference[1:2] not in ("", "/"):
        raise Invalid(f"$ref {reference!r} is no JSON pointer; names by $anchor are not followed.")
    target = document
    for part in unquote(reference[1:]).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and key.isdecimal() and int(key) < len(target):
            target = target[int(key)]
        elif isinstance(target, dict) and key in target:
            target = target[key]
        else:
            raise Invalid(f"$ref {reference!r} points at nothing.")
    return target


def merge(first: Any, second: Any) -> Any:
    """Return the schema of the values that both allow. Raises: Invalid when that cannot be said."""
    if first is False or second is False:
        return False
    if first is True or second is True:
        return second if first is True else first
    for schema in (first, second):
        check_shape(schema)
    merged = dict(first)
    closed = [s for s in (first, second) if s.get("additionalProperties") is False]
    names = {name for s in closed for name in s.get("properties", {})}
    if closed and any(set(s.get("properties", {})) - names for s in (first, second) if s not in closed):
        raise Invalid("additionalProperties: false cannot be combined with properties that stand elsewhere.")
    for key, value in second.items():
        merged[key] = value if key not in merged or key in _WORDS else _both(key, merged[key], value)
    return merged


def _both(key: str, first: Any, second: Any) -> Any:
    if first == second:
        return first
    if key in _LARGER or key in _SMALLER:
        return (max if key in _LARGER else min)(first, second)
    combine = _COMBINED.get(key)
    if combine is None:
        raise Invalid(f"Two different demands on {key!r} cannot be combined.")
    return combine(first, second)


def _types(first: Any, second: Any) -> Any:
    left, right = (value if isinstance(value, list) else [value] for value in (first, second))
    common = [name for name in left if name in right]
    if ("number" in left and "integer" in right) or ("integer" in left and "number" in right):
        common += ["integer"] if "integer" not in common else []
    if not common:
        raise Invalid(f"Nothing is of type {first!r} and {second!r} at once.")
    return common[0] if len(common) == 1 else common


def _enums(first: Any, second: Any) -> Any:
    common = [value for value in first if value in second]
    if not common:
        raise Invalid("Two enums have no value in common.")
    return common


def _properties(first: Any, second: Any) -> Any:
    return {
        **first,
        **{name: merge(first[name], schema) if name in first else schema for name, schema in second.items()},
    }


_COMBINED: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "type": _types,
    "enum": _enums,
    "required": lambda first, second: [*first, *(name for name in second if name not in first)],
    "properties": _properties,
    "items": merge,
    "additionalProperties": merge,
    "allOf": lambda first, second: [*first, *second],
}


def are_disjoint(first: Any, second: Any) -> bool:
    """Return True if it is plain that no value fits both: by type, or by a constant property that both require."""
    if not isinstance(first, dict) or not isinstance(second, dict):
        return first is False or second is False
    for schema in (first, second):
        check_shape(schema)
    left, right = _values(first), _values(second)
    if left is not None and right is not None:
        return not any(value in right and type(value) is type(right[right.index(value)]) for value in left)
    if not _type_names(first) & _type_names(second):
        return True
    if _type_names(first) != {"object"} or _type_names(second) != {"object"}:
        return False
    required = set(first.get("required", ())) & set(second.get("required", ()))
    shared = [name for name in required if name in first.get("properties", {}) and name in second.get("properties", {})]
    return any(are_disjoint(first["properties"][name], second["properties"][name]) for name in shared)


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _type_names(schema: Schema) -> set[str]:
    """Return the types that a schema allows; an integer is a number."""
    named = schema.get("type", ["object", "array", "string", "number", "boolean", "null"])
    names = set(named if isinstance(named, list) else [named])
    if "integer" in names:
        names = (names - {"integer"}) | {"number"}
    values = _values(schema)
    return names if values is None else {_type_of(value) for value in values} & names


def _type_of(value: Any) -> str:
    for kind, name in ((bool, "boolean"), (int | float, "number"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "null"
