"""The script that makes the ranker that ships: a tool of development."""
