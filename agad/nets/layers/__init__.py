"""Layers that the nets share."""
