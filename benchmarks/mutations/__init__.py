"""Damaged files of results folders and caches, and what the commands make of them."""
