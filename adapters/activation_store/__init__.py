"""Computed token prefixes in, the longest one that a prompt begins with out: kept in memory and in files."""
