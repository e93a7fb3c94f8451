"""One of transformers' caches in, bytes out, and back: every tensor of every layer, whatever the layer is.

The law: a state is filled only into layers of the same classes with the same attributes as those it was read from, and
nothing in it is executed. Whether what stands in the attributes is all there is was tried with the model itself.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from adapters.prefix_cache import State
from memory.errors import Invalid

_MAGIC: Final = b"HFD1"
_FIXED_BYTES: Final = 8  #: magic, length of the header
_ALIGNED_BYTES: Final = 64
_PLAIN: Final = (bool, int, float, str, type(None))

#: class and attributes of each layer
Schema = tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a value stands: an attribute, or an entry of one that is a dict or a list."""

    layer: int
    name: str
    key: int | str | None = None

    def put(self, layers: list[Any], value: Any) -> None:
        """Set it."""
        layer = layers[self.layer]
        if self.key is None:
            setattr(layer, self.name, value)
        else:
            vars(layer)[self.name][self.key] = value


def schema_of(cache: Any) -> Schema:
    """Return what a state must have in common with this cache, which has been computed with."""
    return tuple((type(layer).__name__, frozenset(vars(layer))) for layer in cache.layers)


def dumped_bytes(torch: Any, cache: Any, tokens: int) -> int:
    """Return the size of what ``dump_cache`` would return."""
    found = list(_tensors(torch, cache))
    return len(_head(torch, cache, tokens, found)) + sum(_padded(value.nbytes) for _, value in found)


def dump_cache(torch: Any, cache: Any, tokens: int) -> State:
    """Return the cache of a sequence of so many tokens as bytes."""
    found = list(_tensors(torch, cache))
    head = _head(torch, cache, tokens, found)
    state: State = np.zeros(len(head) + sum(_padded(value.nbytes) for _, value in found), np.uint8)
    state[: len(head)] = np.frombuffer(head, np.uint8)
    at = len(head)
    for _, value in found:
        state[at : at + value.nbytes] = value.reshape(-1).view(torch.uint8).cpu().numpy()
        at += _padded(value.nbytes)
    return state


def fill_cache(torch: Any, cache: Any, state: State, device: str, schema: Schema) -> int:
    """Put a state into an empty cache and return its length in tokens. Raises: Invalid (``state_refused``)."""
    try:
        head, at = _read_head(state)
        found = tuple((str(layer["class"]), frozenset(map(str, layer["names"]))) for layer in head["layers"])
        if found != schema:
            raise ValueError("its layers are others")
        for number, layer in enumerate(head["layers"]):
            _fill_plain(torch, cache.layers[number], layer, device)
        for entry in head["tensors"]:
            at = _fill_tensor(torch, cache, state, at, entry, device)
        return int(head["tokens"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        raise Invalid(f"The saved state does not fit this context: {error}.", code="state_refused") from error


def _tensors(torch: Any, cache: Any) -> Iterator[tuple[_Slot, Any]]:
    for number, layer in enumerate(cache.layers):
        for name, value in vars(layer).items():
            if torch.is_tensor(value):
                yield _Slot(number, name), value
            for key, entry in _entries(value):
                if torch.is_tensor(entry):
                    yield _Slot(number, name, key), entry


def _entries(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _head(torch: Any, cache: Any, tokens: int, found: list[tuple[_Slot, Any]]) -> bytes:
    described = {
        "tokens": tokens,
        "layers": [_plain(torch, layer) for layer in cache.layers],
        "tensors": [
            [slot.layer, slot.name, slot.key, str(value.dtype).removeprefix("torch."), list(value.shape)]
            for slot, value in found
        ],
    }
    text = json.dumps(described).encode()
    padded = text.ljust(_padded(_FIXED_BYTES + len(text)) - _FIXED_BYTES)
    return _MAGIC + len(padded).to_bytes(4, "little") + padded


def _plain(torch: Any, layer: Any) -> dict[str, Any]:
    """Return the values of a layer that are no tensors. Dicts are lists of pairs: their keys may be numbers."""
    values: dict[str, Any] = {}
    pairs: dict[str, list[tuple[Any, Any]]] = {}
    lists: dict[str, list[Any]] = {}
    dtypes: dict[str, str] = {}
    for name, value in vars(layer).items():
        if isinstance(value, _PLAIN):
            values[name] = value
        elif isinstance(value, torch.dtype):
            dtypes[name] = str(value).removeprefix("torch.")
        elif isinstance(value, dict):
            pairs[name] = [(key, entry if isinstance(entry, _PLAIN) else None) for key, entry in value.items()]
        elif isinstance(value, list):
            lists[name] = [entry if isinstance(entry, _PLAIN) else None for entry in value]
    return {
        "class": type(layer).__name__,
        "names": sorted(vars(layer)),
        "devices": [name for name, value in vars(layer).items() if isinstance(value, torch.device)],
        "values": values,
        "pairs": pairs,
        "lists": lists,
        "dtypes": dtypes,
    }


def _fill_plain(torch: Any, layer: Any, described: Mapping[str, Any], device: str) -> None:
    for name, value in described["values"].items():
        setattr(layer, name, value)
    for name, pairs in described["pairs"].items():
        setattr(layer, name, {key: value for key, value in pairs})  # noqa: C416  # pairs are lists here
    for name, values in described["lists"].items():
        setattr(layer, name, list(values))
    for name, dtype in described["dtypes"].items():
        setattr(layer, name, _dtype(torch, dtype))
    for name in described["devices"]:
        setattr(layer, name, torch.device(device))


def _fill_tensor(torch: Any, cache: Any, state: State, at: int, entry: list[Any], device: str) -> int:
    layer, name, key, dtype, shape = entry
    kind = _dtype(torch, dtype)
    size_bytes = math.prod(shape) * kind.itemsize
    if at + size_bytes > state.nbytes:
        raise ValueError("it is cut short")
    copied = torch.from_numpy(np.array(state[at : at + size_bytes]))
    _Slot(layer, name, key).put(cache.layers, copied.view(kind).reshape(shape).to(device))
    return at + _padded(size_bytes)


def _dtype(torch: Any, name: str) -> Any:
    kind = getattr(torch, name, None)
    if not isinstance(kind, torch.dtype):
        raise TypeError(f"there is no number type {name}")
    return kind


def _read_head(state: State) -> tuple[dict[str, Any], int]:
    fixed = state[:_FIXED_BYTES].tobytes()
    length = int.from_bytes(fixed[4:], "little")
    if fixed[:4] != _MAGIC or _FIXED_BYTES + length > state.nbytes:
        raise ValueError("it is of another kind")
    return json.loads(state[_FIXED_BYTES : _FIXED_BYTES + length].tobytes()), _FIXED_BYTES + length


def _padded(size_bytes: int) -> int:
    return -(-size_bytes // _ALIGNED_BYTES) * _ALIGNED_BYTES
