"""A Hugging Face folder behind the engine: what it refuses, what it guards, and that what is reused is exact."""

import json
import queue
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.activation_store.store import ActivationStore
from adapters.chat_template import ChatTemplate, Segment
from adapters.engine import Engine
from adapters.generation import (
    BuildRequest,
    Event,
    Failed,
    Finished,
    GenerationRequest,
    Grammar,
    Piece,
    Sampling,
    Span,
    Usage,
)
from adapters.installing import install_command
from adapters.prefix_cache import Boundary
from adapters.transformers import choose_device, choose_dtype, load_model
from adapters.transformers_context import ContextOptions, RowContext
from adapters.transformers_folder import read_model_folder
from adapters.transformers_memory import FolderWish, plan_folder
from adapters.transformers_probe import new_context
from adapters.transformers_vocabulary import Vocabulary
from adapters.transformers_whole import WholeContext
from memory.errors import EngineDown, EngineMissing, Invalid
from proxy.engine_plan import plan_answer
from proxy.engine_wire import parse_chat
from tests.engine_rig import HERMES
from tests.hf_models import HF_FOLDER, folder_copy, needs_hf, open_context, open_folder, write_folder

pytestmark = needs_hf

TOKENS = np.random.default_rng(1).integers(10, 2000, 200).tolist()
ASKED = np.random.default_rng(2).integers(10, 2000, 12).tolist()
FULL = ["full"]
OTHERS = ["sliding", "recurrent", "convolution"]


def computed(context: Any, sequence: int, tokens: list[int], start: int = 0) -> np.ndarray:
    context.decode([Span(sequence, start, tokens, True)])
    return np.array(context.logits(0))


# -- architectures ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models")
    for kind in (*FULL, *OTHERS):
        write_folder(path / kind, kind)
    return path


@pytest.fixture
def context(request, folders):
    made = open_context(folders / request.param)
    yield made
    made.close()


@pytest.mark.parametrize("context", [*FULL, *OTHERS], indirect=True)
def test_chunks_single_tokens_and_restored_states_come_to_what_one_prompt_does(context):
    """Longer than a window of 16, which sliding layers then have given up the beginning of."""
    plain = computed(context, 0, TOKENS + ASKED)
    for start in range(0, 200, 50):
        context.decode([Span(1, start, TOKENS[start : start + 50], False)])
    state = context.save(1)
    assert state.nbytes == context.state_bytes(1)
    right = computed(context, 1, ASKED, 200)
    assert np.abs(right - plain).max() < 1e-4 * max(1.0, plain.std())
    for place, token in enumerate(TOKENS[:40]):
        context.decode([Span(2, place, [token], False)])
    assert np.abs(computed(context, 2, ASKED, 40) - computed(context, 3, TOKENS[:40] + ASKED)).max() < 1e-4
    before = state.copy()
    assert context.restore(4, state) == 200
    assert np.array_equal(computed(context, 4, ASKED, 200), right)
    assert np.array_equal(state, before), "a state is not changed by being used"
    context.restore(5, state)
    assert np.array_equal(computed(context, 5, ASKED, 200), right), "nor by what was computed behind it"


@pytest.mark.parametrize("context", OTHERS, indirect=True)
def test_what_cannot_be_cut_exactly_is_not_cut(context):
    assert isinstance(context, WholeContext)
    assert not context.branches_anywhere
    assert not context.codec.slices
    computed(context, 0, TOKENS)
    assert [context.branch_point(0, length) for length in (0, 1, 199, 200, 300)] == [0, 0, 0, 200, 200]
    for refused in (lambda: context.truncate(0, 100), lambda: context.fork(0, 1, 100)):
        with pytest.raises(EngineDown):
            refused()
    state = context.save(0)
    with pytest.raises(Invalid):
        context.restore_parts(1, [state, state])
    assert context.restore_parts(1, [state]) == 200
    context.fork(0, 2, 200)
    right = computed(context, 0, ASKED, 200)
    assert np.array_equal(computed(context, 2, ASKED, 200), right)
    assert np.array_equal(computed(context, 1, ASKED, 200), right)
    context.truncate(0, 212)
    context.truncate(0, 0)
    assert context.branch_point(0, 300) == 0


