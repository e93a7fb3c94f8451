"""The text that the embedded model learns from: phrasings, words, and chats generated out of them."""
