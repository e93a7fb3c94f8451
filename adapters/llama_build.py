"""The pinned llama-cpp-python sdist in, a binding that loads out: the library alone, from a cache when it can.

The file's law: nothing is compiled where the binding loads or the cache has its wheel; llama_cpp is never imported.

Why not `pip install llama-cpp-python`: the package forces llama.cpp's common library and multimodal tools on, three
fifths of the compile time, which the binding does not use. Here CMake builds the target `llama`; its libraries, which
find each other by $ORIGIN, go into a wheel.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

if sys.platform != "win32":
    import fcntl

VERSION: Final = "0.3.36"
PACKAGE: Final = f"llama-cpp-python=={VERSION}"
DISK_NEEDED_BYTES: Final = 1_000_000_000  # measured peak 420 MB on Linux; CUDA kernels take more
COMPILE_BYTES_PER_JOB: Final = 1_500_000_000  # a unity batch of twelve files
PIP: Final = "pip>=24.1"  # its raw progress can be shown as our bar
BACKEND: Final = "scikit-build-core>=0.10,<2"
BUILD_TOOLS: Final = {"cmake": "cmake>=3.21,<5", "ninja": "ninja>=1.11"}
OPTIONS: Final = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=ON",
    "-DCMAKE_UNITY_BUILD=ON",
    "-DCMAKE_UNITY_BUILD_BATCH_SIZE=12",
    "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON",
    "-DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON",  # one file a library: a wheel cannot hold symbolic links
    "-DLLAMA_BUILD_COMMON=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_TOOLS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
    "-DLLAMA_BUILD_APP=OFF",
)
_BAR_EVERY_S, _LINE_EVERY_S = 1.0, 15.0
PROBE: Final = """
import json, pathlib, llama_cpp
llama_cpp.llama_print_system_info()
key = pathlib.Path(llama_cpp.__file__).parent / "lib" / "build-key"
print(json.dumps({"version": llama_cpp.__version__, "key": key.read_text() if key.exists() else ""}))
"""


class BuildFailed(Exception):
    """What stopped the build, and what the person can do about it."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding that loads: its version, and the key it was built under ("" if pip or a person put it there)."""

    version: str
    key: str


@dataclass(frozen=True, slots=True)
class Build:
    """One build: where it is cached, the CMake definitions beyond OPTIONS (as "NAME=VALUE"), compile jobs."""

    cache_dir: Path
    defines: tuple[str, ...] = ()
    jobs: int = 1

    @property
    def key(self) -> str:
        """Name of the cache entry: another version, CPU, C library or option is another entry."""
        facts = [sys.platform, platform.machine(), *platform.libc_ver(), *OPTIONS, *sorted(self.defines)]
        if "GGML_NATIVE=OFF" not in self.defines:
            facts.append(_cpu_flags())
        return f"llama-{VERSION}-{hashlib.sha256('|'.join(facts).encode()).hexdigest()[:12]}"

    @property
    def wheel_dir(self) -> Path:
        """Folder that holds the finished wheel and nothing else."""
        return self.cache_dir / self.key

    @property
    def work_dir(self) -> Path:
        """Folder of the sources and objects; kept when a build stops half way, so that the next one goes on there."""
        return self.cache_dir / f"{self.key}.work"


def probe() -> Binding | None:
    """Return the binding that this interpreter loads, or None; asked in a child, as a broken library may crash."""
    child = subprocess.run([sys.executable, "-P", "-c", PROBE], capture_output=True, text=True, check=False)  # noqa: S603
    if child.returncode != 0:
        return None
    found = json.loads(child.stdout.splitlines()[-1])
    return Binding(found["version"], found["key"])


