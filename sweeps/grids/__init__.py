"""The named grids."""
