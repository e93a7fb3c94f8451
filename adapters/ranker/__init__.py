"""Features in, scores out: the learned ranker that ships, a sum of small regression trees in one ONNX file.

It learnt with LambdaMART (Burges, "From RankNet to LambdaRank to LambdaMART", MSR-TR-2010-82) from conversations whose
licence allows it; ``adapters.ranker.training`` is the script, and the file says what it learnt from.
"""

from pathlib import Path

import numpy as np

from adapters.onnx_session import OnnxSession
from memory.errors import Invalid
from memory.features import FEATURES_VERSION
from memory.ports import Features, Vector

SHIPPED = Path(__file__).with_name("ranker.onnx")


class TreeRanker:
    """A ``Ranker``. Costs about 0.2 CPU milliseconds for 150 candidates."""

    def __init__(self, path: Path = SHIPPED) -> None:
        """Raises: Invalid: there is no ranker, or it was trained on other features than this program computes."""
        try:
            self._session = OnnxSession(path)
        except Invalid as fault:
            raise Invalid(f"operator.ranker: {fault}", param="operator.ranker") from fault
        said = self._session.metadata()
        if said.get("features_version") != str(FEATURES_VERSION):
            raise Invalid(
                f"The ranker {path} was trained on features of version {said.get('features_version', '?')}, and this "
                f"program computes version {FEATURES_VERSION}: train it again with python -m adapters.ranker.training.",
                param="operator.ranker",
            )
        self.features = tuple(said["features"].split(","))
        self.of_talks = said["conversations"] == "talks"

    def score(self, features: Features) -> Vector:
        """Return one score a row, higher for what answers rather; only their order means anything."""
        (scores,) = self._session.run(["scores"], {"features": np.ascontiguousarray(features.rows, np.float32)})
        return np.asarray(scores, np.float32).reshape(-1)