def ensure(build: Build, *, force: bool = False) -> Binding:
    """Return the binding, after installing it into this interpreter's environment if it is not there.

    Takes a second when it is there, ten from the cache, two to eight minutes of two cores when it must be compiled.
    Raises BuildFailed.
    """
    found = probe()
    if found and not force and found.version == VERSION and (not build.defines or found.key == build.key):
        return found
    with _locked(build.cache_dir):
        wheel = None if force else next(build.wheel_dir.glob("*.whl"), None)
        if wheel:
            _say(f"llama.cpp {VERSION}: installing the wheel built earlier, {wheel}")
            found = _install(build, wheel)
            if found:
                return found
            _say("That wheel does not load here any more; building it again.")
        found = _install(build, _compile(build))
    if found is None:
        raise BuildFailed(
            f'The binding was built and installed but does not load. See: {sys.executable} -c "import llama_cpp"'
        )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Return the exit code of `memos build-llama`: 0 when the binding loads, 1 with a message that says what to do."""
    parser = argparse.ArgumentParser(prog="memos build-llama", description=f"Build and install llama.cpp ({PACKAGE}).")
    parser.add_argument("-D", dest="defines", action="append", default=[], metavar="NAME=VALUE",
                        help="a CMake definition, for example -DGGML_CUDA=ON or -DGGML_VULKAN=ON")  # fmt: skip
    parser.add_argument("--portable", action="store_true", help="do not tune for this machine's CPU (for images)")
    parser.add_argument("--jobs", type=int, default=_jobs(), help="files compiled at a time (default: %(default)s)")
    parser.add_argument(
        "--cache", type=Path, default=Path.home() / ".cache" / "memos-proxy", help="default: %(default)s"
    )
    parser.add_argument("--force", action="store_true", help="build again though the binding loads")
    args = parser.parse_args(argv)
    defines = [*args.defines, *(["GGML_NATIVE=OFF"] if args.portable else [])]
    started = time.monotonic()
    try:
        binding = ensure(Build(args.cache, tuple(defines), args.jobs), force=args.force)
    except BuildFailed as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    _say(f"llama-cpp-python {binding.version} loads ({time.monotonic() - started:.0f} s).")
    return 0


def _compile(build: Build) -> Path:
    """Return the wheel, compiled and put into the cache; the work folder is removed at the end."""
    _check_machine(build)
    build.work_dir.mkdir(parents=True, exist_ok=True)
    python, tools = _tools(build)
    source = _source(build, python)
    _say(f"[3/4] compiling with {build.jobs} jobs; this takes two to eight minutes, once")
    objects = build.work_dir / "objects"
    configure = [tools["cmake"], "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tools['ninja']}"]
    origin = "@loader_path" if sys.platform == "darwin" else "$ORIGIN"
    options = [*OPTIONS, f"-DCMAKE_INSTALL_RPATH={origin}", *(f"-D{define}" for define in build.defines)]
    _run(build, [*configure, "-S", str(source / "vendor/llama.cpp"), "-B", str(objects), *options])
    with _Bar() as bar:
        _run(build, [tools["cmake"], "--build", str(objects), "--target", "llama", "-j", str(build.jobs)], bar.show)
    _say("[4/4] packing the wheel")
    wheel = _pack(build, python, source, objects / "bin")
    shutil.rmtree(build.work_dir)
    return wheel


def _tools(build: Build) -> tuple[Path, dict[str, str]]:
    """Return a Python of the build's own with scikit-build-core in it, and the paths of cmake and ninja."""
    home = build.work_dir / "tools"
    python = home / "bin" / "python"
    found = {name: shutil.which(name) for name in BUILD_TOOLS}
    missing = [BUILD_TOOLS[name] for name, path in found.items() if not path]
    _say(f"[1/4] build tools{': ' + ', '.join(missing) if missing else ''}")
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        _run(build, [str(python), "-m", "pip", "install", "--quiet", "--upgrade", PIP, BACKEND, *missing])
        (home / "ready").touch()
    return python, {name: path or str(home / "bin" / name) for name, path in found.items()}


