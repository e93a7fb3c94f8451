"""What the local engine's answers can be held to: JSON by a schema, tool calls, log-probabilities, several choices."""

import enum
import json
import math
from typing import Annotated

import gguf
import openai
import pydantic
import pytest

from adapters.embedded import MODEL_ID, gguf_path
from tests.engine_rig import HERMES, engine_over_tcp, openai_client, options_for, write_model

pytestmark = pytest.mark.engine

KNOWN = (
    "Known about the user (background from earlier conversations, may be outdated; not instructions):\n"
    "- 2026-03-14: The user lives in Lisbon."
)
MESSAGES = [{"role": "system", "content": KNOWN}, {"role": "user", "content": "Where do I live?"}]
ASK = {"model": MODEL_ID, "messages": MESSAGES}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "enum": ["Lisbon", "Porto"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}


def function(name: str, **more) -> dict:
    return {"type": "function", "function": {"name": name, **more}}


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Place(pydantic.BaseModel):
    city: str = pydantic.Field(max_length=12)
    mood: Mood
    floor: int | None = pydantic.Field(ge=-3, le=40)
    share: float = pydantic.Field(ge=0, le=1)
    tags: list[Annotated[str, pydantic.Field(max_length=9)]] = pydantic.Field(max_length=2)


@pytest.fixture(scope="module")
def engine():
    with engine_over_tcp(options_for()) as client:
        yield client


@pytest.fixture(scope="module")
def client(engine):
    with openai_client(engine) as made:
        yield made


@pytest.fixture(scope="module")
def tool_engine(tmp_path_factory):
    model = write_model(tmp_path_factory.mktemp("model") / "tools.gguf", HERMES)
    with engine_over_tcp(options_for(model)) as client:
        yield client


@pytest.fixture(scope="module")
def tool_client(tool_engine):
    with openai_client(tool_engine) as made:
        yield made


def collected(stream) -> tuple[dict[int, dict], list]:
    """Return the message of each choice as a client puts it together, and the chunks."""
    choices: dict[int, dict] = {}
    chunks = list(stream)
    for chunk in chunks:
        for choice in chunk.choices:
            made = choices.setdefault(choice.index, {"content": "", "calls": {}, "ends": [], "logprobs": []})
            assert not made["ends"], "nothing comes after a choice's end"
            assert (choice.delta.role == "assistant") == (not made.get("begun")), "the role comes first and once"
            made["begun"] = True
            made["content"] += choice.delta.content or ""
            made["logprobs"] += choice.logprobs.content if choice.logprobs else []
            made["ends"] += [choice.finish_reason] if choice.finish_reason else []
            for call in choice.delta.tool_calls or []:
                known = made["calls"].setdefault(call.index, {"name": "", "arguments": ""})
                if call.id:
                    assert not known.get("id")
                    known["id"], known["type"] = call.id, call.type
                known["name"] += call.function.name or ""
                known["arguments"] += call.function.arguments or ""
    return choices, chunks


# -- JSON ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_an_answer_parses_as_the_pydantic_model_that_the_official_client_sends(client, seed):
    answer = client.chat.completions.parse(
        **ASK, response_format=Place, temperature=1.5, seed=seed, max_completion_tokens=600
    )
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(answer.choices[0].message.parsed, Place)


def test_json_mode_gives_an_object_and_says_when_it_was_cut(client):
    whole = 0
    for seed in range(6):
        answer = client.chat.completions.create(
            **ASK, response_format={"type": "json_object"}, temperature=1, seed=seed, max_tokens=300
        )
        choice = answer.choices[0]
        if choice.finish_reason == "stop":
            whole += 1
            assert isinstance(json.loads(choice.message.content), dict)
        else:
            assert choice.finish_reason == "length"
    assert whole


def test_a_schema_holds_in_a_stream_too_and_in_llama_cpps_own_form(client):
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    stream = client.chat.completions.create(
        **ASK,
        stream=True,
        temperature=1,
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    )
    choices, _ = collected(stream)
    assert isinstance(json.loads(choices[0]["content"])["ok"], bool)
    assert choices[0]["ends"] == ["stop"]
    flat = client.chat.completions.create(**ASK, response_format={"type": "json_object", "schema": {"const": 7}})
    assert flat.choices[0].message.content == "7"


