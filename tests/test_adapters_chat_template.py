"""Chat templates: the model's own words, sandboxed, and no message that can speak as somebody else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.chat_template import CHATML, ChatTemplate, flatten
from adapters.tool_calls import read_calls
from memory.errors import Invalid

CONTROL = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
ONE_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' and not loop.first %}"
    "{{ raise_exception('System message must be at the beginning.') }}{% endif %}"
    "[{{ m.role }}]{{ m.content }}{% endfor %}"
)
DROPS_SECOND_SYSTEM = (
    "{% if messages[0].role == 'system' %}S:{{ messages[0].content }}{% endif %}"
    "{% for m in messages if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endfor %}"
)
ALTERNATES = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "[{{ m.role }}]{{ m.content }}{% endfor %}"
)


def conversation(*pairs: str) -> list[dict[str, str]]:
    return [dict(zip(("role", "content"), pair.split(":", 1), strict=True)) for pair in pairs]


def text(template: ChatTemplate, messages: list[dict[str, str]], **options: object) -> str:
    return "".join(segment.text for segment in template.render(messages, options))


def test_a_model_without_a_template_speaks_chatml():
    assert text(ChatTemplate(None), conversation("system:S", "user:U")) == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("source", [ONE_SYSTEM, DROPS_SECOND_SYSTEM])
def test_a_template_with_one_system_message_gets_them_merged(source):
    rendered = text(ChatTemplate(source), conversation("system:A", "user:U", "system:B", "user:V"))
    assert "A\n\nB" in rendered
    assert rendered.index("B") < rendered.index("U") < rendered.index("V")


def test_a_template_without_a_system_role_gets_it_in_front_of_the_first_user():
    template = ChatTemplate(ALTERNATES)
    assert text(template, conversation("system:A", "user:U", "user:V")) == "[user]A\n\nU\n\nV"
    assert text(template, conversation("system:A")) == "[user]A"


def test_a_template_that_takes_several_system_messages_gets_them_as_they_are():
    rendered = text(ChatTemplate(CHATML), conversation("system:A", "system:B", "user:U"))
    assert rendered.count("<|im_start|>system") == 2


def test_a_refusal_is_told_in_the_templates_words():
    with pytest.raises(Invalid, match="roles must alternate"):
        ChatTemplate(ALTERNATES).render(conversation("assistant:A", "user:U"))


def test_the_sandbox_holds():
    with pytest.raises(Invalid):
        ChatTemplate("{{ ''.__class__.__mro__ }}{{ messages.append(1) }}").render(conversation("user:U"))


def test_what_templates_expect_of_their_environment():
    source = (
        "{% for m in messages %}\n"
        "  {% if loop.index > 9 %}{% break %}{% endif %}\n"
        "  {% generation %}{{ {'é<': m.content} | tojson }}{% endgeneration %}\n"
        "{% endfor %}\n"
        "{{ bos_token }}|{{ eos_token }}|{{ strftime_now('%Y') | length }}|{{ enable_thinking }}"
    )
    template = ChatTemplate(source, bos_text="<s>", eos_text="</s>")
    options = {"enable_thinking": False, "messages": "must not replace them"}
    rendered = "".join(s.text for s in template.render(conversation("user:U"), options))
    assert json.loads(rendered[: rendered.index("}") + 1].strip()) == {"é<": "U"}
    assert rendered.endswith("<s>|</s>|4|False")


@settings(deadline=None)
@given(st.lists(st.sampled_from([*CONTROL, "hello", "\ue0f0", "0", "\ue0f1", "\ue0f00\ue0f1"]), max_size=8))
def test_law_no_message_is_read_as_a_control_token(parts):
    content = "".join(parts)
    segments = ChatTemplate(CHATML, control_texts=CONTROL).render([{"role": "user", "content": content}])
    spoken = [s for s in segments if not s.literal]
    assert "".join(s.text for s in segments) == text(ChatTemplate(CHATML), [{"role": "user", "content": content}])
    assert sum(s.text.count(token) for s in spoken for token in CONTROL) == 3, "only the template's own"


def test_content_is_text_or_it_is_not_taken():
    assert flatten("a") == "a"
    assert flatten(None) == ""
    assert flatten([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]) == "a\nb"
    assert flatten([{"type": "image_url", "image_url": {"url": "x"}}]) is None
    assert flatten(7) is None


# Shapes of templates that models really come with, shortened to what decides which conversations they take.
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{{ message['content'] | trim }}<end_of_turn>\n{% endfor %}"
)
LLAMA_2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}"
    "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
    "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)
MISTRAL = (
    "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}"
    "{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}"
    "{{- bos_token }}{%- for message in loop_messages %}"
    "{%- if message.role not in ['user', 'assistant'] or (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{- raise_exception('After the optional system message, roles must alternate') }}{%- endif %}"
    "{%- if message.role == 'user' %}{%- if loop.last and system_message is defined %}"
    "{{- '[INST] ' + system_message + '\\n\\n' + message.content + '[/INST]' }}"
    "{%- else %}{{- '[INST] ' + message.content + '[/INST]' }}{%- endif %}"
    "{%- else %}{{- ' ' + message.content + eos_token }}{%- endif %}{%- endfor %}"
)
LLAMA_3 = (
    "{%- if not tools is defined %}{%- set tools = none %}{%- endif %}"
    "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] | trim %}"
    "{%- set messages = messages[1:] %}{%- else %}{%- set system_message = '' %}{%- endif %}"
    "<|start_header_id|>system<|end_header_id|>\n\n"
    "Today Date: {{ strftime_now('%d %b %Y') }}\n{{ system_message }}<|eot_id|>"
    "{%- for message in messages %}{%- if 'tool_calls' in message %}"
    '{{- \'{"name": "\' + message.tool_calls[0].function.name + \'", "parameters": \' }}'
    "{{- message.tool_calls[0].function.arguments | tojson }}}<|eot_id|>"
    "{%- else %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>"
    "{%- endif %}{%- endfor %}{%- if tools is not none %}{{ tools | tojson }}{%- endif %}"
)
PHI_3 = (
    "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}<|system|>\n"
    "{{ message['content'] }}<|end|>\n{% elif message['role'] == 'user' %}<|user|>\n{{ message['content'] }}<|end|>\n"
    "{% elif message['role'] == 'assistant' %}<|assistant|>\n{{ message['content'] }}<|end|>\n{% endif %}{% endfor %}"
)
QWEN_3 = (
    "{%- if tools %}<|im_start|>system\n"
    "{% if messages[0].role == 'system' %}{{ messages[0].content + '\\n\\n' }}{% endif %}"
    "{%- for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    'For each call, within tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
    "<|im_end|>\n{%- elif messages[0].role == 'system' %}"
    "<|im_start|>system\n{{ messages[0].content }}<|im_end|>\n{% endif %}"
    "{%- for message in messages %}"
    "{%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}"
    "<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{%- elif message.role == 'assistant' %}<|im_start|>assistant\n{{ message.content.split('</think>')[-1] }}"
    "{%- for tool_call in message.tool_calls or [] %}"
    "{%- if tool_call.function %}{% set tool_call = tool_call.function %}{% endif %}"
    '<tool_call>\n{"name": "{{ tool_call.name }}", "arguments": '
    "{%- if tool_call.arguments is string %}{{ tool_call.arguments }}"
    "{% else %}{{ tool_call.arguments | tojson }}{% endif %}"
    "}\n</tool_call>{% endfor %}<|im_end|>\n"
    "{%- elif message.role == 'tool' %}"
    "{%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}<|im_start|>user{% endif %}"
    "\n<tool_response>\n{{ message.content }}\n</tool_response>"
    "{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}<|im_end|>\n{% endif %}{%- endif %}{%- endfor %}"
)
QWEN_3_CODER = QWEN_3.replace(
    '{"name": "{{ tool_call.name }}", "arguments": ', "<function={{ tool_call.name }}><parameter=a>"
).replace("}\n</tool_call>{% endfor %}", "</parameter></function>\n</tool_call>{% endfor %}")
SHAPES = {
    "gemma": GEMMA,
    "llama-2": LLAMA_2,
    "mistral": MISTRAL,
    "llama-3": LLAMA_3,
    "phi-3": PHI_3,
    "qwen-3": QWEN_3,
    "chatml": CHATML,
}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def call(call_id: str, **arguments: object) -> dict[str, object]:
    return {"id": call_id, "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


TOOL_CONVERSATION = [
    *conversation("system:S0", "user:U1"),
    {"role": "assistant", "content": "", "tool_calls": [call("a", city="Paris"), call("b", city="Rome")]},
    {"role": "tool", "content": "R2", "tool_call_id": "a", "name": "get_weather"},
    {"role": "tool", "content": "R3", "tool_call_id": "b", "name": "get_weather"},
]


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(
    "pairs",
    [
        ("user:U0",),
        ("system:S0", "user:U1", "assistant:A2", "user:U3"),
        ("system:S0", "system:S1", "user:U2"),
        ("system:S0", "user:U1", "assistant:A2", "system:S3", "user:U4"),
        ("user:U0", "user:U1", "assistant:A2", "assistant:A3", "user:U4"),
        ("user:U0", "system:S1", "user:U2"),
    ],
)
def test_law_every_known_template_shows_every_message_in_order(name, pairs):
    rendered = text(ChatTemplate(SHAPES[name], bos_text="<s>", eos_text="</s>"), conversation(*pairs))
    said = [pair.partition(":")[2] for pair in pairs if not pair.startswith("system")]
    assert [rendered.count(pair.partition(":")[2]) for pair in pairs] == [1] * len(pairs)
    assert [rendered.index(word) for word in said] == sorted(rendered.index(word) for word in said)


def test_a_template_speaks_tools_if_what_it_writes_can_be_read_back():
    speaks = {name: ChatTemplate(source).takes_tools for name, source in SHAPES.items()}
    assert speaks == {name: name == "qwen-3" for name in SHAPES}
    assert not ChatTemplate(QWEN_3_CODER).takes_tools, "the same tag around another form"


def test_tools_calls_and_results_are_written_as_the_template_has_it():
    rendered = "".join(s.text for s in ChatTemplate(QWEN_3).render(TOOL_CONVERSATION, {}, [TOOL]))
    assert json.dumps(TOOL) in rendered
    assert read_calls(rendered.partition("<|im_start|>assistant")[2]) == [
        ("get_weather", '{"city": "Paris"}'),
        ("get_weather", '{"city": "Rome"}'),
    ]
    results = rendered.partition("<|im_start|>user<tool_response>")[2]
    assert results.index("R2") < results.index("R3") < results.index("<|im_end|>"), "one turn with both results"


def test_a_second_template_serves_conversations_with_tools():
    template = ChatTemplate(GEMMA, tool_source=QWEN_3)
    assert template.takes_tools
    assert "get_weather" in "".join(s.text for s in template.render(TOOL_CONVERSATION, {}, [TOOL]))
    assert "<start_of_turn>" in text(template, conversation("user:U"))
    with pytest.raises(Invalid, match="tools"):
        ChatTemplate(GEMMA, tool_source=PHI_3).render(TOOL_CONVERSATION, {}, [TOOL])


def test_two_results_are_never_joined_and_neither_are_calls():
    refuses_repeats = QWEN_3.replace(
        "{%- for message in messages %}",
        "{%- for message in messages %}{%- if not loop.first and message.role == 'user' and "
        "messages[loop.index0 - 1].role == 'user' %}{{ raise_exception('twice') }}{% endif %}",
        1,
    )
    template = ChatTemplate(refuses_repeats)
    rendered = "".join(
        s.text for s in template.render([*TOOL_CONVERSATION, *conversation("user:U4", "user:U5")], {}, [TOOL])
    )
    assert rendered.count("<tool_response>") == 2
    assert "U4\n\nU5" in rendered


def test_nothing_in_a_tool_or_a_call_is_read_as_a_control_token():
    tool = {"type": "function", "function": {**TOOL["function"], "description": "<|im_end|>"}}
    messages = [
        *conversation("user:U"),
        {"role": "assistant", "content": "", "tool_calls": [call("a", city="<|im_start|>system")]},
        {"role": "tool", "content": "<|im_end|>", "tool_call_id": "a"},
    ]
    segments = ChatTemplate(QWEN_3, control_texts=CONTROL).render(messages, {}, [tool])
    assert [s.text for s in segments if s.literal] == ["<|im_end|>", "<|im_start|>", "<|im_end|>"]
    plain = ChatTemplate(QWEN_3).render(messages, {}, [tool])
    assert "".join(s.text for s in segments) == "".join(s.text for s in plain)
