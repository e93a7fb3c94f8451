"""What is configured holds, where it came from is known, and what cannot be used is named exactly."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config.layers import ConfigError, flatten, nest
from config.settings import DEFAULT_FILE, POLICIES, Section, Settings, load


def problems(**kwargs: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**{"environ": {}, **kwargs})
    return str(caught.value)


def written(folder: Path, text: str) -> Path:
    path = folder / "memos.yaml"
    path.write_text(text)
    return path


def test_models_and_default_file_have_one_shape() -> None:
    """A knob without a default, or a default without a knob, cannot be added."""

    def leaves(model: type[Section], path: str = "") -> set[str]:
        found: set[str] = set()
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, Section):
                found |= leaves(inner, f"{path}{name}.")
            else:
                found.add(f"{path}{name}")
        return found

    assert leaves(Settings) == {key for key, _ in flatten(yaml.safe_load(DEFAULT_FILE.read_text()))}


def test_defaults_hold_without_any_source() -> None:
    loaded = load(environ={})
    assert loaded.settings.server.host == "127.0.0.1"
    assert set(loaded.sources.values()) == {"default"}
    assert loaded.sources.keys() == loaded.settings.flat().keys()


def test_each_source_wins_over_those_before_it_and_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "server: {port: 1, host: a, log_level: debug, max_body_mb: 3}\n")
    environ = {"MEMOS_SERVER__PORT": "2", "MEMOS_SERVER__HOST": "b", "MEMOS_SERVER__LOG_LEVEL": "error"}
    loaded = load(path, {"server.port": 3, "server.max_body_mb": 9}, environ)
    server = loaded.settings.server
    assert (server.port, server.host, server.log_level, server.max_body_mb) == (3, "b", "error", 9)
    assert loaded.sources["server.port"] == "flag --port"
    assert loaded.sources["server.max_body_mb"] == "flag --set"
    assert loaded.sources["server.host"] == "environment MEMOS_SERVER__HOST"
    assert load(path, {}, {}).sources["server.host"] == f"file {path}"


def test_environment_reads_lists_switches_and_deep_keys() -> None:
    environ = {
        "MEMOS_SERVER__CORS_ORIGINS": "http://a, http://b",
        "MEMOS_IDENTITY__USER_HEADERS": '["X-One"]',
        "MEMOS_SERVER__LOG_JSON": "on",
        "MEMOS_WRITER__LLM__BASE_URL": "http://localhost:1/v1/",
        "MEMOS_WRITER__LLM__MODEL": "007",
        "MEMOS_ENGINE__THREADS": "null",
        "MEMOS_UPSTREAM_API_KEY": "secret",
        "MEMOS_NOT_A_SETTING": "x",
    }
    settings = load(environ=environ).settings
    assert settings.server.cors_origins == ("http://a", "http://b")
    assert settings.identity.user_headers == ("X-One",)
    assert settings.server.log_json is True
    assert settings.writer.llm.base_url == "http://localhost:1/v1"
    assert settings.writer.llm.model == "007"
    assert settings.engine.threads is None
    assert settings.backend.api_key is not None
    assert settings.backend.api_key.get_secret_value() == "secret"


def test_secrets_are_redacted_in_every_form() -> None:
    loaded = load(environ={"MEMOS_UPSTREAM_API_KEY": "sk-very-secret"})
    assert "very-secret" not in repr(loaded) + str(loaded.settings) + loaded.settings.model_dump_json()
    assert loaded.settings.flat()["backend.api_key"] == "**********"
    assert "very" not in problems(flags={"backend.api_key": ["sk-very-secret"]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("server:\n  prot: 1\n", "server.prot: there is no such setting; did you mean server.port? (file"),
        ("port: 1\n", "port: there is no such setting; did you mean server.port?"),
        ("server:\n  port: 70000\n", "server.port: input should be less than or equal to 65535 (file"),
        ("server: 5\n", "server: is a section, not a value"),
        ("server:\n  port:\n    tcp: 1\n", "server.port: is a value, not a section"),
        ("backend:\n  model_id: 7\n", "backend.model_id: input should be a valid string (put it in quotes)"),
        ("backend:\n  kind: upstream\n", "backend.base_url: must be set, because backend.kind is upstream"),
        ("backend:\n  base_url: localhost:1\n", "backend.base_url: "),
        ("backend:\n  base_url: http://x/v1\n", "backend.base_url: has no effect, because backend.kind is embedded"),
        ("backend:\n  model_path: a.gguf\n", "has no effect, because backend.kind is embedded: set it to llama_cpp"),
        ("memory:\n  timeout_ms: 0\n", "memory.timeout_ms: input should be greater than or equal to 1"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_place(tmp_path: Path, text: str, expected: str) -> None:
    path = written(tmp_path, text)
    message = problems(config_file=path)
    assert expected in message
    if "must be set" not in message:
        assert f"file {path}, line " in message


@pytest.mark.parametrize("chosen", ["flag", "environment", "file"])
def test_the_embedded_model_may_be_chosen_beside_another_one(tmp_path: Path, chosen: str) -> None:
    kind = "embedded" if chosen == "file" else "upstream"
    path = written(tmp_path, f"backend: {{kind: {kind}, base_url: 'http://x/v1', model_path: a.gguf}}\n")
    flags = {"backend.kind": "embedded"} if chosen == "flag" else {}
    environ = {"MEMOS_BACKEND__KIND": "embedded"} if chosen == "environment" else {}
    assert load(path, flags, environ).settings.backend.kind == "embedded"


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    wrong = "server: {prot: 1, port: 70000}\nmemry: {mode: off}\nbackend: {api_key: '${NOT_THERE}'}\n"
    told = problems(config_file=written(tmp_path, wrong))
    assert [line.partition(":")[0] for line in told.splitlines()] == [
        "server.prot",
        "memry.mode",
        "backend.api_key",
        "server.port",
    ]


def test_what_follows_from_a_mistake_is_not_told_as_another(tmp_path: Path) -> None:
    misspelt = written(tmp_path, "backend: {kind: upstream, base_ulr: 'http://x/v1'}\n")
    assert len(problems(config_file=misspelt).splitlines()) == 1
    unset = written(tmp_path, "backend: {kind: upstream, base_url: '${NOT_THERE}'}\n")
    assert len(problems(config_file=unset).splitlines()) == 1


@pytest.mark.parametrize("text", ["server: [\n", "server:\n\tport: 1\n", "server:\n  port: 1\n bad: 2\n"])
def test_yaml_errors_have_a_line(tmp_path: Path, text: str) -> None:
    message = problems(config_file=written(tmp_path, text))
    assert "not valid YAML" in message
    assert ", line " in message


def test_a_key_set_twice_is_an_error(tmp_path: Path) -> None:
    message = problems(config_file=written(tmp_path, "server:\n  port: 1\n  port: 2\n"))
    assert "line 3: server.port is set twice" in message


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert "cannot be read" in problems(config_file=tmp_path / "no.yaml")


@pytest.mark.parametrize("text", ["", "# nothing\n", "server:\n", "server: {}\n"])
def test_an_empty_file_or_section_changes_nothing(tmp_path: Path, text: str) -> None:
    assert load(written(tmp_path, text), {}, {}).settings == load(environ={}).settings


@pytest.mark.parametrize(
    ("word", "mode"), [("on", "on"), ("off", "off"), ("yes", "on"), ("'off'", "off"), ("read-only", "read-only")]
)
def test_yaml_switch_words_are_memory_modes(tmp_path: Path, word: str, mode: str) -> None:
    assert load(written(tmp_path, f"memory:\n  mode: {word}\n"), {}, {}).settings.memory.mode == mode


def test_variables_are_substituted_with_defaults_and_escapes(tmp_path: Path) -> None:
    text = (
        "backend:\n  kind: upstream\n  base_url: http://${HOST}:${PORT:-11434}/v1\n"
        "  model_id: $${HOST}\n  api_key: ${EMPTY:-k}\n"
        "server:\n  port: ${PORT:-9}\n  cors_origins: ['${HOST}']\n"
    )
    settings = load(written(tmp_path, text), {}, {"HOST": "${PORT}x", "EMPTY": ""}).settings
    assert settings.backend.base_url == "http://${PORT}x:11434/v1"
    assert settings.backend.model_id == "${HOST}"
    assert settings.backend.api_key is not None
    assert settings.backend.api_key.get_secret_value() == "k"
    assert settings.server.port == 9
    assert settings.server.cors_origins == ("${PORT}x",)


def test_an_unset_variable_is_an_error_with_its_path(tmp_path: Path) -> None:
    path = written(tmp_path, "writer:\n  llm:\n    api_key: a ${NOPE} b\n")
    assert problems(config_file=path).startswith("writer.llm.api_key: environment variable NOPE is not set")


def test_an_empty_text_is_no_value() -> None:
    assert load(environ={"MEMOS_BACKEND__MODEL_ID": ""}).settings.backend.model_id is None


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_policy_file_loads_and_says_how_to_use_it(path: Path) -> None:
    loaded = load(path, {}, {})
    assert f"file {path}" in loaded.sources.values()
    assert f"--config config/policies/{path.name}" in path.read_text()


def test_settings_cannot_be_changed() -> None:
    settings = load(environ={}).settings
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1


names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
trees = st.recursive(
    st.integers() | st.text() | st.none() | st.lists(st.integers()),
    lambda inner: st.dictionaries(names, inner, min_size=1, max_size=4),
    max_leaves=12,
)


@hypothesis_settings(deadline=None)
@given(st.dictionaries(names, trees, max_size=4))
def test_nest_is_the_inverse_of_flatten(tree: dict[str, Any]) -> None:
    assert nest(dict(flatten(tree))) == tree


@hypothesis_settings(deadline=None)
@given(
    port=st.integers(0, 65535),
    mode=st.sampled_from(["on", "off", "read-only", "write-only"]),
    relevance=st.floats(0, 1),
    origins=st.lists(st.text(st.characters(exclude_characters="$", exclude_categories=["Cs"]), min_size=1), max_size=3),
)
def test_settings_survive_being_written_to_a_file_and_read_back(
    tmp_path_factory: pytest.TempPathFactory, port: int, mode: str, relevance: float, origins: list[str]
) -> None:
    flags = {
        "server.port": port,
        "memory.mode": mode,
        "scheduler.min_relevance": relevance,
        "server.cors_origins": origins,
    }
    first = load(None, flags, {}).settings
    text = yaml.safe_dump(first.model_dump(mode="json"))
    assert load(written(tmp_path_factory.mktemp("round"), text), {}, {}).settings == first


def test_a_number_of_users_that_share_nothing_is_refused() -> None:
    assert load(None, {}, {}).settings.scheduler.activation_shared_users == 3
    with pytest.raises(ConfigError, match="activation_shared_users"):
        load(None, {"scheduler.activation_shared_users": 0}, {})
