"""The architecture as tests: who may import whom, who touches engines and the environment, how long a file may get.

Each rule is a function from a source tree to the list of what breaks it, so that each can be shown to fail too.
"""

import ast
import graphlib
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "proxy": {"proxy", "adapters", "memory", "config"},
    "adapters": {"adapters", "memory", "config"},
    "memory": {"memory"},
    "config": {"config"},
}
MEMORY_NEEDS = {"numpy", "orjson", "Stemmer"}  # beside the standard library
STATIONS = {f"memory.{name}" for name in ("reader", "scheduler", "operator", "injector", "writer")}
# Each of these is one adapter's business: the rest of the project can be read, run and tested without it.
ENGINES = {
    "aiohttp", "bs4", "chromadb", "detect_secrets", "gguf", "litellm", "llama_cpp", "markdownify", "onnx",
    "onnxruntime", "peft", "phonenumbers", "pypdf", "stdnum", "tiktoken", "tokenizers", "torch", "transformers",
}  # fmt: skip
HTTPX_FILES = {  # low-volume calls only
    "adapters/embeddings_api.py",
    "adapters/extractor.py",
    "adapters/rerank_api.py",
    "proxy/cli_doctor.py",
}
SLOW_TO_IMPORT = ENGINES - {"aiohttp", "gguf"}
WASTE_BASKETS = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?|handlers?)$")
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_MEDIAN_LINES = 400, 60, 150
# One literal each: it may be as long as there are rows.
TABLES = {
    *(f"adapters/embedded/corpus/{name}.py" for name in ("people", "tastes", "things", "frames", "common_facts")),
}
TRAINING = ("adapters/embedded/training/", "adapters/ranker/training/")  # tools: nothing that serves imports them


class Module(NamedTuple):
    name: str
    path: str
    tree: ast.Module
    lines: int


def modules(root: Path) -> list[Module]:
    """Every module of the four packages below root."""
    found = []
    for package in MAY_IMPORT:
        for file in sorted((root / package).rglob("*.py")):
            path = file.relative_to(root)
            parts = path.with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            text = file.read_text(encoding="utf-8")
            found.append(Module(name, path.as_posix(), ast.parse(text, str(file)), text.count("\n")))
    return found


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all that a module imports: in functions, under TYPE_CHECKING and by import_module("name") too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
                yield node.args[0].value


def top(name: str) -> str:
    return name.partition(".")[0]


def wrong_directions(root: Path) -> list[str]:
    return [
        f"{module.path} imports {name}"
        for module in modules(root)
        for name in imports(module.tree)
        if top(name) in MAY_IMPORT and top(name) not in MAY_IMPORT[top(module.name)]
    ]


def cycles(root: Path) -> list[str]:
    known = {module.name for module in modules(root)}

    def resolve(name: str) -> str | None:
        while name and name not in known:
            name = name.rpartition(".")[0]
        return name or None

    graph = {m.name: {r for n in imports(m.tree) if (r := resolve(n)) and r != m.name} for m in modules(root)}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def shared_engines(root: Path) -> list[str]:
    users: dict[str, set[str]] = {}
    for module in modules(root):
        for name in imports(module.tree):
            if top(name) in ENGINES and not module.path.startswith(TRAINING):
                users.setdefault(top(name), set()).add(module.path)
    return [
        f"{engine} in {', '.join(sorted(files))}"
        for engine, files in users.items()
        if len(files) > 1 or any(not file.startswith("adapters/") or file.endswith("__init__.py") for file in files)
    ]


def training_in_service(root: Path) -> list[str]:
    return [
        f"{module.path} imports {name}"
        for module in modules(root)
        if not module.path.startswith(("adapters/embedded/", "adapters/ranker/training/"))
        for name in imports(module.tree)
        if name.startswith(("adapters.embedded.training", "adapters.embedded.corpus", "adapters.ranker.training"))
    ]


def strays(root: Path, package: str, allowed: set[str]) -> list[str]:
    """Imports of a package outside the allowed paths; an allowed path may be a file or a folder ending in "/"."""
    return [
        f"{module.path} imports {package}"
        for module in modules(root)
        if any(top(name) == package for name in imports(module.tree))
        and not any(
            module.path == place or (place.endswith("/") and module.path.startswith(place)) for place in allowed
        )
    ]


def memory_strangers(root: Path) -> list[str]:
    free = MEMORY_NEEDS | {"memory"} | sys.stdlib_module_names
    return [
        f"{m.path} imports {n}"
        for m in modules(root)
        if top(m.name) == "memory"
        for n in imports(m.tree)
        if top(n) not in free
    ]


def station_imports(root: Path) -> list[str]:
    def station(name: str) -> str:
        return ".".join(name.split(".")[:2])

    return [
        f"{module.path} imports {name}"
        for module in modules(root)
        if top(module.name) == "memory" and module.name != "memory.pipeline"
        for name in imports(module.tree)
        if station(name) in STATIONS and station(name) != module.name
    ]


def environment_reads(root: Path) -> list[str]:
    names = {"environ", "environb", "getenv", "getenvb", "expandvars"}
    found = []
    for module in modules(root):
        for node in ast.walk(module.tree):
            attribute = (
                isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) in {"os", "os.path"}
            )
            imported = (
                isinstance(node, ast.ImportFrom)
                and node.module in {"os", "os.path"}
                and any(a.name in names for a in node.names)
            )
            if (attribute or imported) and module.path != "config/settings.py":
                found.append(f"{module.path}:{node.lineno}")
    return found


