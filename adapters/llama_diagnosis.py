"""An interpreter in, whether llama.cpp computes in it out, and if not, which of the known reasons it is.

The law: the library is tried in a child process only, because one that was built for another CPU ends its process.
"""

import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Final

from adapters.llama_build import PACKAGE, VERSION, compiler_advice, has_compiler

_TIMEOUT_S = 60
_LIBRARY_ENDINGS = (".so", ".dylib")
_BUILD, _REBUILD = "memos build-llama", "memos build-llama --force"
#: Loads the model that comes with the project and computes with it: some instructions are first met there.
_PROBE: Final = """
import sys
from adapters.embedded import gguf_path
from adapters.generation import Span
from adapters.llama_context import ContextOptions
from adapters.llama_cpp import load_model, new_context
from memory.errors import MemoryFault
try:
    context = new_context(load_model(gguf_path()), ContextOptions(context_tokens=256, max_sequences=1))
    context.decode([Span(0, 0, [1, 2, 3, 4], True)])
    context.close()
except MemoryFault as fault:
    sys.exit(str(fault))
"""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found; ``mend`` is empty where llama.cpp computes."""

    found: str
    mend: str = ""


def diagnose() -> Diagnosis:
    """Return whether llama.cpp can be used here; takes a second."""
    spec = util.find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        return _sick(f"the package is not installed ({PACKAGE})", _BUILD)
    package = Path(spec.origin).parent
    if not any(path.suffix in _LIBRARY_ENDINGS for path in (package / "lib").glob("*llama*")):
        return _sick(f"{package} has no libraries in it: it was installed without being built", _REBUILD)
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter and a constant
            [sys.executable, "-P", "-c", _PROBE], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return _sick(f"it did not answer within {_TIMEOUT_S} s", _REBUILD)
    if done.returncode == 0:
        return Diagnosis(f"computes, version {VERSION}{_built_from(package)}")
    return _sick(_reason(done.returncode, done.stderr), _REBUILD)


def _reason(status: int, stderr: str) -> str:
    if status == -signal.SIGILL:
        return "its libraries were built for another CPU (illegal instruction)"
    last = next((line.strip() for line in reversed(stderr.splitlines()) if line.strip()), "no message")
    if status < 0:
        return f"it crashes (signal {-status}): {last}"
    return last


def _built_from(package: Path) -> str:
    key = package / "lib" / "build-key"
    return "" if key.is_file() else f", put there by {_installer()}"


def _installer() -> str:
    try:
        return (metadata.distribution("llama-cpp-python").read_text("INSTALLER") or "hand").strip()
    except metadata.PackageNotFoundError:
        return "hand"


def _sick(found: str, mend: str) -> Diagnosis:
    if not has_compiler():
        return Diagnosis(found, f"{compiler_advice()}  then: {mend}")
    if shutil.which("cmake") is None:
        return Diagnosis(found, f"{mend}  (cmake is missing and will be fetched by pip: needs the network)")
    return Diagnosis(found, mend)
