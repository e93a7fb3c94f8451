"""A cross-encoder of the operator's own orders what was found; without its answer the search's order stands."""

import json

import pytest

from adapters.rerank_api import RerankApi
from config.layers import ConfigError
from config.settings import load
from memory.cube import MemCube
from memory.errors import EngineDown
from memory.reranking import Reranking
from memory.turn import Hit
from proxy.screening import governance_of
from tests.memory_rig import Clock, build
from tests.proxy_rig import Upstream, stream, whole

TOLD = (
    "The red kettle whistles in the kitchen.",
    "The red bicycle stands in the hall.",
    "The red kite hangs in the attic.",
)


@pytest.fixture
def server():
    made = Upstream()
    yield made
    made.close()


def said(value):
    return whole(json.dumps(value).encode())


def preferring(word):
    async def script(request, writer):
        texts = request.json["documents"]
        rows = [{"index": n, "relevance_score": 5.0 * (word in text)} for n, text in enumerate(texts)]
        await said({"results": sorted(rows, key=lambda row: -row["relevance_score"])})(request, writer)

    return script


@pytest.mark.parametrize("word", ["kettle", "bicycle", "kite"])
def test_what_it_prefers_stands_first(tmp_path, server, word):
    server.script = preferring(word)
    reranking = Reranking(reranker=RerankApi(base_url=server.url, model="judge"), weight=3.0)
    memory = build(tmp_path, None, reranking=reranking)
    for text in TOLD:
        memory.tell(text)
    assert word in memory.found("What red thing is in the house?")[0]
    request, asked = server.requests[-1], server.requests[-1].json
    assert (request.path, asked["model"], asked["query"]) == ("/v1/rerank", "judge", "What red thing is in the house?")
    assert set(asked["documents"]) == set(TOLD)
    memory.files.close()


BROKEN = {
    "no scores": {"results": []},
    "text": "hello",
    "a bare list": [{"index": 0, "relevance_score": 1.0}],
    "not a number": {"results": [{"index": 0, "relevance_score": float("nan")}]},
    "endless place": {"results": [{"index": float("inf"), "relevance_score": 1.0}]},
    "too large": {"results": [{"index": n, "relevance_score": 10.0**300} for n in range(3)]},
}


@pytest.mark.parametrize("broken", ["down", *BROKEN])
def test_without_its_answer_the_order_of_the_search_stands(tmp_path, server, broken):
    server.script = said(BROKEN.get(broken))
    api = RerankApi(base_url="http://127.0.0.1:9/v1" if broken == "down" else server.url, model="judge")
    memory = build(tmp_path, None, reranking=Reranking(reranker=api))
    for text in TOLD:
        memory.tell(text)
    asked = len(server.requests)
    assert "bicycle" in memory.found("Where is the red bicycle?")[0]
    assert len(server.requests) == asked <= 1, "after the first failure it is left alone"
    with pytest.raises(EngineDown, match="left alone"):
        api.score("Where?", TOLD)
    memory.files.close()


def test_a_server_that_answers_drop_by_drop_is_cut_off(server):
    """A timeout of each read alone would wait for as long as drops come."""
    server.script = stream(*[b" ", 0.05] * 600)
    api = RerankApi(base_url=server.url, model="judge", timeout_s=0.3)
    with pytest.raises(EngineDown, match="ReadTimeout"):
        api.score("Where?", TOLD)


def test_no_password_in_an_address_is_told():
    api = RerankApi(base_url="http://ann:geheim@127.0.0.1:9/v1", model="judge")
    with pytest.raises(EngineDown) as down:
        api.score("Where?", TOLD)
    assert "geheim" not in str(down.value)


def hit(name, score, *, sensitivity=()):
    now = Clock()()
    cube = MemCube(
        id=name, version=1, owner="u", text=name, valid_from=now, recorded_at=now, updated_at=now,
        sensitivity=sensitivity,
    )  # fmt: skip
    return Hit(cube=cube, score=score)


def test_it_reads_no_more_than_it_may_and_nobody_loses_a_place(server):
    server.script = preferring("d")
    api = RerankApi(base_url=server.url, model="judge")
    reranking = Reranking(reranker=api, candidates=3, weight=9.0, withheld=frozenset({"health"}))
    hits = [hit("a", 5.0, sensitivity=("health",)), hit("b", 4.0), hit("c", 3.0), hit("d", 2.0), hit("e", 1.0)]
    found = reranking.applied("Which?", hits)
    assert server.requests[-1].json["documents"] == ["b", "c", "d"]
    assert {one.cube.id: one.score for one in found} == {"a": 5.0, "d": 4.0, "b": 3.0, "c": 2.0, "e": 1.0}
    assert reranking.applied("Which?", hits[:2]) == hits[:2], "one alone has no order"


def test_a_configuration_that_names_no_server_is_refused():
    with pytest.raises(ConfigError, match=r"reranker\.base_url"):
        load(None, {"reranker.kind": "api"}, {})


def test_what_is_for_local_models_only_keeps_a_remote_reranker_out():
    settings = {"reranker.kind": "api", "reranker.base_url": "https://rerank.example/v1", "reranker.model": "judge"}
    settings = load(None, {**settings, "governance.sensitivity.card": "local_only"}, {}).settings
    with pytest.raises(ConfigError, match=r"reranker\.base_url"):
        governance_of(settings)