@pytest.mark.parametrize("context", FULL, indirect=True)
def test_full_attention_is_cut_anywhere(context):
    assert isinstance(context, RowContext)
    assert context.branches_anywhere
    assert context.codec.slices
    computed(context, 0, TOKENS)
    for length in (1, 57, 199, 200):
        assert context.branch_point(0, length) == length
        context.fork(0, 1, length)
        right = computed(context, 2, TOKENS[:length] + ASKED)
        assert np.abs(computed(context, 1, ASKED, length) - right).max() < 1e-4
        context.truncate(1, 0)
        context.truncate(2, 0)


@pytest.mark.parametrize("context", FULL, indirect=True)
def test_a_sequence_in_pieces_is_computed_as_one_in_one_piece(context):
    computed(context, 0, TOKENS[:100])
    right = computed(context, 0, TOKENS[100:], 100)
    context.truncate(0, 100)
    context.fork(0, 1, 100)
    computed(context, 0, [5], 100)  # takes the row behind, so that sequence 1 goes on elsewhere
    assert np.array_equal(computed(context, 1, TOKENS[100:], 100), right)
    context.fork(1, 2, 150)
    state = context.save(2)
    context.restore(3, state)
    assert np.array_equal(computed(context, 3, ASKED, 150), computed(context, 2, ASKED, 150))


@pytest.mark.parametrize("context", FULL, indirect=True)
def test_who_is_computed_beside_changes_next_to_nothing(context):
    alone = []
    for sequence in range(8):
        computed(context, sequence, TOKENS[sequence * 5 : 100 + sequence * 9])
        length = 100 + sequence * 4
        alone.append(computed(context, sequence, [sequence], length))
        context.truncate(sequence, length)
    spans = [Span(sequence, 100 + sequence * 4, [sequence], True) for sequence in range(8)]
    context.decode([*spans, Span(9, 0, TOKENS, False)])
    for index, right in enumerate(alone):
        assert np.abs(context.logits(index) - right).max() < 1e-5 * max(1.0, right.std())


def test_a_state_of_another_model_is_refused(folders, tmp_path):
    states = {}
    for kind in (*FULL, *OTHERS):
        context = open_context(folders / kind)
        computed(context, 0, TOKENS[:40])
        states[kind] = context.save(0)
        for other, state in states.items():
            if other != kind:
                with pytest.raises(Invalid, match="does not fit"):
                    context.restore(1, state)
                assert context.branch_point(1, 100) == 0
        context.close()
    wider = open_context(write_folder(tmp_path / "wider", "full", num_key_value_heads=4))
    with pytest.raises(Invalid, match="another model"):
        wider.restore(0, states["full"])
    wider.close()


def test_a_model_that_no_way_of_computing_is_right_for_is_refused(tmp_path):
    """Its layers keep their state elsewhere than in the cache that it is given, so nothing would be continued."""
    path = write_folder(tmp_path / "m", "stateless")
    with pytest.raises(Invalid, match="cannot be computed exactly by this engine: computed token by token") as refused:
        open_context(path)
    assert "--model" in str(refused.value)


GREEDY = Sampling(temperature=0, logit_bias={2: -100.0, 0: -100.0})
ANSWER_TOKENS = 8


def drawn(context: Any, prompt: list[int]) -> list[int]:
    """Return the tokens of a greedy answer, computed by hand."""
    sampler = context.new_sampler(GREEDY, prompt)
    context.decode([Span(0, 0, prompt, True)])
    tokens = [context.sample(0, sampler)]
    while len(tokens) < ANSWER_TOKENS:
        context.decode([Span(0, len(prompt) + len(tokens) - 1, tokens[-1:], True)])
        tokens.append(context.sample(0, sampler))
    context.reset()
    return tokens


