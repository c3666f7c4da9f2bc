"""Benchmarks: commands that measure."""
