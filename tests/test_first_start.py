"""What a person sees who starts it for the first time: a key that is not lost, examples that run, errors in a line."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.embedded import gguf_path
from config.settings import load
from memory.vault import open_vault
from proxy.compose import engine_options, utc_now
from tests.proxy_rig import Upstream, whole

MEMOS = [sys.executable, "-P", "-m", "proxy"]
ECHO = ("--backend", "echo", "--set", "embedder.kind=none")
KEY = re.compile(r"^  (sk-memos-\S+)$", re.M)
LISTED = whole(b'{"object": "list", "data": [{"id": "org/it\'s \\"quoted\\""}, {"id": "second"}]}')


def heed_interrupts() -> None:
    """Undo what a shell does to the jobs in its background: it lets them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Started:
    """A `memos serve`, and all that it printed until it was told to stop."""

    def __init__(self, data: Path, *flags: str, until: str = "Listening on") -> None:
        command = [*MEMOS, "serve", "--port", "0", "--data", str(data), *flags]
        environ = {"HOME": str(Path.home())}  # and nothing of the tester's own
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen(command, env=environ, preexec_fn=heed_interrupts, **pipes)
        self.text = ""
        self.read_until(until)

    def read_until(self, words: str) -> None:
        for line in self.process.stdout:
            self.text += line
            if words in line:
                return
        raise AssertionError(f"it ended before {words!r}:\n{self.text}")

    def stop(self, number: int = signal.SIGTERM) -> str:
        """Return all that was printed."""
        self.process.send_signal(number)
        self.text += self.process.communicate(timeout=60)[0]
        return self.text

    def __enter__(self) -> "Started":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def keys_in(data: Path) -> list:
    files = open_vault(data, clock=utc_now)
    try:
        return files.keys.list()
    finally:
        files.close()


def failed(*flags: str) -> subprocess.CompletedProcess[str]:
    environ = {"HOME": str(Path.home())}
    return subprocess.run(
        [*MEMOS, "serve", "--port", "0", *flags], env=environ, capture_output=True, text=True, timeout=120
    )


# The first key


def test_a_start_that_fails_makes_no_key_and_the_next_one_shows_it(tmp_path):
    away = ["--set", "embedder.kind=openai", "--set", "embedder.base_url=http://127.0.0.1:1/v1"]
    done = failed("--data", str(tmp_path), "--backend", "echo", *away, "--set", "embedder.model=m")
    assert done.returncode == 1
    assert "sk-memos-" not in done.stdout + done.stderr
    assert keys_in(tmp_path) == []
    with Started(tmp_path, *ECHO, until="sk-memos-") as started:
        assert KEY.search(started.stop())


@pytest.mark.engine
def test_who_breaks_off_the_first_start_gets_the_key_at_the_next(tmp_path):
    with Started(tmp_path, "--set", "embedder.kind=none", until="is starting") as started:
        assert "sk-memos-" not in started.stop(signal.SIGINT)
    assert keys_in(tmp_path) == []


def test_more_keys_are_made_by_the_command_that_is_printed(tmp_path):
    with Started(tmp_path / "my data", *ECHO, until="sk-memos-") as started:
        command = re.search(r"`(.* keys create NAME.*)` makes more", started.stop())[1]
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("sk-memos-"), done.stderr
    assert [key.name for key in keys_in(tmp_path / "my data")] == ["first", "NAME"]


# The examples


def pasted(text: str, start: str, end: str) -> str:
    """A block as it stands between two lines."""
    return re.search(rf"^{start}.*?(?=^{end})", text, re.M | re.S)[0]


@pytest.mark.engine
def test_the_examples_run_as_they_are_printed(tmp_path):
    """Pasted as they are: the shell's first, then Python's, which asks for what the shell's has told."""
    with Started(tmp_path) as started:
        started.read_until("print(")
        if shutil.which("curl"):
            shell = pasted(started.text, "curl", "\n")
            said = subprocess.run(shell, shell=True, capture_output=True, text=True, timeout=60).stdout
            assert "Ada" in said
        python = pasted(started.text + "\nEND", "from openai", "\nEND")
        answer = subprocess.run([sys.executable, "-c", python], capture_output=True, text=True, timeout=60)
        assert answer.returncode == 0, answer.stderr
        if shutil.which("curl"):
            assert answer.stdout == "You live in Lisbon.\n"
        assert "pip install openai" in started.text


def test_the_examples_name_a_model_that_the_server_in_front_of_it_has(tmp_path):
    """Its first one, quoted for the shell and for Python."""
    upstream = Upstream()
    upstream.script = LISTED
    try:
        with Started(tmp_path, "--upstream", upstream.url, "--set", "embedder.kind=none") as started:
            started.read_until("print(")
            text = started.stop()
    finally:
        upstream.close()
    body = subprocess.run(
        ["sh", "-c", "printf %s " + pasted(text, "  -d ", "\n").removeprefix("  -d ")], capture_output=True, text=True
    ).stdout
    assert '"model": "org/it\'s \\"quoted\\""' in body
    assert 'model="org/it\'s \\"quoted\\"", messages=question' in text
    assert "MODEL" not in text


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (whole(b'{"error": "no"}', "401 Unauthorized"), "MEMOS_UPSTREAM_API_KEY"),
        (whole(b"not here", "404 Not Found"), "ends in /v1"),
        (whole(b'{"object": "list", "data": []}'), "in the place of MODEL"),
        (whole(b"[1"), "in the place of MODEL"),
    ],
)
def test_a_server_that_lists_no_model_is_told_of_and_served_all_the_same(tmp_path, script, words):
    upstream = Upstream()
    upstream.script = script
    try:
        with Started(tmp_path, "--upstream", upstream.url, "--set", "embedder.kind=none") as started:
            started.read_until("in the place of MODEL")
            text = started.stop()
    finally:
        upstream.close()
    assert words in text
    assert KEY.search(text)


def test_a_server_that_is_not_there_is_warned_of_at_every_start(tmp_path):
    for start in (1, 2):
        with Started(tmp_path, "--upstream", "http://127.0.0.1:1/v1", "--set", "embedder.kind=none") as started:
            started.read_until("http://127.0.0.1:1/v1 cannot be used now")
            assert bool(KEY.search(started.text)) == (start == 1)
            assert "Traceback" not in started.stop()


@pytest.mark.parametrize(
    ("flags", "tokens"),
    [
        ({}, 192),
        ({"engine.default_max_tokens": 50}, 50),
        ({"backend.kind": "llama_cpp", "backend.model_path": "x.gguf"}, 1024),
    ],
)
def test_a_demonstration_model_that_repeats_itself_soon_stops(flags, tokens):
    """Where the caller sets no limit; a model of one's own has its own measure."""
    assert engine_options(load(None, flags, {}).settings).default_max_tokens == tokens


# What cannot start


@pytest.mark.engine
@pytest.mark.parametrize("damage", ["no model", "cut in its header", "cut in its weights"])
def test_a_file_that_is_no_model_is_one_line_of_words(tmp_path, damage):
    file = tmp_path / "mine.gguf"
    whole_file = gguf_path().read_bytes()
    sizes = {"no model": 0, "cut in its header": 3000, "cut in its weights": 2_000_000}
    file.write_bytes(whole_file[: sizes[damage]] or b"This is a text about models.")
    done = failed("--data", str(tmp_path / "data"), "--model", str(file), "--log-level", "warning")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("memos: ")
    assert str(file) in line
    assert ("is not a GGUF file" in line) == (damage == "no model")
    assert "\\u000a" not in line
    assert "sk-memos-" not in done.stdout
