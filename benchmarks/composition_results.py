"""Outcomes of composed memories in; tables and a report out."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.console import Console
from rich.table import Column, Table

from adapters.embedded import gguf_path

BASELINE = "naive"
AIM = 0.99  # of the plain prompt's answers, so that composing may be offered


@dataclass(frozen=True)
class Outcome:
    """One question answered from composed memories."""

    right: bool
    exact_right: bool  # the plain prompt's answer is
    same: bool  # the whole answer is the plain prompt's, token by token
    kl: float  # mean over the first tokens of the plain prompt's answer, nats
    first_kl: float
    memory_tokens: int
    computed: int  # of them, at their place
    measured: int  # of them, through one layer, to see which to compute
    cpu_s: float  # composing and reading the rest, up to the first token


Found = Mapping[str, Mapping[str, Sequence[Outcome]]]  # by mode and cell

COLUMNS = (
    *("way", "same answer", "at least", "right", "kept right"),
    *("KL a token", "KL first token", "computed again", "measured", "CPU ms"),
)


def share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else math.nan


def at_least(values: Sequence[bool]) -> float:
    """Return the lower end of the 95 % interval of a share (Wilson, one-sided)."""
    count, z = len(values), 1.645
    middle = share(values) + z * z / (2 * count)
    spread = z * math.sqrt(share(values) * (1 - share(values)) / count + z * z / (4 * count * count))
    return (middle - spread) / (1 + z * z / count)


def rows(found: Found) -> list[tuple[str, ...]]:
    made = []
    for mode, cells in found.items():
        outcomes = [outcome for cell in cells.values() for outcome in cell]
        same = [outcome.same for outcome in outcomes]
        tokens = sum(outcome.memory_tokens for outcome in outcomes)
        made.append(
            (
                mode,
                percent(share(same)),
                percent(at_least(same)),
                percent(share([outcome.right for outcome in outcomes])),
                percent(share([outcome.right for outcome in outcomes if outcome.exact_right])),
                *(f"{fmean(getattr(outcome, name) for outcome in outcomes):.5f}" for name in ("kl", "first_kl")),
                *(
                    percent(sum(getattr(outcome, name) for outcome in outcomes) / tokens)
                    for name in ("computed", "measured")
                ),
                f"{1000 * fmean(outcome.cpu_s for outcome in outcomes):.1f}",
            )
        )
    return made


def cell_rows(found: Found, value: Callable[[Outcome], bool]) -> list[tuple[str, ...]]:
    """Return a row for each cell with that share by mode."""
    cells = next(iter(found.values()))
    return [(cell, *(percent(share([value(one) for one in found[mode][cell]])) for mode in found)) for cell in cells]


def percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def verdict(found: Found) -> str:
    """Say which ways keep as many answers as composing asks for."""
    same = {mode: share([one.same for cell in cells.values() for one in cell]) for mode, cells in found.items()}
    kept = [mode for mode, value in same.items() if mode not in (BASELINE, "exact") and value >= AIM]
    return f"Approximate ways that keep at least {AIM:.0%} of the plain prompt's answers: {', '.join(kept) or 'none'}."


def show(engine: str, found: Found, console: Console) -> None:
    table = Table(*(Column(name, justify="right" if index else "left") for index, name in enumerate(COLUMNS)))
    table.title = engine
    for row in rows(found):
        table.add_row(*row)
    console.print(table)
    console.print(verdict(found))


def report(found: Mapping[str, Found], *, count: int, seed: int) -> str:
    model = hashlib.sha256(gguf_path().read_bytes()).hexdigest()[:12]
    lines = [
        "# Memories composed of blocks that were computed apart",
        "",
        f"`benchmarks/composition.py --count {count} --seed {seed}`; the embedded model ({model}), one thread. "
        f"{count} questions of each cell.",
        "",
        "- *same answer*: the whole greedy answer is the plain prompt's, token by token; *at least*: the lower end of "
        "the 95 % interval of that share. *right*: it is the right one; *kept right*: of the questions that the plain "
        "prompt answers rightly. *KL*: from the plain prompt's distribution, over the first tokens of its answer, in "
        "nats.",
        "- *computed again*: share of the memories' tokens that were computed at their place; *measured*: that went "
        "through one layer to find out which to compute.",
        "- *CPU ms*: putting the memories together and reading the rest of the prompt, up to the first token's "
        f"distribution, from states that lie in RAM. *{BASELINE}*: keys as they were computed, each memory alone and "
        "from the first position on; no way that can be chosen.",
        "- The model is very small and learnt to read lists of memories; larger ones relate them in more ways. These "
        "numbers say nothing of other models.",
    ]
    for engine, results in found.items():
        lines += ["", f"## {engine}", "", *markdown(COLUMNS, rows(results)), "", verdict(results), ""]
        lines += [f"Same answer by kind of question ({engine}):", ""]
        lines += markdown(("questions", *results), cell_rows(results, lambda outcome: outcome.same))
        lines += ["", "Right:", "", *markdown(("questions", *results), cell_rows(results, lambda one: one.right))]
    return "\n".join(lines) + "\n"


def markdown(names: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (names, ["---"] + ["---:"] * (len(names) - 1), *body)]
