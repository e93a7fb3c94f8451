"""The words of JSON Schema: what shape they have, whose they are, which of them a grammar cannot follow."""

import math
from collections.abc import Mapping
from typing import Any, Final

from memory.errors import Invalid

TYPES: Final = ("object", "array", "string", "number", "integer", "boolean", "null")
#: by the type that they are about; "any": about all
UNSUPPORTED: Final[Mapping[str, tuple[str, ...]]] = {
    "any": ("not", "if", "$dynamicRef", "$recursiveRef"),
    "object": ("dependentRequired", "dependentSchemas", "dependencies"),
    "array": ("contains", "uniqueItems", "unevaluatedItems"),
    "const": ("pattern", "multipleOf", "contains", "items", "properties", "required", "uniqueItems"),
}
_HOUR: Final = "([01][0-9]|2[0-3])"
_DAY: Final = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
_DATE: Final = f"[1-9][0-9]{{3}}-({_DAY})"
_TIME: Final = f"{_HOUR}:[0-5][0-9]:[0-5][0-9](\\.[0-9]{{1,6}})?(Z|[+-]{_HOUR}:[0-5][0-9])"
_BYTE: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
_MAILBOX: Final = "[A-Za-z0-9]([A-Za-z0-9_+-]{0,30}[A-Za-z0-9])?"
#: formats that are generated; others say nothing about validity, as the standard has it
FORMATS: Final[Mapping[str, str]] = {
    "date": f"^{_DATE}$",
    "time": f"^{_TIME}$",
    "date-time": f"^{_DATE}T{_TIME}$",
    "duration": "^P([0-9]{1,4}D(T[0-9]{1,4}[HMS])?|T([0-9]{1,4}H)?([0-9]{1,4}M)?[0-9]{1,4}S|[0-9]{1,4}[YMW])$",
    "uuid": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "ipv4": f"^({_BYTE}\\.){{3}}{_BYTE}$",
    "ipv6": "^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$",
    "hostname": f"^({_LABEL}\\.){{0,4}}{_LABEL}$",
    "email": f"^{_MAILBOX}(\\.[A-Za-z0-9]{{1,30}})?@({_LABEL}\\.){{1,3}}[A-Za-z]{{2,10}}$",
}
_WHOLE: Final = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "enum")
_MAPPINGS: Final = ("properties", "patternProperties", "$defs", "definitions")


def check_shape(schema: Any) -> None:
    """Raise Invalid if a schema's words do not have the shape that the standard gives them."""
    if not isinstance(schema, dict):
        raise Invalid("A schema must be an object, true or false.")
    for word in _WHOLE:
        value = schema.get(word, 0)
        if not _is_number(value) or value < 0 or value != int(value):
            raise Invalid(f"{word!r} must be a whole number.")
    for word in _NUMBERS:
        value = schema.get(word, 1)
        if not _is_number(value) and not (isinstance(value, bool) and word.startswith("exclusive")):
            raise Invalid(f"{word!r} must be a number.")
    if schema.get("multipleOf", 1) <= 0:
        raise Invalid("'multipleOf' must be larger than 0.")
    _check_containers(schema)
    _check_texts(schema)


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)


def _check_containers(schema: Mapping[str, Any]) -> None:
    for word in _LISTS:
        if word in schema and (not isinstance(schema[word], list) or not schema[word]):
            raise Invalid(f"{word!r} must be a list with at least one entry.")
    for word in _MAPPINGS:
        if not isinstance(schema.get(word, {}), dict):
            raise Invalid(f"{word!r} must be an object.")
    if not isinstance(schema.get("prefixItems", []), list):
        raise Invalid("'prefixItems' must be a list.")


def _check_texts(schema: Mapping[str, Any]) -> None:
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise Invalid("'required' must be a list of names.")
    for word in ("pattern", "format", "$ref"):
        if not isinstance(schema.get(word, ""), str):
            raise Invalid(f"{word!r} must be a string.")
    types = schema.get("type", [])
    for name in types if isinstance(types, list) else [types]:
        if name not in TYPES:
            raise Invalid(f"{name!r} is no JSON type; those are {', '.join(TYPES)}.")


def implied_types(schema: Mapping[str, Any]) -> str | None:
    """Return the type that a schema without ``type`` speaks of, None if it speaks of none."""
    for name, words in (
        ("object", ("properties", "required", "additionalProperties", "patternProperties", "propertyNames")),
        ("array", ("items", "prefixItems", "minItems", "maxItems", "contains")),
        ("string", ("pattern", "minLength", "maxLength", "format")),
        ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
    ):
        if any(word in schema for word in words):
            return name
    return None


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Return True if a constant is of the schema's type, among its enum and within its bounds."""
    types = schema.get("type", list(TYPES))
    if not any(_is_of(value, name) for name in (types if isinstance(types, list) else [types])):
        return False
    if "enum" in schema and not any(value == other and type(value) is type(other) for other in schema["enum"]):
        return False
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return True
    above = schema.get("minimum", value) <= value and schema.get("exclusiveMinimum", value - 1) < value
    below = schema.get("maximum", value) >= value and schema.get("exclusiveMaximum", value + 1) > value
    return bool(above and below)


def _is_of(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    kinds: dict[str, Any] = {"object": dict, "array": list, "string": str, "number": int | float, "null": type(None)}
    return name != "boolean" and isinstance(value, kinds[name])
