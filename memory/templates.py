"""A parameter with references in, its value out: ``${step.result}`` is replaced, and nothing else is ever evaluated.

A parameter that is one reference alone becomes that value, whatever its type; inside a text values become text. What
was filled in is not looked at again, so no memory can bring a reference with it. ``$$`` is a dollar sign.
"""

import re
from collections.abc import Mapping
from typing import Any

from memory.errors import Invalid

_REFERENCE = re.compile(r"\$(?:\$|\{([^}]*)\})")
_ALONE = re.compile(r"\$\{([^}]*)\}\Z")

Values = Mapping[str, Mapping[str, Any]]  #: by the names before and behind the dot


def filled(value: Any, values: Values) -> Any:
    """Return the parameter with all references replaced; lists are filled item by item, their lists taken in.

    Raises: Invalid: a reference names nothing.
    """
    if isinstance(value, list):
        items = [filled(item, values) for item in value]
        return [each for item in items for each in (item if isinstance(item, list) else [item])]
    if not isinstance(value, str):
        return value
    if alone := _ALONE.match(value):
        return _value(alone[1], values)
    return _REFERENCE.sub(lambda match: "$" if match[1] is None else _text(_value(match[1], values)), value)


def _value(name: str, values: Values) -> Any:
    source, _, result = name.partition(".")
    try:
        return values[source][result]
    except KeyError:
        raise Invalid(f"${{{name}}} refers to nothing.") from None


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
