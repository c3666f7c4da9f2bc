"""Tensors: the device that they are on, images as tensors, random numbers, files."""
