"""What a loader hands to the engine, and how both loaders come to it: values."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.generation import Sampling, SequenceContext
from adapters.local_model import LocalModel


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is ready to compute, in the engine's thread."""

    model: LocalModel
    context: SequenceContext  #: owns the model: closing it frees both
    request_tokens: int  #: the most of one request, prompt and answer together
    defaults: Sampling  #: used where a request says nothing
    #: what OpenAI calls ``system_fingerprint``: the same while the same files are computed in the same way
    fingerprint: str
    files: Sequence[Path]  #: whose content, beside the context's fingerprint, decides what a computed state means


def sampling_defaults(
    temperature: float | None, recommended: Callable[[str, float], float], *, usual: float = 0.8, name: str
) -> Sampling:
    """Return what is used where a request says nothing: the model's recommendation, else llama.cpp's defaults.

    ``temperature``: what is configured goes first; ``recommended`` returns what the model says of a name, or the
    default that it is given; ``usual`` is that of the temperature, which the model calls ``name``.
    """
    return Sampling(
        temperature=recommended(name, usual) if temperature is None else temperature,
        top_k=int(recommended("top_k", 40)),
        top_p=recommended("top_p", 0.95),
        min_p=recommended("min_p", 0.05),
    )


def system_fingerprint(*parts: object) -> str:
    """Return ``LoadedModel.fingerprint`` of what it depends on."""
    return "fp_" + hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