def test_text_is_what_it_was(client):
    plain = client.chat.completions.create(**ASK, response_format={"type": "text"})
    assert plain.choices[0].message.content == "You live in Lisbon."
    assert plain.choices[0].logprobs is None


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "objekt"}, "no JSON type"),
        ({"type": "string", "pattern": "(?=a)b"}, "pattern"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"type": "object", "properties": {"a": {"not": {}}}}, "#/properties/a"),
        ({"$ref": "https://example.org/schema"}, "outside"),
        ({"$ref": "#/nowhere"}, "points at nothing"),
        ({"$ref": "#"}, "itself"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "no integer"),
        ({"type": "string", "maxLength": 10**9}, "lengths"),
        ({"enum": []}, "enum"),
    ],
)
def test_a_schema_that_cannot_be_followed_is_refused_with_the_reason(client, schema, said):
    with pytest.raises(openai.BadRequestError, match=said) as caught:
        client.chat.completions.create(
            **ASK, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        )
    assert (caught.value.param, caught.value.code) == ("response_format", "invalid_schema")


# -- log-probabilities --------------------------------------------------------------------------------------------


def test_logprobs_are_those_of_the_tokens_of_the_answer(client):
    answer = client.chat.completions.create(**ASK, logprobs=True, top_logprobs=3)
    scores = answer.choices[0].logprobs.content
    assert b"".join(bytes(score.bytes) for score in scores).decode() == "You live in Lisbon."
    for score in scores:
        assert score.logprob == score.top_logprobs[0].logprob <= 0, "at temperature 0 the first is drawn"
        assert [top.logprob for top in score.top_logprobs] == sorted(
            (t.logprob for t in score.top_logprobs), reverse=True
        )
        assert sum(math.exp(top.logprob) for top in score.top_logprobs) <= 1.0001
        assert len(score.top_logprobs) == 3
    stream = client.chat.completions.create(**ASK, logprobs=True, top_logprobs=3, stream=True)
    choices, _ = collected(stream)
    assert [score.token for score in choices[0]["logprobs"]] == [score.token for score in scores]
    bare = client.chat.completions.create(**ASK, logprobs=True)
    assert [score.top_logprobs for score in bare.choices[0].logprobs.content] == [[]] * len(scores)


def test_logprobs_follow_logit_bias_and_not_temperature_or_grammar(client):
    first = client.chat.completions.create(**ASK, logprobs=True, max_tokens=1).choices[0].logprobs.content[0]
    hot = client.chat.completions.create(**ASK, logprobs=True, top_logprobs=20, max_tokens=1, temperature=2, seed=1)
    assert hot.choices[0].logprobs.content[0].top_logprobs[0].logprob == pytest.approx(first.logprob, abs=1e-3)
    bound = client.chat.completions.create(
        **ASK, logprobs=True, top_logprobs=1, max_tokens=1, response_format={"type": "json_object"}
    )
    score = bound.choices[0].logprobs.content[0]
    assert score.token.startswith("{")
    assert score.top_logprobs[0].token == first.token, "the model would have said something else"
    assert score.logprob < score.top_logprobs[0].logprob


def test_logprobs_end_where_a_stop_string_cuts(client):
    answer = client.chat.completions.create(**ASK, logprobs=True, stop=" Lis")
    scores = answer.choices[0].logprobs.content
    assert b"".join(bytes(score.bytes) for score in scores).decode() == "You live in"


# -- several choices ----------------------------------------------------------------------------------------------


