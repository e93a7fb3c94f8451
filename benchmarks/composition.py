"""Memories that were computed apart, put together in several ways: what that does to the model's answers.

    python benchmarks/composition.py [--count 200] [--seed 7] [--engines llama.cpp,transformers]
        [--modes exact,shift,relink:4] [--cells "5 memories;20 memories"] [--out benchmarks/results/composition.md]

The questions are those of the embedded model's own examination. Each line of the memory block is a block of its own,
computed behind the same text (everything before the first line) and nothing else, in a shuffled order; then the blocks
are put behind each other in the order of the prompt and the rest of it is read. Beside the ways that can be chosen, one
is measured as a baseline: keys as they were computed, alone and from the first position on. The yardstick is the answer
to the plain prompt. Needs no network.
"""

import argparse
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from composition_results import BASELINE, Outcome, report, show
from rich.console import Console
from rich.progress import Progress

from adapters import llama_context, llama_cpp, transformers, transformers_context, transformers_probe
from adapters.chat_template import Segment
from adapters.composition import Block, Composer, Method, Mode, compute_block, parse_mode
from adapters.embedded import gguf_path
from adapters.embedded.corpus.cells import Question, make_cell
from adapters.generation import Span
from adapters.llama_composition import LlamaComposer
from adapters.local_model import chat_template_of
from adapters.transformers_composition import RowComposer
from adapters.transformers_folder import read_model_folder

CELLS = (
    *("5 memories", "20 memories", "missing, 5 memories", "missing, 20 memories"),
    *("newest of two, 5 memories", "newest of two, 20 memories"),
)
LLAMA, HF = "llama.cpp", "transformers"
MODES = {
    LLAMA: ("exact", BASELINE, "shift", "relink:2", "relink:4", "relink:8", "relink:16", "relink:last"),
    HF: ("exact", BASELINE, "shift", "relink:8", "relink:last", "blend:0.05", "blend:0.15", "blend:0.3", "blend:0.5"),
}
LONGEST_ANSWER, COMPARED = 200, 8  # tokens; of so many the whole distribution is compared
ANSWERING, WORKING = 0, 1  # sequences
_LINE = re.compile(r"(?=\n- \d{4}-\d\d-\d\d: )")
_BLOCK_END = re.compile(r"\n</memory>|<\|im_end\|>")


@dataclass(frozen=True)
class Case:
    """A question, cut into what every block follows, the blocks and what follows them, as tokens."""

    expected: str
    prefix: list[int]
    blocks: list[list[int]]
    rest: list[int]

    @property
    def memory_tokens(self) -> int:
        return sum(map(len, self.blocks))


@dataclass(frozen=True)
class Answer:
    tokens: list[int]
    first: np.ndarray  # log-probabilities of the first tokens, shape (COMPARED at most, vocabulary)


