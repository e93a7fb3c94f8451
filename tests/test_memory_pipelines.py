"""A memory pipeline is one change that stays whole or not at all; and its files say what is wrong with them."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.flat import Flat
from config.layers import ConfigError
from config.pipelines import RESULTS, SHIPPED, load_pipelines
from memory.cube import Origin, SemanticType, Source, State, Trust
from memory.embeddings import Embeddings
from memory.errors import Invalid, NotFound, Refused, Stale
from memory.governance import Governance
from memory.injector import Injector
from memory.operator import Operator, Weights
from memory.pipeline import Pipeline, Stations
from memory.pipeline_steps import Steps
from memory.pipelines import Pipelines
from memory.reader import Reader
from memory.rules.questions import asked_about
from memory.scheduler import Policy, Scheduler
from memory.templates import filled
from memory.turn import Draft, Scope
from memory.vault import open_vault
from memory.vault.chain import verify
from memory.writer import Writer
from proxy.memory_pipelines import recipes_of
from tests.proxy_rig import Proxy, Upstream

ADA, BEN = Scope(user="ada", key_id="k1"), Scope(user="ben", key_id="k2")
START = datetime(2026, 3, 14, 12, tzinfo=UTC)


class Counter:
    """Characters stand for tokens."""

    exact = False

    def count(self, texts):
        return [len(text) for text in texts]


class Letters:
    """An embedder that counts letters, and can be told to fail."""

    model_id, dimension = "letters", 26
    broken = False

    def embed(self, texts):
        if self.broken:
            raise Invalid("no vectors today")
        rows = np.array([[text.lower().count(chr(97 + n)) + 0.1 for n in range(26)] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Followed:
    """Derivations that count."""

    calls = 0

    def changed(self, _scope):
        self.calls += 1

    def removed(self, _scope):
        self.calls += 1
        return {}


class Rig:
    """A vault with stations, and pipelines from YAML."""

    def __init__(self, folder, *texts, time_s=60.0, cubes=10_000, seconds=lambda: 0.0):
        ticks = itertools.count()
        self.files = open_vault(folder / "data", clock=lambda: START + timedelta(seconds=next(ticks)))
        self.embedder, self.followed = Letters(), Followed()
        vault = self.files.vault
        embeddings = Embeddings(self.embedder, Flat(budget_bytes=1 << 24), vault)
        self.stations = Stations(
            reader=Reader(lambda: START),
            scheduler=Scheduler(Policy()),
            operator=Operator(vault, embeddings, Weights(), asked_about),
            injector=Injector(Counter()),
            writer=Writer(),
            governance=Governance(None),
            vault=vault,
            ledger=self.files.ledger,
            embeddings=embeddings,
            clock=lambda: START + timedelta(seconds=next(ticks)),
            derivations=self.followed,
        )
        self.pipeline = Pipeline(self.stations)
        own = folder / "own"
        own.mkdir(exist_ok=True)
        for number, text in enumerate(texts):
            (own / f"p{number}.yaml").write_text(text)
        recipes = tuple(recipes_of(load_pipelines([SHIPPED, own]), time_s=time_s, cubes=cubes))
        self.pipelines = Pipelines(self.stations, self.files.connections.write, recipes, seconds=seconds)

    def tell(self, text, *tags, scope=ADA, **more):
        draft = Draft(
            text=text,
            semantic_type=more.pop("semantic_type", SemanticType.EVENT),
            origin=Origin.USER_INPUT,
            source=Source(),
            valid_from=START,
            tags=tags,
            **more,
        )
        return self.pipeline.remember(scope, draft).id

    def run(self, name="p0", scope=ADA, dry=False, **given):
        return self.pipelines.run(scope, name, given, dry=dry)

    def found(self, query, scope=ADA):
        return [hit.cube.text for hit in self.pipeline.search(scope, query=query, top_k=5).hits]

    def rows(self, sql):
        with self.files.connections.read() as connection:
            return [tuple(row) for row in connection.execute(sql)]

    def state(self):
        """Everything that is stored, as one value."""
        tables = [row[0] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {table: sorted(map(repr, self.rows(f"SELECT * FROM {table}"))) for table in tables}


@pytest.fixture
def rig(tmp_path):
    made = []

    def make(*texts, **more):
        made.append(Rig(tmp_path, *texts, **more))
        return made[-1]

    yield make
    for each in made:
        each.files.close()


def test_closing_a_project_archives_its_memories_as_one_change(rig):
    at = rig()
    ids = [at.tell(f"Apollo step {n}", "apollo") for n in range(3)]
    other = at.tell("The garden is green.", "garden")
    run = at.run("project-close", tag="apollo", summary="It shipped.")
    assert run.stopped_at is None
    assert [step.result.get("count") for step in run.steps] == [3, None, 3, 1]
    cubes = {cube.id: cube for cube in at.files.vault.get_many(ADA, [*ids, other])}
    assert {cubes[cube_id].state for cube_id in ids} == {State.ARCHIVED}
    assert cubes[other].state is State.ACTIVATED
    (line,) = [c for c in at.files.vault.page(ADA, limit=99).cubes if "closed-projects" in c.tags]
    assert line.text == "The project apollo was closed on 2026-03-14; 3 memories of it are archived. It shipped."
    assert set(line.derived_from) == set(ids)
    changes = at.rows("SELECT operation, key_id, note FROM changes ORDER BY seq")
    assert changes[-1][:2] == ("pipeline", "k1")
    assert changes[-1][2] == f"project-close {run.id}"
    assert len([row for row in changes if row[0] == "pipeline"]) == 1


def test_what_was_written_is_found_by_words_and_by_meaning_at_once(rig):
    at = rig()
    at.tell("We planted quinces.", "garden")
    at.tell("We sold the xylophone.", "garden")
    at.run("consolidate", tag="garden")
    hits = at.found("quinces")
    assert any(text.startswith("About garden:") for text in hits)
    assert not any(text == "We planted quinces." for text in hits)
    assert at.rows("SELECT count(*) FROM embeddings JOIN cubes USING (seq) WHERE text LIKE 'About%'") == [(1,)]
    assert at.followed.calls > 0


def test_a_rehearsal_says_the_same_and_changes_nothing(rig):
    at = rig()
    at.tell("Apollo is go.", "apollo")
    before, calls = at.state(), at.followed.calls
    run = at.run("project-close", tag="apollo", dry=True)
    assert run.dry
    assert run.touched == 2
    assert at.state() == before
    assert at.followed.calls == calls
    assert at.found("Apollo") == ["Apollo is go."]


@pytest.mark.parametrize("name", ["project-close", "consolidate", "tidy-tag"])
def test_where_nothing_is_found_nothing_is_changed(rig, name):
    at = rig()
    at.tell("The garden is green.", "garden")
    before = at.state()
    given = {"from": "x", "to": "y"} if name == "tidy-tag" else {"tag": "nothing"}
    assert at.run(name, **given).touched == 0
    assert at.state() == before


def test_another_users_memories_are_neither_found_nor_touched(rig):
    at = rig(_ARCHIVE_GIVEN)
    mine, theirs = at.tell("Mine.", "apollo"), at.tell("Theirs.", "apollo", scope=BEN)
    assert at.run("p0", ids=[theirs, mine, "mem_nobody"]).touched == 1
    assert at.files.vault.get(BEN, theirs).state is State.ACTIVATED
    assert at.run("project-close", tag="apollo", scope=BEN).touched == 2


_ARCHIVE_GIVEN = """
description: Archives what it is given.
input: {ids: {type: texts}}
steps:
  - name: gone
    archive: {cubes: "${input.ids}"}
