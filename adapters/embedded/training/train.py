"""A seed in, a trained model out: ``python -m adapters.embedded.training.train --out DIR``.

Law: one run, one schedule, measured in tokens: a run that was stopped goes on where it was, and the same seed on the
same machine gives the same model.
"""

import argparse
import dataclasses
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.multiprocessing.spawn import spawn
from torch.nn import functional

from adapters.embedded.corpus.cells import CELLS, make_cell
from adapters.embedded.training.batches import Batch, Batches
from adapters.embedded.training.exact import exactly_right
from adapters.embedded.training.network import Reader, Shape, deepen, prime_induction
from adapters.embedded.training.optimizer import Muon
from adapters.embedded.training.supersession import Supersession
from adapters.embedded.training.team import MEETING, Team
from adapters.embedded.training.tokenizer import load_tokenizer, trained_tokenizer

_WARM_UP_STEPS = 60
_CHECKPOINT = "checkpoint.pt"
_TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is trained, for how long."""

    tokens: int = 91_000_000
    batch_tokens: int = 4096  #: of all workers; half of it in the first 15 %: more steps while everything is new
    workers: int = 2  #: processes of one thread each: they meet once a step, threads at every operation
    learning_rate: float = 5e-3
    flat: float = 0.3  #: share of the run at the full rate; then a cosine down to ``floor``
    floor: float = 0.02
    vocabulary: int = 2048
    hidden: int = 192
    layers: int = 8
    shallow_layers: int = 4  #: before ``deepened``: that part of the run costs half
    deepened: float = 0.54  #: share of the run from which half of the missing layers are there
    deepest: float = 0.82  #: share of the run from which all layers are there
    feed_forward: int = 384
    supersession: float = 0.2  #: how much seeing that a line replaces an earlier one counts beside answering
    seed: int = 0
    checkpoint_s: float = 600.0
    examined: int = 30  #: prompts of each cell at every checkpoint
    bf16: bool = torch.cpu.get_capabilities().get("avx512_bf16", False)  #: else its products are slower than f32's

    def layers_at(self, phase: float) -> int:
        """Return how many layers the network has at this share of the run."""
        if phase < self.deepened:
            return self.shallow_layers
        return (self.shallow_layers + self.layers) // 2 if phase < self.deepest else self.layers

    def rate(self, step: int, phase: float) -> float:
        """Return the learning rate's share of its full value; ``step``: since the optimizers started."""
        warm = min(1.0, (step + 1) / _WARM_UP_STEPS)
        if phase < self.flat:
            return warm
        down = 0.5 * (1 + math.cos(math.pi * min(1.0, (phase - self.flat) / (1 - self.flat))))
        return warm * (self.floor + (1 - self.floor) * down)


