"""The model that ships with the package: its path, its name and what it is."""

from pathlib import Path
from typing import Final

MODEL_ID: Final = "memos-tiny"
DESCRIPTION: Final = (
    "A 3.3 M-parameter demonstration model: it reads the memories in its context and knows nothing else."
)
DEFAULT_MAX_TOKENS: Final = 192  #: its answers are a sentence or two; what goes on for longer repeats itself
DEFAULT_TEMPERATURE: Final = 0.0  #: it was trained to copy; drawing at random only makes it misspell


def gguf_path() -> Path:
    """Return the path of the model's GGUF file (f16, 7 MB, 2048 tokens of context, ChatML)."""
    return Path(__file__).with_name("model.gguf")