@pytest.mark.parametrize("context", [*FULL, *OTHERS], indirect=True)
def test_a_conversation_goes_on_from_its_end_through_the_engine(context):
    """The next turn's prompt begins with all that was computed: nothing of it is computed again, and it is exact."""
    said = drawn(context, TOKENS[:50])
    prompt = [*TOKENS[:50], *said, *ASKED]
    right = pieces(context, drawn(context, prompt))
    engine: Engine[Any] = Engine(lambda: context)
    engine.start().result(timeout=120)
    assert answered(engine, TOKENS[:50], "a")[0] == pieces(context, said)
    text, usage = answered(engine, prompt, "a")
    assert text == right
    assert usage.cached_tokens == 50 + ANSWER_TOKENS - 1, "the last token of an answer is drawn and not computed"
    assert answered(engine, prompt, "b") == (right, replace(usage, cached_tokens=0))
    cached = answered(engine, TOKENS[:30], "a")[1].cached_tokens
    assert cached == (29 if context.branches_anywhere else 0)
    engine.close()


@pytest.mark.parametrize("context", [*FULL, *OTHERS], indirect=True)
def test_stored_prefixes_spare_their_tokens_in_files_and_in_memory(context, tmp_path):
    """The same store as for llama.cpp: its nodes are cut where states can be, and whole where they cannot."""
    prompt = [*TOKENS, *ASKED]
    right = pieces(context, drawn(context, prompt))

    def open_store(owner: Any) -> ActivationStore:
        codec = owner.codec
        return ActivationStore(tmp_path, fingerprint="f", codec=codec, ram_bytes=0, disk_bytes=64 << 20, cold_bytes=0)

    engine: Engine[Any] = Engine(lambda: context, prefix_cache=open_store)
    engine.start().result(timeout=120)
    assert answered(engine, prompt, "plain") == (right, usage_of(prompt, 0))
    boundaries = [Boundary(length=90, salt="shared"), Boundary(length=200, salt="a")]
    built = engine.build(BuildRequest(tokens=TOKENS, boundaries=boundaries)).result(timeout=60)
    assert built.length == 200
    assert (built.start, built.parent is None) == ((90, False) if context.codec.slices else (0, True))
    engine.call(lambda _: engine.prefix_cache.flush(30)).result(timeout=60)
    answered(engine, prompt[::-1], "other")
    assert answered(engine, prompt, "a") == (right, usage_of(prompt, 200))
    assert answered(engine, [*TOKENS[:90], *ASKED], "b", shared_salt="shared")[1].cached_tokens == 90
    assert answered(engine, prompt, "d")[1].cached_tokens == 0
    assert answered(engine, prompt, "c", use_activation=False, shared_salt="a") == (right, usage_of(prompt, 0))
    engine.close()


def usage_of(prompt: list[int], cached: int) -> Usage:
    return Usage(prompt_tokens=len(prompt), completion_tokens=ANSWER_TOKENS, cached_tokens=cached)


def pieces(context: Any, tokens: list[int]) -> str:
    return b"".join(map(context.piece, tokens)).decode("utf-8", errors="ignore")


def answered(engine: Engine[Any], prompt: list[int], salt: str, **more: Any) -> tuple[str, Any]:
    events: queue.Queue[Event] = queue.Queue()
    request = {"sampling": GREEDY, "cache_salt": salt, "max_tokens": ANSWER_TOKENS, **more}
    engine.submit(GenerationRequest(prompt=prompt, on_event=events.put, **request))
    text = ""
    while not isinstance(event := events.get(timeout=60), Finished):
        assert not isinstance(event, Failed), event.error
        text += event.text if isinstance(event, Piece) else ""
    return text.replace("\ufffd", ""), event.usage


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_16_bit_numbers_are_kept_as_they_are(dtype):
    model = load_model(read_model_folder(HF_FOLDER), dtype=dtype, device="cpu", threads=1)
    context = new_context(model, ContextOptions(context_tokens=1024, max_sequences=8))
    assert isinstance(context, RowContext)
    computed(context, 0, TOKENS)
    state = context.save(0)
    right = computed(context, 0, ASKED, 200)
    assert context.restore_parts(1, [context.codec.rows(state, 0, 77), context.codec.rows(state, 77, 200)]) == 200
    assert np.array_equal(computed(context, 1, ASKED, 200), right)
    assert state.nbytes < 200 * 2 * read_model_folder(HF_FOLDER).kv_numbers + 256
    plain = open_context()
    computed(plain, 0, TOKENS)
    with pytest.raises(Invalid, match="number type"):
        plain.restore(1, state)
    assert plain.fingerprint != context.fingerprint
    for each in (plain, context):
        each.close()


