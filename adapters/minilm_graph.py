"""A BERT encoder's safetensors in, an ONNX graph that ends in unit sentence vectors out.

The embedder's package carries weights for PyTorch only. Building the graph once (about 5 CPU seconds) spares every
installation 900 MB of torch. Mean pooling and normalisation are part of the graph.

Source: BERT (arXiv 1810.04805); pooling as in Sentence-BERT (arXiv 1908.10084); equal to sentence-transformers to 1e-6.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open

GRAPH_VERSION = 1  #: part of the cached file's name: raise it when the graph changes
_OPSET = 20  # the first with Gelu


class _Graph:
    """Collects nodes and weights; every method returns the name of the tensor that it makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: NDArray[np.float32]) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(value, np.float32, order="C"), name))
        return name

    def ints(self, name: str, value: int | list[int]) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(value, np.int64), name))
        return name

    def op(self, kind: str, *inputs: str, name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name


def build(model_dir: Path, target: Path) -> None:
    """Write the graph to ``target``, whole or not at all.

    Inputs: ``ids`` and ``mask``, int64 (batch, tokens). Output: ``vectors``, float32 (batch, d), unit norm.
    """
    config = json.loads((model_dir / "config.json").read_text())
    with safe_open(str(model_dir / "model.safetensors"), "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    graph = _Graph()
    hidden = _embeddings(graph, tensors, config)
    bias = _mask_bias(graph)
    for layer in range(config["num_hidden_layers"]):
        hidden = _layer(graph, tensors, config, (layer, hidden, bias))
    _pool(graph, hidden)
    proto = helper.make_graph(
        graph.nodes,
        "sentence_encoder",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "tokens"]) for n in ("ids", "mask")],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", config["hidden_size"]])],
        graph.weights,
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="memos-proxy")
    model.ir_version = 10
    target.parent.mkdir(parents=True, exist_ok=True)
    # a folder of its own: two processes may build at once, at a first start
    with TemporaryDirectory(dir=target.parent, prefix=".building-") as folder:
        Path(folder, target.name).write_bytes(model.SerializeToString())
        Path(folder, target.name).replace(target)


def _norm(graph: _Graph, tensors: dict[str, NDArray[np.float32]], prefix: str, x: str, epsilon: float) -> str:
    scale, bias = (graph.weight(f"{prefix}.{part}", tensors[f"{prefix}.{part}"]) for part in ("weight", "bias"))
    return graph.op("LayerNormalization", x, scale, bias, name=f"{prefix}/out", axis=-1, epsilon=epsilon)


def _dense(graph: _Graph, weight: NDArray[np.float32], bias: NDArray[np.float32], x: str, name: str) -> str:
    product = graph.op("MatMul", x, graph.weight(f"{name}.w", weight.T), name=f"{name}/mm")
    return graph.op("Add", product, graph.weight(f"{name}.b", bias), name=f"{name}/out")


def _embeddings(graph: _Graph, tensors: dict[str, NDArray[np.float32]], config: dict[str, int]) -> str:
    words = graph.op(
        "Gather", graph.weight("words", tensors["embeddings.word_embeddings.weight"]), "ids", name="words/out"
    )
    # all tokens are of type 0, so that row can be added to the positions beforehand
    table = tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
    length = graph.op("Shape", "ids", name="length", start=1, end=2)
    positions = graph.op("Slice", graph.weight("positions", table), graph.ints("zero", [0]), length, name="pos/out")
    total = graph.op("Add", words, positions, name="embed/sum")
    return _norm(graph, tensors, "embeddings.LayerNorm", total, float(config["layer_norm_eps"]))


def _mask_bias(graph: _Graph) -> str:
    mask = graph.op("Cast", "mask", name="mask/float", to=TensorProto.FLOAT)
    inverted = graph.op("Sub", graph.weight("one", np.array([1.0], np.float32)), mask, name="mask/inverted")
    bias = graph.op("Mul", inverted, graph.weight("lowest", np.array([-1e9], np.float32)), name="mask/bias")
    return graph.op("Unsqueeze", bias, graph.ints("axes12", [1, 2]), name="mask/bias4")


