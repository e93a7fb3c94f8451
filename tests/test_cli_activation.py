"""``memos activation drop`` removes what was named and nothing else, and asks back when that is not clear."""

import json
from datetime import UTC, datetime

import pytest

from adapters.activation_store.folder import namespace_of, salt_hash_of
from memory.vault import open_vault
from proxy.cli import main

ONE, TWO, THREE = "aaaaaaaa1" + "0" * 23, "aaaaaaaa2" + "0" * 23, "bbbbbbbb3" + "0" * 23


class Data:
    """A data folder with keys of two users, and files without a server; the files' content is no matter here."""

    def __init__(self, folder, capsys):
        self.folder, self._capsys = folder, capsys
        self.space = folder / "activations" / namespace_of("an engine")
        vault = open_vault(folder, clock=lambda: datetime.now(UTC))
        keys = [vault.keys.create(name, user=name).record for name in ("ada", "bo")]
        self.salts = {name: vault.keys.cache_salt(name) for name in ("ada", "bo", "stranger")}
        self.key_id = keys[0].id
        self.salts["key"] = vault.keys.shared_cache_salt(self.key_id)
        vault.close()
        self.space.mkdir(parents=True)
        for owner, digest in (("ada", ONE), ("ada", TWO), ("bo", THREE)):
            self.add(owner, digest)

    def add(self, owner, digest):
        name = f"{salt_hash_of(self.space.name, self.salts[owner])}.{digest}.exact.safetensors"
        (self.space / name).write_bytes(b"state")

    def left(self):
        return sorted(path.name.split(".")[1] for path in self.space.glob("*.safetensors"))

    def run(self, *arguments):
        status = main(["activation", *arguments, "--data", str(self.folder)])
        return status, self._capsys.readouterr()


@pytest.fixture
def data(tmp_path, capsys):
    return Data(tmp_path, capsys)


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ((ONE,), [TWO, THREE]),
        ((ONE[:9], THREE[:8]), [TWO]),
        (("--user", "ada"), [THREE]),
        ((ONE, "--user", "ada"), [TWO, THREE]),
        (("--all",), []),
    ],
)
def test_what_was_named_goes_and_nothing_else(data, arguments, left):
    status, said = data.run("drop", *arguments)
    assert status == 0, said.err
    assert data.left() == left
    assert said.out == f"{3 - len(left)} dropped, {3 - len(left)} files removed.\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "Say what to drop"),
        (("",), "too short"),
        ((ONE[:7],), "too short"),
        ((ONE[:8],), "may mean any of these"),
        (("c" * 32,), "no such activation memory"),
        ((ONE, "c" * 32), "no such activation memory"),
        ((THREE, "--user", "ada"), "no such activation memory"),
        (("--user", ""), "Say what to drop"),
        (("--all", "--user", "ada"), "--all drops everything"),
        (("--all", ONE), "--all drops everything"),
    ],
)
def test_where_it_is_not_clear_what_is_meant_nothing_goes(data, arguments, reason):
    status, said = data.run("drop", *arguments)
    assert status != 0
    assert reason in " ".join(said.err.split())
    assert data.left() == [ONE, TWO, THREE]


def test_the_list_tells_what_users_of_a_key_share_from_what_is_nobodys(data):
    data.add("key", "d" * 32)
    data.add("stranger", "e" * 32)
    rows = {row["digest"]: (row["user"], row["shared_by_key"]) for row in json.loads(data.run("ls", "--json")[1].out)}
    assert rows == {
        ONE: ("ada", ""),
        TWO: ("ada", ""),
        THREE: ("bo", ""),
        "d" * 32: ("", data.key_id),
        "e" * 32: ("", ""),
    }
    shown = data.run("ls")[1].out
    assert (shown.count("(shared"), shown.count("(unknown)")) == (1, 1)
