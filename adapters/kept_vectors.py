"""Texts that never change in, their vectors out: embedded once for each embedder, then read from a file.

Law: the file is named after the embedder and the texts, so it can only be missing, never stale.
"""

import hashlib
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from memory.ports import Embedder, Matrix

logger = logging.getLogger(__name__)


def kept_vectors(folder: Path, embedder: Embedder, texts: Sequence[str]) -> Matrix:
    """Return one unit row per text, in order. Costs the embedding of them all when there is no file yet.

    Raises: EngineDown: the embedder does not answer.
    """
    named = hashlib.sha256("\0".join([embedder.model_id, *texts]).encode()).hexdigest()[:32]
    path = folder / f"vectors-{named}.npy"
    known = _read(path, (len(texts), embedder.dimension))
    if known is not None:
        return known
    vectors = embedder.embed(texts)
    _write(path, vectors)
    return vectors


def _read(path: Path, shape: tuple[int, int]) -> Matrix | None:
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.shape == shape and vectors.dtype == np.float32 else None


def _write(path: Path, vectors: Matrix) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.npy")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(draft, np.asarray(vectors, np.float32), allow_pickle=False)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        logger.warning("vectors could not be kept in %s; they are embedded again at each start", path.parent)