class Training:
    """A model in the making, with all that is needed to go on with it."""

    def __init__(self, plan: Plan, folder: Path, console: Console, team: Team) -> None:
        self.plan, self._folder, self._console, self._team = plan, folder, console, team
        self.tokenizer = load_tokenizer(folder / _TOKENIZER)
        torch.manual_seed(plan.seed)
        self.reader = Reader(
            Shape(
                hidden=plan.hidden,
                layers=plan.shallow_layers,
                feed_forward=plan.feed_forward,
                vocabulary=self.tokenizer.get_vocab_size(),
            )
        )
        prime_induction(self.reader)
        self._supersession = Supersession(self.reader.shape)
        self._prepare()
        self._batches = Batches(self.tokenizer, plan.seed + 1000)
        self.step = self.pools = self.seen = self._deepened_at_step = 0
        self.spent_s = self.spent_cpu_s = 0.0
        self.losses: list[float] = []
        self.supersession_losses: list[float] = []

    def _prepare(self) -> None:
        self.reader.multiply_in_bf16(chosen=self.plan.bf16)
        self._parameters = [*self.reader.parameters(), *self._supersession.parameters()]
        matrices = [p for n, p in self.reader.named_parameters() if p.ndim == 2 and "embed" not in n]
        self._others = [p for n, p in self.reader.named_parameters() if p.ndim != 2 or "embed" in n]
        self._others += self._supersession.parameters()
        self._muon = Muon(matrices, self._team)
        rate = self.plan.learning_rate
        self._adam = torch.optim.AdamW(self._others, lr=rate, betas=(0.9, 0.95), weight_decay=0.01)

    def _deepen(self, layers: int) -> None:
        """Add the missing layers, with momentum from nothing: the rate warms up again."""
        deepen(self.reader, layers)
        self._prepare()
        self._deepened_at_step = self.step

    @property
    def phase(self) -> float:
        """How much of the run is done, 0 to 1."""
        return min(1.0, self.seen / self.plan.tokens)

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False without one."""
        path = self._folder / _CHECKPOINT
        if not path.exists():
            return False
        saved = torch.load(path, weights_only=True)
        if "supersession" not in saved:
            raise SystemExit(f"{path} is of an earlier version of this training: begin anew with rm -r {self._folder}")
        if saved["layers"] > self.reader.shape.layers:
            self._deepen(saved["layers"])
        self._deepened_at_step = saved["deepened_at_step"]
        self.reader.load_state_dict(saved["reader"])
        self._supersession.load_state_dict(saved["supersession"])
        self._adam.load_state_dict(saved["adam"])
        self._muon.load(saved["muon"])
        self.step, self.pools, self.seen = saved["step"], saved["pools"], saved["seen"]
        self.spent_s, self.spent_cpu_s = saved["spent_s"], saved["spent_cpu_s"]
        return True

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        path = self._folder / _CHECKPOINT
        state = {
            "reader": self.reader.state_dict(),
            "supersession": self._supersession.state_dict(),
            "adam": self._adam.state_dict(),
            "muon": self._muon.state(),
            "step": self.step,
            "pools": self.pools,
            "seen": self.seen,
            "layers": self.reader.shape.layers,
            "deepened_at_step": self._deepened_at_step,
            "spent_s": self.spent_s,
            "spent_cpu_s": self.spent_cpu_s,
        }
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def run_pool(self) -> None:
        """Train on one pool of batches."""
        started, cpu = time.monotonic(), time.process_time()
        layers = self.plan.layers_at(self.phase)
        if layers > self.reader.shape.layers:
            self._deepen(layers)
        size = self.plan.batch_tokens // 2 if self.phase < 0.15 else self.plan.batch_tokens
        number = self.pools * self._team.workers + self._team.rank
        for batch in self._batches.pool(number, self.phase, size // self._team.workers):
            self._train(batch)
        self.pools += 1
        self.spent_s += time.monotonic() - started
        self.spent_cpu_s += (time.process_time() - cpu) * self._team.workers  # they do the same

    def _train(self, batch: Batch) -> None:
        rate = self.plan.learning_rate * self.plan.rate(self.step - self._deepened_at_step, self.phase)
        logits, states = self.reader.read(batch.ids, batch.wanted)
        loss = functional.cross_entropy(logits, batch.labels, reduction="sum")
        beside = len(batch.labels) * self._supersession.loss(states, batch.marked, batch.newer)
        ((loss + self.plan.supersession * beside) / self.plan.batch_tokens).backward()
        labels, tokens, total, seen = self._team.share(
            self._parameters, [float(len(batch.labels)), float(batch.tokens), loss.item(), beside.item()]
        )
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.grad.mul_(self.plan.batch_tokens / labels)
        torch.nn.utils.clip_grad_norm_(self._others, 1.0)
        self._adam.param_groups[0]["lr"] = rate
        self._adam.step()
        self._muon.step(rate)
        self.reader.zero_grad(set_to_none=True)
        self._supersession.zero_grad(set_to_none=True)
        self.losses.append(total / labels)
        self.supersession_losses.append(seen / labels)
        self.step += 1
        self.seen += int(tokens)

    def examine(self) -> dict[str, Any]:
        """Return accuracy by cell on words that are not in the text, with where the run is."""
        self.reader.eval()
        cells = {
            name: sum(exactly_right(self.reader, self.tokenizer, make_cell(name, self.plan.examined, seed=1)))
            / self.plan.examined
            for name in CELLS
        }
        self.reader.train()
        recent, beside = self.losses[-300:], self.supersession_losses[-300:]
        return {
            "step": self.step,
            "tokens": self.seen,
            "minutes": round(self.spent_s / 60, 2),
            "cpu_minutes": round(self.spent_cpu_s / 60, 2),
            "loss": round(sum(recent) / max(1, len(recent)), 4),
            "supersession_loss": round(sum(beside) / max(1, len(beside)), 4),
            **{name: round(value, 3) for name, value in cells.items()},
        }

    def write_log(self, line: dict[str, Any]) -> None:
        """Append a line to the run's log, and show it."""
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        self._console.print("  ".join(f"{key} {value}" for key, value in line.items()), highlight=False)

    def finish(self) -> None:
        """Write the weights and the shape that the export takes."""
        torch.save(self.reader.state_dict(), self._folder / "reader.pt")
        (self._folder / "shape.json").write_text(json.dumps(dataclasses.asdict(self.reader.shape)), encoding="utf-8")


def train(plan: Plan, folder: Path) -> None:
    """Train into a folder; goes on from its checkpoint when there is one."""
    console = Console()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _TOKENIZER).exists():
        console.print("Learning the tokenizer")
        trained_tokenizer(plan.vocabulary, plan.seed + 99).save(str(folder / _TOKENIZER))
    (folder / "plan.json").write_text(json.dumps(dataclasses.asdict(plan), indent=1), encoding="utf-8")
    (folder / MEETING).unlink(missing_ok=True)
    spawn(_work, args=(plan, folder), nprocs=plan.workers)


def _work(rank: int, plan: Plan, folder: Path) -> None:
    """Run one worker's part; the first one shows how it goes and writes the files."""
    torch.set_num_threads(1)
    first = rank == 0
    console = Console(quiet=not first)
    with Team.of(rank, plan.workers, folder) as team:
        training = Training(plan, folder, console, team)
        if training.resume():
            console.print(f"Going on at {training.seen / 1e6:.1f} M tokens")
        columns = (
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("k tokens, {task.fields[note]}"),
            TimeElapsedColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console, disable=not (first and console.is_terminal)) as progress:
            task = progress.add_task("", total=plan.tokens // 1000, completed=training.seen // 1000, note="")
            saved_at = time.monotonic()
            while training.phase < 1:
                training.run_pool()
                recent = training.losses[-100:]
                note = f"loss {sum(recent) / len(recent):.3f}, {training.seen / training.spent_s:.0f}/s"
                progress.update(task, completed=training.seen // 1000, note=note)
                if first and (time.monotonic() - saved_at > plan.checkpoint_s or training.phase >= 1):
                    training.save()
                    training.write_log(training.examine())
                    saved_at = time.monotonic()
        if first:
            training.finish()


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/model"))
    for one in dataclasses.fields(Plan):
        flag = f"--{one.name.replace('_', '-')}"
        if isinstance(one.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=one.default)
        else:
            parser.add_argument(flag, type=type(one.default), default=one.default)
    given = vars(parser.parse_args())
    folder = given.pop("out")
    train(Plan(**given), folder)


if __name__ == "__main__":
    main()
