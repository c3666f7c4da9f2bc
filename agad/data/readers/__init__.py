"""Readers: one file for each kind of raw data."""
