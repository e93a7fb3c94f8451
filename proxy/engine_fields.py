"""A JSON object and a field's name in, its checked value out; null means left out, as OpenAI has it."""

import math
from collections.abc import Mapping
from typing import Any

from memory.errors import Invalid


def number(body: Mapping[str, Any], name: str, low: float, high: float, otherwise: float) -> float:
    """Return a number of that range. Raises: Invalid."""
    value = body.get(name)
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Invalid(f"'{name}' must be a number.", param=name)
    if not low <= value <= high:
        raise Invalid(f"'{name}' must be between {low} and {high}.", param=name)
    return float(value)


def whole(body: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    """Return a whole number of that range. Raises: Invalid."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        most = f" and at most {high}" if high <= 1000 else ""
        raise Invalid(f"'{name}' must be a whole number of at least {low}{most}.", param=name)
    return value


def flag(body: Mapping[str, Any], name: str, otherwise: bool = False) -> bool:
    """Return true or false. Raises: Invalid."""
    value = body.get(name)
    if value is None:
        return otherwise
    if not isinstance(value, bool):
        raise Invalid(f"'{name}' must be true or false.", param=name)
    return value


def text(body: Mapping[str, Any], name: str, *, param: str | None = None) -> str:
    """Return a string, empty when it is left out. Raises: Invalid."""
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"'{param or name}' must be a string.", param=param or name)
    return value or ""


def mapping(body: Mapping[str, Any], name: str, *, param: str | None = None) -> Mapping[str, Any]:
    """Return an object, empty when it is left out. Raises: Invalid."""
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise Invalid(f"'{param or name}' must be an object.", param=param or name)
    return value or {}


def unsupported(param: str, what: str) -> Invalid:
    """Return the refusal of what this engine cannot do and others can."""
    return Invalid(
        f"{what} not supported by the local engine. Leave it out, or serve a model that can do it with --upstream.",
        param=param,
        code="unsupported_parameter",
    )