"""
_EVERYTHING = """
description: Does everything, and then perhaps fails.
input: {tag: {type: text}, fail: {type: flag, default: false}}
steps:
  - name: found
    retrieve: {tags: "${input.tag}"}
  - name: text
    augment: {cubes: "${found.ids}", before: "All:", line: "${cube.date} ${cube.text} (${cube.tags})"}
  - name: written
    write: {text: "${text.text}", tags: [sum], pinned: true, derived_from: "${found.ids}"}
  - name: updated
    update: {cubes: "${found.ids}", text: "Also ${cube.id}, of ${found.count}.", mode: append, priority: 5}
  - name: tagged
    tag: {cubes: ["${found.ids}", "${written.ids}"], add: [seen], remove: ["${input.tag}"]}
  - name: pinned
    pin: {cubes: "${found.ids}"}
  - name: archived
    archive: {cubes: "${found.ids}"}
  - name: forgotten
    forget: {cubes: "${written.ids}"}
  - name: fails
    fail_if: {value: "${input.fail}", equals: true, message: "Asked to, after ${found.count}."}
"""


def test_each_step_sees_what_the_steps_before_it_did(rig):
    at = rig(_EVERYTHING)
    cube_id = at.tell("Apollo is go.", "apollo")
    run = at.run(tag="apollo")
    assert [step.name for step in run.steps] == [step.name for step in run.recipe.steps]
    cube = at.files.vault.get(ADA, cube_id)
    assert cube.text == f"Apollo is go.\nAlso {cube_id}, of 1."
    assert (cube.tags, cube.pinned, cube.priority, cube.state) == (("seen",), True, 5, State.ARCHIVED)
    texts = {step.name: step.result.get("text") for step in run.steps}
    assert texts["text"] == "All:\n2026-03-14 Apollo is go. (apollo)"
    assert not run.recipe.undoable
    assert at.rows("SELECT count(*) FROM cubes") == [(1,)]
    assert at.files.vault.history(ADA, cube_id)[0].text == "Apollo is go."


def test_a_failing_step_takes_all_of_it_back_and_is_named(rig):
    at = rig(_EVERYTHING)
    at.tell("Apollo is go.", "apollo")
    before = at.state()
    with pytest.raises(
        Invalid, match=r"Step fails \(fail_if\) of the pipeline p0 failed.*nothing.*after 1\."
    ) as raised:
        at.run(tag="apollo", fail=True)
    assert raised.value.param == "steps.fails"
    assert raised.value.code == "pipeline_condition"
    assert at.state() == before
    assert at.found("Apollo") == ["Apollo is go."]


_FORGET = """
description: Archives what has the one tag, and forgets what has the other.
input: {keep: {type: text}, drop: {type: text}, fail: {type: flag, default: false}}
steps:
  - name: kept
    retrieve: {tags: "${input.keep}"}
  - name: archived
    archive: {cubes: "${kept.ids}"}
  - name: dropped
    retrieve: {tags: "${input.drop}", limit: 1000}
  - name: forgotten
    forget: {cubes: "${dropped.ids}"}
  - name: fails
    fail_if: {value: "${input.fail}", equals: true}
