"""Generated chats in, a byte-level BPE tokenizer out; a conversation in, the token ids that the model is given out.

Law: what is encoded here is byte for byte what the chat template writes.
"""

from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from adapters.embedded.corpus.chats import Chat, Chats
from adapters.embedded.corpus.vocabulary import Vocabulary

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
_TOKENIZER_CHATS = 12_000


def trained_tokenizer(vocabulary_size: int, seed: int) -> Tokenizer:
    """Return a tokenizer learnt from generated chats: byte-level BPE with GPT-2's split of words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[END_OF_TEXT, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(seed), trainer)
    return tokenizer


def load_tokenizer(path: Path) -> Tokenizer:
    """Return a saved tokenizer."""
    return Tokenizer.from_file(str(path))


def pieces_of(tokenizer: Tokenizer) -> tuple[list[str], list[str]]:
    """Return the tokenizer's word-initial and inner pieces, in lower case, to splice words from."""
    vocabulary = [piece for piece in tokenizer.get_vocab() if piece.isprintable()]
    initial = sorted({p[1:].lower() for p in vocabulary if p[0] == "\u0120" and p[1:].isascii() and p[1:].isalpha()})
    inner = sorted(p for p in vocabulary if p.isascii() and p.isalpha() and p.islower() and len(p) > 1)
    return [piece for piece in initial if len(piece) > 1], inner


def encode_chat(tokenizer: Tokenizer, chat: Chat) -> tuple[list[int], list[bool]]:
    """Return token ids and, for each, whether it is learnt: answers and the mark that ends them."""
    ids: list[int] = []
    learnt: list[bool] = []
    parts: list[tuple[str, bool]] = []
    before = f"{START}system\n{chat.system}{END}\n" if chat.system else ""
    for turn in chat.turns:
        parts.append((f"{before}{START}user\n{turn.user}{END}\n{START}assistant\n", False))
        parts.append((turn.assistant + END, turn.learnt))
        before = "\n"
    encoded = tokenizer.encode_batch_fast([text for text, _ in parts], add_special_tokens=False)
    for (_, wanted), encoding in zip(parts, encoded, strict=True):
        ids += encoding.ids
        learnt += [wanted] * len(encoding.ids)
    return ids, learnt


def _texts(seed: int) -> Iterator[str]:
    chats = Chats(Vocabulary(seed))
    for _ in range(_TOKENIZER_CHATS):
        chat = chats.chat(chats.words.random.randint(0, 10), 5)
        yield chat.system
        for turn in chat.turns:
            yield turn.user
            yield turn.assistant
