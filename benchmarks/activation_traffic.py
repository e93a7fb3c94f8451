"""An hour of many people's chats in some minutes: where activation memories are found, what they save, whose they are.

    python benchmarks/activation_traffic.py [--people 50] [--parallel 8] [--chats 200] [--minutes 15]
    python benchmarks/activation_traffic.py --model embedded --chats 400 --minutes 4
    python benchmarks/activation_traffic.py --model tiny --people 6 --chats 24 --minutes 0.2      half a minute

`memos serve` with its own engine. Everybody is there twice with the same pinned memories, once with activation memory
and once without; each chat is sent for both, in random order. Some ask often and most seldom (Zipf). Everybody's
memories hold a word that no other's hold: no answer may hold another's. The models "tiny" and "80m" say what they read
some hundred tokens before, so that every answer shows whose memories it was computed from. Linux only.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path

from activation_models import SHAPES, embedded_state_bytes, gguf_model, shape_of
from activation_people import (
    ASKING,
    HOUR_S,
    WINDOW_TOKENS,
    Arrival,
    Person,
    hour,
    repeated_people,
    told_people,
)
from activation_server import Server, serving
from bench_console import machine, progress_bar
from bench_processes import HERE
from engine_load import percentile
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from traffic_results import POLICIES, TIERS, WITH, Answer, Run, examine, report, tables

from adapters.embedded import gguf_path

STATS_EVERY_S = 0.5


def user(person: int, arm: str) -> str:
    return f"person-{person}-{arm}"


def furnish(server: Server, people: Sequence[Person], *, stored: bool, on_step: Callable[[], object]) -> None:
    """Pin everybody's memories; ``stored``: make activation memories of them now."""
    for person in people:
        for arm in POLICIES:
            for text in person.memories:
                server.pin(user(person.number, arm), text)
            on_step()
    for person in people if stored else ():
        server.store(user(person.number, WITH))


class Traffic:
    """Sends every chat for both arms when its time has come, so many at once; later where all are busy."""

    def __init__(
        self, server: Server, arrivals: Sequence[Arrival], *, minutes: float, tokens: int, token_bytes: int
    ) -> None:
        self.found = Run()
        self._server = server
        self._jobs = _jobs(arrivals)
        self._pace = minutes * 60 / HOUR_S
        self._tokens = tokens
        self._token_bytes = token_bytes
        self._lock = threading.Lock()
        self._started = time.monotonic()

    def run(self, parallel: int, on_step: Callable[[], object]) -> Run:
        """Return all answers, with what their receipts say."""
        self._started = time.monotonic()
        stop = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(stop,))
        watcher.start()
        try:
            with ThreadPoolExecutor(parallel) as pool:
                for worker in [pool.submit(self._work, on_step) for _ in range(parallel)]:
                    worker.result()
        finally:
            stop.set()
            watcher.join()
        self.found.answers = [self._with_receipt(answer) for answer in self.found.answers]
        return self.found

    def _work(self, on_step: Callable[[], object]) -> None:
        while (job := self._next()) is not None:
            number, arrival, arm = job
            due_s = arrival.at_s * self._pace
            time.sleep(max(0.0, due_s - self._now_s()))
            try:
                answer, failure = self._ask(number, arrival, arm), ""
            except (OSError, SystemExit) as error:
                answer, failure = None, f"chat {number}, {arm}: {error}"
            with self._lock:
                if answer is None:
                    self.found.failed.append(failure)
                else:
                    self.found.answers.append(answer)
                    self.found.late_s.append(answer.at_s - due_s)
                on_step()

    def _next(self) -> tuple[int, Arrival, str] | None:
        with self._lock:
            return next(self._jobs, None)

    def _ask(self, number: int, arrival: Arrival, arm: str) -> Answer:
        at_s = self._now_s()
        reply = self._server.chat(user(arrival.person, arm), arrival.question, POLICIES[arm], tokens=self._tokens)
        return Answer(
            arm=arm,
            person=arrival.person,
            number=number,
            at_s=at_s,
            first_s=reply.first_s,
            prompt_tokens=reply.prompt_tokens,
            cached_tokens=reply.cached_tokens,
            text=reply.text,
            request_id=reply.request_id,
        )

    def _with_receipt(self, answer: Answer) -> Answer:
        restored = self._server.restored(user(answer.person, answer.arm), answer.request_id)
        return replace(answer, tier=restored.tier, stored_tokens=restored.tokens)

    def _watch(self, stop: threading.Event) -> None:
        while True:
            last = stop.wait(STATS_EVERY_S)
            health = self._server.engine.health()
            self.found.held.append((self._now_s(), held_bytes(health, self._token_bytes)))
            if last:
                return

    def _now_s(self) -> float:
        return time.monotonic() - self._started


def _jobs(arrivals: Sequence[Arrival]) -> Iterator[tuple[int, Arrival, str]]:
    drawn = random.Random("arms")
    for number, arrival in enumerate(arrivals):
        for arm in drawn.sample(list(POLICIES), 2):
            yield number, arrival, arm


