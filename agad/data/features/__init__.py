"""Vectors of a data set's images from a file of the user's own: features=file:NAME."""
