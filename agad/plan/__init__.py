"""What is to be run: grids, the plans made of them, and the values that a study found. No torch, no pyarrow."""
