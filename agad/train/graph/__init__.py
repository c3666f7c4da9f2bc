"""The update on a GPU: captured once a run as a CUDA graph and replayed, and how many runs to advance at once."""
