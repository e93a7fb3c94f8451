"""An engine as a process of its own on a TCP port, and models for it that speak another chat template."""

import contextlib
import dataclasses
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import gguf
import httpx
import openai

from adapters.embedded import DEFAULT_TEMPERATURE, MODEL_ID, gguf_path
from proxy.engine_options import EngineOptions

#: what makes an answer of the embedded model go on until it is stopped: drawn nearly at random, never the end
ENDLESS = {"temperature": 2, "logit_bias": {"2": -100, "0": -100}, "max_tokens": 20_000}
#: options of an engine that has room for two of them. They last for a minute and more, also on a machine where nothing
#: else is done: whoever looks at what goes on meanwhile is not too late, however seldom he is let
ROOM = {"context_tokens": 1 << 16, "max_context_tokens": 30_000}

#: the form of Qwen2.5's template
HERMES = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] }}{%- endif %}
    {{- "\\n\\n# Tools\\n\\nFunction signatures within <tools></tools>:\\n<tools>" }}
    {%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}
    {{- "\\n</tools>\\n\\nReturn within <tool_call></tool_call>:\\n<tool_call>\\n{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call><|im_end|>\\n" }}
{%- elif messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' + tool_call.name + '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""  # noqa: E501


def write_model(path: Path, template: str, tokens: Mapping[str, gguf.TokenType] | None = None) -> Path:
    """Write the embedded model with another chat template; ``tokens`` take the places of its last ones."""
    reader = gguf.GGUFReader(str(gguf_path()))
    writer = gguf.GGUFWriter(str(path), reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "tokenizer.chat_template"):
            continue
        value = field.contents()
        if tokens and name in ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type"):
            new = list(tokens) if name.endswith("tokens") else [int(kind) for kind in tokens.values()]
            value = [*value[: len(value) - len(new)], *new]
        kind = field.types[0]
        writer.add_key_value(name, value, kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    writer.add_chat_template(template)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@contextlib.contextmanager
def engine_over_tcp(options: EngineOptions) -> Iterator[httpx.Client]:
    """Start an engine, as on a machine of its own; it ends when its stdin closes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = dataclasses.replace(options, port=port, exit_on_stdin_eof=True)
    command = [sys.executable, "-P", "-m", "proxy.engine", options.to_json()]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client,
    ):
        for _ in range(3600):  # torch alone takes half a minute to import on a busy machine
            with contextlib.suppress(httpx.TransportError):
                if client.get("/health").status_code == 200:
                    break
            time.sleep(0.05)
        yield client
        process.stdin.close()
        assert process.wait(timeout=60) == 0, "it ends when its parent's pipe closes"


def options_for(model: Path | None = None) -> EngineOptions:
    return EngineOptions(
        model_path=model or gguf_path(),
        model_id=MODEL_ID,
        context_tokens=8192,
        max_sequences=8,
        threads=1,
        default_temperature=DEFAULT_TEMPERATURE,
    )


def openai_client(engine: httpx.Client) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{engine.base_url}/v1", api_key="none", max_retries=0, timeout=120)
