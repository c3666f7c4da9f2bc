"""Grids, plans and workers: which runs, in which order, and where they are made. Computes no number."""
