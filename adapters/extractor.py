"""A prompt and a JSON schema in, a JSON object out, by any OpenAI-compatible chat model.

Law: whatever goes wrong between here and the model is ``EngineDown``; neither the key nor the prompt is ever logged.
"""

import json
from typing import Any

import httpx

from memory.errors import EngineDown
from memory.prompts import EXTRACTION_SYSTEM

MAX_ANSWER_TOKENS = 2000


class HttpExtractor:
    """Satisfies ``memory.ports.Extractor`` over ``POST {base_url}/chat/completions``. Thread-safe."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        model: str,
        timeout_s: float = 60.0,
        *,
        system: str = EXTRACTION_SYSTEM,
        schema_name: str = "facts",
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._model = model
        self._system = system
        self._schema_name = schema_name
        self._client = httpx.Client(headers=headers, timeout=timeout_s)

    def extract(self, prompt: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the model's answer as a JSON object.

        Raises: EngineDown: no answer in time, an error status, or an answer that is no JSON object.
        """
        body = {
            "model": self._model,
            "messages": [{"role": "system", "content": self._system}, {"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": MAX_ANSWER_TOKENS,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": self._schema_name, "strict": True, "schema": schema},
            },
        }
        return _object_in(_content_of(self._post(body)))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _post(self, body: dict[str, Any]) -> Any:
        try:
            response = self._client.post(self._url, json=body)
            response.raise_for_status()
            return response.json()
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            wait_s = _seconds(error.response.headers.get("retry-after"))
            raise EngineDown(f"The writer's model answered HTTP {status}.", retry_after_s=wait_s) from error
        except httpx.HTTPError as error:
            raise EngineDown(f"The writer's model does not answer ({type(error).__name__}).") from error
        except ValueError as error:
            raise EngineDown("The writer's model answered with something that is not JSON.") from error


def _content_of(answer: Any) -> str:
    try:
        content = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError) as error:
        raise EngineDown("The writer's model answered in an unknown shape.") from error
    if not isinstance(content, str):
        raise EngineDown("The writer's model answered without text.")
    return content


def _object_in(content: str) -> dict[str, Any]:
    """Return the JSON object; some servers ignore the schema and wrap it in a code block or in talk."""
    start, end = content.find("{"), content.rfind("}")
    try:
        found = json.loads(content[start : end + 1]) if 0 <= start < end else None
    except (json.JSONDecodeError, RecursionError) as error:
        raise EngineDown("The writer's model answered with broken JSON.") from error
    if not isinstance(found, dict):
        raise EngineDown("The writer's model answered without a JSON object.")
    return found


def _seconds(header: str | None) -> float | None:
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
