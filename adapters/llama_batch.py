"""Spans in, a ``llama_batch`` out: the arrays that llama_decode reads.

The law: filling it loops over spans, never over tokens.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from adapters.generation import Span


class LlamaBatch:
    """A llama_batch laid out over numpy arrays, with room for ``size`` tokens."""

    def __init__(self, api: Any, size: int) -> None:
        self.rows: list[int] = []  #: of each span, where its last token is
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._sequences = np.zeros(size, np.int32)
        self._counts = np.ones(size, np.int32)
        self._outputs = np.zeros(size, np.int8)
        addresses = self._sequences.ctypes.data + np.arange(size, dtype=np.uint64) * self._sequences.itemsize
        self._addresses = addresses.astype(np.uint64)
        self.value = api.llama_batch()
        for field, array in (
            ("token", self._tokens),
            ("pos", self._positions),
            ("n_seq_id", self._counts),
            ("seq_id", self._addresses),
            ("logits", self._outputs),
        ):
            kind = dict(api.llama_batch._fields_)[field]
            setattr(self.value, field, ctypes.cast(array.ctypes.data, kind))

    @property
    def tokens(self) -> int:
        """How many tokens it holds."""
        return int(self.value.n_tokens)

    def fill(self, spans: Sequence[Span]) -> None:
        """Let it hold these spans and nothing else."""
        tokens: list[int] = []
        positions: list[int] = []
        sequences: list[int] = []
        self.rows = []
        for span in spans:
            count = len(span.tokens)
            tokens += span.tokens
            positions += range(span.start, span.start + count)
            sequences += (span.sequence,) * count
            self.rows.append(len(tokens) - 1)
        size = len(tokens)
        self._tokens[:size], self._positions[:size], self._sequences[:size] = tokens, positions, sequences
        self._outputs[:size] = 0
        self._outputs[[row for row, span in zip(self.rows, spans, strict=True) if span.wants_logits]] = 1
        self.value.n_tokens = size
