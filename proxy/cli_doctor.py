"""An installation in, what is wrong with it and how to mend it out.

Each check is a function that yields findings. What is optional and absent is told, but is no problem; a package that
may crash the interpreter when it is loaded is tried in a child process.
"""

import argparse
import json
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import metadata, util
from pathlib import Path

import httpx
from rich.console import Console
from rich.markup import escape

from adapters.gguf_header import read_language_model
from adapters.installing import install_command, pip_command
from adapters.llama_diagnosis import diagnose
from adapters.transformers import require_packages
from adapters.transformers_folder import read_model_folder
from config.layers import ConfigError
from config.pipelines import shipped_and
from config.settings import Settings
from memory.errors import MemoryFault
from proxy.cli_config import DISTRIBUTION, loaded
from proxy.doctor_vault import vault_findings
from proxy.findings import Finding

_ROOT = Path(__file__).resolve().parents[1]
TESTED_PYTHONS = ((3, 11), (3, 12), (3, 13))
_MARKS = {"ok": "[green]ok     [/]", "note": "[yellow]note   [/]", "problem": "[red]problem[/]"}

#: package to import, distribution, what it is for
REQUIRED = (
    ("aiohttp", "aiohttp", "upstreams"),
    ("fastapi", "fastapi", "the memory API"),
    ("fastapi_offline", "fastapi-offline", "the page /docs"),
    ("uvicorn", "uvicorn", "the server"),
    ("httptools", "httptools", "the server"),
    ("httpx", "httpx", "low-volume calls"),
    ("jinja2", "jinja2", "chat templates"),
    ("numpy", "numpy", "vectors"),
    ("orjson", "orjson", "JSON"),
    ("pydantic", "pydantic", "settings and wire"),
    ("yaml", "pyyaml", "configuration"),
    ("detect_secrets", "detect-secrets", "redaction"),
    ("onnxruntime", "onnxruntime", "the embedder"),
    ("tokenizers", "tokenizers", "the embedder"),
    ("tiktoken", "tiktoken", "token counts"),
)
#: package to import, extra, what it would enable
OPTIONAL = (
    ("uvloop", "", "a faster event loop"),
    ("llama_cpp", "llama", "the embedded model and GGUF files"),
    ("torch", "hf", "Hugging Face model folders"),
    ("transformers", "hf", "Hugging Face model folders"),
)


def doctor(chosen: argparse.Namespace) -> int:
    """Check everything, print the findings and return 1 when there are problems."""
    findings = list(_findings(chosen))
    if chosen.json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        _show(findings)
    return int(any(finding.status == "problem" for finding in findings))


def _show(findings: list[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        console.print(f"{_MARKS[finding.status]}  {escape(finding.check.ljust(width))}  {escape(finding.detail)}")
        if finding.mend:
            console.print(f"{'':11}{'':{width}}[bold]{escape(finding.mend)}[/]")
    problems = sum(finding.status == "problem" for finding in findings)
    console.print(f"\n{problems} problem{'s' if problems != 1 else ''}." if problems else "\nNo problems.")


def _findings(chosen: argparse.Namespace) -> Iterator[Finding]:
    yield from _python()
    yield from _packages()
    yield from _names()
    try:
        settings = loaded(chosen).settings
        shipped_and(settings.pipelines.dir)
    except ConfigError as error:
        for problem in error.problems:
            yield Finding("configuration", "problem", problem, "correct it; `memos check-config` shows the rest")
        return
    yield Finding("configuration", "ok", "valid")
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _llama, _model, _embedder, _data, vault_findings, _port, _upstream
    )  # fmt: skip
    for check in checks:
        yield from check(settings)


def _python() -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] in TESTED_PYTHONS:
        yield Finding("python", "ok", found)
    else:
        yield Finding("python", "note", f"{found} is not tested", "should something fail, try Python 3.11")


def _packages() -> Iterator[Finding]:
    missing = [row for row in REQUIRED if util.find_spec(row[0]) is None]
    for module, distribution, purpose in missing:
        yield Finding(f"package {module}", "problem", f"missing: {purpose}", pip_command([distribution]))
    if not missing:
        yield Finding("packages", "ok", f"the {len(REQUIRED)} that are always needed are installed")
    for module, extra, purpose in OPTIONAL:
        if util.find_spec(module) is not None:
            yield Finding(f"package {module}", "ok", purpose)
        else:
            install = install_command(extra) if extra else pip_command([module])
            yield Finding(f"package {module}", "note", f"not installed; would enable {purpose}", install)


def _names() -> Iterator[Finding]:
    """Say whether our four packages, whose names are common, are the ones that are imported."""
    owners = metadata.packages_distributions()
    for name in ("proxy", "memory", "adapters", "config"):
        spec = util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        others = sorted(set(owners.get(name, ())) - {DISTRIBUTION})
        if origin is None or origin.parent != _ROOT / name:
            mend = (
                "install memos-proxy in an environment of its own; in another folder run `memos`, not `python -m proxy`"
            )
            yield Finding(f"import {name}", "problem", f"another package is found first: {origin or 'none'}", mend)
        elif others:
            mend = f"pip uninstall {' '.join(others)}, then install memos-proxy again"
            yield Finding(f"import {name}", "problem", f"installed by {', '.join(others)} as well", mend)
        else:
            yield Finding(f"import {name}", "ok", str(origin.parent))


