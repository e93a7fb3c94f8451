"""``memos audit``: what it says, what it leaves alone, and that its exit status follows."""

import json
import logging
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memory.cube import Origin, SemanticType, Source
from memory.governance import Governance
from memory.turn import Draft, Scope
from memory.vault import open_vault
from tests.cli_rig import Done, memos

ADA = Scope(user="ada", key_id="k1")


def audit(*arguments: str, data: Path) -> Done:
    return memos("audit", *arguments, data=data)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which three things were remembered, and one forgotten again."""
    folder = tmp_path / "data"
    at = datetime.now(UTC) - timedelta(days=3)
    files = open_vault(folder, clock=lambda: at)
    drafts = [
        Draft(
            text=f"The user likes {thing}.",
            semantic_type=SemanticType.FACT,
            origin=Origin.USER_INPUT,
            source=Source(),
            valid_from=at,
        )
        for thing in ("tea", "jam", "rain")
    ]
    ids = [files.vault.put(Governance(None).admit(ADA, [each]), None, "").created[0].id for each in drafts]
    files.vault.delete(ADA, ids[:1])
    files.close()
    return folder


def change(data: Path, statement: str) -> None:
    connection = sqlite3.connect(data / "memos.db", isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_a_whole_log_holds_and_is_left_alone(data: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in data.iterdir()}
    done = audit("verify", data=data)
    assert done.returncode == 0, done.stderr
    assert "holds: 4 rows" in done.stdout
    assert audit("head", data=data).stdout.strip() in done.stdout
    assert {path.name: path.stat().st_mtime_ns for path in data.iterdir()} == before


@pytest.mark.parametrize(
    ("statement", "row", "what"),
    [
        ("UPDATE audit SET at = at + 1 WHERE seq = 2", 2, "changed"),
        ("UPDATE audit SET operation = 'recall' WHERE seq = 4", 4, "changed"),
        ("DELETE FROM audit WHERE seq = 3", 3, "missing"),
        ("DELETE FROM audit WHERE seq >= 3", 3, "cut off"),
        ("DELETE FROM audit", 1, "cut off"),
    ],
)
def test_a_log_that_was_tampered_with_is_status_1(data: Path, statement: str, row: int, what: str) -> None:
    change(data, statement)
    done = audit("verify", data=data)
    assert done.returncode == 1
    assert f"({what}, row {row})" in done.stdout
    found = json.loads(audit("verify", "--json", data=data).stdout)
    assert found["holds"] is False
    assert (found["flaw"]["what"], found["flaw"]["row"]) == (what, row)


def test_a_kept_head_tells_when_anchor_and_end_were_removed_together(data: Path) -> None:
    """Whoever can write the whole folder can put an old one back; a head kept elsewhere shows it."""
    old = {path: path.read_bytes() for path in data.iterdir() if path.is_file()}
    files = open_vault(data, clock=lambda: datetime.now(UTC))
    files.vault.delete(ADA, [files.vault.page(ADA).cubes[0].id])
    files.close()
    kept = audit("head", data=data).stdout.strip()
    assert audit("verify", "--head", kept, data=data).returncode == 0
    for path, content in old.items():
        path.write_bytes(content)
    assert audit("verify", data=data).returncode == 0
    done = audit("verify", "--head", kept, data=data)
    assert done.returncode == 1
    assert "not in this chain" in done.stdout
    assert audit("verify", "--head", "xyz", data=data).returncode == 1


def test_a_folder_without_a_vault_is_named_and_not_made(tmp_path: Path) -> None:
    for action in (["verify"], ["head"], ["log"], ["watermark", "x"]):
        done = audit(*action, data=tmp_path / "nowhere")
        assert done.returncode == 1
        assert "nowhere" in done.stderr
        assert "--data DIR" in done.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_lost_pepper_is_named_and_not_made(data: Path) -> None:
    (data / "pepper").unlink()
    done = audit("verify", data=data)
    assert done.returncode == 1
    assert "pepper is missing" in done.stderr
    assert not (data / "pepper").exists()


@pytest.mark.parametrize("action", ["serve", "keys", "doctor"])
def test_nothing_starts_on_a_vault_whose_pepper_is_lost(data: Path, action: str) -> None:
    (data / "pepper").unlink()
    echo = ("--set", "backend.kind=echo", "--set", "embedder.kind=none")
    command = {"serve": ("serve", "--port", "0"), "keys": ("keys", "create", "a"), "doctor": ("doctor", "--json")}[
        action
    ]
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        done = memos(*command, *echo, data=data)
    finally:
        root.handlers[:], root.level = handlers, level
    assert done.returncode == 1
    if action == "doctor":
        found = next(each for each in json.loads(done.stdout) if each["check"] == "vault")
        assert found["status"] == "problem"
        assert "pepper` of the newest backup" in found["mend"]
    told = done.stdout if action == "doctor" else done.stderr
    assert "pepper is missing" in told
    assert "Restore it from a backup" in told
    assert not (data / "pepper").exists()


def test_a_lost_anchor_is_a_flaw_until_it_is_renewed_which_is_logged(data: Path) -> None:
    (data / "audit.head").unlink()
    assert "not anchored" in audit("verify", data=data).stdout
    done = audit("head", "--renew", data=data)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert audit("verify", data=data).returncode == 0
    assert json.loads(audit("log", "--limit", "1", "--json", data=data).stdout)["operation"] == "anchor"


def test_a_log_with_a_changed_row_is_not_anchored_again(data: Path) -> None:
    change(data, "UPDATE audit SET at = 0 WHERE seq = 2")
    (data / "audit.head").unlink()
    assert audit("head", "--renew", data=data).returncode == 1
    assert not (data / "audit.head").exists()


def test_the_log_is_asked_from_the_command_line(data: Path) -> None:
    lines = [json.loads(line) for line in audit("log", "--json", data=data).stdout.splitlines()]
    assert [line["operation"] for line in lines] == ["delete", "remember", "remember", "remember"]
    assert {line["key_id"] for line in lines} == {"k1"}
    assert re.search(r"\bada\b", str(lines)) is None, "as a word: a hash may hold these letters"

    def count(*flags: str) -> int:
        done = audit("log", "--json", *flags, data=data)
        assert done.returncode == 0, done.stderr
        return len(done.stdout.splitlines())

    assert count("--operation", "delete") == 1
    assert count("--operation", "delete", "--operation", "remember") == 4
    assert count("--user", "ada") == 4
    assert count("--user", "ben") == 0
    assert count("--since", "2d") == 0
    assert count("--since", "4d") == 4
    assert count("--until", "2020-01-01") == 0
    assert count("--kind", "plaintext", "--limit", "2") == 2
    assert count("--key", "k2") == 0
    assert "delete" in audit("log", data=data).stdout
    for wrong in (["--since", "lately"], ["--operation", "wish"], ["--kind", "vague"]):
        assert audit("log", *wrong, data=data).returncode == 1


def test_watermarks_are_checked_from_the_command_line(data: Path, tmp_path: Path) -> None:
    files = open_vault(data, clock=lambda: datetime.now(UTC))
    rows = list(files.watermarks.marked(files.vault.export(ADA)))
    files.close()
    whole = tmp_path / "whole.jsonl"
    whole.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = audit("watermark", str(whole), data=data)
    assert (done.returncode, done.stdout) == (0, "2 unchanged, 0 changed, 0 foreign.\n")
    changed = tmp_path / "changed.jsonl"
    changed.write_text(whole.read_text().replace("jam", "ham"))
    done = audit("watermark", str(changed), data=data)
    assert done.returncode == 1
    assert "1 unchanged, 1 changed, 0 foreign." in done.stdout
    verdicts = [json.loads(line) for line in audit("watermark", str(changed), "--json", data=data).stdout.splitlines()]
    assert sorted(each["verdict"] for each in verdicts) == ["changed", "unchanged"]
    assert audit("watermark", str(tmp_path / "none.jsonl"), data=data).returncode == 1


def test_the_command_itself_has_the_exit_status_and_reads_from_stdin(data: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "proxy", "audit", *arguments, "--data", str(data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, input='{"id": "x"}\n')

    assert run("watermark", "-").stdout.splitlines()[-1] == "0 unchanged, 0 changed, 1 foreign."
    assert run("verify").returncode == 0
    change(data, "UPDATE audit SET at = at + 1 WHERE seq = 2")
    assert run("verify").returncode == 1


def test_keys_with_the_scope_admin_are_made_on_the_command_line(data: Path) -> None:
    made = json.loads(memos("keys", "create", "auditor", "--admin", "--json", data=data).stdout)
    listed = json.loads(memos("keys", "list", "--json", data=data).stdout)
    assert next(key for key in listed if key["id"] == made["id"])["scopes"][-1] == "admin"
