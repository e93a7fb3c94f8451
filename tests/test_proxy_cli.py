"""The command line as a person uses it: real processes, their output and their exit status."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.embedded import gguf_path
from memory.cube import Origin, SemanticType, Source
from memory.governance import Governance
from memory.turn import Draft, Message, Scope, TurnRecord
from memory.vault import open_vault
from proxy.compose import utc_now

COMMANDS = ["serve", "keys create", "keys list", "keys revoke", "check-config", "doctor", "version", "reembed"]
COMMANDS += ["queue list", "queue retry", "engine", "build-llama", "activation ls", "activation drop"]
COMMANDS += ["audit verify", "audit head", "audit log", "audit watermark"]
COMMANDS += ["spaces list", "spaces members", "spaces delete"]


NAME_IT = "Name the folder that the proxy uses with --data DIR."


def memos(*arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "proxy", *arguments]
    environ = {"COLUMNS": "200", **environ}  # and nothing of the tester's own
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd, env=environ)


def made(data: Path, name: str, *flags: str) -> dict[str, str]:
    done = memos("keys", "create", name, "--data", str(data), "--json", *flags)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command: str) -> None:
    done = memos(*command.split(), "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: memos")


def test_help_loads_neither_engines_nor_the_web_framework() -> None:
    code = (
        "import sys; from proxy.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    loaded = done.stdout.splitlines()[-1]
    for module in ("fastapi", "numpy", "pydantic", "uvicorn", "onnxruntime", "llama_cpp", "rich"):
        assert f"'{module}'" not in loaded


def test_a_command_that_does_not_exist_is_status_2() -> None:
    assert memos("srve").returncode == 2
    assert memos("version", "--wat").returncode == 2
    assert memos("keys").returncode == 2


@pytest.mark.parametrize("below", ["", "x"])
@pytest.mark.parametrize("command", [["serve", "--backend", "echo", "--port", "0"], ["keys", "create", "ada"]])
def test_a_data_folder_that_cannot_be_made_is_told_and_nothing_is_touched(tmp_path, command, below) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    done = memos(*command, "--data", str(file / below if below else file))
    assert done.returncode == 1
    assert "a file is in the way. Choose another one with --data." in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_text() == "mine"


def test_the_version_is_told_either_way() -> None:
    assert memos("--version").stdout == memos("version").stdout
    assert memos("--version").stdout.startswith("memos-proxy ")


# Keys


def test_keys_are_made_before_the_first_start_and_shown_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first, second = made(data, "ada"), made(data, "ada", "--assert-users")
    assert first.keys() == {"key", "id", "user"}
    assert first["user"] != second["user"], "the same name twice is two keys of two users"
    listed = json.loads(memos("keys", "list", "--data", str(data), "--json").stdout)
    assert [(row["name"], row["assert_users"]) for row in listed] == [("ada", False), ("ada", True)]
    everything = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert first["key"].encode() not in everything
    assert first["key"] not in json.dumps(listed)
    assert memos("keys", "create", "plain", "--data", str(data)).stdout.strip().startswith("sk-memos-")


def test_a_key_can_be_made_for_an_existing_user(tmp_path: Path) -> None:
    old = made(tmp_path, "ada")
    assert made(tmp_path, "ada's new one", "--user", old["user"])["user"] == old["user"]


def test_a_key_for_a_user_whom_nobody_knows_says_so(tmp_path: Path) -> None:
    """It may be another user, misspelt; and nothing is said of one that has a key."""
    create = ("keys", "create", "x", "--data", str(tmp_path), "--user")
    first = memos(*create, "marlene")
    assert (first.returncode, "marlene is a new user" in first.stderr) == (0, True)
    assert "Did you mean" not in first.stderr
    assert "new user" not in memos(*create, "marlene").stderr
    near = memos(*create, "Marlen")
    assert near.returncode == 0
    assert near.stdout.startswith("sk-memos-")
    assert "Did you mean marlene?" in near.stderr
    far = memos(*create, "jo", "--json")
    assert json.loads(far.stdout)["user"] == "jo"
    assert "jo is a new user, without memories.\n" in far.stderr


def test_a_revoked_key_is_listed_as_revoked(tmp_path: Path) -> None:
    key = made(tmp_path, "ada")
    assert memos("keys", "revoke", key["id"], "--data", str(tmp_path)).returncode == 0
    assert json.loads(memos("keys", "list", "--data", str(tmp_path), "--json").stdout)[0]["revoked_at"]
    done = memos("keys", "revoke", "nope", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "There is no key 'nope'" in done.stderr


@pytest.mark.parametrize("command", ["keys list", "keys revoke abc", "queue list", "queue retry", "reembed"])
def test_in_the_wrong_folder_nothing_is_made(tmp_path: Path, command: str) -> None:
    """A list of no keys would be the answer to another question."""
    done = memos(*command.split(), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"memos: There is no vault in {tmp_path / 'data'}. {NAME_IT}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_new_data_folder_is_told_of(tmp_path: Path) -> None:
    first, second = (memos("keys", "create", "ada", "--data", "mine", cwd=tmp_path) for _ in range(2))
    assert f"Made a new data folder, {tmp_path / 'mine'}" in first.stderr
    assert "new data folder" not in second.stderr
    assert first.stdout.startswith("sk-memos-")


def test_a_whole_key_can_be_revoked_and_is_never_repeated(tmp_path: Path) -> None:
    """It is what people have at hand; the screen and the shell's history of a log must not get it again."""
    made_key = made(tmp_path, "ada")["key"]
    other = made_key[:9] + "00000000" + made_key[17:]
    for text in (made_key[:-50], other, f"Bearer {other}", f"x{made_key[:12]}"):
        done = memos("keys", "revoke", text, "--data", str(tmp_path))
        assert done.returncode == 1
        assert made_key[18:] not in done.stdout + done.stderr
    done = memos("keys", "revoke", made_key, "--data", str(tmp_path))
    assert done.returncode == 0
    assert made_key[18:] not in done.stdout + done.stderr
    assert json.loads(memos("keys", "list", "--data", str(tmp_path), "--json").stdout)[0]["revoked_at"]


