"""Options in, a served model out: the engine, its tokenizer, its chat template and its name.

The law: the model is loaded and used in the engine's thread; only the vocabulary is read from others.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.activation_store.store import ActivationStore
from adapters.chat_shape import Message
from adapters.chat_template import ChatTemplate
from adapters.engine import Engine
from adapters.generation import BuildRequest, Sampling, SequenceContext
from adapters.local_model import LocalModel, chat_template_of
from memory.errors import EngineDown, Unavailable
from proxy.engine_hf import load_folder
from proxy.engine_llama import load_gguf
from proxy.engine_loaded import LoadedModel
from proxy.engine_options import EngineOptions
from proxy.engine_plan import AnswerPlan, plan_answer
from proxy.engine_prefix import plan_build
from proxy.engine_store import StoreOpener
from proxy.engine_wire import ActivationRequest, ChatRequest

#: what loads a model, by the kind of the backend; neither library is imported before it is needed
_LOADERS: Final[Mapping[str, Callable[[EngineOptions], LoadedModel]]] = {
    "embedded": load_gguf,
    "llama_cpp": load_gguf,
    "hf": load_folder,
}


class ServedModel:
    """One model behind the engine's HTTP surface."""

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self.created = int(time.time())
        self._template: ChatTemplate | None = None
        self._model: LocalModel | None = None
        self.defaults = Sampling()
        self.fingerprint = ""
        self.store: ActivationStore | None = None  #: used within ``engine.call``; None: no room for any
        self._opener = StoreOpener(options)
        self._loaded: LoadedModel | None = None
        self.engine: Engine[SequenceContext] = Engine(
            self._load,
            queue_limit=options.queue_limit,
            stall_s=options.stall_ms / 1000,
            parked_bytes=options.parked_mb << 20,
            prefix_cache=self._open_store if self._opener.wanted else None,
        )

    @property
    def ready(self) -> bool:
        """True once the model can answer."""
        return self.engine.alive

    def plan(self, request: ChatRequest) -> AnswerPlan:
        """Return what is to be computed for a request. Raises: Invalid, EngineDown while loading."""
        return plan_answer(*self._require(), request)

    def plan_build(self, request: ActivationRequest) -> BuildRequest:
        """Return the prefix that is to be kept for a request. Raises: Invalid, EngineDown while loading."""
        model, template = self._require()
        tools = request.tool_use.for_template()

        def tokens_of(messages: Sequence[Message]) -> list[int]:
            return model.tokenize_prompt(template.render(messages, request.template_options, tools))

        return plan_build(request, tokens_of)

    def close(self) -> None:
        """Free the model and write what is kept; what runs fails."""
        self.engine.close()
        if self.store is not None:
            self.store.close()

    def prompt_text(
        self, messages: Sequence[Message], template_options: Mapping[str, Any], tools: Sequence[Mapping[str, Any]]
    ) -> str:
        """Return the conversation as the template writes it."""
        _, template = self._require()
        return "".join(segment.text for segment in template.render(messages, template_options, tools))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, by itself and as plain text."""
        model, _ = self._require()
        return [len(model.tokenize(text)) for text in texts]

    def describe(self) -> dict[str, Any]:
        """Return the model as an OpenAI model object, with what a client may want to know beside."""
        options = self.options
        described = {
            "id": options.model_id,
            "object": "model",
            "created": self.created,
            "owned_by": options.owned_by,
            "description": options.description,
        }
        if self.ready and self._model is not None:
            described["context_length"] = self.engine.max_request_tokens
            described["architecture"] = self._model.architecture
            described["parameters"] = self._model.parameters
        return described

    def _require(self) -> tuple[LocalModel, ChatTemplate]:
        if not self.ready or self._model is None or self._template is None:
            raise loading()
        return self._model, self._template

    def _open_store(self, _context: SequenceContext) -> ActivationStore:
        if self._loaded is None:
            raise loading()
        self.store = self._opener.open(self._loaded)
        return self.store

    def _load(self) -> SequenceContext:
        self._opener.begin()
        loaded = self._loaded = _LOADERS[self.options.kind](self.options)
        model = loaded.model
        self.engine.limit_request_tokens(loaded.request_tokens)
        self._template = chat_template_of(model)
        self.defaults = loaded.defaults
        self.fingerprint = loaded.fingerprint
        self._model = model
        return loaded.context


def loading() -> Unavailable:
    """Return what is told as long as there is no model."""
    return EngineDown("The model is still being loaded.", code="model_loading", retry_after_s=1.0)
