"""The nets: generators, discriminator, and the layers that they share.

A backbone is one file here with a literal BACKBONE and a function `build` (agad/spec/catalogue.py).
"""
