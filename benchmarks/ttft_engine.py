"""The time to the first token inside an engine: its process's CPU and the wall's clock, from tokens to a token.

Two engines of one model: one whose store of activation memories has room in memory, and one that has files only. Before
each measurement the context is emptied, so that what is restored comes from where the way says.
"""

import math
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from activation_models import single_words
from ttft_results import ALONE, BARE, DISK, HF, PLAIN, RAM, RESIDENT, Cell, Memory, Series, Taken

from adapters.activation_store.store import ActivationStore
from adapters.engine import Engine
from adapters.generation import (
    BuildRequest,
    Event,
    Failed,
    Finished,
    GenerationRequest,
    Piece,
    Restored,
    Sampling,
    SequenceContext,
    Span,
    Started,
)
from adapters.prefix_cache import Boundary
from proxy.engine_hf import load_folder
from proxy.engine_llama import load_gguf
from proxy.engine_options import EngineOptions

NO_END = {0: -100.0, 2: -100.0}
GREEDY = Sampling(temperature=0, logit_bias=NO_END)
WARM_TOKENS, DURABLE_S = 64, 600.0
CACHES_BYTES = 64 << 20


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    cells: Sequence[Cell]
    repeats: int
    plain_repeats: int  #: of plain prompts, which take longest
    threads: int
    repeat_tokens: int  #: the model says what stands so many tokens back
    on_step: Callable[[str], None] = print


class Marks:
    """An engine's clock that notes when it was asked first: right before a batch is computed."""

    def __init__(self) -> None:
        self.first_s: float | None = None  #: CPU

    def __call__(self) -> float:
        if self.first_s is None:
            self.first_s = time.process_time()
        return time.monotonic()


@dataclass
class Asked:
    """A request's events, with the times at which they came."""

    text: str = ""
    restored: Restored | None = None
    ended: tuple[float, float] = (0.0, 0.0)  #: CPU, wall
    error: Exception | None = None
    begun: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    def take(self, event: Event) -> None:
        """Take an event; called in the engine's thread."""
        match event:
            case Started():
                self.restored = event.restored
            case Piece():
                self.text += event.text
                self.begun.set()
            case Failed():
                self.error = event.error
                self.done.set()
            case Finished():
                self.ended = time.process_time(), time.perf_counter()
                self.begun.set()
                self.done.set()


class Rig:
    """One engine, measured from its own process."""

    def __init__(self, options: EngineOptions, folder: Path, ram_bytes: int) -> None:
        self.marks = Marks()
        self._store: ActivationStore | None = None
        load = load_folder if options.kind == "hf" else load_gguf

        def store(context: SequenceContext) -> ActivationStore:
            self._store = ActivationStore(
                folder,
                fingerprint="benchmark",
                codec=context.codec,
                ram_bytes=ram_bytes,
                disk_bytes=1 << 40,
                cold_bytes=0,
            )
            return self._store

        self.engine: Engine[SequenceContext] = Engine(
            lambda: load(options).context, parked_bytes=0, prefix_cache=store, clock=self.marks
        )
        self.context = self.engine.start().result()

    def first_token(
        self, prompt: Sequence[int], salt: str, *, stored: bool = False
    ) -> tuple[Taken, str, Restored | None]:
        """Return what the first token took, the token's text, and what was restored."""
        asked = Asked()
        request = self._request(prompt, 1, salt, asked, stored=stored)
        self.marks.first_s = None
        cpu, wall = time.process_time(), time.perf_counter()
        self.engine.submit(request)
        asked.done.wait()
        if asked.error is not None:
            raise asked.error
        ready = self.marks.first_s or cpu
        taken = Taken(asked.ended[0] - cpu, asked.ended[1] - wall, placed_s=ready - cpu)
        return taken, asked.text, asked.restored

    def empty_context(self) -> None:
        """Let nothing computed stay: somebody reserves all cells, and goes."""
        asked = Asked()
        request = self._request([3, 3], self.context.context_tokens, "nobody", asked)
        generation = self.engine.submit(request)
        asked.begun.wait()
        self.engine.cancel(generation)
        self.engine.call(lambda _: None).result()

    def build(self, tokens: Sequence[int], salt: str) -> tuple[int, float]:
        """Store a prefix; return its bytes, and the CPU seconds until it lay on the disk."""
        cpu = time.process_time()
        boundaries = [Boundary(length=len(tokens), salt=salt)]
        stored = self.engine.build(BuildRequest(tokens=tokens, boundaries=boundaries, idle=False)).result()
        if not self._require_store().flush(DURABLE_S):
            raise SystemExit("The activation memory could not be written.")
        return stored.size_bytes, time.process_time() - cpu

    def restoring(self, prompt: Sequence[int], salt: str) -> float:
        """Return the CPU seconds of bringing what is stored of a prompt into the context; which must be empty."""

        def timed(context: SequenceContext) -> float:
            store, unused = self._require_store(), context.max_sequences - 1
            match = store.match(prompt, [salt], whole=False)
            if match is None:
                return math.nan
            fill_caches()
            before = time.process_time()
            context.restore_parts(unused, store.load(match))
            took = time.process_time() - before
            context.truncate(unused, 0)
            return took

        return self.engine.call(timed).result()

    def _require_store(self) -> ActivationStore:
        if self._store is None:
            raise SystemExit("The engine has no store.")
        return self._store

    def close(self) -> None:
        self.engine.close(60)
        if self._store is not None:
            self._store.close()

    @staticmethod
    def _request(
        prompt: Sequence[int], tokens: int, salt: str, asked: Asked, *, stored: bool = False
    ) -> GenerationRequest:
        return GenerationRequest(
            prompt=prompt,
            max_tokens=tokens,
            on_event=asked.take,
            sampling=GREEDY,
            cache_salt=salt,
            use_activation=stored,
        )


