"""Training the embedded model: what it computes is Qwen3, and neither growing nor stopping changes what comes out."""

import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from rich.console import Console  # noqa: E402

from adapters.embedded import gguf_path  # noqa: E402
from adapters.embedded.training.network import Reader, Shape, deepen, prime_induction  # noqa: E402
from adapters.embedded.training.team import Team  # noqa: E402
from adapters.embedded.training.tokenizer import load_tokenizer  # noqa: E402
from adapters.embedded.training.train import Plan, Training  # noqa: E402

SHIPPED = gguf_path().parent
POOLS, POOL_TOKENS = 3, 32 * 128  # at most: the first batches are half as large
PLAN = Plan(
    tokens=POOLS * POOL_TOKENS, batch_tokens=128, workers=1, hidden=64, feed_forward=64, layers=4, shallow_layers=2
)


def small(layers: int = 2) -> Reader:
    torch.manual_seed(1)
    reader = Reader(Shape(hidden=64, feed_forward=64, layers=layers, vocabulary=300))
    prime_induction(reader)
    return reader.eval()


def prompt() -> tuple:
    ids = torch.randint(3, 300, (2, 40), generator=torch.Generator().manual_seed(5))
    return ids, torch.arange(ids.numel())


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tokenizer.json").write_bytes((SHIPPED / "tokenizer.json").read_bytes())
    return tmp_path


def training(folder, plan: Plan = PLAN) -> Training:
    return Training(plan, folder, Console(quiet=True), Team(rank=0, workers=1))


def weights(run: Training) -> dict:
    return {name: weight.clone() for name, weight in run.reader.state_dict().items()}


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@torch.no_grad()
def test_the_network_gives_transformers_logits_for_the_same_weights():
    transformers = pytest.importorskip("transformers")
    reader, (ids, wanted) = small(), prompt()
    shipped = json.loads((SHIPPED / "config.json").read_text())
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 300}
    theirs = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**shipped | sizes | {"torch_dtype": "float32"}))
    missing, unexpected = theirs.load_state_dict(reader.state_dict(), strict=False)
    assert missing in ([], ["lm_head.weight"])
    assert not unexpected
    theirs.tie_weights()
    expected = theirs.eval()(ids).logits.flatten(0, 1)
    assert torch.allclose(reader(ids, wanted), expected, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("layers", [3, 4])
def test_more_layers_change_nothing_until_they_are_trained(layers):
    reader, (ids, wanted) = small(), prompt()
    before = reader(ids, wanted)
    deepen(reader, layers)
    assert len(reader.model.blocks) == reader.shape.layers == layers
    assert torch.allclose(reader(ids, wanted), before, atol=1e-5)


def test_all_layers_learn_after_growing(folder):
    run = training(folder, replace(PLAN, deepened=0.0, deepest=0.0))
    run.run_pool()
    added = run.reader.model.blocks[1]
    assert run.reader.shape.layers == 4
    assert added.self_attn.o_proj.weight.abs().max() > 0
    assert added.mlp.down_proj.weight.abs().max() > 0


@torch.no_grad()
def test_products_in_bf16_are_close_to_those_in_f32():
    reader, (ids, wanted) = small(), prompt()
    exact = reader(ids, wanted)
    reader.multiply_in_bf16(chosen=True)
    rounded = reader(ids, wanted)
    assert not torch.equal(rounded, exact)
    assert (rounded - exact).abs().mean() < 0.02 * exact.abs().mean()
    reader.multiply_in_bf16(chosen=False)
    assert torch.equal(reader(ids, wanted), exact)


def test_layers_are_added_in_two_stages():
    plan = replace(PLAN, shallow_layers=4, layers=8, deepened=0.5, deepest=0.8)
    assert [plan.layers_at(phase) for phase in (0.0, 0.49, 0.5, 0.79, 0.8, 1.0)] == [4, 4, 6, 6, 8, 8]


def test_a_training_that_is_stopped_again_and_again_ends_with_the_same_weights(folder):
    plan = replace(PLAN, deepened=0.1, deepest=0.5)
    whole = training(folder, plan)
    layers = []
    for _ in range(POOLS):
        whole.run_pool()
        layers.append(whole.reader.shape.layers)
    assert layers == [2, 3, 4]
    stopped = training(folder, plan)
    for number in range(POOLS):
        stopped = training(folder, plan)
        assert stopped.resume() == (number > 0)
        stopped.run_pool()
        stopped.save()
    assert stopped.seen == whole.seen
    assert stopped.reader.shape == whole.reader.shape
    assert same(weights(stopped), weights(whole))


def test_a_training_learns(folder):
    run = training(folder, replace(PLAN, tokens=300 * POOL_TOKENS))
    for _ in range(8):
        run.run_pool()
    assert sum(run.losses[-32:]) < 0.9 * sum(run.losses[:32])


def test_the_tokenizer_that_ships_is_the_one_that_a_run_takes(folder):
    assert training(folder).tokenizer.get_vocab_size() == load_tokenizer(SHIPPED / "tokenizer.json").get_vocab_size()
