"""API keys: shown once, stored as a keyed hash, revoked for everybody at once."""

import re
import stat
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory.errors import Invalid, NotFound, Unavailable
from memory.vault import open_vault


def _open(path: Path):
    return open_vault(path, clock=lambda: datetime.now(UTC))


@pytest.fixture
def files(tmp_path):
    opened = _open(tmp_path)
    yield opened
    opened.close()


def test_a_key_has_its_form_and_finds_its_record(files):
    new = files.keys.create("laptop", assert_users=True, scopes=["models", "admin"])
    assert re.fullmatch(r"sk-memos-[0-9a-f]{8}-[A-Za-z0-9_-]{43}", new.key)
    assert re.fullmatch(r"u_[0-9a-f]{12}", new.record.user)
    assert files.keys.lookup(new.key) == new.record
    assert (new.record.name, new.record.assert_users, new.record.scopes) == ("laptop", True, ("models", "admin"))
    assert new.record.shown.endswith(new.key[-4:])


def test_each_key_has_a_user_of_its_own_unless_one_is_named(files):
    assert files.keys.create("a").record.user != files.keys.create("b").record.user
    assert files.keys.create("c", user="bo").record.user == "bo"


@pytest.mark.parametrize("user", ["public", "org_1", "spc_1"])
def test_no_user_is_called_like_a_space(files, user):
    with pytest.raises(Invalid, match="space"):
        files.keys.create("a", user=user)
    assert files.keys.create("b", user="publican").record.user == "publican"


def test_the_key_itself_is_nowhere_in_the_data_folder(files, tmp_path):
    new = files.keys.create("laptop")
    files.connections.checkpoint()
    secret = new.key.split("-", 3)[3][:20].encode()  # it may hold hyphens itself
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()]


@pytest.mark.parametrize("change", [lambda k: k[:-1] + ("A" if k[-1] != "A" else "B"), lambda k: k[:-1], lambda _: ""])
def test_what_is_not_the_key_finds_nothing(files, change):
    new = files.keys.create("laptop")
    assert files.keys.lookup(change(new.key)) is None


def test_a_key_that_another_process_revokes_stops_at_once(files, tmp_path):
    new = files.keys.create("laptop")
    other = _open(tmp_path)
    assert other.keys.lookup(new.key) is not None
    files.keys.revoke(new.record.id)
    assert other.keys.lookup(new.key) is None
    assert [record.revoked_at is not None for record in other.keys.list()] == [True]
    other.close()


def test_revoking_an_unknown_key_says_so(files):
    with pytest.raises(NotFound):
        files.keys.revoke("00000000")


@pytest.mark.parametrize(("name", "scopes"), [("", ["models"]), ("a", ["everything"])])
def test_a_key_without_a_name_or_with_an_unknown_scope_is_not_made(files, name, scopes):
    with pytest.raises(Invalid):
        files.keys.create(name, scopes=scopes)
    assert files.keys.list() == []


def test_the_pepper_is_private_and_made_once_by_many_at_once(tmp_path):
    _open(tmp_path).close()
    (tmp_path / "pepper").unlink()
    opened = []
    threads = [threading.Thread(target=lambda: opened.append(_open(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    key = opened[0].keys.create("laptop").key
    assert all(each.keys.lookup(key) is not None for each in opened)
    assert stat.S_IMODE((tmp_path / "pepper").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "memos.db").stat().st_mode) == 0o600
    assert not list(tmp_path.glob(".pepper*"))
    for each in opened:
        each.close()


@pytest.mark.parametrize("holds", ["keys", "audit", "both"])
def test_a_lost_pepper_is_not_replaced_under_what_rests_on_it(tmp_path, holds):
    """With another pepper every key would be dead and the chain broken, and nobody would know why."""
    files = _open(tmp_path)
    key = files.keys.create("laptop").key
    if holds != "both":
        with files.connections.write() as connection:
            connection.execute(f"DELETE FROM {'audit' if holds == 'keys' else 'keys'}")
    files.close()
    pepper = (tmp_path / "pepper").read_bytes()
    (tmp_path / "pepper").unlink()
    with pytest.raises(Unavailable, match="Restore it from a backup") as raised:
        _open(tmp_path)
    assert raised.value.code == "pepper_missing"
    assert not (tmp_path / "pepper").exists()
    (tmp_path / "pepper").write_bytes(pepper)
    files = _open(tmp_path)
    assert (files.keys.lookup(key) is not None) == (holds != "audit")
    files.close()


def test_the_way_on_without_the_pepper_leads_to_the_same_memories(tmp_path):
    """It is done as the error says: by its command, and a new key for the same user."""
    files = _open(tmp_path)
    lost = files.keys.create("laptop")
    files.close()
    (tmp_path / "pepper").unlink()
    with pytest.raises(Unavailable) as raised:
        _open(tmp_path)
    command = str(raised.value).partition("`")[2].partition("`")[0]
    subprocess.run(["/bin/sh", "-c", command], check=True)
    assert stat.S_IMODE((tmp_path / "pepper").stat().st_mode) == 0o600
    files = _open(tmp_path)
    assert files.keys.lookup(lost.key) is None
    new = files.keys.create("laptop again", user=files.keys.list()[0].user)
    found = files.keys.lookup(new.key)
    assert found is not None
    assert found.user == lost.record.user
    files.close()


@pytest.mark.parametrize("scopes", ["{", "5"])
def test_a_damaged_row_is_a_clear_error_and_a_key_that_worked_goes_on(tmp_path, scopes):
    files = _open(tmp_path)
    new = files.keys.create("laptop")
    assert files.keys.lookup(new.key) is not None
    with files.connections.write() as connection:
        connection.execute("UPDATE keys SET scopes = ?", (scopes,))
    assert files.keys.lookup(new.key) == new.record
    assert files.keys.lookup(f"{new.key[:-4]}AAAA") is None
    files.close()
    files = _open(tmp_path)
    with pytest.raises(Unavailable) as raised:
        files.keys.lookup(new.key)
    assert raised.value.code == "vault_damaged"
    files.close()


def test_a_damaged_pepper_is_a_clear_error(tmp_path):
    _open(tmp_path).close()
    (tmp_path / "pepper").write_bytes(b"short")
    with pytest.raises(Unavailable, match="pepper"):
        _open(tmp_path)


def test_a_providers_key_is_always_the_same_user_and_tells_nothing(files, tmp_path):
    user = files.keys.hmac_user("sk-upstream-1")
    other = _open(tmp_path)
    assert other.keys.hmac_user("sk-upstream-1") == user != files.keys.hmac_user("sk-upstream-2")
    assert "upstream" not in user
    other.close()
