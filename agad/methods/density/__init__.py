"""Comparison methods of Tables 1 and 2 that model the density of normals, or of their codes, and what borders on it."""
