"""The engine's benchmark: a client that counts wrongly would make its numbers worthless."""

import math
import sys

import engine
import engine_load
import engine_models
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.embedded import gguf_path
from adapters.llama_cpp import load_model

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes' clocks")


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1))
def test_law_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values, share):
    found = engine_load.percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9
    assert math.isnan(engine_load.percentile([], share))


def test_no_two_questions_are_the_same():
    """A server could answer the second from what it kept of the first."""
    assert len({engine_load.question(number) for number in range(5000)}) == 5000


@linux
@pytest.mark.engine
def test_every_token_of_every_server_is_counted(tmp_path):
    plan = engine.Plan(users=[1, 3], rounds=1, tokens=12, requests=4, threads=1, xllamacpp="")
    servers = engine.measure(gguf_path(), plan, tmp_path)
    assert [server.name for server in servers] == [engine.OURS, engine.LOCK]
    for server in servers:
        for (users, stream), seen in server.seen.items():
            assert users in (1, 3)
            ((figures, cpu_ms),) = seen
            assert figures.tokens == 4 * 12
            assert len(figures.first_s) == (4 if stream else 0)
            assert len(figures.between_s) <= 4 * 11
            assert not stream or figures.between_s
            assert cpu_ms > 0
    lines = list(engine.rows("embedded f16", servers, plan.users))
    assert [line[:3] for line in lines] == [
        ["embedded f16", users, server.name] for users in ("1", "3") for server in servers
    ]
    text = engine.report(lines, plan)
    assert all(row.count("|") == len(engine.HEADINGS) + 1 for row in text.splitlines()[2:])
    assert "was not there to be measured" in text


@pytest.mark.engine
def test_the_larger_model_is_made_and_quantised(tmp_path):
    sizes = {}
    for kind in ("f16", "q8_0", "q4_0"):
        path = engine_models.model_file(tmp_path, "random", kind)
        model = load_model(path)
        assert 30e6 < model.parameters < 60e6
        model.close()
        sizes[kind] = path.stat().st_size
    assert sizes["f16"] / sizes["q8_0"] == pytest.approx(16 / 8.5, rel=0.05)
    assert sizes["f16"] / sizes["q4_0"] > 3
