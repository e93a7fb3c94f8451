"""Building llama.cpp: what names a cached wheel, what people are told when it cannot be built. Nothing is built."""

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters import llama_build
from adapters.llama_build import Build

ROOT = Path(__file__).resolve().parent.parent


def build_llama(*words: str, path: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adapters.llama_build", "--force", "--cache", str(cache), *words]
    return subprocess.run(
        command, cwd=ROOT, env={"PATH": str(path), "HOME": str(cache)}, capture_output=True, text=True
    )


def test_a_wheel_is_cached_under_what_it_depends_on(tmp_path):
    """A wheel for another CPU, or with other options, must never be installed: it would crash at its first use."""
    native = Build(tmp_path)
    portable = Build(tmp_path, ("GGML_NATIVE=OFF",))
    cuda = Build(tmp_path, ("GGML_CUDA=ON",))
    assert len({native.key, portable.key, cuda.key}) == 3
    assert native.key == Build(tmp_path, jobs=7).key
    assert Build(tmp_path, ("A=1", "B=2")).key == Build(tmp_path, ("B=2", "A=1")).key
    assert native.key.startswith(f"llama-{llama_build.VERSION}-")


def test_without_a_compiler_it_says_which_to_install(tmp_path):
    """Before 77 MB are downloaded, and without a traceback."""
    child = build_llama(path=tmp_path, cache=tmp_path)
    assert child.returncode == 1
    assert "apt-get install g++" in child.stderr or "xcode-select" in child.stderr
    assert "Traceback" not in child.stderr


def test_a_compiler_that_was_named_is_taken_at_its_word(tmp_path):
    """The check for a compiler on PATH steps aside; an index without the package then stops the build."""
    pip_config = tmp_path / ".config" / "pip" / "pip.conf"
    pip_config.parent.mkdir(parents=True)
    pip_config.write_text("[global]\nindex-url = http://127.0.0.1:9/simple\nretries = 0\nno-index = true\n")
    child = build_llama("-DCMAKE_CXX_COMPILER=/opt/cc/bin/c++", path=tmp_path, cache=tmp_path)
    assert child.returncode == 1
    assert "check the network" in child.stderr
    assert "whole log" in child.stderr


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("fatal error: error writing to x.o: No space left on device", "--cache DIR"),
        ("ERROR: No matching distribution found for llama-cpp-python==0.3.36", "check the network"),
        ("c++: fatal error: Killed signal terminated program cc1plus", "--jobs 1"),
        ("CMake Error: CMAKE_CXX_COMPILER not set, after EnableLanguage", "No C++ compiler"),
        ("something nobody has seen before", "goes on from there"),
    ],
)
def test_each_failure_comes_with_what_to_do(output, advice):
    said = llama_build._advice(output, Path("/cache/build.log"))
    assert output in said
    assert advice in said
    assert "/cache/build.log" in said


def test_progress_is_shown_in_a_log_too():
    out = io.StringIO()
    with llama_build._Bar(out) as bar:
        for step in range(1, 53):
            bar.show(f"[{step}/52] Building CXX object src/a.cpp.o\n")
        bar.show("warning: unused variable\n")
    assert out.getvalue().count("\n") == 5
    assert "100 %" in out.getvalue()


def test_time_passes_visibly_while_a_file_compiles():
    """The first batch takes more than a minute, in which ninja says nothing."""
    out = io.StringIO()
    with llama_build._Bar(out, every_s=0.01) as bar:
        bar.show("[1/52] Building CXX object src/a.cpp.o\n")
        end = time.monotonic() + 30
        while out.getvalue().count("\n") < 3 and time.monotonic() < end:
            time.sleep(0.01)
    lines = out.getvalue().splitlines()
    assert len(lines) >= 3
    assert set(lines) <= {f"      2 % ({seconds} s)" for seconds in range(31)}


@pytest.mark.engine
def test_it_does_nothing_when_the_binding_loads(tmp_path):
    if llama_build.probe() is None:
        pytest.skip("the binding is not installed")
    assert llama_build.main(["--cache", str(tmp_path / "cache")]) == 0
    assert not (tmp_path / "cache").exists()