@contextmanager
def rig(options: EngineOptions, folder: Path, ram_bytes: int) -> Iterator[Rig]:
    """An engine that is warm, and its end."""
    made = Rig(options, folder, ram_bytes)
    try:
        made.first_token([3] * WARM_TOKENS, "warms")
        yield made
    finally:
        made.close()


def measure(kind: str, model: Path, plan: Plan, folder: Path, series: Series) -> None:
    """Fill the series with what one engine takes; ``kind``: llama_cpp | hf."""
    options = EngineOptions(
        kind=kind,
        model_path=model,
        model_id="bench",
        context_tokens=context_tokens(plan.cells),
        max_sequences=8,
        threads=plan.threads,
        check_memory=False,
    )
    prompts = Prompts(plan)
    with rig(options, folder / "ram", 1 << 40) as ours:
        for memory in sorted({cell.memory for cell in plan.cells}):
            plan.on_step(f"building {memory:,} tokens")
            ours.empty_context()
            size_bytes, build_s = ours.build(prompts.memory(memory), f"memory-{memory}")
            series.memories[memory] = Memory(size_bytes, build_s, copying(size_bytes))
        shutil.copytree(folder / "ram", folder / "disk")
        with rig(options, folder / "disk", 0) as from_files:
            for cell, number in _turns(plan):
                plan.on_step(f"{cell.memory:,} x {cell.question}, turn {number + 1}")
                _measure_cell(ours, from_files, prompts, cell, number, plan, series)
    if series.engine != HF:
        plan.on_step("llama.cpp by itself")
        _measure_bare(options, prompts, plan, series)


def context_tokens(cells: Sequence[Cell]) -> int:
    """Return room for a prompt that is measured and the one before it."""
    return 2 * max(memory + question + 64 for memory, question in cells)


def _turns(plan: Plan) -> Iterator[tuple[Cell, int]]:
    return ((cell, number) for number in range(plan.repeats) for cell in plan.cells)


class Prompts:
    """Random words of one token each; the same number gives the same words."""

    def __init__(self, plan: Plan) -> None:
        words = single_words()
        self._tokens = list(words.values())
        self._texts = {token: f" {word}" for word, token in words.items()}
        self._back = plan.repeat_tokens

    def memory(self, length: int) -> list[int]:
        """Return the beginning of one long text: shorter memories begin the longer ones."""
        return self._words(length, "memory")

    def question(self, length: int, number: int) -> list[int]:
        return self._words(length, f"question {number} {length}")

    def answer(self, prompt: Sequence[int]) -> str:
        """Return what the model must say next."""
        return self._texts[prompt[-self._back]]

    def _words(self, length: int, seed: str) -> list[int]:
        return random.Random(seed).choices(self._tokens, k=length)