# -- the folder -------------------------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(Invalid) as caught:
        read_model_folder(path)
    return str(caught.value)


def test_what_is_in_a_folder_is_read_without_loading_it():
    folder = read_model_folder(HF_FOLDER)
    assert (folder.parameters, folder.trained_tokens, folder.vocabulary) == (3_346_624, 2048, 2048)
    assert folder.kv_numbers == 8 * 2 * 2 * 64
    assert folder.dtype == "float16"
    assert {path.name for path in folder.files} == {"model.safetensors", "config.json", "tokenizer.json"}


def test_folders_that_cannot_be_served_say_why_and_what_to_do(tmp_path):
    with pytest.raises(EngineMissing, match="There is no model folder"):
        read_model_folder(tmp_path / "none")
    folder = folder_copy(tmp_path / "m")
    weights, config = folder / "model.safetensors", folder / "config.json"
    assert "--model" in refused(weights)

    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert "is damaged: another length than the header says" in refused(folder)
    weights.write_bytes(struct.pack("<Q", 1 << 60))
    assert "is damaged: header too long" in refused(folder)
    weights.unlink()
    assert "There are no weights" in refused(folder)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    assert "pickled, and a pickle can run any program" in refused(folder)
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-00001-of-00002.safetensors").write_bytes(whole)
    assert "model-00002-of-00002.safetensors missing" in refused(folder)
    weights.write_bytes(whole)

    said = config.read_text()
    for change, words in (
        ({"quantization_config": {"quant_method": "awq"}}, "are quantized (awq)"),
        ({"is_encoder_decoder": True}, "not a decoder-only"),
    ):
        config.write_text(json.dumps({**json.loads(said), **change}))
        assert words in refused(folder)
    config.write_text("[1]")
    assert "holds no object" in refused(folder)
    config.write_text("{")
    assert "cannot be read" in refused(folder)
    config.unlink()
    assert "it is no Hugging Face model folder" in refused(folder)
    config.write_text(said)
    (folder / "tokenizer.json").unlink()
    assert "has no tokenizer.json" in refused(folder)


def test_code_of_a_folder_is_never_run(tmp_path):
    folder = folder_copy(tmp_path / "m")
    trap = tmp_path / "was-run"
    (folder / "modeling_own.py").write_text(f"open({str(trap)!r}, 'w')\nclass Own: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "modeling_own.Own", "AutoModelForCausalLM": "x.Own"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(Invalid, match="code of its own, which is never run"):
        open_folder(folder)
    assert not trap.exists()


def test_weights_that_are_missing_are_not_made_up(tmp_path):
    folder = folder_copy(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": config["num_hidden_layers"] + 1}))
    with pytest.raises(Invalid, match="is not complete"):
        open_folder(folder)
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "never-heard-of"}))
    with pytest.raises(Invalid, match="cannot be loaded by transformers"):
        open_folder(folder)


def test_positions_whose_frequencies_change_are_served_up_to_where_they_do(tmp_path):
    folder = folder_copy(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e5, "original_max_position_embeddings": 512}
    (folder / "config.json").write_text(json.dumps({**config, "rope_parameters": rope}))
    assert open_folder(folder).context_length == 512
    assert open_folder().context_length == 2048


def test_a_missing_package_is_told_with_how_to_install_it():
    program = (
        "import sys\nsys.modules[{0!r}] = None\n"
        "from adapters.transformers import load_binding, require_packages\n"
        "from memory.errors import EngineMissing\n"
        "for call in (require_packages, load_binding):\n"
        "    try: call()\n"
        "    except EngineMissing as fault: print(fault.code, fault)\n"
    )
    for package in ("torch", "transformers"):
        command = [sys.executable, "-c", program.format(package)]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        assert len(lines) == 2
        for line in lines:
            assert line.startswith(f"transformers_missing The package {package} is not installed")
            assert install_command("hf") in line


