"""Training the embedded model that a newer line wins: which lines are marked, and that the mark reaches the layers."""

import re

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from adapters.embedded import gguf_path  # noqa: E402
from adapters.embedded.corpus.chats import Chat, Chats, Turn  # noqa: E402
from adapters.embedded.corpus.vocabulary import Vocabulary  # noqa: E402
from adapters.embedded.training.batches import Batches, Example, collate  # noqa: E402
from adapters.embedded.training.network import Reader, Shape  # noqa: E402
from adapters.embedded.training.supersession import Supersession, marks  # noqa: E402
from adapters.embedded.training.tokenizer import encode_chat, load_tokenizer  # noqa: E402

TOKENIZER = load_tokenizer(gguf_path().parent / "tokenizer.json")
SEEDS = st.integers(min_value=0, max_value=10_000)
LINE = re.compile(r"^- \d{4}-\d\d-\d\d: ", re.MULTILINE)
OSLO, TEA, PORTO = (
    "- 2024-01-01: The user lives in Oslo.",
    "- 2024-01-02: The user likes tea.",
    "- 2024-01-03: The user lives in Porto.",
)


def encoded(chat: Chat) -> Example:
    ids, learnt = encode_chat(TOKENIZER, chat)
    return Example(ids, learnt, marks(TOKENIZER, ids, learnt, chat.newer))


def test_the_second_half_of_each_memory_line_is_marked_and_no_line_of_an_answer():
    listed = "This is what I know about you:\n- You like tea.\n- You live in Porto."
    chat = Chat(f"Be kind.\n{OSLO}\n{TEA}\n{PORTO}\n", (Turn("What do you know?", listed),), (False, False, True))
    ids, _, found = encoded(chat)
    assert TOKENIZER.decode([ids[at] for at, newer in found if newer]).endswith("lives in Porto.")
    assert TOKENIZER.decode([ids[at] for at, newer in found if not newer]).endswith("likes tea.")
    assert "You" not in TOKENIZER.decode([ids[at] for at, _ in found])


def test_lines_that_come_in_with_a_message_are_marked_too():
    block = f"<memory>\n{PORTO}\n</memory>\n"
    chat = Chat(f"{OSLO}\n{TEA}\n", (Turn(block + "Where do I live?", "You live in Porto."),), (False, False, True))
    ids, _, found = encoded(Chat("Known:\n" + chat.system, chat.turns, chat.newer))
    assert TOKENIZER.decode([ids[at] for at, newer in found if newer]).endswith("Porto.")


def test_a_line_too_few_is_an_error():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        encoded(Chat(f"Known:\n{OSLO}\n{TEA}\n", (Turn("Hello!", "Hello!"),), (False,)))


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(0, 24))
def test_every_memory_line_of_the_training_text_has_its_mark(seed, memories):
    chat = Chats(Vocabulary(seed)).chat(memories, 6)
    prompts = [chat.system, *(turn.user for turn in chat.turns)]
    assert len(chat.newer) == sum(len(LINE.findall(text)) for text in prompts)
    assert {at for at, _ in encoded(chat).marks}.isdisjoint(
        at for at, learnt in enumerate(encoded(chat).learnt) if learnt
    )


class Speechless(Chats):
    """Finds nothing to say, as happens where all that could be asked was asked."""

    def _turn(self, *_: object, **__: object) -> None:
        return None


@settings(deadline=None, max_examples=20)
@given(SEEDS)
def test_what_is_brought_in_is_in_the_text_though_nothing_is_asked(seed):
    chat = Speechless(Vocabulary(seed)).chat(8, 4)
    prompts = [chat.system, *(turn.user for turn in chat.turns)]
    assert len(chat.newer) == sum(len(LINE.findall(text)) for text in prompts)


def test_only_what_contradicts_an_earlier_line_is_newer():
    chats = Chats(Vocabulary(3))
    assert not any(any(chats.chat(12, 3, contradictions=0.0).newer) for _ in range(30))
    assert any(any(chats.chat(12, 3, contradictions=1.0).newer) for _ in range(5))
    assert not any(chats.chat(12, 3, contradictions=1.0).newer[:1] == (True,) for _ in range(30))


def test_marks_of_a_batch_point_into_its_padded_rows():
    long = encoded(Chat(f"Known:\n{OSLO}\n{TEA}\n{PORTO}\n", (Turn("Hi!", "Hello!"),), (False, False, True)))
    short = encoded(Chat(f"Known:\n{TEA}\n", (Turn("Hi!", "Hello!"),), (False,)))
    batch = collate([short, long])
    flat = batch.ids.reshape(-1)
    marked = TOKENIZER.decode(flat[batch.marked[batch.newer == 1]].tolist())
    assert marked.endswith("lives in Porto.")
    assert len(batch.marked) == len(short.marks) + len(long.marks)


def test_the_head_teaches_the_layers_before_it_and_only_these():
    torch.manual_seed(1)
    shape = Shape(hidden=64, feed_forward=64, layers=4, vocabulary=TOKENIZER.get_vocab_size())
    reader, head = Reader(shape), Supersession(shape)
    torch.nn.init.normal_(head.seen.weight)
    batch = Batches(TOKENIZER, 1).pool(0, 0.9, 512)[0]
    _, states = reader.read(batch.ids, batch.wanted)
    head.loss(states, batch.marked, batch.newer).backward()
    taught = [block.mlp.down_proj.weight.grad is not None for block in reader.model.blocks]
    assert taught == [True, True, False, False]


def test_a_batch_without_marks_costs_nothing_and_has_a_gradient_all_the_same():
    shape = Shape(hidden=64, vocabulary=300)
    head = Supersession(shape)
    none = torch.zeros(0)
    loss = head.loss(torch.ones(1, 4, 64), none.long(), none)
    loss.backward()
    assert loss.item() == 0
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_the_head_learns_what_its_states_show():
    torch.manual_seed(1)
    shape = Shape(hidden=64, vocabulary=300)
    head = Supersession(shape)
    states, newer = torch.randn(1, 200, 64), (torch.arange(200) % 2).float()
    states[0, :, 0] = 6 * newer - 3
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.05)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = head.loss(states, torch.arange(200), newer)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(0.693, abs=0.01)
    assert losses[-1] < 0.1
