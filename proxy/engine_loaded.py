"""What a loader hands to the engine: values."""

from collections.abc import Sequence
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