class Reader:
    """One engine with the embedded model in it."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.context, self.composer = opened(engine)
        self._template = chat_template_of(self.context.model)

    def case(self, question: Question) -> Case:
        segments = self._template.render(question.messages)
        prefix, *lines = _LINE.split("".join(segment.text for segment in segments))
        end = _BLOCK_END.search(lines[-1])
        if end is None or any(segment.literal for segment in segments):
            raise SystemExit("There is no block of memories in the prompt that could be taken apart.")
        parts = [prefix, *lines[:-1], lines[-1][: end.start()], lines[-1][end.start() :]]
        tokens = [self.context.model.tokenize_prompt([Segment(part, False)]) for part in parts]
        if flat(tokens) != self.context.model.tokenize_prompt(segments):
            raise SystemExit("A token of the prompt crosses the end of a memory: blocks cannot be computed apart.")
        return Case(question.expected, tokens[0], tokens[1:-1], tokens[-1])

    def text(self, tokens: Sequence[int]) -> str:
        return b"".join(map(self.context.piece, tokens)).decode("utf-8", errors="replace")

    def step(self, start: int, tokens: Sequence[int]) -> np.ndarray:
        """Read on in the answering sequence and return the log-probabilities of what comes next."""
        for at in range(0, len(tokens), self.context.batch_tokens):
            part = tokens[at : at + self.context.batch_tokens]
            self.context.decode([Span(ANSWERING, start + at, part, at + len(part) == len(tokens))])
        logits = self.context.logits(0).astype(np.float64)
        shifted = logits - logits.max()
        return shifted - np.log(np.exp(shifted).sum())

    def answer(self, start: int, first: np.ndarray, like: Answer | None = None) -> Answer:
        """Return the greedy answer; ``like``: distributions are those along that answer."""
        tokens, rows, scores = [], [first], first
        while len(tokens) < LONGEST_ANSWER:
            tokens.append(int(scores.argmax()))
            if self.context.is_end(tokens[-1]):
                break
            scores = self.step(start + len(tokens) - 1, tokens[-1:])
            rows.append(scores)
        shown = min(COMPARED, len(like.tokens if like else tokens))
        if like and tokens[:shown] != like.tokens[:shown]:
            same = next(i for i, token in enumerate(like.tokens) if i >= len(tokens) or tokens[i] != token)
            self.context.truncate(ANSWERING, start + same)
            rows = rows[: same + 1]
            rows += [self.step(start + i, like.tokens[i : i + 1]) for i in range(same, shown - 1)]
        return Answer(tokens, np.stack(rows[:shown]))

    def plain(self, case: Case) -> Answer:
        """Return the answer to the whole prompt, read at once."""
        self.context.truncate(ANSWERING, 0)
        prompt = [*case.prefix, *flat(case.blocks), *case.rest]
        return self.answer(len(prompt), self.step(0, prompt))

    def composed(self, case: Case, prefix: Block, blocks: Sequence[Block], mode: Mode, plain: Answer) -> Outcome:
        self.context.truncate(ANSWERING, 0)
        begun = time.process_time()
        made = self.composer.compose(ANSWERING, prefix, blocks, mode)
        first = self.step(made.length, case.rest)
        cpu_s = time.process_time() - begun
        answer = self.answer(made.length + len(case.rest), first, plain)
        distances = (np.exp(plain.first) * (plain.first - answer.first)).sum(1)
        return Outcome(
            right=self.text(answer.tokens) == case.expected,
            exact_right=self.text(plain.tokens) == case.expected,
            same=answer.tokens == plain.tokens,
            kl=float(distances.mean()),
            first_kl=float(distances[0]),
            memory_tokens=case.memory_tokens,
            computed=made.computed,
            measured=made.measured,
            cpu_s=cpu_s,
        )

    def outcomes(self, question: Question, modes: Sequence[str], shuffled: random.Random) -> dict[str, Outcome]:
        case = self.case(question)
        plain = self.plain(case)
        prefix = compute_block(self.context, WORKING, case.prefix)
        behind, alone = ([None] * len(case.blocks) for _ in range(2))
        for index in shuffled.sample(range(len(case.blocks)), len(case.blocks)):
            behind[index] = compute_block(self.context, WORKING, case.blocks[index], prefix)
            if BASELINE in modes:
                alone[index] = compute_block(self.context, WORKING, case.blocks[index])
        return {
            name: self.composed(case, prefix, alone if name == BASELINE else behind, mode_of(name), plain)
            for name in modes
        }

    def close(self) -> None:
        self.context.close()


def flat(parts: Sequence[Sequence[int]]) -> list[int]:
    return [token for part in parts for token in part]


def mode_of(name: str) -> Mode:
    return Mode(method=Method.NAIVE) if name == BASELINE else parse_mode(name)


def opened(engine: str) -> tuple[Any, Composer]:
    """Return a context over the embedded model, one thread, and its composer."""
    if engine == LLAMA:
        options = llama_context.ContextOptions(context_tokens=4096, max_sequences=2)
        context = llama_cpp.new_context(llama_cpp.load_model(gguf_path()), options)
        return context, LlamaComposer(context)
    model = transformers.load_model(read_model_folder(gguf_path().parent), dtype="float32", device="cpu", threads=1)
    rows = transformers_probe.new_context(
        model, transformers_context.ContextOptions(context_tokens=4096, max_sequences=2)
    )
    if not isinstance(rows, transformers_context.RowContext):
        raise SystemExit("transformers computes this model without rows that could be put together.")
    return rows, RowComposer(rows, WORKING)


def measure(
    engine: str, modes: Sequence[str], cells: Sequence[str], count: int, seed: int, console: Console
) -> dict[str, dict[str, list[Outcome]]]:
    """Return outcomes by mode and cell."""
    reader = Reader(engine)
    shuffled = random.Random(seed)
    found: dict[str, dict[str, list[Outcome]]] = {mode: {cell: [] for cell in cells} for mode in modes}
    with Progress(console=console, disable=not console.is_terminal) as progress:
        questions = [(cell, question) for cell in cells for question in make_cell(cell, count, seed)]
        for cell, question in progress.track(questions, description=engine):
            for mode, outcome in reader.outcomes(question, modes, shuffled).items():
                found[mode][cell].append(outcome)
    reader.close()
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="questions of each cell")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--engines", default=f"{LLAMA},{HF}")
    parser.add_argument("--modes", default="", help="default: all that the engine knows")
    parser.add_argument("--cells", default=";".join(CELLS), help="separated by semicolons")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "composition.md")
    given = parser.parse_args(arguments)
    console = Console()
    console = console if console.is_terminal else Console(width=150)
    found = {}
    for engine in given.engines.split(","):
        modes = tuple(filter(None, given.modes.split(","))) or MODES[engine]
        found[engine] = measure(engine, modes, given.cells.split(";"), given.count, given.seed, console)
        show(engine, found[engine], console)
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(report(found, count=given.count, seed=given.seed), encoding="utf-8")
    console.print(f"Written: {given.out}")


if __name__ == "__main__":
    main()
