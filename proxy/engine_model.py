"""Options in, a served model out: the engine, its tokenizer, its chat template and its name.

The law: the model is loaded and used in the engine's thread; only the vocabulary is read from others.
"""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.chat_shape import Message
from adapters.chat_template import ChatTemplate
from adapters.engine import Engine
from adapters.generation import Sampling
from adapters.gguf_header import read_language_model
from adapters.llama_context import ContextOptions, LlamaContext
from adapters.llama_cpp import free_gpu_bytes, load_model, new_context
from adapters.llama_memory import ContextPlan, ContextWish, free_memory, plan_context
from adapters.llama_model import LlamaModel
from memory.errors import EngineDown, Unavailable
from proxy.engine_options import EngineOptions
from proxy.engine_plan import AnswerPlan, plan_answer
from proxy.engine_wire import ChatRequest

logger = logging.getLogger(__name__)


class ServedModel:
    """One model behind the engine's HTTP surface."""

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self.created = int(time.time())
        self._template: ChatTemplate | None = None
        self._model: LlamaModel | None = None
        self.defaults = Sampling()
        self.fingerprint = ""
        self.engine: Engine[LlamaContext] = Engine(
            self._load,
            queue_limit=options.queue_limit,
            stall_s=options.stall_ms / 1000,
            parked_bytes=options.parked_mb << 20,
        )

    @property
    def ready(self) -> bool:
        """True once the model can answer."""
        return self.engine.alive

    def plan(self, request: ChatRequest) -> AnswerPlan:
        """Return what is to be computed for a request. Raises: Invalid, EngineDown while loading."""
        return plan_answer(*self._require(), request)

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

    def _require(self) -> tuple[LlamaModel, ChatTemplate]:
        if not self.ready or self._model is None or self._template is None:
            raise _loading()
        return self._model, self._template

    def _load(self) -> LlamaContext:
        options = self.options
        plan = _plan(options)
        model = load_model(options.model_path, gpu_layers=options.gpu_layers)
        context = new_context(
            model,
            ContextOptions(
                context_tokens=plan.cells,
                max_sequences=options.max_sequences,
                batch_tokens=options.batch_tokens,
                threads=options.thread_count(),
                kv_type=options.kv_type,
                flash_attention=options.flash(),
            ),
        )
        self.engine.limit_request_tokens(options.max_context_tokens or model.context_length or plan.cells)
        self._template = ChatTemplate(
            model.chat_template,
            tool_source=model.metadata("tokenizer.chat_template.tool_use"),
            bos_text=model.bos_text,
            eos_text=model.eos_text,
            control_texts=model.control_texts,
        )
        self.defaults = _sampling_defaults(model, options.default_temperature)
        self.fingerprint = _fingerprint(model, options)
        self._model = model
        return context


def _plan(options: EngineOptions) -> ContextPlan:
    """Return the context that the file and the free memory allow, and say it in the log. Raises: Invalid."""
    header = read_language_model(options.model_path)
    gpu_bytes = free_gpu_bytes()
    gpu_layers = options.gpu_layers if gpu_bytes is not None else 0
    wish = ContextWish(
        cells=options.context_tokens,
        sequences=options.max_sequences,
        batch_tokens=options.batch_tokens,
        kv_type=options.kv_type,
        flash_attention=options.flash_attention,
        gpu_layers=gpu_layers,
        parked_bytes=options.parked_mb << 20,
    )
    plan = plan_context(header, wish, replace(free_memory(), gpu_bytes=gpu_bytes) if options.check_memory else None)
    layers = "all" if gpu_layers < 0 else str(gpu_layers)
    logger.info(
        "%s: %s; threads: %d, tokens in a batch: %d, KV as %s, layers on a GPU: %s",
        options.model_id,
        plan.line,
        options.thread_count(),
        options.batch_tokens,
        options.kv_type,
        layers,
    )
    if options.gpu_layers and not gpu_layers:
        logger.warning("--gpu-layers has no effect: this llama.cpp was built without a GPU (memos build-llama --help)")
    elif gpu_bytes and not gpu_layers:
        logger.info("this llama.cpp can use a GPU: --gpu-layers -1 puts all layers there")
    return plan


def _loading() -> Unavailable:
    return EngineDown("The model is still being loaded.", code="model_loading", retry_after_s=1.0)


def _sampling_defaults(model: LlamaModel, temperature: float | None) -> Sampling:
    """Return what is used where a request says nothing: the file's recommendation, else llama.cpp's defaults."""

    def recommended(key: str, otherwise: float) -> float:
        try:
            return float(model.metadata(f"general.sampling.{key}") or otherwise)
        except ValueError:
            return otherwise

    return Sampling(
        temperature=recommended("temp", 0.8) if temperature is None else temperature,
        top_k=int(recommended("top_k", 40)),
        top_p=recommended("top_p", 0.95),
        min_p=recommended("min_p", 0.05),
    )


def _fingerprint(model: LlamaModel, options: EngineOptions) -> str:
    """Return what OpenAI calls ``system_fingerprint``: the same while the same file is computed in the same way."""
    size_bytes = options.model_path.stat().st_size
    parts = (model.name, model.architecture, model.parameters, size_bytes, options.kv_type, options.flash_attention)
    return "fp_" + hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