# Configuration


def test_what_another_program_reads_is_not_cut_off(tmp_path: Path) -> None:
    """80 columns is what a table gets where no terminal says otherwise."""
    name = "a-name-that-is-longer-than-any-terminal-is-wide-" * 3
    (tmp_path / f"{name}.yaml").write_text("server: {host: 127.0.0.2}\n")
    done = memos("check-config", "--config", f"{name}.yaml", cwd=tmp_path, COLUMNS="80")
    assert f"file {name}.yaml" in done.stdout
    made(tmp_path / "data", name)
    assert name in memos("keys", "list", cwd=tmp_path, COLUMNS="80").stdout


def test_a_value_from_the_environment_is_not_called_a_default() -> None:
    """The defaults themselves read it: the upstream's key, for one."""
    done = memos("check-config", "--json", MEMOS_UPSTREAM_API_KEY="sk-not-to-be-shown")
    rows = json.loads(done.stdout)
    assert rows["backend.api_key"] == {"value": "**********", "source": "environment MEMOS_UPSTREAM_API_KEY"}
    assert rows["writer.llm.api_key"]["source"] == "default"


def test_check_config_shows_where_each_value_is_from(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("scheduler:\n  top_k: 3\nbackend:\n  api_key: ${SECRET}\n")
    arguments = ["check-config", "--config", "my.yaml", "--set", "server.port=1", "--json"]
    done = memos(*arguments, cwd=tmp_path, MEMOS_MEMORY__MODE="off", SECRET="sk-not-to-be-shown")
    rows = json.loads(done.stdout)
    assert rows["scheduler.top_k"] == {"value": 3, "source": "file my.yaml"}
    assert rows["memory.mode"] == {"value": "off", "source": "environment MEMOS_MEMORY__MODE"}
    assert rows["server.port"]["value"] == 1
    assert rows["server.host"] == {"value": "127.0.0.1", "source": "default"}
    assert "sk-not-to-be-shown" not in done.stdout
    assert "scheduler.top_k" in memos(*arguments[:-1], cwd=tmp_path, SECRET="x").stdout


@pytest.mark.parametrize("command", ["check-config", "serve", "reembed", "keys list"])
def test_a_bad_configuration_is_status_2_with_every_problem(tmp_path: Path, command: str) -> None:
    (tmp_path / "my.yaml").write_text("server:\n  prot: 1\nschedulr:\n  top_k: 1\n")
    done = memos(*command.split(), "--config", "my.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean server.port?" in done.stderr
    assert "did you mean scheduler.top_k?" in done.stderr
    assert "Traceback" not in done.stderr


# Doctor


def findings(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = memos("doctor", "--json", "--set", "server.port=0", *arguments)
    return done.returncode, {row["check"]: row for row in json.loads(done.stdout)}


def test_the_doctor_finds_nothing_wrong_here_and_changes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    status, found = findings("--data", str(data), "--set", "backend.kind=echo")
    assert [row for row in found.values() if row["status"] == "problem"] == []
    assert status == 0
    assert {f"import {name}" for name in ("proxy", "memory", "adapters", "config")} <= found.keys()
    assert not data.exists()
    advice = json.dumps(found)
    assert not [word for word in ("hf]", "chroma]", "litellm]") if word in advice], "this version has no use for them"
    assert "memos-proxy[" not in advice, "it is on no package index"


def test_the_doctor_says_how_to_mend_each_problem(tmp_path: Path) -> None:
    (tmp_path / "memos.db").write_bytes(b"this is not a database" * 100)
    upstream = ["--set", "backend.kind=upstream", "--set", "backend.base_url=http://127.0.0.1:1/v1"]
    status, found = findings("--data", str(tmp_path), *upstream, "--set", "embedder.kind=none")
    assert status == 1
    problems = {row["check"] for row in found.values() if row["status"] == "problem"}
    assert problems == {"vault", "upstream"}
    assert all(found[problem]["mend"] for problem in problems)


def test_the_doctor_sees_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        more = ["--set", f"server.port={port}", "--set", "embedder.kind=none", "--set", "backend.kind=echo"]
        status, found = findings("--data", str(tmp_path), *more)
    assert status == 1
    assert "--port" in found["port"]["mend"]


# Queue


def dead_turn(data: Path) -> str:
    files = open_vault(data, clock=utc_now)
    record = TurnRecord(
        scope=Scope(user="u"), turn_hash="h", conversation_id="c", messages=(Message(role="user", text="x"),)
    )
    turn_id, _ = files.ledger.append(record)
    files.ledger.claim(limit=1, lease_s=60)
    files.ledger.fail(turn_id, "EngineDown: no answer", retry_in_s=None)
    files.close()
    return turn_id


def test_dead_turns_are_visible_and_can_be_run_again(tmp_path: Path) -> None:
    turn_id = dead_turn(tmp_path)
    (row,) = json.loads(memos("queue", "list", "--data", str(tmp_path), "--json").stdout)
    assert (row["id"], row["work"], row["state"]) == (turn_id, "write", "dead")
    assert row["error"] == "EngineDown: no answer"
    assert memos("queue", "retry", "turn_nope", "--data", str(tmp_path)).returncode == 1
    assert "1 turn queued again" in memos("queue", "retry", "--data", str(tmp_path)).stdout
    (row,) = json.loads(memos("queue", "list", "--data", str(tmp_path), "--json").stdout)
    assert row["state"] == "queued"


def test_dead_extractions_are_visible_and_can_be_tried_again(tmp_path: Path) -> None:
    turn_id = dead_turn(tmp_path)
    files = open_vault(tmp_path, clock=utc_now)
    files.ledger.retry_dead(Scope(user="u"))
    source = Source(turn_id=turn_id)
    draft = Draft(
        text="x", semantic_type=SemanticType.TURN, origin=Origin.USER_INPUT, source=source, valid_from=utc_now()
    )
    admitted = Governance(None).admit(Scope(user="u"), [draft])
    files.vault.put(admitted, None, "", turn_id=turn_id, extract=True)
    files.extractions.claim(lease_s=60)
    files.extractions.fail(turn_id, "EngineDown: no answer", retry_in_s=None)
    files.close()
    (row,) = json.loads(memos("queue", "list", "--data", str(tmp_path), "--json").stdout)
    assert (row["id"], row["work"], row["state"], row["attempts"]) == (turn_id, "extract", "dead", 1)
    assert "1 turn queued again" in memos("queue", "retry", turn_id, "--data", str(tmp_path)).stdout
    (row,) = json.loads(memos("queue", "list", "--data", str(tmp_path), "--json").stdout)
    assert (row["work"], row["state"]) == ("extract", "queued")


# Serve


def answers(url: str, key: str, path: str, body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=30) as response:
        return json.loads(response.read())


class Served:
    """A running `memos serve`, and what it printed until it listened."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("Listening on"):
                self.url = line.split()[2].removesuffix("/v1;")
                return
        raise AssertionError(f"it did not start: {self.lines}")

    def rest(self) -> str:
        """Stop it as an operator does, and return what it still printed."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        self.process.wait(30)
        return text


@contextmanager
def serving(data: Path, *flags: str) -> Iterator[Served]:
    command = [sys.executable, "-P", "-m", "proxy", "serve", "--port", "0", "--data", str(data), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield Served(process)
        finally:
            process.kill()


ECHO = ("--backend", "echo", "--set", "embedder.kind=none")


def test_the_first_start_shows_a_key_that_works_and_later_ones_show_none(tmp_path: Path) -> None:
    with serving(tmp_path, *ECHO) as served:
        time.sleep(0.3)
        text = served.rest()
    key = next(line.strip() for line in text.splitlines() if line.strip().startswith("sk-memos-"))
    assert f'-H "Authorization: Bearer {key}"' in text
    assert f'api_key="{key}"' in text
    with serving(tmp_path, *ECHO) as served:
        assert answers(served.url, key, "/v1/memory/cubes")["data"] == []
        other = made(tmp_path, "made beside the running server")
        assert answers(served.url, other["key"], "/v1/models")["data"]
        assert "sk-memos-" not in served.rest()


def test_what_was_kept_is_there_after_a_restart_and_reembed_gives_it_vectors(tmp_path: Path) -> None:
    key = made(tmp_path, "ada")["key"]
    with serving(tmp_path, *ECHO) as served:
        answers(served.url, key, "/v1/memory/cubes", {"text": "The user keeps bees."})
        served.rest()
    assert "1 memory embedded" in memos("reembed", "--data", str(tmp_path)).stdout
    assert "0 memories embedded" in memos("reembed", "--data", str(tmp_path)).stdout
    with sqlite3.connect(tmp_path / "memos.db") as database:
        assert database.execute("SELECT count(*) FROM embeddings").fetchone() == (1,)
    with serving(tmp_path, *ECHO) as served:
        found = answers(served.url, key, "/v1/memory/search", {"query": "bees"})["data"]
    assert [cube["text"] for cube in found] == ["The user keeps bees."]


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (["--hf", "folder"], 2, "there is no folder at folder"),
        (["--hf", "."], 1, "it is no Hugging Face model folder"),
        (["--hf", str(gguf_path())], 1, "A GGUF file is served by --model"),
        (["--hf", str(gguf_path().parent), "--kv-type", "q8_0"], 2, "--kv-type: for GGUF files only"),
        (["--backend", "hf"], 2, "backend.kind needs a folder"),
        (["--backend", "litellm"], 1, "waits for a later version; use --model FILE.gguf, or --upstream"),
        (["--upstream", "localhost:11434"], 2, "did you mean http://localhost:11434?"),
        (["--model", "no.gguf"], 2, "there is no file at no.gguf"),
        (["--upstream", "localhost"], 2, "backend.base_url"),
        (["--backend", "nope"], 2, "backend.kind"),
        (["--upstream", "http://x/v1", "--model", "x.gguf"], 2, "not allowed with"),
        (["--set", "port"], 2, "KEY=VALUE"),
    ],
)
def test_serve_refuses_what_cannot_work_in_words(tmp_path: Path, flags: list[str], status: int, words: str) -> None:
    done = memos("serve", "--data", str(tmp_path), *flags)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "\n" not in done.stderr.strip() or status == 2
    assert list(tmp_path.iterdir()) == []


def test_serve_says_when_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = memos("serve", "--data", str(tmp_path), *ECHO, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "Address already in use. Choose another with --port." in done.stderr
    assert done.stderr.count("127.0.0.1") == 1