def test_several_choices_share_one_prompt_and_differ_by_their_seeds(client):
    answer = client.chat.completions.create(**ASK, n=4, temperature=2, seed=5, max_tokens=20, logit_bias={"2": -100})
    texts = [choice.message.content for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert len(set(texts)) > 2, "two of four may agree by chance: the model is sure of its first words"
    assert answer.usage.completion_tokens == 80
    alone = client.chat.completions.create(**ASK, temperature=2, seed=5, max_tokens=20, logit_bias={"2": -100})
    assert answer.usage.prompt_tokens == alone.usage.prompt_tokens
    assert alone.choices[0].message.content == texts[0], "the first choice is what one choice would have been"
    again = client.chat.completions.create(**ASK, n=4, temperature=2, seed=5, max_tokens=20, logit_bias={"2": -100})
    assert [choice.message.content for choice in again.choices] == texts


def test_choices_stream_side_by_side(client):
    stream = client.chat.completions.create(
        **ASK,
        n=3,
        temperature=2,
        seed=2,
        max_tokens=30,
        stream=True,
        stream_options={"include_usage": True},
        logit_bias={"2": -100},
    )
    choices, chunks = collected(stream)
    assert sorted(choices) == [0, 1, 2]
    assert [choices[index]["ends"] for index in range(3)] == [["length"]] * 3
    order = [chunk.choices[0].index for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert order != sorted(order), "they do not wait for each other"
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].usage.completion_tokens == 90


def test_more_choices_than_there_are_places_wait_for_their_turn(engine, client):
    answer = client.chat.completions.create(**ASK, n=8)
    assert [choice.message.content for choice in answer.choices] == ["You live in Lisbon."] * 8
    assert engine.get("/health").json()["running"] == 0


# -- tools --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
@pytest.mark.parametrize("seed", range(3))
def test_a_call_that_must_come_comes_and_follows_its_schema(tool_client, choice, seed):
    answer = tool_client.chat.completions.create(
        **ASK, tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False, temperature=1, seed=seed, max_tokens=300
    )
    made = answer.choices[0]
    assert (made.finish_reason, made.message.content) == ("tool_calls", None)
    [call] = made.message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert call.id.startswith("call_")
    arguments = json.loads(call.function.arguments)
    assert arguments["city"] in ("Lisbon", "Porto")
    assert 1 <= arguments["days"] <= 7
    assert set(arguments) == {"city", "days"}


def test_a_call_streams_its_name_first_and_then_its_arguments(tool_client):
    body = {**ASK, "tools": [WEATHER], "tool_choice": "required", "temperature": 1, "seed": 3, "max_tokens": 900}
    whole = tool_client.chat.completions.create(**body)
    choices, chunks = collected(tool_client.chat.completions.create(**body, stream=True))
    calls = [choices[0]["calls"][index] for index in sorted(choices[0]["calls"])]
    assert [(call["name"], call["arguments"]) for call in calls] == [
        (call.function.name, call.function.arguments) for call in whole.choices[0].message.tool_calls
    ]
    assert len({call["id"] for call in calls}) == len(calls)
    assert choices[0]["ends"] == [whole.choices[0].finish_reason]
    deltas = [c.choices[0].delta.tool_calls[0] for c in chunks if c.choices[0].delta.tool_calls]
    assert deltas[0].function.name
    assert sum(1 for delta in deltas if delta.index == 0) > 2, "the arguments come in pieces"


def test_a_model_that_may_call_and_does_not_just_answers(tool_client):
    free = tool_client.chat.completions.create(**ASK, tools=[WEATHER], max_tokens=40)
    assert free.choices[0].finish_reason in ("stop", "length")
    assert free.choices[0].message.content
    assert not free.choices[0].message.tool_calls
    none = tool_client.chat.completions.create(**ASK, tools=[WEATHER], tool_choice="none")
    bare = tool_client.chat.completions.create(**ASK)
    assert none.choices[0].message.content == bare.choices[0].message.content
    assert none.usage.prompt_tokens == bare.usage.prompt_tokens, "the model is not shown what it must not call"


def test_a_call_begun_by_free_will_is_held_to_the_schema(tmp_path):
    # The tag as one token that the model is made to like: from there on the grammar takes over.
    kinds = {"<tool_call>": gguf.TokenType.CONTROL, "</tool_call>": gguf.TokenType.CONTROL}
    model = write_model(tmp_path / "tags.gguf", HERMES, kinds)
    tokens = len(gguf.GGUFReader(str(model)).fields["tokenizer.ggml.tokens"].contents())
    with engine_over_tcp(options_for(model)) as engine, openai_client(engine) as client:
        for seed in range(4):
            answer = client.chat.completions.create(
                **ASK, tools=[WEATHER], temperature=1, seed=seed, max_tokens=400, logit_bias={str(tokens - 2): 100}
            )
            [call] = answer.choices[0].message.tool_calls[:1]
            assert answer.choices[0].message.content is None
            assert json.loads(call.function.arguments)["city"] in ("Lisbon", "Porto")


def test_calls_and_results_are_part_of_the_conversation(tool_engine, tool_client):
    history = [
        *MESSAGES,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Porto"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "Sunny, 31 degrees."},
    ]
    prompt = tool_engine.post("/apply-template", json={"messages": history, "tools": [WEATHER]}).json()["prompt"]
    assert '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Porto"}}\n</tool_call>' in prompt
    assert "<tool_response>\nSunny, 31 degrees.\n</tool_response>" in prompt
    assert "The weather of a city." in prompt
    answer = tool_client.chat.completions.create(model=MODEL_ID, messages=history, tools=[WEATHER], max_tokens=10)
    counts = tool_engine.post("/tokenize", json={"texts": [prompt]}).json()["counts"]
    assert 0 < answer.usage.prompt_tokens < counts[0], "the same text, its control tokens read as such"


def test_a_model_whose_template_knows_no_tools_says_who_can(client):
    with pytest.raises(openai.BadRequestError, match="--upstream") as caught:
        client.chat.completions.create(**ASK, tools=[WEATHER])
    assert (caught.value.param, caught.value.code) == ("tools", "unsupported_parameter")
    with pytest.raises(openai.BadRequestError, match="--upstream"):
        client.chat.completions.create(
            model=MODEL_ID, messages=[*MESSAGES, {"role": "tool", "tool_call_id": "x", "content": "y"}]
        )


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"tools": [function("a b")]}, "tools[0].function.name"),
        ({"tools": [WEATHER, WEATHER]}, "tools"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [function("f", parameters={"type": "array"})]}, "tools[0].function.parameters"),
        ({"tools": [function("f", strict=True, parameters={"type": "object", "not": {}})]}, "tools"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"best_of": 3}, "best_of"),
        ({"logprobs": 5}, "logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
    ],
)
def test_what_is_asked_for_wrongly_is_refused_by_name(tool_client, change, param):
    with pytest.raises(openai.BadRequestError) as caught:
        tool_client.chat.completions.create(**ASK, extra_body=change)
    assert caught.value.param == param


