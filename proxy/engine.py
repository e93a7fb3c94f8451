"""Options in, a running engine process out: one local model behind OpenAI's HTTP surface.

The law: the server listens before the model is loaded and says 503 until it is; when the engine or the parent process
is gone, so is this one. Run as ``python -m proxy.engine OPTIONS_JSON``.
"""

import asyncio
import logging
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from memory.errors import EngineDown, Invalid, MemoryFault, NotFound
from proxy.engine_activations import Activations
from proxy.engine_chat import ChatEndpoint, fault_of, parse_json
from proxy.engine_fault import fault_line
from proxy.engine_fields import mapping
from proxy.engine_formats import parse_tools
from proxy.engine_messages import parse_messages
from proxy.engine_model import ServedModel
from proxy.engine_options import EngineOptions
from proxy.errors import error_body, fault_body, fault_headers, fault_status

logger = logging.getLogger(__name__)
_MOST_TEXTS = 4096


def create_engine_app(model: ServedModel) -> Starlette:
    """Return the engine's ASGI application."""
    activations = Activations(model)
    routes = _Routes(model, activations)
    return Starlette(
        routes=[
            Route("/v1/chat/completions", ChatEndpoint(model), methods=["POST"]),
            *activations.routes(),
            Route("/v1/models", routes.list_models, methods=["GET"]),
            Route("/v1/models/{id:path}", routes.get_model, methods=["GET"]),
            Route("/health", routes.health, methods=["GET"]),
            Route("/v1/health", routes.health, methods=["GET"]),
            Route("/tokenize", routes.tokenize, methods=["POST"]),
            Route("/apply-template", routes.apply_template, methods=["POST"]),
        ],
        exception_handlers={MemoryFault: _on_fault, HTTPException: _on_http, Exception: _on_bug},
    )


class _Routes:
    """The small endpoints."""

    def __init__(self, model: ServedModel, activations: Activations) -> None:
        self._model = model
        self._activations = activations

    async def list_models(self, _request: Request) -> Response:
        return _json({"object": "list", "data": [self._model.describe()]})

    async def get_model(self, request: Request) -> Response:
        model_id = request.path_params["id"]
        if model_id != self._model.options.model_id:
            raise NotFound(f"The model {model_id!r} does not exist here.", param="model", code="model_not_found")
        return _json(self._model.describe())

    async def health(self, _request: Request) -> Response:
        if not self._model.ready:
            raise EngineDown("The model is still being loaded.", code="model_loading", retry_after_s=1.0)
        load = self._model.engine.load_now()
        return _json(
            {
                "status": "ok",
                "model": self._model.options.model_id,
                "running": load.running,
                "waiting": load.waiting,
                "building": load.building,
                "sequences": load.sequences,
                "max_sequences": load.max_sequences,
                "used_cells": load.used_cells,
                "context_tokens": load.context_tokens,
                "activations": await self._activations.stats(),
            }
        )

    async def tokenize(self, request: Request) -> Response:
        body = parse_json(await request.body())
        texts = body.get("texts") if isinstance(body, dict) else None
        if not isinstance(texts, list) or len(texts) > _MOST_TEXTS or not all(isinstance(t, str) for t in texts):
            raise Invalid(f"'texts' must be a list of up to {_MOST_TEXTS} strings.", param="texts")
        return _json({"counts": await asyncio.to_thread(self._model.count_tokens, texts)})

    async def apply_template(self, request: Request) -> Response:
        body = parse_json(await request.body())
        if not isinstance(body, dict):
            raise Invalid("The body must be a JSON object.")
        text = self._model.prompt_text(
            parse_messages(body), mapping(body, "chat_template_kwargs"), parse_tools(body).for_template()
        )
        return _json({"prompt": text})


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


async def _on_fault(_request: Request, error: Exception) -> Response:
    fault = fault_of(error)
    response = Response(fault_body(fault), fault_status(fault))
    response.raw_headers.extend(fault_headers(fault))
    return response


async def _on_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = f"{request.method} {request.url.path} is not served here."
    return Response(error_body(message, "invalid_request_error"), status, media_type="application/json")


async def _on_bug(request: Request, error: Exception) -> Response:
    if not isinstance(error, ClientDisconnect):
        logger.error("a request failed", exc_info=error)
    return await _on_fault(request, error)


class _Server(uvicorn.Server):
    """Closes the model when it ends, before a signal that ended it is raised again: that ends the process."""

    def __init__(self, model: ServedModel, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._model = model

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            try:
                yield
            finally:
                if self._model.ready:  # while it loads nothing is lost, and nobody waits for that
                    self._model.close()


def run_engine(options: EngineOptions) -> None:
    """Load the model and serve it until a signal, the parent's end or the engine's failure.

    Raises: EngineMissing, Invalid (the model cannot be loaded), EngineDown (it failed while serving).
    """
    model = ServedModel(options)
    server = _Server(
        model,
        uvicorn.Config(
            create_engine_app(model),
            uds=str(options.socket_path) if options.socket_path else None,
            host=options.host,
            port=options.port,
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=options.drain_timeout_s,
        ),
    )
    model.engine.start()
    threading.Thread(target=_stop_with_engine, args=(model, server), name="engine-watch", daemon=True).start()
    parent_gone = threading.Event()
    if options.exit_on_stdin_eof:
        watched = (server, options.drain_timeout_s, parent_gone)
        threading.Thread(target=_stop_with_parent, args=watched, name="parent-watch", daemon=True).start()
    server.run()
    model.close()
    if parent_gone.is_set() and options.socket_path:
        shutil.rmtree(options.socket_path.parent, ignore_errors=True)  # the parent's folder, which it left behind
    failure = model.engine.failure
    if failure is not None:
        raise failure


def _stop_with_engine(model: ServedModel, server: uvicorn.Server) -> None:
    model.engine.wait()
    server.should_exit = True


def _stop_with_parent(server: uvicorn.Server, drain_timeout_s: int, gone: threading.Event) -> None:
    """Wait until the parent's end of stdin closes, as it does however the parent dies."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    gone.set()
    server.should_exit = True
    # Nobody is left to see a shutdown that hangs.
    timer = threading.Timer(drain_timeout_s + 5.0, os._exit, args=(1,))
    timer.daemon = True
    timer.start()


def main() -> None:
    """Run the engine of ``sys.argv[1]``; exits with 1 and one line on stderr when it cannot."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("proxy").setLevel(logging.INFO)
    try:
        run_engine(EngineOptions.from_json(sys.argv[1]))
    except MemoryFault as error:
        sys.stderr.write(fault_line(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