def relative_imports(root: Path) -> list[str]:
    return [m.path for m in modules(root) for n in ast.walk(m.tree) if isinstance(n, ast.ImportFrom) and n.level > 0]


def global_statements(root: Path) -> list[str]:
    return [f"{m.path}:{n.lineno}" for m in modules(root) for n in ast.walk(m.tree) if isinstance(n, ast.Global)]


def waste_baskets(root: Path) -> list[str]:
    return [m.path for m in modules(root) if WASTE_BASKETS.search(m.name.rpartition(".")[2])]


def undocumented(root: Path) -> list[str]:
    return [m.path for m in modules(root) if not ast.get_docstring(m.tree)]


def long_files(root: Path) -> list[str]:
    return [f"{m.path}: {m.lines} lines" for m in modules(root) if m.lines > MAX_FILE_LINES and m.path not in TABLES]


def long_functions(root: Path) -> list[str]:
    return [
        f"{m.path}:{n.lineno} {n.name}: {n.end_lineno - n.lineno + 1} lines"
        for m in modules(root)
        for n in ast.walk(m.tree)
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        and n.end_lineno
        and n.end_lineno - n.lineno >= MAX_FUNCTION_LINES
    ]


def stray_httpx(root: Path) -> list[str]:
    return strays(root, "httpx", HTTPX_FILES)


def stray_pydantic(root: Path) -> list[str]:
    return strays(root, "pydantic", {"proxy/", "config/"})


RULES = [
    wrong_directions,
    cycles,
    shared_engines,
    training_in_service,
    stray_httpx,
    stray_pydantic,
    memory_strangers,
    station_imports,
    environment_reads,
    relative_imports,
    global_statements,
    waste_baskets,
    undocumented,
    long_files,
    long_functions,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps_the_rule(rule):
    assert rule(ROOT) == []


def test_most_files_are_short():
    lengths = [module.lines for module in modules(ROOT) if module.lines > 5]
    assert statistics.median(lengths) <= MAX_MEDIAN_LINES


def test_nothing_escapes_the_rules():
    """The walk sees every package: a rule over an empty tree would always hold."""
    assert {top(module.name) for module in modules(ROOT)} == set(MAY_IMPORT)


BREAKS = [
    (wrong_directions, {"memory/a.py": "def f():\n    from proxy.app import create_app\n"}),
    (
        wrong_directions,
        {"config/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import memory.cube\n"},
    ),
    (wrong_directions, {"adapters/a.py": "import importlib\nimportlib.import_module('proxy.sse')\n"}),
    (cycles, {"memory/a.py": "from memory import b\n", "memory/b.py": "def f():\n    from memory.a import x\n"}),
    (training_in_service, {"proxy/a.py": "from adapters.embedded.corpus.cells import CELLS\n"}),
    (shared_engines, {"adapters/a.py": "import torch\n", "adapters/b.py": "from torch.nn import functional\n"}),
    (shared_engines, {"proxy/a.py": "def f():\n    import chromadb\n"}),
    (shared_engines, {"adapters/x/__init__.py": "import onnx\n"}),
    (stray_httpx, {"proxy/chat.py": "import httpx\n"}),
    (stray_pydantic, {"memory/cube.py": "from pydantic import BaseModel\n"}),
    (memory_strangers, {"memory/a.py": "import yaml\n"}),
    (station_imports, {"memory/injector.py": "from memory.operator import Hit\n"}),
    (station_imports, {"memory/vault/a.py": "from memory import writer\n"}),
    (environment_reads, {"proxy/a.py": "import os\nx = os.environ['A']\n"}),
    (environment_reads, {"config/layers.py": "from os import getenv\n"}),
    (relative_imports, {"memory/a.py": "from . import cube\n"}),
    (global_statements, {"memory/a.py": "x = 1\ndef f():\n    global x\n    x = 2\n"}),
    (waste_baskets, {"proxy/http_utils.py": ""}),
    (waste_baskets, {"memory/helpers/__init__.py": ""}),
    (undocumented, {"memory/a.py": "x = 1\n"}),
    (long_files, {"memory/a.py": "x = 1\n" * (MAX_FILE_LINES + 1)}),
    (long_functions, {"memory/a.py": "async def f():\n" + "    x = 1\n" * MAX_FUNCTION_LINES}),
]


@pytest.mark.parametrize(("rule", "files"), BREAKS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_tree_that_breaks_the_rule_is_found_out(rule, files, tmp_path):
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert len(rule(tmp_path)) == 1


def test_a_tree_that_keeps_the_rules_passes(tmp_path):
    files = {
        "memory/__init__.py": '"""Memory."""\n',
        "memory/operator.py": '"""Station."""\n',
        "memory/pipeline.py": '"""Order."""\nfrom memory.operator import Hit\nimport numpy as np\n',
        "adapters/a.py": '"""Engine."""\nimport torch\nfrom torch import nn\nfrom memory import pipeline\n',
        "config/settings.py": '"""Knobs."""\nimport os\nfrom pydantic import BaseModel\nx = os.environ\n',
        "proxy/app.py": '"""Root."""\nfrom adapters import a\nfrom config.settings import x\n',
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert [rule(tmp_path) for rule in RULES] == [[] for _ in RULES]


def test_importing_the_app_loads_no_engine():
    """The proxy starts in about a second: engines are imported when they are chosen, not before."""
    program = "import sys, proxy.app; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    child = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    assert SLOW_TO_IMPORT & set(child.stdout.split()) == set()
