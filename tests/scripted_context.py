"""A deterministic context for tests of the batching engine, and one caller of it."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from adapters.engine import Engine
from adapters.generation import Event, Failed, Finished, GenerationRequest, Piece, Sampling, Span, Started
from adapters.prefix_cache import State

END, ASK = 256, 257
PIECES = 1000  #: ids from here on are pieces of several bytes


class ScriptedCodec:
    """States that are nothing but their tokens, as int32."""

    def __init__(self, *, slices: bool = True) -> None:
        self.slices = slices

    def rows(self, state: State, start: int, stop: int) -> State:
        assert self.slices
        assert 0 <= start < stop <= state.nbytes // 4
        return state[4 * start : 4 * stop].copy()

    def to_int8(self, state: State) -> State | None:
        return state.view(np.int32).astype(np.int16).view(np.uint8)

    def from_int8(self, data: State) -> State:
        return data.view(np.int16).astype(np.int32).view(np.uint8)


class ScriptedContext:
    """Answers each prompt with what stands in it between token 0 and ASK, and checks every call it gets."""

    def __init__(self, *, cells: int = 4096, sequences: int = 8, batch: int = 64, whole_only: bool = False) -> None:
        self.context_tokens, self.max_sequences, self.batch_tokens = cells, sequences, batch
        self.whole_only = whole_only
        self.sequences: dict[int, list[tuple[int, object]]] = {}
        self.pieces: list[bytes] = []
        self.batches: list[list[Span]] = []
        self.failures: list[Exception] = []
        self.gate: threading.Semaphore | None = None
        self.at_gate = threading.Semaphore(0)
        self.owner: int | None = None
        self.closed = False
        self.codec = ScriptedCodec(slices=not whole_only)
        self.fingerprint: Mapping[str, str | int | float | bool] = {"engine": "scripted", "whole_only": whole_only}

    def _check_thread(self) -> None:
        self.owner = self.owner or threading.get_ident()
        assert self.owner == threading.get_ident(), "two threads touched the context"

    def tokens(self, sequence: int) -> list[int]:
        return [token for token, _ in self.sequences.get(sequence, [])]

    def used(self) -> int:
        return len({id(cell) for row in self.sequences.values() for _, cell in row})

    def decode(self, spans: Sequence[Span]) -> None:
        self._check_thread()
        self.at_gate.release()
        if self.gate is not None:
            assert self.gate.acquire(timeout=10)
        if self.failures:
            raise self.failures.pop(0)
        assert 0 < sum(len(span.tokens) for span in spans) <= self.batch_tokens
        assert len({span.sequence for span in spans}) == len(spans)
        for span in spans:
            row = self.sequences.setdefault(span.sequence, [])
            assert 0 <= span.sequence < self.max_sequences
            assert span.start == len(row), "positions must be consecutive"
            assert span.tokens
            row += [(token, object()) for token in span.tokens]
        assert self.used() <= self.context_tokens, "more cells than there are"
        self.batches.append(list(spans))

    def new_sampler(self, sampling: Sampling, prompt: Sequence[int]) -> Any:
        return sampling, len(prompt)

    def sample(self, span_index: int, sampler: Any) -> int:
        assert sampler
        self._check_thread()
        span = self.batches[-1][span_index]
        assert span.wants_logits
        tokens = self.tokens(span.sequence)
        ask = tokens.index(ASK)
        start = max(i for i in range(ask) if tokens[i] == 0) + 1
        answer, said = tokens[start:ask], len(tokens) - ask - 1
        return answer[said] if said < len(answer) else END

    def is_end(self, token: int) -> bool:
        return token == END

    def piece(self, token: int) -> bytes:
        return self.pieces[token - PIECES] if token >= PIECES else bytes([token])

    def branch_point(self, sequence: int, length: int) -> int:
        whole = len(self.sequences.get(sequence, []))
        return 0 if self.whole_only and length < whole else min(length, whole)

    def fork(self, source: int, target: int, length: int) -> None:
        self._check_thread()
        assert not self.sequences.get(target)
        self.sequences[target] = self.sequences[source][:length]

    def truncate(self, sequence: int, length: int) -> None:
        self._check_thread()
        assert not self.whole_only or length in (0, len(self.sequences.get(sequence, [])))
        self.sequences[sequence] = self.sequences.get(sequence, [])[:length]

    def reset(self) -> None:
        self.sequences.clear()

    @property
    def branches_anywhere(self) -> bool:
        return not self.whole_only

    def state_bytes(self, sequence: int) -> int:
        return 4 * len(self.tokens(sequence))

    def save(self, sequence: int) -> np.ndarray:
        self._check_thread()
        return np.array(self.tokens(sequence), np.int32).view(np.uint8)

    def restore(self, sequence: int, data: np.ndarray) -> int:
        self._check_thread()
        assert not self.sequences.get(sequence)
        self.sequences[sequence] = [(int(token), object()) for token in data.view(np.int32)]
        assert self.used() <= self.context_tokens, "more cells than there are"
        return len(self.sequences[sequence])

    def restore_parts(self, sequence: int, parts: Sequence[State]) -> int:
        assert len(parts) == 1 or self.codec.slices, "only states that can be cut come in parts"
        return self.restore(sequence, np.concatenate(parts))

    def close(self) -> None:
        self.closed = True


class Caller:
    """One request and what came back. The engine says first that it has begun; that is kept apart."""

    def __init__(self, engine: Engine[ScriptedContext], prompt: list[int], **options: Any) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.started: Started | None = None
        options = {"max_tokens": 1000, **options}
        self.engine = engine
        self.generation = engine.submit(GenerationRequest(prompt=prompt, on_event=self._take, **options))

    def _take(self, event: Event) -> None:
        if isinstance(event, Started):
            assert self.started is None
            assert self.events.empty()
            self.started = event
        else:
            self.events.put(event)

    def result(self) -> tuple[list[str], Finished]:
        pieces: list[str] = []
        while True:
            event = self.events.get(timeout=10)
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Finished):
                return pieces, event
            assert isinstance(event, Piece)
            pieces.append(event.text)

    def cancel(self) -> None:
        self.engine.cancel(self.generation)


def prompt_for(answer: str | list[int], filler: Sequence[int] = ()) -> list[int]:
    return [*filler, 0, *(answer.encode() if isinstance(answer, str) else answer), ASK]


@pytest.fixture(name="start")
def started_engines() -> Iterator[Callable[..., Engine[ScriptedContext]]]:
    """Start engines that are closed, and whose thread has ended, when the test is over."""
    engines: list[Engine[ScriptedContext]] = []

    def make(context: ScriptedContext, **options: Any) -> Engine[ScriptedContext]:
        engine = Engine(lambda: context, **options)
        engines.append(engine)
        engine.start().result(timeout=10)
        return engine

    yield make
    for engine in engines:
        context = engine.ready.result()
        if context.gate is not None:
            context.gate.release(100_000)
        engine.close()
        assert context.closed
