"""``memos ab``: what it compares, that it says the same twice, what it leaves alone, and what it says of bad input."""

import json
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memory.vault import open_vault
from proxy.shadowing import LADDER
from tests.cli_rig import Done, memos
from tests.conftest import MEMOS
from tests.memory_rig import BEN, build

PLAIN = ("--set", "embedder.kind=none")
FACT = "I painted the hallway teal last weekend."
TALK = (
    ("I baked a rye loaf this morning.", "Lovely."),
    ("My neighbour lent me a ladder.", "Kind of her."),
    ("I finished the pottery course.", "Well done."),
    (FACT, "Sounds nice."),
    ("We watched a film about whales.", "Whales are great."),
    ("I repaired the garden gate.", "Well done again."),
    ("I bought a new bicycle bell on Tuesday.", "Ring it."),
    ("What colour did I paint the hallway?", "You painted it teal."),
)


def ab(*arguments: str, data: Path) -> Done:
    return memos("ab", *arguments, *PLAIN, data=data)


def policies(done: Done) -> dict[str, dict]:
    assert done.returncode == 0, done.stderr
    return {each["name"]: each for each in json.loads(done.stdout)["policies"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A data folder in which one user asks late for an old fact, and another user says one thing."""
    folder = tmp_path_factory.mktemp("ab") / "data"
    rig = build(folder, None)
    for text, answer in TALK:
        rig.clock.now += timedelta(days=1)
        rig.tell(text, answer=answer)
    rig.tell("I live in Oslo.", BEN)
    rig.files.close()
    return folder


def test_likeness_beats_use_where_an_old_fact_is_asked_late(data: Path, tmp_path: Path):
    small = [tmp_path / f"{name}-3.yaml" for name in ("semantic", "lru")]
    for path in small:
        path.write_text(f"scheduler:\n  policy: {path.stem[:-2]}\n  top_k: 3\n")
    found = policies(ab(*map(str, small), "--turns", "1", "--json", data=data))
    assert found["semantic-3"]["support"] == 1.0
    assert found["lru-3"]["support"] == 0.0
    assert found["lru-3"]["memories_mean"] == 3.0
    assert found["live"]["agreement"] == 1.0


def test_without_a_name_the_ladder_is_compared_with_the_live_policy(data: Path):
    done = ab("--turns", "2", data=data)
    assert done.returncode == 0, done.stderr
    assert "ada: 2 of 8 recorded turns asked" in done.stdout
    rows = [line.split()[0] for line in done.stdout.splitlines() if line.strip().endswith(")") and "%" in line]
    assert rows == ["live", *LADDER]
    assert "The live policy is hybrid." in done.stdout
    assert "written with the live policy's memories" in done.stdout
    assert "teal" not in done.stdout, "no word of what was said"


def test_the_learned_ranker_is_a_knob_like_any_other(data: Path):
    found = policies(ab("--policy", "unlearned", "--policy", "learned", "--turns", "1", "--json", data=data))
    assert [(each["policy"], each["ranker"]) for each in found.values()] == [
        ("hybrid", "shipped"),
        ("hybrid", "none"),
        ("hybrid", "shipped"),
    ]
    assert found["learned"]["tokens_mean"] == found["live"]["tokens_mean"]


def test_settings_of_the_proxy_hold_for_all_and_a_candidates_file_wins(data: Path, tmp_path: Path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("scheduler:\n  policy: lru\n  top_k: 5\n")
    done = ab(str(mine), "semantic", "--set", "scheduler.top_k=2", "--turns", "1", "--json", data=data)
    found = {name: each["memories_mean"] for name, each in policies(done).items()}
    assert found["mine"] == 5.0
    assert found["live"] <= 2.0


def test_the_same_ledger_gives_the_same_numbers_in_any_process(data: Path):
    """Also where sets and dictionaries are laid out in another order; CPU times differ."""
    shown = []
    for seed in ("1", "2"):
        command = ["env", f"PYTHONHASHSEED={seed}", str(MEMOS), "ab", "lru", "--json", *PLAIN, "--data", str(data)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        for each in found["policies"]:
            assert each.pop("cpu_ms_p50") <= each.pop("cpu_ms_p95")
        shown.append(found)
    assert shown[0] == shown[1]


def test_a_user_is_chosen_and_only_theirs_is_replayed(data: Path):
    found = json.loads(ab("lru", "--user", "ben", "--json", data=data).stdout)
    assert (found["user"], found["turns"], found["asked"]) == ("ben", 1, 1)


def test_it_runs_beside_a_server_that_writes_and_waits_for_nothing(data: Path):
    files = open_vault(data, clock=lambda: datetime.now(UTC))
    try:
        with files.connections.write():
            assert ab("lru", "--turns", "1", "--json", data=data).returncode == 0
    finally:
        files.close()


def test_what_a_file_sets_beside_the_policy_is_named(data: Path):
    done = ab("small-context", "--turns", "1", data=data)
    assert done.returncode == 0
    assert (
        "small-context: only scheduler and operator are compared; without effect: engine.context_tokens" in done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("--user", "nobody"), 1, "There is no user 'nobody'"),
        (("--policy", "best"), 1, "There is no policy 'best': name a YAML file, or one of hybrid, label"),
        (("--policy", "../pipelines/x"), 1, "There is no policy"),
        (("no-such-file.yaml",), 1, "There is no file no-such-file.yaml"),
        (("--turns", "0"), 1, "--turns takes a number from 1 on"),
        (("--set", "scheduler.policy=best"), 2, "scheduler.policy"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(data: Path, arguments, status: int, says: str):
    done = ab(*arguments, data=data)
    assert done.returncode == status
    assert says in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "status", "says"),
    [
        ("scheduler:\n  polcy: lru\n", 2, "did you mean scheduler.policy?"),
        ("scheduler:\n  top_k: many\n", 2, "line 2"),
        ("- lru\n", 2, "must be a mapping"),
        ("operator:\n  ranker: /nowhere/ranker.onnx\n", 1, "/nowhere/ranker.onnx"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_line(data: Path, tmp_path: Path, text, status: int, says: str):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    done = ab(str(path), data=data)
    assert done.returncode == status, done.stderr
    assert says in done.stderr


def test_a_vault_without_turns_and_a_folder_without_a_vault_are_told_apart(tmp_path: Path):
    nothing_there = ab(data=tmp_path).stderr
    assert "There is no vault" in nothing_there
    assert "--data DIR" in nothing_there
    open_vault(tmp_path / "new", clock=lambda: datetime.now(UTC)).close()
    done = ab(data=tmp_path / "new")
    assert (done.returncode, done.stdout) == (1, "")
    assert "The ledger holds no turns yet" in done.stderr


def test_turns_in_which_nobody_asked_anything_are_no_comparison(tmp_path: Path):
    rig = build(tmp_path, None)
    rig.tell("I live in Oslo.", BEN)
    with rig.files.connections.write() as connection:
        connection.execute("UPDATE turns SET messages = replace(messages, '\"user\"', '\"assistant\"')")
    rig.files.close()
    done = ab("lru", data=tmp_path)
    assert done.returncode == 1
    assert "Nobody asked anything" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nothing_stays_behind_when_it_is_ended(data: Path, tmp_path: Path, number: signal.Signals):
    """A copy of what was said lies in the folder for temporary files while it runs."""
    names = ("lru", "label", "semantic", "recency", "learned")
    command = ["env", f"TMPDIR={tmp_path}", str(MEMOS), "ab", *names, "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not list(tmp_path.glob("memos-ab-*/data/memos.db")) and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(30) == 128 + number
    assert not list(tmp_path.glob("memos-ab-*"))