def _layer(
    graph: _Graph, tensors: dict[str, NDArray[np.float32]], config: dict[str, int], at: tuple[int, str, str]
) -> str:
    layer, x, bias = at
    prefix, epsilon = f"encoder.layer.{layer}", float(config["layer_norm_eps"])
    attended = _attention(graph, tensors, config, (layer, x, bias))
    out = f"{prefix}.attention.output"
    projected = _dense(
        graph, tensors[f"{out}.dense.weight"], tensors[f"{out}.dense.bias"], attended, f"{prefix}/attn_out"
    )
    x = _norm(graph, tensors, f"{out}.LayerNorm", graph.op("Add", projected, x, name=f"{prefix}/res1"), epsilon)
    inner = f"{prefix}.intermediate.dense"
    up = _dense(graph, tensors[f"{inner}.weight"], tensors[f"{inner}.bias"], x, f"{prefix}/up")
    active = graph.op("Gelu", up, name=f"{prefix}/gelu")
    out = f"{prefix}.output"
    down = _dense(graph, tensors[f"{out}.dense.weight"], tensors[f"{out}.dense.bias"], active, f"{prefix}/down")
    return _norm(graph, tensors, f"{out}.LayerNorm", graph.op("Add", down, x, name=f"{prefix}/res2"), epsilon)


def _attention(
    graph: _Graph, tensors: dict[str, NDArray[np.float32]], config: dict[str, int], at: tuple[int, str, str]
) -> str:
    layer, x, bias = at
    heads, width = config["num_attention_heads"], config["hidden_size"]
    prefix, name = f"encoder.layer.{layer}.attention.self", f"attn{layer}"
    weights = [tensors[f"{prefix}.{part}.weight"] for part in ("query", "key", "value")]
    biases = [tensors[f"{prefix}.{part}.bias"] for part in ("query", "key", "value")]
    # the scale of the scores is folded into the query's projection; one product makes all three
    scale = np.float32((width // heads) ** -0.5)
    joined = _dense(
        graph,
        np.concatenate([weights[0] * scale, *weights[1:]]),
        np.concatenate([biases[0] * scale, *biases[1:]]),
        x,
        f"{name}/qkv",
    )
    shape = graph.ints(f"{name}.shape", [0, 0, 3, heads, width // heads])
    split = graph.op("Reshape", joined, shape, name=f"{name}/heads")
    turned = graph.op("Transpose", split, name=f"{name}/turned", perm=[2, 0, 3, 1, 4])  # (3, b, heads, tokens, d)
    query, key, value = (
        graph.op("Gather", turned, graph.ints(f"{name}.{i}", i), name=f"{name}/{i}", axis=0) for i in range(3)
    )
    key = graph.op("Transpose", key, name=f"{name}/keyT", perm=[0, 1, 3, 2])
    scores = graph.op("Add", graph.op("MatMul", query, key, name=f"{name}/qk"), bias, name=f"{name}/scores")
    mixed = graph.op("MatMul", graph.op("Softmax", scores, name=f"{name}/p", axis=-1), value, name=f"{name}/pv")
    back = graph.op("Transpose", mixed, name=f"{name}/back", perm=[0, 2, 1, 3])
    return graph.op("Reshape", back, graph.ints(f"{name}.flat", [0, 0, width]), name=f"{name}/flat")


def _pool(graph: _Graph, hidden: str) -> None:
    mask = graph.op("Unsqueeze", "mask/float", graph.ints("axis2", [2]), name="pool/mask")
    axis1 = graph.ints("axis1", [1])
    total = graph.op("ReduceSum", graph.op("Mul", hidden, mask, name="pool/masked"), axis1, name="pool/sum", keepdims=0)
    count = graph.op("ReduceSum", mask, axis1, name="pool/count", keepdims=0)
    mean = graph.op("Div", total, count, name="pool/mean")
    norm = graph.op("ReduceL2", mean, graph.ints("last", [-1]), name="pool/norm", keepdims=1)
    graph.op("Div", mean, norm, name="vectors")
