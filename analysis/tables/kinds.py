"""Kinds of columns and lines of a table."""

KEY, OURS, PAPER, NOTE = "key", "ours", "paper", "note"
"""What a column or a line holds: what it is about, numbers of ours, numbers of the paper, words."""

CHECK = "✓"
"""A mark that is never left out as a repetition of the line above."""