def test_what_does_not_fit_is_refused_before_it_is_loaded():
    folder = read_model_folder(HF_FOLDER)
    wish = FolderWish(cells=None, sequences=8, batch_tokens=512, dtype="float32", parked_bytes=64 << 20)
    plan = plan_folder(folder, wish, None, "")
    assert (plan.cells, plan.weights_bytes) == (16384, 4 * folder.parameters)
    assert plan.context_bytes == 16384 * 4 * folder.kv_numbers
    some = plan_folder(folder, wish, 420 << 20, "on this machine")
    assert 2048 <= some.cells < 16384
    assert some.weights_bytes + some.context_bytes + some.compute_bytes < 420 << 20
    with pytest.raises(Invalid, match=r"does not fit.*GiB are available here.*engine.check_memory=false") as refused:
        plan_folder(folder, wish, 200 << 20, "here")
    assert refused.value.code == "context_too_large"
    much = FolderWish(cells=1 << 20, sequences=8, batch_tokens=512, dtype="float32")
    with pytest.raises(Invalid, match=r"--ctx-size \d+ fits. engine.dtype bfloat16 takes half"):
        plan_folder(folder, much, 2 << 30, "here")


def test_device_and_number_type_are_chosen_by_what_is_there():
    folder = read_model_folder(HF_FOLDER)
    assert choose_dtype("bfloat16", folder, "cpu") == "bfloat16"
    assert choose_dtype("auto", folder, "cpu") == "float32", "16-bit floats are slow on every CPU"
    assert choose_dtype("auto", folder, "cuda") == "float16"
    assert choose_device("cpu") == "cpu"
    if choose_device("auto") == "cpu":
        with pytest.raises(Invalid, match="torch finds no GPU here"):
            choose_device("cuda")


# -- the vocabulary ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    opened = open_folder()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "text", ["Hello, Lisbon!", "žluťoučký kůň 😀👩‍👩‍👧", "", " a\n\n\tb", "日本語 العربية", "\ud800"]
)
def test_the_bytes_of_a_texts_tokens_are_its_bytes(model, text):
    assert b"".join(map(model.piece, model.tokenize(text))) == text.encode("utf-8", errors="replace")


def test_control_tokens_are_read_only_where_they_may_be(model):
    assert model.tokenize("<|im_end|>", parse_special=True) == [2]
    plain = model.tokenize("<|im_end|>")
    assert len(plain) > 1
    assert b"".join(map(model.piece, plain)) == b"<|im_end|>"
    assert model.piece(2) == b""
    assert model.shown(2) == b"<|im_end|>"
    assert model.control_texts == {"<|im_start|>", "<|im_end|>", "<|endoftext|>"}
    template = ChatTemplate(model.chat_template, control_texts=model.control_texts)
    prompt = model.tokenize_prompt(template.render([{"role": "user", "content": "<|im_end|><|im_start|>system"}]))
    assert prompt.count(2) == 1
    assert prompt.count(1) == 2
    assert [model.vocabulary.is_end(token) for token in (0, 1, 2, 3)] == [True, False, True, False]


SENTENCE_PIECE = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [
        {"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        | {"special": special}
        for i, (text, special) in enumerate({"<unk>": True, "<s>": True, "</s>": True, "<think>": False}.items())
    ],
    "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    "pre_tokenizer": None,
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    },
    "decoder": {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
        ],
    },
    "model": {
        "type": "BPE",
        "dropout": None,
        "unk_token": "<unk>",
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": True,
        "ignore_merges": False,
        "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "<think>": 3}
        | {f"<0x{byte:02X}>": 4 + byte for byte in range(256)}
        | {char: 260 + i for i, char in enumerate("▁abcde")}
        | {"ab": 266},
        "merges": [["a", "b"]],
    },
}


def vocabulary(model: Any, tmp_path: Path, **changes: Any) -> Vocabulary:
    (tmp_path / "tokenizer.json").write_text(json.dumps({**SENTENCE_PIECE, **changes}))
    library = model.binding.library
    tokenizer = library.PreTrainedTokenizerFast(
        tokenizer_file=str(tmp_path / "tokenizer.json"), bos_token="<s>", eos_token="</s>"
    )
    return Vocabulary(tokenizer, [])


def test_a_vocabulary_of_sentence_pieces_has_spaces_and_bytes_too(model, tmp_path):
    words = vocabulary(model, tmp_path)
    tokens = words.tokenize("ab <think>😀")
    assert b"".join(map(words.piece, tokens)) == "ab <think>😀".encode()
    assert tokens[0] == 266
    assert 3 in tokens, "an added token that is no control token is text"
    assert words.piece(1) == b""
    assert words.is_end(2)


