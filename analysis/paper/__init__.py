"""The paper: its printed numbers, and which row of it a table row of ours stands beside."""