def _measure_cell(
    ours: Rig, from_files: Rig, prompts: Prompts, cell: Cell, number: int, plan: Plan, series: Series
) -> None:
    memory, salt = prompts.memory(cell.memory), f"memory-{cell.memory}"
    question, other = (prompts.question(cell.question, 2 * number + n) for n in range(2))

    def take(way: str, rig: Rig, prompt: list[int], salt: str, *, stored: bool = False, empty: bool = True) -> None:
        if empty:
            rig.empty_context()
        taken, text, restored = rig.first_token(prompt, salt, stored=stored)
        if way in (RAM, DISK):
            rig.empty_context()
            taken = replace(taken, restored_s=rig.restoring(prompt, salt))
        series.add(cell, way, taken)
        if way != ALONE:
            tier = restored.tier.value if restored is not None and restored.tokens >= cell.memory else "text"
            wanted = WANTED.get(way, "text")
            series.check(cell, way, text=text, expected=prompts.answer(prompt), tier=tier, wanted=wanted)

    take(ALONE, ours, question, "alone")
    take(RAM, ours, [*memory, *question], salt, stored=True)
    ours.first_token([*memory, *question[:1]], salt, stored=True)
    take(RESIDENT, ours, [*memory, *other], salt, stored=True, empty=False)
    take(DISK, from_files, [*memory, *question], salt, stored=True)
    if number < plan.plain_repeats:
        take(PLAIN, ours, [*memory, *question], "plain")


WANTED: Mapping[str, str] = {RAM: "ram", DISK: "disk", RESIDENT: "resident"}


def _measure_bare(options: EngineOptions, prompts: Prompts, plan: Plan, series: Series) -> None:
    """The least that restoring can cost: one whole state and the question, with nothing around them."""
    context: Any = load_gguf(options).context
    try:
        states, computed = {}, 0
        for memory in sorted({cell.memory for cell in plan.cells}):
            _decode(context, prompts.memory(memory)[computed:], computed)
            states[memory], computed = context.save(0), memory
        context.truncate(0, 0)
        for cell, number in _turns(plan):
            question = prompts.question(cell.question, 2 * number)
            sampler = context.new_sampler(GREEDY, question)
            fill_caches()
            cpu, wall = time.process_time(), time.perf_counter()
            context.restore(0, states[cell.memory])
            restored = time.process_time()
            last = _decode(context, question, cell.memory)
            token = context.sample(last, sampler)
            ended = time.process_time() - cpu, time.perf_counter() - wall
            taken = Taken(*ended, placed_s=restored - cpu, restored_s=restored - cpu)
            context.truncate(0, 0)
            series.add(cell, BARE, taken)
            prompt = [*prompts.memory(cell.memory), *question]
            text = context.piece(token).decode(errors="replace")
            series.check(cell, BARE, text=text, expected=prompts.answer(prompt), tier="", wanted="")
    finally:
        context.close()


def _decode(context: SequenceContext, tokens: Sequence[int], start: int) -> int:
    """Compute tokens of sequence 0 in full batches; return the index of the last span."""
    for at in range(0, len(tokens), context.batch_tokens):
        part = tokens[at : at + context.batch_tokens]
        context.decode([Span(0, start + at, part, at + len(part) == len(tokens))])
    return 0


def copying(size_bytes: int, times: int = 9) -> float:
    """Return the least CPU of copying so many bytes between places in memory that were touched, but not just now."""
    source, target = np.ones(size_bytes, np.uint8), np.zeros(size_bytes, np.uint8)
    took = []
    for _ in range(times):
        fill_caches()
        before = time.thread_time()
        np.copyto(target, source)
        took.append(time.thread_time() - before)
    return min(took)


def fill_caches() -> None:
    """Let the processor's caches hold something else than what is measured next, as after a prompt."""
    np.ones(CACHES_BYTES, np.uint8).sum()
