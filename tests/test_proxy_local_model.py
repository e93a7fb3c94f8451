"""A local model from the command line, in real processes: how it is run, and what is said where it cannot be."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.echo import Echo
from adapters.embedded import gguf_path
from adapters.llama_build import VERSION
from memory.errors import EngineDown, Invalid
from proxy.engine_backend import EngineBackend
from proxy.engine_fault import fault_line, start_fault
from proxy.engine_options import EngineOptions
from proxy.supervisor import EngineProcess
from tests.gguf_files import Shape, write_header, write_model

ROOT = Path(__file__).resolve().parent.parent
FAST = ("--set", "embedder.kind=none")


def memos(*arguments, python=sys.executable, **environ):
    command = [str(python), "-P", "-m", "proxy", *arguments]
    environ = {"COLUMNS": "200", **environ}  # and nothing of the tester's own
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environ)


def refused(*arguments, **more):
    """Run a command that must fail, and return what it says: no traceback, no log."""
    done = memos(*arguments, **more)
    assert done.returncode in (1, 2), done
    assert "Traceback" not in done.stderr
    assert " ERROR " not in done.stderr
    return done.stderr


def serve_refused(data, *arguments, **more):
    return refused("serve", "--data", str(data), "--port", "0", *FAST, *arguments, **more)


# How it is run


@pytest.mark.engine
def test_flags_in_llama_cpps_words_reach_the_engine_and_the_log_says_what_was_chosen(product):
    flags = ("-c", "4096", "--threads", "2", "-b", "64", "--kv-type", "q8_0", "-ngl", "5")
    product.start(*flags, *FAST)
    log = product.log.read_text()
    (line,) = re.findall(r"proxy\.engine_llama: (memos-tiny: .*)", log)
    assert "a context of 4096 tokens for all requests together (as configured)" in line
    assert "threads: 2, tokens in a batch: 64, KV as q8_0" in line
    assert "--gpu-layers has no effect" in log or "layers on a GPU: 5" in line
    assert product.ask(product.key("ada"), "My name is Ada.")


@pytest.mark.engine
def test_by_default_the_file_and_the_memory_decide(product):
    product.start(*FAST)
    assert "a context of 16384 tokens for all requests together (8 times the trained 2048)" in product.log.read_text()


@pytest.mark.engine
def test_a_split_model_is_served_under_its_name(product):
    first = write_model(product.data / "Nothing-F16.gguf", Shape(trained=512), tensors_in_part=8)
    product.start("--model", str(first), *FAST)
    key = product.key("ada")
    with product.client(key) as client:
        (model,) = client.models.list().data
        assert (model.id, model.model_extra["context_length"]) == ("Nothing-F16", 512)
        answer = client.chat.completions.create(
            model=model.id, messages=[{"role": "user", "content": "Hello"}], max_tokens=4
        )
    assert answer.usage.completion_tokens > 0


@pytest.mark.engine
def test_a_context_that_does_not_fit_is_refused_before_it_is_made(tmp_path):
    said = serve_refused(tmp_path, "--ctx-size", "2000000000")
    assert "The model does not fit: it needs" in said
    assert re.search(r"--ctx-size \d+ fits", said)
    assert "engine.check_memory=false" in said


@pytest.mark.engine
def test_weights_that_do_not_fit_are_refused_before_they_are_read(tmp_path):
    """A terabyte, all of it a hole in the file."""
    path = write_model(tmp_path / "huge.gguf", Shape(layers=4, width=32768, inner=3_000_000, heads=32, kv_heads=2))
    assert path.stat().st_size > 1 << 40
    assert "smaller quantization" in serve_refused(tmp_path / "data", "--model", str(path))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--ctx-size", "some"), "engine.context_tokens: input should be a valid integer"),
        (("--ctx-size", "12"), "engine.context_tokens"),
        (("--threads", "0"), "engine.threads"),
        (("--batch-size", "1"), "engine.batch_tokens"),
        (("--ctx-size", "4096", "--backend", "echo"), "for a local model only"),
        (("--kv-type", "q9"), "engine.kv_type: input should be 'f16', 'f32', 'bf16', 'q8_0' or 'q4_0'"),
    ],
)
def test_what_a_flag_cannot_mean_is_told(tmp_path, arguments, words):
    said = serve_refused(tmp_path, *arguments)
    assert words in said
    assert arguments[0] in said


@pytest.mark.parametrize("command", ["serve", "engine"])
@pytest.mark.parametrize(
    ("architecture", "metadata", "words"),
    [
        ("llama", {"general.type": "adapter"}, "LoRA adapter"),
        ("clip", {"general.type": "mmproj"}, "mmproj"),
        ("bert", {}, "embedding model"),
    ],
)
def test_a_file_that_is_no_chat_model_is_told_in_one_line(tmp_path, command, architecture, metadata, words):
    path = write_header(tmp_path / "m.gguf", architecture, metadata)
    said = refused(command, "--port", "0", "--data", str(tmp_path / "data"), "--model", str(path))
    assert words in said
    assert said.count("\n") == 1


def test_a_missing_part_is_told_in_one_line(tmp_path):
    path = write_header(tmp_path / "m-00001-of-00002.gguf", "llama", {"split.count": 2})
    said = serve_refused(tmp_path / "data", "--model", str(path))
    assert "m-00002-of-00002.gguf" in said
    assert said.count("\n") == 1


@pytest.mark.engine
def test_an_architecture_that_llama_cpp_does_not_know_is_told(tmp_path):
    path = write_header(tmp_path / "m.gguf", "nonesuch", {"nonesuch.block_count": 1})
    assert "unknown model architecture: 'nonesuch'" in serve_refused(tmp_path / "data", "--model", str(path))


def test_the_doctor_looks_at_the_model_file(tmp_path):
    def found(path):
        settings = ("--set", "backend.kind=llama_cpp", "--set", f"backend.model_path={path}", "--set", "server.port=0")
        done = memos("doctor", "--json", "--data", str(tmp_path / "data"), *FAST, *settings)
        return {row["check"]: row for row in json.loads(done.stdout)}["model"]

    assert found(gguf_path())["status"] == "ok"
    assert "trained for 2048" in found(gguf_path())["detail"]
    assert "LoRA" in found(write_header(tmp_path / "l.gguf", "llama", {"general.type": "adapter"}))["detail"]


# Where it cannot be run

UPSTREAM, DOCKER, BUILD = "serve --upstream URL", "docker run", "build-llama --force"


@dataclasses.dataclass
class Machine:
    """A Python environment with all that this one has, except for llama.cpp."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def package(self, code: str, *, libraries: bool = True) -> None:
        """Put a package in the place of llama_cpp."""
        package = self.site / "llama_cpp"
        shutil.rmtree(package, ignore_errors=True)
        (package / "lib").mkdir(parents=True)
        (package / "__init__.py").write_text(code)
        if libraries:
            (package / "lib" / "libllama.so").touch()

    @property
    def site(self) -> Path:
        return next(self.folder.glob("lib/python*/site-packages"))

    def doctor(self, tmp_path, **environ):
        arguments = ("doctor", "--json", "--data", str(tmp_path), *FAST, "--set", "server.port=0")
        done = memos(*arguments, python=self.python, **environ)
        return {row["check"]: row for row in json.loads(done.stdout)}["llama.cpp"]


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path / "venv")
    site = made.folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.mkdir(parents=True)
    made.python.parent.mkdir()
    made.python.symlink_to(Path(sys.executable).resolve())
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", made.folder)
    for entry in Path(pytest.__file__).parents[1].iterdir():
        if not entry.name.startswith("llama_cpp"):
            (site / entry.name).symlink_to(entry)
    return made


