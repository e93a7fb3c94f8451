"""The embedded model's examination from text and from activation memory, side by side: are the answers the same?

    python benchmarks/activation_answers.py [--count 200] [--cold]

For each question everything in front of its last message is computed and stored, the engine is closed, and another one
with the same folder answers from what it restores. A third answers from the plain prompt. With `--cold` the states are
stored in 8 bits, whose answers may differ.
"""

import argparse
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from adapters.activation_store.store import ActivationStore
from adapters.embedded import gguf_path
from adapters.embedded.corpus.cells import CELLS, Question, make_cell
from adapters.embedded.training.evaluate import LlamaCppReader
from adapters.generation import BuildRequest
from adapters.llama_context import LlamaContext
from adapters.prefix import LEAST_SHARED
from adapters.prefix_cache import Boundary, StoredPrefix
from proxy.engine_prefix import beginning

ROOM_BYTES = 4 << 30
RESULTS = Path(__file__).parent / "results" / "activation_answers.md"


@dataclass(frozen=True)
class Row:
    """One cell: how many answers are the same, and from how many tokens that were not read."""

    cell: str
    questions: int
    same: int
    right: int
    restored: int  #: questions of which something was restored
    tokens_restored: int
    tokens: int


class Examinee:
    """The model's reader with a folder of activation memories."""

    def __init__(self, folder: Path, *, cold: bool) -> None:
        def opened(context: LlamaContext) -> ActivationStore:
            exact, compressed = (0, ROOM_BYTES) if cold else (ROOM_BYTES, 0)
            return ActivationStore(
                folder,
                fingerprint="examination",
                codec=context.codec,
                ram_bytes=0,
                disk_bytes=exact,
                cold_bytes=compressed,
            )

        self.reader = LlamaCppReader(gguf_path(), threads=1, parked_bytes=0, prefix_cache=opened)

    def build(self, question: Question) -> "Future[StoredPrefix] | None":
        """Compute and store what stands in front of the last message; None when that is too little."""
        tokens = beginning(self.reader.tokens, question.messages[:-1])
        if len(tokens) < LEAST_SHARED:
            return None
        boundary = Boundary(length=len(tokens), salt="")
        return self.reader.engine.build(BuildRequest(tokens=tokens, boundaries=[boundary], idle=False))

    def close(self) -> None:
        """Free the model; what is stored is in its files then."""
        store = self.reader.engine.prefix_cache
        self.reader.close()
        if isinstance(store, ActivationStore):
            store.close()


def compare(cell: str, count: int, seed: int, *, cold: bool) -> Row:
    """Return one cell's row."""
    questions = make_cell(cell, count, seed)
    with tempfile.TemporaryDirectory() as folder:
        builder = Examinee(Path(folder), cold=cold)
        for built in [builder.build(question) for question in questions]:
            if built is not None:
                built.result()
        builder.close()
        examinee, plain = Examinee(Path(folder), cold=cold), LlamaCppReader(gguf_path(), threads=1, parked_bytes=0)
        same = right = found = spared = tokens = 0
        for question in questions:
            answer = examinee.reader.ask(question)
            same += answer.text == plain.ask(question).text
            right += answer.text == question.expected
            found += answer.restored_tokens > 0
            spared += answer.restored_tokens
            tokens += answer.prompt_tokens
        examinee.close()
        plain.close()
    return Row(cell, count, same, right, found, spared, tokens)


def table_of(rows: Sequence[Row]) -> Table:
    """Return the rows as a table."""
    table = Table(
        "cell", "same answer", "right", "questions with something restored", "tokens restored, of the prompts"
    )
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    share = row.tokens_restored / max(1, row.tokens)
    return (
        row.cell,
        f"{row.same} of {row.questions}",
        f"{row.right / row.questions:.3f}",
        str(row.restored),
        f"{100 * share:.0f} %",
    )


def write(rows: Sequence[Row], seed: int, output: Path, *, cold: bool) -> None:
    """Write the rows as Markdown."""
    same, questions = sum(row.same for row in rows), sum(row.questions for row in rows)
    how = "states in 8 bits" if cold else "from files after a restart"
    lines = [
        "# The embedded model's examination from activation memory",
        "",
        f"{same} of {questions} answers are, letter for letter, those from the plain prompt ({how}; seed {seed}).",
        "",
        "`python benchmarks/activation_answers.py`",
        "",
        "| cell | same answer | right | with something restored | tokens restored |",
        "|---|---|---|---|---|",
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
    ]
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Compare from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="questions of each cell")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--cold", action="store_true", help="store in 8 bits")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    console = Console()
    rows = [
        compare(cell, given.count, given.seed, cold=given.cold)
        for cell in track(CELLS, description="examining", console=console, disable=not console.is_terminal)
    ]
    console.print(table_of(rows))
    write(rows, given.seed, given.output, cold=given.cold)
    console.print(f"Written: {given.output}")


if __name__ == "__main__":
    main()
