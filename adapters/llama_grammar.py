"""A grammar in, which tokens an answer may go on with out.

The law: llama.cpp ends the process over a token that its grammar does not know, so none is handed to it that was not
checked before; and what the grammar read is, byte for byte, what the reader of the answer gets: no control token and
no broken UTF-8 passes.
"""

import codecs
import ctypes
import weakref
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adapters.generation import Grammar
from adapters.llama_model import LlamaModel

Candidates = npt.NDArray[np.void]
#: llama_token_data
CANDIDATE: Final = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
_BLANK: Final = b" \t\r\n"


def all_candidates(logits: npt.NDArray[np.float32]) -> Candidates:
    """Return all tokens as llama.cpp's samplers take them; row i is token i."""
    candidates = np.zeros(len(logits), CANDIDATE)
    candidates["id"] = np.arange(len(logits), dtype=np.int32)
    candidates["logit"] = logits
    return candidates


def apply_sampler(api: Any, sampler: Any, candidates: Candidates) -> Any:
    """Let a sampler change the candidates in place, and return them as a llama_token_data_array."""
    array = api.llama_token_data_array(
        data=ctypes.cast(candidates.ctypes.data, ctypes.POINTER(api.llama_token_data)),
        size=len(candidates),
        selected=-1,
        sorted=False,
    )
    api.llama_sampler_apply(sampler, ctypes.byref(array))
    return array


class TokenGate:
    """Follows one answer, and says which tokens may be next."""

    def __init__(self, api: Any, model: LlamaModel, grammar: Grammar) -> None:
        self._api = api
        self._model = model
        self._shown = grammar.shown
        self._opens = grammar.opens.encode()
        self._pointer = model.new_grammar(grammar.text)
        self._release = weakref.finalize(self, api.llama_sampler_free, self._pointer)
        self._open = not self._opens
        self._tail = b""  #: of the free part, as long as what opens it
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        hidden = [t for t in model.control_tokens if t not in self._shown and not model.is_end(t)]
        self._hidden = np.zeros(model.vocab_size, np.bool_)
        self._hidden[hidden] = True

    def allows(self, token: int) -> bool:
        """Return True if the answer may go on with the token."""
        if not self.fits(token):
            return False
        if not self._open:
            return True
        single = np.array([(token, 0.0, 0.0)], CANDIDATE)
        apply_sampler(self._api, self._pointer, single)
        return bool(np.isfinite(single["logit"][0]))

    def restrict(self, candidates: Candidates) -> None:
        """Set the logits of those that may not be next to minus infinity."""
        if self._open:
            candidates["logit"][self._hidden[candidates["id"]]] = -np.inf
            apply_sampler(self._api, self._pointer, candidates)

    def fits(self, token: int) -> bool:
        """Return True if nothing but the grammar can speak against the token."""
        if self._model.is_end(token):
            return True
        data = self._data(token)
        if not self._open:
            # What opens the bound part must end with its token, so that the grammar sees all that follows.
            return not self._after_opening(data).strip(_BLANK)
        return bool(data) and self._decodes(data)

    def accept(self, token: int) -> None:
        """Take in the token that was drawn; ``allows`` must have said True, or ``restrict`` left it."""
        if self._open:
            self._api.llama_sampler_accept(self._pointer, token)
            self._decoder.decode(self._data(token))
            return
        data = self._data(token)
        self._open = self._opens in self._tail + data
        self._tail = (self._tail + data)[-len(self._opens) :]

    def _data(self, token: int) -> bytes:
        return self._shown.get(token) or self._model.piece(token)

    def _after_opening(self, data: bytes) -> bytes:
        return (self._tail + data).partition(self._opens)[2]

    def _decodes(self, data: bytes) -> bool:
        state = self._decoder.getstate()
        try:
            self._decoder.decode(data)
        except UnicodeDecodeError:
            return False
        finally:
            self._decoder.setstate(state)
        return True