def test_without_the_package_it_says_how_to_go_on(machine, tmp_path):
    said = serve_refused(tmp_path / "data", python=machine.python)
    assert said.startswith("memos: The local model cannot run: The package llama_cpp is not installed.")
    assert all(words in said for words in (UPSTREAM, DOCKER, BUILD))
    found = machine.doctor(tmp_path / "data")
    assert found["status"] == "problem"
    assert "is not installed" in found["detail"]
    assert "build-llama" in found["mend"]


def test_memos_engine_says_it_too(machine, tmp_path):
    said = refused("engine", "--uds", str(tmp_path / "s"), python=machine.python)
    assert "The package llama_cpp is not installed." in said
    assert UPSTREAM in said


@pytest.mark.parametrize(
    ("code", "told", "diagnosed"),
    [
        (
            "raise RuntimeError('Failed to load shared library: libgomp.so.1: cannot open shared object file')",
            "libgomp.so.1: cannot open shared object file",
            "libgomp.so.1: cannot open shared object file",
        ),
        (
            "raise AttributeError('libllama.so: undefined symbol: llama_model_load')",
            "undefined symbol: llama_model_load",
            "undefined symbol",
        ),
        (
            "__version__ = '0.2.1'",
            f"llama-cpp-python 0.2.1 is installed, and {VERSION} is needed",
            f"0.2.1 is installed, and {VERSION} is needed",
        ),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGILL)",
            "built for another CPU than this machine's",
            "built for another CPU",
        ),
    ],
    ids=["a library is missing", "a function is missing", "another version", "another CPU"],
)
def test_a_library_that_does_not_run_here_says_why_and_how_to_go_on(machine, tmp_path, code, told, diagnosed):
    machine.package(code)
    said = serve_refused(tmp_path / "data", python=machine.python)
    assert said.startswith("memos: The local model cannot run: ")
    assert told in said
    assert all(words in said for words in (UPSTREAM, DOCKER, BUILD))
    assert len(said.splitlines()) < 9, "it is short"
    found = machine.doctor(tmp_path / "data")
    assert found["status"] == "problem"
    assert diagnosed in found["detail"]
    assert "memos build-llama --force" in found["mend"]