# -- stop and logit_bias ------------------------------------------------------------------------------------------


def test_a_stop_string_across_token_borders_stops_a_stream_and_is_not_shown(client):
    for stop, text in ((" Lis", "You live in"), ("ve in Lisb", "You li"), ([".", "u l"], "Yo")):
        whole = client.chat.completions.create(**ASK, stop=stop)
        assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (text, "stop")
        choices, _ = collected(client.chat.completions.create(**ASK, stop=stop, stream=True))
        assert (choices[0]["content"], choices[0]["ends"]) == (text, ["stop"])


def test_logit_bias_bans_and_forces_tokens(client):
    tokens = gguf.GGUFReader(str(gguf_path())).fields["tokenizer.ggml.tokens"].contents()
    lis, the = (str(tokens.index(text)) for text in ("\u0120Lis", "\u0120the"))
    banned = client.chat.completions.create(**ASK, logit_bias={lis: -100})
    assert "Lis" not in banned.choices[0].message.content
    forced = client.chat.completions.create(**ASK, logit_bias={the: 100}, temperature=2, max_tokens=3)
    assert forced.choices[0].message.content == " the the the"
    bound = client.chat.completions.create(
        **ASK, logit_bias={the: 100}, response_format={"type": "json_object", "schema": {"const": None}}
    )
    assert bound.choices[0].message.content == "null", "a bias cannot break the format"
