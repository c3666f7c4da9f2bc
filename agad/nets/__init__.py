"""The nets: generators, discriminator, batch norm with a mode."""