@pytest.mark.parametrize(
    ("stderr", "status", "words", "code"),
    [
        ("", -9, "the memory ran out", "engine_not_started"),
        ("", -4, "another CPU", "engine_missing"),
        ("", -99, "signal 99", "engine_not_started"),
        ("", None, "did not get ready in time", "engine_not_started"),
        (f"noise\n{fault_line(Invalid('No, because.', code='why'))}", 1, "No, because.", "why"),
        ("Traceback (most recent call last):\n  File x\nValueError: odd", 1, "status 1. ValueError: odd", None),
    ],
)
def test_how_a_child_ended_is_said_in_a_sentence(stderr, status, words, code):
    fault = start_fault(stderr, status)
    assert words in str(fault)
    assert "Traceback" not in str(fault)
    assert fault.code == (code or "engine_not_started")


async def test_a_chat_waits_for_the_engine_only_so_long(tmp_path):
    engine = EngineProcess(EngineOptions(model_path=gguf_path(), model_id="m"), tmp_path)
    backend = EngineBackend(Echo(), engine, patience_s=0.05)
    with pytest.raises(EngineDown, match="started again") as caught:
        await backend.send("GET", "/models", ())
    assert caught.value.retry_after_s
    assert await backend.ready() == "the local model is not loaded"
    await engine.stop()


def test_another_crash_is_named_by_its_signal(machine, tmp_path):
    machine.package("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert "It crashed (SIGSEGV)." in serve_refused(tmp_path / "data", python=machine.python)


def test_the_doctor_tells_a_package_without_libraries_and_a_missing_compiler(machine, tmp_path):
    machine.package("raise FileNotFoundError('Shared library with base name llama not found')", libraries=False)
    assert "has no libraries in it" in machine.doctor(tmp_path)["detail"]
    mend = machine.doctor(tmp_path, PATH=str(tmp_path))["mend"]
    assert mend.startswith("No C++ compiler was found.")
    assert "memos build-llama --force" in mend


def test_another_backend_needs_no_llama_cpp(machine, tmp_path):
    arguments = ("doctor", "--json", "--data", str(tmp_path), *FAST, "--set", "server.port=0")
    done = memos(*arguments, "--set", "backend.kind=echo", python=machine.python)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_serve_without_a_compiler_ends_with_what_to_do(machine, tmp_path):
    """Before anything is downloaded: a compiler, or another server, or the container."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "sh", "awk", "sed", "make", "touch", "env"):
        (tools / name).symlink_to(shutil.which(name))
    for stamp in (".python", ".core", *re.findall(r"\$\(VENV\)/(\.embedder\S*):", (ROOT / "Makefile").read_text())):
        (machine.folder / stamp).touch()
    done = subprocess.run(
        ["make", "-C", str(ROOT), "serve", f"VENV={machine.folder}"],
        env={"PATH": str(tools), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in said
    assert "No C++ compiler was found" in said
    assert "LLAMA=no" in said
    assert "--upstream" in said
    assert "docker run" in said
