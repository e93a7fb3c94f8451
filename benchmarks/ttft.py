"""How long a first token takes when memory was computed before, and when it was not: the grid of the MemOS papers.

    python benchmarks/ttft.py [--grid 583,2773,6064x167,303,952] [--engines llama.cpp,transformers] [--kind q8_0]
    python benchmarks/ttft.py --size tiny --grid 583x167 --repeats 1       under a minute

A model of Qwen2.5-0.5B's shape (activation_models.py) answers prompts of a memory and a question. The memory is read
with them, restored from a file, from memory or taken over in the context; beside them stand the question alone, a bare
restore by llama.cpp's functions, llama.cpp's own server where a Python has it (--xllamacpp), and copying the bytes.
Inside the engine's process and through HTTP. The least of the repeats counts. Linux only.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import ttft_engine
import ttft_http
from activation_models import SHAPES, Shape, gguf_model, hf_model, shape_of
from bench_console import machine
from bench_processes import HERE
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from ttft_engine import Plan
from ttft_results import HF, LLAMA, Cell, Series, report, show

KINDS = {LLAMA: "llama_cpp", HF: "hf"}


def grid(text: str) -> list[Cell]:
    """Return the cells of ``583,2773x167,303``."""
    memories, _, questions = text.partition("x")
    return [Cell(int(memory), int(question)) for memory in memories.split(",") for question in questions.split(",")]


def model_of(engine: str, shape: Shape, kind: str, folder: Path) -> Path:
    return hf_model(folder, shape) if engine == HF else gguf_model(folder, shape, kind)


def run(args: argparse.Namespace, plan: Plan, shape: Shape, folder: Path) -> list[Series]:
    """Measure all that is asked for; what is there is kept when it is interrupted."""
    found: list[Series] = []
    try:
        for engine in args.engines.split(","):
            model = model_of(engine, shape, args.kind, args.models or folder)
            for place in args.places.split(","):
                series, part = Series(engine, place), folder / f"{KINDS[engine]}-{place}"
                part.mkdir()
                found.append(series)
                if place == "inside":
                    ttft_engine.measure(KINDS[engine], model, plan, part, series)
                    continue
                ttft_http.measure(model, plan, part, series)
                if args.xllamacpp and engine == LLAMA:
                    ttft_http.measure_theirs(args.xllamacpp, model, plan, part, series)
    except KeyboardInterrupt:
        print("Stopped: what was measured is kept.", file=sys.stderr)
    return [series for series in found if series.taken]


def head(args: argparse.Namespace, shape: Shape) -> str:
    theirs = "" if args.xllamacpp else " llama.cpp's own server was not there to be measured."
    return (
        f"{machine(f'{args.threads} computing')};"
        f" a model of {shape.parameters / 1e6:.0f} M parameters ({shape.layers} layers, {shape.kv_heads} KV heads,"
        f" {shape.state_bytes_per_token / 1024:.0f} KiB of state a token in 16 bits); {LLAMA} as {args.kind}, {HF} from"
        f" its f16 weights; the least of {args.repeats} (plain prompts: {args.plain_repeats}).{theirs}"
    )


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=SHAPES, default="0.5b")
    parser.add_argument("--grid", default="583,2773,6064x167,303,952", help="tokens of memories x of questions")
    parser.add_argument("--engines", default=f"{LLAMA},{HF}")
    parser.add_argument("--places", default="inside,http")
    parser.add_argument("--kind", choices=["f16", "q8_0", "q4_0"], default="q8_0", help="of llama.cpp's file")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plain-repeats", type=int, default=1, help="of plain prompts, which take longest")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--xllamacpp", default=sys.executable if find_spec("xllamacpp") else "", help="a Python")
    parser.add_argument("--models", type=Path, help="a folder in which the model is kept, and found the next time")
    parser.add_argument("--json", type=Path, help="write every measurement there")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "ttft.md", help="beside it, a chart")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    args = arguments(words)
    cells = grid(args.grid)
    # So far back that the shortest prompt's first token is one of its memory.
    shape = shape_of(args.size, repeat=min(memory // 2 + question for memory, question in cells))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("the model")
        plan = Plan(
            cells=cells,
            repeats=args.repeats,
            plain_repeats=args.plain_repeats,
            threads=args.threads,
            repeat_tokens=shape.repeat,
            on_step=lambda text: bar.update(task, description=text),
        )
        found = run(args, plan, shape, Path(folder))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(report(found, head(args, shape)))
    if args.json:
        args.json.write_text(json.dumps([_raw(series) for series in found], indent=1))
    _draw(found, args.output.with_suffix(".svg"))
    show(found, Console(width=max(150, Console().width)))
    problems = [line for series in found for line in series.problems]
    print("\n".join(problems))
    sys.exit(bool(problems))


def _raw(series: Series) -> dict:
    return {
        "engine": series.engine,
        "place": series.place,
        "memories": {tokens: asdict(memory) for tokens, memory in series.memories.items()},
        "taken": [
            {**cell._asdict(), "way": way, **asdict(one)} for (cell, way), took in series.taken.items() for one in took
        ],
    }


def _draw(found: list[Series], path: Path) -> None:
    if find_spec("matplotlib") is None:
        print("There is no chart without matplotlib: pip install matplotlib", file=sys.stderr)
        return
    from activation_charts import first_tokens  # noqa: PLC0415  # the benchmark runs without it

    first_tokens(found, path)


if __name__ == "__main__":
    main()