def held_bytes(health: dict, token_bytes: int) -> dict[str, int]:
    """Return bytes by tier: of all computed tokens in the context, and of what the store holds."""
    tiers = (health.get("activations") or {}).get("tiers", {})
    resident = {"resident": health["used_cells"] * token_bytes}
    return resident | {tier: tiers[tier]["size_bytes"] for tier in TIERS if tier in tiers}


def head(args: argparse.Namespace, found: Run) -> str:
    asked = "made when they were asked for" if args.store == "asked" else "made by what is used often"
    return (
        f"{machine(f'{args.threads} computing')};"
        f" model {args.model}; {args.people} people, {args.parallel} chats at a time, {args.chats} chats of an hour in"
        f" {args.minutes:g} minutes, Zipf {args.exponent:g}; prompts of {found.prompt_tokens} tokens on average;"
        f" activation memories {asked}, {args.ram_mb} MiB of them in memory, {args.context_tokens} tokens in the"
        f" context, {args.parked_mb} MiB beside it; chats began {percentile(found.late_s, 0.5):.1f} s (p50) and"
        f" {percentile(found.late_s, 0.99):.1f} s (p99) after their time."
    )


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", choices=["embedded", *SHAPES], default="80m")
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--chats", type=int, default=200, help="of the hour; each is sent twice")
    parser.add_argument("--minutes", type=float, default=15, help="that the hour takes")
    parser.add_argument("--exponent", type=float, default=1.0, help="of Zipf's law: 0 for people who ask alike")
    parser.add_argument("--profile-tokens", type=int, default=600, help="of each one's memories (not: embedded)")
    parser.add_argument("--store", choices=["asked", "auto"], default="asked", help="who has them made")
    parser.add_argument("--context-tokens", type=int, default=8192)
    parser.add_argument("--ram-mb", type=int, default=64, help="for activation memories; the rest is on the disk")
    parser.add_argument("--parked-mb", type=int, default=256)
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, help="a folder in which the model is kept, and found the next time")
    parser.add_argument("--json", type=Path, help="write every answer there")
    parser.add_argument(
        "--output", type=Path, default=HERE / "results" / "activation_traffic.md", help="beside it, a chart"
    )
    return parser.parse_args(words)


def run(args: argparse.Namespace, folder: Path, bar: Progress) -> tuple[Run, list[Person]]:
    if args.model == "embedded":
        model, people, questions, tokens = gguf_path(), told_people(args.people, args.seed), ASKING, 24
        token_bytes = embedded_state_bytes()
    else:
        shape = shape_of(args.model, repeat=args.profile_tokens * 2 // 3)
        model = gguf_model(args.models or folder, shape, "q8_0")
        people = repeated_people(args.people, args.profile_tokens, args.seed)
        questions, tokens, token_bytes = (), WINDOW_TOKENS, shape.state_bytes_per_token
    arrivals = hour(args.people, args.chats, args.seed, exponent=args.exponent, questions=questions)
    engine = {
        "context_tokens": args.context_tokens,
        "threads": args.threads,
        "parked_mb": args.parked_mb,
        "activation_ram_mb": args.ram_mb,
        "check_memory": False,
    }
    with serving(model, folder / "data", engine) as server:
        pinned = bar.add_task("people", total=2 * len(people))
        furnish(server, people, stored=args.store == "asked", on_step=lambda: bar.advance(pinned))
        sent = bar.add_task("chats", total=2 * len(arrivals))
        traffic = Traffic(server, arrivals, minutes=args.minutes, tokens=tokens, token_bytes=token_bytes)
        found = traffic.run(args.parallel, lambda: bar.advance(sent))
    found.prompt_tokens = round(sum(a.prompt_tokens for a in found.answers) / max(1, len(found.answers)))
    return found, people


def main(words: list[str] | None = None) -> None:
    args = arguments(words)
    with tempfile.TemporaryDirectory() as folder, progress_bar() as bar:
        found, people = run(args, Path(folder), bar)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(report(found, people, head(args, found)))
    if args.json:
        args.json.write_text(json.dumps([asdict(answer) for answer in found.answers], indent=1))
    _draw(found, args.output.with_suffix(".svg"))
    console = Console(width=max(150, Console().width))
    for headings, lines in tables(found, people):
        table = Table(*headings)
        for line in lines:
            table.add_row(*line)
        console.print(table)
    seen = examine(found, people)
    problems = [*seen.foreign, *found.failed]
    if args.model != "embedded" and seen.own < seen.answers:
        problems.append(f"{seen.answers - seen.own} answers do not show whose memories they were computed from.")
    print("\n".join(problems))
    sys.exit(bool(problems))


def _draw(found: Run, path: Path) -> None:
    if find_spec("matplotlib") is None:
        print("There is no chart without matplotlib: pip install matplotlib", file=sys.stderr)
        return
    from activation_charts import traffic  # noqa: PLC0415  # the benchmark runs without it

    traffic(
        first_s={arm: [answer.first_s for answer in found.of(arm)] for arm in POLICIES},
        tiers=[(answer.at_s, answer.tier) for answer in found.of(WITH)],
        held=found.held,
        path=path,
    )


if __name__ == "__main__":
    main()
