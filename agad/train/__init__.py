"""Training: from a spec, or a checkpoint, to a row."""