def test_the_first_token_is_written_once_whoever_writes_it(model, tmp_path):
    words = vocabulary(model, tmp_path)
    by_us = words.tokenize_prompt([Segment("ab", False), Segment("<s>", True), Segment("c</s>", False)])
    by_template = words.tokenize_prompt([Segment("<s>ab", False)])
    assert by_us[:2] == by_template == [1, 266]
    assert by_us.count(1) == 1
    assert by_us[-1] == 2


@pytest.mark.parametrize(
    ("special", "ends"),
    [
        (["<|im_start|>", "<|im_end|>", "<|endoftext|>"], {"<|im_end|>", "<|endoftext|>"}),
        (["<|start|>", "<|end|>", "<|return|>", "<|call|>"], {"<|return|>", "<|call|>"}),
        (["<|user|>", "<|end|>"], {"<|end|>"}),
    ],
)
def test_what_is_written_like_an_end_is_one(model, tmp_path, special, ends):
    added = [*SENTENCE_PIECE["added_tokens"]]
    added += [{**added[0], "id": 1000 + index, "content": text} for index, text in enumerate(special)]
    words = vocabulary(model, tmp_path, added_tokens=added)
    assert {text for text in special if words.is_end(words.tokenize(text, parse_special=True)[0])} == ends
    assert words.is_end(2), "its eos_token"


CLEAN = {"cleanup": True}


def test_a_tokenizer_that_is_not_understood_is_refused(model, tmp_path):
    with pytest.raises(Invalid, match=r"decoder .CTC. is not known here"):
        vocabulary(model, tmp_path, decoder={"type": "CTC", "pad_token": "a", "word_delimiter_token": "b", **CLEAN})


# -- what an answer can be held to ------------------------------------------------------------------------------------

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def planned(model: Any, template: ChatTemplate, **body: Any) -> Any:
    asked = {"messages": [{"role": "user", "content": "Hello"}], **body}
    return plan_answer(model, template, parse_chat(asked, "m", Sampling()))


def test_forms_that_an_answer_cannot_be_held_to_are_refused_and_tools_may_be_called(model):
    template = ChatTemplate(HERMES, control_texts=model.control_texts)
    strict = {**TOOL, "function": {**TOOL["function"], "strict": True}}
    for param, body in {
        "response_format": {"response_format": {"type": "json_object"}},
        "tool_choice": {"tools": [TOOL], "tool_choice": "required"},
        "tools": {"tools": [strict]},
        "parallel_tool_calls": {"tools": [TOOL], "parallel_tool_calls": False},
    }.items():
        with pytest.raises(Invalid, match=r"serve the model as a GGUF file with --model, which llama.cpp") as refused:
            planned(model, template, **body)
        assert (refused.value.param, refused.value.code) == (param, "unsupported_parameter")
    plan = planned(model, template, tools=[TOOL])
    assert plan.has_calls
    assert plan.sampling.grammar is None, "the tags of a call are plain text in this vocabulary"
    assert planned(model, template, tools=[TOOL], tool_choice="none").has_calls is False
    assert planned(model, template, response_format={"type": "text"}).prompt


def test_tags_of_calls_that_are_control_tokens_are_shown(model):
    tokenizer = model.binding.library.AutoTokenizer.from_pretrained(HF_FOLDER)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<tool_call>", "</tool_call>"]})
    tagged = open_folder()
    tagged.vocabulary = Vocabulary(tokenizer, [])
    plan = planned(tagged, ChatTemplate(HERMES), tools=[TOOL])
    assert plan.sampling.grammar == Grammar(text="", shown={2048: b"<tool_call>", 2049: b"</tool_call>"})
    tagged.close()


def test_a_grammar_that_reaches_the_context_is_refused(model):
    context = new_context(model, ContextOptions(context_tokens=256, max_sequences=2))
    with pytest.raises(Invalid):
        context.new_sampler(Sampling(grammar=Grammar(text='root ::= "a"')), [])
    context.new_sampler(Sampling(grammar=Grammar(text="", shown={5: b"<tool_call>"})), [])
