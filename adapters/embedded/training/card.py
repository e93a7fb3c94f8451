"""Results of an examination in, the model's card and its picture out.

Law: the card holds what was measured, the bar beside it, and what the model cannot do.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What must hold, and what is aimed at.
BARS: Mapping[str, tuple[float, float]] = {
    "1 memory": (0.96, 0.98),
    "5 memories": (0.94, 0.97),
    "20 memories": (0.90, 0.95),
    "missing, 5 memories": (0.95, 0.97),
    "missing, 20 memories": (0.95, 0.97),
    "missing of a known person": (0.90, 0.95),
    "newest of two, 5 memories": (0.90, 0.95),
    "newest of two, 20 memories": (0.90, 0.95),
    "told earlier in the chat": (0.97, 0.99),
    "third persons, 5 memories": (0.92, 0.95),
    "list of up to 5": (0.80, 0.90),
    "paraphrased, 5 memories": (0.35, 0.60),
}
_CANNOT = """\
## What it cannot do

- It knows nothing but what stands in its prompt: no facts about the world, no languages, no arithmetic, no reasoning.
- It reads English sentences of the kinds in `corpus/`, and misreads much of what is phrased otherwise (see
  "paraphrased" above: questions that no training text contains).
- It copies; it does not infer. "Can I eat walnuts?" is not answered from "allergic to walnuts".
- Of two lines that contradict each other it does not always take the newer one (see "newest of two"). (The product
  brings in facts that hold; both stand there only where one is a quote, or in what a caller wrote.)
- Long lists: it names five facts and says that there are more; beyond four facts one is often wrong.
- Names and values of rare spelling come back misspelt now and then; that is what most of the wrong answers above are.
- 2,048 tokens of context, prompt and answer together.
"""
_PLOTTED = (
    "1 memory",
    "5 memories",
    "20 memories",
    "missing, 5 memories",
    "list of up to 5",
    "paraphrased, 5 memories",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """What share of a cell is right, and what went wrong first."""

    cell: str
    questions: int
    llama_cpp: float
    transformers: float | None
    wrong: tuple[tuple[str, str, str], ...]  #: question, answer, expected


def write_card(folder: Path, results: Sequence[CellResult], made: Mapping[str, Any], run: Path | None) -> None:
    """Write ``CARD.md``, and with a training's folder its log and the picture of it."""
    if run is not None:
        log = (run / "log.jsonl").read_text(encoding="utf-8")
        (folder / "training.jsonl").write_text(log, encoding="utf-8")
        (folder / "plan.json").write_text((run / "plan.json").read_text(encoding="utf-8"), encoding="utf-8")
        draw(folder / "training.jsonl", folder / "training.svg")
    parts = ["# memos-tiny", "", *_introduction(folder), "", *_table(results, made), "", _CANNOT]
    (folder / "CARD.md").write_text("\n".join(parts), encoding="utf-8")


def draw(log: Path, picture: Path) -> None:
    """Draw accuracy against tokens."""
    import matplotlib as mpl  # noqa: PLC0415  # slow to import, and of use here only

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    figure, axes = plt.subplots(figsize=(7, 4))
    for cell in _PLOTTED:
        axes.plot([line["tokens"] / 1e6 for line in lines], [line[cell] for line in lines], label=cell, linewidth=1.4)
    axes.set_xlabel("training tokens, millions")
    axes.set_ylabel("whole answers right, unseen words")
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)


def _introduction(folder: Path) -> list[str]:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    size_mb = sum((folder / name).stat().st_size for name in ("model.safetensors", "model.gguf")) / 1e6
    lines = [
        f"A Qwen3-shaped decoder of {config['num_hidden_layers']} layers and {config['hidden_size']} dimensions, "
        "trained from scratch on generated conversations only (`corpus/`), to answer from the memories in its prompt. "
        f"Weights in f16 as safetensors and GGUF, {size_mb:.1f} MB together. `make train-model` makes it, "
        "`make eval-model` this card.",
    ]
    log = folder / "training.jsonl"
    if log.exists():
        last = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
        lines += [
            "",
            f"Trained in one run: {last['tokens'] / 1e6:.1f} million tokens, {last['step']:,} steps, "
            f"{last['cpu_minutes']:.0f} CPU-minutes.",
            "",
            "![Accuracy against tokens](training.svg)",
        ]
    notes = folder / "training-notes.md"
    if notes.exists():
        lines += ["", notes.read_text(encoding="utf-8").strip()]
    return lines


def _table(results: Sequence[CellResult], made: Mapping[str, Any]) -> list[str]:
    lines = [
        "## What it can do",
        "",
        f"The share of whole answers that are right, decoded greedily, {made['questions']} questions a row, "
        f"seed {made['seed']} (drawn when the model was finished). Names, values and attributes "
        "never occur in its training.",
        "",
        "| | llama.cpp (GGUF) | transformers | must | aim |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        must, aim = BARS.get(result.cell, ("", ""))
        beside = "" if result.transformers is None else f"{result.transformers:.3f}"
        lines.append(f"| {result.cell} | {result.llama_cpp:.3f} | {beside} | {must} | {aim} |")
    return lines
