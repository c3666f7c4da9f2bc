"""Tensors: devices, images on a device, random generators, files."""
