"""A model folder in, weights, vocabulary and what the folder recommends out.

The law: only the folder is read, never a network; no code that a folder brings runs; weights that are not all there are
refused instead of being made up.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from adapters.chat_template import Segment
from adapters.transformers_folder import ModelFolder
from adapters.transformers_vocabulary import Vocabulary
from memory.errors import Invalid

logger = logging.getLogger(__name__)
Logits = npt.NDArray[np.float32]
#: kinds of rotary embedding whose frequencies change when a sequence grows past what the model was first trained for
_CHANGING_ROPES: Final = ("dynamic", "longrope")


@dataclass(frozen=True)
class Binding:
    """The two libraries."""

    torch: Any
    library: Any  #: transformers


class TransformersModel:
    """A model's weights, vocabulary and templates: a ``LocalModel``."""

    def __init__(self, binding: Binding, folder: ModelFolder, *, dtype: str, device: str) -> None:
        """``dtype`` and ``device`` by torch's names. Raises: Invalid."""
        self.folder = folder
        self.binding = binding
        self.dtype = dtype
        self.device = device
        self.network: Any = _network(binding, folder, dtype, device)
        self.vocabulary = Vocabulary(_tokenizer(binding, folder), _ends(folder))
        self.parameters: int = folder.parameters

    @property
    def name(self) -> str:
        """What the folder is called."""
        return self.folder.path.resolve().name

    @property
    def architecture(self) -> str:
        """The family, as transformers names it."""
        return str(self.folder.config.get("model_type") or "unknown")

    @property
    def context_length(self) -> int:
        """Tokens it was trained for; 0: not known.

        Where the frequencies of positions change from some length on, only up to there: what was computed before would
        not be what is computed after.
        """
        trained, first = self.folder.trained_tokens, _first_trained(self.folder)
        return min(trained, first) if trained and first else first or trained

    @property
    def chat_template(self) -> str | None:
        """The Jinja source of its chat template."""
        return self.vocabulary.chat_template

    @property
    def tool_template(self) -> str | None:
        """Another one, for conversations with tools."""
        return self.vocabulary.tool_template

    @property
    def bos_text(self) -> str:
        """How the token that begins a text is written; empty when there is none."""
        return self.vocabulary.bos_text

    @property
    def eos_text(self) -> str:
        """How the token that ends a text is written; empty when there is none."""
        return self.vocabulary.eos_text

    @property
    def control_texts(self) -> frozenset[str]:
        """How the tokens are written that no message may contain as such."""
        return self.vocabulary.control_texts

    def tokenize(self, text: str, *, parse_special: bool = False) -> list[int]:
        """Return the token ids; ``parse_special`` lets the text name control tokens."""
        return self.vocabulary.tokenize(text, parse_special=parse_special)

    def tokenize_prompt(self, segments: Sequence[Segment]) -> list[int]:
        """Return the token ids of what a chat template wrote."""
        return self.vocabulary.tokenize_prompt(segments)

    def piece(self, token: int) -> bytes:
        """Return the token's bytes; control tokens have none."""
        return self.vocabulary.piece(token)

    def shown(self, token: int) -> bytes:
        """Return the token's bytes; of a control token those of its name, as alternatives are shown."""
        return self.piece(token) or self.vocabulary.token_text(token).encode()

    @property
    def binds_answers(self) -> bool:
        """False: nothing here holds an answer to a grammar."""
        return False

    def check_grammar(self, text: str) -> None:
        """Raises: Invalid."""
        raise Invalid(f"A grammar of {len(text)} characters cannot be followed here: llama.cpp can.")

    def ids(self, numbers: Sequence[int]) -> Any:
        """Return a tensor of shape (1, numbers) where the model is."""
        torch = self.binding.torch
        return torch.tensor([numbers], dtype=torch.long, device=self.device)

    def close(self) -> None:
        """Let go of the weights."""
        self.network = None


def new_cache(model: TransformersModel) -> Any:
    """Return an empty cache, as transformers has it for this model."""
    return model.binding.library.DynamicCache(config=model.network.config)


def last_logits(model: TransformersModel, cache: Any, tokens: Sequence[int]) -> Logits:
    """Compute tokens behind those in transformers' own cache; return logits of shape (vocabulary,) after the last."""
    with model.binding.torch.inference_mode():
        found = model.network(input_ids=model.ids(tokens), past_key_values=cache, use_cache=True, logits_to_keep=1)
        return floats(found.logits[0, -1])


def floats(logits: Any) -> Logits:
    """Return a tensor as an array."""
    found: Logits = logits.float().cpu().numpy()
    return found


def _network(binding: Binding, folder: ModelFolder, dtype: str, device: str) -> Any:
    try:
        network, report = binding.library.AutoModelForCausalLM.from_pretrained(
            str(folder.path),
            dtype=getattr(binding.torch, dtype),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, ImportError, KeyError, AttributeError, TypeError) as error:
        logger.info("the model was not loaded", exc_info=error)
        raise _not_loadable(folder, error) from error
    missing = sorted(report.get("missing_keys") or ()) + sorted(map(str, report.get("mismatched_keys") or ()))
    if missing:
        raise Invalid(
            f"{folder.path} is not complete: {len(missing)} of its weights are missing or of another shape, such as "
            f"{missing[0]}.",
            code="model_not_loadable",
        )
    network = network.to(device).eval()
    network.requires_grad_(False)
    return network


def _tokenizer(binding: Binding, folder: ModelFolder) -> Any:
    try:
        return binding.library.AutoTokenizer.from_pretrained(
            str(folder.path), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # the tokenizers library raises plain Exceptions
        logger.info("the tokenizer was not loaded", exc_info=error)
        raise _not_loadable(folder, error) from error


def _not_loadable(folder: ModelFolder, error: Exception) -> Invalid:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if "trust_remote_code" in str(error):
        reason = "it needs code of its own, which is never run here"
    advice = "Serve it with another server and --upstream, or as a GGUF file with --model."
    return Invalid(
        f"{folder.path} cannot be loaded by transformers: {reason.rstrip('.')}. {advice}", code="model_not_loadable"
    )


def _ends(folder: ModelFolder) -> list[int]:
    """Return the ids of the tokens that the folder calls ends."""
    found = []
    for place in (folder.generation, folder.config, folder.decoder):
        said = place.get("eos_token_id")
        found += [token for token in (said if isinstance(said, list) else [said]) if isinstance(token, int)]
    return found


def _first_trained(folder: ModelFolder) -> int:
    """Return up to which length the frequencies of positions stay the same; 0: for ever."""
    said = [folder.decoder.get("rope_parameters"), folder.decoder.get("rope_scaling")]
    said += [inner for each in said if isinstance(each, dict) for inner in each.values()]  # by the kind of the layer
    for rope in said:
        if isinstance(rope, dict) and (rope.get("rope_type") or rope.get("type")) in _CHANGING_ROPES:
            name = "original_max_position_embeddings"
            first = rope.get(name) or folder.decoder.get(name)
            return first if isinstance(first, int) else folder.trained_tokens
    return 0
