"""A route and a place in its body in, the names of the fields that may stand there out."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from fastapi.routing import APIRoute
from pydantic import BaseModel


def fields_at(route: Any, path: Sequence[str | int]) -> list[str]:
    """Return the names, sorted; ``path`` leads there as in pydantic's errors. Empty where the body is not known."""
    if not isinstance(route, APIRoute) or route.body_field is None:
        return []
    models = list(_models(route.body_field.field_info.annotation))
    for step in path:
        named = [model.model_fields[step] for model in models if isinstance(step, str) and step in model.model_fields]
        if named:  # a number counts in a list, and other words name one of several models
            models = [inner for field in named for inner in _models(field.annotation)]
    return sorted({name for model in models for name in model.model_fields})


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in an annotation: in lists, in unions and under Annotated too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    parts: Iterable[Any] = get_args(annotation)
    for part in parts:
        yield from _models(part)