"""


@pytest.mark.parametrize("named", [False, True])
def test_a_run_that_forgot_is_not_undone_in_part(rig, named):
    """By hand as well forgetting cannot be undone; the error says so, and names what can be."""
    at = rig(_FORGET)
    kept, _ = at.tell("Apollo is go.", "apollo"), at.tell("The secret is out.", "secret")
    before = at.rows("SELECT id FROM changes ORDER BY seq DESC LIMIT 1")[0][0]
    at.run(keep="apollo", drop="secret")
    (run,) = at.rows("SELECT id FROM changes WHERE operation = 'pipeline'")[0]
    with pytest.raises(Stale, match="removed 1 memories for good") as raised:
        at.files.history.undo(ADA, run if named else None)
    assert raised.value.code == "removed_for_good"
    assert at.files.vault.get(ADA, kept).state is State.ARCHIVED
    if not named:
        assert before not in str(raised.value), "of that change nothing is left"
        assert run not in str(raised.value)
        assert "name it: chg_" in str(raised.value)


def test_what_comes_after_a_run_that_forgot_can_be_undone_and_its_rest_rolled_back(rig):
    at = rig(_FORGET)
    kept, _ = at.tell("Apollo is go.", "apollo"), at.tell("The secret is out.", "secret")
    at.run(keep="apollo", drop="secret")
    later = at.tell("The garden is green.", "garden")
    assert at.files.history.undo(ADA, None).closed == (later,)
    with pytest.raises(Stale, match="for good"):
        at.files.history.undo(ADA, None)
    (run,) = at.rows("SELECT id FROM changes WHERE operation = 'pipeline'")[0]
    with pytest.raises(Stale) as raised:
        at.files.history.undo(ADA, run)
    when = datetime.fromisoformat(str(raised.value).rpartition('"to": "')[2].partition('"')[0])
    restored = at.files.history.rollback(ADA, when)
    assert restored.restored == (kept,)
    assert restored.deleted == 1


def test_a_run_that_only_forgot_stands_in_the_way_of_an_undo(rig):
    at = rig(_FORGET)
    at.tell("The garden is green.", "garden")
    at.tell("The secret is out.", "secret")
    at.run(keep="nothing", drop="secret")
    with pytest.raises(Stale) as raised:
        at.files.history.undo(ADA, None)
    assert raised.value.code == "removed_for_good"
    assert at.rows("SELECT operation, cubes FROM audit ORDER BY seq DESC LIMIT 2") == [("delete", 1), ("pipeline", 1)]
    assert verify(at.files.connections.path.parent).flaw is None


def test_a_run_that_forgot_and_failed_leaves_no_line_of_it(rig):
    at = rig(_FORGET)
    at.tell("Apollo is go.", "apollo")
    at.tell("The secret is out.", "secret")
    before = at.state()
    with pytest.raises(Invalid):
        at.run(keep="apollo", drop="secret", fail=True)
    assert at.state() == before
    assert len(at.files.history.undo(ADA, None).closed) == 1


def test_of_what_a_run_forgot_no_byte_stays_behind(rig):
    """SQLite leaves copies of rows behind that it moves from page to page: they go after the commit, as by hand."""
    at = rig(_FORGET)
    cube_id = at.tell("The secret is out.", "secret")
    with at.files.connections.write() as connection:
        connection.execute("CREATE TABLE copies (id TEXT)")
    connections = at.files.connections
    with connections.write() as connection:
        connection.execute("INSERT INTO copies VALUES (?)", (f"copy of {cube_id}",))
    for sql in ("PRAGMA secure_delete = OFF", "DELETE FROM copies", "PRAGMA secure_delete = ON"):
        with connections.write() as connection:
            connection.execute(sql)
    connections.checkpoint()
    path = connections.path

    def found():
        files = [file for file in path.parent.iterdir() if file.name.startswith(path.name)]
        return sum(cube_id.encode() in file.read_bytes() for file in files)

    assert found()
    at.run(keep="nothing", drop="secret")
    assert not found()


def test_an_embedder_that_fails_takes_all_of_it_back(rig):
    at = rig()
    for text in ("Apollo is go.", "Apollo is back."):
        at.tell(text, "apollo")
    before = at.state()
    at.embedder.broken = True
    with pytest.raises(Invalid, match="Step whole"):
        at.run("consolidate", tag="apollo")
    at.embedder.broken = False
    assert at.state() == before
    assert len(at.found("Apollo")) == 2


def test_a_frozen_memory_stops_the_whole_run(rig):
    at = rig()
    first, second = at.tell("Apollo is go.", "apollo"), at.tell("Apollo is back.", "apollo")
    cube = at.files.vault.get(ADA, first)
    from dataclasses import replace

    at.files.vault.update(ADA, replace(cube, state=State.FROZEN), expected_version=None, vector=None, model_id="")
    with pytest.raises(Refused, match="Step renamed"):
        at.run("tidy-tag", **{"from": "apollo", "to": "moon"})
    assert at.files.vault.get(ADA, second).tags == ("apollo",)


def test_one_memory_too_many_takes_all_of_it_back(rig):
    at = rig(cubes=3)
    for n in range(4):
        at.tell(f"Apollo {n}", "apollo")
    before = at.state()
    with pytest.raises(Invalid, match="more than 3") as raised:
        at.run("project-close", tag="apollo")
    assert raised.value.code == "cube_limit"
    assert at.state() == before


def test_a_run_that_takes_too_long_is_taken_back(rig):
    clock = itertools.count(0, 1)
    at = rig(time_s=3.0, seconds=lambda: next(clock))
    for n in range(9):
        at.tell(f"Apollo {n}", "apollo")
    before = at.state()
    with pytest.raises(Invalid) as raised:
        at.run("project-close", tag="apollo")
    assert raised.value.code == "time_limit"
    assert at.state() == before


def test_what_is_derived_is_trusted_no_more_than_its_sources(rig):
    from dataclasses import replace

    at = rig()
    for text in ("Apollo is go.", "Apollo is back."):
        cube_id = at.tell(text, "apollo")
    cube = replace(at.files.vault.get(ADA, cube_id), trust=Trust.DOCUMENT)
    at.files.vault.update(ADA, cube, expected_version=None, vector=None, model_id="")
    at.run("consolidate", tag="apollo")
    (whole,) = [c for c in at.files.vault.page(ADA, limit=99).cubes if c.text.startswith("About")]
    assert whole.trust is Trust.DOCUMENT


def test_a_memory_that_looks_like_a_reference_is_a_text(rig):
    at = rig(_EVERYTHING)
    at.tell("Pay ${input.tag} $${found.ids} ${cube.id}.", "apollo")
    run = at.run(tag="apollo")
    assert "Pay ${input.tag} $${found.ids} ${cube.id}. (apollo)" in run.steps[1].result["text"]


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "input.tag"),
        ({"tag": 3}, "input.tag"),
        ({"tag": "x", "other": 1}, "input.other"),
        ({"tag": True}, "input.tag"),
    ],
)
def test_inputs_are_checked_before_anything_happens(rig, given, param):
    at = rig()
    with pytest.raises(Invalid) as raised:
        at.run("project-close", **given)
    assert raised.value.param == param
    with pytest.raises(NotFound, match="daily-digest"):
        at.run("no-such-thing")


def test_the_day_is_gathered(rig):
    at = rig()
    at.tell("Tea is good.", semantic_type=SemanticType.FACT)
    at.tell("A walk.", semantic_type=SemanticType.EVENT)
    run = at.run("daily-digest")
    assert run.steps[-1].result["text"].startswith("What was new on 2026-03-14:\n- ")
    assert len(run.steps[-1].result["text"].splitlines()) == 3


_RETRIEVE = """
description: Finds.
input: {{}}
steps:
  - name: found
    retrieve: {{{}}}
