"""The paper: its printed numbers, and which of its rows a table row of ours is compared with."""
