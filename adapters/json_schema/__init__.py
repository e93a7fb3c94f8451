"""JSON Schema in, llama.cpp's grammar language out."""
