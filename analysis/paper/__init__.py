"""The paper's tables: its numbers, and which of our rows stand beside them."""
