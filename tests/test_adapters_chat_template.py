"""Chat templates: the model's own words, sandboxed, and no message that can speak as somebody else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat_template import CHATML, ChatTemplate, flatten
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