"""


@pytest.mark.parametrize(
    ("wanted", "texts"),
    [
        ("tags: [a, b]", {"one"}),
        ("tags: A", {"one", "two"}),
        ("semantic_types: [fact]", {"three"}),
        ("pinned: true", {"two"}),
        ("older_than_days: 1", set()),
        ("newer_than_days: 1", {"one", "two", "three"}),
        ("query: three, limit: 1", {"three"}),
        ("limit: 1", {"three"}),
        ("tags: a, pinned: false", {"one"}),
    ],
)
def test_what_is_retrieved_fits_all_that_was_asked(rig, wanted, texts):
    at = rig(_RETRIEVE.format(wanted))
    at.tell("one", "a", "b")
    at.tell("two", "a", pinned=True)
    at.tell("three", semantic_type=SemanticType.FACT)
    assert set(filter(None, at.run().steps[0].result["text"].split("\n"))) == texts


@pytest.mark.parametrize(
    ("condition", "stops"),
    [
        ("equals: 1", True),
        ("equals: 2", False),
        ("not_equals: 2", True),
        ("above: 0", True),
        ("above: 1", False),
        ("below: 2", True),
        ("empty: true", False),
        ("empty: false", True),
    ],
)
def test_a_condition_compares_one_value(rig, condition, stops):
    steps = f'  - name: enough\n    stop_if: {{value: "${{found.count}}", {condition}}}\n'
    at = rig(_RETRIEVE.format("limit: 9") + steps)
    at.tell("one")
    assert at.run().stopped_at == ("enough" if stops else None)


_WORDS = st.text("abc", min_size=1, max_size=3)


@settings(max_examples=20)
@given(tags=st.lists(st.lists(_WORDS, max_size=2), max_size=8), fails=st.booleans(), tag=_WORDS)
def test_whatever_is_stored_a_run_is_all_or_nothing(tmp_path_factory, tags, fails, tag):
    at = Rig(tmp_path_factory.mktemp("vault"), _EVERYTHING)
    for number, names in enumerate(tags):
        at.tell(f"memory {number}", *names)
    before = at.state()
    if fails:
        with pytest.raises(Invalid):
            at.run(tag=tag, fail=True)
        assert at.state() == before
    else:
        hits = sum(tag in {name.casefold() for name in names} for names in tags)
        try:
            run = at.run(tag=tag)
        except Invalid:
            assert at.state() == before
        else:
            assert run.steps[0].result["count"] == hits
    at.files.close()


def test_references_are_replaced_once_and_lists_are_taken_in():
    values = {"a": {"ids": ["x", "y"], "n": 2.0, "t": "${a.n}"}}
    assert filled("${a.ids}", values) == ["x", "y"]
    assert filled(["${a.ids}", "z"], values) == ["x", "y", "z"]
    assert filled("n=${a.n} ids=${a.ids} $$ ${a.t}", values) == "n=2 ids=x, y $ ${a.n}"
    with pytest.raises(Invalid):
        filled("${b.n}", values)


def test_what_the_files_may_refer_to_is_what_the_steps_give():
    """Two tables, one in the configuration and one in the program, say the same."""
    assert set(Steps(None, None, ADA, None)._operations) == set(RESULTS)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_pipeline_says_how_to_run_it(path):
    assert f"/v1/memory/pipelines/{path.stem}/run" in path.read_text()


_HEAD = "description: x\ninput:\n  tag: {type: text}\nsteps:\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (_HEAD + "  - name: a\n    retrieve: {limit: 0}\n", "line 6: step a: retrieve.limit: "),
        (_HEAD + "  - name: a\n    shell: {run: ls}\n", "line 6: step a: shell: there is no such key"),
        (_HEAD + "  - name: a\n    archive: {cubes: found}\n", "line 6: step a: archive.cubes: must be a reference"),
        (_HEAD + '  - name: a\n    archive: {cubes: "${b.ids}"}\n', "step a: cubes: ${b.ids} refers to nothing"),
        (_HEAD + '  - name: a\n    archive: {cubes: "${input.tga}"}\n', "input gives ${input.tag}"),
        (_HEAD + "  - retrieve: {}\n", "line 5: step 1: name: is missing"),
        (_HEAD + "  - name: a\n    pin: {cubes: '${input.tag}'}\n    forget: {cubes: '${input.tag}'}\n", "exactly one"),
        (_HEAD + "  - name: a\n    retrieve: {}\n  - name: a\n    retrieve: {}\n", "the name is taken"),
        (_HEAD + "  - name: a\n    retrieve: {\n", "not valid YAML"),
        ("steps: []\n", "description: is missing"),
        (_HEAD + "  - name: a\n    retrieve: {}\n    name: b\n", "set twice"),
        ("", "PLACE"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path, text, told):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_pipelines([tmp_path])
    said = "\n".join(raised.value.problems)
    assert told.replace("PLACE", "mine.yaml") in said
    assert str(tmp_path / "mine.yaml") in said


def test_check_config_tells_what_is_wrong_with_a_pipeline(tmp_path, capsys):
    from proxy.cli import main

    (tmp_path / "mine.yaml").write_text(_HEAD + "  - name: a\n    retrieve: {limit: 0}\n")
    assert main(["check-config", "--set", f"pipelines.dir={tmp_path}"]) == 2
    assert "mine.yaml, line 6: step a: retrieve.limit: " in capsys.readouterr().err


@pytest.fixture
def server(tmp_path):
    upstream = Upstream()
    proxy = Proxy(tmp_path / "data", upstream.url)
    yield proxy
    proxy.close()
    upstream.close()


def test_on_the_wire_pipelines_are_listed_run_and_refused(server):
    import json

    def call(method, path, body=None):
        reply = server.raw(b"" if body is None else json.dumps(body).encode(), path, method)
        return reply.status or reply.read_head().status, json.loads(reply.read())

    status, listed = call("GET", "/v1/memory/pipelines")
    assert status == 200
    assert {"consolidate", "daily-digest", "project-close"} <= {each["name"] for each in listed["data"]}
    for text in ("Apollo is go.", "Apollo is back."):
        assert call("POST", "/v1/memory/cubes", {"text": text, "tags": ["apollo"], "semantic_type": "event"})[0] == 201
    run = "/v1/memory/pipelines/project-close/run"
    status, dry = call("POST", run, {"input": {"tag": "apollo"}, "dry_run": True})
    assert (status, dry["touched"], dry["undoable"]) == (200, 3, False)
    status, done = call("POST", run, {"input": {"tag": "apollo"}})
    assert (status, done["touched"], done["undoable"]) == (200, 3, True)
    assert [step["count"] for step in done["steps"]] == [2, 0, 2, 1]
    status, failed = call("POST", run, {"input": {}})
    assert (status, failed["error"]["param"]) == (400, "input.tag")
    assert call("POST", "/v1/memory/pipelines/none/run", {})[0] == 404
