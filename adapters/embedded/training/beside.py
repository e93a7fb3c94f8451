"""The shipped safetensors in, the share of questions that transformers answers right out.

Law: transformers' own model and tokenizer, nothing of the training's network.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoTokenizer, Qwen3ForCausalLM  # pyright: ignore[reportAttributeAccessIssue]

from adapters.embedded.corpus.cells import Question


class TransformersReader:
    """The model as transformers loads it, in f32."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.no_grad()
    def share_right(self, questions: Sequence[Question]) -> float:
        """Return the share answered right: the expected answer is the greedy one at each of its tokens."""
        return sum(self._right(question) for question in questions) / len(questions)

    def _right(self, question: Question) -> bool:
        text = self._tokenizer.apply_chat_template(question.messages, tokenize=False, add_generation_prompt=True)
        prompt = self._ids(text)
        answer = self._ids(question.expected + self._tokenizer.eos_token)
        ids = torch.tensor([prompt + answer])
        logits = self._model(ids, logits_to_keep=len(answer) + 1).logits[0, :-1]
        return bool((logits.argmax(-1) == torch.tensor(answer)).all())

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        return ids
