"""The shipped files and a seed in, the model's card out: ``python -m adapters.embedded.training.evaluate``.

Law: every answer is generated greedily from the shipped GGUF by the engine that serves it, and compared whole; the same
questions go through transformers beside it.
"""

import argparse
import platform
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from adapters.chat_shape import Message
from adapters.embedded import gguf_path
from adapters.embedded.corpus.cells import CELLS, Question, make_cell
from adapters.embedded.training.card import BARS, CellResult, write_card
from adapters.engine import Engine
from adapters.generation import Failed, Finished, GenerationRequest, Piece, Sampling, Started
from adapters.llama_context import ContextOptions, LlamaContext
from adapters.llama_cpp import load_model, new_context
from adapters.local_model import chat_template_of
from adapters.prefix_cache import PrefixCache

_LONGEST_ANSWER = 200  #: tokens
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said, and how much of the prompt was taken from a store instead of read, in tokens."""

    text: str
    restored_tokens: int
    prompt_tokens: int


class LlamaCppReader:
    """Answers by the engine that serves the model."""

    def __init__(
        self,
        path: Path,
        threads: int,
        *,
        parked_bytes: int = 256 << 20,
        prefix_cache: Callable[[LlamaContext], PrefixCache] | None = None,
    ) -> None:
        """``parked_bytes`` and ``prefix_cache`` are the engine's: whoever made a cache closes it, after the reader."""
        self._model = model = load_model(path)
        self._template = chat_template_of(model)
        options = ContextOptions(context_tokens=32768, max_sequences=_AT_ONCE, threads=threads)
        self.engine: Engine[LlamaContext] = Engine(
            lambda: new_context(model, options),
            queue_limit=1 << 20,
            parked_bytes=parked_bytes,
            prefix_cache=prefix_cache,
        )
        self.engine.start().result()

    def answers(self, questions: Sequence[Question]) -> list[str]:
        """Return the answer to each conversation's last message."""
        waiting = [self._submit(question) for question in questions]
        return [future.result().text for future in waiting]

    def ask(self, question: Question) -> Answer:
        """Return the answer to a conversation's last message, and what it cost."""
        return self._submit(question).result()

    def tokens(self, messages: Sequence[Message]) -> list[int]:
        """Return the prompt of a conversation."""
        return self._model.tokenize_prompt(self._template.render(messages))

    def _submit(self, question: Question) -> "Future[Answer]":
        prompt = self.tokens(question.messages)
        answer: Future[Answer] = Future()
        texts: list[str] = []
        restored_tokens = 0

        def take(event: object) -> None:
            nonlocal restored_tokens
            match event:
                case Started(restored=restored):
                    restored_tokens = restored.tokens
                case Piece(text=text):
                    texts.append(text)
                case Finished():
                    answer.set_result(Answer("".join(texts), restored_tokens, len(prompt)))
                case Failed(error):
                    answer.set_exception(error)

        self.engine.submit(
            GenerationRequest(
                prompt=prompt, max_tokens=_LONGEST_ANSWER, on_event=take, sampling=Sampling(temperature=0.0)
            )
        )
        return answer

    def close(self) -> None:
        """Free the model."""
        self.engine.close()


def evaluate(folder: Path, count: int, seed: int, *, threads: int, beside: bool, console: Console) -> list[CellResult]:
    """Return the results of all cells; ``beside``: in transformers too."""
    from adapters.embedded.training.beside import TransformersReader  # noqa: PLC0415  # slow to import

    reader = LlamaCppReader(folder / "model.gguf", threads)
    other = TransformersReader(folder) if beside else None
    results = []
    with Progress(console=console, disable=not console.is_terminal) as progress:
        for cell in progress.track(CELLS, description="examining"):
            questions = make_cell(cell, count, seed)
            answers = reader.answers(questions)
            wrong = [(q, a) for q, a in zip(questions, answers, strict=True) if a != q.expected]
            results.append(
                CellResult(
                    cell=cell,
                    questions=count,
                    llama_cpp=1 - len(wrong) / count,
                    transformers=other.share_right(questions) if other else None,
                    wrong=tuple((_asked(q), a, q.expected) for q, a in wrong[:5]),
                )
            )
    reader.close()
    return results


def _asked(question: Question) -> str:
    return question.chat.turns[-1].user.splitlines()[-1]


def show(results: Sequence[CellResult], console: Console) -> None:
    """Print the results as a table."""
    table = Table("cell", "llama.cpp", "transformers", "must", "aim")
    for result in results:
        must, aim = BARS.get(result.cell, (None, None))
        low = must is not None and result.llama_cpp < must
        beside = "" if result.transformers is None else f"{result.transformers:.3f}"
        figure = f"[red]{result.llama_cpp:.3f}[/]" if low else f"{result.llama_cpp:.3f}"
        table.add_row(result.cell, figure, beside, f"{must or ''}", f"{aim or ''}")
    console.print(table)


def main() -> None:
    """Examine from the command line, and write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=gguf_path().parent)
    parser.add_argument("--count", type=int, default=200, help="questions of each cell")
    parser.add_argument("--seed", type=int, default=None, help="default: drawn now")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--run", type=Path, default=None, help="the training's folder, for its log and plot")
    parser.add_argument("--no-transformers", action="store_true", help="llama.cpp alone")
    parser.add_argument("--no-card", action="store_true", help="print only")
    given = parser.parse_args()
    console = Console()
    seed = secrets.randbelow(1 << 20) + 1000 if given.seed is None else given.seed
    started = time.monotonic()
    results = evaluate(
        given.folder, given.count, seed, threads=given.threads, beside=not given.no_transformers, console=console
    )
    show(results, console)
    for result in results:
        for question, answer, expected in result.wrong:
            console.print(f"{result.cell}: {question!r} -> {answer!r}, not {expected!r}", markup=False, highlight=False)
    if not given.no_card:
        made: dict[str, Any] = {
            "seed": seed,
            "questions": given.count,
            "seconds": round(time.monotonic() - started),
            "machine": platform.machine(),
        }
        write_card(given.folder, results, made, given.run)
        console.print(f"Written: {given.folder / 'CARD.md'}")


if __name__ == "__main__":
    main()
