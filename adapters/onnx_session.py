"""An ONNX file in, a session that computes on one CPU thread out: the only place that knows onnxruntime.

One thread and no spinning: what is computed for one request must not slow its neighbours down. Nothing is reported to
anybody.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# From 1.29 on its import makes a device id and a store of events in ~/.cache and sends them. Only this variable, set
# before, prevents it; disable_telemetry_events() comes too late, and the library reads the process's own environment.
os.putenv("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

from memory.errors import Invalid

logger = logging.getLogger(__name__)


class OnnxSession:
    """A loaded graph. Thread-safe."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Raises: Invalid: there is no such file, or it holds no graph that this machine can compute."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as fault:  # its errors have no class of their own that all of them share
            logger.debug("onnxruntime", exc_info=True)
            raise Invalid(f"{path} cannot be read as an ONNX model: {_first_line(fault)}") from fault

    def run(self, outputs: Sequence[str], inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the named outputs, in order."""
        return [np.asarray(each) for each in self._session.run(list(outputs), dict(inputs))]

    def metadata(self) -> dict[str, str]:
        """Return what the file says of itself."""
        return dict(self._session.get_modelmeta().custom_metadata_map)


def _first_line(fault: Exception) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0]
