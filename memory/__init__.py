"""The memory system: values, contracts and the stations of a turn.

It imports no HTTP, no engine and nothing above it.
"""
