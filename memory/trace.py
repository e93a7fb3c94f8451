"""Stations at work in, the lines of a receipt out: what each took and what it said."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from memory.turn import Station


@dataclass(slots=True)
class Trace:
    """Times the stations of one request."""

    stations: list[Station] = field(default_factory=list)

    @contextmanager
    def at(self, name: str) -> Iterator[dict[str, Any]]:
        """Time what is done inside as the station ``name``; the yielded dict is what it says."""
        detail: dict[str, Any] = {}
        start = time.perf_counter()
        try:
            yield detail
        finally:
            self.stations.append(Station(name=name, ms=round(1000 * (time.perf_counter() - start), 3), detail=detail))
