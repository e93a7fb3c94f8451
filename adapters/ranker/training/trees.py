"""LightGBM's trees in, one ONNX graph out that computes the same sum.

Source: ai.onnx.ml TreeEnsembleRegressor, version 3; LightGBM goes left where a feature is at most its threshold.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

_BRANCH, _LEAF = "BRANCH_LEQ", "LEAF"


class _Nodes:
    """All nodes of all trees, as the columns that the operator wants."""

    def __init__(self) -> None:
        self.columns: dict[str, list[Any]] = {
            name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
        }
        self.leaves: list[tuple[int, int, float]] = []

    def add(self, tree: int, node: Mapping[str, Any]) -> int:
        """Add a node with all below it and return its number."""
        number = sum(1 for each in self.columns["treeids"] if each == tree)
        columns = self.columns
        columns["treeids"].append(tree)
        columns["nodeids"].append(number)
        if "leaf_value" in node:
            for name, value in (("featureids", 0), ("values", 0.0), ("modes", _LEAF), ("truenodeids", 0)):
                columns[name].append(value)
            columns["falsenodeids"].append(0)
            self.leaves.append((tree, number, float(node["leaf_value"])))
            return number
        place = len(columns["featureids"])
        columns["featureids"].append(int(node["split_feature"]))
        columns["values"].append(float(node["threshold"]))
        columns["modes"].append(_BRANCH)
        columns["truenodeids"].append(-1)
        columns["falsenodeids"].append(-1)
        columns["truenodeids"][place] = self.add(tree, node["left_child"])
        columns["falsenodeids"][place] = self.add(tree, node["right_child"])
        return number


def write_trees(dump: Mapping[str, Any], metadata: Mapping[str, str], features: Sequence[str], target: Path) -> None:
    """Write LightGBM's ``dump_model()`` as a graph: ``features`` (n, f) float32 in, ``scores`` (n, 1) out."""
    nodes = _Nodes()
    for number, tree in enumerate(dump["tree_info"]):
        nodes.add(number, tree["tree_structure"])
    trees, numbers, weights = zip(*nodes.leaves, strict=True)
    regressor = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["scores"],
        domain="ai.onnx.ml",
        n_targets=1,
        target_treeids=list(trees),
        target_nodeids=list(numbers),
        target_ids=[0] * len(trees),
        target_weights=list(weights),
    )
    regressor.attribute.extend(helper.make_attribute(f"nodes_{name}", each) for name, each in nodes.columns.items())
    graph = helper.make_graph(
        [regressor],
        "ranker",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["candidates", len(features)])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["candidates", 1])],
    )
    opsets = [helper.make_opsetid("ai.onnx.ml", 3), helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="memos-proxy")
    model.ir_version = 10
    helper.set_model_props(model, {**metadata, "features": ",".join(features)})
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString())
