"""Comparison methods that search an image in the latent space of a generator of normals, one in a file."""