def _llama(settings: Settings) -> Iterator[Finding]:
    needed = settings.backend.kind in ("embedded", "llama_cpp")
    if not needed and util.find_spec("llama_cpp") is None:
        return  # said among the packages
    diagnosis = diagnose()
    if not diagnosis.mend:
        yield Finding("llama.cpp", "ok", diagnosis.found)
    elif needed:
        mend = f"{diagnosis.mend}; without it: --upstream URL of another server, or the Docker image"
        yield Finding("llama.cpp", "problem", f"backend {settings.backend.kind} needs it: {diagnosis.found}", mend)
    else:
        yield Finding("llama.cpp", "note", diagnosis.found, diagnosis.mend)


def _model(settings: Settings) -> Iterator[Finding]:
    path = settings.backend.model_path
    if settings.backend.kind == "hf" and path is not None:
        yield from _model_folder(path)
    if settings.backend.kind != "llama_cpp" or path is None:
        return
    try:
        header = read_language_model(path)
    except MemoryFault as error:
        yield Finding("model", "problem", str(error), "choose another with --model FILE.gguf")
        return
    size = f"{header.size_bytes / (1 << 30):.1f} GiB"
    yield Finding("model", "ok", f"{path}: {header.architecture}, {size}, trained for {header.trained_tokens} tokens")


def _model_folder(path: Path) -> Iterator[Finding]:
    try:
        folder = read_model_folder(path)
        require_packages()
    except MemoryFault as error:
        yield Finding("model", "problem", str(error), "choose another with --hf DIR")
        return
    size = f"{sum(file.stat().st_size for file in folder.weights) / (1 << 30):.1f} GiB"
    what = folder.config.get("model_type", "unknown")
    yield Finding("model", "ok", f"{path}: {what}, {size}, trained for {folder.trained_tokens} tokens")


def _embedder(settings: Settings) -> Iterator[Finding]:
    if settings.embedder.kind == "none":
        yield Finding("embedder", "note", "none: memories are found by words only", "set embedder.kind to minilm")
        return
    from proxy.compose import create_embedder  # loads engines

    try:
        embedder = create_embedder(settings)
        if embedder is not None:
            embedder.embed(["Where do I live?"])
            yield Finding("embedder", "ok", f"{embedder.model_id}, {embedder.dimension} dimensions")
    except MemoryFault as error:
        yield Finding("embedder", "problem", str(error), "mend that, or set embedder.kind to none")


def _data(settings: Settings) -> Iterator[Finding]:
    folder = settings.data.dir.resolve()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        yield Finding("data folder", "problem", f"{nearest} is not a folder", "choose another with --data DIR")
        return
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        mend = f"make it writable for this user, or choose another with --data DIR ({error.strerror})"
        yield Finding("data folder", "problem", f"{nearest} cannot be written to", mend)
        return
    yield Finding("data folder", "ok", str(folder) if nearest == folder else f"{folder} (will be made)")


def _port(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    where = f"{server.host}:{server.port}"
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((server.host, server.port))
        except OSError as error:
            if _is_ours(settings):
                yield Finding("port", "ok", f"a memos server is running on {where}")
            else:
                mend = "stop what listens there, or choose another with --port"
                yield Finding("port", "problem", f"{where} cannot be listened on: {error.strerror}", mend)
            return
    yield Finding("port", "ok", f"{where} is free")


def _is_ours(settings: Settings) -> bool:
    try:
        answer = httpx.get(f"http://{settings.server.host}:{settings.server.port}/v1/memory/cubes", timeout=2.0)
    except httpx.HTTPError:
        return False
    return answer.status_code == 401 and "memos" in answer.text


def _upstream(settings: Settings) -> Iterator[Finding]:
    backend = settings.backend
    if backend.kind != "upstream" or backend.base_url is None:
        return
    headers = {"authorization": f"Bearer {backend.api_key.get_secret_value()}"} if backend.api_key else {}
    try:
        answer = httpx.get(f"{backend.base_url}/models", headers=headers, timeout=backend.connect_timeout_s)
    except httpx.HTTPError as error:
        mend = "start it, or correct backend.base_url (it mostly ends in /v1)"
        yield Finding("upstream", "problem", f"{backend.base_url}: {type(error).__name__}", mend)
        return
    if answer.status_code == 401 and backend.api_key is None:
        yield Finding("upstream", "note", "wants a key", "set MEMOS_UPSTREAM_API_KEY unless callers bring their own")
    elif answer.status_code >= 400:
        mend = "correct backend.base_url (it mostly ends in /v1) and backend.api_key"
        yield Finding("upstream", "problem", f"{backend.base_url}/models answers {answer.status_code}", mend)
    else:
        yield Finding("upstream", "ok", f"{backend.base_url} answers")
