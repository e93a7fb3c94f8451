"""States of four bytes a token, which tell what they were computed from, and stores of them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from adapters.activation_store.store import ActivationStore
from adapters.prefix_cache import Boundary, Match, State


def state_of(tokens) -> State:
    """The state of a prefix: each token's four bytes depend on all tokens up to it."""
    return np.cumsum(np.array(tokens, np.int64) * 2654435761 + 97).astype(np.uint32).view(np.uint8).copy()


@dataclass
class FourBytes:
    """A codec for these states; in 8 bits (16, to be precise) they lose the lower half of every number."""

    slices: bool = True
    int8: bool = True
    compressed: list[int] = field(default_factory=list)

    def rows(self, state: State, start: int, stop: int) -> State:
        return state[4 * start : 4 * stop]  # a view: to be kept it must be copied

    def to_int8(self, state: State) -> State | None:
        self.compressed.append(state.nbytes)
        return (state.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8) if self.int8 else None

    def from_int8(self, data: State) -> State:
        return (data.view(np.uint16).astype(np.uint32) << 16).view(np.uint8)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def open_store(folder: Path | None, **changed) -> ActivationStore:
    wanted = {
        "fingerprint": "model a",
        "codec": FourBytes(),
        "ram_bytes": 1 << 20,
        "disk_bytes": 1 << 20,
        "cold_bytes": 0,
    }
    return ActivationStore(folder, **{**wanted, **changed})


def keep(store: ActivationStore, tokens, salt: str = "ada", *, shared: int = 0, build_s: float = 1.0, labels=None):
    """Keep a prefix, of which the first ``shared`` tokens belong to "all"."""
    boundaries = [Boundary(length=shared, salt="all")] if shared else []
    boundaries.append(Boundary(length=len(tokens), salt=salt))
    return store.keep(list(tokens), boundaries, state_of(tokens), build_s=build_s, labels=labels or {})


def find(store: ActivationStore, prompt, *salts: str, whole: bool = False) -> Match | None:
    return store.match(list(prompt), salts or ("ada",), whole=whole)


def restored(store: ActivationStore, match: Match) -> bytes:
    """What a context would hold after restoring a match, one state behind the other."""
    return b"".join(state.tobytes() for state in store.load(match))


def state_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))