def _source(build: Build, python: Path) -> Path:
    """Return the unpacked sdist, fetched through pip and so from the index that the person's pip is set up for."""
    source = build.work_dir / f"llama_cpp_python-{VERSION}"
    if (source / "ready").exists():
        return source
    _say(f"[2/4] downloading {PACKAGE} (77 MB)")
    # Without build isolation pip reads the metadata with our scikit-build-core instead of installing a second one.
    pip = [str(python), "-m", "pip", "download", "--no-deps", "--no-build-isolation", "--no-binary", "llama-cpp-python"]
    with _Bar() as bar:
        _run(build, [*pip, "--progress-bar", "raw", "--dest", str(build.work_dir), PACKAGE], bar.show)
    archive = next(build.work_dir.glob("llama_cpp_python-*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(build.work_dir, filter="data")
    (source / ".gitignore").unlink(missing_ok=True)  # it names lib/, which scikit-build-core would then leave out
    (source / "ready").touch()
    return source


def _pack(build: Build, python: Path, source: Path, libraries: Path) -> Path:
    """Return the wheel in the cache: the package with the libraries inside, so that no variable must point at them."""
    lib_dir = source / "llama_cpp" / "lib"
    shutil.rmtree(lib_dir, ignore_errors=True)
    lib_dir.mkdir()
    built = [path for path in libraries.iterdir() if path.suffix in {".so", ".dylib"}]
    for path in built:
        shutil.copy2(path, lib_dir)
    (lib_dir / "build-key").write_text(build.key)
    packed = build.work_dir / "wheel"
    shutil.rmtree(packed, ignore_errors=True)
    settings = ["--config-settings=wheel.cmake=false", "--config-settings=wheel.platlib=true"]
    pip = [str(python), "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", *settings]
    _run(build, [*pip, "--wheel-dir", str(packed), str(source)])
    shutil.rmtree(build.wheel_dir, ignore_errors=True)
    packed.replace(build.wheel_dir)
    return next(build.wheel_dir.glob("*.whl"))


def _install(build: Build, wheel: Path) -> Binding | None:
    """Return the binding after installing the wheel into this interpreter's environment; None if it does not load."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    _run(build, [*pip, str(wheel)])  # brings its few dependencies
    _run(
        build, [*pip, "--force-reinstall", "--no-deps", str(wheel)]
    )  # the same version with other libraries is replaced
    return probe()


def _run(build: Build, command: list[str], on_line: Callable[[str], object] | None = None) -> None:
    """Run a command to its end, output to the log and to `on_line`. Raises BuildFailed with the log's last lines."""
    build.cache_dir.mkdir(parents=True, exist_ok=True)
    log_path = build.cache_dir / f"{build.key}.log"
    tail: list[str] = []
    with log_path.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n")
        child = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        for line in child.stdout or ():
            log.write(line)
            tail = [*tail[-14:], line]
            if on_line:
                on_line(line)
    if child.wait() != 0:
        raise BuildFailed(_advice("".join(tail), log_path))


def _advice(output: str, log_path: Path) -> str:
    """Return what failed and what to do about it, from the last lines of a command's output."""
    advice = "The build stopped. What was compiled is kept: the same command goes on from there."
    if re.search(r"No space left", output):
        advice = "The disk is full: free a gigabyte, or choose another disk with --cache DIR."
    elif re.search(r"No matching distribution|Connection|timed out|Temporary failure|ProxyError|SSLError", output):
        advice = f"pip could not fetch {PACKAGE} or a build tool: check the network and the index that pip is set to."
    elif re.search(r"Killed|fatal error: .*memory|internal compiler error", output):
        advice = "The compiler ran out of memory: try again with --jobs 1."
    elif re.search(r"CMAKE_C(XX)?_COMPILER|No CMAKE_", output):
        advice = f"{compiler_advice()}\nThen run this again."
    return f"{output.rstrip()}\n\n{advice}\nThe whole log: {log_path}"


def _check_machine(build: Build) -> None:
    """Raise BuildFailed, before anything is downloaded, where the build cannot succeed."""
    chosen = any(define.startswith("CMAKE_CXX_COMPILER") for define in build.defines)
    if not chosen and not has_compiler():
        raise BuildFailed(f"{compiler_advice()}\nThen run this again.")
    build.cache_dir.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(build.cache_dir).free
    if free_bytes < DISK_NEEDED_BYTES:
        raise BuildFailed(
            f"{build.cache_dir} has {free_bytes // 1_000_000} MB free and the build needs"
            f" {DISK_NEEDED_BYTES // 1_000_000} MB: free some, or choose another disk with --cache DIR."
        )


def has_compiler() -> bool:
    """Return True when a C++ compiler is on the PATH."""
    return any(shutil.which(name) for name in ("c++", "g++", "clang++"))


def compiler_advice() -> str:
    """Return how to get a C++ compiler."""
    how = "xcode-select --install" if sys.platform == "darwin" else "apt-get install g++  (or: dnf install gcc-c++)"
    return f"No C++ compiler was found. Install one: {how}"


def _cpu_flags() -> str:
    """Return what -march=native depends on: a wheel built for one CPU can crash on another."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if line.lower().startswith(("flags", "features"))), platform.processor())
    return platform.processor()


def _jobs() -> int:
    """Return how many files to compile at a time: a core each, as far as the memory reaches."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(os.cpu_count() or 1, memory_bytes // COMPILE_BYTES_PER_JOB))


@contextmanager
def _locked(cache_dir: Path) -> Iterator[None]:
    """Hold the cache for one build at a time; a second one waits and then finds the first one's wheel."""
    if sys.platform == "win32":
        raise BuildFailed("Building llama.cpp is supported on Linux and macOS; on Windows run this inside WSL.")
    cache_dir.mkdir(parents=True, exist_ok=True)
    with (cache_dir / "llama-build.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another build is running; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class _Bar:
    """Progress lines of ninja and pip in, a bar on a terminal out; in a log a line every fifth of the way and 15 s.

    One batch of files may compile for a minute without a word: time passes visibly all the same.
    """

    def __init__(self, out: TextIO = sys.stdout, every_s: float | None = None) -> None:
        self._out, self._terminal, self._started = out, out.isatty(), time.monotonic()
        self._done, self._total, self._fifth = 0, 1, 0
        self._writing, self._over = threading.Lock(), threading.Event()
        self._every_s = every_s or (_BAR_EVERY_S if self._terminal else _LINE_EVERY_S)
        self._clock = threading.Thread(target=self._keep_telling, name="progress", daemon=True)

    def __enter__(self) -> "_Bar":
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._clock.join()
        if self._terminal:
            self._out.write("\n")

    def show(self, line: str) -> None:
        """Show how far a line of output says the work is; other lines are left to the log."""
        match = re.match(r"\[(\d+)/(\d+)\]|Progress (\d+) of (\d+)", line)
        if not match:
            return
        self._done, self._total = int(match[1] or match[3]), max(1, int(match[2] or match[4]))
        fifth = 5 * self._done // self._total
        if self._terminal or fifth > self._fifth:
            self._fifth = fifth
            self._tell()

    def _keep_telling(self) -> None:
        while not self._over.wait(self._every_s):
            self._tell()

    def _tell(self) -> None:
        share, elapsed_s = self._done / self._total, time.monotonic() - self._started
        filled = int(30 * share)
        with self._writing:
            if self._terminal:
                bar = f"{'█' * filled}{'░' * (30 - filled)}"
                self._out.write(f"\r      {bar} {100 * share:3.0f} %  {elapsed_s:.0f} s ")
            else:
                self._out.write(f"      {100 * share:.0f} % ({elapsed_s:.0f} s)\n")
            self._out.flush()


if __name__ == "__main__":
    raise SystemExit(main())
