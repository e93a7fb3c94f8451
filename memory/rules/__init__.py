"""What plain English says, read by rules: facts, wishes to forget, corrections, times.

No station and no store is known here.
"""
