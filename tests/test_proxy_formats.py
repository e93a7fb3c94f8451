"""Formats, tools, choices and log-probabilities through the whole product, its memory on, with the official client."""

import json
from typing import Literal

import pydantic
import pytest

from tests.engine_rig import HERMES, write_model

pytestmark = pytest.mark.engine


class Reply(pydantic.BaseModel):
    city: Literal["Lisbon", "Porto"]
    sure: bool


SAID = [{"role": "user", "content": "I live in Lisbon."}]
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": Reply.model_json_schema(), "strict": True},
}


def test_everything_that_the_engine_can_do_passes_through_the_proxy(product):
    model = write_model(product.data / "tools.gguf", HERMES)
    product.start("--model", str(model), "--threads", "1")
    key = product.key("anna")
    with product.client(key) as client:
        ask = {"model": client.models.list().data[0].id, "messages": SAID, "temperature": 1}

        parsed = client.chat.completions.with_raw_response.parse(**ask, response_format=Reply)
        assert parsed.headers["x-memory-status"] != "off"
        assert isinstance(parsed.parse().choices[0].message.parsed, Reply)

        called = client.chat.completions.create(
            **ask, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False
        )
        assert called.choices[0].finish_reason == "tool_calls"
        [call] = called.choices[0].message.tool_calls
        Reply.model_validate_json(call.function.arguments)

        result = {"role": "tool", "tool_call_id": call.id, "content": "Sunny."}
        history = [*SAID, called.choices[0].message.model_dump(exclude_none=True), result]
        after = client.chat.completions.create(**{**ask, "messages": history}, tools=[WEATHER], max_tokens=20)
        assert after.choices[0].finish_reason in ("stop", "length", "tool_calls")

        with client.chat.completions.stream(**ask, response_format=Reply) as stream:
            final = stream.get_final_completion()
        assert isinstance(final.choices[0].message.parsed, Reply)

        with client.chat.completions.stream(
            **ask, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False
        ) as stream:
            final = stream.get_final_completion()
        assert isinstance(final.choices[0].message.tool_calls[0].function.parsed_arguments, dict)

        several = client.chat.completions.create(**ask, n=3, logprobs=True, top_logprobs=2, seed=1, max_tokens=12)
        assert [choice.index for choice in several.choices] == [0, 1, 2]
        assert all(len(score.top_logprobs) == 2 for choice in several.choices for score in choice.logprobs.content)

        status, refused = product.api(
            key,
            "POST",
            "/v1/chat/completions",
            {**ask, "response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}},
        )
        assert (status, refused["error"]["code"]) == (400, "invalid_schema")

    assert any("Lisbon" in cube["text"] for cube in product.cubes(key)), "what was said is remembered all the same"
    assert not any(json.dumps("city") in cube["text"] for cube in product.cubes(key)), "what a tool was asked is not"
